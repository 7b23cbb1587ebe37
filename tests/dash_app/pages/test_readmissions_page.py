"""The page on readmissions, held against stays that were worked out by hand."""

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app import rates, render
from dash_app.data import Ask
from dash_app.page import Alert, Stat, View
from dash_app.pages.readmissions import PAGE
from lakehouse.errors import InputError

AskOnce = Callable[..., Ask]
HOSTILE = "<script>alert(1)</script>"


def stay(
    key: str,
    person: str,
    start: date,
    days: int | None = 2,
    why: str | None = None,
    by: str | None = None,
    after: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A stay of so many days (null: still open), excluded for a reason, or readmitted `by` a stay `after` days."""
    end = None if days is None else start + timedelta(days=days)
    return {
        "encounter_id": key, "patient_id": person, "person_id": person, "encounter_ids": [key], "facility_key": "fac-a",
        "started_on": start, "discharged_on": end, "primary_diagnosis_code": "J44.9", "is_index": why is None,
        "exclusion_reason": why, "is_planned": False, "is_readmitted": None if why else by is not None,
        "readmission_encounter_id": by, "days_to_readmission": after,
    } | more  # fmt: skip


def fact(stay: dict[str, Any], age: int | None, diagnosis: str = HOSTILE) -> dict[str, Any]:
    return {
        "encounter_id": stay["encounter_id"], "patient_id": stay["patient_id"], "is_inpatient": True,
        "class_code": "IMP",
        "facility_key": stay["facility_key"], "age_at_start_years": age,
        "primary_diagnosis_display": diagnosis,
    }  # fmt: skip


JAN = date(2025, 1, 1)
# Ada comes back after 12 days; her readmission is an index admission itself. Bob's next stay was planned.
STAYS = [
    stay("s1", "person-ada", JAN, by="s2", after=12, started_at=None),
    stay("s2", "person-ada", JAN + timedelta(days=14), facility_key="fac-b"),
    stay("s3", "person-bob", JAN),
    stay("s4", "person-bob", JAN + timedelta(days=20), is_planned=True),
    stay("s5", "person-cyd", JAN, why="died"),
    stay("s6", "person-dan", JAN, why="died"),
    stay("s7", "person-eve", JAN + timedelta(days=300), why="short_follow_up"),
    stay("s8", "person-fay", JAN, days=None, why="not_discharged"),
]
AGES = [70, 70, 50, 50, 90, 90, 17, None]
LAKE = {
    "gold.readmission": STAYS,
    "gold.encounter_fact": [fact(s, age) for s, age in zip(STAYS, AGES, strict=True)],
    "silver.organization": [{"organization_id": "fac-a", "name": "North Clinic", "is_deleted": False}],
}


def show(ask: Ask, **given: str) -> View:
    return PAGE.build(ask, PAGE.values(ask, given))


def stats(view: View) -> dict[str, Stat]:
    return {block.label: block for block in view.blocks if isinstance(block, Stat)}


def sent(view: View) -> str:
    """What goes to the browser."""
    return str(to_json_plotly(render.content(PAGE, view, {}, [])))


def test_numbers_are_those_of_the_measure_and_lead_to_their_stays(ask_once: AskOnce) -> None:
    view = show(ask_once("stays", LAKE))
    found = stats(view)
    rate = found["Readmitted within 30 days"]
    assert (rate.value, rate.note, rate.icons) == (25.0, "1 of 4 index admissions", [])
    assert (found["Index admissions"].value, found["Index admissions"].note) == (4, "of 8 stays")
    assert found["Followed by a planned stay"].value == 1
    assert (found["Stays that do not count"].value, found["Stays that do not count"].note) == (4, "mostly: died (2)")
    assert found["Stays that do not count"].href == "/readmissions?show=excluded"
    assert "numbers are not" in rate.definition
    ask = ask_once("stays", LAKE)
    for show_, amount in (("readmitted", 1), ("index", 4), ("planned", 1), ("excluded", 4), ("died", 2), ("stays", 8)):
        assert len(show(ask, show=show_).card("stays").frame) == amount


def test_funnel_adds_up_from_stays_to_what_followed(ask_once: AskOnce) -> None:
    funnel = show(ask_once("stays", LAKE)).card("funnel")
    amounts = dict(zip(funnel.frame["show"], funnel.frame["stays"], strict=True))
    reasons = {"died": 2, "short_follow_up": 1, "not_discharged": 1}
    assert amounts == {"stays": 8, **reasons, "index": 4, "readmitted": 1, "planned": 1, "none": 2}
    assert funnel.summary == (
        "Of 8 stays, 4 are index admissions and 4 do not count. Of the index admissions 1 was readmitted, "
        "1 had a planned stay first, 2 neither."
    )
    assert funnel.figure is not None
    [bars] = funnel.figure["data"]
    ends = {
        row: start + amount for row, start, amount in zip(funnel.frame["show"], bars["base"], bars["x"], strict=True)
    }
    assert min(start for row, start in zip(funnel.frame["show"], bars["base"], strict=True) if row in reasons) == 4
    assert (ends["index"], ends["readmitted"], ends["none"]) == (4, 1, 4)
    assert funnel.links["what"]({"show": "died"}) == "/readmissions?show=died"


def test_stays_are_listed_with_what_followed_and_no_id_of_a_person(ask_once: AskOnce) -> None:
    ask = ask_once("stays", LAKE)
    view = show(ask)
    card = view.card("stays")
    [row] = card.frame.to_dict("records")
    assert (row["days_to_readmission"], row["facility"], row["readmission_facility"]) == (12, "North Clinic", "fac-b")
    assert (row["discharged_on"], row["readmitted_on"]) == (date(2025, 1, 3), date(2025, 1, 15))
    assert row["diagnosis"] == HOSTILE
    address = card.links["patient"](row)
    assert address is not None
    assert ask.unseal("patient", address.removeprefix("/patients?patient=")) == "person-ada"
    everything = sent(show(ask, show="stays")) + "".join(
        render.as_csv(block.frame) for block in view.blocks if hasattr(block, "frame")
    )
    assert "person-" not in everything


def test_list_comes_first_where_an_address_asks_for_it(ask_once: AskOnce) -> None:
    ask = ask_once("stays", LAKE)
    assert next(b.name for b in show(ask, show="died").blocks if hasattr(b, "name")) == "stays"
    assert next(b.name for b in show(ask).blocks if hasattr(b, "name")) == "over_time"
    narrowed = show(ask, show="index", diagnosis="I10").card("stays")
    assert narrowed.frame.empty
    assert len(show(ask, show="index", diagnosis="J44.9").card("stays").frame) == 4


def test_filters_choose_stays_by_discharge_facility_and_age(ask_once: AskOnce) -> None:
    ask = ask_once("stays", LAKE)
    assert stats(show(ask, since="2025-01-10"))["Index admissions"].note == "of 3 stays"  # s2, s4, s7
    assert stats(show(ask, until="2025-01-10"))["Index admissions"].note == "of 4 stays"
    assert stats(show(ask, facility="fac-b"))["Index admissions"].note == "of 1 stay"
    found = stats(show(ask, age="65–74"))
    assert (found["Readmitted within 30 days"].value, found["Index admissions"].value) == (50.0, 2)
    assert found["Index admissions"].href == "/readmissions?age=65%E2%80%9374&show=index"
    assert stats(show(ask, age="not told"))["Readmitted within 30 days"].value is None
    [nothing] = show(ask, since="2030-01-01").blocks
    assert isinstance(nothing, Alert)
    assert "No stay fits these filters" in nothing.text


@pytest.mark.parametrize("given", [{"facility": "no-such"}, {"since": "soon"}, {"show": "x"}, {"target": "11"}])
def test_values_that_do_not_exist_are_refused(ask_once: AskOnce, given: dict[str, str]) -> None:
    with pytest.raises(InputError, match="reset the filters"):
        show(ask_once("stays", LAKE), **given)


def test_groups_have_rates_with_intervals_and_small_ones_are_marked(ask_once: AskOnce) -> None:
    view = show(ask_once("stays", LAKE))
    ages = view.card("by_age")
    assert ages.frame["label"].tolist() == ["45–64", "65–74"]
    assert ages.frame["note"].tolist() == ["few cases", "few cases"]
    assert ages.summary == "No age band has 25 index admissions: each rate below rests on few cases."
    facilities = view.card("by_facility")
    north = facilities.frame.iloc[0]
    assert (north["label"], north["readmitted"], north["index_stays"]) == ("North Clinic", 1, 3)
    assert facilities.links["label"](north.to_dict()) == "/readmissions?facility=fac-a"
    assert view.card("by_service").frame["label"].tolist() == ["Inpatient"]
    diagnoses = view.card("diagnoses")
    assert diagnoses.summary.startswith(f"{HOSTILE} comes back most often: 1 of 4 index admissions (25.0 %).")
    assert diagnoses.figure is not None
    assert "<script" not in json.dumps(diagnoses.figure)  # a chart would take it for markup


def many_stays(facility: str, events: Sequence[int], cases: int = 30) -> list[dict[str, Any]]:
    """A year of months with so many index admissions, of which so many were readmitted (by stays that are not told)."""
    return [
        stay(f"{facility}{month}-{i}", f"p{facility}{month}-{i}", date(2024, month, 1), by="x" if i < count else None,
             after=3, facility_key=facility)
        for month, count in enumerate(events, start=1) for i in range(cases)
    ]  # fmt: skip


@pytest.fixture
def months(ask_once: AskOnce) -> Ask:
    """Three facilities: one with a special month, one with 36 of 360 readmitted, one with 12 of 120."""
    stays = [
        *many_stays("fac-c", [3, 5] * 5 + [3, 15]),
        *many_stays("fac-d", [3] * 12),
        *many_stays("fac-e", [1] * 12, 10),
    ]
    return ask_once("months", {"gold.readmission": stays, "gold.encounter_fact": [fact(s, 60) for s in stays]})


def test_control_chart_shows_a_special_month_with_variation_and_assurance(months: Ask) -> None:
    view = show(months, target="15", facility="fac-c")
    # 58 of 360 are 16.1 %; 3 · √(0.1611 · 0.8389 / 30) is 20.1 %: from 0 to 36.2 %.
    assert stats(view)["Readmitted within 30 days"].icons == ["worse_high", "hit_or_miss"]
    assert stats(show(months, facility="fac-c"))["Readmitted within 30 days"].icons == ["worse_high"]
    card = view.card("over_time")
    assert card.title == "Readmission rate by month of discharge"
    assert card.summary == (
        "16.1 % on average; 2024-12: 50.0 % (15 of 30), outside the limits. 1 of 12 months is special. "
        "Target 15 %: the target lies within the limits, hit or miss."
    )
    last = card.frame.iloc[-1]
    assert (last["month"], last["readmitted"], last["index_stays"]) == ("2024-12", 15, 30)
    assert (last["mean"], last["lower"], last["upper"]) == pytest.approx((16.11, 0, 36.25), abs=0.01)


def test_sure_groups_are_named_in_the_sentence(months: Ask) -> None:
    card = show(months).card("by_facility")
    assert card.frame["label"].tolist() == ["fac-c", "fac-d", "fac-e"]
    assert card.summary == "fac-c has the highest rate of 3 facilities with 25 cases or more: 16.1 % (58 of 360)."
    assert set(card.frame["note"]) == {""}
    alone = show(months, facility="fac-e").card("by_facility")
    assert alone.summary == "fac-e, the only facility with 25 cases or more: 10.0 % (12 of 120)."


def test_grain_is_the_finest_that_has_enough_cases() -> None:
    monthly = [(f"2024-{m:02}", 3, 30) for m in range(1, 13)]
    assert rates.newest(monthly)[0] == "month"
    fewer = [(month, 1, 30) for month, _, _ in monthly]
    grain, periods, enough = rates.newest(fewer)
    assert (grain, enough) == ("quarter", True)
    assert periods == [(f"2024 Q{q}", 3, 90) for q in range(1, 5)]
    rare = [("2020-05", 1, 10), ("2022-05", 0, 10)]
    assert rates.newest(rare) == ("year", [("2020", 1, 10), ("2021", 0, 0), ("2022", 0, 10)], False)
    assert rates.newest([]) == ("year", [], False)
    assert len(rates.newest([(f"{y}-01", 9, 30) for y in range(1990, 2025)])[1]) == 24


def test_interval_of_wilson_is_that_of_his_formula() -> None:
    # 1 of 4: (1/4 + 1.96²/8) / (1 + 1.96²/4) = 37.25 %, and 32.69 % to both sides.
    assert rates.wilson(1, 4) == pytest.approx((4.56, 69.94), abs=0.01)
    assert rates.wilson(0, 10) == pytest.approx((0, 27.75), abs=0.01)
    assert rates.wilson(10, 10) == pytest.approx((72.25, 100), abs=0.01)
    assert rates.wilson(0, 0) == (0, 100)


def test_lake_without_stays_says_why_there_is_nothing(ask_once: AskOnce) -> None:
    [alert] = show(ask_once("empty")).blocks
    assert "gold.readmission has no rows" in alert.text


def test_one_stay_alone_reads_well(ask_once: AskOnce) -> None:
    ask = ask_once("one-stay", {"gold.readmission": [STAYS[2], STAYS[4] | {"facility_key": "fac-b"}]})
    view = show(ask, facility="fac-a")
    assert view.card("over_time").summary == "Nobody was readmitted in 1 year, so there are no limits to draw."
    assert view.card("funnel").summary.startswith("Of 1 stay, 1 is an index admission and 0 do not count.")
    assert view.card("exclusions").empty == "No stay is excluded."
    assert view.card("stays").frame.empty
    only_excluded = show(ask, facility="fac-b")
    assert stats(only_excluded)["Readmitted within 30 days"].value is None
    assert only_excluded.card("over_time").frame.empty
    assert "page-title" in sent(only_excluded)
