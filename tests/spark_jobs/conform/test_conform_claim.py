"""silver.claim: who asks whom for how much, for whose care; money stays exact."""

from datetime import datetime
from decimal import Decimal

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.claim import claim

NPI = "http://hl7.org/fhir/sid/us-npi"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
BASE: Resource = {
    "resourceType": "Claim",
    "status": "active",
    "use": "claim",
    "type": concept(coding(TYPE, "professional")),
    "patient": {"reference": "Patient/p"},
    "created": "2024-05-02",
    "provider": {"reference": "Organization/clinic"},
    "insurance": [{"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/c"}}],
}


def usd(value: float) -> Resource:
    return {"value": value, "currency": "USD"}


def provided_by(**provider: object) -> Resource:
    return {**BASE, "provider": provider}


def billed(start: str, end: str, **more: object) -> Resource:
    return {**BASE, "billablePeriod": {"start": start, "end": end}, **more}


def diagnosis(number: int, *codings: Resource, kind: str | None = None) -> Resource:
    found: Resource = {"sequence": number, "diagnosisCodeableConcept": concept(*codings)}
    return found if kind is None else {**found, "type": [concept(coding(None, kind))]}


BY_CONDITION = {"sequence": 3, "diagnosisReference": {"reference": "Condition/c3"}}
E119, I10, J45 = coding(ICD, "E119"), coding(ICD, "I10"), coding(ICD, "J45.909")
CLAIMS: dict[str, Resource] = {
    "full": {
        **billed("2024-05-01T09:00:00-04:00", "2024-05-01"),
        "identifier": [{"system": "urn:claims", "value": "A-1"}],
        "type": concept(coding(TYPE, "institutional")),
        "subType": concept(coding("urn:bill-type", "t1")),
        "insurer": {"reference": "https://payer/fhir/Organization/acme"},
        "facility": {"reference": "Location/hall"},
        "priority": concept(coding(None, "normal")),
        "total": usd(1020.3),
        "insurance": [
            {"sequence": 1, "focal": False, "coverage": {"reference": "Coverage/other"}},
            {"sequence": 2, "focal": True, "coverage": {"reference": "Coverage/focal", "display": "Acme Gold"}},
        ],
        "diagnosis": [
            {**diagnosis(1, I10, coding("urn:own", "x")), "packageCode": concept(coding("urn:drg", "470"))},
            diagnosis(2, E119, kind="principal"),
            BY_CONDITION,
        ],
        "procedure": [{"sequence": 1, "procedureCodeableConcept": concept(coding("urn:pcs", "0SRD0J9"))}],
        "related": [{"claim": {"reference": "Claim/before"}}],
        "item": [
            {"sequence": 1, "productOrService": concept(text="A")},
            {"sequence": 2, "productOrService": concept(text="B"), "encounter": [{"reference": "Encounter/e"}]},
        ],
    },
    "practitioner": provided_by(reference="Practitioner/doc"),
    "role": provided_by(reference="PractitionerRole/r"),
    "untyped-urn": provided_by(reference="urn:uuid:1111"),
    "typed-urn": provided_by(reference="urn:uuid:1111", type="Practitioner"),
    "npi-conditional": provided_by(reference=f"Practitioner?identifier={NPI}|1234567893"),
    "npi-wrong": provided_by(identifier={"system": NPI, "value": "1234567890"}),
    "synthea": {
        **BASE,
        "provider": {"reference": "Organization?identifier=https://github.com/synthetichealth/synthea|37"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "NO_INSURANCE"}}],
        "total": usd(917.00),
    },
    "not-focal": {**BASE, "insurance": [{"sequence": 1, "coverage": {"identifier": {"value": "77"}}}]},
    "first-diagnosis": {**BASE, "diagnosis": [diagnosis(2, I10), diagnosis(1, E119)]},
    "unknown-diagnosis": {**BASE, "diagnosis": [diagnosis(1, coding(ICD, "Z99.QQQ"))]},
    "rounded": {**BASE, "total": usd(0.30004999)},
    "half-up": {**BASE, "total": usd(0.00005)},
    "huge": {**BASE, "total": usd(123456789012345.0)},
    "reversal": {**BASE, "total": usd(-5)},
    "no-currency": {**BASE, "total": {"value": 5}},
    "bad-currency": {**BASE, "total": {"value": 5, "currency": "$"}},
    "logical-patient": {**BASE, "patient": {"identifier": {"system": "urn:mrn", "value": "77"}}},
    "nobody": {k: v for k, v in BASE.items() if k != "patient"},
    "bad-status": {**BASE, "status": "paid"},
    "bad-use": {**BASE, "use": "bill"},
    "backwards": billed("2024-05-02T10:00:00Z", "2024-05-02T09:00:00Z"),
    "ends-in-start-month": billed("2024-05-20", "2024-05"),
    "before-birth": billed("1979-12-01", "1979-12-02"),
    "created-in-future": {**BASE, "created": "2026-02"},
    "created-tomorrow": {**BASE, "created": "2026-01-16"},
    "billed-ahead": billed("2026-03-01", "2026-03-31"),
    "planned": billed("2026-03-01", "2026-03-31", use="preauthorization"),
    "bare": {k: v for k, v in BASE.items() if k not in ("created", "provider", "insurance")},
}


@pytest.fixture(scope="module")
def claims(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, claim, dumps(CLAIMS), patients=births(spark, {"p": "1980-01-01"}))


def test_all_of_a_claim_is_there(claims: dict[str, list[Made]]) -> None:
    found = one(claims, "full")
    expected = {
        "claim_id": "full",
        "identifiers": [{"system": "urn:claims", "value": "A-1"}],
        "patient_id": "p",
        "patient_reference": None,
        "status": "active",
        "claim_use": "claim",
        "type_code": "institutional",
        "billable_started_at": datetime(2024, 5, 1, 13),
        "billable_started_precision": "second",
        "billable_ended_at": datetime(2024, 5, 1),
        "billable_ended_precision": "day",
        "created_at": datetime(2024, 5, 2),
        "created_precision": "day",
        "insurer_id": "acme",
        "provider_organization_id": "clinic",
        "provider_practitioner_id": None,
        "provider_reference": None,
        "location_id": "hall",
        "priority_code": "normal",
        "total_amount": Decimal("1020.3000"),
        "total_currency": "USD",
        "coverage_id": "focal",
        "coverage_text": "Acme Gold",
        "coverage_count": 2,
        "encounter_id": "e",
        "diagnosis_condition_ids": ["c3"],
        "icd10cm_code": "E11.9",
        "related_claim_ids": ["before"],
    }
    assert {name: found[name] for name in expected} == expected
    codes = {
        name: [c["code"] for c in found[name]]
        for name in ("sub_type_codes", "diagnosis_codes", "package_codes", "procedure_codes")
    }
    assert codes == {
        "sub_type_codes": ["t1"],
        "diagnosis_codes": ["I10", "x", "E119"],
        "package_codes": ["470"],
        "procedure_codes": ["0SRD0J9"],
    }
    assert (found.failed, found.warned) == (set(), set())


@pytest.mark.parametrize(
    ("ident", "organization_id", "practitioner_id", "reference", "npi"),
    [
        ("practitioner", None, "doc", None, None),
        ("role", None, None, "PractitionerRole/r", None),
        ("untyped-urn", None, None, "urn:uuid:1111", None),
        ("typed-urn", None, "1111", None, None),
        ("npi-conditional", None, None, f"Practitioner?identifier={NPI}|1234567893", "1234567893"),
        ("npi-wrong", None, None, f"{NPI}|1234567890", "1234567890"),
    ],
)
def test_who_asks_to_be_paid_is_an_organization_a_practitioner_or_kept_as_text(
    claims: dict[str, list[Made]],
    ident: str,
    organization_id: str | None,
    practitioner_id: str | None,
    reference: str | None,
    npi: str | None,
) -> None:
    found = one(claims, ident)
    assert (found["provider_organization_id"], found["provider_practitioner_id"]) == (organization_id, practitioner_id)
    assert (found["provider_reference"], found["provider_npi"]) == (reference, npi)


def test_a_claim_as_synthea_writes_it(claims: dict[str, list[Made]]) -> None:
    found = one(claims, "synthea")
    assert (found["coverage_id"], found["coverage_reference"], found["coverage_text"]) == (None, None, "NO_INSURANCE")
    assert found["total_amount"] == Decimal("917.0000")
    assert (found.failed, found.warned) == (set(), set())


def test_without_a_focal_coverage_the_first_one_counts(claims: dict[str, list[Made]]) -> None:
    found = one(claims, "not-focal")
    assert (found["coverage_id"], found["coverage_reference"]) == (None, "77")


def test_without_a_principal_diagnosis_the_first_in_sequence_counts(claims: dict[str, list[Made]]) -> None:
    assert one(claims, "first-diagnosis")["icd10cm_code"] == "E11.9"


@pytest.mark.parametrize(("ident", "amount"), [("rounded", "0.3000"), ("half-up", "0.0001"), ("reversal", "-5.0000")])
def test_an_amount_is_exact_to_four_digits(claims: dict[str, list[Made]], ident: str, amount: str) -> None:
    assert one(claims, ident)["total_amount"] == Decimal(amount)


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("huge", {"amounts_fit"}, set()),
        ("reversal", set(), {"total_not_negative"}),
        ("no-currency", set(), {"total_has_currency"}),
        ("bad-currency", set(), {"total_has_currency"}),
        ("logical-patient", set(), set()),
        ("nobody", {"patient_is_named"}, set()),
        ("bad-status", {"status_is_known"}, set()),
        ("bad-use", {"claim_use_is_known"}, set()),
        ("backwards", {"billable_ended_at_not_before_billable_started_at"}, set()),
        ("ends-in-start-month", set(), set()),
        ("before-birth", {"billable_started_at_not_before_birth"}, set()),
        ("created-in-future", {"created_at_not_in_the_future"}, set()),
        ("created-tomorrow", set(), set()),
        ("billed-ahead", set(), {"billable_started_at_not_in_the_future"}),
        ("planned", set(), set()),
        ("npi-wrong", set(), {"provider_npi_is_valid"}),
        ("unknown-diagnosis", set(), {"icd10cm_code_exists"}),
        ("bare", set(), {"created_at_is_known", "provider_is_given", "coverage_is_given"}),
    ],
)
def test_wrong_claims_are_held_back_and_doubtful_ones_are_not(
    claims: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(claims, ident)
    assert (found.failed, found.warned) == (failed, warned)
