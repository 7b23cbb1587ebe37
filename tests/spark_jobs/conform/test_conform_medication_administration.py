"""silver.medication_administration: the medicine in its three forms, doses and rates, what is held back."""

from datetime import datetime

import pytest
from conforming import UCUM, Made, Resource, births, coding, concept, conform, dumps, one, project, quantity
from pyspark.sql import SparkSession

from spark_jobs.conform.medication import medication
from spark_jobs.conform.medication_administration import medication_administration
from spark_jobs.conform.medicine import MEDICINE

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NPI = "http://hl7.org/fhir/sid/us-npi"
GIVEN: Resource = {
    "resourceType": "MedicationAdministration",
    "status": "completed",
    "subject": {"reference": "Patient/p"},
}
HEPARIN = concept(coding("urn:local", "hep"), coding(RXNORM, "5224", "heparin"), text="Heparin drip")


def dosed(**dosage: object) -> Resource:
    return {**GIVEN, "dosage": dosage}


def ratio(numerator: Resource, denominator: Resource) -> Resource:
    return {"numerator": numerator, "denominator": denominator}


MEDICATIONS: dict[str, Resource] = {
    "m1": {"resourceType": "Medication", "code": concept(coding(RXNORM, "582620"), text="Nizatidine")},
    "MedicationAdministration/contained#own": {"resourceType": "Medication", "code": concept(coding(RXNORM, "1"))},
}
ADMINISTRATIONS: dict[str, Resource] = {
    "full": {
        **GIVEN,
        "medicationCodeableConcept": HEPARIN,
        "category": concept(coding(None, "inpatient")),
        "context": {"reference": "https://fhir.example.org/Encounter/e/_history/2"},
        "request": {"reference": "MedicationRequest/r"},
        "effectivePeriod": {"start": "2020-03-01T22:30:00-05:00", "end": "2020-03-02"},
        "performer": [{"actor": {"reference": f"Practitioner?identifier={NPI}|1234567893"}}],
        "reasonCode": [concept(coding(None, "I26.9"))],
        "reasonReference": [{"reference": "Condition/c"}, {"reference": "Observation/o"}],
        "dosage": {
            "text": "1,000 units an hour",
            "dose": {"value": 5, "unit": "milligram", "code": "mg", "system": UCUM},
            "rateQuantity": {"value": 40, "unit": "mL/hour"},
            "route": concept(coding(None, "47625008"), coding(None, "IV")),
            "site": concept(coding(None, "left arm")),
            "method": concept(coding(None, "infusion")),
        },
    },
    "ratio": dosed(rateRatio=ratio(quantity(100, "mL"), quantity(4, "h"))),
    "ratio-of-nothing": dosed(rateRatio=ratio(quantity(100, "mL"), quantity(0, "h"))),
    "no-unit": dosed(dose={"value": 5}),
    "reference": {**GIVEN, "medicationReference": {"reference": "Medication/m1", "display": "shown"}},
    "contained": {**GIVEN, "medicationReference": {"reference": "#own"}},
    "later": {**GIVEN, "medicationReference": {"reference": "Medication/later", "display": "shown"}},
    "logical": {**GIVEN, "medicationReference": {"identifier": {"system": "urn:m", "value": "9"}}},
    "episode": {**GIVEN, "context": {"reference": "EpisodeOfCare/ep"}},
    "not-done": {**GIVEN, "status": "not-done", "statusReason": [concept(coding(None, "held"))]},
    "stopped": {**GIVEN, "status": "stopped"},
    "unknown": {**GIVEN, "status": "unknown"},
    "backwards": {**GIVEN, "effectivePeriod": {"start": "2020-03-02", "end": "2020-02-28"}},
    "same-month": {**GIVEN, "effectivePeriod": {"start": "2020-03-02", "end": "2020-03"}},
    "before-birth": {**GIVEN, "effectiveDateTime": "1979-12"},
    "birth-year": {**GIVEN, "effectiveDateTime": "1980"},
    "future": {**GIVEN, "effectiveDateTime": "2026-01-18"},
    "time-zones": {**GIVEN, "effectiveDateTime": "2026-01-16T20:00:00Z"},
    "planned": {**GIVEN, "status": "not-done", "effectiveDateTime": "2026-02-01"},
    "negative": dosed(dose=quantity(-5, "mg")),
    "bad-status": {**GIVEN, "status": "given"},
    "nobody": {**{k: v for k, v in GIVEN.items() if k != "subject"}},
}

Rows = dict[str, list[Made]]


@pytest.fixture(scope="module")
def given(spark: SparkSession) -> Rows:
    medications = medication(project(spark, medication, dumps(MEDICATIONS))).select("medication_id", *MEDICINE)
    patients = births(spark, {"p": "1980-08-20"})
    return conform(spark, medication_administration, dumps(ADMINISTRATIONS), patients=patients, medications=medications)


def test_all_of_an_administration_is_there(given: Rows) -> None:
    found = one(given, "full")
    expected = {
        "medication_administration_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "medication_request_id": "r",
        "is_done": True,
        "code_text": "Heparin drip",
        "rxnorm_code": "5224",
        "started_at": datetime(2020, 3, 2, 3, 30),
        "started_precision": "second",
        "ended_at": datetime(2020, 3, 2),
        "ended_precision": "day",
        "performer_id": None,
        "performer_npi": "1234567893",
        "reason_condition_ids": ["c"],
        "dosage_text": "1,000 units an hour",
        "dose": 5.0,
        "dose_unit": "mg",
        "rate": 40.0,
        "rate_unit": "mL/hour",
        "route_code": "47625008",
        "method_code": "infusion",
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["codes"]] == ["hep", "5224"]
    assert [c["code"] for c in found["route_codes"]] == ["47625008", "IV"]
    assert found.failed | found.warned == set()


@pytest.mark.parametrize(
    ("ident", "rate", "unit"), [("ratio", 25.0, "mL/h"), ("ratio-of-nothing", None, None), ("no-unit", None, None)]
)
def test_a_rate_that_is_a_ratio_is_worked_out(given: Rows, ident: str, rate: float | None, unit: str | None) -> None:
    assert (one(given, ident)["rate"], one(given, ident)["rate_unit"]) == (rate, unit)


@pytest.mark.parametrize(
    ("ident", "medication_id", "rxnorm", "text"),
    [
        ("reference", "m1", "582620", "Nizatidine"),
        ("contained", "MedicationAdministration/contained#own", "1", None),
        ("later", "later", None, "shown"),
        ("logical", None, None, None),
    ],
)
def test_a_medicine_that_is_referred_to_lends_its_codes_to_an_administration(
    given: Rows, ident: str, medication_id: str | None, rxnorm: str | None, text: str | None
) -> None:
    found = one(given, ident)
    assert (found["medication_id"], found["rxnorm_code"], found["code_text"]) == (medication_id, rxnorm, text)


def test_references_that_are_no_ids_are_kept_as_written(given: Rows) -> None:
    assert one(given, "logical")["medication_reference"] == "urn:m|9"
    episode = one(given, "episode")
    assert (episode["encounter_id"], episode["encounter_reference"]) == (None, "EpisodeOfCare/ep")


@pytest.mark.parametrize(("ident", "is_done"), [("not-done", False), ("stopped", True), ("unknown", False)])
def test_what_was_not_given_is_marked(given: Rows, ident: str, is_done: bool) -> None:
    assert one(given, ident)["is_done"] is is_done
    assert one(given, "not-done")["status_reason_code"] == "held"


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("backwards", {"ended_at_not_before_started_at"}),
        ("same-month", set()),
        ("before-birth", {"started_at_not_before_birth"}),
        ("birth-year", set()),
        ("future", {"started_at_not_in_the_future"}),
        ("time-zones", set()),
        ("planned", set()),
        ("negative", {"quantities_not_negative"}),
        ("bad-status", {"status_is_known"}),
        ("nobody", {"patient_is_named"}),
        ("no-unit", set()),
    ],
)
def test_wrong_administrations_are_held_back_and_doubtful_ones_are_not(
    given: Rows, ident: str, failed: set[str]
) -> None:
    assert one(given, ident).failed == failed


def test_doubtful_administrations_are_warnings(given: Rows) -> None:
    assert one(given, "no-unit").warned == {"dose_has_a_unit", "medicine_is_given", "started_at_is_known"}
