"""ops.quarantine: what was held back. Rows belong to a run; rows of a run that came to nothing are taken back."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.model import Table
from catalog.tables.ops import QUARANTINE
from lakehouse import tables

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_NAME = tables.full_name(QUARANTINE)
_one_at_a_time = threading.Lock()  # jobs side by side share this table; its commits are quick


def take_back(spark: "SparkSession", run_id: str) -> None:
    """Undo what a run wrote here: its rows go, and what it had settled is open again."""
    with _one_at_a_time:
        if spark.table(_NAME).where(f"run_id = '{run_id}'").limit(1).count():
            spark.sql(f"DELETE FROM {_NAME} WHERE run_id = '{run_id}'")
        if spark.table(_NAME).where(f"resolved_by = '{run_id}'").limit(1).count():
            spark.sql(f"UPDATE {_NAME} SET resolved_by = NULL WHERE resolved_by = '{run_id}'")


def hold(spark: "SparkSession", rows: "DataFrame", run_id: str) -> None:
    """Add a run's rows in one commit."""
    with _one_at_a_time:
        writer = rows.select(*(c.name for c in QUARANTINE.columns)).writeTo(_NAME)
        writer.option(f"snapshot-property.{tables.RUN_ID}", run_id).append()


def settle(spark: "SparkSession", table: Table, evaluated_ids: "DataFrame", run_id: str) -> None:
    """Mark the open rows of earlier runs as settled by this run, for the records that it evaluated again."""
    with _one_at_a_time:
        if not open_rows(spark, table.name).limit(1).count():
            return
        view = f"evaluated_{table.short_name}"
        evaluated_ids.createOrReplaceTempView(view)
        spark.sql(
            f"UPDATE {_NAME} SET resolved_by = '{run_id}' WHERE stage = '{table.name}' AND resolved_by IS NULL "
            f"AND resource_id IN (SELECT resource_id FROM {view})"
        )
        spark.catalog.dropTempView(view)


@dataclass(frozen=True)
class LandingRows:
    """Which open rows of the landing are meant: of one file, with one of these reasons; None means all."""

    source_file: str | None = None
    reason_codes: tuple[str, ...] | None = None

    def condition(self) -> "Column":
        """The same as a condition on ops.quarantine."""
        from pyspark.sql import functions as F

        found = (F.col("stage") == "landing") & F.col("resolved_by").isNull()
        if self.source_file is not None:
            found &= F.col("source_file") == self.source_file
        if self.reason_codes is not None:
            found &= F.col("reason_code").isin(*self.reason_codes)
        return found


def settle_landing(spark: "SparkSession", rows: LandingRows, run_id: str) -> None:
    """Mark open rows of the landing as settled by this run."""
    with _one_at_a_time:
        keys = (
            spark.table(_NAME).where(rows.condition()).select("run_id", "source_file", "line", "byte_offset", "entry")
        )
        keys.createOrReplaceTempView("landing_settled")
        same = " AND ".join(f"t.{c} <=> s.{c}" for c in keys.columns)
        spark.sql(
            f"MERGE INTO {_NAME} t USING (SELECT DISTINCT * FROM landing_settled) s ON t.stage = 'landing' AND {same} "
            f"WHEN MATCHED THEN UPDATE SET resolved_by = '{run_id}'"
        )
        spark.catalog.dropTempView("landing_settled")


def settle_files(spark: "SparkSession", files: Sequence[tuple[str, str]], run_id: str) -> None:
    """Mark the open rows of earlier ingestions, each (run id, source file), as settled by this one."""
    from pyspark.sql import functions as F

    with _one_at_a_time:
        earlier = spark.createDataFrame(list(files), "run_id string, source_file string").distinct()
        found = spark.table(_NAME).where(F.col("resolved_by").isNull()).join(earlier, ["run_id", "source_file"])
        if not found.limit(1).count():
            return
        earlier.createOrReplaceTempView("files_settled")
        spark.sql(
            f"MERGE INTO {_NAME} t USING files_settled s ON t.run_id = s.run_id AND t.source_file = s.source_file "
            f"AND t.resolved_by IS NULL WHEN MATCHED THEN UPDATE SET resolved_by = '{run_id}'"
        )
        spark.catalog.dropTempView("files_settled")


def open_rows(spark: "SparkSession", stage: str) -> "DataFrame":
    """Rows of a stage (`landing` or a table's name) that nothing has settled."""
    return spark.table(_NAME).where(f"stage = '{stage}' AND resolved_by IS NULL")
