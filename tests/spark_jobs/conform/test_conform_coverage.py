"""silver.coverage: whose, paid by whom, plans and groups, periods, and what is held back."""

from datetime import datetime

import pytest
from conforming import Made, Resource, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.coverage import coverage

CLASS = "http://terminology.hl7.org/CodeSystem/coverage-class"
BASE: Resource = {
    "resourceType": "Coverage",
    "status": "active",
    "type": concept(text="PPO"),
    "beneficiary": {"reference": "Patient/p"},
    "period": {"start": "2020-01-01"},
    "payor": [{"reference": "Organization/acme"}],
}


def entry(kind: str, value: str, name: str | None = None) -> Resource:
    found: Resource = {"type": concept(coding(CLASS, kind)), "value": value}
    return found if name is None else {**found, "name": name}


def paid_by(*payors: Resource) -> Resource:
    return {**BASE, "payor": list(payors)}


def during(start: str, end: str) -> Resource:
    return {**BASE, "period": {"start": start, "end": end}}


CASES: dict[str, Resource] = {
    "full": {
        **BASE,
        "identifier": [{"system": "urn:member", "value": "88800933501"}],
        "type": concept(coding("urn:sopt", "3712"), coding("urn:act", "PPO"), text="PPO"),
        "subscriberId": "888009335",
        "subscriber": {"reference": "Patient/parent"},
        "dependent": "01",
        "relationship": concept(coding("urn:r", "child")),
        "period": {"start": "2020-01-01", "end": "2020-12"},
        "payor": [{"reference": "Organization/acme", "display": "Acme"}, {"reference": "Organization/second"}],
        "class": [
            entry("plan", "gold", "Acme Gold"),
            entry("group", "xyz", "XYZ employees"),
            entry("subgroup", "east"),
            entry("rxbin", "610011"),
            entry("rxid", "m-1"),
            entry("plan", "silver", "a second one"),
        ],
        "order": 2,
        "network": "N1",
        "subrogation": False,
    },
    "self-paid": paid_by({"reference": "Patient/p"}),
    "patient-then-insurer": paid_by({"reference": "Patient/p"}, {"reference": "Organization/acme"}),
    "contained-payer": paid_by({"reference": "#payer"}),
    "logical-payer": paid_by({"identifier": {"system": "urn:naic", "value": "55555"}}),
    "conditional-payer": paid_by({"reference": "Organization?identifier=urn:naic|55555"}),
    "payer-in-words": paid_by({"display": "Blue"}),
    "related-subscriber": {**BASE, "subscriber": {"reference": "RelatedPerson/r"}},
    "logical-subscriber": {**BASE, "subscriber": {"identifier": {"system": "urn:mrn", "value": "7"}}},
    "logical-patient": {**BASE, "beneficiary": {"identifier": {"system": "urn:mrn", "value": "77"}}},
    "nobody": {k: v for k, v in BASE.items() if k != "beneficiary"},
    "bad-status": {**BASE, "status": "expired"},
    "ends-before": during("2020-02-01", "2020-01-29"),
    "same-day": during("2020-02-01", "2020-02-01"),
    "ends-in-start-year": during("2020-06-01", "2020"),
    "ends-in-future": during("2020-06-01", "2030-01-01"),
    "order-zero": {**BASE, "order": 0},
    "bare": {k: v for k, v in BASE.items() if k in ("resourceType", "status", "beneficiary")},
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, coverage, dumps(CASES))


def test_all_of_a_coverage_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "coverage_id": "full",
        "identifiers": [{"system": "urn:member", "value": "88800933501"}],
        "patient_id": "p",
        "patient_reference": None,
        "status": "active",
        "type_code": "3712",
        "type_text": "PPO",
        "subscriber_id": "888009335",
        "subscriber_patient_id": "parent",
        "subscriber_reference": None,
        "dependent_number": "01",
        "relationship_code": "child",
        "started_at": datetime(2020, 1, 1),
        "started_precision": "day",
        "ended_at": datetime(2020, 12, 1),
        "ended_precision": "month",
        "payor_id": "acme",
        "payor_reference": None,
        "payor_ids": ["acme", "second"],
        "payor_references": ["Organization/acme", "Organization/second"],
        "payor_text": "Acme",
        "is_self_paid": False,
        "group_value": "xyz",
        "group_name": "XYZ employees",
        "subgroup_value": "east",
        "subgroup_name": None,
        "plan_value": "gold",
        "plan_name": "Acme Gold",
        "subplan_value": None,
        "rx_bin": "610011",
        "rx_id": "m-1",
        "coverage_order": 2,
        "network": "N1",
        "is_subrogated": False,
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["type_codes"]] == ["3712", "PPO"]
    assert (found.failed, found.warned) == (set(), set())


@pytest.mark.parametrize(
    ("ident", "payor_id", "reference", "is_self_paid"),
    [
        ("self-paid", None, "Patient/p", True),
        ("patient-then-insurer", "acme", None, True),
        ("contained-payer", "Coverage/contained-payer#payer", None, False),
        ("logical-payer", None, "urn:naic|55555", False),
        ("conditional-payer", None, "Organization?identifier=urn:naic|55555", False),
        ("payer-in-words", None, None, False),
    ],
)
def test_a_payer_is_an_id_or_kept_as_text(
    made: dict[str, list[Made]], ident: str, payor_id: str | None, reference: str | None, is_self_paid: bool
) -> None:
    found = one(made, ident)
    assert (found["payor_id"], found["payor_reference"], found["is_self_paid"]) == (payor_id, reference, is_self_paid)
    assert "payor_is_given" not in found.warned


@pytest.mark.parametrize(
    ("ident", "reference"), [("related-subscriber", "RelatedPerson/r"), ("logical-subscriber", "urn:mrn|7")]
)
def test_a_subscriber_who_is_no_patient_is_kept_as_text(
    made: dict[str, list[Made]], ident: str, reference: str
) -> None:
    found = one(made, ident)
    assert (found["subscriber_patient_id"], found["subscriber_reference"]) == (None, reference)


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("logical-patient", set(), set()),
        ("nobody", {"patient_is_named"}, set()),
        ("bad-status", {"status_is_known"}, set()),
        ("ends-before", {"ended_at_not_before_started_at"}, set()),
        ("same-day", set(), set()),
        ("ends-in-start-year", set(), set()),
        ("ends-in-future", set(), set()),
        ("order-zero", {"coverage_order_is_positive"}, set()),
        ("bare", set(), {"payor_is_given", "type_is_given", "started_at_is_known"}),
    ],
)
def test_wrong_coverages_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(made, ident)
    assert (found.failed, found.warned) == (failed, warned)
