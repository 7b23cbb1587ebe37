"""silver.condition: code systems, every way to say when, and what is held back."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.condition import condition

SCT = "http://snomed.info/sct"
CM = "http://hl7.org/fhir/sid/icd-10-cm"
MIMIC = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-"
BASE: Resource = {"resourceType": "Condition", "subject": {"reference": "Patient/p"}}


def of(*codings: Resource, **more: object) -> Resource:
    return {**BASE, "code": concept(*codings), **more}


def verified(code: str) -> Resource:
    return {"verificationStatus": concept(coding(None, code))}


YEARS = {"system": "http://unitsofmeasure.org", "code": "a", "unit": "years"}
CASES: dict[str, Resource] = {
    "two-systems": of(
        coding(SCT, "39065001", "Burn of ear"),
        coding(CM, "T20.21", "Burn of second degree of ear"),
        clinicalStatus=concept(coding(None, "resolved")),
        category=[concept(coding(None, "problem-list-item")), concept(coding(None, "sdoh"))],
        encounter={"reference": "Encounter/e"},
        onsetDateTime="2016-08-10",
        abatementDateTime="2016-08-17",
        recordedDate="2016-08-17T07:15:07-08:00",
        recorder={"reference": "Practitioner/dr"},
        **verified("confirmed"),
    ),
    "encounter-conditional": of(coding(SCT, "1"), encounter={"reference": "Encounter?identifier=urn:visit|7"}),
    "encounter-logical": of(coding(SCT, "1"), encounter={"identifier": {"system": "urn:visit", "value": "7"}}),
    "mimic-10": of(coding(MIMIC + "icd10", "E785")),
    "mimic-9": of(coding(MIMIC + "icd9", "4019")),
    "japan": of(coding("http://hl7.org/fhir/sid/icd-10", "J18.9")),
    "no-such-code": of(coding(CM, "E11.99")),
    "text-only": {**BASE, "code": {"text": "Fear of becoming fat"}},
    "no-code": BASE,
    "refuted": of(coding(SCT, "1"), **verified("refuted")),
    "error": of(coding(SCT, "1"), **verified("entered-in-error")),
    "period": of(onsetPeriod={"start": "2010", "end": "2012"}, abatementPeriod={"start": "2013", "end": "2014-02"}),
    "age": of(onsetAge={"value": 18, **YEARS}, abatementAge={"value": 6, "code": "mo"}),
    "range": of(onsetRange={"low": {"value": 40, **YEARS}, "high": {"value": 49, **YEARS}}),
    "string": of(onsetString="in childhood", abatementString="years ago"),
    "backwards": of(onsetDateTime="2016-08-10", abatementDateTime="2015"),
    "same-year": of(onsetDateTime="2016-08-10", abatementDateTime="2016"),
    "before-birth": of(onsetDateTime="1979-06"),
    "birth-year": of(onsetDateTime="1980"),
    "recorded-before-birth": of(recordedDate="1970-01-01"),
    "future": of(onsetDateTime="2026-03"),
    "recorded-in-future": of(recordedDate="2026-01-17"),
    "odd-age": of(onsetAge={"value": 180, **YEARS}),
    "odd-status": of(clinicalStatus=concept(coding(None, "gone"))),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, condition, dumps(CASES), patients=births(spark, {"p": "1980-08-20"}))


def test_all_of_a_condition_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "two-systems")
    expected = {
        "condition_id": "two-systems",
        "patient_id": "p",
        "encounter_id": "e",
        "clinical_status": "resolved",
        "verification_status": "confirmed",
        "is_asserted": True,
        "icd10cm_code": "T20.21",
        "icd10_code": None,
        "snomed_code": "39065001",
        "onset_at": datetime(2016, 8, 10),
        "onset_precision": "day",
        "abated_at": datetime(2016, 8, 17),
        "recorded_at": datetime(2016, 8, 17, 15, 15, 7),
        "recorded_precision": "second",
        "recorder_id": "dr",
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["codes"]] == ["39065001", "T20.21"]
    assert [c["code"] for c in found["category_codes"]] == ["problem-list-item", "sdoh"]
    assert found.failed | found.warned == set()


@pytest.mark.parametrize(
    ("ident", "reference"),
    [("encounter-conditional", "Encounter?identifier=urn:visit|7"), ("encounter-logical", "urn:visit|7")],
)
def test_an_encounter_that_is_named_by_its_identifier_is_kept_as_written(
    made: dict[str, list[Made]], ident: str, reference: str
) -> None:
    found = one(made, ident)
    assert (found["encounter_id"], found["encounter_reference"]) == (None, reference)


@pytest.mark.parametrize(
    ("ident", "column", "code"),
    [
        ("mimic-10", "icd10cm_code", "E78.5"),
        ("mimic-9", "icd9cm_code", "4019"),
        ("japan", "icd10_code", "J18.9"),
        ("japan", "icd10cm_code", None),
    ],
)
def test_each_code_stands_in_the_column_of_its_system(
    made: dict[str, list[Made]], ident: str, column: str, code: str | None
) -> None:
    found = one(made, ident)
    assert found[column] == code
    assert "icd10cm_code_exists" not in found.warned


def test_a_code_that_does_not_exist_is_a_warning_and_stays(made: dict[str, list[Made]]) -> None:
    found = one(made, "no-such-code")
    assert found["icd10cm_code"] == "E11.99"
    assert (found.warned, found.failed) == ({"icd10cm_code_exists"}, set())


def test_a_condition_without_a_code_is_a_warning_unless_it_has_words(made: dict[str, list[Made]]) -> None:
    assert "code_is_given" in one(made, "no-code").warned
    assert "code_is_given" not in one(made, "text-only").warned


@pytest.mark.parametrize("ident", ["refuted", "error"])
def test_what_is_not_so_is_marked(made: dict[str, list[Made]], ident: str) -> None:
    assert one(made, ident)["is_asserted"] is False
    assert one(made, ident).failed == set()


def test_onset_and_abatement_are_read_in_every_form(made: dict[str, list[Made]]) -> None:
    period = one(made, "period")
    assert (period["onset_at"], period["onset_precision"]) == (datetime(2010, 1, 1), "year")
    assert (period["abated_at"], period["abated_precision"]) == (datetime(2014, 2, 1), "month")
    age = one(made, "age")
    assert (age["onset_age_years"], age["abated_age_years"], age["onset_at"]) == (18.0, 0.5, None)
    ranged = one(made, "range")
    assert (ranged["onset_age_years"], ranged["onset_age_high_years"]) == (40.0, 49.0)
    words = one(made, "string")
    assert (words["onset_text"], words["abatement_text"]) == ("in childhood", "years ago")


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("backwards", {"abated_at_not_before_onset_at"}),
        ("same-year", set()),
        ("before-birth", {"onset_at_not_before_birth"}),
        ("birth-year", set()),
        ("recorded-before-birth", {"recorded_at_not_before_birth"}),
        ("future", {"onset_at_not_in_the_future"}),
        ("recorded-in-future", {"recorded_at_not_in_the_future"}),
        ("odd-age", {"onset_age_is_plausible"}),
        ("odd-status", {"clinical_status_is_known"}),
        ("age", set()),
        ("range", set()),
    ],
)
def test_wrong_conditions_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed
