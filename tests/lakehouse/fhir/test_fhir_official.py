"""The published tests of SQL on FHIR v2, as far as they are at hand beside the checkout."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.fhir import run_view
from tests import public_data

FOLDER = public_data.FOLDER / "sql_on_fhir"


def _cases() -> list[Any]:
    cases = []
    for file in sorted(FOLDER.glob("*.json")):
        suite = json.loads(file.read_text())
        cases += [pytest.param(suite["resources"], test, id=f"{file.stem}: {test['title']}") for test in suite["tests"]]
    return cases or [pytest.param(None, None, id="missing")]


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(row, sort_keys=True, default=float) for row in rows)


@pytest.mark.parametrize(("resources", "case"), _cases())
def test_official_case_passes(
    spark: SparkSession, frame: Callable[[Sequence[Any]], DataFrame], resources: Any, case: Any
) -> None:
    if case is None:
        pytest.skip(f"the tests of the specification are not beside the checkout ({FOLDER})")
    if case.get("expectError"):
        with pytest.raises(Exception):  # noqa: B017, PT011  (an invalid view and an error while reading both count)
            run_view(spark, case["view"], frame(resources)).collect()
        return
    found = run_view(spark, case["view"], frame(resources))
    if "expectColumns" in case:
        assert found.columns == case["expectColumns"]
    assert _comparable([row.asDict(recursive=True) for row in found.collect()]) == _comparable(case["expect"])
