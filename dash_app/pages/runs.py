"""Runs: what ran, how long it took, and what it changed."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd

from catalog.registry import TABLES
from dash_app import figures
from dash_app.data import Ask
from dash_app.one_run import WRONG, one_run
from dash_app.page import Alert, Card, Choice, Day, Page, Stat, View, Word
from dash_app.words import at, cell, many, number

_STATES = (
    ("wrong", "went wrong: any of the three below"),
    ("gate_failed", "gate failed"),
    ("failed", "failed"),
    ("interrupted", "interrupted"),
    ("published", "published"),
    ("unchanged", "unchanged"),
    ("planned", "planned, or running"),
    ("publishing", "publishing"),
)
_GAP = timedelta(minutes=10)  # a longer pause ends a batch of runs
_MOST_TABLES = 20


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """All runs; with `run` one of them."""
    if filters["run"]:
        return one_run(ask, filters["run"])
    runs = ask("runs_list", table=filters["table"] or None, run=None, since=filters["since"])
    if filters["state"]:
        states = WRONG if filters["state"] == "wrong" else (filters["state"],)
        runs = runs[runs["state"].isin(states)]
    upkeep = ask("upkeep_steps", table=filters["table"] or None, since=filters["since"])
    blocks: list[Any] = [*_numbers(runs, filters)]
    if runs.empty:
        chosen = any(filters[name] for name in ("table", "state", "since"))
        what = "No run fits these filters." if chosen else "Nothing has run yet: `make demo` or `lake ingest` begins."
        blocks.append(Alert(what))
    return View([*blocks, _timeline(runs), _list(runs), _durations(runs), _upkeep(upkeep)])


def _numbers(runs: pd.DataFrame, filters: Mapping[str, Any]) -> list[Stat]:
    wrong = int(runs["state"].isin(WRONG).sum())
    done = runs[runs["seconds"].notna()]
    newest = runs.iloc[0] if len(runs) else None
    said = {name: str(filters[name]) for name in ("table", "since") if filters[name]}
    return [
        Stat("Runs", len(runs), "Runs that were begun, whatever became of them; an ingestion is a run too.",
             note=f"of {many(runs['table_name'].nunique(), 'table')}" if len(runs) else ""),
        Stat("Went wrong", wrong if len(runs) else None,
             "Runs that failed, were interrupted, or that a gate held back. Readers saw nothing of them.",
             href=at("runs", **said, state="wrong") if wrong else "",
             note="" if len(runs) else "nothing has run"),
        Stat("Half of them took at most", float(done["seconds"].median()) if len(done) else None,
             "The median of the time from start to end.", unit="s" if len(done) else "",
             note="" if len(done) else "no run has ended"),
        Stat("Newest", cell(newest["started_at"])[:10] if newest is not None else None,
             "When the newest run began (UTC).",
             note=f"at {cell(newest['started_at'])[11:]} UTC, {newest['table_name']}" if newest is not None else "",
             href=at("runs", run=newest["run_id"]) if newest is not None else ""),
    ]  # fmt: skip


def last_batch(runs: pd.DataFrame) -> pd.DataFrame:
    """The newest runs that followed each other without a long pause, oldest first; of those that have ended."""
    ended = runs[runs["ended_at"].notna()].sort_values("started_at", ascending=False)
    kept, earliest = [], None
    # The order is that of starts, so a run that took long may end after a later one began: the pause is below zero.
    for place, row in enumerate(ended.to_dict("records")):
        if earliest is not None and earliest - row["ended_at"] > _GAP:
            break
        earliest = row["started_at"]
        kept.append(place)
    return ended.iloc[kept[::-1]]


def _timeline(runs: pd.DataFrame) -> Card:
    batch = last_batch(runs)
    frame = batch[["table_name", "run_id", "state", "started_at", "ended_at", "seconds"]]
    short = frame.assign(line=[name.rpartition(".")[2] for name in frame["table_name"]])
    tables = frame["table_name"].nunique()
    return Card(
        "timeline", "The last batch of runs", _batch_said(frame), frame,
        "Each bar is a run from start to end (UTC); jobs that do not wait for each other run side by side. A pause of "
        "more than 10 minutes begins a new batch. Hatched: it went wrong.",
        figures.spans(short, "line", "started_at", "seconds", "state", marked=WRONG) if len(frame) else None,
        columns={"started_at": "started (UTC)", "table_name": "table", "state": "state", "seconds": "seconds"},
        links={"started_at": lambda row: at("runs", run=row["run_id"]), "table_name": _to_table},
        query="runs_list", wide=True, height=120 + 20 * tables, empty="No run has ended.",
    )  # fmt: skip


def _batch_said(frame: pd.DataFrame) -> str:
    if frame.empty:
        return ""
    longest: dict[Any, Any] = frame.sort_values("seconds").iloc[-1].to_dict()
    whole = (frame["ended_at"].max() - frame["started_at"].min()).total_seconds()
    ran = f"{many(len(frame), 'run')} from {cell(frame['started_at'].min())} UTC, in {took(whole)}"
    return f"{ran}; the longest was {longest['table_name']} with {took(longest['seconds'])}."


def took(seconds: float) -> str:
    """`28.5 s`, `1 min 45 s`, `2 h 3 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _list(runs: pd.DataFrame) -> Card:
    wrong = int(runs["state"].isin(WRONG).sum())
    said = f"{many(len(runs), 'run')}, {wrong:,} of which went wrong." if len(runs) else ""
    return Card(
        "runs", "Runs", said, runs,
        "Newest first. Records are counted at landing and in silver: accepted ones stand in the table, those held back "
        "in quarantine. More rows: against what readers saw before.",
        columns={"started_at": "started (UTC)", "table_name": "table", "state": "state", "seconds": "seconds",
                 "records": "records", "accepted": "accepted",
                 "quarantined": "held back", "live_rows": "live rows", "rows_more": "more rows", "message": "message"},
        links={"started_at": lambda row: at("runs", run=row["run_id"]), "table_name": _to_table},
        query="runs_list", wide=True,
    )  # fmt: skip


def _to_table(row: Mapping[str, Any]) -> str | None:
    return at("catalog", table=row["table_name"]) if row["table_name"] in TABLES else None


def _durations(runs: pd.DataFrame) -> Card:
    done = runs[runs["seconds"].notna() & runs["state"].isin(["published", "unchanged"])]
    by_table = (
        done.groupby("table_name")["seconds"]
        .agg(median="median", longest="max", runs="count")
        .reset_index()
        .sort_values("median", ascending=False)
    )
    said = ""
    if len(by_table):
        first = by_table.iloc[0]
        runs_of_it = "its only run" if first["runs"] == 1 else f"the median of {first['runs']:,} runs"
        said = f"{first['table_name']} takes longest: {took(first['median'])} in {runs_of_it}."
    shown = by_table.head(_MOST_TABLES)
    return Card(
        "durations", "How long tables take", said, by_table,
        f"Median of the runs that came to a good end; the {_MOST_TABLES} tables that take longest, all in the table.",
        figures.bars(shown, "table_name", "median", horizontal=True, unit="s") if len(shown) else None,
        columns={"table_name": "table", "median": "median (s)", "longest": "longest (s)", "runs": "runs"},
        links={"table_name": lambda row: at("runs", table=row["table_name"])},
        query="runs_list", height=100 + 20 * len(shown), empty="No run has come to a good end.",
    )  # fmt: skip


def _upkeep(steps: pd.DataFrame) -> Card:
    fewer = (steps["files_before"] - steps["files_after"]).sum()
    open_ = int(steps["seconds"].isna().sum())
    said = f"{many(len(steps), 'step')} of upkeep; {number(float(fewer))} files fewer."
    if open_:
        said += f" {many(open_, 'step')} did not come to an end."
    return Card(
        "upkeep", "Upkeep", said, steps,
        "What `lake maintain` did: files put together, manifests rewritten, snapshots let go. It changes no row.",
        columns={"started_at": "started (UTC)", "table_name": "table", "step": "step", "why": "why",
                 "seconds": "seconds", "files_before": "files before", "files_after": "files after",
                 "snapshots_before": "snapshots before", "snapshots_after": "snapshots after"},
        query="upkeep_steps", wide=len(steps) > 0, empty="No upkeep in this period: `lake maintain` does it.",
    )  # fmt: skip


PAGE = Page(
    "/runs",
    "Runs",
    "Lake",
    "runs",
    "What ran, how long did it take, and what did it change?",
    build,
    filters=(
        Choice("table", "Table", [(name, name) for name in TABLES]),
        Choice("state", "State", _STATES),
        Day("since", "Begun since"),
        Word("run"),
    ),
    order=50,
)
