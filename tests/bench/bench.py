"""Carelake's figures on this machine: prints a table and writes JSON. `make bench`, on an otherwise idle machine.

The data are invented by Synthea: 1,000 living people with five years of history, once, into .cache/bench. A load is
timed cold, as people meet it, beside a baseline on the same data in the same minute.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a_day import seconds_by_table, timed_command, write_day
from lineage_cost import lineage_timed

from lakehouse.control import now
from lakehouse.settings import Settings
from spark_jobs.demo.synthea import Population, generate

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROOT = Path(__file__).resolve().parents[2]
TYPES = ("Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Medication", "Procedure")
Figure = dict[str, Any]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--everything", action="store_true", help="load all resource types, to silver and gold")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "bench" / "figures.json")
    arguments = parser.parse_args()
    cache = ROOT / ".cache" / "bench"
    settings = Settings(home=cache, cache=Settings().cache_dir)
    print(f"Inventing {arguments.patients:,} people with Synthea, unless they are there already …", flush=True)
    folder = generate(Population(arguments.patients), cache / f"synthea-{arguments.patients}", settings)
    if arguments.everything:
        files, layers = sorted(folder.glob("*.ndjson")), ("silver", "gold")
    else:
        files, layers = [f for kind in TYPES for f in sorted(folder.glob(f"{kind}.ndjson"))], ("silver",)
    with tempfile.TemporaryDirectory(dir=cache) as home:
        events = str(Path(home) / "events.jsonl")
        own = Settings(home=Path(home) / "lake", cache=settings.cache_dir, openlineage=events)
        figures, seconds = load(own, files, layers)
        figures += a_day(own, files, Path(home) / "day", layers, seconds)
    figures += small_things(settings)
    report = {"machine": machine(), "data": "synthetic (Synthea)", "patients": arguments.patients, "figures": figures}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    show(figures)
    print(f"\nWritten to {arguments.out}")


def load(settings: Settings, files: list[Path], layers: tuple[str, ...]) -> tuple[list[Figure], float]:
    """From NDJSON to published tables, gates included, and one view, each beside a baseline; seconds of the load."""
    from spark_jobs.jobs import ALL
    from spark_jobs.lake import open_lake
    from spark_jobs.schedule import choose

    size = sum(f.stat().st_size for f in files)
    started = time.monotonic()
    with open_lake(settings) as lake:
        session_start = time.monotonic() - started
        landing, land_seconds = timed(lambda: lake.land([str(f) for f in files], lambda what, done, total: None))
        with lineage_timed() as watch:
            (results, failures), run_seconds = timed(lambda: lake.run(choose(ALL, layers)))
        if failures:
            raise SystemExit("; ".join(f.sentence for f in failures))
        resources = landing.counts.landed
        whole = session_start + land_seconds + run_seconds
        memory = driver_memory_gb()
        _, plain = timed(lambda: plain_text(lake.spark, files))
        view = one_view(lake.spark)
    tables = [figure(f"  {r.table}", r.seconds, "s") for r in results]
    side_by_side = sum(r.seconds for r in results)
    figures = [
        figure("resources", resources, ""),
        figure("NDJSON", size / 1e6, "MB"),
        figure("session start", session_start, "s"),
        figure("landing (bronze)", land_seconds, "s", baseline=plain, of="Spark's text reader into the same table"),
        figure(f"{' and '.join(layers)}, gates included", run_seconds, "s"),
        *tables,
        figure(
            "lineage, seconds of all runs", watch.total, "s", baseline=side_by_side, of="what the runs took, added up"
        ),
        figure("lineage, share of the runs", 100 * watch.total / side_by_side, "%", target="at most 3 %"),
        *(figure(f"  lineage, {name}", spent, "s") for name, spent in watch.seconds.items()),
        figure("whole load", whole, "s", baseline=plain, of="Spark's text reader into the same table"),
        figure("whole load", resources / whole, "resources/s", target="at least 10,000, aim at 20,000"),
        figure("driver, peak resident", memory, "GB", target="at most 4"),
        view,
    ]
    return figures, whole


def a_day(
    settings: Settings, files: list[Path], folder: Path, layers: tuple[str, ...], load_seconds: float
) -> list[Figure]:
    """1 % of the resources corrected, new or deleted, by two commands; then the same again with nothing new."""
    changes = write_day(files, folder)
    began = now()
    landing = timed_command(settings, "ingest", "fhir", str(folder))
    running = timed_command(settings, "run", *layers)
    tables = {name: seconds for name, seconds in seconds_by_table(settings, began).items() if seconds >= 0.1}
    idle = timed_command(settings, "run", *layers)
    return [
        figure("1 % day, resources", changes, ""),
        figure("1 % day, lake ingest", landing, "s"),
        figure("1 % day, lake run", running, "s"),
        *(figure(f"  1 % day, {name}", seconds, "s") for name, seconds in tables.items()),
        figure(
            "1 % day", landing + running, "s", baseline=load_seconds, of="the whole load", target="ratio 0.25, aim 0.1"
        ),
        figure("a day of nothing, lake run", idle, "s"),
    ]


def plain_text(spark: "SparkSession", files: list[Path]) -> None:
    """The baseline: the same lines by Spark's own text reader with type and id, into an Iceberg table."""
    from pyspark.sql import functions as F

    lines = spark.read.text([str(f) for f in files])
    rows = lines.select(
        F.get_json_object("value", "$.resourceType").alias("resource_type"),
        F.get_json_object("value", "$.id").alias("resource_id"),
        F.col("value").alias("payload"),
    )
    spark.sql("CREATE NAMESPACE IF NOT EXISTS lake.bench")
    rows.writeTo("lake.bench.plain").using("iceberg").createOrReplace()
    spark.sql("DROP TABLE lake.bench.plain PURGE")


VIEW: dict[str, Any] = {
    "resource": "Observation",
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "patient_id", "path": "subject.getReferenceKey(Patient)"},
                {"name": "status", "path": "status"},
                {"name": "effective", "path": "effective.ofType(dateTime)"},
                {"name": "code", "path": "code.coding.first().code"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "unit", "path": "value.ofType(Quantity).unit"},
            ]
        }
    ],
}
SCHEMA = (
    "id string, subject struct<reference:string>, status string, effectiveDateTime string, "
    "code struct<coding:array<struct<code:string>>>, valueQuantity struct<value:decimal(38,9),unit:string>"
)


def one_view(spark: "SparkSession") -> Figure:
    """One view over all Observations of bronze against the same columns by hand, in turn, the median of three."""
    from pyspark.sql import functions as F

    from lakehouse.fhir import run_view

    payloads = spark.table("lake.bronze.fhir_resource").where("resource_type = 'Observation'").select("payload")
    parsed = payloads.select(F.from_json("payload", SCHEMA, {"maxStringLen": "2147483647"}).alias("r"))
    by_hand = parsed.select(
        "r.id",
        F.regexp_extract("r.subject.reference", r"Patient/([^/]+)", 1).alias("patient_id"),
        "r.status",
        "r.effectiveDateTime",
        F.col("r.code.coding")[0]["code"].alias("code"),
        "r.valueQuantity.value",
        "r.valueQuantity.unit",
    )
    view = run_view(spark, VIEW, payloads)
    pairs = [(timed(lambda: consume(view))[1], timed(lambda: consume(by_hand))[1]) for _ in range(4)][1:]
    ours, theirs = (sorted(column)[1] for column in zip(*pairs, strict=True))
    return figure(
        "one view over all Observations", ours, "s", baseline=theirs, of="the same columns by hand", target="ratio 1.3"
    )


def consume(frame: "DataFrame") -> None:
    """Compute every row and throw it away."""
    frame.write.format("noop").mode("overwrite").save()


def small_things(settings: Settings) -> list[Figure]:
    """What a person waits for: the help text, and the demo in a new folder."""
    lake = [sys.executable, "-m", "spark_jobs.cli"]
    helps = sorted(timed(lambda: run([*lake, "--help"], {}))[1] for _ in range(5))
    bare = sorted(timed(lambda: run([sys.executable, "-c", "pass"], {}))[1] for _ in range(5))
    with tempfile.TemporaryDirectory() as home:
        environment = {"LAKE_HOME": home, "LAKE_CACHE": str(settings.cache_dir)}
        _, demo = timed(lambda: run([*lake, "demo"], environment))
    return [
        figure("lake --help", helps[2], "s", baseline=bare[2], of="an empty Python", target="at most 0.5 s"),
        figure("lake demo, jars at hand", demo, "s", target="at most 120 s"),
    ]


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run to the end, in silence; a failure ends the benchmark."""
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env={**os.environ, **environment})


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and the seconds that it took."""
    started = time.monotonic()
    result = work()
    return result, time.monotonic() - started


def driver_memory_gb() -> float:
    """Peak resident memory of the JVM that this process started, in GB (Linux)."""
    for child in _children(os.getpid()):
        status = Path(f"/proc/{child}/status").read_text(encoding="utf-8")
        if "java" in status.splitlines()[0]:
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
            return int(peak.split()[1]) / 1e6
    return float("nan")


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="utf-8").split():
            yield int(child)
            yield from _children(int(child))


def figure(
    name: str, value: float, unit: str, *, baseline: float | None = None, of: str = "", target: str = ""
) -> Figure:
    """One measured figure; `baseline` is in the same unit."""
    made: Figure = {"name": name.strip(), "value": round(value, 3), "unit": unit}
    if baseline is not None:
        made |= {"baseline": round(baseline, 3), "baseline_is": of, "ratio": round(value / baseline, 2)}
    return made | ({"target": target} if target else {})


def show(figures: list[Figure]) -> None:
    """The table that people read."""
    print(f"\n{'figure':<34} {'value':>12} {'unit':<12} {'baseline':>9} {'ratio':>6}  target or baseline")
    for f in figures:
        base = f"{f['baseline']:>9.2f} {f['ratio']:>6.2f}" if "baseline" in f else f"{'':>9} {'':>6}"
        said = "; ".join(x for x in (f.get("target", ""), f.get("baseline_is", "")) if x)
        print(f"{f['name']:<34} {f['value']:>12,.2f} {f['unit']:<12} {base}  {said}")


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
