"""A small mart for tests of its write path: doses in silver, a total a person in gold, with a price for all."""

import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from catalog.model import CLINICAL, CLINICAL_RECORD, LINKING, SUBJECT, Column, Table, fail, warn
from catalog.tables.record import CHANGED_BY, RECORD
from catalog.types import Integer, Long, Text
from lakehouse import tables
from lakehouse.control import new_id
from spark_jobs.mart import Mart, Source
from spark_jobs.runner import Observer, RunResult, run_job, silent
from tests.lakes import lent_lake

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.lake import Lake


def _table(name: str, *columns: Column, key: str) -> Table:
    given = (*columns, *RECORD)
    return Table(name, given, doc="For tests.", grain="one row a key", key=(key,), retention=CLINICAL_RECORD)


DOSE = _table(
    "silver.dose",
    Column("dose_id", Text, doc="Id.", tag=LINKING),
    Column("patient_id", Text, doc="Whose.", tag=SUBJECT, null=True),
    Column("amount", Integer, doc="A number.", tag=CLINICAL),
    Column("note", Text, doc="Nothing that the mart reads.", tag=CLINICAL, null=True),
    key="dose_id",
)
PRICE = _table(
    "silver.price",
    Column("price_id", Text, doc="Id.", tag=LINKING),
    Column("price", Integer, doc="A number.", tag=CLINICAL),
    key="price_id",
)
TOTAL = Table(
    "gold.total",
    (
        Column("total_id", Text, doc="The first dose.", tag=LINKING),
        Column("patient_id", Text, doc="Whose.", tag=SUBJECT, null=True),
        Column("amount", Long, doc="The sum.", tag=CLINICAL),
        CHANGED_BY,
    ),
    doc="For tests.",
    grain="one row a person and odd or even amounts",
    key=("total_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("total_id"),
        fail.that("amount_is_not_negative", "amount >= 0", "The sum is not negative."),
        warn.that("amount_is_small", "amount < 1000", "The sum is below a thousand."),
    ),
)


def _total(doses: "DataFrame", prices: "DataFrame") -> "DataFrame":
    """Keys move from row to row and from person to person as doses come and go."""
    from pyspark.sql import functions as F

    price = prices.agg(F.coalesce(F.max("price"), F.lit(1)).alias("price"))
    sums = doses.groupBy("patient_id", (F.col("amount") % 2).alias("odd")).agg(
        F.min("dose_id").alias("total_id"), F.sum("amount").alias("amount")
    )
    return sums.crossJoin(price).select("total_id", "patient_id", (F.col("amount") * F.col("price")).alias("amount"))


READS = (Source("doses", DOSE, ("dose_id", "patient_id", "amount")), Source("prices", PRICE, ("price",)))
MART = Mart("total", TOTAL, _total, READS, by="patient_id")


def dose(ident: str, patient: str | None, amount: int, *, note: str = "", deleted: bool = False) -> tuple[object, ...]:
    """A row of silver.dose as a conforming run leaves it."""
    return (ident, patient, amount, note, datetime(2026, 1, 1, tzinfo=UTC), None, "batch", "hash", "run", deleted)


def price(amount: int) -> tuple[object, ...]:
    """The row of silver.price."""
    return ("only", amount, datetime(2026, 1, 1, tzinfo=UTC), None, "batch", "hash", "run", False)


def put(lake: "Lake", table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert or replace rows by key, as one published change of the silver table."""
    from pyspark.sql import functions as F

    from catalog.derive.spark_schema import spark_schema

    tables.ensure(lake.spark, table)
    run_id = new_id()
    changes = lake.spark.createDataFrame(list(rows), spark_schema(table.columns)).withColumn("run_id", F.lit(run_id))
    stamp = {tables.RUN_ID: run_id}
    head = tables.current(lake.spark, table)
    base = head.id if head else None
    tables.make_branch(lake.spark, table, "change", base)
    if base is None:
        tables.append(changes, table, "change", stamp)
    else:
        tables.merge(changes, table, "change", stamp)
    tables.publish(lake.spark, table, "change", base)


def run(lake: "Lake", *, full: bool = False, observe: Observer = silent, mart: Mart = MART) -> RunResult:
    """Run the mart."""
    return run_job(lake.spark, lake.control, lake.settings, mart, lake.as_of, full=full, observe=observe)


def seen(lake: "Lake") -> list[tuple[str, str | None, int]]:
    """What a reader sees, sorted."""
    rows = lake.spark.table("lake.gold.total").collect()
    return sorted((r.total_id, r.patient_id, r.amount) for r in rows)


def anew(lake: "Lake") -> list[tuple[str, str | None, int]]:
    """What the mart makes of all that is there now."""
    sources = {}
    for source in READS:
        tables.ensure(lake.spark, source.table)
        sources[source.argument] = tables.live(lake.spark.table(tables.full_name(source.table)))
    return sorted((r.total_id, r.patient_id, r.amount) for r in _total(**sources).collect())


def main(step: str) -> None:
    """Run by a test in a process of its own: run the mart, and die without a word as the step begins."""
    from lakehouse.settings import Settings

    def die(table: str, begun: str) -> None:
        if begun == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with lent_lake(Settings()) as lake:
        run(lake, observe=die)


if __name__ == "__main__":
    main(*sys.argv[1:])
