"""System: does every part answer, do the records add up, and when did each stage last run?"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd
from dash import Dash, Input, Output, dcc, no_update

from dash_app.data import Ask, Reader
from dash_app.page import Alert, Card, Choice, Page, Section, Stat, View
from dash_app.words import at, many, size
from lakehouse.watch.accounting import totals
from lakehouse.watch.ledger import Run
from lakehouse.watch.metrics import Readings

_EVERY = (("30", "every 30 seconds"), ("300", "every 5 minutes"), ("never", "when I reload"))
_PARTS = {
    "catalog": "Catalog",
    "control": "Control database",
    "files": "Store of the tables' files",
    "engine": "SQL engine",
    "disk": "Disk",
    "postgresql": "PostgreSQL",
    "minio": "MinIO",
    "trino": "Trino",
    "spark": "Spark's master",
}
_STAGES = {"landing": "Landing: what runs added is in bronze", "extract": "CSV extracts: what became of each row",
           "conforming": "Silver: what bronze holds was looked at",
           "quarantine": "Quarantine: what was held back is kept"}  # fmt: skip
_LAYERS = {"bronze": "Landing", "silver": "Silver", "gold": "Gold"}
_PACKAGES = ("carelake", "pyspark", "pyiceberg", "duckdb", "soda-core-spark-df", "sqlalchemy", "dash")


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """All of it as of now, whatever moment other pages show."""
    assert ask.watcher is not None
    readings = ask.watcher.read()
    blocks: list[Any] = [*_warnings(readings), *_numbers(readings), _services(readings)]
    if readings.equations is not None:
        blocks += [Section("Do the records add up?"), _stages(readings), _tables(readings)]
    blocks += [Section("Work and room"), _last_runs(readings), _sizes(readings), _versions()]
    if filters["every"] != "never":
        blocks.append(dcc.Interval(id="system-watch", interval=1000 * int(filters["every"])))
    return View(blocks)


def _warnings(r: Readings) -> list[Alert]:
    down = [part for part in r.parts if not part.is_up]
    said = [Alert(" ".join(part.said for part in down), "critical", "Not everything answers")] if down else []
    if r.failed and not down:
        said.append(Alert(f"Could not be read: {', '.join(r.failed)}. The rest is as of now.", "warning"))
    return said


def _numbers(r: Readings) -> list[Stat]:
    up = sum(part.is_up for part in r.parts)
    missing = None if r.equations is None else sum(abs(e.unaccounted) for e in r.equations)
    unfinished = None if r.ledger is None else len(r.ledger.unfinished)
    free = r.disk[0] if r.disk else None
    return [
        Stat("Parts that answer", up, "Catalog, control database, store of files, SQL engine and disk, and "
             "in the stack its servers; each was asked for this page.", note=f"of {len(r.parts)}",
             href="/system#card-services"),
        Stat("Unaccounted records", missing, "Records that a stage was given and that are not accounted for, or the "
             "other way round, added up over all equations below. Anything but 0 is a loss.",
             note=f"in {many(len(r.equations), 'equation')}" if r.equations else "could not be read",
             href="/system#card-accounting"),
        Stat("Unfinished runs", unfinished, "Runs that were begun and have not ended: they work, or their process "
             "died and the next run completes or gives them up.",
             note="could not be read" if unfinished is None else "", href=at("runs", state="planned")),
        Stat("Held back now", None if r.held is None else sum(r.held.values()), "Records in quarantine that no later "
             "run has settled.", note="could not be read" if r.held is None else "", href="/quality"),
        Stat("Free on disk", size(free), "Free space on the disk of LAKE_HOME.",
             note=f"of {size(r.disk[1])}" if r.disk else "", href="/system#card-sizes"),
    ]  # fmt: skip


def _services(r: Readings) -> Card:
    frame = pd.DataFrame(
        {
            "part": [_PARTS[p.name] for p in r.parts],
            "state": ["answers" if p.is_up else "does not answer" for p in r.parts],
            "since": [p.since for p in r.parts],
            "answer_ms": pd.array([None if p.seconds is None else round(1000 * p.seconds) for p in r.parts], "Int64"),
            "said": ["" if p.is_up else p.said for p in r.parts],
        }
    )
    down = [part for part, state in zip(frame.part, frame.state, strict=True) if state != "answers"]
    said = f"{', '.join(down)}: no answer." if down else f"All {len(frame)} parts answer."
    return Card(
        "services", "Parts and servers", said, frame,
        "Each part was asked anew, and had two seconds. Since: when this dashboard first saw it so (UTC). "
        "/health says the same to machines.",
        columns={"part": "part", "state": "state", "since": "since (UTC)", "answer_ms": "answered in (ms)",
                 "said": "what is wrong"},
        wide=True,
    )  # fmt: skip


def _stages(r: Readings) -> Card:
    found = totals(r.equations or ())
    frame = pd.DataFrame(
        {
            "stage": [_STAGES[e.stage] for e in found],
            "given": [e.given for e in found],
            "accounted": [e.accounted for e in found],
            "unaccounted": [e.unaccounted for e in found],
        }
    )
    wrong = [e for e in found if e.unaccounted]
    said = (
        "Every record is accounted for." if not wrong else f"{many(len(wrong), 'stage does', 'stages do')} not add up."
    )
    return Card(
        "accounting", "The accounting equation", said, frame,
        "Each line holds two records against each other that are kept apart: what runs wrote into the control "
        "database, and what the tables themselves hold.",
        empty="Nothing was ingested yet.",
    )  # fmt: skip


def _tables(r: Readings) -> Card:
    rows = [e for e in r.equations or () if e.stage == "conforming"]
    frame = pd.DataFrame(
        {
            "table": [e.table for e in rows],
            "given": [e.given for e in rows],
            "accounted": [e.accounted for e in rows],
            "unaccounted": [e.unaccounted for e in rows],
        }
    )
    wrong = int((frame.unaccounted != 0).sum())
    said = f"{many(len(frame), 'table')}; {wrong:,} of which do not add up."
    return Card(
        "accounting-tables", "Silver, table by table", said, frame,
        "Given: records of the table's FHIR type in bronze, as of the snapshot that its newest good run read. "
        "Accounted: those that its runs looked at and told of.",
        links={"table": lambda row: at("catalog", table=row["table"])}, empty="Silver was not made yet.",
    )  # fmt: skip


def _last_runs(r: Readings) -> Card:
    newest = r.ledger.newest if r.ledger else ()
    good = r.ledger.good if r.ledger else ()
    rows = [_of_layer(layer, words, newest, good) for layer, words in _LAYERS.items()]
    frame = pd.DataFrame(rows)
    ended = [e for e in frame["good"] if e is not None and e == e]
    said = f"The newest good run ended {_ago(max(ended))} ago." if ended else ""
    if r.ledger is not None and r.ledger.upkeep_ended_at is not None:
        said += f" Upkeep was done {_ago(r.ledger.upkeep_ended_at)} ago."
    return Card(
        "last-runs", "Last run of each stage", said, frame,
        "Good: published, or nothing to change. Wrong: tables whose newest run failed, was interrupted, or was held "
        "back by a gate.",
        columns={"stage": "stage", "began": "newest run (UTC)", "good": "newest good end (UTC)", "wrong": "wrong"},
        links={"wrong": lambda row: "/runs?state=wrong" if row["wrong"] else None, "stage": lambda row: "/runs"},
    )  # fmt: skip


def _of_layer(layer: str, words: str, newest: Sequence[Run], good: Sequence[Run]) -> dict[str, Any]:
    of = [run for run in newest if run.table.startswith(f"{layer}.")]
    ended = [run.ended_at for run in good if run.table.startswith(f"{layer}.") and run.ended_at]
    return {
        "stage": words,
        "began": max((run.started_at for run in of), default=None),
        "good": max(ended, default=None),
        "wrong": sum(run.state in ("failed", "interrupted", "gate_failed") for run in of),
    }


def _sizes(r: Readings) -> Card:
    tables = list(r.shelf.tables.values()) if r.shelf else []
    rows = []
    for layer in ("bronze", "silver", "gold", "ops"):
        of = [t for t in tables if t.name.startswith(f"{layer}.")]
        rows.append(
            {
                "layer": layer,
                "tables": len(of),
                "size": size(sum(t.bytes for t in of)),
                "files": sum(t.data_files + t.delete_files for t in of),
                "snapshots": sum(t.snapshots for t in of),
            }
        )
    frame = pd.DataFrame(rows) if tables else pd.DataFrame(columns=["layer", "tables", "size", "files", "snapshots"])
    whole = f"{size(sum(t.bytes for t in tables))} in {many(int(frame['files'].sum()), 'file')}"
    control = f"; the control database has {size(r.ledger.database_bytes)}" if r.ledger else ""
    return Card(
        "sizes", "Sizes", f"{whole}{control}.", frame,
        "Of the current snapshots; what older ones keep comes on top until `lake maintain` lets it go.",
        links={"layer": lambda row: at("catalog", layer=row["layer"])}, empty="There are no tables yet.",
    )  # fmt: skip


def _versions() -> Card:
    frame = pd.DataFrame({"package": _PACKAGES, "version": [version(name) for name in _PACKAGES]})
    return Card(
        "versions", "Versions", f"Carelake {version('carelake')}.", frame,
        "Of this process. All packages and their licences stand in infra/decisions/dependencies.md.",
    )  # fmt: skip


def _ago(then: datetime) -> str:
    minutes = max(0, int((datetime.now(UTC) - then).total_seconds() // 60))
    if minutes < 120:
        return many(minutes, "minute")
    return many(minutes // 60, "hour") if minutes < 48 * 60 else many(minutes // 1440, "day")


def register(app: Dash, reader: Reader) -> None:
    """Draw the page anew, as often as its filter says."""

    @app.callback(
        Output("changed", "data", allow_duplicate=True),
        Input("system-watch", "n_intervals"),
        prevent_initial_call=True,
    )
    def watch(ticks: int) -> Any:
        return datetime.now(UTC).isoformat() if ticks else no_update


PAGE = Page(
    "/system",
    "System",
    "Lake",
    "system",
    "Does every part answer, do the records add up, and when did each stage last run?",
    build,
    filters=(Choice("every", "Refresh", _EVERY, default="30"),),
    order=55,
    is_live=True,
    register=register,
)
