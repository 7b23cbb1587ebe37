"""Simulated days of small loads, with upkeep and without: how many files, manifests and snapshots there are each day.

    .venv/bin/python tests/bench/days.py --days 200 --every 7

writes docs/upkeep.json and draws docs/upkeep.svg. A day is what the write path commits, without the jobs and without
the branches: one append to bronze (two resource types) and one MERGE into a silver table of 500 rows, by the functions
that runs use. A load takes seconds; upkeep is told on which simulated day each commit was made.
"""

import argparse
import json
import math
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.derive.ddl import column_ddl
from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse import tables
from lakehouse.control import new_id, open_control
from lakehouse.figures import look
from lakehouse.places import local_path
from lakehouse.session import own_session, spark_session
from lakehouse.settings import Settings
from lakehouse.upkeep import STEPS
from spark_jobs.lake import Lake
from spark_jobs.upkeep import Order, carry_out, plan_upkeep
from tests.spark_jobs.tiny import JOB, TINY

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DOCS = Path(__file__).resolve().parents[2] / "docs"
FIRST = datetime(2026, 1, 1, 4, tzinfo=UTC)
PEOPLE = 500
A_DAY = 20
Day = dict[str, int]


class Calendar:
    """Which simulated day a commit belongs to, by the real time at which each day began."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.days: list[int] = []

    def begin(self, day: int) -> datetime:
        """The next load is made on that day."""
        self.began.append(time.time() * 1000)
        self.days.append(day)
        return FIRST + timedelta(days=day)

    def when(self, milliseconds: int) -> datetime:
        """The simulated instant of a commit."""
        return FIRST + timedelta(days=self.days[bisect_right(self.began, milliseconds + 1) - 1])


def simulate(lake: Lake, days: int, every: int | None, step: int = 1) -> Iterator[Day]:
    """A load each `step` days; upkeep every so many days, or never. Yields the figures at the end of each load."""
    calendar = Calendar()
    for table in (FHIR_RESOURCE, TINY):
        tables.ensure(lake.spark, table)
    for day in range(0, days, step):
        at = calendar.begin(day)
        bronze = _commit(lake, FHIR_RESOURCE, arrived(lake, day, at))
        _run_record(lake, bronze, _commit(lake, TINY, changed(lake, day)), at)
        if every and day and day % every < step:
            order = Order(STEPS[:3], at + timedelta(hours=1), when=calendar.when)
            done = carry_out(lake, plan_upkeep(lake, [FHIR_RESOURCE, TINY], [JOB], order), order)
            for failure in (d.error for d in done if d.error):
                raise failure
        yield {"day": day} | {k: v for t in (FHIR_RESOURCE, TINY) for k, v in measured(lake, t).items()}


def arrived(lake: Lake, day: int, at: datetime) -> "DataFrame":
    """What bronze gets on a day: a few resources of two types."""
    made: dict[str, Any] = {
        "is_deleted": False,
        "payload_sha256": "0" * 64,
        "source_file": f"day-{day}.ndjson",
        "batch_id": f"batch-{day:04}",
        "arrived_at": at,
        "arrived_on": at.date(),
    }
    kinds = ("Observation", "Patient")
    rows = [
        {
            **made,
            "resource_type": kind,
            "resource_id": f"{kind}-{day}-{i}",
            "line": i,
            "byte_offset": i,
            "payload": "{}",
        }
        for kind in kinds
        for i in range(A_DAY)
    ]
    return _frame(lake, FHIR_RESOURCE, rows)


def changed(lake: Lake, day: int) -> "DataFrame":
    """What silver gets on a day: new values for some of its rows."""
    made: dict[str, Any] = {"status": "final", "payload_sha256": "0" * 64, "batch_id": f"batch-{day:04}"}
    made |= {"run_id": f"run-{day:04}", "is_deleted": False, "version_at": FIRST + timedelta(days=day)}
    keys = sorted({(day * 37 + i * 11) % PEOPLE for i in range(A_DAY)}) if day else range(PEOPLE)
    return _frame(lake, TINY, [{**made, "tiny_id": f"t{key:04}", "amount": day} for key in keys])


def _frame(lake: Lake, table: Table, rows: list[dict[str, Any]]) -> "DataFrame":
    schema = ", ".join(column_ddl(c).split(" COMMENT")[0] for c in table.columns)
    return lake.spark.createDataFrame([tuple(r.get(c.name) for c in table.columns) for r in rows], schema)


def _commit(lake: Lake, table: Table, rows: "DataFrame") -> int:
    """One commit, stamped as a run's is."""
    stamp = dict.fromkeys((tables.RUN_ID, tables.RUN_KEY), new_id())
    if tables.current(lake.spark, table) is None or table is FHIR_RESOURCE:
        tables.append(rows, table, "main", stamp)
    else:
        was = lake.spark.table(tables.full_name(table))
        tables.merge(tables.different(rows, was, table, ["status", "amount"]), table, "main", stamp)
    head = tables.current(lake.spark, table)
    assert head is not None
    return head.id


def _run_record(lake: Lake, read: int, made: int, at: datetime) -> None:
    """What a finished run leaves in the control database, for upkeep to know what the next one needs."""
    run = {
        "run_id": new_id(),
        "job": "tiny",
        "table_name": TINY.name,
        "run_key": "",
        "basis": "",
        "mode": "incremental",
    }
    run |= {"as_of": f"{at:%Y-%m-%d}", "base_snapshot_id": None, "started_at": at.isoformat()}
    lake.control.plan(run, {FHIR_RESOURCE.name: read})
    lake.control.finish(run["run_id"], "published", snapshot_id=made)


def measured(lake: Lake, table: Table) -> Day:
    """A table's figures, and what lies on the disk."""
    figures = look(lake.settings, table)
    folder = local_path(str(tables.load(lake.spark, table).location()))
    assert figures is not None
    assert folder is not None
    kept = figures.as_dict()
    found = {name: kept[name] for name in ("data_files", "delete_files", "manifests", "snapshots")}
    on_disk = [f.stat().st_size for f in (folder / "data").rglob("*") if f.suffix == ".parquet"]
    metadata = [f.stat().st_size for f in (folder / "metadata").iterdir() if not f.name.startswith(".")]
    found |= {"files_on_disk": len(on_disk), "bytes_on_disk": sum(on_disk)}
    found |= {"metadata_files": len(metadata), "metadata_bytes": sum(metadata)}
    return {f"{table.schema_name}_{name}": figure for name, figure in found.items()}


PANELS = (
    ("Data files at the head", lambda d: d["bronze_data_files"] + d["silver_data_files"]),
    ("Snapshots", lambda d: d["bronze_snapshots"] + d["silver_snapshots"]),
    ("Manifests at the head", lambda d: d["bronze_manifests"] + d["silver_manifests"]),
    ("Metadata on disk, kB", lambda d: (d["bronze_metadata_bytes"] + d["silver_metadata_bytes"]) / 1000),
)
WIDTH, HEIGHT, LEFT, TOP = 420, 180, 60, 70
LINES = (("without upkeep", "#9c4a00"), ("with upkeep", "#00557f"))


def draw(without: list[Day], upkept: list[Day]) -> str:
    """Small charts side by side, a line without upkeep and one with it, as SVG."""
    shown = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {2 * HEIGHT + 170}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="Files and metadata by simulated day">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for place, (name, colour) in enumerate(LINES):
        x = LEFT + 150 * place
        shown.append(f'<path d="M{x} 20h24" stroke="{colour}" stroke-width="2.5"/>')
        shown.append(f'<text x="{x + 30}" y="24" fill="{colour}">{name}</text>')
    for place, (title, value) in enumerate(PANELS):
        x, y = place % 2 * WIDTH + LEFT, place // 2 * (HEIGHT + 70) + TOP
        shown += _panel(x, y, title, value, (without, upkept))
    return "\n".join([*shown, "</svg>"]) + "\n"


def _panel(
    x: int, y: int, title: str, value: Callable[[Day], float], courses: tuple[list[Day], list[Day]]
) -> list[str]:
    width, last = WIDTH - LEFT - 20, _round_up(max(d["day"] for d in courses[0]))
    top = _round_up(max(value(d) for days in courses for d in days))
    drawn = [f'<text x="{x}" y="{y - 14}" font-weight="bold">{title}</text>']
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        high = y + HEIGHT * (1 - share)
        drawn.append(f'<path d="M{x} {high:.0f}h{width}" stroke="{"#ddd" if share else "#666"}"/>')
        drawn.append(f'<text x="{x - 6}" y="{high + 4:.0f}" text-anchor="end" fill="#444">{top * share:,.0f}</text>')
        drawn.append(
            f'<text x="{x + width * share:.0f}" y="{y + HEIGHT + 18}" text-anchor="{anchor}" fill="#444">'
            f"day {last * share:.0f}</text>"
        )
    for days, (_, colour) in zip(courses, LINES, strict=True):
        points = " ".join(f"{x + width * d['day'] / last:.1f},{y + HEIGHT * (1 - value(d) / top):.1f}" for d in days)
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return drawn


def _round_up(figure: float) -> float:
    """The end of an axis: a number that reads well, as does its half."""
    unit: float = 10 ** math.floor(math.log10(max(figure, 2)))
    return next(step * unit for step in (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10) if step * unit >= figure)


def main() -> None:
    """Simulate both, write the figures and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--every", type=int, default=7, help="days between two upkeeps")
    parser.add_argument("--step", type=int, default=1, help="days between two loads")
    parser.add_argument("--out", type=Path, default=DOCS)
    arguments = parser.parse_args()
    started = time.monotonic()
    base = Settings(cores=2, parallel_jobs=2)
    with tempfile.TemporaryDirectory() as home:
        first = base.model_copy(update={"home": Path(home) / "spark", "cache": base.cache_dir})
        with spark_session(first) as spark:
            every = {"without": None, "with": arguments.every}
            lakes = {name: _lake(spark, first.model_copy(update={"home": Path(home) / name})) for name in every}
            courses = [simulate(lake, arguments.days, every[name], arguments.step) for name, lake in lakes.items()]
            found: dict[str, list[Day]] = {name: [] for name in every}
            for pair in zip(*courses, strict=True):
                for name, day in zip(found, pair, strict=True):
                    found[name].append(day)
                if pair[0]["day"] % 10 == 0:
                    print(f"day {pair[0]['day']}: {time.monotonic() - started:.0f} s", flush=True)
                    _write(arguments, found)
            _write(arguments, found)


def _write(arguments: argparse.Namespace, found: dict[str, list[Day]]) -> None:
    """What was measured so far; an interrupted simulation leaves its days."""
    told = {"load_every_days": arguments.step, "upkeep_every_days": arguments.every, "data": "synthetic"}
    arguments.out.mkdir(exist_ok=True)
    columns = {name: {key: [d[key] for d in days] for key in days[0]} for name, days in found.items()}
    (arguments.out / "upkeep.json").write_text(json.dumps({**told, **columns}) + "\n", encoding="utf-8")
    if len(found["with"]) > 1:
        (arguments.out / "upkeep.svg").write_text(draw(found["without"], found["with"]), encoding="utf-8")


def _lake(spark: "SparkSession", settings: Settings) -> Lake:
    control = open_control(settings)  # makes the folder
    return Lake(own_session(spark, settings), control, settings)


if __name__ == "__main__":
    main()
