"""Overview: what is in the lake, how fresh it is, and where every record went."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from catalog.registry import TABLES
from dash_app import figures
from dash_app.data import Ask
from dash_app.page import Alert, Card, Page, Section, Stat, View
from dash_app.words import many, size
from lakehouse.sql.moment import TableState

_LAYERS = {
    "bronze": "What arrived, byte for byte",
    "silver": "One clean row an entity",
    "gold": "What analysts ask for",
    "ops": "The lakehouse's own records",
}
# What a run did with a record, as people say it.
_BECAME = {
    "accepted": "accepted",
    "quarantined": "held back",
    "superseded": "a newer version won",
    "not_selected": "not for this table",
    "deleted": "deleted by the source",
}


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """Numbers of the lake, its layers, and two pictures that account for every record."""
    states = [s for s in ask.moment.tables.values() if s.snapshot_id is not None]
    if not states:
        return View([Alert("`make demo` builds a small one; `lake ingest fhir PATH` and `lake run all` make your own.",
                           "info", "There is no lake yet")])  # fmt: skip
    runs = ask("newest_runs")
    held = ask("held_back_now") if ask.has("ops.quarantine") else pd.DataFrame({"stage": [], "records": []})
    live = dict(zip(runs.table_name, runs.live_rows, strict=True))
    return View(
        [
            _rows(live, "silver.patient", "Patients", "Patient records in their newest good version, not deleted.",
                  "/patients"),
            _rows(live, "silver.encounter", "Encounters", "Contacts between a person and a provider, not deleted.",
                  "/catalog?table=silver.encounter"),
            _bronze(ask),
            Stat("Held back now", int(held.records.sum()), "Records in ops.quarantine that no later run has settled: "
                 "they are kept with their place and reason, and can be tried again.", href="/quality"),
            _checks(ask),
            Section("Where every record went", "Nothing is lost: each record that came in is in one of these places."),
            _landing(ask),
            _conforming(ask),
            Section("Layers"),
            _layers(states),
            _volume(ask),
            _tables(states, live),
        ]
    )  # fmt: skip


def _rows(live: Mapping[str, Any], table: str, label: str, definition: str, href: str) -> Stat:
    value = live.get(table)
    if value is None or pd.isna(value):
        return Stat(label, None, definition, note=f"{table} was not made yet")
    return Stat(label, int(value), definition, href=href)


def _bronze(ask: Ask) -> Stat:
    days = ask("landed_by_day")
    return Stat(
        "Records landed", int(days.landed.sum()), "Source records of FHIR files in bronze.fhir_resource, contained "
        "resources not counted.", href="/runs?table=bronze.fhir_resource", trend=days.landed.tolist(),
    )  # fmt: skip


def _checks(ask: Ask) -> Stat:
    found = dict(ask("checks_now").itertuples(index=False, name=None))
    total, failed = sum(found.values()), found.get("fail", 0) + found.get("error", 0)
    warned = found.get("warn", 0)
    return Stat(
        "Checks passed", int(total - failed - warned) if total else None,
        "Checks of the newest run of each table: rules that each row must meet, and gates of the whole table. "
        "A warning is counted and shown; a failed gate holds the publish back.",
        note=f"of {total:,}; {many(warned, 'warning')}, {failed:,} failed" if total else "nothing was checked yet",
        href="/quality",
    )  # fmt: skip


def _landing(ask: Ask) -> Card:
    held = [ask("held_at_landing")] if ask.has("ops.quarantine") else []
    frame = pd.concat([ask("landing_account"), *held], ignore_index=True)
    frame = frame[frame.records.fillna(0) > 0].astype({"records": "int64"})
    total = int(frame.records.sum())
    by = frame.groupby("became", sort=False).records.sum()
    parts = " + ".join(f"{n:,} {name}" for name, n in by.items())
    return Card(
        "landing", "From lines to bronze", f"{total:,} records = {parts}.", frame,
        "Each line of an NDJSON file, each resource of a JSON file, each entry of a Bundle and each row of a CSV "
        "extract, over all published ingestions.",
        _flow(frame.source, frame.became, frame.records),
        {"source": "came as", "became": "became", "records": "records"},
        query="landing_account", empty="Nothing was ingested yet.",
    )  # fmt: skip


def _conforming(ask: Ask) -> Card:
    frame = ask("conforming_account")
    frame = frame[frame.records > 0].astype({"records": "int64"})
    frame = frame.assign(became=[_BECAME.get(s, s) for s in frame.became])
    total = int(frame.records.sum())
    parts = " + ".join(f"{n:,} {name}" for name, n in zip(frame.became, frame.records, strict=True))
    return Card(
        "conforming", "From bronze to silver", f"{total:,} looked at = {parts}.", frame,
        "The records that the newest published run of each silver table looked at. A resource is looked at by each "
        "table of its type: an Observation by three.",
        _flow(["Looked at by silver"] * len(frame), frame.became, frame.records),
        {"became": "became", "records": "records"},
        query="conforming_account", empty="Silver was not made yet: `lake run silver` does.",
    )  # fmt: skip


def _flow(sources: Any, targets: Any, amounts: Any) -> figures.Figure:
    """From the names of sources to the names of targets."""
    names = list(dict.fromkeys([*sources, *targets]))
    places = {name: place for place, name in enumerate(names)}
    return figures.flow(
        [places[s] for s in sources], [places[t] for t in targets], [int(a) for a in amounts], names
    )  # fmt: skip


def _layers(states: list[TableState]) -> Card:
    rows = []
    for layer, words in _LAYERS.items():
        of = [s for s in states if s.name.startswith(f"{layer}.")]
        newest = max((s.committed_at for s in of if s.committed_at), default=None)
        rows.append(
            {
                "layer": layer,
                "holds": words,
                "tables": len(of),
                "rows": sum(s.rows or 0 for s in of),
                "size": size(sum(s.bytes or 0 for s in of)),
                "changed": newest,
            }
        )
    frame = pd.DataFrame(rows)
    total = int(frame.tables.sum())
    return Card(
        "layers", "Layers", f"{many(total, 'table')} with {many(int(frame.rows.sum()), 'row')}.", frame,
        "Tables that hold a snapshot; rows and bytes are those of the current snapshots, deleted rows of silver "
        "included.",
        columns={"layer": "layer", "holds": "what it holds", "tables": "tables", "rows": "rows", "size": "size",
                 "changed": "last changed (UTC)"},
        links={"layer": lambda row: f"/catalog?layer={row['layer']}"},
    )  # fmt: skip


def _volume(ask: Ask) -> Card:
    days = ask("landed_by_day")
    last = (
        f" The last were {many(int(days.landed.iloc[-1]), 'record')} on {days.landed_on.iloc[-1]}." if len(days) else ""
    )
    return Card(
        "volume", "Landed by day", f"Records came on {many(len(days), 'day')}.{last}", days,
        "Records of FHIR files by the UTC day on which they landed.",
        figures.bars(days, "landed_on", ["landed", "held_back"], names={"landed": "landed", "held_back": "held back"},
                     stacked=True, unit="records"),
        {"landed_on": "day", "landed": "landed", "held_back": "held back"},
        query="landed_by_day", empty="Nothing was ingested yet.",
    )  # fmt: skip


def _tables(states: list[TableState], live: Mapping[str, Any]) -> Card:
    frame = pd.DataFrame(
        {
            "table": [s.name for s in states],
            "live": pd.array([live.get(s.name) for s in states], dtype="Int64"),
            "changed": [s.committed_at for s in states],
            "doc": [TABLES[s.name].doc if s.name in TABLES else "" for s in states],
        }
    ).sort_values("live", ascending=False, na_position="last", ignore_index=True)
    known = frame.dropna(subset=["live"])
    shown = known[known.live > 0].head(20).assign(live=lambda f: f.live.astype("int64"))
    most = (
        f"The largest is {known.table.iloc[0]} with {many(int(known.live.iloc[0]), 'live row')}." if len(known) else ""
    )
    return Card(
        "tables", "Largest tables", most, frame,
        "Live rows of each table as its newest run left it.",
        figures.bars(shown, "table", "live", horizontal=True, unit="rows"),
        {"table": "table", "live": "live rows", "changed": "last changed (UTC)", "doc": "what it holds"},
        links={"table": lambda row: f"/catalog?table={row['table']}"}, query="newest_runs", height=460, wide=True,
    )  # fmt: skip


PAGE = Page(
    "/",
    "Overview",
    "Lake",
    "overview",
    "What is in the lake, how fresh is it, and where did every record go?",
    build,
    order=10,
)
