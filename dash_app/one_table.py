"""One table of the catalog: what it is, its columns and checks, how its rows went, a query to begin with."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from catalog.derive.rules import Counts
from catalog.glossary import TERMS
from catalog.model import FREE_TEXT, IDENTIFYING, RAW, Table
from dash_app import figures, spc
from dash_app.data import Ask
from dash_app.page import Alert, Card, Stat, View
from dash_app.words import at, cell, many, size
from lakehouse.findings import rules

_NOT_SAMPLED = (IDENTIFYING, RAW, FREE_TEXT)
_SAMPLE_COLUMNS = 8
_STATE = ["table", "layer", "rows", "bytes", "last_changed", "snapshot", "owner", "doc"]


def to_quality(table: str, check: str = "") -> str | None:
    """Where the findings of a table or of one check are; null where nothing of that name is declared."""
    stage = "landing" if table.startswith("bronze.") else table
    if check:
        return at("quality", table=table, check=check) if check in rules().get(table, {}) else None
    return at("quality", table=stage) if stage == "landing" or stage in rules() else None


def states(ask: Ask, chosen: Sequence[Table]) -> pd.DataFrame:
    """A row a table with how it stands; null rows, bytes and instant while it is empty."""
    runs = {row["table_name"]: row for row in ask("table_runs").to_dict("records")}
    rows = []
    for table in chosen:
        state = ask.moment.tables.get(table.name)
        live = runs.get(table.name, {}).get("live_rows")
        if live is None or live != live:
            live = state.rows if state else None
        is_written = state is not None and state.snapshot_id is not None
        rows.append(
            {
                "table": table.name,
                "layer": table.schema_name,
                "rows": live if is_written else None,
                "bytes": state.bytes if state else None,
                "last_changed": state.committed_at if state else None,
                "snapshot": str(state.snapshot_id) if state and is_written else None,
                "owner": table.owner,
                "doc": table.doc,
            }
        )
    frame = pd.DataFrame(rows, columns=_STATE)
    return frame.assign(**{name: pd.to_numeric(frame[name]).astype(float) for name in ("rows", "bytes")})


def one_table(ask: Ask, table: Table) -> View:
    """All about one table."""
    state = states(ask, [table]).iloc[0]
    history = ask("table_history", table=table.name)
    checks = _checks(ask, table, is_written=state["snapshot"] is not None)
    return View(
        [
            html.P(table.doc, className="question"),
            *_numbers(table, state, history, checks),
            *([] if state["snapshot"] else [Alert(_unwritten(table))]),
            _facts(table),
            _sample(table),
            _columns(table),
            _checks_card(table, checks),
            _volume(history),
        ],
        title=table.name,
        back=("/catalog", "All tables"),
        shows_filters=False,
    )


def _unwritten(table: Table) -> str:
    how = "`lake ingest` fills it" if table.schema_name == "bronze" else f"`lake run {table.name}` fills it"
    return f"Nothing has been written to it yet: {how}, once there is something for it."


def _numbers(table: Table, state: "pd.Series[Any]", history: pd.DataFrame, checks: pd.DataFrame) -> list[Stat]:
    written = state["snapshot"] is not None
    note = "" if written else "nothing written yet"
    known = checks[checks["outcome"].notna()]
    instant = cell(state["last_changed"]) if written else ""
    return [
        Stat("Rows", float(state["rows"]) if written else None,
             "Live rows after the newest run; where runs do not count them, those of the snapshot.", note=note,
             trend=[float(n) for n in history["live_rows"].tolist()[-30:]], href=at("runs", table=table.name)),
        Stat("Size", size(state["bytes"]) if written else None, "Bytes of its newest files.", note=note),
        Stat("Last changed", instant[:10] if written else None, "When its newest snapshot was committed (UTC).",
             note=f"at {instant[11:]} UTC" if written else note),
        Stat("Checks that found something", len(known[known["outcome"] != "pass"]) if len(known) else None,
             "Checks whose newest result is other than pass, or whose rule holds records back.",
             note=f"of {many(len(known), 'check')} with a result" if len(known) else "no check has a result",
             href=to_quality(table.name) or ""),
    ]  # fmt: skip


def _facts(table: Table) -> Card:
    kept = "as long as its source is" if table.retention.years is None else f"{table.retention.years} years"
    said = {
        "Grain": f"{table.grain[:1].upper()}{table.grain[1:]}",
        "Key": ", ".join(table.key),
        "Partitioned by": ", ".join(p.ddl() for p in table.partition) or "nothing",
        "Owner": table.owner,
        "Retention": table.retention.name,
        "Kept": kept,
        "Layer": table.schema_name,
    }
    shown: dict[str, Any] = said | {
        "Retention": _term(table.retention.name),
        "Layer": _term(table.schema_name),
        "Lineage": dcc.Link("what it is made of, and what needs it", href=at("lineage", node=table.name)),
    }
    pairs = [part for name, value in shown.items() for part in (html.Dt(name), html.Dd(value))]
    frame = pd.DataFrame({"fact": list(said), "value": list(said.values())})
    return Card(
        "facts", "What it is", "", frame, "As it is declared; DDL, checks and pages derive from the declaration.",
        content=html.Dl(pairs, className="facts"),
    )  # fmt: skip


def _term(name: str) -> Component:
    return dcc.Link(name, href=at("catalog", term=name))


def sample_query(table: Table) -> str:
    """A query to begin with: columns that neither say who somebody is nor hold free text or whole records."""
    plain = [c for c in table.columns if c.tag not in _NOT_SAMPLED and "<" not in c.type.name]
    names = [c.name for c in plain][:_SAMPLE_COLUMNS]
    where = "\nWHERE NOT is_deleted" if table.has("is_deleted") else ""
    return f"SELECT {', '.join(names)}\nFROM lake.{table.name}{where}\nLIMIT 20"


def _sample(table: Table) -> Card:
    left_out = [c.name for c in table.columns if c.tag in _NOT_SAMPLED]
    said = f"Left out: {many(len(left_out), 'column')} that may say who somebody is."
    text = sample_query(table)
    content = html.Div(
        [
            html.Pre(html.Code(text), className="code", tabIndex="0"),
            dcc.Link("Open it on the SQL page", href=at("sql", table=table.name), className="small"),
        ]
    )
    return Card(
        "sample", "A query to begin with", said if left_out else "No column of it says who somebody is.",
        pd.DataFrame({"query": [text]}), "Written from the declaration: the first columns that are no lists and tell "
        "nothing about who somebody is.", content=content,
    )  # fmt: skip


def _columns(table: Table) -> Card:
    frame = pd.DataFrame(
        [
            {
                "column": c.name,
                "type": c.type.name,
                "null": c.null,
                "tag": c.tag.value,
                "unit": c.unit,
                "refers_to": c.ref,
                "meaning": c.doc + (f" One of: {', '.join(c.values)}." if c.values else ""),
                "tag_means": TERMS[c.tag.value].meaning,
            }
            for c in table.columns
        ]
    )
    most = frame["tag"].value_counts()
    shown = {"column": "column", "type": "type", "null": "may be null", "tag": "tag", "meaning": "meaning"}
    shown |= {n: w for n, w in (("unit", "unit"), ("refers_to", "refers to")) if frame[n].notna().any()}
    said = f"{many(len(frame), 'column')}; the commonest tag is {most.index[0]} ({int(most.iloc[0]):,})."
    return Card(
        "columns", "Columns", said, frame,
        "A column leads to its lineage, a tag to its meaning. A unit is UCUM's, or in the column in brackets.",
        columns=shown,
        links={"column": lambda row: at("lineage", node=f"{table.name}.{row['column']}"),
               "tag": lambda row: at("catalog", term=row["tag"]),
               "refers_to": lambda row: at("catalog", table=row["refers_to"]) if row["refers_to"] else None},
        wide=True,
    )  # fmt: skip


def _checks(ask: Ask, table: Table, *, is_written: bool) -> pd.DataFrame:
    """The rules of the table, each with its newest result; null where there is none.

    A rule that holds records back has no result of its own: those that are held back are counted.
    """
    results = {row["check_name"]: row for row in ask("table_checks", table=table.name).to_dict("records")}
    held = ask("table_held_back", table=table.name).set_index("reason_code")["records"].to_dict()
    rows = []
    for name, rule in rules().get(table.name, {}).items():
        found: dict[Any, Any] = results.pop(name, {})
        if not found and rule.counts is Counts.HELD_BACK and is_written:
            count = int(held.get(name, 0))
            found = {"outcome": "held back" if count else "pass", "value": float(count)}
        rows.append(_check_row(name, rule.level.value, rule.doc, found))
    # What a run has checked that is declared no longer.
    rows += [_check_row(name, row["level"], row["doc"], row) for name, row in results.items()]
    order = {None: 2, "pass": 1}
    rows.sort(key=lambda row: (order.get(row["outcome"], 0), row["check"]))
    return pd.DataFrame(rows, columns=["check", "level", "what", "outcome", "value", "checked_at", "run_id"])


def _check_row(name: str, level: str, what: str, found: dict[Any, Any]) -> dict[str, Any]:
    newest = {key: found.get(key) for key in ("outcome", "value", "checked_at", "run_id")}
    return {"check": name, "level": level, "what": what, **newest}


def _checks_card(table: Table, frame: pd.DataFrame) -> Card:
    known = frame[frame["outcome"].notna()]
    passed = known[known["outcome"] == "pass"]
    if known.empty:
        said = f"{many(len(frame), 'check')} declared; none has a result yet."
    else:
        said = f"{len(passed):,} of {many(len(known), 'check')} with a result passed."
    return Card(
        "checks", "Checks", said, frame,
        "The newest result of each check. A failing `fail` holds back rows or the publish, a `warn` only counts; "
        "`held back` counts the records in quarantine.",
        columns={"check": "check", "level": "level", "what": "what is true of good data", "outcome": "last result",
                 "value": "rows or figure", "checked_at": "checked (UTC)"},
        links={"check": lambda row: to_quality(table.name, row["check"]),
               "checked_at": lambda row: at("runs", run=row["run_id"]) if row["run_id"] else None},
        query="table_checks", empty="It has no checks.", wide=True,
    )  # fmt: skip


def _volume(history: pd.DataFrame) -> Card:
    """Rows after each run: with limits from ten runs on, a line from two, a table of one."""
    rows = [float(n) for n in history["live_rows"].tolist()]
    control = spc.xmr_chart(rows)
    if control is not None:
        figure = spc.chart([cell(at) for at in history["ended_at"].tolist()], control, unit="rows")
        special = sum(bool(c) for c in control.causes)
        verb = "shows" if special == 1 else "show"
        said = f"{special:,} of {many(len(rows), 'run')} {verb} more than the usual variation."
    elif len(rows) > 1:
        figure = figures.lines(history, "ended_at", "live_rows", unit="rows", markers=True)
        said = (
            f"From {rows[0]:,.0f} to {many(int(rows[-1]), 'row')} in {len(rows)} runs; limits need {spc.LEAST_POINTS}."
        )
    else:
        figure, said = None, "One run so far: a trend needs two, its limits ten."
    return Card(
        "volume", "Rows after each run", said, history,
        "Live rows that each run left for readers. Limits: mean ± 2.66 mean steps from run to run (XmR).", figure,
        columns={"run_id": "run", "ended_at": "ended (UTC)", "state": "state", "live_rows": "live rows"},
        links={"run_id": lambda row: at("runs", run=row["run_id"])},
        query="table_history", empty="No run has counted its rows.", wide=True,
    )  # fmt: skip
