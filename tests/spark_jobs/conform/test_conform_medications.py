"""silver.medication and silver.medication_request: the medicine in its three forms, dosage, what is held back."""

from datetime import datetime

import pytest
from conforming import UCUM, Made, Resource, births, coding, concept, conform, dumps, one, project, quantity
from pyspark.sql import SparkSession

from spark_jobs.conform.medication import medication
from spark_jobs.conform.medication_request import medication_request

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-medication-ndc"
NPI = "http://hl7.org/fhir/sid/us-npi"
BASE: Resource = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "subject": {"reference": "Patient/p"},
}
MEDICATIONS: dict[str, Resource] = {
    "m1": {
        "resourceType": "Medication",
        "status": "active",
        "code": concept(coding(RXNORM, "582620", "Nizatidine"), coding(NDC, "00006022761"), text="Nizatidine oral"),
        "form": concept(coding("http://snomed.info/sct", "385023001")),
        "ingredient": [{"itemCodeableConcept": concept(coding(RXNORM, "7417"))}],
        "batch": {"lotNumber": "L1"},
    },
    "MedicationRequest/contained#med2": {"resourceType": "Medication", "code": concept(coding(RXNORM, "1"))},
    "bad": {"resourceType": "Medication", "status": "gone"},
}
AXID = concept(coding("urn:local", "x"), coding(RXNORM, "476872"), text="Nizatidine 15 MG/ML")
CASES: dict[str, Resource] = {
    "full": {
        **BASE,
        "medicationCodeableConcept": AXID,
        "encounter": {"reference": "Encounter/e"},
        "authoredOn": "2008-04-05",
        "requester": {"reference": f"Practitioner?identifier={NPI}|1234567893"},
        "dosageInstruction": [
            {
                "text": "10 mL bid",
                "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                "route": concept(coding("http://snomed.info/sct", "26643006")),
                "doseAndRate": [{"doseQuantity": quantity(10, "mL"), "rateQuantity": quantity(80, "mL/h")}],
                "asNeededBoolean": False,
            },
            {"text": "then 5 mL"},
        ],
        "dispenseRequest": {
            "numberOfRepeatsAllowed": 1,
            "quantity": quantity(480, "mL"),
            "expectedSupplyDuration": {"value": 2, "unit": "weeks", "system": UCUM, "code": "wk"},
            "validityPeriod": {"start": "2008-04-05", "end": "2008-05"},
        },
        "reasonReference": [{"reference": "Condition/c"}],
    },
    "reference": {**BASE, "medicationReference": {"reference": "Medication/m1", "display": "shown"}},
    "contained": {**BASE, "medicationReference": {"reference": "#med2"}},
    "unresolved": {**BASE, "medicationReference": {"reference": "Medication/later", "display": "shown"}},
    "logical": {**BASE, "medicationReference": {"identifier": {"system": "urn:m", "value": "9"}}},
    "range": {
        **BASE,
        "medicationCodeableConcept": AXID,
        "dosageInstruction": [
            {
                "asNeededCodeableConcept": concept(coding(None, "pain")),
                "timing": {
                    "code": concept(coding(None, "Q6H")),
                    "repeat": {"frequency": 1, "period": 6, "periodUnit": "h"},
                },
                "doseAndRate": [{"doseRange": {"low": quantity(1, "g"), "high": quantity(2, "g")}}],
            }
        ],
    },
    "not-to-be-given": {**BASE, "medicationCodeableConcept": AXID, "doNotPerform": True},
    "no-medicine": BASE,
    "future": {**BASE, "authoredOn": "2026-02-01"},
    "before-birth": {**BASE, "authoredOn": "1960"},
    "negative": {**BASE, "dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity(-1, "g")}]}]},
    "valid-backwards": {**BASE, "dispenseRequest": {"validityPeriod": {"start": "2020-02-02", "end": "2020-01-01"}}},
    "bad-intent": {**BASE, "intent": "wish"},
}


@pytest.fixture(scope="module")
def medicines(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, medication, dumps(MEDICATIONS))


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    medications = medication(project(spark, medication, dumps(MEDICATIONS)))
    found = medications.select("medication_id", "codes", "code_text", "rxnorm_code", "ndc_code")
    patients = births(spark, {"p": "1980-01-01"})
    return conform(spark, medication_request, dumps(CASES), patients=patients, medications=found)


def test_all_of_a_medicine_is_there(medicines: dict[str, list[Made]]) -> None:
    found = one(medicines, "m1")
    expected = {
        "medication_id": "m1",
        "status": "active",
        "code_text": "Nizatidine oral",
        "rxnorm_code": "582620",
        "ndc_code": "00006022761",
        "lot_number": "L1",
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["ingredient_codes"]] == ["7417"]
    assert found.failed | found.warned == set()
    assert one(medicines, "bad").failed == {"status_is_known"}
    assert one(medicines, "bad").warned == {"code_is_given"}


def test_all_of_a_request_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "medication_request_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "status": "active",
        "intent": "order",
        "is_not_to_be_given": False,
        "medication_id": None,
        "code_text": "Nizatidine 15 MG/ML",
        "rxnorm_code": "476872",
        "authored_at": datetime(2008, 4, 5),
        "authored_precision": "day",
        "requester_npi": "1234567893",
        "reason_condition_ids": ["c"],
        "dosage_texts": ["10 mL bid", "then 5 mL"],
        "dose": 10.0,
        "dose_high": None,
        "dose_unit": "mL",
        "rate": 80.0,
        "rate_unit": "mL/h",
        "route_code": "26643006",
        "is_as_needed": False,
        "daily_frequency": 2.0,
        "dispense_quantity": 480.0,
        "dispense_unit": "mL",
        "refills_allowed": 1,
        "supply_days": 14.0,
        "valid_to": datetime(2008, 5, 1),
    }
    assert {name: found[name] for name in expected} == expected
    assert found.failed | found.warned == set()


def test_a_dose_range_and_a_need_are_read(made: dict[str, list[Made]]) -> None:
    found = one(made, "range")
    assert (found["dose"], found["dose_high"], found["dose_unit"]) == (1.0, 2.0, "g")
    assert (found["is_as_needed"], found["timing_code"], found["daily_frequency"]) == (True, "Q6H", 4.0)


@pytest.mark.parametrize(
    ("ident", "medication_id", "rxnorm", "text"),
    [
        ("reference", "m1", "582620", "Nizatidine oral"),
        ("contained", "MedicationRequest/contained#med2", "1", None),
        ("unresolved", "later", None, "shown"),
        ("logical", None, None, None),
    ],
)
def test_a_medicine_that_is_referred_to_lends_its_codes(
    made: dict[str, list[Made]], ident: str, medication_id: str | None, rxnorm: str | None, text: str | None
) -> None:
    found = one(made, ident)
    assert (found["medication_id"], found["rxnorm_code"], found["code_text"]) == (medication_id, rxnorm, text)
    assert found.failed == set()


def test_a_logical_reference_to_a_medicine_is_kept_as_text(made: dict[str, list[Made]]) -> None:
    assert one(made, "logical")["medication_reference"] == "urn:m|9"


def test_an_order_not_to_give_is_marked(made: dict[str, list[Made]]) -> None:
    assert one(made, "not-to-be-given")["is_not_to_be_given"] is True


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("no-medicine", set()),
        ("future", {"authored_at_not_in_the_future"}),
        ("before-birth", {"authored_at_not_before_birth"}),
        ("negative", {"quantities_not_negative"}),
        ("valid-backwards", {"valid_to_not_before_valid_from"}),
        ("bad-intent", {"intent_is_known"}),
    ],
)
def test_wrong_requests_are_held_back(made: dict[str, list[Made]], ident: str, failed: set[str]) -> None:
    assert one(made, ident).failed == failed


def test_a_request_without_a_medicine_is_a_warning(made: dict[str, list[Made]]) -> None:
    assert "medicine_is_given" in one(made, "no-medicine").warned
