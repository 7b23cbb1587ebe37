"""Iceberg tables by their declaration: create, read a pinned snapshot, write to a branch, publish it.

Nothing here decides anything; the order of these steps is the runner's.
"""

import functools
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from catalog.derive.ddl import create_table
from catalog.model import Table
from lakehouse.errors import Conflict
from lakehouse.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CATALOG = "lake"
RUN_KEY = "carelake.run-key"
RUN_ID = "carelake.run-id"
REPLACE = "replace"
_PARTITION = re.compile(r"partitions\.resource_type=([^/]*)")
_FAILED_TAG_DAYS = 7
_creating = threading.Lock()

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """A committed state of a table. `summary` holds Iceberg's figures and Carelake's stamps.

    `operation` is Iceberg's: append, overwrite, delete, or replace (other files, the same rows).
    """

    id: int
    parent: int | None
    summary: Mapping[str, str]
    operation: str = "append"

    @property
    def resource_types(self) -> frozenset[str] | None:
        """For bronze: the FHIR types that the commit brought; None where its summary does not say."""
        # The root that the first branch made, and compaction, which names the partitions that it rewrote.
        if self.summary.get("total-records") == "0" or self.operation == REPLACE:
            return frozenset()
        found = frozenset(m.group(1) for key in self.summary if (m := _PARTITION.match(key)))
        return found or None

    @property
    def rows(self) -> int:
        """Rows in all files, before deletes are applied: 0 only where there is none.

        Less the position deletes it could be 0 for a table full of rows: compaction leaves deletes that hit nothing.
        """
        return int(self.summary.get("total-records", 0))


def full_name(table: Table) -> str:
    """The table's name in every engine: catalog, schema, name."""
    return f"{CATALOG}.{table.name}"


def exists(spark: "SparkSession", table: Table) -> bool:
    """Whether the catalog has it."""
    return bool(spark.catalog.tableExists(full_name(table)))


def ensure(spark: "SparkSession", table: Table) -> None:
    """Create the table from its declaration unless it is there; jobs side by side may ask for the same one."""
    with _creating:  # IF NOT EXISTS of the JDBC catalog looks first and inserts then: two at once fail
        if not exists(spark, table):
            spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{table.schema_name}")
            spark.sql(create_table(table, CATALOG))


def history(spark: "SparkSession", table: Table, branch: str = "main") -> Iterator[Snapshot]:
    """Snapshots of a branch, newest first, back to the oldest that was not expired; none for an empty table."""
    parser = java_class(spark, "org.apache.iceberg.SnapshotParser")
    iceberg = load(spark, table)
    snapshot = iceberg.snapshot(branch)
    while snapshot is not None:
        told = json.loads(parser.toJson(snapshot))  # one call, where a Java map takes several for each entry
        summary = told.get("summary", {})
        parent = told.get("parent-snapshot-id")
        yield Snapshot(told["snapshot-id"], parent, summary, summary.pop("operation", "append"))
        snapshot = iceberg.snapshot(parent) if parent is not None else None


def current(spark: "SparkSession", table: Table, branch: str = "main") -> Snapshot | None:
    """The newest snapshot of a branch, or None for a table without data or without that branch."""
    return next(history(spark, table, branch), None)


def version(spark: "SparkSession", table: Table) -> Snapshot | None:
    """The newest snapshot of main that changed rows: compaction after it makes nothing new to read.

    Where no such snapshot is left, the newest one; None for an empty table.
    """
    newest = None
    for snapshot in history(spark, table):
        if snapshot.operation != REPLACE:
            return snapshot
        newest = newest or snapshot
    return newest


def is_there(spark: "SparkSession", table: Table, snapshot_id: int) -> bool:
    """Whether that snapshot has not expired, so that its rows can be read; it need not be in main's history."""
    return load(spark, table).snapshot(snapshot_id) is not None


def read(spark: "SparkSession", table: Table, snapshot_id: int | None = None) -> "DataFrame":
    """All rows at that snapshot; without one, no rows (the table is empty) with the declared columns."""
    if snapshot_id is None:
        return spark.table(full_name(table)).limit(0)
    return spark.read.option("snapshot-id", str(snapshot_id)).table(full_name(table))


def read_appended(spark: "SparkSession", table: Table, after: int | None, until: int) -> "DataFrame":
    """Rows of an append-only table that came after one snapshot, up to another; all of them if `after` is None."""
    if after is None:
        return read(spark, table, until)
    options = {"start-snapshot-id": str(after), "end-snapshot-id": str(until)}
    return spark.read.options(**options).table(full_name(table))


def changed(
    spark: "SparkSession", table: Table, before: int | None, after: int | None
) -> tuple["DataFrame", "DataFrame"]:
    """Rows at two snapshots, less those that no run in between wrote: what was replaced, and what runs wrote.

    Rows of a key may still be equal. Where the runs in between are not known, or rows may have been deleted
    without a mark, all rows.
    """
    from pyspark.sql import functions as F

    old, new = read(spark, table, before), read(spark, table, after)
    runs = _runs_between(spark, table, before, after) if "is_deleted" in new.columns else None
    if runs is None:
        return old, new
    written = new.where(F.col("run_id").isin(runs))
    keys = written.select(*table.key)
    return old.join(keys, list(table.key), "left_semi"), written


def _runs_between(spark: "SparkSession", table: Table, before: int | None, after: int | None) -> list[str] | None:
    """Ids of the runs that made the snapshots after one, up to another; None if that can't be told."""
    if before is None or after is None:
        return None
    found: list[str] = []
    is_between = False
    for snapshot in history(spark, table):
        is_between = is_between or snapshot.id == after
        if snapshot.id == before:
            return found if is_between else None
        if is_between and snapshot.operation != REPLACE:
            if RUN_ID not in snapshot.summary:
                return None
            found.append(snapshot.summary[RUN_ID])
    return None


def read_branch(spark: "SparkSession", table: Table, branch: str) -> "DataFrame":
    """All rows of a branch."""
    return spark.read.option("branch", branch).table(full_name(table))


def live(rows: "DataFrame") -> "DataFrame":
    """The rows that are not marked as deleted; tables that keep no deleted rows have no mark."""
    return rows.where("not is_deleted") if "is_deleted" in rows.columns else rows


def make_branch(spark: "SparkSession", table: Table, branch: str, base: int | None) -> None:
    """A fresh branch at `base`; one that an interrupted run left behind is replaced."""
    drop_branch(spark, table, branch)
    at = f" AS OF VERSION {base}" if base is not None else ""
    spark.sql(f"ALTER TABLE {full_name(table)} CREATE BRANCH {branch}{at}")


def drop_branch(spark: "SparkSession", table: Table, branch: str) -> None:
    """Forget a branch if it is there; its files go with the next upkeep."""
    spark.sql(f"ALTER TABLE {full_name(table)} DROP BRANCH IF EXISTS {branch}")


def append(rows: "DataFrame", table: Table, branch: str, stamp: Mapping[str, str]) -> None:
    """Add rows to a branch in one commit that carries `stamp`."""
    writer = rows.writeTo(f"{full_name(table)}.branch_{branch}")
    for key, value in stamp.items():
        writer = writer.option(f"snapshot-property.{key}", value)
    writer.append()


def replace_all(rows: "DataFrame", table: Table, branch: str, stamp: Mapping[str, str]) -> None:
    """Put these rows in the place of all rows of a branch, in one commit that carries `stamp`."""
    from pyspark.sql import functions as F

    writer = rows.writeTo(f"{full_name(table)}.branch_{branch}")
    for key, value in stamp.items():
        writer = writer.option(f"snapshot-property.{key}", value)
    writer.overwrite(F.lit(True))


def merge(rows: "DataFrame", table: Table, branch: str, stamp: Mapping[str, str], gone: str | None = None) -> None:
    """Insert or update by key in one commit; `rows` are new or differ from the table's, for each one is written.

    `gone` names a boolean column of `rows` beside the table's own: a row of that key is deleted where it is true.
    """
    spark = rows.sparkSession
    source = f"merge_{branch}"
    rows.createOrReplaceTempView(source)
    on = " AND ".join(f"t.{k} = s.{k}" for k in table.key)
    statement = (
        f"MERGE INTO {full_name(table)}.branch_{branch} t USING {source} s ON {on} "
        + (f"WHEN MATCHED AND s.{gone} THEN DELETE " if gone else "")
        + "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    try:
        _stamped(spark, stamp, lambda: spark.sql(statement))
    finally:
        spark.catalog.dropTempView(source)


def different(rows: "DataFrame", others: "DataFrame", table: Table, columns: Sequence[str]) -> "DataFrame":
    """The rows whose key is not among the `others`, or whose `columns` are not all the same there; null equals null."""
    from pyspark.sql import functions as F

    same = F.lit(True)
    for name in columns:
        same &= rows[name].eqNullSafe(others[name])
    is_one = F.lit(True)
    for name in table.key:
        is_one &= rows[name] == others[name]
    return rows.join(others, is_one & same, "left_anti")


def execute_stamped(spark: "SparkSession", statement: str, stamp: Mapping[str, str]) -> None:
    """Run one writing statement (UPDATE, DELETE) whose snapshot carries `stamp`."""
    _stamped(spark, stamp, lambda: spark.sql(statement))


def publish(spark: "SparkSession", table: Table, branch: str, base: int | None) -> int:
    """Move main to the branch's head and forget the branch; returns the published snapshot's id.

    Raises Conflict if main is no longer at `base`: whoever moved it must not be overwritten, so compute again.
    """
    now = current(spark, table)
    if (now.id if now else None) != base:
        raise Conflict(f"{table.name} was changed by another run meanwhile; run again.")
    try:
        spark.sql(f"CALL {CATALOG}.system.fast_forward('{table.name}', 'main', '{branch}')").collect()
    except Exception as error:
        if "cannot fast-forward" in str(error).lower() or "not an ancestor" in str(error).lower():
            raise Conflict(f"{table.name} was changed by another run meanwhile; run again.") from error
        raise
    head = current(spark, table)
    assert head is not None
    drop_branch(spark, table, branch)
    return head.id


def branches(spark: "SparkSession", table: Table) -> list[str]:
    """Names of the table's branches beside main."""
    rows = spark.sql(f"SELECT name FROM {full_name(table)}.refs WHERE type = 'BRANCH' AND name <> 'main'").collect()
    return sorted(row.name for row in rows)


def keep_failed(spark: "SparkSession", table: Table, branch: str, tag: str) -> None:
    """Give up a branch whose gate failed, keeping its head under a tag that expires, so that it can be looked at."""
    head = current(spark, table, branch)
    if head is not None:
        spark.sql(
            f"ALTER TABLE {full_name(table)} CREATE OR REPLACE TAG {tag} AS OF VERSION {head.id} "
            f"RETAIN {_FAILED_TAG_DAYS} DAYS"
        )
    drop_branch(spark, table, branch)


def live_columns(spark: "SparkSession", table: Table) -> dict[str, tuple[str, bool, str]]:
    """Type, nullability and comment of each column as the catalog has it; empty if there is no such table."""
    if not exists(spark, table):
        return {}
    fields = spark.table(full_name(table)).schema.fields
    return {f.name: (f.dataType.simpleString(), f.nullable, f.metadata.get("comment", "")) for f in fields}


@contextmanager
def _callbacks(spark: "SparkSession") -> Iterator[None]:
    """Java may call Python inside: needed because only `CommitMetadata` can stamp a MERGE."""
    from pyspark.java_gateway import ensure_callback_server_started

    ensure_callback_server_started(spark.sparkContext._gateway)  # type: ignore[no-untyped-call]
    yield


def _stamped(spark: "SparkSession", stamp: Mapping[str, str], work: Callable[[], object]) -> None:
    """Do `work` so that each snapshot it commits carries `stamp`.

    MERGE takes no write options and the session setting of that name does nothing in Iceberg 1.12, so the work runs
    inside `CommitMetadata.withCommitProperties`, which keeps the properties by thread.
    """
    failure: list[BaseException] = []

    class Work:
        def call(self) -> None:
            try:
                work()
            except Exception as error:
                failure.append(error)

        class Java:
            implements: tuple[str, ...] = ("java.util.concurrent.Callable",)

    with _callbacks(spark):
        properties = java_class(spark, "java.util.HashMap")()
        for key, value in stamp.items():
            properties.put(key, value)
        failed = java_class(spark, "java.lang.Class").forName("java.lang.RuntimeException")
        java_class(spark, "org.apache.iceberg.spark.CommitMetadata").withCommitProperties(properties, Work(), failed)
    if failure:
        raise failure[0]


def load(spark: "SparkSession", table: Table) -> Any:
    """The Iceberg table object, freshly read."""
    util = java_class(spark, "org.apache.iceberg.spark.Spark3Util")
    return util.loadIcebergTable(spark._jsparkSession, full_name(table))


def retried(times: int = 3) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Call again after a Conflict, up to `times` times in all."""

    def wrap(function: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> T:
            for attempt in range(times):
                try:
                    return function(*args, **kwargs)
                except Conflict:
                    if attempt == times - 1:
                        raise
            raise AssertionError("unreachable")

        return call

    return wrap
