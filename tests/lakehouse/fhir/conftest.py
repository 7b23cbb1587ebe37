"""Views over a handful of resources, in one line a test."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.fhir import compile_view, run_view

Rows = list[dict[str, Any]]


@pytest.fixture
def frame(spark: SparkSession) -> Callable[[Sequence[Any]], DataFrame]:
    """Records with a `payload` column: text and null as they are, other things as JSON."""

    def make(records: Sequence[Any]) -> DataFrame:
        payloads = [(r if isinstance(r, str | None) else json.dumps(r),) for r in records]
        return spark.createDataFrame(payloads, "payload string")

    return make


@pytest.fixture
def rows(
    spark: SparkSession, frame: Callable[[Sequence[Any]], DataFrame]
) -> Callable[[dict[str, Any], Sequence[Any]], Rows]:
    """The rows of a view over resources, as dictionaries."""

    def run(view: dict[str, Any], resources: Sequence[Any]) -> Rows:
        return [row.asDict(recursive=True) for row in run_view(spark, view, frame(resources)).collect()]

    return run


@pytest.fixture
def value(rows: Callable[..., Rows]) -> Callable[..., Any]:
    """What one path yields on one resource."""

    def evaluate(path: str, resource: dict[str, Any], collection: bool = False, **column: Any) -> Any:
        one = {"name": "v", "path": path, "collection": collection, **column}
        constants = column.pop("constant", [])
        one.pop("constant", None)
        view = {"resource": resource["resourceType"], "constant": constants, "select": [{"column": [one]}]}
        return rows(view, [resource])[0]["v"]

    return evaluate


@pytest.fixture
def projected(frame: Callable[[Sequence[Any]], DataFrame]) -> Callable[..., Rows]:
    """The rows of a view put on records."""

    def project(view: dict[str, Any], records: Sequence[Any], **options: Any) -> Rows:
        return [
            row.asDict(recursive=True)
            for row in compile_view(view).project(frame(records), **options).collect()
        ]

    return project
