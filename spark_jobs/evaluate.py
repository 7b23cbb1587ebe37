"""From source records to rows with a verdict: which version of a record wins, what is held back, and why.

Pure DataFrame code without reads, writes or actions. The result depends on the set of records, never on their order.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from catalog.model import Kind, Level, Table
from catalog.tables.record import RECORD as RECORD_COLUMNS
from lakehouse.quality import broken_rules
from spark_jobs.job import RECORD, Job

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from lakehouse.fhir import CompiledView

ACCEPTED = "accepted"
QUARANTINED = "quarantined"
SUPERSEDED = "superseded"
NOT_SELECTED = "not_selected"
DELETED = "deleted"
STATUSES = (ACCEPTED, QUARANTINED, SUPERSEDED, NOT_SELECTED, DELETED)

VIEW = "the_view"
"""The alias of a view's rows in a plan: lineage looks no further and asks the view's compiler."""

_BRONZE = (
    "resource_type",
    "resource_id",
    "version_id",
    "is_deleted",
    "payload_sha256",
    "source_file",
    "line",
    "byte_offset",
    "entry",
    "batch_id",
)


def own_columns(table: Table) -> list[str]:
    """The columns that the job's function makes: all but the record columns at the end."""
    bookkeeping = {c.name for c in RECORD_COLUMNS}
    return [c.name for c in table.columns if c.name not in bookkeeping]


def version() -> "Column":
    """What orders the versions of a record: a struct, greater is newer.

    The source's clock first, then its version number, then arrival: batch, file, place in the file. A source that sends
    no meta.lastUpdated is taken at the time of arrival, deletions included.
    """
    from pyspark.sql import functions as F

    return F.struct(
        F.coalesce("last_updated", "arrived_at").alias("at"),
        F.expr("try_cast(version_id as decimal(38,0))").alias("number"),
        F.coalesce("version_id", F.lit("")).alias("text"),
        F.col("batch_id"),
        F.col("source_file"),
        F.col("byte_offset"),
        F.coalesce("entry", F.lit(-1)).alias("entry"),
    )


def looked_at(records: "DataFrame") -> "DataFrame":
    """One row: how many bronze `records` there are, how many of them are `misshapen`, for landing can't say that they
    have FHIR's shape, and how many `resources` they are versions of. Reads no payload.
    """
    from pyspark.sql import functions as F

    is_misshapen = ~F.col("is_deleted") & ~F.coalesce("has_fhir_shape", F.lit(False))
    versions = records.groupBy("resource_id").agg(F.count("*").alias("n"), F.count_if(is_misshapen).alias("misshapen"))
    return versions.agg(
        F.coalesce(F.sum("n"), F.lit(0)).alias("records"),
        F.coalesce(F.sum("misshapen"), F.lit(0)).alias("misshapen"),
        F.count("*").alias("resources"),
    )


def narrowed(records: "DataFrame") -> "DataFrame":
    """What a view is put on: `payload`, `record` (place and version of the source record) and `_key`."""
    from pyspark.sql import functions as F

    return records.select(
        "payload", F.struct(version().alias("version"), *_BRONZE).alias(RECORD), F.col("resource_id").alias("_key")
    )


def evaluate(
    job: Job,
    view: "CompiledView",
    records: "DataFrame",
    lookups: "Mapping[str, DataFrame]",
    as_of: str,
    *,
    is_shaped: bool = False,
) -> "DataFrame":
    """Rows of the job's table from rows of bronze.fhir_resource, each record judged by itself.

    Columns: the table's own ones, then `record`: the source record's place and version, `status` (one of STATUSES),
    `reasons` (array<string>, why it is quarantined), `warnings` (array<string>, names of the warn rules that the row
    breaks) and `is_first` (true on one row of each record: counting those counts records). Every record comes out at
    least once. `judge` then settles what several versions or rows of a record decide together. `is_shaped` says that
    no record is misshapen.
    """
    from pyspark.sql import functions as F

    rows = view.project(narrowed(records), keep=[RECORD], key=F.col("_key"), is_shaped=is_shaped).alias(VIEW)
    none = F.array().cast("array<string>")
    tombstone = F.col(f"{RECORD}.is_deleted")
    packed = F.struct(
        f"{RECORD}.*",
        (F.col("is_selected") & ~tombstone).alias("is_selected"),
        F.when(tombstone, none).otherwise(F.col("problems")).alias("problems"),
        "is_first",
    )
    made = job.function(rows.select(packed.alias(RECORD), *(c.name for c in view.columns)), **lookups)
    r = F.col(RECORD)
    has_row = r.is_selected & (F.size(r.problems) == 0)
    reasons = F.when(has_row, broken_rules(job.writes, Level.FAIL, as_of)).otherwise(r.problems)
    warnings = F.when(has_row, broken_rules(job.writes, Level.WARN, as_of)).otherwise(none)
    made = made.select(*own_columns(job.writes), RECORD, reasons.alias("_reasons"), warnings.alias("_warnings"))
    return made.select(*own_columns(job.writes), _with_verdict(_status(F.col("_reasons")), F.col("_reasons")))


def _status(reasons: "Column") -> "Column":
    """What becomes of a record that no other version stands against."""
    from pyspark.sql import functions as F

    r = F.col(RECORD)
    return (
        F.when(F.size(reasons) > 0, QUARANTINED)
        .when(r.is_deleted, DELETED)
        .when(r.is_selected, ACCEPTED)
        .otherwise(NOT_SELECTED)
    )


def _with_verdict(status: "Column", reasons: "Column", warnings: str = "_warnings") -> "Column":
    from pyspark.sql import functions as F

    kept = ("version", *_BRONZE, "is_selected", "is_first")
    return F.struct(
        *(F.col(f"{RECORD}.{name}").alias(name) for name in kept),
        status.alias("status"),
        reasons.alias("reasons"),
        F.col(warnings).alias("warnings"),
    ).alias(RECORD)


def contested(records: "DataFrame") -> "DataFrame":
    """Ids of records that have more than one version among bronze rows: column resource_id. Reads no payload."""
    from pyspark.sql import functions as F

    return records.groupBy("resource_id").agg(F.count("*").alias("n")).where("n > 1").select("resource_id")


def judge(evaluated: "DataFrame", table: Table) -> "DataFrame":
    """The same rows with the status that all versions and rows of a record decide together.

    The newest good version wins. One bad row makes the record bad. A bad version is held back only while it is newer
    than the good one; older versions are superseded.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    r = F.col(RECORD)
    of_record = Window.partitionBy(r.resource_id)
    of_version = Window.partitionBy(r.resource_id, r.version)
    gathered = evaluated.withColumn(
        "_reasons", F.array_distinct(F.flatten(F.collect_list(r.reasons).over(of_version)))
    ).withColumn("_best", F.max(F.when(F.size("_reasons") == 0, r.version)).over(of_record))
    status = F.when(r.version < F.col("_best"), SUPERSEDED).otherwise(_status(F.col("_reasons")))
    verdict = _with_verdict(status, F.col("_reasons"), f"{RECORD}.warnings")
    return gathered.select(*own_columns(table), verdict)


def judge_some(evaluated: "DataFrame", contested_ids: "DataFrame", table: Table) -> "DataFrame":
    """The same as `judge`, where few records have several versions: all others pass as they are.

    Gathered are contested records, and those with a bad row where a record has several.
    """
    from pyspark.sql import functions as F

    ids = contested_ids.select(F.col("resource_id").alias("_id"))
    if len(table.key) > 1:
        bad = evaluated.where(F.col(f"{RECORD}.status") == QUARANTINED)
        ids = ids.union(bad.select(F.col(f"{RECORD}.resource_id").alias("_id")))
    is_one = F.col(f"{RECORD}.resource_id") == F.col("_id")
    ids = ids.distinct()
    some = judge(evaluated.join(ids, is_one, "left_semi"), table)
    return evaluated.join(ids, is_one, "left_anti").unionByName(some)


def accepted_rows(evaluated: "DataFrame", table: Table, run_id: str) -> "DataFrame":
    """The rows to write, in the table's column order."""
    from pyspark.sql import functions as F

    return evaluated.where(F.col(f"{RECORD}.status") == ACCEPTED).select(
        *own_columns(table),
        F.col(f"{RECORD}.version.at").alias("version_at"),
        F.col(f"{RECORD}.version_id"),
        F.col(f"{RECORD}.batch_id"),
        F.col(f"{RECORD}.payload_sha256"),
        F.lit(run_id).alias("run_id"),
        F.lit(False).alias("is_deleted"),
    )


def withdrawn_rows(evaluated: "DataFrame", live: "DataFrame", table: Table, run_id: str) -> "DataFrame":
    """Live rows of the table whose record was evaluated and no longer yields them: the same rows, marked deleted."""
    from pyspark.sql import functions as F

    key = table.key
    ids = evaluated.select(F.col(f"{RECORD}.resource_id").alias(key[0])).distinct()
    kept = evaluated.where(F.col(f"{RECORD}.status") == ACCEPTED).select(*key)
    gone = live.join(ids, key[0], "left_semi").join(kept, list(key), "left_anti")
    columns = [c.name for c in table.columns]
    return gone.withColumn("run_id", F.lit(run_id)).withColumn("is_deleted", F.lit(True)).select(*columns)


def quarantine_rows(evaluated: "DataFrame", table: Table, run_id: str) -> "DataFrame":
    """Rows for ops.quarantine: one per held-back record; its raw bytes stay in bronze."""
    from pyspark.sql import functions as F

    r = F.col(RECORD)
    docs = {c.name: f"Not the case: {c.doc}" for c in table.checks_of(Kind.ROW)}
    code = r.reasons[0]
    said = F.create_map(*(F.lit(text) for item in {"": "", **docs}.items() for text in item))
    held = evaluated.where((r.status == QUARANTINED) & r.is_first)
    return held.select(
        F.lit(run_id).alias("run_id"),
        F.lit(table.name).alias("stage"),
        F.when(code.isin(*docs), code).otherwise("not_as_the_view_expects").alias("reason_code"),
        F.array_join(F.transform(r.reasons, lambda name: F.coalesce(said[name], name)), " ").alias("reason"),
        r.source_file.alias("source_file"),
        r.line.alias("line"),
        r.byte_offset.alias("byte_offset"),
        r.entry.alias("entry"),
        F.lit(0).alias("part"),
        F.lit(None).cast("binary").alias("raw"),
        r.resource_type.alias("resource_type"),
        r.resource_id.alias("resource_id"),
        r.batch_id.alias("batch_id"),
        r.payload_sha256.alias("payload_sha256"),
        F.current_timestamp().alias("quarantined_at"),
        F.lit(None).cast("string").alias("resolved_by"),
    )
