"""One rule of the page on data quality: what it says, its trend, the rows that break it, and what people said of it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from dash import dcc, html

from catalog.derive.rules import Counts, Rule
from catalog.model import Level
from dash_app import figures, spc
from dash_app.data import Ask
from dash_app.page import Alert, Card, Section, Stat, View
from dash_app.quality_forms import acknowledge_form, withdraw_form
from dash_app.words import many, number
from lakehouse.errors import InputError
from lakehouse.findings import Finding, rule_named
from lakehouse.severity import Severity

_BACK = ("/quality", "All findings")
_HELD = "Of the records that each run accepted or held back, the part that it held back for this, in per cent."
_LEVELS = {
    Counts.HELD_BACK: "A record that breaks it is held back in quarantine.",
    Counts.ACCEPTED: "A row that breaks it is accepted and counted.",
}


def said_share(f: Finding) -> str | None:
    """The share of a finding in words; null where it has none."""
    return None if f.value is None or not f.seen else part_said(min(f.value, f.seen), f.seen)


def part_said(part: float, whole: float) -> str | None:
    """The part in per cent, which is nothing or all only where it is; null where there is no whole."""
    if not whole:
        return None
    if 0 < part < 0.001 * whole:
        return "under 0.1 %"
    if 0.999 * whole < part < whole:
        return f"{int(10_000 * part / whole) / 100:.2f} %"
    return f"{100 * part / whole:.1f} %"


def rule_view(ask: Ask, found: Sequence[Finding], table: str, check: str) -> View:
    """The page of one rule; raises InputError if none of that name is declared."""
    rule = rule_named(table, check)
    finding = next((f for f in found if (f.table, f.check) == (table, check)), None)
    trend = _trend(ask, rule)
    has_keys = finding is not None and rule.counts in (Counts.ACCEPTED, Counts.ROWS)
    chart = replace(_trend_card(rule, trend), wide=not has_keys)
    blocks: list[Any] = [_lead(rule, finding), *_stats(rule, finding, trend), chart]
    if rule.counts is Counts.HELD_BACK and finding:
        blocks.append(_held_card(ask, table, check, finding))
    elif finding and has_keys:
        blocks.append(_keys_card(finding))
    blocks.append(_rule_text(rule))
    return View([*blocks, *_acknowledgement(ask, rule, finding)], f"{table}: {rule.words}", _BACK, shows_filters=False)


def held_view(ask: Ask, found: Sequence[Finding], stage: str, reason: str) -> View:
    """The records that are held back for a reason that is no declared rule; InputError if there is none."""
    finding = next((f for f in found if (f.table, f.check) == (stage, reason)), None)
    if finding is None:
        raise InputError("nothing is held back for that reason: it was settled, or the address is wrong.")
    words = reason.replace("_", " ")
    trend = _held_trend(ask, stage, reason)
    card = _held_card(ask, stage, reason, finding)
    replay = html.P(
        ["Trying them again is on the page with ", dcc.Link("all findings", href="/quality#card-held"), "."],
        className="note",
    )
    return View(
        [_told(finding), *_held_stats(finding, trend), replace(_chart(trend, "%", _HELD), wide=True), card, replay],
        f"{stage}: {words}",
        _BACK,
        shows_filters=False,
    )


def _lead(rule: Rule, finding: Finding | None) -> Any:
    if finding:
        return _told(finding)
    return html.P([html.Strong("Met: "), rule.doc], className="lead")


def _told(finding: Finding) -> Any:
    badge = html.Span(finding.severity.word, className=f"badge {finding.severity.word}")
    return html.P(["Severity ", badge, " ", finding.doc, f" {_not_so(finding)}"], className="lead")


def _not_so(finding: Finding) -> str:
    """How far the finding goes, in a sentence."""
    if finding.value is None:
        return "It could not be checked."
    if finding.seen is None:
        return f"The figure is {number(finding.value)}."
    one = "record" if finding.is_held_back else "row"
    return f"Not so for {number(finding.value)} of {many(finding.seen, one)}."


def _stats(rule: Rule, finding: Finding | None, trend: pd.DataFrame) -> list[Stat]:
    if rule.counts is Counts.HELD_BACK:
        return _held_stats(finding, trend)
    value = finding.value if finding else (float(trend.value.iloc[-1]) if len(trend) else None)
    is_figure = rule.counts is Counts.FIGURE
    what = (
        "The figure that the check measured at the newest run."
        if is_figure
        else "Rows that break the rule, summed over the runs since the last full one."
        if rule.counts is Counts.ACCEPTED
        else "Rows that break the rule at the newest run."
    )
    note = "" if value is not None else "it could not be measured" if finding else "it was not checked yet"
    stats = [Stat("Figure" if is_figure else "Rows that break it", value, what, note=note, icons=_icons(rule, trend))]
    if not is_figure:
        seen = many(finding.seen, "live row") if finding and finding.seen else ""
        text = said_share(finding) if finding else None
        stats.append(Stat("Share", text, "Of the live rows of the table.", note=f"of {seen}" if seen else ""))
    return [*stats, _since(finding)]


def _held_stats(finding: Finding | None, trend: pd.DataFrame) -> list[Stat]:
    seen = many(finding.seen, "record") if finding and finding.seen else ""
    return [
        Stat(
            "Records held back",
            int(finding.value or 0) if finding else 0,
            "Records in quarantine for it that nothing has settled.",
            icons=_icons(None, trend),
        ),
        Stat(
            "Share",
            said_share(finding) if finding else None,
            "Of the records that the stage accepted or held back since its last full run.",
            note=f"of {seen}" if seen else "",
        ),
        _since(finding),
    ]


def _since(finding: Finding | None) -> Stat:
    return Stat(
        "Since",
        finding.since[:10] if finding else None,
        "The day (UTC) since when it has not been met without a break.",
        note="" if finding else "it is met",
    )


def _trend(ask: Ask, rule: Rule) -> pd.DataFrame:
    """One row a run: `run_id`, `started_at`, `value` as it is charted."""
    if rule.counts is Counts.HELD_BACK:
        return _held_trend(ask, rule.table, rule.name)
    rows = ask("quality_trend", table=rule.table, check=rule.name)
    if rule.counts is not Counts.ACCEPTED:
        return rows[["run_id", "started_at", "mode", "outcome", "value"]]
    seen = rows["live_rows"].where(rows["mode"] == "full", rows["accepted"]).astype(float)
    broken = rows["value"].astype(float)
    per_cent = (100 * broken / seen.where(seen > 0)).clip(upper=100)
    return pd.DataFrame(
        {
            "run_id": rows["run_id"],
            "started_at": rows["started_at"],
            "mode": rows["mode"],
            "rows": broken,
            "value": per_cent,
        }
    )


def _held_trend(ask: Ask, stage: str, reason: str) -> pd.DataFrame:
    if not ask.has("ops.quarantine"):
        return pd.DataFrame(columns=["run_id", "started_at", "mode", "judged", "held_back", "value"])
    rows = ask("quality_trend_held", stage=stage, reason=reason)
    judged = rows["judged"].astype(float)
    return rows.assign(value=100 * rows["held_back"].astype(float) / judged.where(judged > 0))


def _icons(rule: Rule | None, trend: pd.DataFrame) -> list[str]:
    control = _control(trend)
    better = "high" if rule is not None and rule.is_worse_lower else "low"
    return [spc.variation(control, better)] if control else []


def _control(trend: pd.DataFrame) -> spc.Control | None:
    """The control chart; what is counted is never below zero, so neither is the limit that is shown."""
    found = spc.xmr_chart([float(v) for v in trend["value"].dropna().tolist()])
    return found and replace(found, lower=tuple(None if limit is None else max(limit, 0.0) for limit in found.lower))


def _trend_card(rule: Rule, trend: pd.DataFrame) -> Card:
    if rule.counts is Counts.HELD_BACK:
        return _chart(trend, "%", _HELD)
    if rule.counts is Counts.ACCEPTED:
        return _chart(trend, "%", "Of the rows that each run accepted, the part that breaks it, in per cent.")
    return _chart(trend, rule.unit, "What the check measured at each run of the table that was checked.")


def _chart(trend: pd.DataFrame, unit: str, definition: str) -> Card:
    known = trend.dropna(subset=["value"])
    control = _control(known)
    at = [str(t)[:19] for t in known["started_at"].tolist()]
    figure = None
    if control:
        figure = spc.chart(at, control, unit=unit)
    elif len(known) > 1:
        figure = figures.lines(known.assign(started_at=at), "started_at", "value", unit=unit, markers=True)
    columns = {
        n: w
        for n, w in (
            ("started_at", "Run started (UTC)"),
            ("mode", "Mode"),
            ("outcome", "Outcome"),
            ("rows", "Rows that break it"),
            ("judged", "Records judged"),
            ("held_back", "Held back"),
            ("value", "Value" if unit != "%" else "Per cent"),
        )
        if n in trend.columns
    }
    shown = trend.assign(started_at=[str(t)[:16].replace("T", " ") for t in trend["started_at"].tolist()])
    return Card(
        "trend",
        "Over the runs",
        _trend_said(known, control, unit),
        shown,
        f"{definition} Limits: mean ± 2.66 times the mean moving range (XmR chart), from ten runs on.",
        figure,
        columns=columns,
        empty="No run has checked it yet.",
        height=260,
    )


def _trend_said(known: pd.DataFrame, control: spc.Control | None, unit: str) -> str:
    if known.empty:
        return "No run could measure it yet."
    last = f"{known.value.iloc[-1]:,.2f}".rstrip("0").rstrip(".") + (f" {unit}" if unit else "")
    if control is None:
        which = "the only run so far" if len(known) == 1 else f"the newest of {len(known)} runs"
        return f"{last} at {which}; limits need {spc.LEAST_POINTS}."
    cause = control.causes[-1]
    said = f"a special cause, {cause}" if cause else "within what is usual"
    return f"{last} at the newest of {len(known)} runs: {said}."


def _keys_card(finding: Finding) -> Card:
    keys = pd.DataFrame({"key": json.loads(finding.sample_keys)})
    return Card(
        "keys",
        "Rows that break it",
        f"{len(keys)} of the {many(int(finding.value or 0), 'row')}, by hashed key.",
        keys,
        "The first 16 hexadecimal digits of SHA-256 over the key columns, joined by |; five at most. They tell rows "
        "apart and name nobody; whoever may see the table finds the rows by hashing its keys.",
        columns={"key": "Hashed key"},
        empty="No sample of keys is kept: for warnings of silver, a run only counts the rows.",
    )


def _held_card(ask: Ask, stage: str, reason: str, finding: Finding) -> Card:
    rows = ask("quality_held_records", stage=stage, reason=reason)
    return Card(
        "held_records",
        "Records held back",
        f"{many(int(finding.value or 0), 'record')}, by place.",
        rows,
        "Each record by its place: file (a number, for its name may say whom it is about; `lake quarantine --list` has "
        "the names), line, first byte in the decompressed file, position in its Bundle. The first "
        "1,000. What they hold is not shown here; `lake quarantine --list --raw` shows it to those who may.",
        columns={
            "file_number": "File",
            "line": "Line",
            "byte_offset": "Byte",
            "entry": "Entry",
            "reason": "What is wrong",
            "quarantined_at": "Held back (UTC)",
        },
        query="quality_held_records",
        wide=True,
    )


def _rule_text(rule: Rule) -> Any:
    if rule.is_row_rule:
        what = "Condition that each good row meets (Spark SQL; unknown passes)"
    else:
        what = (
            "Figure that the gate measures (SodaCL)"
            if rule.counts is Counts.FIGURE
            else "Rows that it finds (Spark SQL)"
        )
    stops = (
        "While it is not met, nothing is published: readers keep the earlier state."
        if rule.level is Level.FAIL
        else "What breaks it is counted and shown; nothing is held back."
    )
    terms: list[tuple[str, Any]] = [
        ("Table", dcc.Link(rule.table, href=f"/catalog?table={rule.table}")),
        ("What is true of good data", rule.doc),
        (f"Level {rule.level.value}", _LEVELS.get(rule.counts, stops)),
        (what, html.Code(rule.condition)),
    ]
    items = [part for term, text in terms for part in (html.Dt(term), html.Dd(text))]
    return html.Section([html.H2("The rule"), html.Dl(items)], className="card rule", **{"aria-label": "The rule"})


def _acknowledgement(ask: Ask, rule: Rule, finding: Finding | None) -> list[Any]:
    past = ask("quality_acknowledgements", table=rule.table, check=rule.name)
    blocks: list[Any] = []
    if finding is not None:
        blocks.append(Section("Acknowledge", _accepted_said(finding)))
        if finding.severity is Severity.CRITICAL:
            blocks.append(
                Alert("An acknowledgement does not publish the table: the gate holds until the check is met.")
            )
        blocks.append(withdraw_form() if finding.is_accepted else acknowledge_form())
    if len(past):
        blocks.append(_past_card(past))
    return blocks


def _accepted_said(finding: Finding) -> str:
    known = finding.acceptance
    if known is None:
        return "A finding that is known and accepted is not counted as open, until a day or until it gets worse."
    if finding.is_accepted:
        return f"{known.who} accepted it until {known.until}, or until it gets worse: {known.note}"
    said = f"{known.who} accepted it until {known.until}: {known.note}"
    return f"{said} That no longer holds: it got worse, or the day is over."


def _past_card(past: pd.DataFrame) -> Card:
    shown = pd.DataFrame(
        {
            "at": past["at"].str.slice(0, 16).str.replace("T", " "),
            "who": past["who"],
            "note": past["note"],
            "until": past["until_on"],
            "value": past["value"],
            "state": [
                "stands" if v is None or v != v else "taken back or replaced" for v in past["withdrawn_at"].tolist()
            ],
        }
    )
    return Card(
        "acknowledgements",
        "Acknowledged so far",
        f"{many(len(past), 'time')}; the newest by {past.who.iloc[0]}.",
        shown,
        "Who accepted it, why, until when, and at which value. One that stands ends by its day or a worse value.",
        columns={
            "at": "When (UTC)",
            "who": "Who",
            "note": "Why",
            "until": "Until",
            "value": "Value then",
            "state": "State",
        },
        wide=True,
    )
