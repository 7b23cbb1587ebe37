"""What a run keeps while it lasts: computed once, planned upon as a table, let go at the end."""

from contextlib import ExitStack

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_jobs.run import keep


def test_what_follows_sees_what_was_kept_and_not_how_it_was_made(spark: SparkSession) -> None:
    made = spark.range(20).groupBy((F.col("id") % 5).alias("five")).count()
    with ExitStack() as cached:
        kept = keep(made, cached)
        assert (kept.columns, kept.dtypes) == (made.columns, made.dtypes)
        twice = kept.join(kept.withColumnRenamed("count", "n"), "five")
        plan = twice._jdf.queryExecution().analyzed().toString()
        assert plan.count("InMemoryRelation") == 2
        assert sorted(map(tuple, twice.collect())) == [(five, 4, 4) for five in range(5)]


def test_it_is_computed_once_and_let_go_at_the_end(spark: SparkSession) -> None:
    held = spark.sparkContext._jsc.getPersistentRDDs()  # type: ignore[attr-defined]
    before = held.size()
    with ExitStack() as cached:
        kept = keep(spark.range(3).withColumn("by_chance", F.expr("uuid()")), cached)
        assert kept.collect() == kept.orderBy("id").collect()
        assert spark.sparkContext._jsc.getPersistentRDDs().size() == before + 1  # type: ignore[attr-defined]
    assert spark.sparkContext._jsc.getPersistentRDDs().size() == before  # type: ignore[attr-defined]


def test_a_job_beside_that_lets_go_of_the_very_same_takes_no_row_away(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(frame: DataFrame) -> list[int]:
        return sorted(row.id for row in frame.collect())

    with ExitStack() as cached:
        with ExitStack() as beside:
            keep(spark.range(3), beside)
            kept = keep(spark.range(3), cached)
        assert rows(kept) == [0, 1, 2]
        monkeypatch.setattr(DataFrame, "persist", lambda frame, level: frame)  # let go of before it was looked for
        assert rows(keep(spark.range(4), cached)) == [0, 1, 2, 3]
