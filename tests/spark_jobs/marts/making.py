"""Rows of sources in a few words, and what a mart makes of them, in one Spark run."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from catalog.derive.spark_schema import spark_schema
from lakehouse.terminology import ICD10CM, SNOMED
from spark_jobs.mart import Mart, Source, TimeZones

AS_OF = "2026-01-15"
NEW_YORK = TimeZones("UTC", {"new-york": "America/New_York"})

Row = dict[str, Any]


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(text: str) -> date:
    """A day."""
    return date.fromisoformat(text)


def icd(code: str, display: str = "so called") -> Row:
    """A coding of ICD-10-CM."""
    return {"system": ICD10CM[0], "code": code, "display": display}


def snomed(code: str, display: str = "so called") -> Row:
    """A coding of SNOMED CT."""
    return {"system": SNOMED[0], "code": code, "display": display}


def frame(spark: SparkSession, source: Source, rows: Sequence[Row]) -> DataFrame:
    """The source's columns; what a row does not say is null."""
    unknown = {name for row in rows for name in row} - set(source.columns)
    assert not unknown, f"{source.argument} has no {unknown}"
    columns = [source.table.column(name) for name in source.columns]
    schema = spark_schema(columns).replace(" NOT NULL", "")
    return spark.createDataFrame([tuple(row.get(name) for name in source.columns) for row in rows], schema)


def frames(spark: SparkSession, mart: Mart, rows: dict[str, list[Row]]) -> dict[str, DataFrame]:
    """All sources of a mart by argument; those that are not given are empty."""
    assert rows.keys() <= {source.argument for source in mart.reads}
    return {source.argument: frame(spark, source, rows.get(source.argument, [])) for source in mart.reads}


def make(spark: SparkSession, mart: Mart, given: dict[str, Any] | None = None, **rows: list[Row]) -> list[Row]:
    """What the mart makes of these rows; as the declaration says, or it fails."""
    made = mart(**frames(spark, mart, rows), **(given or {}))
    declared = [(c.name, c.type.spark) for c in mart.writes.columns if c.name != "run_id"]
    assert [(field.name, field.dataType.simpleString()) for field in made.schema] == declared
    return [row.asDict(recursive=True) for row in made.collect()]


def by(rows: list[Row], *key: str) -> dict[Any, Row]:
    """Rows by key; two of one key fail."""
    found = {row[key[0]] if len(key) == 1 else tuple(row[k] for k in key): row for row in rows}
    assert len(found) == len(rows)
    return found
