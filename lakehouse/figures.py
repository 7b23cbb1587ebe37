"""Figures of a table's files and metadata, read through PyIceberg: looking needs no JVM and changes nothing."""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from catalog.model import Table
from lakehouse.profile import iceberg_catalog
from lakehouse.settings import Settings
from lakehouse.upkeep import Figures, Partition, Ref, SnapshotFigures, day_column

if TYPE_CHECKING:
    from pyiceberg.table import Table as LiveTable

_SMALL = 0.75  # of the target size, as rewrite_data_files has it
_EPOCH = date(1970, 1, 1)
When = Callable[[int], datetime]
"""From a commit's milliseconds since 1970 to its instant; only a simulation of days has its own."""


def committed_at(milliseconds: int) -> datetime:
    """The instant in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def look(settings: Settings, table: Table, when: When = committed_at) -> Figures | None:
    """The table's figures, or None if it was not created yet."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        live = iceberg_catalog(settings).load_table(table.name)
    except NoSuchTableError:
        return None
    manifests, partitions = _files(live, day_column(table))
    versions = [live.metadata_location, *(entry.metadata_file for entry in live.metadata.metadata_log)]
    return Figures(
        partitions=partitions,
        manifests=manifests,
        snapshots=tuple(_snapshot(s, when) for s in live.metadata.snapshots),
        refs=tuple(_ref(name, ref) for name, ref in live.metadata.refs.items()),
        metadata_versions=len(versions),
        metadata_bytes=sum(_size(live, place) for place in versions),
        is_folding=_day_field(live, live.metadata.default_spec_id, day_column(table)) is None
        and day_column(table) is not None,
    )


def _files(live: "LiveTable", day: str | None) -> tuple[int, tuple[Partition, ...]]:
    from pyiceberg.manifest import DataFileContent

    head = live.current_snapshot()
    if head is None:
        return 0, ()
    target = int(live.properties.get("write.target-file-size-bytes", 512 << 20))
    fields = {spec: _day_field(live, spec, day) for spec in live.specs()}
    found: dict[Any, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    manifests = head.manifests(live.io)
    for manifest in manifests:
        for entry in manifest.fetch_manifest_entry(live.io, discard_deleted=True):
            file = entry.data_file
            values = tuple(file.partition[i] for i in range(len(file.partition)))
            sums = found[manifest.partition_spec_id, values]
            sums["bytes"] += file.file_size_in_bytes
            if file.content is not DataFileContent.DATA:
                sums["delete_files"] += 1
                sums["deleted_rows"] += file.record_count
                continue
            sums["data_files"] += 1
            sums["rows"] += file.record_count
            sums["small_files"] += file.file_size_in_bytes < _SMALL * target
            place = fields[manifest.partition_spec_id]
            if place is not None:
                sums["day"] = _as_day(file.partition[place])
    return len(manifests), tuple(Partition(**{"day": None, **sums}) for sums in found.values())


def _day_field(live: "LiveTable", spec_id: int, day: str | None) -> int | None:
    """Where in the partition's values the day stands; None if that layout has no day."""
    if day is None:
        return None
    column = live.schema().find_field(day).field_id
    fields = enumerate(live.specs()[spec_id].fields)
    return next((i for i, f in fields if f.source_id == column and str(f.transform) == "identity"), None)


def _as_day(value: Any) -> date | None:
    return _EPOCH + timedelta(days=value) if isinstance(value, int) else value


def _snapshot(snapshot: Any, when: When) -> SnapshotFigures:
    operation = snapshot.summary.operation.value if snapshot.summary else "append"
    at = when(snapshot.timestamp_ms)
    return SnapshotFigures(snapshot.snapshot_id, snapshot.parent_snapshot_id, at, operation == "replace")


def _ref(name: str, ref: Any) -> Ref:
    keep = timedelta(milliseconds=ref.max_ref_age_ms) if ref.max_ref_age_ms is not None else None
    return Ref(name, ref.snapshot_ref_type.value == "branch", ref.snapshot_id, keep)


def _size(live: "LiveTable", place: str) -> int:
    try:
        return len(live.io.new_input(place))
    except FileNotFoundError:
        return 0
