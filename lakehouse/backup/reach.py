"""Which files a table's metadata reaches: those of every snapshot that it keeps, so of every branch and tag, too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse.errors import EnvironmentFailed


@dataclass(frozen=True)
class Reach:
    """A table's files by location, and what its head holds.

    `history` are earlier metadata files: commits may take the oldest away at any time, and nothing misses them.
    """

    files: Mapping[str, int | None]
    history: tuple[str, ...]
    snapshot_id: int | None
    rows: int
    deleted_rows: int
    data_files: int


def reach(metadata_location: str, properties: Mapping[str, str]) -> Reach:
    """Everything that this version of a table is made of.

    Raises EnvironmentFailed where metadata can't be read.
    """
    from pyiceberg.table import StaticTable

    try:
        table: Any = StaticTable.from_metadata(metadata_location, dict(properties))
        return _walk(metadata_location, table)
    except (OSError, ValueError) as error:
        raise EnvironmentFailed(
            f"The table at {metadata_location} can't be followed to its files ({type(error).__name__}): one of its "
            f"metadata files is missing or damaged."
        ) from error


def _walk(metadata_location: str, table: Any) -> Reach:
    meta = table.metadata
    files: dict[str, int | None] = {metadata_location: None}
    files |= {s.statistics_path: s.file_size_in_bytes for s in (*meta.statistics, *meta.partition_statistics)}
    seen: set[str] = set()
    totals = {"rows": 0, "deleted_rows": 0, "data_files": 0}
    # The head is read last and in full, so that its own rows can be told.
    for snapshot in sorted(meta.snapshots, key=lambda s: s.snapshot_id == meta.current_snapshot_id):
        is_head = snapshot.snapshot_id == meta.current_snapshot_id
        files[snapshot.manifest_list] = None
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path in seen and not is_head:
                continue
            seen.add(manifest.manifest_path)
            files[manifest.manifest_path] = manifest.manifest_length
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                files[entry.data_file.file_path] = entry.data_file.file_size_in_bytes
                if is_head:
                    _count(entry.data_file, totals)
    history = tuple(entry.metadata_file for entry in meta.metadata_log)
    return Reach(files, history, meta.current_snapshot_id, **totals)


def _count(file: Any, totals: dict[str, int]) -> None:
    from pyiceberg.manifest import DataFileContent

    if file.content is DataFileContent.DATA:
        totals["rows"] += file.record_count
        totals["data_files"] += 1
    else:
        totals["deleted_rows"] += file.record_count
