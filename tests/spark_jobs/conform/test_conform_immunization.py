"""silver.immunization: vaccine codes, who gave it, the series, what is held back and what is doubtful."""

from datetime import date, datetime
from typing import Any

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one, quantity
from pyspark.sql import SparkSession

from spark_jobs.conform.immunization import immunization

CVX = "http://hl7.org/fhir/sid/cvx"
SHOT: Resource = {"resourceType": "Immunization", "status": "completed", "patient": {"reference": "Patient/p"}}


def performer(actor: str, function: str | None = None) -> Resource:
    of = {} if function is None else {"function": concept(coding(None, function))}
    return {"actor": {"reference": f"Practitioner/{actor}"}, **of}


IMMUNIZATIONS: dict[str, Resource] = {
    "full": {
        **SHOT,
        "vaccineCode": concept(
            coding("http://hl7.org/fhir/sid/ndc", "49281012188"), coding(CVX, "197", "Influenza"), text="Flu"
        ),
        "encounter": {"reference": "Encounter/e"},
        "occurrenceDateTime": "2020-11-19T12:46:57-08:00",
        "recorded": "2020-11",
        "primarySource": False,
        "reportOrigin": concept(coding(None, "record")),
        "manufacturer": {"identifier": {"system": "urn:mvx", "value": "PMC"}},
        "lotNumber": "AAJN11K",
        "expirationDate": "2021-06",
        "performer": [performer("orders", "OP"), performer("helps"), performer("gives", "AP")],
        "location": {"reference": "Location/hospital"},
        "doseQuantity": quantity(0.5, "mL"),
        "route": concept(coding(None, "IM")),
        "site": concept(coding(None, "LA")),
        "reasonReference": [{"reference": "Condition/c"}],
        "protocolApplied": [
            {"series": "Flu", "doseNumberPositiveInt": 2, "seriesDosesPositiveInt": 3},
            {"doseNumberString": "x", "targetDisease": [concept(coding(None, "6142004"))]},
        ],
        "reaction": [{"detail": {"reference": "Observation/fever"}}],
    },
    "orders-only": {**SHOT, "performer": [performer("orders", "OP"), performer("helps")]},
    "string": {**SHOT, "occurrenceString": "as a child", "protocolApplied": [{"doseNumberString": "booster"}]},
    "refused": {
        **SHOT,
        "status": "not-done",
        "statusReason": concept(coding(None, "PATOBJ")),
        "occurrenceDateTime": "2026-05-01",
    },
    "error": {**SHOT, "status": "entered-in-error"},
    "old-cvx": {**SHOT, "vaccineCode": concept(coding("urn:oid:2.16.840.1.113883.12.292", "8"))},
    "expired": {**SHOT, "occurrenceDateTime": "2021-07-04", "expirationDate": "2021-06"},
    "expires-that-month": {**SHOT, "occurrenceDateTime": "2021-06-30", "expirationDate": "2021-06"},
    "recorded-before": {**SHOT, "occurrenceDateTime": "2021-07-02", "recorded": "2021-06-01"},
    "future": {**SHOT, "occurrenceDateTime": "2026-05-01"},
    "before-birth": {**SHOT, "occurrenceDateTime": "1979"},
    "recorded-in-future": {**SHOT, "recorded": "2026-05-01"},
    "bad-status": {**SHOT, "status": "stopped"},
    "negative": {**SHOT, "doseQuantity": quantity(-1, "mL")},
}

Rows = dict[str, list[Made]]


@pytest.fixture(scope="module")
def shots(spark: SparkSession) -> Rows:
    return conform(spark, immunization, dumps(IMMUNIZATIONS), patients=births(spark, {"p": "1980-08-20"}))


def test_all_of_an_immunization_is_there(shots: Rows) -> None:
    found = one(shots, "full")
    expected: dict[str, Any] = {
        "immunization_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "is_done": True,
        "code_text": "Flu",
        "cvx_code": "197",
        "ndc_code": "49281012188",
        "occurred_at": datetime(2020, 11, 19, 20, 46, 57),
        "occurred_precision": "second",
        "recorded_at": datetime(2020, 11, 1),
        "recorded_precision": "month",
        "is_primary_source": False,
        "report_origin_code": "record",
        "manufacturer_id": None,
        "manufacturer_reference": "urn:mvx|PMC",
        "lot_number": "AAJN11K",
        "expires_on": date(2021, 6, 1),
        "expires_precision": "month",
        "performer_id": "gives",
        "location_id": "hospital",
        "dose": 0.5,
        "dose_unit": "mL",
        "route_code": "IM",
        "reason_condition_ids": ["c"],
        "series": "Flu",
        "dose_number": 2,
        "series_doses": 3,
        "reaction_observation_ids": ["fever"],
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["codes"]] == ["49281012188", "197"]
    assert [c["code"] for c in found["target_disease_codes"]] == ["6142004"]
    assert found.failed | found.warned == set()


def test_who_only_ordered_a_vaccine_did_not_give_it(shots: Rows) -> None:
    assert one(shots, "orders-only")["performer_id"] == "helps"


def test_a_vaccination_in_words_is_read(shots: Rows) -> None:
    found = one(shots, "string")
    assert (found["occurred_at"], found["occurred_text"]) == (None, "as a child")
    assert (found["dose_number"], found["dose_number_text"]) == (None, "booster")
    assert found.warned == {"code_is_given"}


def test_a_vaccine_that_was_not_given_is_marked(shots: Rows) -> None:
    found = one(shots, "refused")
    assert (found["is_done"], found["status_reason_code"]) == (False, "PATOBJ")
    assert one(shots, "error")["is_done"] is False


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("refused", set()),
        ("future", {"occurred_at_not_in_the_future"}),
        ("before-birth", {"occurred_at_not_before_birth"}),
        ("recorded-in-future", {"recorded_at_not_in_the_future"}),
        ("bad-status", {"status_is_known"}),
        ("negative", {"dose_not_negative"}),
        ("expired", set()),
        ("recorded-before", set()),
    ],
)
def test_wrong_immunizations_are_held_back_and_doubtful_ones_are_not(shots: Rows, ident: str, failed: set[str]) -> None:
    assert one(shots, ident).failed == failed


@pytest.mark.parametrize(
    ("ident", "warned"),
    [
        ("expired", {"vaccine_was_not_expired"}),
        ("expires-that-month", set()),
        ("recorded-before", {"recorded_at_not_before_occurred_at"}),
    ],
)
def test_doubtful_immunizations_are_warnings(shots: Rows, ident: str, warned: set[str]) -> None:
    assert one(shots, ident).warned == {"code_is_given"} | warned


def test_a_cvx_code_of_another_form_is_a_warning_and_stays(shots: Rows) -> None:
    found = one(shots, "old-cvx")
    assert (found["cvx_code"], found.failed) == ("8", set())
    assert "cvx_code_has_its_form" in found.warned
