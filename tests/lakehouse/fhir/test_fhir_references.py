"""References yield the key of the resource that they point to, and nothing when they do not say which."""

from typing import Any

import pytest
from pyspark.sql import functions as F

from lakehouse.fhir import compile_view

VIEW: dict[str, Any] = {
    "resource": "Observation",
    "select": [
        {
            "column": [
                {"name": "own", "path": "getResourceKey()"},
                {"name": "any", "path": "subject.getReferenceKey()"},
                {"name": "patient", "path": "subject.getReferenceKey(Patient)"},
                {"name": "device", "path": "subject.getReferenceKey(Device)"},
            ]
        }
    ],
}


@pytest.mark.parametrize(
    ("subject", "any_key", "patient", "device"),
    [
        ({"reference": "Patient/p-1.a"}, "p-1.a", "p-1.a", None),
        ({"reference": "Patient/p/_history/3"}, "p", "p", None),
        ({"reference": "https://x.org/fhir/r4/Patient/p"}, "p", "p", None),
        ({"reference": "http://x/Patient/p/_history/2"}, "p", "p", None),
        ({"reference": "Device/d"}, "d", None, "d"),
        ({"reference": "urn:uuid:2f1c-0"}, "2f1c-0", "2f1c-0", "2f1c-0"),
        ({"reference": "urn:oid:1.2.3", "type": "Patient"}, "1.2.3", "1.2.3", None),
        ({"reference": "Patient?identifier=s|1/Patient/2"}, None, None, None),
        ({"reference": "Patient/"}, None, None, None),
        ({"reference": "#a"}, None, None, None),
        ({"identifier": {"value": "1"}}, None, None, None),
        ({"reference": ""}, None, None, None),
    ],
)
def test_reference_yields_its_key(rows, subject: Any, any_key: Any, patient: Any, device: Any) -> None:
    found = rows(VIEW, [{"resourceType": "Observation", "id": "o", "subject": subject}])
    assert found == [{"own": "o", "any": any_key, "patient": patient, "device": device}]


def test_reference_key_equals_the_key_of_the_resource_pointed_to(answers) -> None:
    patient = {"resourceType": "Patient", "id": "p", "link": [{"other": {"reference": "Patient/p"}, "type": "seealso"}]}
    same = "getResourceKey() = link.other.getReferenceKey(Patient)"
    assert answers(patient, [same]) == {same: True}


def test_pipeline_names_the_key_and_the_owner_of_contained_resources(frame) -> None:
    records = frame([{"resourceType": "Observation", "subject": {"reference": "#a"}}]).withColumn("key", F.lit("k"))
    row = compile_view(VIEW).project(records, keep=["key"], key=F.col("key")).collect()[0].asDict()
    assert (row["key"], row["own"], row["any"], row["device"]) == ("k", "k", "Observation/k#a", "Observation/k#a")
