"""What landing says of a resource's shape is what a view that looks itself would find."""

import copy
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse.fhir import compile_view
from spark_jobs.ingest.shapes import has_fhir_shape
from spark_jobs.job import read_view

SAMPLE = Path(__file__).parents[3] / "infra" / "sample" / "synthea"
OTHER_TOKENS: tuple[Any, ...] = (7, 7.5, True, "7", "text", ["text"], {"value": "7"}, [], None)


@pytest.mark.parametrize(
    ("payload", "is_shaped"),
    [
        (b'{"resourceType": "Patient", "gender": "female", "name": [{"given": ["Ada", null]}]}', True),
        (b'{"gender": null, "unheardOf": {"a": 1}, "contained": [{"resourceType": "Basic", "code": 1}]}', True),
        (b'{"gender": 1}', False),
        (b'{"g\\u0065nder": 1}', False),
        (b'{"gender": 1, "gender": "female"}', False),
        (b'{"name": {"family": "Lovelace"}}', False),
        (b'{"name": [{"period": {"start": 1815}}]}', False),
        (b'{"multipleBirthInteger": 3000000000}', False),
        (b'{"extension": [{"url": "a", "extension": [{"url": 5}]}]}', False),
        (b'{"identifier": [{"assigner": {"identifier": {"value": 5}}}]}', False),
        (b"[]", False),
    ],
)
def test_a_token_of_another_type_is_seen_at_any_depth(payload: bytes, is_shaped: bool) -> None:
    assert has_fhir_shape("Patient", payload) is is_shaped


@pytest.mark.parametrize("number", ["1e20", "-1e300"])
def test_a_number_that_no_column_can_hold_is_not_in_shape(number: str) -> None:
    assert has_fhir_shape("Observation", b'{"valueQuantity": {"value": 99.5}}')
    assert not has_fhir_shape("Observation", b'{"valueQuantity": {"value": %s}}' % number.encode())


@pytest.mark.parametrize("resource", ["Patient", "Observation"])
def test_a_view_on_records_in_shape_need_not_look_again(spark: SparkSession, resource: str) -> None:
    name = {"Patient": "patient", "Observation": "vital_sign"}[resource]
    view = compile_view(read_view(name))
    with gzip.open(SAMPLE / f"{resource}.ndjson.gz", "rt") as lines:
        whole = next(r for line in lines if len((r := json.loads(line)).get("category", "x")) == 1)
    changed = [json.dumps(resource) for resource in _with_other_tokens(whole)]
    shaped = [payload for payload in changed if has_fhir_shape(resource, payload.encode())]
    assert len(changed) / 10 < len(shaped) < len(changed)

    def rows(payloads: list[str], is_shaped: bool) -> dict[str, str]:
        records = spark.createDataFrame([(p,) for p in payloads], "payload string").coalesce(1)
        found = view.project(records, keep=["payload"], is_shaped=is_shaped).collect()
        return {row["payload"]: repr(row) for row in found}

    looked = rows(changed, False)
    assert sum(": expected " in row for row in looked.values()) > len(changed) / 5
    assert rows(shaped, True) == {payload: looked[payload] for payload in shaped}


def _with_other_tokens(value: Any) -> Iterator[Any]:
    """The value with each thing inside it replaced by each other token, one at a time."""
    for at in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        if at == "resourceType":
            continue
        for token in OTHER_TOKENS:
            changed = copy.deepcopy(value)
            changed[at] = token
            yield changed
        for inner in _with_other_tokens(value[at]):
            yield {**value, at: inner} if isinstance(value, dict) else [*value[:at], inner, *value[at + 1 :]]
