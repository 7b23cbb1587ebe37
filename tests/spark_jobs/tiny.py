"""A small job for tests of the write path: real landing, real view, real gate, one little table."""

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.model import CLINICAL, CLINICAL_RECORD, LINKING, Column, Table, fail, warn
from catalog.tables.record import RECORD as RECORD_COLUMNS
from catalog.types import Integer, Text
from lakehouse.control import new_id
from spark_jobs.ingest import land
from spark_jobs.ingest.discover import discover, inspect_all
from spark_jobs.job import RECORD, Job
from spark_jobs.runner import Observer, RunResult, run_job, silent
from tests.lakes import empty_lake, lent_lake, opened

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.lake import Lake

TINY = Table(
    "silver.tiny",
    (
        Column("tiny_id", Text, doc="Id.", tag=LINKING),
        Column("status", Text, doc="Status.", tag=CLINICAL, values=("final", "amended")),
        Column("amount", Integer, doc="A number.", tag=CLINICAL, null=True),
        *RECORD_COLUMNS,
    ),
    doc="For tests.",
    grain="one row an Observation that was not cancelled",
    key=("tiny_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.that("amount_is_not_negative", "amount >= 0", "The amount is not negative."),
        warn.that("amount_is_small", "amount < 1000", "The amount is below a thousand."),
        fail.unique("tiny_id"),
        fail.volume(0.5),
    ),
)

VIEW: dict[str, Any] = {
    "resource": "Observation",
    "where": [{"path": "status != 'cancelled'"}],
    "select": [
        {
            "column": [
                {"name": "tiny_id", "path": "getResourceKey()"},
                {"name": "status", "path": "status"},
                {"name": "amount", "path": "value.ofType(integer)"},
            ]
        }
    ],
}


def _tiny(rows: "DataFrame") -> "DataFrame":
    return rows.select("tiny_id", "status", "amount", RECORD)


JOB = Job("tiny", VIEW, TINY, _tiny)


def observation(key: str, amount: int | None, *, status: str = "final", at: str | None = None) -> dict[str, Any]:
    """A minimal Observation; `at` is meta.lastUpdated."""
    made: dict[str, Any] = {"resourceType": "Observation", "id": key, "status": status, "code": {"text": "x"}}
    if amount is not None:
        made["valueInteger"] = amount
    if at is not None:
        made["meta"] = {"lastUpdated": at}
    return made


def deletion(key: str, at: str) -> dict[str, Any]:
    """A Bundle that deletes one Observation."""
    request = {"method": "DELETE", "url": f"Observation/{key}"}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "meta": {"lastUpdated": at},
        "entry": [{"request": request}],
    }


def another_lake(lake: "Lake") -> "Lake":
    """An empty lake beside the given one, for one example of a property test."""
    return opened(lake.spark, empty_lake(lake.settings, lake.settings.root.parent / new_id()))


def write(folder: Path, name: str, resources: Sequence[dict[str, Any]]) -> Path:
    """An NDJSON file of these resources."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("".join(json.dumps(r) + "\n" for r in resources), encoding="utf-8")
    return file


def ingest(lake: "Lake", *paths: Path, observe: Observer = silent) -> land.Landing:
    """Land files, one batch."""
    files = list(inspect_all(discover([str(p) for p in paths]), lake.settings.chunk_bytes, 1))
    return land.ingest(lake.spark, lake.control, lake.settings, files, observe=observe)


def run(lake: "Lake", *, full: bool = False, retry_held: bool = False, observe: Observer = silent) -> RunResult:
    """Run the tiny job."""
    return run_job(
        lake.spark, lake.control, lake.settings, JOB, lake.as_of, full=full, retry_held=retry_held, observe=observe
    )


def rows(lake: "Lake") -> list[tuple[str, str, int | None]]:
    """What a reader sees: live rows, sorted."""
    found = lake.spark.table("lake.silver.tiny").where("not is_deleted").select("tiny_id", "status", "amount")
    return sorted(tuple(r) for r in found.collect())


def held(lake: "Lake", stage: str = "silver.tiny") -> list[tuple[str, str]]:
    """Open quarantine rows of a stage: id and reason code, sorted."""
    found = lake.spark.table("lake.ops.quarantine").where(f"stage = '{stage}' and resolved_by is null and part = 0")
    return sorted((r.resource_id or "", r.reason_code) for r in found.collect())


def main(command: str, step: str, *paths: str) -> None:
    """Run by a test in a process of its own: land or run, and die without a word as the step begins."""
    from lakehouse.settings import Settings

    def die(table: str, begun: str) -> None:
        if begun == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with lent_lake(Settings()) as lake:
        if command == "ingest":
            ingest(lake, *map(Path, paths), observe=die)
        else:
            run(lake, observe=die)


if __name__ == "__main__":
    main(*sys.argv[1:])
