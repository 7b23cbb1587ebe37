"""silver.care_plan: what it is for, what is to be done and what not, what is held back and what is doubtful."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.care_plan import care_plan

NPI = "http://hl7.org/fhir/sid/us-npi"
PLAN: Resource = {
    "resourceType": "CarePlan",
    "status": "active",
    "intent": "plan",
    "subject": {"reference": "Patient/p"},
    "category": [concept(coding(None, "assess-plan"))],
    "period": {"start": "2020-05-09"},
}


def activity(code: str, **detail: object) -> Resource:
    return {"detail": {"status": "in-progress", "code": concept(coding(None, code), text=code.title()), **detail}}


PLANS: dict[str, Resource] = {
    "full": {
        **PLAN,
        "intent": "order",
        "category": [concept(coding(None, "assess-plan")), concept(coding(None, "698360004"), text="Diabetes")],
        "title": "Diabetes self management",
        "description": "Eat well",
        "encounter": {"reference": "urn:uuid:e"},
        "period": {"start": "2020-05-09T09:25:35+02:00", "end": "2027"},
        "created": "2020-05",
        "author": {"reference": f"Practitioner?identifier={NPI}|1234567893"},
        "careTeam": [{"reference": "CareTeam/t"}],
        "goal": [{"reference": "Goal/g1"}, {"reference": "https://x.org/Goal/g2"}],
        "addresses": [{"reference": "Condition/c1"}, {"reference": "#c2"}],
        "activity": [
            activity("diet"),
            activity("exercise", doNotPerform=False, description="Half an hour a day"),
            activity("smoking", doNotPerform=True),
            {"reference": {"reference": "ServiceRequest/s"}, "outcomeCodeableConcept": [concept(coding(None, "done"))]},
        ],
        "replaces": [{"reference": "CarePlan/old"}],
    },
    "not-by-id": {
        **PLAN,
        "addresses": [
            {"reference": "Condition/c"},
            {"reference": "Condition?identifier=urn:c|1"},
            {"identifier": {"system": "urn:c", "value": "2"}},
            {"identifier": {"value": "3"}},
        ],
    },
    "revoked": {**PLAN, "status": "revoked"},
    "to-come": {**PLAN, "period": {"start": "2026-09-01"}},
    "over": {**PLAN, "period": {"start": "2020-05-09", "end": "2025-12"}},
    "over-this-month": {**PLAN, "period": {"start": "2020-05-09", "end": "2026-01"}},
    "completed-to-come": {**PLAN, "status": "completed", "period": {"start": "2026-09-01"}},
    "backwards": {**PLAN, "period": {"start": "2020-05-09", "end": "2020-04"}},
    "same-month": {**PLAN, "period": {"start": "2020-05-09", "end": "2020-05"}, "status": "completed"},
    "before-birth": {**PLAN, "period": {"start": "1979"}},
    "created-in-future": {**PLAN, "created": "2026-02-01"},
    "odd-status": {**PLAN, "status": "done"},
    "odd-intent": {**PLAN, "intent": "wish"},
    "no-category": {k: v for k, v in PLAN.items() if k != "category"},
}

Rows = dict[str, list[Made]]


@pytest.fixture(scope="module")
def plans(spark: SparkSession) -> Rows:
    return conform(spark, care_plan, dumps(PLANS), patients=births(spark, {"p": "1980-08-20"}))


def test_all_of_a_care_plan_is_there(plans: Rows) -> None:
    found = one(plans, "full")
    expected = {
        "care_plan_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "status": "active",
        "intent": "order",
        "is_withdrawn": False,
        "category_texts": ["Diabetes"],
        "title": "Diabetes self management",
        "description": "Eat well",
        "started_at": datetime(2020, 5, 9, 7, 25, 35),
        "started_precision": "second",
        "ended_at": datetime(2027, 1, 1),
        "ended_precision": "year",
        "created_at": datetime(2020, 5, 1),
        "author_npi": "1234567893",
        "addressed_condition_ids": ["c1", "CarePlan/full#c2"],
        "addressed_references": [],
        "goal_ids": ["g1", "g2"],
        "care_team_ids": ["t"],
        "activity_texts": ["Diet", "Exercise", "Half an hour a day"],
        "avoided_activity_texts": ["Smoking"],
        "activity_references": ["ServiceRequest/s"],
        "replaced_care_plan_ids": ["old"],
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["category_codes"]] == ["assess-plan", "698360004"]
    assert [c["code"] for c in found["activity_outcome_codes"]] == ["done"]
    assert found.failed | found.warned == set()


def test_what_must_not_be_done_is_no_planned_activity(plans: Rows) -> None:
    found = one(plans, "full")
    assert [c["code"] for c in found["activity_codes"]] == ["diet", "exercise"]
    assert [c["code"] for c in found["avoided_activity_codes"]] == ["smoking"]


def test_conditions_that_are_not_named_by_id_are_kept_and_counted(plans: Rows) -> None:
    found = one(plans, "not-by-id")
    assert found["addressed_condition_ids"] == ["c"]
    assert found["addressed_references"] == ["Condition?identifier=urn:c|1", "urn:c|2", "3"]
    assert (found.failed, found.warned) == (set(), {"conditions_are_named_by_id"})


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("to-come", set(), set()),
        ("over", set(), {"active_plan_has_not_ended"}),
        ("over-this-month", set(), set()),
        ("no-category", set(), {"category_is_given"}),
        ("same-month", set(), set()),
        ("completed-to-come", {"started_at_not_in_the_future"}, set()),
        ("before-birth", {"started_at_not_before_birth"}, set()),
        ("created-in-future", {"created_at_not_in_the_future"}, set()),
        ("odd-status", {"status_is_known"}, set()),
        ("odd-intent", {"intent_is_known"}, set()),
    ],
)
def test_wrong_care_plans_are_held_back_and_doubtful_ones_are_warnings(
    plans: Rows, ident: str, failed: set[str], warned: set[str]
) -> None:
    assert (one(plans, ident).failed, one(plans, ident).warned) == (failed, warned)


def test_a_care_plan_that_ends_before_it_starts_is_held_back(plans: Rows) -> None:
    assert one(plans, "backwards").failed == {"ended_at_not_before_started_at"}


def test_a_revoked_plan_is_marked(plans: Rows) -> None:
    assert one(plans, "revoked")["is_withdrawn"] is True
