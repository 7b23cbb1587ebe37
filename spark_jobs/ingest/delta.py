"""Foreign Delta tables to `bronze.delta_row`: the newest version first, then only what later versions changed.

A Delta table has no key, so a row is its content: an update is a row that went and one that came. Rows that came minus
rows that went are the table, and each landing is held against Delta's own number of rows before it is published.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from catalog.model import Table
from catalog.tables.bronze import DELTA_ROW
from lakehouse import tables
from lakehouse.control import Control, run_inputs, runs
from lakehouse.errors import InputError, LakeError
from lakehouse.session import own_session
from spark_jobs.ingest.batch import Batch, batch, clear_up
from spark_jobs.ingest.delta_log import (
    Commit,
    DeltaTable,
    Way,
    commit_times,
    commits,
    file_names,
    open_delta,
    read_version,
    readable,
    way_of,
)
from spark_jobs.runner import Observer, silent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

JOB = "ingest delta"
CAME = ("snapshot", "insert", "update_postimage")
_WENT = ("update_preimage", "delete")
_JSON = {
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",  # Spark's own form ends at milliseconds
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


@dataclass(frozen=True)
class Source:
    """A Delta table as it is landed: under a name, after the version that landed last, by way of its changes."""

    name: str
    table: DeltaTable
    after: int | None
    way: Way
    commits: tuple[Commit, ...] = ()

    @property
    def input(self) -> dict[str, int | None]:
        """What a run says that it read."""
        return {_input_name(self.name): self.table.version}

    @property
    def run(self) -> dict[str, str]:
        """What the run record says besides."""
        return {"job": JOB, "basis": self.table.table_id, "mode": self.way.value}


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


def _input_name(name: str) -> str:
    return f"delta:{name}"


def _last_landed(control: Control, name: str, target: Table) -> tuple[int, str] | None:
    query = (
        sa.select(run_inputs.c.snapshot_id, runs.c.basis)
        .join(runs, runs.c.run_id == run_inputs.c.run_id)
        .where(run_inputs.c.table_name == _input_name(name), runs.c.table_name == target.name)
        .where(runs.c.state.in_(("published", "unchanged")))
        .order_by(runs.c.run_id.desc())
        .limit(1)
    )
    rows = control.select(query)
    return (rows[0]["snapshot_id"], rows[0]["basis"]) if rows else None


def ingest(
    spark: "SparkSession", control: Control, path: str, name: str | None = None, *, observe: Observer = silent
) -> DeltaLanding:
    """Land what is new in the Delta table at `path` in one batch; nothing if its version landed before."""
    session = own_session(spark)
    # 1. Plan. What a killed landing left behind is cleared up before the last version is looked for.
    clear_up(session, control, DELTA_ROW)
    source = find_source(session, control, DELTA_ROW, path, name)
    version = source.table.version
    if source.after == version:
        return DeltaLanding(source.name, version, source.after, None)
    added = new_columns(session, source)
    with readable(source.table.path), batch(session, control, DELTA_ROW, source.run, source.input, observe) as made:
        # 2, 4. Read and write to a branch in one commit.
        written = made.write(_complete(changes(session, source, made.base), source, made))
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


def new_columns(session: "SparkSession", source: Source) -> tuple[str, ...]:
    """Columns that the table did not have when it landed last, as far as its log still says."""
    if source.after is None or not any(c.redefines for c in source.commits):
        return ()
    now = read_version(session, source.table).columns
    before = set(read_version(session, source.table, source.after).columns)
    return tuple(c for c in now if c not in before)


def raw_changes(session: "SparkSession", source: Source) -> "DataFrame":
    """Rows with `_change_type`, `_commit_version` and `_commit_timestamp`, as Delta's change feed has them.

    Not for the comparison, which needs what has landed.
    """
    from pyspark.sql import functions as F

    table = source.table
    if source.way is Way.FEED:
        assert source.after is not None
        feed = session.read.format("delta").option("readChangeFeed", "true")
        versions = feed.option("startingVersion", source.after + 1).option("endingVersion", table.version)
        return versions.load(str(table.path))
    times = commit_times(session, table, table.version - 1 if source.after is None else source.after)
    rows = read_version(session, table)
    if source.way is Way.APPENDED:
        files = [(name, v, times[v]) for name, v in file_names(source.commits)]
        schema = "_file string, _commit_version bigint, _commit_timestamp timestamp"
        added = F.broadcast(session.createDataFrame(files, schema))
        named = rows.withColumn("_file", F.col("_metadata.file_name"))
        return named.join(added, "_file").drop("_file").withColumn("_change_type", F.lit("insert"))
    return rows.select(
        "*",
        F.lit("snapshot").alias("_change_type"),
        F.lit(table.version).cast("bigint").alias("_commit_version"),
        F.lit(times[table.version]).alias("_commit_timestamp"),
    )


def changes(session: "SparkSession", source: Source, base: tables.Snapshot | None) -> "DataFrame":
    """`delta_version`, `committed_at`, `change_type`, `payload`, `payload_sha256`, `occurrence`."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if source.way is Way.COMPARED:
        return _compared(session, source, base)
    own = ("_change_type", "_commit_version", "_commit_timestamp")
    raw = raw_changes(session, source)
    data = [F.col(f"`{c}`") for c in raw.columns if c not in own]
    rows = raw.select(
        F.col("_commit_version").alias("delta_version"),
        F.col("_commit_timestamp").alias("committed_at"),
        F.col("_change_type").alias("change_type"),
        F.to_json(F.struct(*data), _JSON).alias("payload"),
    ).withColumn("payload_sha256", F.sha2("payload", 256))
    alike = Window.partitionBy("payload_sha256", "delta_version", "change_type").orderBy("payload_sha256")
    return rows.withColumn("occurrence", F.row_number().over(alike).cast("bigint"))


def _compared(session: "SparkSession", source: Source, base: tables.Snapshot | None) -> "DataFrame":
    """All rows of the newest version against what has landed, both counted by content."""
    from pyspark.sql import functions as F

    table = source.table
    data = read_version(session, table)
    now = data.select(F.to_json(F.struct("*"), _JSON).alias("payload")).withColumn(
        "payload_sha256", F.sha2("payload", 256)
    )
    landed = _of(tables.read(session, DELTA_ROW, base.id if base else None), source)
    both = now.select("payload_sha256", "payload", F.lit(1).alias("n")).unionByName(
        landed.select("payload_sha256", "payload", (-_sign()).alias("n"))
    )
    # Equal hashes are equal payloads, so that any of them will do.
    difference = both.groupBy("payload_sha256").agg(F.first("payload").alias("payload"), F.sum("n").alias("n"))
    return difference.where("n <> 0").select(
        F.lit(table.version).cast("bigint").alias("delta_version"),
        F.lit(commit_times(session, table, table.version - 1)[table.version]).alias("committed_at"),
        F.when(F.col("n") > 0, "insert").otherwise("delete").alias("change_type"),
        "payload",
        "payload_sha256",
        F.explode(F.sequence(F.lit(1).cast("bigint"), F.abs("n"))).alias("occurrence"),
    )


def _sign() -> Any:
    from pyspark.sql import functions as F

    return F.when(F.col("change_type").isin(*_WENT), -1).otherwise(1)


def _of(rows: "DataFrame", source: Source) -> "DataFrame":
    from pyspark.sql import functions as F

    return rows.where(F.col("source") == source.name)


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
    all_rows = _of(tables.read_branch(made.session, DELTA_ROW, made.branch), source)
    total = all_rows.agg(F.coalesce(F.sum(_sign()), F.lit(0)).alias("n")).collect()[0].n
    if written != sum(rows.values()) or total != wanted:
        raise LakeError(
            f"The rows do not add up: the Delta table has {wanted} rows at version {source.table.version}, but with "
            f"{written} new ones bronze would have {total}; nothing was landed."
        )
    return wanted
