"""The page on the census, held against days that were worked out by hand."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app import render
from dash_app.data import Ask
from dash_app.page import Alert, Stat, View
from dash_app.pages.census import PAGE, Window, window_of
from lakehouse.errors import InputError

AskOnce = Callable[..., Ask]
HOSTILE = "<script>alert(1)</script>"
FIRST = date(2026, 1, 1)


def day(
    on: int, where: str, census: int, *, came: int = 0, left: int = 0, died: int = 0, **more: Any
) -> dict[str, Any]:
    return {
        "census_on": FIRST + timedelta(days=on - 1), "facility_key": "fac-a", "location_key": where,
        "class_code": "IMP", "time_zone": "Europe/Berlin", "census": census, "arrivals": came, "transfers_in": 0,
        "transfers_out": 0,
        "departures": left, "deaths": died,
    } | more  # fmt: skip


def place(key: str, kind: str | None, of: str | None = None, name: str | None = None) -> dict[str, Any]:
    return {
        "location_id": key, "physical_type_code": kind, "part_of_location_id": of, "name": name, "is_deleted": False,
    }  # fmt: skip


def arrival(key: str, at: datetime, precision: str = "second", **more: Any) -> list[dict[str, Any]]:
    """An inpatient encounter of the fact table, and of silver."""
    fact = {
        "encounter_id": key, "patient_id": "person-1", "has_taken_place": True, "is_inpatient": True,
        "is_within_stay": False, "class_code": "IMP", "facility_key": "fac-a", "location_key": "bed-1",
        "time_zone": "Europe/Berlin", "started_at": at, "started_on": (at + timedelta(hours=1)).date(),
    }  # fmt: skip
    return [fact | more, {"encounter_id": key, "started_precision": precision}]


# Two beds of one ward, and a place that nothing is known of: on the 14th nobody is there any more.
DAYS = [
    day(1, "bed-1", 1, came=1), day(2, "bed-1", 1), day(2, "bed-2", 1, came=1), day(3, "bed-1", 0, left=1),
    day(3, "bed-2", 1), day(3, "Location/x-9", 3, came=3), day(4, "bed-2", 0, died=1),
    day(4, "Location/x-9", 2, left=1),
    day(8, "bed-1", 1, came=1, transfers_in=0, transfers_out=0), day(9, "bed-1", 0, transfers_out=1),
    day(9, "bed-2", 1, transfers_in=1), day(10, "bed-2", 0, left=1),
]  # fmt: skip
ALONE = day(1, "unknown", 1, came=1)
ARRIVALS = [
    arrival("e1", datetime(2026, 1, 5, 23, 30, tzinfo=UTC)),  # a Monday; in Berlin it is Tuesday, half past midnight
    arrival("e2", datetime(2026, 1, 12, 23, 10, tzinfo=UTC)),
    arrival("e3", datetime(2026, 1, 8, 11, 0, tzinfo=UTC)),
    arrival("e4", datetime(2026, 1, 8, 0, 0, tzinfo=UTC), "day"),
    arrival("e5", datetime(2026, 1, 8, 11, 0, tzinfo=UTC), is_inpatient=False),
]
LAKE = {
    "gold.daily_census": DAYS,
    "gold.encounter_fact": [fact for fact, _ in ARRIVALS],
    "silver.encounter": [silver for _, silver in ARRIVALS],
    "silver.organization": [{"organization_id": "fac-a", "name": "North Clinic", "is_deleted": False}],
    "silver.location": [
        place("ward-1", "wa", None, HOSTILE), place("room-1", "ro", "ward-1"), place("bed-1", "bd", "ward-1"),
        place("bed-2", "bd", "room-1"), place("bed-3", "bd", "ward-1"),
    ],
}  # fmt: skip


def run(as_of: str) -> dict[str, Any]:
    return {
        "run_id": "r1", "job": "daily_census", "table_name": "gold.daily_census", "run_key": "k", "basis": "b",
        "mode": "full", "state": "published", "as_of": as_of, "live_rows": 1, "message": "", "started_at": as_of,
    }  # fmt: skip


def show(ask: Ask, **given: str) -> View:
    return PAGE.build(ask, PAGE.values(ask, given))


def stats(view: View) -> dict[str, Stat]:
    return {block.label: block for block in view.blocks if isinstance(block, Stat)}


@pytest.fixture
def ask(ask_once: AskOnce) -> Ask:
    """The lake as of the 15th: the 14th is the last day told."""
    return ask_once("census", LAKE, {"runs": [run("2026-01-15")]})


def test_numbers_count_midnights_days_without_a_row_included(ask: Ask) -> None:
    found = stats(show(ask, since="2026-01-01"))
    newest, average, peak = found["In at midnight"], found["Average census"], found["Peak"]
    assert (newest.value, newest.note) == (0, "at the end of 2026-01-14")
    assert average.value == pytest.approx((1 + 2 + 4 + 2 + 1 + 1) / 14)
    assert average.note == "over 14 days, 2026-01-01 to 2026-01-14"
    assert (peak.value, peak.note) == (4, "at the end of 2026-01-03")
    assert peak.href == "/census?since=2026-01-03&until=2026-01-03"
    came, left = found["Arrivals in 7 days"], found["Departures in 7 days"]
    assert (came.value, came.note, came.trend) == (1, "5 in the 7 days before", [5, 1])
    assert (left.value, left.note) == (1, "3 in the 7 days before")  # the death of the 4th among them
    assert stats(show(ask, since="2026-01-08"))["Arrivals in 7 days"].note == "the 7 days before are not shown"
    one_day = stats(show(ask, since="2026-01-03", until="2026-01-03"))
    assert (one_day["In at midnight"].value, one_day.keys() & {"Arrivals in 7 days"}) == (4, set())


def test_beds_and_rooms_count_under_their_ward(ask: Ask) -> None:
    card = show(ask, since="2026-01-01").card("occupancy")
    ward, unknown = sorted(card.frame.to_dict("records"), key=lambda row: row["ward"])
    assert (ward["ward"], ward["ward_key"], ward["beds"], ward["facility"]) == (HOSTILE, "ward-1", 3, "North Clinic")
    assert (ward["arrivals"], ward["transfers_in"], ward["departures"], ward["deaths"]) == (3, 1, 2, 1)
    assert ward["average"] == pytest.approx(6 / 14)
    assert ward["occupancy"] == pytest.approx(100 * 6 / 14 / 3)
    assert (unknown["ward"], unknown["beds"] != unknown["beds"]) == ("x-9", True)
    assert card.links["ward"](ward) == "/census?since=2026-01-01&ward=ward-1"
    assert card.summary.startswith(
        "2 wards had people between 2026-01-01 and 2026-01-14; beds are recorded for 1 of them."
    )


def test_wards_are_stacked_by_day_and_every_day_is_drawn(ask: Ask) -> None:
    card = show(ask, since="2026-01-01").card("over_time")
    assert card.summary == f"2 wards with people; {HOSTILE} had 54.5 % of all 11 midnights that people spent in."
    assert card.figure is not None
    heights = [trace["y"] for trace in card.figure["data"]]
    assert heights == [[1, 2, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], [0, 0, 3, 2] + [0] * 10]
    assert card.figure["data"][0]["x"][-1] == "2026-01-14"
    assert not [trace for trace in card.figure["data"] if "<script" in trace["name"]]


def test_long_times_are_drawn_by_month_as_averages(ask: Ask) -> None:
    card = show(ask, since="2024-01-01").card("over_time")
    assert "average of the month" in card.title
    assert card.figure is not None
    assert [trace["x"][-1] for trace in card.figure["data"]] == ["2026-01-01", "2026-01-01"]
    assert [trace["y"][-1] for trace in card.figure["data"]] == [pytest.approx(6 / 14, abs=0.01), pytest.approx(0.36)]


def test_arrivals_are_told_by_the_clock_of_the_facility(ask: Ask) -> None:
    card = show(ask, since="2026-01-01").card("by_hour")
    rows = {(row["day"], row["time"]): row["arrivals"] for row in card.frame.to_dict("records")}
    assert rows == {("Tuesday", "00"): 2, ("Thursday", "12"): 1}
    assert card.summary == (
        "Of 3 arrivals with a time of day, 66.7 % came between 18:00 and 6:00; "
        "the fullest hour is Tuesday from 00:00 (2). 1 more has no time of day."
    )
    assert "Europe/Berlin" in card.definition
    assert card.figure is not None
    assert card.figure["data"][0]["z"][1][0] == 2


def test_arrivals_and_departures_are_added_up(ask: Ask) -> None:
    card = show(ask, since="2026-01-01").card("arrivals")
    assert card.summary == (
        "6 arrivals, 3 departures and 1 death from 2026-01-01 to 2026-01-14; 3 arrivals a week on average."
    )
    assert len(card.frame) == 14
    weeks = show(ask, since="2025-09-01").card("arrivals").frame
    assert weeks["period"].iloc[-1] == date(2026, 1, 12)  # a Monday


def test_filters_choose_ward_class_and_facility(ask: Ask) -> None:
    found = stats(show(ask, since="2026-01-01", ward="ward-1"))
    assert (found["Peak"].value, found["Peak"].note) == (2, "at the end of 2026-01-02")
    assert stats(show(ask, since="2026-01-01", **{"class": "IMP"}))["Peak"].value == 4
    assert dict(PAGE.filters[3].choices(ask)) == {"ward-1": HOSTILE, "Location/x-9": "x-9"}  # type: ignore[union-attr]
    [nobody] = show(ask, since="2026-02-01").blocks
    assert isinstance(nobody, Alert)
    assert "Nobody is in the data for these filters" in nobody.text


@pytest.mark.parametrize("given", [{"ward": "ward-9"}, {"facility": "x"}, {"class": "x"}, {"since": "2026-13-01"}])
def test_values_that_do_not_exist_are_refused(ask: Ask, given: dict[str, str]) -> None:
    with pytest.raises(InputError, match="reset the filters"):
        show(ask, **given)


def test_last_day_told_is_said_and_old_data_are_marked(ask: Ask, ask_once: AskOnce) -> None:
    [told] = [block for block in show(ask).blocks if isinstance(block, Alert)]
    assert (told.level, told.text) == (
        "info", "The census is told up to the midnight that ends 2026-01-14; what is shown ends 2026-01-14.",
    )  # fmt: skip
    old = ask_once("one-day", {"gold.daily_census": [ALONE]}, {"runs": [run("2027-01-15")]})
    [warning] = [block for block in show(old).blocks if isinstance(block, Alert)]
    assert warning.level == "warning"
    assert "nobody is in the data after 2026-01-01" in warning.text
    assert stats(show(old))["In at midnight"].note == "at the end of 2026-01-01"


def test_days_that_are_shown_end_with_the_last_that_is_told() -> None:
    last, told = date(2026, 1, 10), date(2026, 1, 14)
    assert window_of(last, told, None, None) == Window(date(2025, 1, 15), told, told)
    assert window_of(last, None, None, None) == Window(date(2025, 1, 11), last, None)
    assert window_of(last, told, date(2026, 1, 1), date(2026, 3, 1)) == Window(date(2026, 1, 1), told, told)
    assert window_of(last, told, date(2026, 2, 1), None) is None
    assert window_of(None, told, None, None) is None


def test_page_without_people_and_with_one_day_reads_well(ask_once: AskOnce) -> None:
    [alert] = show(ask_once("empty")).blocks
    assert "gold.daily_census has no rows" in alert.text
    view = show(ask_once("one-day", {"gold.daily_census": [ALONE]}, {"runs": [run("2027-01-15")]}))
    assert view.card("over_time").summary == (
        "1 ward with people; not told had 100.0 % of all 1 midnight that people spent in."
    )
    assert "beds are recorded for none of them" in view.card("occupancy").summary
    assert view.card("by_hour").frame.empty
    assert "page-title" in str(to_json_plotly(render.content(PAGE, view, {}, [])))


def test_no_id_of_a_person_reaches_the_browser(ask: Ask) -> None:
    view = show(ask, since="2026-01-01")
    assert "person-1" not in str(to_json_plotly(render.content(PAGE, view, {}, [])))
