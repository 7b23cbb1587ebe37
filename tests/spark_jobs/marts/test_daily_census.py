"""gold.daily_census, worked out by hand."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from spark_jobs.marts.daily_census import daily_census
from tests.spark_jobs.marts.making import Row, at, by, make, on

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COUNTS = ("census", "arrivals", "departures", "deaths")
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
    return {**given, "location_key": ward, **more}


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


def test_each_days_census_follows_from_the_day_before(made: Made) -> None:
    for (ward, day), (census, arrivals, departures, deaths) in made.items():
        before = made.get((ward, str(on(day) - timedelta(days=1))), (0, 0, 0, 0))[0]
        assert census == before + arrivals - departures - deaths
