"""silver.procedure: code systems, every way to say when, and what is held back."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.procedure import procedure

MIMIC = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-"
BASE: Resource = {"resourceType": "Procedure", "status": "completed", "subject": {"reference": "Patient/p"}}
YEARS = {"system": "http://unitsofmeasure.org", "code": "a"}
CASES: dict[str, Resource] = {
    "full": {
        **BASE,
        "code": concept(
            coding("http://snomed.info/sct", "24165007"),
            coding("http://www.ama-assn.org/go/cpt", "33249"),
            coding("http://www.cms.gov/Medicare/Coding/ICD10", "HZ30ZZZ"),
            text="Counseling",
        ),
        "encounter": {"reference": "Encounter/e"},
        "performedPeriod": {"start": "2019-03-26T12:55:26-07:00", "end": "2019-03-26T13:25:26-07:00"},
        "performer": [{"actor": {"reference": "Practitioner/dr"}}],
        "location": {"reference": "Location?identifier=urn:l|9"},
        "reasonReference": [{"reference": "Condition/c"}],
        "outcome": concept(coding(None, "385669000")),
    },
    "mimic": {**BASE, "code": concept(coding(MIMIC + "icd9", "5491"))},
    "date": {**BASE, "performedDateTime": "2002-05"},
    "age": {**BASE, "performedAge": {"value": 12, **YEARS}},
    "range": {**BASE, "performedRange": {"low": {"value": 30, **YEARS}}},
    "string": {**BASE, "performedString": "long ago"},
    "not-done": {**BASE, "status": "not-done", "statusReason": concept(coding(None, "refused"))},
    "backwards": {**BASE, "performedPeriod": {"start": "2020-01-02", "end": "2019-12-30"}},
    "before-birth": {**BASE, "performedDateTime": "1979-01"},
    "future": {**BASE, "performedDateTime": "2026-02-01"},
    "planned": {**BASE, "status": "preparation", "performedDateTime": "2026-02-01"},
    "bad-status": {**BASE, "status": "finished"},
    "odd-age": {**BASE, "performedAge": {"value": 130, **YEARS}},
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, procedure, dumps(CASES), patients=births(spark, {"p": "1980-01-01"}))


def test_all_of_a_procedure_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "procedure_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "status": "completed",
        "is_done": True,
        "code_text": "Counseling",
        "snomed_code": "24165007",
        "cpt_code": "33249",
        "icd10pcs_code": "HZ30ZZZ",
        "started_at": datetime(2019, 3, 26, 19, 55, 26),
        "started_precision": "second",
        "ended_at": datetime(2019, 3, 26, 20, 25, 26),
        "performer_id": "dr",
        "location_id": None,
        "location_reference": "Location?identifier=urn:l|9",
        "reason_condition_ids": ["c"],
        "outcome_code": "385669000",
    }
    assert {name: found[name] for name in expected} == expected
    assert found.failed | found.warned == set()


def test_when_it_was_done_is_read_in_every_form(made: dict[str, list[Made]]) -> None:
    dated = one(made, "date")
    assert (dated["started_at"], dated["started_precision"], dated["ended_at"]) == (
        datetime(2002, 5, 1),
        "month",
        None,
    )
    assert one(made, "age")["performed_age_years"] == 12.0
    assert one(made, "range")["performed_age_years"] == 30.0
    assert one(made, "string")["performed_text"] == "long ago"


def test_codes_of_mimic_stand_in_their_column(made: dict[str, list[Made]]) -> None:
    assert one(made, "mimic")["icd9pcs_code"] == "5491"


def test_what_was_not_done_is_marked(made: dict[str, list[Made]]) -> None:
    found = one(made, "not-done")
    assert (found["is_done"], found["status_reason_code"]) == (False, "refused")


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("backwards", {"ended_at_not_before_started_at"}),
        ("before-birth", {"started_at_not_before_birth"}),
        ("future", {"started_at_not_in_the_future"}),
        ("planned", set()),
        ("bad-status", {"status_is_known"}),
        ("odd-age", {"performed_age_is_plausible"}),
        ("date", set()),
    ],
)
def test_wrong_procedures_are_held_back(made: dict[str, list[Made]], ident: str, failed: set[str]) -> None:
    assert one(made, ident).failed == failed
