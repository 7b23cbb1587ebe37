"""gold.encounter_fact, worked out by hand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from spark_jobs.marts.daily_census import daily_census
from spark_jobs.marts.encounter_fact import encounter_fact
from tests.spark_jobs.marts.making import NEW_YORK, Row, at, by, icd, make, on, snomed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def encounter(ident: str, start: str, end: str | None, patient: str | None = "p", **more: object) -> Row:
    given = {"status": "finished", "class_code": "IMP", "started_precision": "second", "ended_precision": "second"}
    times = {"started_at": at(start), "ended_at": at(end) if end else None}
    return {**given, **times, "encounter_id": ident, "patient_id": patient, **more}


def diagnosis(ident: str, coding: Row, patient: str = "p", encounter: str | None = None, **more: object) -> Row:
    category = [{"system": None, "code": "encounter-diagnosis", "display": None}]
    given = {"is_asserted": True, "codes": [coding], "category_codes": category}
    return {**given, "condition_id": ident, "patient_id": patient, "encounter_id": encounter, **more}


def ranked(condition: str, rank: int | None, use: str = "DD") -> Row:
    return {"condition_id": condition, "condition_reference": None, "use_code": use, "use_codes": [], "rank": rank}


RANKED = [
    ranked("asthma", 1),
    ranked("second", 2, "billing"),
    ranked("first", 1, "billing"),
    ranked("first", 1, "billing"),
]


def place(ident: str | None, start: str | None = None, end: str | None = None, status: str = "completed") -> Row:
    """A location with its time in New York; a time of ten characters is a day, one of seven a month."""
    found: Row = {"location_id": ident, "location_reference": None, "status": status}
    for name, text in (("started", start), ("ended", end)):
        zone = "-04:00" if text and len(text) > 10 else "+00:00"
        found[f"{name}_at"] = datetime.fromisoformat((text + "-01")[:10] + text[10:] + zone) if text else None
        found[f"{name}_precision"] = {7: "month", 10: "day"}.get(len(text), "second") if text else None
    return found


# Each within a stay from 1 May 06:00 to 3 May 06:00 in New York.
MOVES: dict[str, Row] = {
    "times": {
        "locations": [
            place("icu", "2024-05-01T22:00", "2024-05-02T15:00"),
            place("emergency", "2024-05-01T05:00", "2024-05-01T08:00"),
            place("ward", "2024-05-01T08:00", None, "active"),
            place("theatre", "2024-05-02T10:00", None, "planned"),
            place("bed-kept", "2024-05-02T11:00", None, "reserved"),
            place("after", "2024-05-03T07:00"),
        ]
    },
    "none": {"location_id": "bed", "locations": [place("bed"), place("ward")]},
    "some": {"location_id": "ward", "locations": [place("ward"), place("icu", "2024-05-02", "2024-05-03")]},
    "late": {
        "location_id": "ward",
        "locations": [place("ward", "2024-05-02T09:00", "2024-05-02T10:00"), place("icu", "2024-05-02T23:00")],
    },
    "vague": {"location_id": "ward", "locations": [place("ward", "2024-05")]},
    "nameless": {"locations": [place(None)]},
    "unlisted": {"location_reference": "urn:w|4", "locations": None},
    "undated": {"location_id": "ward", "locations": [place("ward")], "started_precision": "month"},
}


@pytest.fixture(scope="module")
def made(spark: "SparkSession") -> dict[str, Row]:
    """By encounter id."""
    night = ("2024-03-10T04:30", "2024-03-11T03:30")
    day = ("2024-05-01T10:00", "2024-05-03T10:00")
    home = {"discharge_disposition_code": "home"}
    encounters = [
        # In New York 9 March 23:30 (UTC-5) to 10 March 23:30 (UTC-4): clocks went forward, so 23 hours.
        encounter("spring", *night, organization_id="new-york", reason_condition_ids=["asthma"], **home),
        # 3 November 00:30 (UTC-4) to 23:30 (UTC-5): clocks went back, so 24 hours between two midnights.
        encounter("autumn", "2024-11-03T04:30", "2024-11-04T04:30", organization_id="new-york", **home),
        encounter(
            "elsewhere", *night, organization_reference="Organization?x=1", reason_codes=[snomed("1"), icd("I10")]
        ),
        encounter("dates", "2024-05-01T00:00", "2024-05-03T00:00", organization_id="new-york", started_precision="day"),
        encounter("expired", *day, discharge_disposition_code="exp", reason_condition_ids=["of-another"]),
        encounter("died-within", *day, "died-second"),
        encounter("died-later", "2024-04-01T10:00", "2024-04-02T10:00", "died-second"),
        encounter("died-that-day", *day, "died-date"),
        encounter("died-next-day", "2024-05-01T10:00", "2024-05-02T10:00", "died-date"),
        encounter("visit", *day, class_code="AMB"),
        encounter("icu", *day, part_of_encounter_id="visit-then-stay", class_code="ACUTE"),
        encounter("visit-then-stay", *day, part_of_encounter_id="visit", class_code="IMP"),
        encounter("open", "2024-05-01T10:00", None, status="in-progress", ended_precision=None),
        encounter("ranked", *day, reason_codes=[icd("R07.9")], diagnoses=RANKED),
        encounter("at-discharge", *day, diagnoses=[ranked("second", 1, "CM"), ranked("first", 1), ranked("second", 2)]),
        encounter("two-firsts", *day, reason_codes=[icd("R07.9")], diagnoses=[ranked("first", 1), ranked("second", 1)]),
        encounter("no-rank", *day, diagnoses=[ranked("first", None)]),
        encounter("refuted-first", *day, "died-second", diagnoses=[ranked("refuted", 1)]),
        *(encounter(f"wards-{name}", *day, organization_id="new-york", **more) for name, more in MOVES.items()),
        encounter("planned", "2030-05-01T10:00", None, status="planned"),
        encounter("nobody", *day, None),
    ]
    patients = [
        {"patient_id": "p", "birth_on": on("1960-03-10"), "gender": "female", "is_deceased": False},
        {
            "patient_id": "died-second",
            "is_deceased": True,
            "deceased_at": at("2024-05-02T12:00"),
            "deceased_precision": "second",
        },
        {
            "patient_id": "died-date",
            "is_deceased": True,
            "deceased_at": at("2024-05-03T00:00"),
            "deceased_precision": "day",
        },
    ]
    conditions = [
        diagnosis("asthma", icd("J45.909")) | {"codes": [snomed("195967001"), icd("J45.909", "Asthma")]},
        diagnosis("of-another", icd("I21.9"), patient="q"),
        diagnosis("only", icd("N18.3"), encounter="died-within", patient="died-second"),
        diagnosis("refuted", icd("C50.9"), encounter="died-within", patient="died-second", is_asserted=False),
        diagnosis("first", icd("A00"), encounter="visit"),
        diagnosis("second", icd("A01"), encounter="visit"),
    ]

    def of(encounter: str, patient: str = "p", **more: object) -> Row:
        return {"encounter_id": encounter, "patient_id": patient, **more}

    order = {"status": "active", "intent": "order", "is_not_to_be_given": False, "medication_request_id": "m"}
    rows = make(
        spark,
        encounter_fact,
        {"time_zones": NEW_YORK},
        encounters=encounters,
        patients=patients,
        people=[{"patient_id": "p", "person_id": "an-older-record-of-p"}],
        conditions=conditions,
        procedures=[of("visit", procedure_id=x, is_done=x != "not") for x in ("a", "b", "not")],
        lab_results=[of("visit", x, observation_id="l", is_withdrawn=False) for x in ("p", "p", "another")],
        vital_signs=[of("visit", observation_id="v", is_withdrawn=True)],
        medication_requests=[of("visit", **order), of("visit", **order | {"intent": "plan"})],
        medication_administrations=[of("open", medication_administration_id="a", is_done=True)],
    )
    return by(rows, "encounter_id")


Made = dict[str, Row]


def test_days_are_those_of_the_facilitys_time_zone_on_a_day_of_23_hours_too(made: Made) -> None:
    spring, elsewhere = made["spring"], made["elsewhere"]
    assert (spring["started_on"], spring["ended_on"]) == (on("2024-03-09"), on("2024-03-10"))
    assert (elsewhere["started_on"], elsewhere["ended_on"]) == (on("2024-03-10"), on("2024-03-11"))
    assert spring["length_of_stay_hours"] == elsewhere["length_of_stay_hours"] == 23.0
    assert (spring["facility_key"], spring["time_zone"]) == ("new-york", "America/New_York")
    assert (elsewhere["facility_key"], elsewhere["time_zone"]) == ("Organization?x=1", "UTC")


def test_midnight_in_the_census_is_that_of_the_facility_when_the_clocks_change(
    made: Made, spark: "SparkSession"
) -> None:
    source = daily_census.reads[0]
    stays = [{name: made[e][name] for name in source.columns} for e in ("spring", "autumn")]
    found = make(spark, daily_census, {"as_of": "2026-01-15"}, encounters=stays)
    assert {str(row["census_on"]): (row["census"], row["arrivals"], row["departures"]) for row in found} == {
        "2024-03-09": (1, 1, 0),
        "2024-03-10": (0, 0, 1),
        "2024-11-03": (0, 1, 1),
    }


def test_a_date_without_a_time_is_that_date_everywhere(made: Made) -> None:
    assert made["dates"]["started_on"] == on("2024-05-01")
    assert made["dates"]["length_of_stay_hours"] is None
    assert made["dates"]["length_of_stay_days"] == 2.0


def test_age_is_that_of_the_local_day_of_the_start(made: Made) -> None:
    # Born on 10 March 1960; in New York it is still the day before the birthday.
    assert (made["spring"]["age_at_start_years"], made["elsewhere"]["age_at_start_years"]) == (63, 64)
    assert made["nobody"]["age_at_start_years"] is None


@pytest.mark.parametrize(
    ("encounter", "died"),
    [
        ("expired", True),
        ("spring", False),  # the disposition says home
        ("died-within", True),
        ("died-later", False),
        ("died-that-day", None),  # the date of death is the day of discharge: before or after cannot be told
        ("died-next-day", False),
        ("visit", None),  # not asked of outpatients
        ("open", False),
        ("nobody", None),
    ],
)
def test_death_in_hospital_is_told_only_where_it_can_be(made: Made, encounter: str, died: bool | None) -> None:
    assert made[encounter]["died_in_hospital"] is died


@pytest.mark.parametrize(
    ("encounter", "source", "code"),
    [
        ("spring", "reason_condition", "J45.909"),
        ("elsewhere", "reason_code", "I10"),  # ICD-10-CM before what comes first
        ("died-within", "encounter_diagnosis", "N18.3"),  # the only one that was not refuted
        ("visit", None, None),  # two, and none is said to be the first
        ("expired", None, None),  # the condition is another person's
        ("ranked", "principal_diagnosis", "A00"),  # before the reason
        ("two-firsts", "reason_code", "R07.9"),
    ],
)
def test_primary_diagnosis_says_where_it_is_from(made: Made, encounter: str, source: str | None, code: str) -> None:
    found = made[encounter]
    assert (found["primary_diagnosis_source"], found["primary_diagnosis_code"]) == (source, code)


@pytest.mark.parametrize(
    ("encounter", "condition", "use", "code"),
    [
        ("ranked", "first", "billing", "A00"),  # before the one at discharge; named twice, it is one
        ("at-discharge", "first", "DD", "A00"),
        ("two-firsts", None, None, None),
        ("no-rank", None, None, None),
        ("refuted-first", "refuted", "DD", None),
        ("visit", None, None, None),  # the source names no diagnosis
    ],
)
def test_the_principal_diagnosis_is_the_one_that_the_source_ranks_first(
    made: Made, encounter: str, condition: str | None, use: str | None, code: str | None
) -> None:
    found = made[encounter]
    assert (found["principal_condition_id"], found["principal_diagnosis_use_code"]) == (condition, use)
    assert found["principal_diagnosis_code"] == code


@pytest.mark.parametrize(
    ("case", "wards"),
    [
        # By time and not as listed; after intensive care back to the ward that never ended. What is planned or reserved
        # is no place where the person was, nor is what begins after the end.
        ("times", [("emergency", "01"), ("ward", "01"), ("icu", "01"), ("ward", "02")]),
        ("none", [("bed", "01")]),
        ("some", [("ward", "01"), ("icu", "02"), ("ward", "03")]),
        # In the ward before it is said to begin, and until the next place begins.
        ("late", [("ward", "01"), ("icu", "02")]),
        ("vague", [("ward", "01")]),
        ("nameless", [("unknown", "01")]),
        ("unlisted", [("urn:w|4", "01")]),
    ],
)
def test_wards_follow_each_other_as_the_moves_say(made: Made, case: str, wards: list[tuple[str, str]]) -> None:
    found = made[f"wards-{case}"]["wards"]
    assert [(each["location_key"], str(each["started_on"])[8:]) for each in found] == wards
    assert found[0]["started_at"].replace(tzinfo=UTC) == at("2024-05-01T10:00")


def test_wards_are_not_told_where_the_start_is_no_day(made: Made) -> None:
    assert made["wards-undated"]["wards"] is None


def test_an_encounter_is_of_the_person_whose_record_it_stands_under(made: Made) -> None:
    assert (made["visit"]["patient_id"], made["visit"]["person_id"]) == ("p", "an-older-record-of-p")
    assert made["died-later"]["person_id"] == "died-second", "a record that is linked to none is a person of its own"
    assert made["nobody"]["person_id"] is None


def test_only_what_was_done_to_the_same_person_is_counted(made: Made) -> None:
    counts = ("procedures", "lab_results", "vital_signs", "medication_orders", "medication_administrations")
    assert [made["visit"][name] for name in counts] == [2, 2, 0, 1, 0]
    assert [made["open"][name] for name in counts] == [0, 0, 0, 0, 1]


def test_a_stay_inside_a_stay_and_what_never_took_place_are_marked(made: Made) -> None:
    assert [e for e, row in made.items() if row["is_within_stay"]] == ["icu"]
    assert [e for e, row in made.items() if not row["has_taken_place"]] == ["planned"]
    assert not made["visit"]["is_inpatient"]


def test_every_encounter_has_its_row(made: Made) -> None:
    assert len(made) == 20 + len(MOVES)
