"""One run: what it read, what became of its records, what its checks found, what it published."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from dash import dcc, html

from catalog.registry import TABLES
from dash_app import figures
from dash_app.data import Ask
from dash_app.one_table import to_quality
from dash_app.page import Alert, Card, Stat, View
from dash_app.words import at, cell, many
from lakehouse.errors import InputError

WRONG = ("gate_failed", "failed", "interrupted")

# What becomes of a record: how people read it, and what it means. The records of a run are the sum of all of these.
FATES: dict[str, tuple[str, str]] = {
    "landed": ("landed", "It stands in bronze, byte for byte."),
    "accepted": ("accepted", "Its rows stand in the table."),
    "quarantined": ("held back", "It is in quarantine, with its place and the reason."),
    "superseded": ("superseded", "A newer version of the same record stands in its place."),
    "not_selected": ("not selected", "The view leaves it to another table."),
    "deleted": ("deleted", "The source has deleted it; its rows carry the mark."),
}
_BESIDE = ("contained", "blank")  # neither is a source record

_MEANT = {
    "published": "Readers see what it wrote.",
    "unchanged": "There was nothing new; readers see the same as before.",
    "gate_failed": "A gate held it back; readers see the earlier snapshot.",
    "failed": "It broke off; readers see the earlier snapshot.",
    "interrupted": "Its process ended before it was published; readers see the earlier snapshot.",
    "planned": "It is running, or its process ended; readers see the earlier snapshot.",
    "publishing": "It is being published, or its process ended; the next run settles it.",
}


def one_run(ask: Ask, run_id: str) -> View:
    """All about one run."""
    found = ask("runs_list", table=None, run=run_id, since=None)
    if found.empty:
        raise InputError("there is no run of that id; the list has all.")
    run = found.iloc[0]
    counts = ask("run_counts", run=run_id)
    fates = {str(fate): int(n) for fate, n in counts.groupby("status")["records"].sum().items()}
    return View(
        [
            *([Alert(_why(run), "warning", title="It went wrong")] if run["state"] in WRONG else []),
            *_numbers(run, fates),
            _facts(run),
            _inputs(ask("run_inputs", run=run_id)),
            *_accounts(ask, run, counts, fates),
            _checks(ask("run_checks", run=run_id)),
        ],
        title=f"Run of {run['table_name']}",
        back=("/runs", "All runs"),
        shows_filters=False,
    )  # fmt: skip


def _why(run: "pd.Series[Any]") -> str:
    said = f" It says: {run['message']}" if run["message"] else ""
    return f"{_MEANT[run['state']]}{said}"


def _numbers(run: "pd.Series[Any]", fates: Mapping[str, int]) -> list[Stat]:
    seconds, more = _value(run["seconds"]), run["rows_more"]
    known = more is not None and more == more
    note = "" if fates else "records are counted at landing and in silver"
    return [
        Stat("State", str(run["state"]).replace("_", " "), _MEANT.get(run["state"], "What became of it.")),
        Stat("Took", seconds, "From start to end.", unit="" if seconds is None else "s",
             note="it has not ended" if seconds is None else ""),
        Stat("Records", _records(fates) if fates else None, "Source records that it looked at.", note=note),
        Stat("Held back", fates.get("quarantined", 0) if fates else None, "Records that it put into quarantine.",
             note=note, href=(to_quality(run["table_name"]) or "") if fates.get("quarantined") else ""),
        Stat("Live rows", _value(run["live_rows"]), "Rows of the table that are not deleted, after it.",
             note=f"{int(more):+,} against before" if known else "nothing to compare with"),
    ]  # fmt: skip


def _value(number: Any) -> float | None:
    return None if number is None or number != number else float(number)


def _records(fates: Mapping[str, int]) -> int:
    return int(sum(n for fate, n in fates.items() if fate not in _BESIDE))


def _facts(run: "pd.Series[Any]") -> Card:
    said = {
        "Run": run["run_id"],
        "Job": run["job"],
        "Table": run["table_name"],
        "Mode": run["mode"],
        "Started": f"{cell(run['started_at'])} UTC",
        "Ended": f"{cell(run['ended_at'])} UTC" if run["ended_at"] == run["ended_at"] else "not yet",
        "Its clock": run["as_of"] or "none",
        "Published": f"snapshot {run['snapshot_id']}" if run["snapshot_id"] else "nothing",
    }
    shown: dict[str, Any] = dict(said)
    if run["table_name"] in TABLES:
        shown["Table"] = dcc.Link(run["table_name"], href=at("catalog", table=run["table_name"]))
    pairs = [part for name, value in shown.items() for part in (html.Dt(name), html.Dd(value))]
    return Card(
        "facts", "What ran", "", pd.DataFrame({"fact": list(said), "value": list(said.values())}),
        "As the control database has it. The clock is the day that `today` means for the run.",
        query="runs_list", content=html.Dl(pairs, className="facts"),
    )  # fmt: skip


def _inputs(inputs: pd.DataFrame) -> Card:
    empty = int(inputs["snapshot_id"].isna().sum())
    said = f"It read {many(len(inputs), 'table')}" + (f", {empty:,} of which had nothing in it." if empty else ".")
    return Card(
        "inputs", "What it read", said, inputs.assign(snapshot_id=inputs["snapshot_id"].fillna("empty")),
        "The snapshots that were pinned before it began: run again on them, it gives the same.",
        columns={"table_name": "table", "snapshot_id": "snapshot"},
        links={"table_name": lambda row: at("catalog", table=row["table_name"])},
        query="run_inputs", empty="It read no table of the lake: what it took came from outside.",
    )  # fmt: skip


# --- the accounting of records ---


def equation(fates: Mapping[str, int]) -> str:
    """`48 records = 44 accepted + 1 held back + 2 superseded + 1 deleted`."""
    parts = [f"{int(fates[f]):,} {FATES[f][0]}" for f in FATES if fates.get(f)]
    others = [f"{int(n):,} {f}" for f, n in fates.items() if f not in FATES and f not in _BESIDE]
    return f"{many(_records(fates), 'record')} = {' + '.join([*parts, *others]) or '0'}"


def _accounts(ask: Ask, run: "pd.Series[Any]", counts: pd.DataFrame, fates: Mapping[str, int]) -> list[Card]:
    if counts.empty:
        return []
    said = f"{equation(fates)}."
    if run["mode"] == "land":
        said = _lines_said(ask("run_lines", run=run["run_id"]).iloc[0]) + said
        if fates.get("contained"):
            said += f" {many(int(fates['contained']), 'contained resource')} landed beside them."
    return [_fates(said, run, fates), _by_batch(counts, run), _by_file(counts)]


def _lines_said(files: "pd.Series[Any]") -> str:
    """What the files held; a Bundle's entries stand in the place of its lines."""
    if not files["files"]:
        return ""
    in_files = f"{many(int(files['lines']), 'line')} in {many(int(files['files']), 'file')}"
    return f"{in_files}, {int(files['blank']):,} of them blank; "


def _fates(said: str, run: "pd.Series[Any]", fates: Mapping[str, int]) -> Card:
    known = {
        f: int(fates[f]) for f in [*FATES, *(f for f in fates if f not in FATES)] if fates.get(f) and f not in _BESIDE
    }
    rows = [
        {"became": FATES.get(f, (f, ""))[0], "records": n, "meaning": FATES.get(f, (f, ""))[1]}
        for f, n in known.items()
    ]
    frame = pd.DataFrame(rows, columns=["became", "records", "meaning"])
    labels = [f"{many(_records(fates), 'record')}", *(f"{row['records']:,} {row['became']}" for row in rows)]
    ends = list(range(1, len(labels)))
    return Card(
        "accounts", "What became of the records", said, frame,
        "Every record that it looked at is counted once. Landing: lines that are not blank, or the entries of Bundles.",
        figures.flow([0] * len(rows), ends, [float(n) for n in known.values()], labels) if rows else None,
        columns={"became": "what became of them", "records": "records", "meaning": "what that means"},
        links={"became": lambda row: to_quality(run["table_name"]) if row["became"] == "held back" else None},
        query="run_counts", wide=True, height=90 + 50 * len(rows), empty="It had no records to look at.",
    )  # fmt: skip


def _by_batch(counts: pd.DataFrame, run: "pd.Series[Any]") -> Card:
    wide = _wide(counts, ["batch_id"])
    files = counts.groupby("batch_id")["file_number"].nunique()
    wide.insert(1, "files", wide["batch_id"].map(files))
    return Card(
        "batches", "By the batch that brought them", f"They came in {many(len(wide), 'batch', 'batches')}.", wide,
        "A batch is one ingestion.",
        columns={"batch_id": "batch", "files": "files", **_headings(wide)},
        links={"batch_id": lambda row: at("runs", run=row["batch_id"]) if row["batch_id"] != run["run_id"] else None},
        query="run_counts",
    )  # fmt: skip


def _by_file(counts: pd.DataFrame) -> Card:
    wide = _wide(counts, ["batch_id", "file_number"])
    held = int((wide["quarantined"] > 0).sum()) if "quarantined" in wide else 0
    batch = {"batch_id": "batch"} if wide["batch_id"].nunique() > 1 else {}
    return Card(
        "files", "By file", f"Records of {held:,} of {many(len(wide), 'file')} were held back.", wide,
        "Files have numbers here, in the order of their names within a batch, for a name may say whom a file is about. "
        "`lake runs RUN` shows the names.",
        columns={**batch, "file_number": "file", **_headings(wide)}, query="run_counts",
    )  # fmt: skip


def _wide(counts: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """A row for each batch or file, a column for each thing that became of records."""
    wide = counts.pivot_table(index=by, columns="status", values="records", aggfunc="sum", fill_value=0).reset_index()
    wide.columns.name = None
    return wide[[*by, *_in_order([c for c in wide.columns if c not in by])]]


def _in_order(found: list[str]) -> list[str]:
    return [f for f in (*FATES, *_BESIDE) if f in found] + [f for f in found if f not in FATES and f not in _BESIDE]


def _headings(wide: pd.DataFrame) -> dict[str, str]:
    statuses = [c for c in wide.columns if c not in ("batch_id", "file_number", "files")]
    return {status: FATES.get(status, (status, ""))[0] for status in statuses}


def _checks(results: pd.DataFrame) -> Card:
    passed = int((results["outcome"] == "pass").sum())
    return Card(
        "checks", "What its checks found", f"{passed:,} of {many(len(results), 'check')} passed.", results,
        "Gates and row rules as they came out in this run; rules that hold records back are counted above.",
        columns={"check_name": "check", "level": "level", "outcome": "result", "value": "rows or figure",
                 "doc": "what is true of good data"},
        links={"check_name": lambda row: to_quality(row["table_name"], row["check_name"])},
        query="run_checks", wide=True, empty="No check ran.",
    )  # fmt: skip
