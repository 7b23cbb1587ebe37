"""A day on which 1 % of the resources changed, as the command line meets it, beside the load that went before."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakehouse.control import open_control
from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EVERY = 100
DAY = datetime(2026, 1, 15, tzinfo=UTC).isoformat()


def write_day(files: Sequence[Path], folder: Path) -> int:
    """One resource in a hundred: corrected, new and deleted ones in turn, in one file a type. How many there are."""
    folder.mkdir()
    changes = 0
    for file in files:
        with (folder / file.name).open("w", encoding="utf-8") as out:
            for change in _changes(file):
                out.write(json.dumps(change) + "\n")
                changes += 1
    return changes


def _changes(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % EVERY:
                continue
            resource = json.loads(line)
            kind = number // EVERY % 3
            if kind == 0:
                yield {**resource, "meta": {"lastUpdated": DAY}}
            elif kind == 1:
                yield {**resource, "id": f"{resource['id']}-new", "meta": {"lastUpdated": DAY}}
            else:
                request = {"method": "DELETE", "url": f"{resource['resourceType']}/{resource['id']}"}
                entry = {"request": request, "response": {"lastModified": DAY}}
                yield {"resourceType": "Bundle", "type": "history", "entry": [entry]}


def timed_command(settings: Settings, *arguments: str) -> float:
    """Seconds of one `lake` command in a process of its own; a failure ends the benchmark."""
    environment = {**os.environ, "LAKE_HOME": str(settings.home), "LAKE_CACHE": str(settings.cache_dir)}
    started = time.monotonic()
    command = [sys.executable, "-m", "spark_jobs.cli", *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)
    return time.monotonic() - started


def seconds_by_table(settings: Settings, since: str) -> dict[str, float]:
    """How long the runs that began after an instant took, by table, and what became of them: unchanged ones too."""
    found: dict[str, float] = {}
    for run in open_control(settings).newest_runs():
        if run["started_at"] > since and run["ended_at"]:
            span = datetime.fromisoformat(run["ended_at"]) - datetime.fromisoformat(run["started_at"])
            found[run["table_name"]] = span.total_seconds()
    return found
