"""silver.adverse_event: codes of several systems, suspects by type, what is held back and what is doubtful."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.adverse_event import adverse_event

FHIR = "http://terminology.hl7.org/CodeSystem/adverse-event-"
HARM: Resource = {
    "resourceType": "AdverseEvent",
    "actuality": "actual",
    "subject": {"reference": "Patient/p"},
    "event": concept(coding("https://www.meddra.org", "10037844", "Rash")),
    "date": "2020-03-02",
}


def suspects(*references: Resource) -> Resource:
    return {**HARM, "suspectEntity": [{"instance": reference} for reference in references]}


EVENTS: dict[str, Resource] = {
    "full": {
        **suspects(
            {"reference": "https://fhir.example.org/Medication/m/_history/1"},
            {"reference": "MedicationAdministration/a"},
            {"reference": "#med"},
            {"reference": "#dev"},
            {"reference": "urn:uuid:8f8c3f9d-0000-4000-8000-000000000001"},
            {"reference": "Device?identifier=urn:d|7"},
            {"identifier": {"system": "urn:s", "value": "9"}, "display": "Some syrup"},
            {"reference": "Substance/s"},
        ),
        "contained": [
            {"resourceType": "Medication", "id": "med"},
            {"resourceType": "Device", "id": "dev"},
        ],
        "event": concept(
            coding("https://www.meddra.org", "10037844"),
            coding("http://hl7.org/fhir/sid/icd-10-cm", "l270"),
            text="Rash all over",
        ),
        "category": [concept(coding(None, "medication-mishap"))],
        "encounter": {"reference": "Encounter/e"},
        "detected": "2020-03",
        "recordedDate": "2020-03-05T10:00:00Z",
        "seriousness": concept(
            coding("urn:local", "2"), coding(FHIR + "seriousness", "SeriousResultsInHospitalization")
        ),
        "severity": concept(coding("urn:ctcae", "3"), coding(FHIR + "severity", "severe")),
        "outcome": concept(coding(FHIR + "outcome", "resolved")),
        "resultingCondition": [{"reference": "Condition/c"}],
        "recorder": {"reference": "Practitioner/dr"},
        "location": {"reference": "Location/ward"},
        "study": [{"reference": "ResearchStudy/s"}],
    },
    "near-miss": {**HARM, "actuality": "potential"},
    "own-scale": {**HARM, "severity": concept(coding("urn:ctcae", "3")), "seriousness": concept(coding(None, "1"))},
    "not-serious": {**HARM, "seriousness": concept(coding(FHIR + "seriousness", "Non-serious"))},
    "fatal": {
        **HARM,
        "seriousness": concept(coding(FHIR + "seriousness", "Non-serious")),
        "outcome": concept(coding(FHIR + "outcome", "fatal")),
    },
    "practitioner": {**HARM, "subject": {"reference": "Practitioner/dr"}},
    "noticed-before": {**HARM, "detected": "2020-01"},
    "recorded-before": {**HARM, "recordedDate": "2019"},
    "recorded-that-year": {**HARM, "recordedDate": "2020"},
    "before-birth": {**HARM, "date": "1979"},
    "future": {**HARM, "date": "2026-02"},
    "no-actuality": {k: v for k, v in HARM.items() if k != "actuality"},
    "odd-actuality": {**HARM, "actuality": "imagined"},
    "bare": {k: v for k, v in HARM.items() if k not in ("event", "date")},
}

Rows = dict[str, list[Made]]


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> Rows:
    return conform(spark, adverse_event, dumps(EVENTS), patients=births(spark, {"p": "1980-08-20"}))


def test_all_of_an_adverse_event_is_there(events: Rows) -> None:
    found = one(events, "full")
    expected = {
        "adverse_event_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "actuality": "actual",
        "code_text": "Rash all over",
        "meddra_code": "10037844",
        "icd10cm_code": "L27.0",
        "occurred_at": datetime(2020, 3, 2),
        "occurred_precision": "day",
        "detected_at": datetime(2020, 3, 1),
        "detected_precision": "month",
        "recorded_at": datetime(2020, 3, 5, 10),
        "seriousness_code": "SeriousResultsInHospitalization",
        "is_serious": True,
        "severity_code": "severe",
        "outcome_code": "resolved",
        "resulting_condition_ids": ["c"],
        "location_id": "ward",
        "recorder_id": "dr",
        "study_ids": ["s"],
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["severity_codes"]] == ["3", "severe"]
    assert found.failed | found.warned == set()


def test_a_suspect_stands_where_its_type_says_and_nowhere_else(events: Rows) -> None:
    found = one(events, "full")
    assert found["suspect_medication_ids"] == ["m", "AdverseEvent/full#med"]
    assert found["suspect_medication_administration_ids"] == ["a"]
    assert found["suspect_immunization_ids"] + found["suspect_procedure_ids"] + found["suspect_device_ids"] == []
    assert found["suspect_references"] == [
        "#dev",
        "urn:uuid:8f8c3f9d-0000-4000-8000-000000000001",
        "Device?identifier=urn:d|7",
        "Substance/s",
        "urn:s|9",
    ]
    assert found["suspect_texts"] == ["Some syrup"]


@pytest.mark.parametrize(("ident", "is_serious"), [("own-scale", None), ("not-serious", False), ("full", True)])
def test_seriousness_is_only_told_where_the_code_says_so(events: Rows, ident: str, is_serious: bool | None) -> None:
    assert one(events, ident)["is_serious"] is is_serious


def test_an_event_of_someone_else_keeps_whom_it_is_about(events: Rows) -> None:
    found = one(events, "practitioner")
    assert (found["patient_id"], found["patient_reference"]) == (None, "Practitioner/dr")


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("near-miss", set(), set()),
        ("own-scale", set(), {"severity_code_is_known"}),
        ("fatal", set(), {"fatal_is_serious"}),
        ("bare", set(), {"code_is_given", "time_is_given"}),
        ("noticed-before", {"detected_at_not_before_occurred_at"}, set()),
        ("recorded-before", {"recorded_at_not_before_occurred_at"}, set()),
        ("recorded-that-year", set(), set()),
        ("before-birth", {"occurred_at_not_before_birth"}, set()),
        ("future", {"occurred_at_not_in_the_future"}, set()),
        ("no-actuality", {"actuality_is_known"}, set()),
        ("odd-actuality", {"actuality_is_known"}, set()),
    ],
)
def test_wrong_adverse_events_are_held_back_and_doubtful_ones_are_warnings(
    events: Rows, ident: str, failed: set[str], warned: set[str]
) -> None:
    assert (one(events, ident).failed, one(events, ident).warned) == (failed, warned)
