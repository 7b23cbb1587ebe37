"""Census: how many people are in, in which ward, and when they come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from dash_app import figures
from dash_app.data import Ask
from dash_app.page import Alert, Card, Choice, Day, Page, Section, Stat, View
from dash_app.places import by_name, class_name, facility_names, place_name
from dash_app.words import many, number, share

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_DAYS = 400  # more are shown by month
_MOST_WARDS = 7
_STOPPED_DAYS = 31
_SUMS = ["census", "newest", "arrivals", "transfers_in", "transfers_out", "departures", "deaths"]
COUNTED = (
    "Inpatient encounters that have taken place count, those that are part of another stay do not, and those without a "
    "whole date of start or end cannot. Days are told in the facility's time zone; people count where the source says "
    "that they were. A ward is what the bed or room is part of, else the location itself."
)


@dataclass(frozen=True)
class Window:
    """The days that are shown, and up to which day the lake tells: null where no run says so."""

    since: date
    until: date
    told: date | None

    @property
    def days(self) -> int:
        """How many days are shown."""
        return (self.until - self.since).days + 1

    @property
    def grain(self) -> str:
        """By what the census is drawn."""
        return "day" if self.days <= MOST_DAYS else "month"


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """The census as numbers, by ward over time, with arrivals and departures."""
    places = ask("census_places")
    if places.empty:
        return View([Alert("gold.daily_census has no rows: no inpatient stays are in the data, or `lake run gold` has "
                           "not run yet.", title="No stays")])  # fmt: skip
    chosen = _chosen(places, filters)
    first = chosen["first_on"].min() if len(chosen) else None
    window = window_of(_last_day(chosen), _told(ask), filters["since"], filters["until"], first)
    if chosen.empty or window is None:
        return View(
            [Alert("Nobody is in the data for these filters: reset them, or choose other days.", title="Nobody")]
        )
    parameters = {
        "since": window.since,
        "until": window.until,
        "facility": filters["facility"] or None,
        "class": filters["class"] or None,
        "locations": "\n".join(sorted(set(chosen["location_key"]))) if filters["ward"] else None,
    }
    days = _every_day(ask("census_days", **parameters), window)
    wards = _by_ward(ask("census_by_location", **parameters, grain=window.grain), places, facility_names(ask))
    hours = ask("census_arrivals", **parameters)
    return View(
        [
            *_told_until(window, _last_day(chosen)),
            *_numbers(days, window, filters),
            _over_time(wards, window),
            _coming_and_going(days, window),
            _heat(hours),
            Section("Ward by ward"),
            _occupancy(wards, window, filters),
        ]
    )


def _chosen(places: pd.DataFrame, filters: Mapping[str, Any]) -> pd.DataFrame:
    for name, column in (("facility", "facility_key"), ("ward", "ward_key"), ("class", "class_code")):
        if filters[name]:
            places = places[places[column] == filters[name]]
    return places


def _last_day(places: pd.DataFrame) -> date | None:
    return max(places["last_on"]) if len(places) else None


def _told(ask: Ask) -> date | None:
    """The last day that is over by the clock of the newest run."""
    as_of = ask("census_told")["as_of"].iloc[0]
    return date.fromisoformat(as_of[:10]) - timedelta(days=1) if isinstance(as_of, str) else None


def window_of(
    last: date | None, told: date | None, since: date | None, until: date | None, first: date | None = None
) -> Window | None:
    """The days to show: as chosen, else the year up to the last day told. Null if there are none.

    Nobody was in before the `first` day, so no window begins more than ten years earlier. Where nobody has been in for
    more than a month before the last day told, the year ends with the last day on which somebody was.
    """
    if last is None:
        return None
    newest = told if told and (told - last).days <= _STOPPED_DAYS else last
    end = min(until, told or last) if until else newest
    start = since or end - timedelta(days=364)
    if first:
        start = max(start, min(first, end) - timedelta(days=3660))
    return Window(start, end, told) if start <= end else None


def _every_day(rows: pd.DataFrame, window: Window) -> pd.DataFrame:
    """One row a day; a day without a row in the table had nobody."""
    index = [window.since + timedelta(days=i) for i in range(window.days)]
    return rows.set_index("census_on").reindex(index, fill_value=0).rename_axis("census_on").reset_index()


def _told_until(window: Window, last: date | None) -> list[Alert]:
    if window.told is None:
        return []
    if last and (window.told - last).days > _STOPPED_DAYS:
        text = (
            f"The census is told up to {window.told}, but nobody is in the data after {last}: the source may have "
            f"stopped, or its data are old. Numbers are as of {window.until}."
        )
        return [Alert(text, "warning", "Old data")]
    return [Alert(f"The census is told up to the midnight that ends {window.told}; what is shown ends {window.until}.")]


def address(filters: Mapping[str, Any], **changes: object) -> str:
    """This page with the same filters but for the changes."""
    texts = {name: str(value) for name, value in {**filters, **changes}.items() if value}
    return f"/census?{urlencode(texts)}" if texts else "/census"


def _numbers(days: pd.DataFrame, window: Window, filters: Mapping[str, Any]) -> list[Stat]:
    newest = days.iloc[-1]
    peak = days.loc[days["census"].idxmax()]
    average = float(days["census"].mean())
    midnight = "People in at the midnight that ends the day. " + COUNTED
    stats = [
        Stat("In at midnight", int(newest["census"]), midnight, note=f"at the end of {newest['census_on']}",
             href=address(filters, since=newest["census_on"], until=newest["census_on"]),
             trend=days["census"].tail(30).tolist()),
        Stat("Average census", average, "The mean of the midnights shown, days with nobody included. " + COUNTED,
             note=f"over {many(window.days, 'day')}, {window.since} to {window.until}"),
        Stat("Peak", int(peak["census"]), "The most people at one midnight of the days shown, first such day. "
            "" + COUNTED,
             note=f"at the end of {peak['census_on']}" if peak["census"] else "nobody was in",
             href=address(filters, since=peak["census_on"], until=peak["census_on"]) if peak["census"] else ""),
    ]  # fmt: skip
    if len(days) < 7:
        return stats
    week = {"since": window.until - timedelta(days=6), "until": window.until}
    left = days.assign(left=days["departures"] + days["deaths"])
    return [
        *stats,
        _week(left, "arrivals", "Arrivals", "Stays that began in the last 7 days shown. ", address(filters, **week)),
        _week(left, "left", "Departures", "Stays that ended in the last 7 days shown, deaths included. ",
              address(filters, **week)),
    ]  # fmt: skip


def _week(days: pd.DataFrame, column: str, label: str, definition: str, href: str) -> Stat:
    now = int(days[column].tail(7).sum())
    before = int(days[column].iloc[-14:-7].sum())
    note = "the 7 days before are not shown" if len(days) < 14 else f"{number(before)} in the 7 days before"
    weeks = [int(days[column].iloc[end - 7 : end].sum()) for end in list(range(len(days), 6, -7))[:12][::-1]]
    return Stat(f"{label} in 7 days", now, definition + COUNTED, note=note, href=href, trend=weeks)


def _by_ward(rows: pd.DataFrame, places: pd.DataFrame, facilities: Mapping[str, str]) -> pd.DataFrame:
    """Rows by period, ward and class, with the ward's name and recorded beds (null: none are)."""
    wards = places.drop_duplicates(["location_key"])[["location_key", "ward_key", "ward", "beds"]]
    joined = rows.merge(wards, "left", "location_key")
    joined["ward"] = [place_name(key, name) for key, name in zip(joined["ward_key"], joined["ward"], strict=True)]
    joined["facility"] = [facilities.get(key) or place_name(key, None) for key in joined["facility_key"]]
    joined["class"] = [class_name(code) for code in joined["class_code"]]
    keys = ["period", "facility", "ward_key", "ward", "class"]
    return joined.groupby(keys, sort=False).agg({**dict.fromkeys(_SUMS, "sum"), "beds": "max"}).reset_index()


def _over_time(wards: pd.DataFrame, window: Window) -> Card:
    several = wards["class"].nunique() > 1
    rows = wards.assign(
        group=[f"{w}, {c}" if several else w for w, c in zip(wards["ward"], wards["class"], strict=True)]
    )
    largest = rows.groupby("group")["census"].sum().sort_values(ascending=False, kind="stable")
    kept_all = [str(name) for name in largest.index if largest[name]]
    kept = kept_all[:_MOST_WARDS]
    rows["group"] = rows["group"].where(rows["group"].isin(kept), "Other wards")
    table = rows.pivot_table(index="period", columns="group", values="census", aggfunc="sum", fill_value=0)
    table = table.reindex(_periods(window), fill_value=0)
    if window.grain == "month":
        lengths = pd.Series([_days_shown(period, window) for period in table.index], index=table.index)
        table = table.div(lengths, axis=0).round(2)
    others = "Other wards" in table.columns
    order = [*kept, *(["Other wards"] if others else [])]
    drawn = table[order].rename_axis("period").reset_index()
    named = dict(zip(order, figures.labels(order, 28), strict=True))
    figure = figures.bars(drawn, "period", order, names=named, stacked=True, unit="people")
    figure["layout"]["bargap"] = 0
    figure["layout"]["showlegend"] = True
    total = int(largest.sum())
    said = "Nobody was in at any midnight of these days."
    if total:
        groups = many(len(kept_all), "ward and class", "wards and classes") if several else many(len(kept_all), "ward")
        said = f"{groups} with people; {kept[0]} had {share(largest[kept[0]], total)} of all "
        said += f"{many(total, 'midnight')} that people spent in."
    what = "People in at midnight" if window.grain == "day" else "People in at midnight, average of the month"
    frame = rows.groupby(["period", "ward", "class"], sort=False)[["census", "arrivals", "departures", "deaths"]].sum()
    return Card("over_time", f"{what}, by ward and class", said, frame.reset_index(),
                "The census of each day by ward and class of encounter, stacked. " + COUNTED
                + (" In the table, months are the sum of their midnights." if window.grain == "month" else ""),
                figure, {"period": window.grain, "ward": "ward", "class": "class", "census": "midnights", "arrivals":
                "arrivals", "departures": "departures", "deaths": "deaths"}, query="census_by_location", wide=True,
                height=360, empty="Nobody was in on these days.")  # fmt: skip


def _periods(window: Window) -> list[date]:
    days = (window.since + timedelta(days=i) for i in range(window.days))
    return list(days) if window.grain == "day" else sorted({day.replace(day=1) for day in days})


def _days_shown(month: date, window: Window) -> int:
    """How many days of a month are shown."""
    following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    return (min(following - timedelta(days=1), window.until) - max(month, window.since)).days + 1


def _coming_and_going(days: pd.DataFrame, window: Window) -> Card:
    grain = "day" if window.days <= 92 else "week" if window.days <= 3 * 366 else "month"
    period = pd.to_datetime(days["census_on"]).dt.to_period({"day": "D", "week": "W-SUN", "month": "M"}[grain])
    counts = ["arrivals", "departures", "deaths"]
    frame = days.assign(period=[p.start_time.date() for p in period]).groupby("period")[counts].sum().reset_index()
    arrivals, departures, deaths = (int(days[name].sum()) for name in counts)
    said = (
        f"{many(arrivals, 'arrival')}, {many(departures, 'departure')} and {many(deaths, 'death')} from "
        f"{window.since} to {window.until}; {number(7 * arrivals / window.days)} arrivals a week on average."
    )
    figure = figures.bars(frame, "period", counts, names={name: name.capitalize() for name in counts}, unit="people")
    return Card("arrivals", f"Arrivals and departures by {grain}", said, frame,
                "Stays that began, ended by anything but death, and ended with death. Weeks begin on Monday; the "
                "first and last may be cut by the days shown. " + COUNTED, figure,
                {"period": grain if grain == "day" else f"{grain} from", **{name: name for name in counts}},
                query="census_days")  # fmt: skip


def _heat(rows: pd.DataFrame) -> Card:
    timed = rows.dropna(subset=["hour"])
    frame = timed.groupby(["weekday", "hour"])["arrivals"].sum().reset_index()
    frame = frame.assign(
        day=[WEEKDAYS[int(weekday) - 1] for weekday in frame["weekday"]],
        time=[f"{int(hour):02}" for hour in frame["hour"]],
    )
    total, untimed = int(frame["arrivals"].sum()), int(rows["arrivals"].sum()) - int(frame["arrivals"].sum())
    said = ""
    if total:
        top = frame.loc[frame["arrivals"].idxmax()]
        evening = int(frame[(frame["hour"] >= 18) | (frame["hour"] < 6)]["arrivals"].sum())
        alone = int((frame["arrivals"] == top["arrivals"]).sum()) == 1
        said = f"Of {many(total, 'arrival')} with a time of day, {share(evening, total)} came between 18:00 and 6:00; "
        most = int(top["arrivals"])
        said += f"the fullest hour is {top['day']} from {top['time']}:00" if alone else "no hour of the week stands out"
        said += f" ({most:,})." if alone else f" (the most is {most:,})."
    if total and untimed:
        said += f" {many(untimed, 'more has', 'more have')} no time of day."
    named = ", ".join(sorted(set(rows["time_zone"].dropna())))
    zones = f" ({named})" if named else ""
    figure = figures.heat(frame, "time", "day", "arrivals", x_order=[f"{h:02}" for h in range(24)], y_order=WEEKDAYS,
                          unit="arrivals")  # fmt: skip
    figure["layout"]["xaxis"] |= {
        "title": {"text": "hour of day"},
        "tickvals": ["00", "06", "12", "18"],
        "tickangle": 0,
    }
    most = int(frame["arrivals"].max()) if total else 0
    figure["data"][0]["colorbar"] |= {"tickformat": ",d", "dtick": max(1, most // 4)}
    figure["data"][0] |= {"zmin": 0, "zmax": max(most, 1)}
    missing = f"{many(untimed, 'arrival')} in these days, none with a time of day." if untimed else "Nobody arrived."
    return Card("by_hour", "Arrivals by hour and weekday", said, frame,
                f"Starts of stays by the clock of the facility{zones}. " + COUNTED, figure,
                {"day": "weekday", "time": "hour from", "arrivals": "arrivals"}, query="census_arrivals",
                empty=missing)  # fmt: skip


def _occupancy(wards: pd.DataFrame, window: Window, filters: Mapping[str, Any]) -> Card:
    frame = wards.groupby(["facility", "ward", "ward_key"], sort=False).agg(
        {**dict.fromkeys(_SUMS, "sum"), "beds": "max"}
    ).reset_index().sort_values(["census", "ward"], ascending=[False, True])  # fmt: skip
    frame["average"] = frame["census"] / window.days
    frame["occupancy"] = 100 * frame["average"] / frame["beds"]
    bedded = int(frame["beds"].notna().sum())
    said = (
        f"{many(len(frame), 'ward')} had people between {window.since} and {window.until}; beds are recorded for "
        f"{bedded if bedded else 'none'} of them."
    )
    if bedded:
        top = frame.loc[frame["occupancy"].idxmax()]
        said += (
            f" {top['ward']} is fullest: {number(float(top['average']))} of {many(int(top['beds']), 'bed')} on average."
        )
    columns = {
        "ward": "ward", "facility": "facility", "newest": f"in on {window.until}", "average": "average", "beds": "beds",
        "occupancy": "occupancy, %", "arrivals": "arrivals", "transfers_in": "moved in", "transfers_out": "moved out",
        "departures": "departures", "deaths": "deaths",
    }  # fmt: skip
    return Card("occupancy", "Occupancy by ward", said, frame,
                "Average: people at midnight, over the days shown. Beds: locations of type bed that are part of the "
                "ward and not inactive; a dash where none is recorded. Occupancy: average by beds. " + COUNTED, None,
                columns,
                {"ward": lambda row: address(filters, ward=row["ward_key"])}, query="census_by_location", wide=True,
                most_rows=100, empty="Nobody was in on these days.")  # fmt: skip


def _facilities(ask: Ask) -> Sequence[tuple[str, str]]:
    names = facility_names(ask)
    keys = sorted(set(ask("census_places")["facility_key"]))
    return by_name((key, names.get(key) or place_name(key, None)) for key in keys)


def _wards(ask: Ask) -> Sequence[tuple[str, str]]:
    rows = ask("census_places").drop_duplicates("ward_key")
    found = [(key, place_name(key, name)) for key, name in zip(rows["ward_key"], rows["ward"], strict=True)]
    return by_name(found)


def _classes(ask: Ask) -> Sequence[tuple[str, str]]:
    return [(code, class_name(code)) for code in sorted(set(ask("census_places")["class_code"]))]


PAGE = Page(
    "/census",
    "Census",
    "Care",
    "census",
    "How many people are in, in which ward, and when do they come and go?",
    build,
    filters=(
        Day("since", "Since"),
        Day("until", "Until"),
        Choice("facility", "Facility", _facilities, "All facilities"),
        Choice("ward", "Ward", _wards, "All wards"),
        Choice("class", "Class", _classes, "All classes"),
    ),
    order=80,
)
