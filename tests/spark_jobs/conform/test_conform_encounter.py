"""silver.encounter: classes, times, references of every kind, and what is held back."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.encounter import encounter

NPI = "http://hl7.org/fhir/sid/us-npi"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ROLE = "http://terminology.hl7.org/CodeSystem/diagnosis-role"
BASE: Resource = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": coding(ACT, "AMB", "ambulatory"),
    "subject": {"reference": "Patient/p"},
}


def stay(start: str | None = None, end: str | None = None, **more: object) -> Resource:
    period = {k: v for k, v in (("start", start), ("end", end)) if v is not None}
    return {**BASE, **({"period": period} if period else {}), **more}


def participant(code: str, **individual: object) -> Resource:
    return {"type": [concept(coding(None, code))], "individual": individual}


CASES: dict[str, Resource] = {
    "full": stay(
        "2020-01-01T10:00:00-05:00",
        "2020-01-01T11:00:00-05:00",
        identifier=[{"system": "urn:visit", "value": "7"}, {"value": "8"}],
        type=[concept(coding("http://snomed.info/sct", "185349003"), text="Check-up")],
        length={"value": 1, "code": "h", "unit": "hour"},
        reasonCode=[concept(coding(None, "I10"))],
        reasonReference=[{"reference": "Condition/c1"}, {"reference": "Observation/o1"}],
        participant=[
            participant("ADM", reference="Practitioner/first"),
            participant("ATND", reference=f"Practitioner?identifier={NPI}|1234567893"),
        ],
        serviceProvider={"reference": "http://server/fhir/Organization/org1/_history/3"},
        location=[{"location": {"reference": "Location/a"}}, {"location": {"reference": "Location/b"}}],
        hospitalization={
            "admitSource": concept(coding("urn:s", "emd")),
            "dischargeDisposition": concept(coding("urn:d", "home"), coding("urn:d2", "01")),
        },
        partOf={"reference": "Encounter/outer"},
    ),
    "diagnoses": stay(
        diagnosis=[
            {
                "condition": {"reference": "Condition/c1"},
                "use": concept(coding("urn:own", "main"), coding(ROLE, "billing", "Billing")),
                "rank": 1,
            },
            {"condition": {"reference": "Condition/c2"}, "rank": 2},
            {"condition": {"reference": "Procedure/p1"}, "use": concept(coding("urn:own", "main"))},
            {"condition": {"identifier": {"system": "urn:d", "value": "9"}}, "use": concept(text="in words")},
        ],
    ),
    "moves": stay(
        "2020-01-01T10:00:00Z",
        "2020-01-09",
        location=[
            {
                "location": {"reference": "Location/ward"},
                "status": "completed",
                "period": {"start": "2020-01-01T10:00:00+02:00", "end": "2020-01-03"},
            },
            {"location": {"identifier": {"system": "urn:w", "value": "4"}}, "period": {"start": "2020-01"}},
            {"location": {"reference": "Location/bed"}},
        ],
    ),
    "mimic": {
        **BASE,
        "class": coding("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-admission-class", "URGENT"),
        "period": {"start": "2024-05-06T22:23:00-04:00", "end": "2024-05-07T17:15:00-04:00"},
        "participant": [participant("X", reference="Practitioner/only")],
    },
    "npi-logical": stay(participant=[participant("PPRF", identifier={"system": NPI, "value": "1234567890"})]),
    "npi-escaped": stay(participant=[participant("PPRF", reference=f"Practitioner?identifier={NPI}%7C1234567893")]),
    "urn": stay(subject={"reference": "urn:uuid:0f9cb3a4-0000-4000-8000-000000000001"}),
    "logical": stay(subject={"identifier": {"system": "urn:mrn", "value": "77"}}),
    "group": stay(subject={"reference": "Group/g"}),
    "nobody": {k: v for k, v in BASE.items() if k != "subject"},
    "backwards": stay("2020-01-02T00:00:00Z", "2020-01-01T23:59:59Z"),
    "same-instant": stay("2020-01-02T00:00:00Z", "2020-01-02T00:00:00Z"),
    "partial-end": stay("2020-05-15T08:00:00Z", "2020-05"),
    "partial-zones": stay("2020-05-15", "2020-05-15T01:00:00+09:00"),
    "partial-backwards": stay("2020-05-15T08:00:00Z", "2020-04"),
    "before-birth": stay("1979-12-30T23:59:59Z"),
    "birth-day": stay("1979-12-31T00:00:00Z"),
    "birth-year": stay("1980"),
    "year-before-birth": stay("1978"),
    "unknown-patient": stay("1900-01-01", subject={"reference": "Patient/stranger"}),
    "future": stay("2026-01-17T00:00:00Z"),
    "today": stay("2026-01-16T23:59:59Z"),
    "planned": stay("2027-01-01", status="planned"),
    "ends-in-future": stay("2026-01-10", "2026-02-01"),
    "ends-when-planned": stay("2026-01-10", "2026-02-01", status="in-progress"),
    "bad-status": stay(status="done"),
    "negative": stay(length={"value": -5, "code": "min"}),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, encounter, dumps(CASES), patients=births(spark, {"p": "1980-01-01"}))


def test_all_of_an_encounter_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "encounter_id": "full",
        "identifiers": [{"system": "urn:visit", "value": "7"}, {"system": None, "value": "8"}],
        "patient_id": "p",
        "patient_reference": None,
        "status": "finished",
        "class_code": "AMB",
        "class_system": ACT,
        "class_display": "ambulatory",
        "type_text": "Check-up",
        "started_at": datetime(2020, 1, 1, 15),
        "started_precision": "second",
        "ended_at": datetime(2020, 1, 1, 16),
        "length_minutes": 60.0,
        "reason_condition_ids": ["c1"],
        "practitioner_id": None,
        "practitioner_reference": f"Practitioner?identifier={NPI}|1234567893",
        "practitioner_npi": "1234567893",
        "organization_id": "org1",
        "organization_reference": None,
        "location_id": "a",
        "location_references": ["Location/a", "Location/b"],
        "admit_source_code": "emd",
        "discharge_disposition_code": "home",
        "part_of_encounter_id": "outer",
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["discharge_disposition_codes"]] == ["home", "01"]
    assert found.failed == set()
    assert found.warned == set()


def test_each_diagnosis_keeps_its_condition_role_and_rank_together(made: dict[str, list[Made]]) -> None:
    found = one(made, "diagnoses")["diagnoses"]
    names = ("condition_id", "condition_reference", "use_code", "rank")
    assert [tuple(each[name] for name in names) for each in found] == [
        ("c1", None, "billing", 1),  # FHIR's own role before the source's
        ("c2", None, None, 2),
        (None, "Procedure/p1", "main", None),
        (None, "urn:d|9", None, None),
    ]
    assert [code["code"] for code in found[0]["use_codes"]] == ["main", "billing"]
    assert one(made, "full")["diagnoses"] == []


def test_each_place_keeps_its_time_and_status_together(made: dict[str, list[Made]]) -> None:
    found = [tuple(each.values()) for each in one(made, "moves")["locations"]]
    assert found == [
        ("ward", None, "completed", datetime(2020, 1, 1, 8), "second", datetime(2020, 1, 3), "day"),
        (None, "urn:w|4", None, datetime(2020, 1, 1), "month", None, None),
        ("bed", None, None, None, None, None, None),
    ]


def test_an_encounter_as_mimic_writes_it(made: dict[str, list[Made]]) -> None:
    found = one(made, "mimic")
    assert (found["class_code"], found["practitioner_id"]) == ("URGENT", "only")
    assert found["started_at"] == datetime(2024, 5, 7, 2, 23)
    assert found.failed == set()


@pytest.mark.parametrize(
    ("ident", "npi", "is_warned"),
    [("npi-logical", "1234567890", True), ("npi-escaped", "1234567893", False), ("mimic", None, False)],
)
def test_an_npi_is_taken_out_of_the_reference_and_checked(
    made: dict[str, list[Made]], ident: str, npi: str | None, is_warned: bool
) -> None:
    found = one(made, ident)
    assert found["practitioner_npi"] == npi
    assert ("practitioner_npi_is_valid" in found.warned) == is_warned


@pytest.mark.parametrize(
    ("ident", "patient_id", "reference"),
    [
        ("urn", "0f9cb3a4-0000-4000-8000-000000000001", None),
        ("logical", None, "urn:mrn|77"),
        ("group", None, "Group/g"),
    ],
)
def test_a_reference_is_an_id_or_kept_as_text(
    made: dict[str, list[Made]], ident: str, patient_id: str | None, reference: str | None
) -> None:
    found = one(made, ident)
    assert (found["patient_id"], found["patient_reference"]) == (patient_id, reference)
    assert "patient_is_named" not in found.failed


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("nobody", {"patient_is_named"}),
        ("backwards", {"ended_at_not_before_started_at"}),
        ("same-instant", set()),
        ("partial-end", set()),
        ("partial-zones", set()),
        ("partial-backwards", {"ended_at_not_before_started_at"}),
        ("before-birth", {"started_at_not_before_birth"}),
        ("birth-day", set()),
        ("birth-year", set()),
        ("year-before-birth", {"started_at_not_before_birth"}),
        ("unknown-patient", set()),
        ("future", {"started_at_not_in_the_future"}),
        ("today", set()),
        ("planned", set()),
        ("ends-in-future", {"ended_at_not_in_the_future"}),
        ("ends-when-planned", set()),
        ("bad-status", {"status_is_known"}),
        ("negative", {"length_minutes_not_negative"}),
    ],
)
def test_wrong_encounters_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed


def test_a_start_that_is_missing_is_a_warning(made: dict[str, list[Made]]) -> None:
    assert "started_at_is_known" in one(made, "urn").warned
