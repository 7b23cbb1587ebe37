"""Data quality: which checks are not met, how grave that is, what was held back, and what people do about it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from dash_app import figures
from dash_app.data import Ask
from dash_app.page import Alert, Card, Choice, Page, Section, Stat, View, Word
from dash_app.quality_forms import register, replay_form
from dash_app.quality_rule import held_view, part_said, rule_view, said_share
from dash_app.theme import BLUE, GREY, ORANGE, RED
from dash_app.words import many
from lakehouse.findings import Finding, findings, read_findings, rules
from lakehouse.severity import Severity

_GRAVE = tuple(sorted(Severity, reverse=True))
_MEANS = {
    Severity.CRITICAL: "A gate failed and the publish was held back: readers of the table see old data.",
    Severity.HIGH: "A check could not be run, or a rule held back 1 % or more of the records that it saw.",
    Severity.MEDIUM: "A rule held back fewer than 1 % of its records, or a warning is true of 5 % or more of the rows.",
    Severity.LOW: "Any other warning.",
}
_COLOURS = {Severity.CRITICAL: RED, Severity.HIGH: ORANGE, Severity.MEDIUM: BLUE, Severity.LOW: GREY}
_DAY_MS, _FEW_DAYS = 86_400_000, 8
_STATES = (("open", "Open"), ("open again", "Open again: worse, or the time is over"), ("acknowledged", "Acknowledged"))
_COLUMNS = {
    "severity": "Severity",
    "table": "Table",
    "rule": "Rule",
    "doc": "What is true of good data",
    "value": "Not so",
    "share": "Share",
    "since": "Since (UTC)",
    "state": "State",
}


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """The findings of all tables; those of one rule or one reason where the address names it."""
    today = datetime.now(UTC).date()
    found = read_findings(lambda name: rows_of(ask(name)), today, has_quarantine=ask.has("ops.quarantine"))
    if filters["check"]:
        return rule_view(ask, found, filters["table"], filters["check"])
    if filters["stage"]:
        return held_view(ask, found, filters["stage"], filters["reason"])
    results = ask("quality_results")
    if results.empty and not found:
        return View([Alert("Nothing was checked yet. `lake run silver` makes the tables and checks them.")])
    chosen = _chosen(found, filters)
    days = _by_day(ask)
    return View(
        [
            *_publishes_held(found),
            *_numbers(ask, results, found, days),
            Section("Findings", _open_said(found)),
            *(_severity_stat(s, found, days) for s in _GRAVE),
            _findings_card(found, chosen),
            _trend_card(days),
            *_quarantine(ask, found),
        ]
    )


def _chosen(found: Sequence[Finding], filters: Mapping[str, Any]) -> list[Finding]:
    return [
        f
        for f in found
        if filters["table"] in ("", f.table)
        and filters["severity"] in ("", f.severity.word)
        and filters["state"] in ("", f.state)
    ]


def _publishes_held(found: Sequence[Finding]) -> list[Alert]:
    tables = sorted({f.table for f in found if f.is_publish_held})
    text = f"Readers still see the earlier state of {', '.join(tables)}: a gate failed at the newest run."
    return [Alert(text, "critical", f"{many(len(tables), 'publish', 'publishes')} held back")] if tables else []


def _numbers(ask: Ask, results: pd.DataFrame, found: Sequence[Finding], days: pd.DataFrame) -> list[Stat]:
    met = len(results) - sum(not f.is_held_back for f in found)
    tables = results["table_name"].nunique()
    held = sum(int(f.value or 0) for f in found if f.is_held_back)
    stages = len({f.table for f in found if f.is_held_back})
    records = ask("quality_records")
    records = records[records["stage"] != "landing"]
    accepted, refused = int(records["accepted"].sum()), int(records["held_back"].sum())
    return [
        Stat(
            "Checks",
            len(results),
            "Rules and gate checks with a result at the newest checked run of each table. "
            "Rules that hold records back have no result there: what they held back is counted by itself.",
            note=f"of {many(tables, 'table')}; {met:,} met",
            trend=_trend(days, "checks"),
        ),
        Stat(
            "Findings",
            len(found),
            "Checks that are not met at the newest run, and reasons for which records are held "
            "back, acknowledged ones included.",
            note=f"{sum(f.is_accepted for f in found):,} of them acknowledged",
            href="/quality#card-findings",
            trend=_trend(days, "findings"),
        ),
        Stat(
            "Records held back",
            held,
            "Records in quarantine that nothing has settled, at the landing and on the way "
            "to silver. None of them is in the tables.",
            note=f"at {many(stages, 'stage')}" if held else "nothing waits",
            href="/quality#card-held",
            trend=_trend(days, "held"),
        ),
        Stat(
            "Accepted",
            (part_said(accepted, accepted + refused) or "").replace(" ", "\u00a0") or None,
            "Of the records that the runs from bronze to silver judged since each table's last full run, the part that "
            "was accepted. Deleted, superseded and not selected ones are neither.",
            note=f"{accepted:,} of {accepted + refused:,} records"
            if accepted + refused
            else "no record was judged yet",
            trend=_trend(days, "accepted"),
        ),
    ]


def _severity_stat(grade: Severity, found: Sequence[Finding], days: pd.DataFrame) -> Stat:
    mine = [f for f in found if f.severity is grade]
    accepted = sum(f.is_accepted for f in mine)
    return Stat(
        grade.word.capitalize(),
        len(mine),
        _MEANS[grade],
        note=f"{accepted:,} acknowledged" if accepted else "",
        href=f"/quality?{urlencode({'severity': grade.word})}",
        trend=_trend(days, grade.word),
    )


def _trend(days: pd.DataFrame, column: str) -> list[float]:
    return [float(v) for v in days[column].dropna().tolist()]


def _open_said(found: Sequence[Finding]) -> str:
    is_open = [f for f in found if not f.is_accepted]
    if not is_open:
        return "Every check is met or acknowledged." if found else "Every check is met, and nothing is held back."
    by_table = Counter(f.table for f in is_open)
    name, most = min(by_table.items(), key=lambda item: (-item[1], item[0]))
    return f"{many(len(is_open), 'finding is', 'findings are')} open; {name} has the most ({most})."


def _findings_card(found: Sequence[Finding], chosen: Sequence[Finding]) -> Card:
    rows = [
        {
            "severity": f.severity.word,
            "table": f.table,
            "rule": f.rule.words if f.rule else f.check.replace("_", " "),
            "doc": f.doc,
            "value": f.value,
            "share": said_share(f),
            "since": f.since[:10],
            "state": _state(f),
            "check": f.check,
        }
        for f in chosen
    ]
    frame = pd.DataFrame(rows, columns=[*_COLUMNS, "check"])
    said = f"{many(len(chosen), 'finding')}, the gravest first"
    if len(chosen) != len(found):
        said += f"; {len(found)} without the filters"
    return Card(
        "findings",
        "Each finding",
        f"{said}.",
        frame,
        "Not so: records that a rule held back, or rows that break it; of a check of the whole table its figure. "
        "Share: of the records that the rule saw, or of the table's live rows. Warnings of silver are counted as rows "
        "are accepted, so they are summed since the table's last full run.",
        columns=_COLUMNS,
        links={"rule": lambda row: finding_address(row["table"], row["check"])},
        badges={"severity": lambda row: row["severity"]},
        wide=True,
        empty="No finding for these filters." if found else "Every check is met, and nothing is held back.",
    )


def _state(f: Finding) -> str:
    if f.acceptance is None:
        return f.state
    return f"{f.state}, until {f.acceptance.until}" if f.is_accepted else f.state


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Its rows by column name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def finding_address(table: str, check: str) -> str:
    """The page of a rule, or of a reason for which no rule is declared."""
    if check in rules().get(table, {}):
        return f"/quality?{urlencode({'table': table, 'check': check})}"
    return f"/quality?{urlencode({'stage': table, 'reason': check})}"


def _by_day(ask: Ask) -> pd.DataFrame:
    """One row a day: checks, findings by severity, records held back and the share accepted at its end."""
    blank = {"since": "", "since_full": "", "doc": "", "sample_keys": "[]"}
    unmet = [row | blank for row in rows_of(ask("quality_findings_by_day"))]
    held = rows_of(ask("quality_held_by_day")) if ask.has("ops.quarantine") else []
    rows = []
    for day in rows_of(ask("quality_by_day")):
        of_day = [{**h, "since": ""} for h in held if h["day"] == day["day"]]
        seen = [{"stage": h["stage"], "accepted": h["judged"], "held_back": 0} for h in of_day if pd.notna(h["judged"])]
        found = findings((u for u in unmet if u["day"] == day["day"]), of_day, seen, (), datetime.now(UTC).date())
        grades = Counter(f.severity.word for f in found)
        judged = day["judged"]
        rows.append(
            {
                "day": day["day"],
                "checks": day["checks"],
                "findings": len(found),
                **{s.word: grades[s.word] for s in _GRAVE},
                "held": sum(int(h["records"]) for h in of_day),
                "accepted": 100 * day["accepted"] / judged if pd.notna(judged) and judged else None,
            }
        )
    names = ["day", "checks", "findings", *(s.word for s in _GRAVE), "held", "accepted"]
    return pd.DataFrame(rows, columns=names)


def _trend_card(days: pd.DataFrame) -> Card:
    grades = [s.word for s in _GRAVE]
    said = ""
    if len(days) == 1:
        said = f"{many(int(days.findings.iloc[0]), 'finding')} on {days.day.iloc[0]}, the only day with checks so far."
    elif len(days):
        first, last = int(days.findings.iloc[0]), int(days.findings.iloc[-1])
        change = "as many as" if first == last else f"{abs(last - first)} {'more' if last > first else 'fewer'} than"
        said = f"{many(last, 'finding')} on {days.day.iloc[-1]}, {change} on {days.day.iloc[0]}."
    return Card(
        "by_day",
        "Findings by day",
        said,
        days,
        "Findings at the end of each day on which something was checked, by severity, acknowledged ones included.",
        _day_bars(days) if len(days) > 1 else None,
        columns={
            "day": "Day",
            "checks": "Checks",
            "findings": "Findings",
            **{g: g.capitalize() for g in grades},
            "held": "Records held back",
            "accepted": "Accepted (%)",
        },
        query="quality_findings_by_day",
        wide=True,
        height=240,
    )


def _day_bars(days: pd.DataFrame) -> figures.Figure:
    """Findings by day, stacked by the severities that occur."""
    grades = [s for s in _GRAVE if days[s.word].any()]
    words = [s.word for s in grades]
    figure = figures.bars(days, "day", words, names={w: w.capitalize() for w in words}, stacked=True, unit="findings")
    for trace, grade in zip(figure["data"], grades, strict=True):
        trace["marker"] = {"color": _COLOURS[grade]}
    ticks = {"dtick": _DAY_MS} if len(days) <= _FEW_DAYS else {"nticks": _FEW_DAYS}
    figure["layout"]["xaxis"] |= {"type": "date", "tickformat": "%b %-d", **ticks}
    return figure


def _quarantine(ask: Ask, found: Sequence[Finding]) -> list[Any]:
    held = ask("quality_held_back") if ask.has("ops.quarantine") else pd.DataFrame()
    total = int(held["records"].sum()) if len(held) else 0
    text = (
        f"{many(total, 'record is', 'records are')} held back for {many(len(held), 'reason')}. After a fix of code, "
        "rules or source, a replay tries them again."
        if total
        else "Nothing is held back."
    )
    known = {(f.table, f.check): f.severity.word for f in found}
    shares = {(f.table, f.check): said_share(f) for f in found}
    rows = pd.DataFrame(
        [
            {
                "stage": h["stage"],
                "reason": h["reason_code"].replace("_", " "),
                "records": int(h["records"]),
                "share": shares.get((h["stage"], h["reason_code"])),
                "since": h["since"],
                "severity": known.get((h["stage"], h["reason_code"])),
                "code": h["reason_code"],
            }
            for h in (rows_of(held) if total else ())
        ],
        columns=["stage", "reason", "records", "share", "since", "severity", "code"],
    )
    card = Card(
        "held",
        "Held back",
        _held_said(rows),
        rows,
        "Records in quarantine that nothing has settled, by where they were stopped (landing: they are no FHIR "
        "records; a table: they break a rule of it) and why. Share: of the records that the stage judged since its "
        "last full run.",
        columns={
            "stage": "Stage",
            "reason": "Reason",
            "records": "Records",
            "share": "Share",
            "since": "Since (UTC)",
            "severity": "Severity",
        },
        links={"reason": lambda row: finding_address(row["stage"], row["code"])},
        badges={"severity": lambda row: row["severity"]},
        query="quality_held_back",
        wide=True,
        empty="Nothing is held back: every record that came is in the tables, superseded or deleted.",
    )
    replays = ask("quality_replays")
    stages = sorted({str(s) for s in held["stage"]}) if total else []
    return [Section("Quarantine", text), card, replay_form(stages, replays), *_replays_card(replays)]


def _held_said(rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    most = rows.iloc[0]
    return f"The most at {most.stage}: {most.reason}, {many(int(most.records), 'record')}."


def _replays_card(replays: pd.DataFrame) -> list[Card]:
    if replays.empty:
        return []
    last = replays.iloc[0]
    ends = {"begun": "is running", "done": "has ended", "failed": "has failed", "unknown": "ended without a word"}
    shown = replays.assign(
        at=replays["at"].str.slice(0, 16).str.replace("T", " "),
        outcome=replays["outcome"].replace({"begun": "running"}),
    )
    return [
        Card(
            "replays",
            "Replays",
            f"The newest, of {last.stage} by {last.who}, {ends[last.outcome]}.",
            shown,
            "The newest 20 replays that people started here. `lake commands` lists all that people did.",
            columns={
                "at": "Started (UTC)",
                "who": "Who",
                "stage": "Stage",
                "outcome": "Outcome",
                "message": "What happened",
            },
            query="quality_replays",
            wide=True,
        )
    ]


PAGE = Page(
    "/quality",
    "Data quality",
    "Lake",
    "quality",
    "Which checks are not met, how grave is it, and what was held back?",
    build,
    filters=(
        Choice("table", "Table", [(name, name) for name in ("landing", *rules())]),
        Choice("severity", "Severity", [(s.word, s.word.capitalize()) for s in _GRAVE]),
        Choice("state", "State", _STATES),
        Word("check"),
        Word("stage"),
        Word("reason"),
    ),
    order=20,
    register=register,
)
