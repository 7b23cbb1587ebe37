"""silver.allergy: reactions with their severity, what is no allergy, every way to say when, what is held back."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.allergy import allergy

SCT = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
NPI = "http://hl7.org/fhir/sid/us-npi"
YEARS = {"system": "http://unitsofmeasure.org", "code": "a"}
AMOXICILLIN = concept(coding(RXNORM, "723", "Amoxicillin"), coding(SCT, "372687004"), text="Amoxicillin")
ALLERGIC: Resource = {
    "resourceType": "AllergyIntolerance",
    "patient": {"reference": "Patient/p"},
    "clinicalStatus": concept(coding(None, "active")),
    "code": AMOXICILLIN,
}


def verified(code: str) -> Resource:
    return {**ALLERGIC, "verificationStatus": concept(coding(None, code))}


def reaction(*codes: str, severity: str | None = None, **more: object) -> Resource:
    level = {} if severity is None else {"severity": severity}
    return {"manifestation": [concept(coding(SCT, code)) for code in codes], **level, **more}


ALLERGIES: dict[str, Resource] = {
    "full": {
        **verified("confirmed"),
        "type": "allergy",
        "category": ["medication", "biologic"],
        "criticality": "high",
        "encounter": {"reference": "Encounter/e"},
        "onsetDateTime": "2004-05",
        "lastOccurrence": "2012-06-01",
        "recordedDate": "2012-06-02T10:00:00+02:00",
        "recorder": {"identifier": {"system": NPI, "value": "1234567893"}},
        "asserter": {"reference": "RelatedPerson/mother"},
        "reaction": [
            reaction("271807003", severity="mild", substance=concept(coding(RXNORM, "308182"))),
            {"manifestation": [{"text": "felt odd"}], "description": "An hour later"},
            reaction("39579001", "247472004", severity="severe"),
            reaction("62315008"),
        ],
    },
    "refuted": verified("refuted"),
    "error": verified("entered-in-error"),
    "none-known": {**ALLERGIC, "code": concept(coding(SCT, "716186003"))},
    "none-known-ips": {**ALLERGIC, "code": concept(coding(IPS, "no-known-medication-allergies"))},
    "same-code-elsewhere": {**ALLERGIC, "code": concept(coding("urn:local", "716186003"))},
    "none-known-reaction": {
        **ALLERGIC,
        "code": concept(coding(SCT, "716186003")),
        "reaction": [reaction("271807003")],
    },
    "substance-only": {
        **{k: v for k, v in ALLERGIC.items() if k != "code"},
        "reaction": [reaction("271807003", substance=AMOXICILLIN)],
    },
    "no-code": {k: v for k, v in ALLERGIC.items() if k != "code"},
    "period": {**ALLERGIC, "onsetPeriod": {"start": "2010", "end": "2012"}},
    "age": {**ALLERGIC, "onsetAge": {"value": 18, "unit": "months", "code": "mo"}},
    "range": {**ALLERGIC, "onsetRange": {"low": {"value": 4, **YEARS}, "high": {"value": 6, **YEARS}}},
    "string": {**ALLERGIC, "onsetString": "at school"},
    "odd-age": {**ALLERGIC, "onsetAge": {"value": 180, **YEARS}},
    "backwards": {**ALLERGIC, "onsetDateTime": "2010-05", "lastOccurrence": "2009"},
    "same-year": {**ALLERGIC, "onsetDateTime": "2010-05", "lastOccurrence": "2010"},
    "before-birth": {**ALLERGIC, "onsetDateTime": "1979-06"},
    "birth-year": {**ALLERGIC, "onsetDateTime": "1980"},
    "future": {**ALLERGIC, "recordedDate": "2026-01-17"},
    "odd-category": {**ALLERGIC, "category": ["food", "weather"]},
    "odd-severity": {**ALLERGIC, "reaction": [reaction("1", severity="fatal")]},
    "odd-status": {**ALLERGIC, "clinicalStatus": concept(coding(None, "gone"))},
    "odd-criticality": {**ALLERGIC, "criticality": "medium"},
    "odd-type": {**ALLERGIC, "type": "dislike"},
}

Rows = dict[str, list[Made]]


@pytest.fixture(scope="module")
def allergies(spark: SparkSession) -> Rows:
    return conform(spark, allergy, dumps(ALLERGIES), patients=births(spark, {"p": "1980-08-20"}))


def test_all_of_an_allergy_is_there(allergies: Rows) -> None:
    found = one(allergies, "full")
    expected = {
        "allergy_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "clinical_status": "active",
        "verification_status": "confirmed",
        "is_withdrawn": False,
        "is_none_known": False,
        "allergy_type": "allergy",
        "categories": ["medication", "biologic"],
        "criticality": "high",
        "rxnorm_code": "723",
        "snomed_code": "372687004",
        "onset_at": datetime(2004, 5, 1),
        "onset_precision": "month",
        "last_occurred_at": datetime(2012, 6, 1),
        "recorded_at": datetime(2012, 6, 2, 8),
        "recorder_reference": f"{NPI}|1234567893",
        "recorder_npi": "1234567893",
        "asserter_id": None,
        "asserter_reference": "RelatedPerson/mother",
        "reaction_severity": "severe",
        "reaction_texts": ["felt odd", "An hour later"],
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["reaction_substance_codes"]] == ["308182"]
    assert found.failed | found.warned == set()


def test_each_reaction_keeps_its_severity_and_the_worst_comes_first(allergies: Rows) -> None:
    found = [(r["system"], r["code"], r["severity"]) for r in one(allergies, "full")["reactions"]]
    assert found == [
        (SCT, "39579001", "severe"),
        (SCT, "247472004", "severe"),
        (SCT, "271807003", "mild"),
        (SCT, "62315008", None),
    ]


@pytest.mark.parametrize(
    ("ident", "is_withdrawn", "is_none_known"),
    [
        ("refuted", True, False),
        ("error", True, False),
        ("none-known", False, True),
        ("none-known-ips", False, True),
        ("same-code-elsewhere", False, False),
    ],
)
def test_what_is_no_allergy_is_marked(allergies: Rows, ident: str, is_withdrawn: bool, is_none_known: bool) -> None:
    found = one(allergies, ident)
    assert (found["is_withdrawn"], found["is_none_known"], found.failed) == (is_withdrawn, is_none_known, set())


def test_onset_of_an_allergy_is_read_in_every_form(allergies: Rows) -> None:
    period = one(allergies, "period")
    assert (period["onset_at"], period["onset_precision"]) == (datetime(2010, 1, 1), "year")
    assert one(allergies, "age")["onset_age_years"] == 1.5
    ranged = one(allergies, "range")
    assert (ranged["onset_age_years"], ranged["onset_age_high_years"]) == (4.0, 6.0)
    assert one(allergies, "string")["onset_text"] == "at school"


@pytest.mark.parametrize(
    ("ident", "warned"),
    [
        ("no-code", {"code_is_given"}),
        ("substance-only", set()),
        ("none-known-reaction", {"none_known_has_no_reaction"}),
    ],
)
def test_doubtful_allergies_are_warnings(allergies: Rows, ident: str, warned: set[str]) -> None:
    assert (one(allergies, ident).warned, one(allergies, ident).failed) == (warned, set())


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("odd-age", {"onset_age_is_plausible"}),
        ("backwards", {"last_occurred_at_not_before_onset_at"}),
        ("same-year", set()),
        ("before-birth", {"onset_at_not_before_birth"}),
        ("birth-year", set()),
        ("future", {"recorded_at_not_in_the_future"}),
        ("odd-category", {"categories_are_known"}),
        ("odd-severity", {"reaction_severities_are_known"}),
        ("odd-status", {"clinical_status_is_known"}),
        ("odd-criticality", {"criticality_is_known"}),
        ("odd-type", {"allergy_type_is_known"}),
    ],
)
def test_wrong_allergies_are_held_back_and_doubtful_ones_are_not(allergies: Rows, ident: str, failed: set[str]) -> None:
    assert one(allergies, ident).failed == failed
