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
def answers(rows: Callable[..., Rows]) -> Callable[..., dict[str, Any]]:
    """What paths yield on one resource, in one query: path to value, collections as lists where `many` says so."""

    def evaluate(resource: Any, paths: Sequence[str], many: bool = False, **view: Any) -> dict[str, Any]:
        columns = [{"name": f"v{at}", "path": path, "collection": many} for at, path in enumerate(paths)]
        kind = resource["resourceType"] if isinstance(resource, dict) else json.loads(resource)["resourceType"]
        found = rows({"resource": kind, "select": [{"column": columns}], **view}, [resource])[0]
        return {path: found[f"v{at}"] for at, path in enumerate(paths)}

    return evaluate


@pytest.fixture
def projected(frame: Callable[[Sequence[Any]], DataFrame]) -> Callable[..., Rows]:
    """The rows of a view put on records."""

    def project(view: dict[str, Any], records: Sequence[Any], **options: Any) -> Rows:
        return [row.asDict(recursive=True) for row in compile_view(view).project(frame(records), **options).collect()]

    return project
