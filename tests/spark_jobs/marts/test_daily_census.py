"""gold.daily_census, worked out by hand."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from spark_jobs.marts.daily_census import daily_census
from tests.spark_jobs.marts.making import Row, at, by, make, on

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COUNTS = ("census", "arrivals", "departures", "deaths")
FLOWS = ("census_before", "arrivals", "transfers_in", "transfers_out", "departures", "deaths", "census")
Made = dict[tuple[str, str], tuple[int, ...]]


def stay(ward: str, first: str, last: str | None, **more: object) -> Row:
    given = {
        "has_taken_place": True,
        "is_inpatient": True,
        "is_within_stay": False,
        "class_code": "IMP",
        "facility_key": "one",
        "time_zone": "UTC",
        "started_on": on(first),
        "ended_on": on(last) if last else None,
        "ended_at": at(f"{last}T12:00") if last else None,
        "died_in_hospital": False,
    }
    return {**given, "wards": moves((ward, first)), **more}


def moves(*wards: tuple[str, str]) -> list[Row]:
    """Ward and day of coming in, one after the other."""
    return [{"location_key": ward, "started_on": on(day), "started_at": at(f"{day}T12:00")} for ward, day in wards]


STAYS = [
    stay("ward", "2026-01-01", "2026-01-03"),
    stay("ward", "2026-01-02", "2026-01-04", died_in_hospital=True),
    stay("ward", "2026-01-02", "2026-01-02", died_in_hospital=None),
    stay("ward", "2026-01-10", None),
    stay("other", "2026-01-14", "2026-01-16"),
    stay("other", "2026-01-15", None),
    stay("ward", "2026-01-01", "2026-01-09", is_within_stay=True),
    stay("ward", "2026-01-01", "2026-01-09", is_inpatient=False),
    stay("ward", "2026-01-01", "2026-01-09", has_taken_place=False),
    stay("ward", "2026-01-01", None, ended_at=at("2026-02-01T00:00")),
]
for n, each in enumerate(STAYS):
    each |= {"encounter_id": f"e{n}", "person_id": f"p{n}"}


def counts_by_ward(spark: "SparkSession", *stays: Row) -> dict[tuple[str, str], tuple[int, ...]]:
    """All counts by ward and day of January; today is the 15th."""
    given = [{"encounter_id": f"e{n}", "person_id": f"p{n}", **each} for n, each in enumerate(stays)]
    found = by(make(spark, daily_census, {"as_of": "2026-01-15"}, encounters=given), "location_key", "census_on")
    return {(ward, str(day)[8:]): tuple(row[name] for name in FLOWS) for (ward, day), row in found.items()}


@pytest.fixture(scope="module")
def made(spark: "SparkSession") -> Made:
    """The four counts by location and day; today is 15 January."""
    rows = make(spark, daily_census, {"as_of": "2026-01-15"}, encounters=STAYS)
    found = by(rows, "location_key", "census_on")
    return {(ward, str(day)): tuple(row[name] for name in COUNTS) for (ward, day), row in found.items()}


def test_who_is_there_at_midnight_who_came_and_who_left(made: Made) -> None:
    """Census, arrivals, departures, deaths; who came and left between two midnights is counted by both alone."""
    ward = {day: counts for (name, day), counts in made.items() if name == "ward" and day < "2026-01-10"}
    assert ward == {
        "2026-01-01": (1, 1, 0, 0),
        "2026-01-02": (2, 2, 1, 0),
        "2026-01-03": (1, 0, 1, 0),
        "2026-01-04": (0, 0, 0, 1),
    }


def test_a_stay_without_an_end_lasts_until_the_last_day_that_is_over(made: Made) -> None:
    open_days = [day for (ward, day) in made if ward == "ward" and day >= "2026-01-10"]
    assert sorted(open_days) == [f"2026-01-{day}" for day in (10, 11, 12, 13, 14)]
    assert made["other", "2026-01-14"] == (1, 1, 0, 0)
    assert max(day for _, day in made) == "2026-01-14"


def test_a_person_is_counted_where_the_moves_say_and_a_move_is_out_of_one_ward_and_into_the_other(
    spark: "SparkSession",
) -> None:
    """In by the emergency ward on the 1st, on to A the same day, to intensive care on the 3rd, back to A and home on
    the 5th; another one came to A on the 2nd, was moved to B on the 4th and died there that day."""
    path = moves(("emergency", "2026-01-01"), ("a", "2026-01-01"), ("icu", "2026-01-03"), ("a", "2026-01-05"))
    found = counts_by_ward(
        spark,
        stay("", "2026-01-01", "2026-01-05", wards=path),
        stay(
            "", "2026-01-02", "2026-01-04", wards=moves(("a", "2026-01-02"), ("b", "2026-01-04")), died_in_hospital=True
        ),
    )
    assert found == {
        # ward, day: before, arrivals, transfers in, transfers out, departures, deaths, census
        ("emergency", "01"): (0, 1, 0, 1, 0, 0, 0),
        ("a", "01"): (0, 0, 1, 0, 0, 0, 1),
        ("a", "02"): (1, 1, 0, 0, 0, 0, 2),
        ("a", "03"): (2, 0, 0, 1, 0, 0, 1),
        ("icu", "03"): (0, 0, 1, 0, 0, 0, 1),
        ("icu", "04"): (1, 0, 0, 0, 0, 0, 1),
        ("a", "04"): (1, 0, 0, 1, 0, 0, 0),
        ("b", "04"): (0, 0, 1, 0, 0, 1, 0),
        ("icu", "05"): (1, 0, 0, 1, 0, 0, 0),
        ("a", "05"): (0, 0, 1, 0, 1, 0, 0),
    }


def test_moves_to_and_fro_on_one_day_are_all_counted(spark: "SparkSession") -> None:
    path = moves(("a", "2026-01-01"), ("b", "2026-01-02"), ("a", "2026-01-02"), ("b", "2026-01-02"))
    found = counts_by_ward(spark, stay("", "2026-01-01", None, wards=path))
    assert found["a", "02"] == (1, 0, 1, 2, 0, 0, 0)
    assert found["b", "02"] == (0, 0, 2, 1, 0, 0, 1)
    assert found["b", "14"] == (1, 0, 0, 0, 0, 0, 1)


def test_one_person_in_one_ward_counts_once_under_whichever_records(spark: "SparkSession") -> None:
    """From the 1st to the 5th under one record, from the 3rd on under another; from the 8th on a third one, anew."""
    found = counts_by_ward(
        spark,
        stay("a", "2026-01-01", "2026-01-05", person_id="p"),
        stay("a", "2026-01-03", "2026-01-07", person_id="p"),
        stay("a", "2026-01-04", "2026-01-06", person_id="p"),
        stay("a", "2026-01-07", "2026-01-08", person_id="p"),
        stay("b", "2026-01-03", "2026-01-04", person_id="p"),
    )
    ward = {day: counts for (name, day), counts in found.items() if name == "a"}
    assert ward == {
        "01": (0, 1, 0, 0, 0, 0, 1),
        **{f"0{day}": (1, 0, 0, 0, 0, 0, 1) for day in range(2, 7)},
        "07": (1, 1, 0, 0, 1, 0, 1),
        "08": (1, 0, 0, 0, 1, 0, 0),
    }
    assert found["b", "03"] == (0, 1, 0, 0, 0, 0, 1), "two wards at once are two places"


def test_stays_of_nobody_known_are_not_taken_for_one_person(spark: "SparkSession") -> None:
    nobody = [stay("a", "2026-01-01", "2026-01-03", person_id=None) for _ in range(2)]
    assert counts_by_ward(spark, *nobody)["a", "01"] == (0, 2, 0, 0, 0, 0, 2)


def test_each_days_census_follows_from_the_day_before(made: Made) -> None:
    for (ward, day), (census, arrivals, departures, deaths) in made.items():
        before = made.get((ward, str(on(day) - timedelta(days=1))), (0, 0, 0, 0))[0]
        assert census == before + arrivals - departures - deaths
