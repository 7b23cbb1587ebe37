"""silver.appointment: who comes, to whom, where and when; kept, missed or called off."""

from datetime import datetime

import pytest
from conforming import Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.appointment import appointment

NPI = "http://hl7.org/fhir/sid/us-npi"


def with_(reference: str | None = None, kind: str | None = None, **more: object) -> Resource:
    actor: Resource = {} if reference is None else {"reference": reference}
    found: Resource = {"status": "accepted", "actor": {**actor, **more}}
    return found if kind is None else {**found, "type": [concept(coding(None, kind))]}


P, D, L = with_("Patient/p"), with_("Practitioner/d"), with_("Location/l")
BASE: Resource = {
    "resourceType": "Appointment",
    "status": "booked",
    "start": "2025-03-01T09:00:00Z",
    "end": "2025-03-01T09:30:00Z",
    "participant": [P, D, L],
}


def between(start: str, end: str, **more: object) -> Resource:
    return {**BASE, "start": start, "end": end, **more}


def among(*participants: Resource) -> Resource:
    return {**BASE, "participant": list(participants)}


CASES: dict[str, Resource] = {
    "full": {
        **between("2025-03-01T09:00:00-05:00", "2025-03-01T09:30:00-05:00"),
        "status": "cancelled",
        "cancelationReason": concept(coding("urn:c", "prov-pers"), text="Ill"),
        "serviceCategory": [concept(coding("urn:sc", "17"))],
        "serviceType": [concept(coding("urn:st", "124")), concept(coding("urn:st", "57"))],
        "specialty": [concept(coding("urn:sp", "general"))],
        "appointmentType": concept(coding("urn:at", "FOLLOWUP")),
        "reasonCode": [concept(coding("urn:r", "x"))],
        "reasonReference": [{"reference": "Condition/c1"}, {"reference": "Observation/o"}],
        "priority": 5,
        "minutesDuration": 15,
        "created": "2025-02",
        "participant": [
            with_("Location/first"),
            with_("Practitioner/nurse"),
            {**with_("https://server/fhir/Patient/p/_history/1"), "status": "tentative"},
            with_("Practitioner/doctor", "ATND"),
            with_("Location/second"),
            with_("Device/d"),
        ],
    },
    "missed": {**BASE, "status": "noshow"},
    "group": among(P, with_("Patient/q"), with_("Patient/q"), D),
    "logical": among(
        with_(type="Patient", identifier={"system": "urn:mrn", "value": "77"}),
        with_(type="Practitioner", identifier={"system": NPI, "value": "1234567890"}),
        with_(type="Location", identifier={"value": "room 2"}),
    ),
    "conditional": among(
        with_("Patient?identifier=urn:mrn|77"),
        with_(f"Practitioner?identifier={NPI}|1234567893"),
        with_("Location?identifier=urn:l|2"),
    ),
    "role": among(P, with_("PractitionerRole/r")),
    "contained": among(
        P, with_("#room", type="Location"), with_("urn:uuid:11", type="Practitioner"), with_("urn:uuid:12")
    ),
    "untyped": among(with_("urn:uuid:12"), with_("#x")),
    "meeting": among(D, L),
    "backwards": between("2025-03-01T09:30:00Z", "2025-03-01T09:00:00Z"),
    "no-length": between("2025-03-01T09:30:00Z", "2025-03-01T09:30:00Z"),
    "partial-end": between("2025-03-01T09:30:00Z", "2025-03-01"),
    "before-birth": between("1979-12-01T09:30:00Z", "1979-12-01T10:00:00Z"),
    "next-year": between("2027-03-01T09:30:00Z", "2027-03-01T10:00:00Z"),
    "kept-next-year": between("2027-03-01T09:30:00Z", "2027-03-01T10:00:00Z", status="fulfilled"),
    "missed-next-year": between("2027-03-01T09:30:00Z", "2027-03-01T10:00:00Z", status="noshow"),
    "checked-in-early": between("2026-01-20T09:30:00Z", "2026-01-20T10:00:00Z", status="checked-in"),
    "made-later": {**BASE, "created": "2025-04"},
    "made-later-and-missed": {**BASE, "created": "2025-04", "status": "noshow"},
    "made-in-future": {**BASE, "created": "2026-02-01"},
    "bad-status": {**BASE, "status": "no-show"},
    "zero-minutes": {**BASE, "minutesDuration": 0},
    "too-long": {**BASE, "minutesDuration": 31},
    "fits": {**BASE, "minutesDuration": 30},
    "no-times": {k: v for k, v in BASE.items() if k not in ("start", "end")},
    "proposed": {**{k: v for k, v in BASE.items() if k not in ("start", "end")}, "status": "proposed"},
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, appointment, dumps(CASES), patients=births(spark, {"p": "1980-01-01"}))


def test_all_of_an_appointment_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "appointment_id": "full",
        "patient_id": "p",
        "patient_reference": None,
        "patient_count": 1,
        "patient_participation_status": "tentative",
        "status": "cancelled",
        "is_no_show": False,
        "cancellation_reason_code": "prov-pers",
        "cancellation_reason_text": "Ill",
        "service_type_code": "124",
        "specialty_code": "general",
        "appointment_type_code": "FOLLOWUP",
        "reason_condition_ids": ["c1"],
        "priority": 5,
        "started_at": datetime(2025, 3, 1, 14),
        "started_precision": "second",
        "ended_at": datetime(2025, 3, 1, 14, 30),
        "ended_precision": "second",
        "duration_minutes": 15,
        "created_at": datetime(2025, 2, 1),
        "created_precision": "month",
        "practitioner_id": "doctor",
        "practitioner_reference": None,
        "practitioner_ids": ["nurse", "doctor"],
        "location_id": "first",
        "location_reference": None,
        "location_ids": ["first", "second"],
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["service_type_codes"]] == ["124", "57"]
    assert len(found["participant_references"]) == 6
    assert (found.failed, found.warned) == (set(), set())


def test_only_a_missed_appointment_is_a_no_show(made: dict[str, list[Made]]) -> None:
    assert {ident for ident, rows in made.items() if rows[0]["is_no_show"]} == {
        "missed",
        "missed-next-year",
        "made-later-and-missed",
    }


def test_patients_of_a_group_are_counted_once_each(made: dict[str, list[Made]]) -> None:
    found = one(made, "group")
    assert (found["patient_id"], found["patient_count"]) == ("p", 2)


@pytest.mark.parametrize(
    ("ident", "patient", "practitioner", "place", "npi"),
    [
        ("logical", "urn:mrn|77", f"{NPI}|1234567890", "room 2", "1234567890"),
        (
            "conditional",
            "Patient?identifier=urn:mrn|77",
            f"Practitioner?identifier={NPI}|1234567893",
            "Location?identifier=urn:l|2",
            "1234567893",
        ),
        ("role", None, "PractitionerRole/r", None, None),
    ],
)
def test_participants_without_an_id_are_kept_as_text_by_type(
    made: dict[str, list[Made]],
    ident: str,
    patient: str | None,
    practitioner: str | None,
    place: str | None,
    npi: str | None,
) -> None:
    found = one(made, ident)
    assert (found["practitioner_id"], found["location_id"]) == (None, None)
    assert (found["patient_reference"], found["practitioner_reference"]) == (patient, practitioner)
    assert (found["location_reference"], found["practitioner_npi"]) == (place, npi)


def test_a_participant_that_does_not_say_its_type_is_taken_for_none(made: dict[str, list[Made]]) -> None:
    typed = one(made, "contained")
    assert (typed["patient_id"], typed["practitioner_ids"]) == ("p", ["11"])
    assert typed["location_ids"] == ["Appointment/contained#room"]
    untyped = one(made, "untyped")
    assert (untyped["patient_id"], untyped["practitioner_id"], untyped["location_id"]) == (None, None, None)
    assert untyped["participant_references"] == ["urn:uuid:12", "#x"]


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("meeting", set(), {"patient_is_named"}),
        ("logical", set(), {"practitioner_npi_is_valid"}),
        ("conditional", set(), set()),
        ("backwards", {"ended_at_not_before_started_at"}, set()),
        ("no-length", set(), set()),
        ("partial-end", set(), set()),
        ("before-birth", {"started_at_not_before_birth"}, set()),
        ("next-year", set(), set()),
        ("kept-next-year", {"started_at_not_in_the_future"}, set()),
        ("missed-next-year", {"started_at_not_in_the_future"}, set()),
        ("checked-in-early", set(), set()),
        ("made-later", set(), set()),
        ("made-later-and-missed", set(), {"created_at_not_after_no_show"}),
        ("made-in-future", {"created_at_not_in_the_future"}, set()),
        ("bad-status", {"status_is_known"}, set()),
        ("zero-minutes", {"duration_minutes_is_positive"}, set()),
        ("too-long", set(), {"duration_fits_times"}),
        ("fits", set(), set()),
        ("no-times", set(), {"times_are_known"}),
        ("proposed", set(), set()),
    ],
)
def test_wrong_appointments_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(made, ident)
    assert (found.failed, found.warned) == (failed, warned)
