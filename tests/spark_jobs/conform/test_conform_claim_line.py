"""silver.claim_line: what was done, how often, at what price, for which diagnosis; one row an item."""

from datetime import datetime
from decimal import Decimal

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.claim_line import claim_line

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
NDC = "http://hl7.org/fhir/sid/ndc"
BASE: Resource = {
    "resourceType": "Claim",
    "status": "active",
    "use": "claim",
    "patient": {"reference": "Patient/p"},
    "created": "2024-05-02",
}


def usd(value: float) -> Resource:
    return {"value": value, "currency": "USD"}


def diagnosis(number: int, *codings: Resource) -> Resource:
    return {"sequence": number, "diagnosisCodeableConcept": concept(*codings)}


BY_CONDITION = {"sequence": 3, "diagnosisReference": {"reference": "Condition/c3"}}
E119, I10, J45 = coding(ICD, "E119"), coding(ICD, "I10"), coding(ICD, "J45.909")


def lines(*items: Resource, **more: object) -> Resource:
    numbered = [{"sequence": n, "productOrService": concept(text="x"), **item} for n, item in enumerate(items, 1)]
    return {**BASE, "item": numbered, **more}


def priced(price: float, quantity: float, net: float, **more: object) -> Resource:
    return lines({"unitPrice": usd(price), "quantity": {"value": quantity}, "net": usd(net), **more})


DIAGNOSES = [diagnosis(1, I10), diagnosis(2, E119), diagnosis(4, J45)]
LINES: dict[str, Resource] = {
    "full": lines(
        {
            "category": concept(coding(None, "1")),
            "productOrService": concept(coding(HCPCS, "J1885"), coding(NDC, "00409-3795-01"), text="Injection"),
            "modifier": [concept(coding("urn:m", "LT")), concept(coding("urn:m", "RT"))],
            "revenue": concept(coding("urn:r", "r1")),
            "quantity": {"value": 2, "unit": "vial", "code": "{vial}"},
            "unitPrice": usd(10.125),
            "factor": 0.5,
            "net": usd(10.13),
            "servicedPeriod": {"start": "2024-05-01T08:00:00-04:00", "end": "2024-05"},
            "locationCodeableConcept": concept(coding("urn:pos", "11")),
            "encounter": [{"reference": "Encounter/e1"}, {"reference": "Encounter/e2"}],
            "diagnosisSequence": [4, 2],
            "procedureSequence": [1],
            "bodySite": concept(coding("urn:b", "arm")),
        },
        {
            "servicedDate": "2024-05-02",
            "locationReference": {"reference": "#room"},
            "encounter": [{"identifier": {"system": "urn:visit", "value": "9"}}],
            "detail": [{"sequence": 1, "productOrService": concept(text="part")}],
        },
        {"locationAddress": {"state": "MA", "postalCode": "01002", "line": ["1 Main St"]}},
        diagnosis=DIAGNOSES,
    ),
    "none": BASE,
    "renumbered": lines({"sequence": 7}, {"sequence": 3}, {"sequence": 7}, {"sequence": None}),
    "two-codes": lines({"diagnosisSequence": [1]}, diagnosis=[diagnosis(1, I10, J45), diagnosis(2, E119)]),
    "by-condition": lines({"diagnosisSequence": [1, 3]}, diagnosis=[*DIAGNOSES, BY_CONDITION]),
    "dangling": lines({"diagnosisSequence": [9]}, diagnosis=DIAGNOSES),
    "adds-up": priced(0.1, 3, 0.3),
    "does-not-add-up": priced(10, 3, 20),
    "other-currency": lines({"unitPrice": usd(10), "quantity": {"value": 1}, "net": {"value": 9, "currency": "EUR"}}),
    "with-details": priced(10, 3, 20, detail=[{"sequence": 1, "productOrService": concept(text="part")}]),
    "refund": lines({"net": usd(-3), "quantity": {"value": -1}}),
    "huge": lines({"net": usd(123456789012345.0)}),
    "backwards": lines({"servicedPeriod": {"start": "2024-05-02T00:00:00Z", "end": "2024-05-01T23:00:00Z"}}),
    "ends-in-start-year": lines({"servicedPeriod": {"start": "2024-05-02", "end": "2024"}}),
    "before-birth": lines({"servicedDate": "1979-12-01"}),
    "billed-ahead": lines({"servicedDate": "2026-03-01"}),
    "planned": lines({"servicedDate": "2026-03-01"}, use="predetermination"),
    "bad-status": lines({}, status="paid"),
    "no-code": lines({"productOrService": {}}),
}


@pytest.fixture(scope="module")
def claim_lines(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, claim_line, dumps(LINES), patients=births(spark, {"p": "1980-01-01"}))


def test_all_of_a_line_is_there(claim_lines: dict[str, list[Made]]) -> None:
    found = claim_lines["full"][0]
    expected = {
        "claim_id": "full",
        "line_number": 1,
        "sequence": 1,
        "patient_id": "p",
        "status": "active",
        "claim_use": "claim",
        "category_code": "1",
        "code_text": "Injection",
        "cpt_code": None,
        "hcpcs_code": "J1885",
        "ndc_code": "00409-3795-01",
        "revenue_code": "r1",
        "quantity": 2.0,
        "quantity_unit": "{vial}",
        "unit_price_amount": Decimal("10.1250"),
        "unit_price_currency": "USD",
        "factor": 0.5,
        "net_amount": Decimal("10.1300"),
        "net_currency": "USD",
        "serviced_at": datetime(2024, 5, 1, 12),
        "serviced_precision": "second",
        "serviced_ended_at": datetime(2024, 5, 1),
        "serviced_ended_precision": "month",
        "place_code": "11",
        "location_id": None,
        "encounter_id": "e1",
        "encounter_ids": ["e1", "e2"],
        "diagnosis_sequences": [4, 2],
        "icd10cm_codes": ["E11.9", "J45.909"],
        "procedure_sequences": [1],
        "body_site_code": "arm",
        "has_details": False,
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["codes"]] == ["J1885", "00409-3795-01"]
    assert [c["code"] for c in found["modifier_codes"]] == ["LT", "RT"]
    assert (found.failed, found.warned) == (set(), set())


def test_a_place_of_service_may_be_a_record_or_an_address(claim_lines: dict[str, list[Made]]) -> None:
    _, recorded, addressed = claim_lines["full"]
    assert (recorded["location_id"], recorded["serviced_at"]) == ("Claim/full#room", datetime(2024, 5, 2))
    assert (recorded["encounter_id"], recorded["encounter_reference"]) == (None, "urn:visit|9")
    assert recorded["has_details"] is True
    assert (addressed["place_state"], addressed["place_postal_code"]) == ("MA", "01002")


def test_lines_are_numbered_by_place_and_keep_the_number_of_the_source(claim_lines: dict[str, list[Made]]) -> None:
    found = claim_lines["renumbered"]
    assert [(r["line_number"], r["sequence"]) for r in found] == [(1, 7), (2, 3), (3, 7), (4, None)]
    assert ["sequence_is_unique" in r.warned for r in found] == [True, False, True, True]
    assert all(r.failed == set() for r in found)


def test_a_claim_without_items_has_no_line(claim_lines: dict[str, list[Made]]) -> None:
    assert one(claim_lines, "none").is_selected is False


@pytest.mark.parametrize("ident", ["two-codes", "by-condition", "dangling"])
def test_codes_of_a_line_are_null_where_they_cannot_be_told(claim_lines: dict[str, list[Made]], ident: str) -> None:
    assert one(claim_lines, ident)["icd10cm_codes"] is None


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("dangling", set(), {"diagnosis_sequences_exist"}),
        ("by-condition", set(), set()),
        ("adds-up", set(), set()),
        ("does-not-add-up", set(), {"net_is_price_times_quantity"}),
        ("other-currency", set(), set()),
        ("with-details", set(), set()),
        ("refund", set(), {"net_not_negative", "quantity_not_negative"}),
        ("huge", {"amounts_fit"}, set()),
        ("backwards", {"serviced_ended_at_not_before_serviced_at"}, set()),
        ("ends-in-start-year", set(), set()),
        ("before-birth", {"serviced_at_not_before_birth"}, set()),
        ("billed-ahead", set(), {"serviced_at_not_in_the_future"}),
        ("planned", set(), set()),
        ("bad-status", {"status_is_known"}, set()),
        ("no-code", set(), {"code_is_given"}),
    ],
)
def test_wrong_lines_are_held_back_and_doubtful_ones_are_not(
    claim_lines: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(claim_lines, ident)
    assert (found.failed, found.warned) == (failed, warned)
