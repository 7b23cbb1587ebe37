"""Which snapshot of bronze brought records of a resource type last, also when that snapshot has expired.

A job's input is the newest snapshot that brought its type; what came since the last run is what came after the one that
it saw. Upkeep expires old snapshots, so before it does, it writes down in a property of the table what they brought.
Where other tools expired more than that, nothing is known of it, and jobs evaluate everything again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse import tables

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PROPERTY = "carelake.arrivals"
_ANY = "*"  # a commit whose summary does not say what it brought, or one of which nothing is known


@dataclass(frozen=True)
class Arrivals:
    """What main of bronze tells: its snapshots that are left, newest first, and what is written down of earlier ones.

    `before` is by resource type the newest snapshot that brought it, of all that were older than `oldest`.
    """

    snapshots: tuple[tables.Snapshot, ...]
    oldest: int | None = None
    before: Mapping[str, int] = field(default_factory=dict)

    @property
    def head(self) -> int | None:
        """The newest snapshot. Whatever a type's version is, its records are all there, in fewer files."""
        return self.snapshots[0].id if self.snapshots else None

    def newest(self, resource_type: str) -> int | None:
        """The newest snapshot that brought the type, expired or not; None if it never came.

        Where that is not known any more, the newest snapshot of all.
        """
        for snapshot in self.snapshots:
            if snapshot.resource_types is None or resource_type in snapshot.resource_types:
                return snapshot.id
        if not self.snapshots or self.snapshots[-1].parent is None:
            return None
        return self._written(resource_type) if self._is_written else self.head

    def tells_what_came_after(self, resource_type: str, seen: int | None) -> bool:
        """Whether the records of that type that came after the snapshot `seen` can be read by themselves."""
        if seen is None or any(s.id == seen for s in self.snapshots):
            return True
        return self._is_written and self._written(resource_type) == seen

    def start(self, seen: int | None) -> int | None:
        """The snapshot to read from, exclusive, where `tells_what_came_after`: it need not be there itself."""
        if seen is None or any(s.id == seen for s in self.snapshots):
            return seen
        return self.snapshots[-1].parent

    def unread(self, resource_type: str, seen: int | None) -> list[int]:
        """Snapshots that must stay so that a job that saw `seen` can go on from there; none if nothing came since."""
        if seen is None or self.newest(resource_type) == seen or not self.tells_what_came_after(resource_type, seen):
            return []
        ids = [s.id for s in self.snapshots]
        return ids[: ids.index(seen)] if seen in ids else ids

    def to_write(self, oldest: int) -> str:
        """The property's value for the time when `oldest` is the oldest snapshot that is left."""
        ids = [s.id for s in self.snapshots]
        found: dict[str, int] = {}
        for snapshot in self.snapshots[ids.index(oldest) + 1 :]:
            for kind in [_ANY] if snapshot.resource_types is None else snapshot.resource_types:
                found.setdefault(kind, snapshot.id)
            if _ANY in found:
                break
        last = self.snapshots[-1]
        if _ANY not in found and last.parent is not None:
            earlier = self.before if self._is_written else {_ANY: last.parent}
            found = {**earlier, **found}
        return json.dumps({"oldest": oldest, "before": dict(sorted(found.items()))})

    @property
    def _is_written(self) -> bool:
        return bool(self.snapshots) and self.snapshots[-1].id == self.oldest

    def _written(self, resource_type: str) -> int | None:
        return self.before.get(resource_type, self.before.get(_ANY))


def arrivals(spark: "SparkSession") -> Arrivals:
    """As bronze is now."""
    snapshots = tuple(tables.history(spark, FHIR_RESOURCE))
    written = json.loads(tables.load(spark, FHIR_RESOURCE).properties().get(PROPERTY) or "{}")
    return Arrivals(snapshots, written.get("oldest"), written.get("before", {}))
