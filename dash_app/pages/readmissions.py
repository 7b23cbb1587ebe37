"""Readmissions: how many come back within 30 days, whether that changes, and for whom."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from dash_app import figures, spc
from dash_app.data import Ask
from dash_app.page import Alert, Card, Choice, Day, Page, Section, Stat, View, Word
from dash_app.places import by_name, class_name, facility_names, place_name
from dash_app.rates import FEW_CASES, highest_first, newest, with_rates
from dash_app.theme import BLUE, GREY, ORANGE, TEAL
from dash_app.words import many, share

AGES = ("0–17", "18–44", "45–64", "65–74", "75–84", "85+", "not told")
OUTCOMES = {
    "readmitted": "readmitted within 30 days",
    "planned": "planned stay within 30 days",
    "none": "no stay within 30 days",
    "not_discharged": "not yet discharged",
    "day_not_known": "a day is not known",
    "died": "died",
    "left_against_advice": "left against advice",
    "transferred": "transferred",
    "cancer_treatment": "treatment of cancer",
    "rehabilitation": "rehabilitation",
    "psychiatric": "psychiatric",
    "short_follow_up": "fewer than 30 days of follow-up",
}
FOLLOWED = ("readmitted", "planned", "none")
LISTS = {"stays": "All stays", "index": "Index admissions", "excluded": "Stays that do not count"}
TARGETS = (5, 8, 10, 12, 15, 20)
MEASURE = (
    "A stay is an inpatient encounter, or several that count as one. It is an index admission unless it is "
    "excluded: not yet discharged, a day not known, died, left against advice, transferred, treatment of cancer, "
    "rehabilitation, psychiatric, or fewer than 30 days of data after it. It is readmitted if the person's next "
    "stay, anywhere in the data, begins within 30 days of discharge and is not planned; a planned stay that comes "
    "first blocks later ones. The shape is that of the measure of CMS, the numbers are not: age is not restricted, "
    "the shipped lists of codes are short, and nothing is adjusted for risk."
)
_MOST_ROWS = 20


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """The measure as numbers, control chart, funnel, by group, and as a list of stays."""
    chosen = {name: filters[name] or None for name in ("since", "until", "facility", "age")}
    counts = ask("readmission_counts", **chosen)
    if counts.empty:
        return View([Alert(_why_empty(ask, chosen), title="No stays")])
    outcomes = dict(zip(_of(counts, "outcome")["name"], _of(counts, "outcome")["stays"].astype(int), strict=True))
    names = facility_names(ask)
    listed = _stays(ask, filters, chosen, names)
    cards = [
        *_over_time(counts, filters, outcomes),
        _funnel(outcomes, filters),
        Section("For whom", f"Rates with their 95 % interval (Wilson). Under {FEW_CASES} cases a rate says little."),
        _by_service(counts),
        _by_age(counts, filters),
        _by_facility(counts, filters, names),
        _diagnoses(counts, filters),
        Section("Stay by stay"),
    ]
    asked = filters["show"] or filters["diagnosis"]  # who followed a number wants its rows first
    head = _numbers(counts, outcomes, filters)
    return View([*head, listed, *cards, _exclusions(outcomes, filters)] if asked else
                [*head, *cards, listed, _exclusions(outcomes, filters)])  # fmt: skip


def _why_empty(ask: Ask, chosen: Mapping[str, Any]) -> str:
    if any(chosen.values()):
        return "No stay fits these filters: reset them, or choose a longer time."
    return "gold.readmission has no rows: no inpatient stays are in the data, or `lake run gold` has not run yet."


def _of(counts: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The groups of one kind; those without a name (a stay without a day has no month) are left out."""
    return counts[(counts["kind"] == kind) & counts["name"].notna()].reset_index(drop=True)


def address(filters: Mapping[str, Any], **changes: str) -> str:
    """This page with the same filters but for the changes."""
    texts = {name: str(value) for name, value in {**filters, **changes}.items() if value}
    return f"/readmissions?{urlencode(texts)}" if texts else "/readmissions"


def _followed(outcomes: Mapping[str, int]) -> tuple[int, int]:
    """Readmissions and index admissions."""
    return outcomes.get("readmitted", 0), sum(outcomes.get(name, 0) for name in FOLLOWED)


def _months(counts: pd.DataFrame) -> list[tuple[str, int, int]]:
    rows = _of(counts, "month")[["name", "readmitted", "index_stays"]].itertuples(index=False)
    months = [(str(month), int(events), int(cases)) for month, events, cases in rows]
    return [month for month in months if month[2]]


def _numbers(counts: pd.DataFrame, outcomes: Mapping[str, int], filters: Mapping[str, Any]) -> list[Stat]:
    readmitted, index = _followed(outcomes)
    excluded = {name: n for name, n in outcomes.items() if name not in FOLLOWED}
    months = _months(counts)
    _, periods, _ = newest(months)
    control = spc.p_chart([e for _, e, _ in periods], [n for _, _, n in periods])
    icons = [spc.variation(control, "low")] if control else []
    if control and filters["target"]:
        icons.append(spc.assurance(control, float(filters["target"]), "low"))
    most = max(excluded, key=lambda name: excluded[name], default="")
    return [
        Stat("Readmitted within 30 days", 100 * readmitted / index if index else None, MEASURE, "%",
             f"{readmitted:,} of {many(index, 'index admission')}" if index else "no index admissions",
             address(filters, show="readmitted", diagnosis=""), [100 * e / n for _, e, n in periods if n], icons),
        Stat("Index admissions", index, "Stays that count: " + MEASURE, note=f"of "
            f"{many(sum(outcomes.values()), 'stay')}",
             href=address(filters, show="index", diagnosis=""), trend=[n for _, _, n in periods]),
        Stat("Followed by a planned stay", outcomes.get("planned", 0),
             "Index admissions whose person's next stay within 30 days was planned. They are no readmissions.",
             href=address(filters, show="planned", diagnosis="")),
        Stat("Stays that do not count", sum(excluded.values()), "Stays with a reason not to be an index admission.",
             note=f"mostly: {OUTCOMES.get(most, most)} ({excluded[most]:,})" if most else "none is excluded",
             href=address(filters, show="excluded", diagnosis="")),
    ]  # fmt: skip


def _over_time(counts: pd.DataFrame, filters: Mapping[str, Any], outcomes: Mapping[str, int]) -> list[Card]:
    months = _months(counts)
    grain, periods, enough = newest(months)
    frame = pd.DataFrame(periods, columns=[grain, "readmitted", "index_stays"])
    control = spc.p_chart(frame["readmitted"].tolist(), frame["index_stays"].tolist())
    target = float(filters["target"]) if filters["target"] else None
    frame["rate"] = 100 * frame["readmitted"] / frame["index_stays"].where(frame["index_stays"] > 0)
    if control:
        frame["mean"], frame["cause"] = control.mean, list(control.causes)
        frame["lower"], frame["upper"] = pd.Series(control.lower), pd.Series(control.upper)
        figure = spc.chart(frame[grain].tolist(), control, unit="%", target=target)
    else:
        figure = figures.lines(frame, grain, "rate", unit="%", markers=True)
        figure["layout"]["xaxis"]["type"] = "category"
    columns = {
        grain: grain, "readmitted": "readmitted", "index_stays": "index admissions", "rate": "rate, "
            "%", "mean": "mean, %",
        "lower": "lower limit, %", "upper": "upper limit, %", "cause": "special cause",
    }  # fmt: skip
    return [
        Card("over_time", f"Readmission rate by {grain} of "
            f"discharge", _said(frame, control, grain, enough, target), frame,
             f"A p chart: the mean and three binomial standard deviations of each {grain}'s index admissions around "
             f"it. The {grain} is the finest of month, quarter and year in which at least three readmissions are to "
             "be expected; the newest 24 are drawn, and limits are those of what is drawn. A special cause is a "
             "point outside the limits, seven on one side of the mean, seven rising or falling, or two of three "
             "near a limit.", figure, {c: w for c, w in columns.items() if c in frame},
             query="readmission_counts", wide=True, empty="No stay counts as an index admission, so there is no rate.")
    ]  # fmt: skip


def _said(frame: pd.DataFrame, control: spc.Control | None, grain: str, enough: bool, target: float | None) -> str:
    known = frame[frame["index_stays"] > 0]
    if known.empty:
        return ""
    few = "" if enough else " Even a year has fewer than three readmissions on average: chance alone moves this rate."
    if control is None:
        if not known["readmitted"].sum():
            return f"Nobody was readmitted in {many(len(known), grain)}, so there are no limits to draw."
        periods = many(len(known), grain)
        return f"{periods} with index admissions: under ten there are no limits to judge a change by." + few
    newest = known.iloc[-1]
    special = sum(1 for cause in control.causes if cause)
    here = newest["cause"] or "within common-cause variation"
    said = (
        f"{control.mean:.1f} % on average; {newest[grain]}: {newest['rate']:.1f} % "
        f"({newest['readmitted']:,} of {newest['index_stays']:,}), {here}. "
        f"{special if special else 'None'} of {many(len(known), grain)} {'is' if special < 2 else 'are'} special."
    )
    if target is not None:
        words = spc.ICONS[spc.assurance(control, target, "low")].text.removeprefix("Assurance: ")
        said += f" Target {target:g} %: {words}."
    return said + few


def _funnel(outcomes: Mapping[str, int], filters: Mapping[str, Any]) -> Card:
    readmitted, index = _followed(outcomes)
    reasons = sorted((n for n in outcomes if n not in FOLLOWED), key=lambda name: -outcomes[name])
    excluded, stays = sum(outcomes[name] for name in reasons), sum(outcomes.values())
    rows: list[tuple[str, str, int, int, str]] = [("stays", "Stays", 0, stays, GREY)]
    start = stays
    for name in reasons:
        start -= outcomes[name]
        rows.append((name, f"− {OUTCOMES.get(name, name)}", start, outcomes[name], ORANGE))
    rows.append(("index", "= Index admissions", 0, index, BLUE))
    start = 0
    for name in FOLLOWED:
        rows.append((name, OUTCOMES[name].capitalize(), start, outcomes.get(name, 0), TEAL))
        start += outcomes.get(name, 0)
    frame = pd.DataFrame(rows, columns=["show", "what", "start", "stays", "color"])
    drawn = figures.parts(figures.labels(frame["what"].tolist()), frame["start"].tolist(), frame["stays"].tolist(),
                          frame["color"].tolist())  # fmt: skip
    said = (
        f"Of {many(stays, 'stay')}, {index:,} {'is an index admission' if index == 1 else 'are index admissions'} and "
        f"{excluded:,} {'does' if excluded == 1 else 'do'} not count. Of the index admissions {readmitted:,} "
        f"{'was' if readmitted == 1 else 'were'} readmitted, {outcomes.get('planned', 0):,} had a planned stay first, "
        f"{outcomes.get('none', 0):,} neither."
    )
    return Card("funnel", "From stays to readmissions", said, frame.drop(columns=["start", "color"]), MEASURE, drawn,
                {"what": "what", "stays": "stays"}, {"what": lambda row: address(filters, show=row["show"])},
                query="readmission_counts", wide=True, height=70 + 30 * len(frame))  # fmt: skip


_RATE = {"index_stays": "index admissions", "readmitted": "readmitted", "rate": "rate, %", "low": "from, %",
         "high": "to, %", "note": "note"}  # fmt: skip


def _group(
    rows: pd.DataFrame, name: str, title: str, words: str, what: str, links: Mapping[str, Any], shown: pd.DataFrame
) -> Card:
    """Rates of `shown`, the first of `rows`, as points with intervals."""
    plural = "facilities" if what == "facility" else f"{what}s"
    short = figures.labels(shown["label"].tolist(), 26)
    drawn = shown.assign(label=[f"{s} ({n})" if n else s for s, n in zip(short, shown["note"], strict=True)])
    figure = figures.intervals(drawn, "label", "rate", "low", "high", hollow="note")
    sure = rows[rows["note"] == ""]
    if sure.empty:
        said = f"No {what} has {FEW_CASES} index admissions: each rate below rests on few cases."
    else:
        top = sure.loc[sure["rate"].idxmax()]
        said = (
            f"{top['label']} has the highest rate of {many(len(sure), what, plural)} with {FEW_CASES} cases or more: "
            f"{top['rate']:.1f} % ({top['readmitted']:,} of {top['index_stays']:,})."
        ) if len(sure) > 1 else (
            f"{top['label']}, the only {what} with {FEW_CASES} cases or more: {top['rate']:.1f} % "
            f"({top['readmitted']:,} of {top['index_stays']:,})."
        )  # fmt: skip
    if len(shown) < len(rows):
        said += f" Shown: the {len(shown)} with most index admissions of {len(rows):,}; table and CSV have all."
    definition = (
        f"{words} Rate: index admissions that were readmitted. From, to: its 95 % interval by Wilson's method. Hollow "
        f"points have fewer than {FEW_CASES} cases."
    )
    return Card(name, title, said, rows, definition, figure, {"label": what, **_RATE}, links,
                query="readmission_counts", height=80 + 30 * len(shown),
                empty="No stay counts as an index admission.")  # fmt: skip


def _largest(rows: pd.DataFrame) -> pd.DataFrame:
    """At most so many rows as a chart can hold, in the order of `rows`."""
    kept = rows.nlargest(_MOST_ROWS, "index_stays").index
    return rows[rows.index.isin(kept)]


def _by_service(counts: pd.DataFrame) -> Card:
    rows = with_rates(_of(counts, "service"), "readmitted", "index_stays")
    rows = highest_first(rows.assign(label=[class_name(name) for name in rows["name"]]))
    return _group(rows, "by_service", "By service", "The encounter's service, else its kind in words, else its class.",
                  "service", {}, _largest(rows))  # fmt: skip


def _by_age(counts: pd.DataFrame, filters: Mapping[str, Any]) -> Card:
    rows = with_rates(_of(counts, "age"), "readmitted", "index_stays")
    rows = rows.sort_values("name", key=lambda names: names.map(AGES.index)).assign(label=lambda r: r["name"])
    links = {"label": lambda row: address(filters, age=row["name"])}
    return _group(rows, "by_age", "By age", "Age in years at admission.", "age band", links, rows)


def _by_facility(counts: pd.DataFrame, filters: Mapping[str, Any], names: Mapping[str, str]) -> Card:
    rows = with_rates(_of(counts, "facility"), "readmitted", "index_stays")
    rows = highest_first(rows.assign(label=[names.get(key) or place_name(key, None) for key in rows["name"]]))
    links = {"label": lambda row: address(filters, facility=row["name"])}
    return _group(rows, "by_facility", "By facility", "The facility of the index admission.", "facility", links,
                  _largest(rows))  # fmt: skip


def _diagnoses(counts: pd.DataFrame, filters: Mapping[str, Any]) -> Card:
    rows = with_rates(_of(counts, "diagnosis"), "readmitted", "index_stays")
    rows = rows[rows["readmitted"] > 0].sort_values(["readmitted", "name"], ascending=[False, True])
    named = zip(rows["display"], rows["name"], strict=True)
    rows = rows.assign(label=[display if isinstance(display, str) else code for display, code in named])
    drawn = rows.head(12).assign(label=lambda r: figures.labels(r["label"].tolist(), 30))
    top = rows.iloc[0] if len(rows) else None
    said = "" if top is None else (
        f"{top['label']} comes back most often: {top['readmitted']:,} of "
        f"{many(int(top['index_stays']), 'index admission')} ({share(top['readmitted'], top['index_stays'])}). "
        f"{many(len(rows), 'primary diagnosis', 'primary diagnoses')} in all"
        + (f", of which {len(drawn)} are drawn." if len(drawn) < len(rows) else ".")
    )  # fmt: skip
    return Card("diagnoses", "Primary diagnoses of those who come back", said, rows,
                "Primary diagnosis of the index admission's last encounter, with how many were readmitted within 30 "
                "days.",
                figures.bars(drawn, "label", "readmitted", horizontal=True, unit="readmitted"),
                {"label": "diagnosis", "name": "code", **_RATE},
                {"label": lambda row: address(filters, show="readmitted", diagnosis=row["name"])},
                query="readmission_counts", height=90 + 30 * len(drawn), empty="Nobody was readmitted.")  # fmt: skip


def _exclusions(outcomes: Mapping[str, int], filters: Mapping[str, Any]) -> Card:
    reasons = sorted((name for name in outcomes if name not in FOLLOWED), key=lambda name: -outcomes[name])
    rows = [(name, OUTCOMES.get(name, name), outcomes[name]) for name in reasons]
    frame = pd.DataFrame(rows, columns=["reason", "words", "stays"])
    said = "" if frame.empty else (
        f"{many(int(frame['stays'].sum()), 'stay')} of {sum(outcomes.values()):,} "
        f"({share(frame['stays'].sum(), sum(outcomes.values()))}) for {many(len(frame), 'reason')}."
    )  # fmt: skip
    return Card("exclusions", "Why stays do not count", said, frame,
                "The first reason that holds, in the order of gold.readmission. Leaving against advice is not known "
                "where the source gives no disposition.", None, {"words": "reason", "stays": "stays"},
                {"words": lambda row: address(filters, show=row["reason"])}, query="readmission_counts",
                empty="No stay is excluded.")  # fmt: skip


def _stays(ask: Ask, filters: Mapping[str, Any], chosen: Mapping[str, Any], names: Mapping[str, str]) -> Card:
    show = filters["show"] or "readmitted"
    rows = ask("readmission_list", **chosen, outcome=show, diagnosis=filters["diagnosis"] or None)
    tokens = [ask.seal("patient", patient) for patient in rows["patient_id"]]
    frame = rows.drop(columns="patient_id").assign(
        patient=[f"{token[:8]}…" for token in tokens],
        timeline=[f"/patients?patient={token}" for token in tokens],
        facility=[names.get(key) or place_name(key, None) for key in rows["facility_key"]],
        readmission_facility=[names.get(key) or "" for key in rows["readmission_facility_key"]],
        outcome=[OUTCOMES.get(outcome, outcome) for outcome in rows["outcome"]],
    ).drop(columns=["facility_key", "readmission_facility_key"])  # fmt: skip
    title = LISTS.get(show) or f"Stays: {OUTCOMES[show]}"
    title += f", {filters['diagnosis']}" if filters["diagnosis"] else ""
    said = f"{many(len(frame), 'stay')}, newest discharge first." if len(frame) < 1000 else "The newest 1,000 stays."
    days = rows["days_to_readmission"].dropna()
    if show == "readmitted" and len(days) > 1:
        said += f" Half came back within {days.median():g} days of discharge."
    columns = {
        "patient": "patient", "started_on": "admitted", "discharged_on": "discharged", "age_at_start_years": "age",
        "facility": "facility", "diagnosis": "primary diagnosis",
    }  # fmt: skip
    columns |= {
        "days_to_readmission": "days between", "readmitted_on": "readmitted", "readmission_facility": "readmitted to",
        "readmission_diagnosis": "diagnosis of the readmission",
    } if show == "readmitted" else {"outcome": "what followed"}  # fmt: skip
    return Card("stays", title, said, frame,
                "One row a stay. The patient is shown by the beginning of a sealed id, which is the same each time and "
                "tells nobody who it is; it leads to the timeline.", None, columns,
                {"patient": lambda row: row["timeline"]}, query="readmission_list", wide=True, most_rows=100,
                empty=f"There is no stay of this kind for these filters: {title.lower()}.")  # fmt: skip


def _facilities(ask: Ask) -> Sequence[tuple[str, str]]:
    names = facility_names(ask)
    keys = ask("readmission_facilities")["facility_key"]
    return by_name((key, names.get(key) or place_name(key, None)) for key in keys)


_SHOWN = [(key, words) for key, words in (LISTS | {k: v.capitalize() for k, v in OUTCOMES.items()}).items()]
PAGE = Page(
    "/readmissions",
    "Readmissions",
    "Care",
    "readmissions",
    "How many come back within 30 days, does that change, and who are they?",
    build,
    filters=(
        Day("since", "Discharged since"),
        Day("until", "Discharged until"),
        Choice("facility", "Facility", _facilities, "All facilities"),
        Choice("age", "Age at admission", [(age, age) for age in AGES], "All ages"),
        Choice("target", "Target", [(str(t), f"{t} % or less") for t in TARGETS], "No target"),
        Choice("show", "List of stays", _SHOWN, "Readmitted"),
        Word("diagnosis"),
    ),
    order=70,
    shows_patients=True,
)
