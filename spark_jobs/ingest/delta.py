"""Foreign Delta tables to `bronze.delta_row`: the newest version first, then only what later versions changed.

A Delta table has no key, so a row is its content: an update is a row that went and one that came. Rows that came minus
rows that went are the table, and each landing is held against Delta's own number of rows before it is published.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from catalog.model import Table
from catalog.tables.bronze import DELTA_ROW
from lakehouse import tables
from lakehouse.control import Control, run_inputs, runs
from lakehouse.errors import InputError, LakeError
from lakehouse.events import Parent
from lakehouse.session import own_session
from lakehouse.settings import Settings
from spark_jobs.ingest.batch import Batch, batch, clear_up
from spark_jobs.ingest.delta_changes import Source, changes, input_name, landed_of, new_columns, sign
from spark_jobs.ingest.delta_log import Way, commits, open_delta, read_version, readable, way_of
from spark_jobs.runner import Observer, silent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@dataclass(frozen=True)
class DeltaLanding:
    """What a landing did: rows by version and kind of change; `way` is None if this version landed before."""

    source: str
    version: int
    after: int | None
    way: Way | None
    batch_id: str | None = None
    rows: Mapping[tuple[int, str], int] = field(default_factory=dict)
    table_rows: int | None = None
    columns: tuple[str, ...] = ()

    @property
    def landed(self) -> int:
        """Rows in all."""
        return sum(self.rows.values())


def find_source(session: "SparkSession", control: Control, target: Table, path: str, name: str | None) -> Source:
    """The Delta table in that folder and what is new in it; InputError if it is not what landed under this name."""
    table = open_delta(session, path)
    name = name or str(table.path)
    last = _last_landed(control, name, target)
    if last is None:
        return Source(name, table, None, Way.SNAPSHOT)
    after, table_id = last
    if table_id != table.table_id:
        raise InputError(
            f"{table.path} is another Delta table than the one that landed as {name} before (its id differs); "
            f"land it under a name of its own with --name."
        )
    if table.version < after:
        raise InputError(
            f"{table.path} is at version {table.version}, but version {after} landed before: it was put back to an "
            f"earlier state; land it under a new name with --name."
        )
    found = commits(table, after)
    return Source(name, table, after, way_of(table, found), tuple(found or ()))


def _last_landed(control: Control, name: str, target: Table) -> tuple[int, str] | None:
    query = (
        sa.select(run_inputs.c.snapshot_id, runs.c.basis)
        .join(runs, runs.c.run_id == run_inputs.c.run_id)
        .where(run_inputs.c.table_name == input_name(name), runs.c.table_name == target.name)
        .where(runs.c.state.in_(("published", "unchanged")))
        .order_by(runs.c.run_id.desc())
        .limit(1)
    )
    rows = control.select(query)
    return (rows[0]["snapshot_id"], rows[0]["basis"]) if rows else None


def ingest(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    path: str,
    name: str | None = None,
    *,
    observe: Observer = silent,
    parent: Parent | None = None,
) -> DeltaLanding:
    """Land what is new in the Delta table at `path` in one batch; nothing if its version landed before."""
    from pyspark import StorageLevel

    session = own_session(spark)
    # 1. Plan. What a killed landing left behind is cleared up before the last version is looked for.
    clear_up(session, control, settings, DELTA_ROW)
    source = find_source(session, control, DELTA_ROW, path, name)
    version = source.table.version
    if source.after == version:
        return DeltaLanding(source.name, version, source.after, None)
    added = new_columns(session, source)
    planned = batch(session, control, settings, DELTA_ROW, source.run, source.input, observe, parent)
    with readable(source.table.path), planned as made:
        # 2, 4. Read, and write to a branch in one commit. Delta does not prepare its scans inside the write of another
        # format (deletion vectors would stop it), so the rows are set down first.
        found = changes(session, source, made.base).persist(StorageLevel.DISK_ONLY)
        try:
            written = made.write(_complete(found, source, made))
        finally:
            found.unpersist()
        # 5. Gate: what came minus what went, in all batches, is the table.
        observe(DELTA_ROW.name, "gate")
        rows = _landed(made)
        total = _check(made, source, written, rows)
        if not rows:
            made.nothing()
            return DeltaLanding(source.name, version, source.after, source.way, None, {}, total, added)
        # 6, 7. Publish and record.
        by_version = Counter[int]()
        for (of, _), n in rows.items():
            by_version[of] += n
        made.publish(
            [
                {"batch_id": made.batch_id, "source_file": f"{source.name}@{v}", "status": "landed", "records": n}
                for v, n in sorted(by_version.items())
            ]
        )
    return DeltaLanding(source.name, version, source.after, source.way, made.batch_id, rows, total, added)


def _complete(rows: "DataFrame", source: Source, made: Batch) -> "DataFrame":
    """All columns of `bronze.delta_row` in its order."""
    from pyspark.sql import functions as F

    constants = {
        "source": F.lit(source.name),
        "table_id": F.lit(source.table.table_id),
        "batch_id": F.lit(made.batch_id),
        "arrived_at": F.lit(made.arrived_at),
        "arrived_on": F.lit(made.arrived_at.date()),
    }
    return rows.select(
        *(constants.get(c.name, F.col(c.name)).cast(c.type.spark).alias(c.name) for c in DELTA_ROW.columns)
    )


def _landed(made: Batch) -> dict[tuple[int, str], int]:
    from pyspark.sql import functions as F

    rows = tables.read_branch(made.session, DELTA_ROW, made.branch).where(F.col("batch_id") == made.batch_id)
    counted = rows.groupBy("delta_version", "change_type").count().collect()
    return {(r.delta_version, r.change_type): r["count"] for r in counted}


def _check(made: Batch, source: Source, written: int, rows: Mapping[tuple[int, str], int]) -> int:
    """How many rows the Delta table has; LakeError if the landed rows do not add up to it."""
    from pyspark.sql import functions as F

    wanted = read_version(made.session, source.table).count()
    all_rows = landed_of(tables.read_branch(made.session, DELTA_ROW, made.branch), source)
    total = all_rows.agg(F.coalesce(F.sum(sign()), F.lit(0)).alias("n")).collect()[0].n
    if written != sum(rows.values()) or total != wanted:
        raise LakeError(
            f"The rows do not add up: the Delta table has {wanted} rows at version {source.table.version}, but with "
            f"{written} new ones bronze would have {total}; nothing was landed."
        )
    return wanted
