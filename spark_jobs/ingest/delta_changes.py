"""What is new in a Delta table since a version landed, as rows of `bronze.delta_row`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.tables.bronze import DELTA_ROW
from lakehouse import tables
from lakehouse.control import DELTA
from spark_jobs.ingest.delta_log import Commit, DeltaTable, Way, commit_times, file_names, read_version

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

JOB = "ingest delta"
CAME = ("snapshot", "insert", "update_postimage")
WENT = ("update_preimage", "delete")
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
        return {input_name(self.name): self.table.version}

    @property
    def run(self) -> dict[str, str]:
        """What the run record says besides."""
        return {"job": JOB, "basis": self.table.table_id, "mode": self.way.value}


def input_name(name: str) -> str:
    """What a Delta table is called among the inputs of a run."""
    return f"{DELTA}:{name}"


def new_columns(session: "SparkSession", source: Source) -> tuple[str, ...]:
    """Columns that the table did not have when it landed last, as far as its log still says."""
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    if source.after is None or not any(c.redefines for c in source.commits):
        return ()
    now = read_version(session, source.table).columns
    try:
        before = set(read_version(session, source.table, source.after).columns)
    except (PySparkException, Py4JJavaError):  # the log does not reach back so far: nothing to tell, all to land
        return ()
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
    landed = landed_of(tables.read(session, DELTA_ROW, base.id if base else None), source)
    both = now.select("payload_sha256", "payload", F.lit(1).alias("n")).unionByName(
        landed.select("payload_sha256", "payload", (-sign()).alias("n"))
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


def sign() -> "Column":
    """1 for a row that came, -1 for one that went."""
    from pyspark.sql import functions as F

    return F.when(F.col("change_type").isin(*WENT), -1).otherwise(1)


def landed_of(rows: "DataFrame", source: Source) -> "DataFrame":
    """Rows of bronze that came from this source."""
    from pyspark.sql import functions as F

    return rows.where(F.col("source") == source.name)
