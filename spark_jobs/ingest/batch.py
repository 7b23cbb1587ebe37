"""The steps around a batch that goes to a bronze table: planned, written to a branch, published, recorded."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from catalog.model import Table
from catalog.tables.ops import QUARANTINE
from lakehouse import tables
from lakehouse.control import FOLDER, Control, new_id, now
from lakehouse.events import Parent
from lakehouse.outages import explained
from lakehouse.settings import Settings
from spark_jobs.report import reported, settled
from spark_jobs.runner import Observer, branch_name, give_up, recover

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class Batch:
    """One landing under way; `base` is the table's snapshot that it adds to."""

    session: "SparkSession"
    control: Control
    table: Table
    batch_id: str
    arrived_at: datetime
    base: tables.Snapshot | None
    observe: Observer

    @property
    def branch(self) -> str:
        """Where the rows stand until they are published."""
        return branch_name(self.batch_id)

    def write(self, rows: "DataFrame") -> int:
        """Append to a branch in one commit; returns how many rows Iceberg counted. Killed here: a stray branch."""
        self.observe(self.table.name, "write")
        tables.make_branch(self.session, self.table, self.branch, self.base.id if self.base else None)
        tables.append(rows, self.table, self.branch, {tables.RUN_ID: self.batch_id, tables.RUN_KEY: self.batch_id})
        head = tables.current(self.session, self.table, self.branch)
        is_new = head is not None and (self.base is None or head.id != self.base.id)
        return int(head.summary.get("added-records", 0)) if head and is_new else 0

    def publish(self, counts: Iterable[Mapping[str, Any]], landed: Iterable[Mapping[str, Any]] = ()) -> None:
        """Record the counts and the files that landed, let readers see the rows, and mark the run.

        Killed between: the next one completes it.
        """
        self.control.finish(self.batch_id, "publishing", counts=list(counts), landed=list(landed))
        self.observe(self.table.name, "publish")
        snapshot = tables.publish(self.session, self.table, self.branch, self.base.id if self.base else None)
        self.observe(self.table.name, "record")
        self.control.publish(self.batch_id, snapshot)

    def nothing(self) -> None:
        """Record that there was nothing to land; the table stays as it is."""
        tables.drop_branch(self.session, self.table, self.branch)
        self.control.finish(self.batch_id, "unchanged")


def clear_up(session: "SparkSession", control: Control, settings: Settings, table: Table) -> None:
    """Make the tables that a landing needs, and bring what a killed one left behind into line."""
    tables.ensure(session, table)
    tables.ensure(session, QUARANTINE)
    settled(control, settings, recover(session, control, table), table)


def folders(files: Iterable[str]) -> dict[str, int | None]:
    """What a landing of files says that it read: their folders. A file's own name may say whose it is."""
    found = {str(PurePath(name).parent) for name in files if name.startswith("/")}
    return {f"{FOLDER}:{folder}": None for folder in sorted(found)}


@contextmanager
def batch(
    session: "SparkSession",
    control: Control,
    settings: Settings,
    table: Table,
    run: Mapping[str, str],
    inputs: Mapping[str, int | None],
    observe: Observer,
    parent: Parent | None = None,
) -> Iterator[Batch]:
    """A batch with its record in the control database (`job`, `basis` and `mode` are given); undone on failure."""
    observe(table.name, "plan")
    base = tables.current(session, table)
    made = Batch(session, control, table, new_id(), datetime.now(UTC), base, observe)
    own = {"run_id": made.batch_id, "run_key": made.batch_id, "table_name": table.name, "as_of": ""}
    control.plan({**run, **own, "base_snapshot_id": base.id if base else None, "started_at": now()}, inputs)
    try:
        names = (table.name, QUARANTINE.name)
        with reported(control, settings, made.batch_id, table, parent), explained(settings, *names):
            yield made
    except BaseException as error:
        give_up(session, control, settings, table, made.batch_id, error)
        raise
