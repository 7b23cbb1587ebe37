"""A published table as a Delta table in a folder, for those who read Delta: one commit, stamped with the snapshot.

Killed before that commit: the folder's readers see what they saw before; files without a version in the log wait for
Delta's VACUUM. Killed after it: the next export finds the stamp and has nothing to do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.derive.ddl import column_comment
from catalog.model import Column, Table, Tag
from lakehouse import tables
from lakehouse.control import Control, new_id, now
from lakehouse.errors import Conflict, InputError, LakeError
from lakehouse.session import own_session
from spark_jobs.ingest.delta_log import open_delta, readable, stamped_versions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JOB = "export delta"
STAMP = "carelake"
_OWNED = "_carelake.json"  # Delta's VACUUM leaves files alone whose names start with an underscore
_UPKEEP = ("OPTIMIZE", "VACUUM START", "VACUUM END", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES")
_IDENTIFYING = (Tag.IDENTIFYING, Tag.FREE_TEXT, Tag.RAW)
"""Left out unless asked for: names and numbers of people, and texts and records that may hold them."""


@dataclass(frozen=True)
class Export:
    """What an export did: `state` is published or unchanged; `left_out` are columns that identify people."""

    table: str
    path: Path
    state: str
    snapshot_id: int
    delta_version: int
    rows: int
    columns: tuple[str, ...]
    left_out: tuple[str, ...]


def choose_columns(table: Table, wanted: Sequence[str], *, with_identifiers: bool) -> tuple[Column, ...]:
    """The columns to export in declared order; InputError for an unknown one, or one that needs --with-identifiers."""
    unknown = [name for name in wanted if not table.has(name)]
    if unknown:
        raise InputError(
            f"{table.name} has no column {', '.join(unknown)}; `lake tables {table.name}` shows what it has."
        )
    chosen = [c for c in table.columns if not wanted or c.name in wanted]
    if with_identifiers:
        return tuple(chosen)
    held = [c.name for c in chosen if c.tag in _IDENTIFYING]
    if wanted and held:
        raise InputError(
            f"{', '.join(held)} can identify people; add --with-identifiers if whoever gets the export may have them."
        )
    return tuple(c for c in chosen if c.name not in held)


def export(
    spark: "SparkSession",
    control: Control,
    table: Table,
    path: str,
    wanted: Sequence[str] = (),
    *,
    with_identifiers: bool = False,
) -> Export:
    """Write the live rows of the table's published snapshot; unchanged if the folder holds just these already.

    Raises InputError for a folder with other content, Conflict if someone else wrote to the exported table.
    """
    columns = choose_columns(table, wanted, with_identifiers=with_identifiers)
    if table.schema_name not in ("silver", "gold"):
        raise InputError(f"{table.name} is not for sharing: only silver and gold tables are exported.")
    session = own_session(spark)
    snapshot = tables.current(session, table) if tables.exists(session, table) else None
    if snapshot is None:
        raise InputError(f"{table.name} has no published rows yet; `lake run {table.name}` makes them.")
    names = tuple(c.name for c in columns)
    stamp = {"table": table.name, "snapshot_id": snapshot.id, "columns": list(names)}
    folder = _own_folder(path, table)
    left_out = tuple(c.name for c in table.columns if c.tag in _IDENTIFYING and c.name not in names)
    run_id = _begin(control, table, folder, snapshot.id, json.dumps(stamp))
    try:
        rows = _live_rows(session, table, columns, snapshot.id)
        count = rows.count()
        version = _version_with(session, folder, stamp)
        state = "unchanged" if version is not None and _count(session, folder, version) == count else "published"
        if state == "published":
            version = _write(session, rows, folder, stamp)
            if _count(session, folder, version) != count:
                raise LakeError(f"{count} rows were to be exported, but {folder} has others; export it again.")
    except BaseException as error:
        control.finish(run_id, "failed", message=type(error).__name__)
        raise
    control.finish(run_id, state, live_rows=count)
    assert version is not None
    return Export(table.name, folder, state, snapshot.id, version, count, names, left_out)


def _own_folder(path: str, table: Table) -> Path:
    """The folder, marked as this table's export; InputError if it holds anything else."""
    if "://" in path:
        raise InputError("An export goes to a folder of this machine, not to a URL; copy it from there.")
    folder = Path(path).expanduser().absolute()
    marker = folder / _OWNED
    if marker.is_file():
        owner = json.loads(marker.read_bytes()).get("table")
        if owner != table.name:
            raise InputError(f"{folder} is an export of {owner}; export {table.name} to a folder of its own.")
        return folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty and no export of {table.name}; name a new or empty folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps({"table": table.name}) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} can't be written ({error.strerror}); name another folder.") from error
    return folder


def _version_with(session: "SparkSession", folder: Path, stamp: dict[str, Any]) -> int | None:
    """The Delta version that holds just what the stamp says, if it is the newest; Conflict if others wrote to it."""
    if not any((folder / "_delta_log").glob("*.json")):
        return None
    for version, operation, said in stamped_versions(session, open_delta(session, str(folder))):
        if operation in _UPKEEP:
            continue
        found = _stamp_of(said)
        if found is None:
            raise Conflict(f"Someone else wrote to {folder} (Delta version {version}); export to another folder.")
        return version if found == stamp else None
    return None


def _stamp_of(said: str | None) -> Any:
    try:
        return json.loads(said or "{}").get(STAMP)
    except (ValueError, AttributeError):
        return None


def _live_rows(session: "SparkSession", table: Table, columns: Sequence[Column], snapshot_id: int) -> "DataFrame":
    from pyspark.sql import functions as F

    rows = tables.read(session, table, snapshot_id)
    if table.has("is_deleted"):
        rows = rows.where("not is_deleted")
    return rows.select(*(F.col(c.name).alias(c.name, metadata={"comment": column_comment(c)}) for c in columns))


def _write(session: "SparkSession", rows: "DataFrame", folder: Path, stamp: dict[str, Any]) -> int:
    """Replace what the folder holds in one Delta commit; returns its version."""
    with readable(folder):
        writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer.option("userMetadata", json.dumps({STAMP: stamp})).save(str(folder))
    return open_delta(session, str(folder)).version


def _count(session: "SparkSession", folder: Path, version: int) -> int:
    return session.read.format("delta").option("versionAsOf", version).load(str(folder)).count()


def _begin(control: Control, table: Table, folder: Path, snapshot_id: int, basis: str) -> str:
    """What is shared with whom is on record: a run of its own, whose table is the folder."""
    for killed in control.unfinished(f"delta:{folder}"):
        control.finish(killed, "interrupted", message="The process ended before the export did.")
    run = {
        "run_id": new_id(),
        "job": JOB,
        "table_name": f"delta:{folder}",
        "basis": basis,
        "mode": "export",
        "as_of": "",
        "base_snapshot_id": None,
        "started_at": now(),
    }
    control.plan({**run, "run_key": run["run_id"]}, {table.name: snapshot_id})
    return str(run["run_id"])
