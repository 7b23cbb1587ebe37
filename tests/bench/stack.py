"""The stack's figures beside the embedded lake's, on this machine: a table and JSON. `make bench-stack`, when idle.

Servers run in a folder and on ports of their own and are gone at the end. Both lakes are loaded from the same people
invented by Synthea, with two threads of Spark in the process itself, one after the other; only PostgreSQL and MinIO run
beside a load. Trino joins for the questions.
"""

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ROOT, TYPES, figure, machine, show, timed

from lakehouse import trino_access
from lakehouse.accounts import open_accounts
from lakehouse.settings import Settings
from lakehouse.sql.engine import Person, open_engine
from lakehouse.sql.moment import Moment, open_moments
from lakehouse.sql.queries import dashboard_names
from spark_jobs.demo.synthea import Population, generate
from tests.stack.conftest import PASSWORD, free_ports
from tests.stack.questions import ALL as OFFICER
from tests.stack.questions import found

Figure = dict[str, Any]
AT_ONCE, ROUNDS = 10, 2
RUNS = {
    "while the servers start": "nothing else",
    "during both loads": "PostgreSQL and MinIO; no Trino, no Spark cluster",
    "during the questions": "PostgreSQL, MinIO and Trino; no Spark",
}


@dataclass(frozen=True)
class Answers:
    """Seconds of each question: asked alone, and with others at once."""

    alone: list[tuple[str, float]]
    at_once: list[tuple[str, float]]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--load-only", action="store_true", help="neither the start of the servers nor questions")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "bench" / "stack.json")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # so that no server stays behind
    cache = ROOT / ".cache" / "bench"
    print(f"Inventing {arguments.patients:,} people with Synthea, unless they are there already …", flush=True)
    own = Settings(home=cache, cache=Settings().cache_dir)
    people = generate(Population(arguments.patients), cache / f"synthea-{arguments.patients}", own)
    figures = measured(own.cache_dir, sorted(people.glob("*.ndjson")), load_only=arguments.load_only)
    report = {"machine": machine(), "data": "synthetic (Synthea)", "patients": arguments.patients, "what_runs": RUNS}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report | {"figures": figures}, indent=2) + "\n", encoding="utf-8")
    show(figures)
    print("\nWhat runs beside it: " + "; ".join(f"{when}: {what}" for when, what in RUNS.items()) + ".")
    print(f"Written to {arguments.out}")


def measured(cache: Path, files: list[Path], *, load_only: bool = False) -> list[Figure]:
    """All figures, in a folder that is deleted at the end, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="carelake-bench-"))
    folder.chmod(0o755)  # started by root, PostgreSQL runs as another user and has to get in
    port = free_ports(7)
    common: dict[str, Any] = {"cache": cache, "cores": 2, "as_of": "2026-01-01"}
    here = Settings(home=folder / "embedded", profile="embedded", **common)
    servers = Settings(
        home=folder / "stack",
        profile="stack",
        postgres=f"127.0.0.1:{port}",
        s3=f"http://127.0.0.1:{port + 1}",
        trino=f"https://127.0.0.1:{port + 2}",
        spark_master=f"spark://127.0.0.1:{port + 3}",
        **common,
    )
    there = servers.model_copy(update={"spark_master": ""})  # threads of the process, as embedded
    try:
        figures = [] if load_only else starts(servers)
        native(servers, "up", "postgres")
        native(servers, "up", "minio")
        figures += loads(here, there, files, with_gold=not load_only)
        if load_only:
            return figures
        native(servers, "up", "trino")
        return figures + questions(here, there)
    finally:
        native(servers, "down")
        shutil.rmtree(folder)


def starts(servers: Settings) -> list[Figure]:
    """All servers, as `make stack-up` starts them: for the first time, and again."""
    seconds = []
    for _ in range(2):
        seconds.append(timed(lambda: native(servers, "up"))[1])
        native(servers, "down")
    return [
        figure("stack up, all servers, first start", seconds[0], "s", target="at most 60 s, downloads at hand"),
        figure("stack up, all servers, again", seconds[1], "s", target="at most 60 s"),
    ]


def loads(here: Settings, there: Settings, files: list[Path], *, with_gold: bool) -> list[Figure]:
    """The load of `make bench` into both lakes; `with_gold`, untimed: other types, and gold, for pages."""
    of_bench = [f for kind in TYPES for f in files if f.name == f"{kind}.ndjson"]
    others = [*(f for f in files if f not in of_bench), ROOT / "infra" / "sample" / "faults"] if with_gold else []
    one, other = (load(s, of_bench, others) for s in (here, there))
    if one["resources"] != other["resources"]:
        raise SystemExit("Both lakes were given the same files, and not the same number of resources landed.")
    of = "the same, embedded"
    whole = sum(one["seconds"].values()), sum(other["seconds"].values())
    return [
        figure("resources loaded", one["resources"], ""),
        figure("load on the stack", whole[1], "s", baseline=whole[0], of=of, target="ratio at most 1.5"),
        *(figure(f"  {part}", s, "s", baseline=one["seconds"][part], of=of) for part, s in other["seconds"].items()),
    ]


def load(settings: Settings, files: list[Path], others: list[Path]) -> dict[str, Any]:
    """What one_load.py says; a failure ends the benchmark."""
    script = Path(__file__).with_name("one_load.py")
    command = [sys.executable, str(script), *map(str, files), *(["--then", *map(str, others)] if others else [])]
    print(f"Loading, profile {settings.profile} …", flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment(settings), check=True, stdout=subprocess.PIPE)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def questions(here: Settings, there: Settings) -> list[Figure]:
    """Every query of the dashboard's pages, of both engines; on Trino by somebody who sees everything."""
    open_accounts(there).put(OFFICER.name, PASSWORD, "compliance_officer")
    trino_access.apply(there)
    engine = open_engine(here)
    given = {name: found(engine, name) for name in dashboard_names()}
    engine.close()
    service = there.model_copy(update={"trino_user": "lake_dashboard"})
    embedded, trino = asked(here, None, given), asked(service, OFFICER, given)
    return [
        figure("dashboard's queries", len(given), ""),
        *_told("Trino", trino, "at most 1,000", "no target"),
        *_told("embedded", embedded, "at most 200", "at most 200"),
    ]


def asked(settings: Settings, person: Person | None, given: Mapping[str, Mapping[str, object]]) -> Answers:
    """The questions alone and many at once, each time after a round that warms the engine and is not counted."""
    moment = open_moments(settings).now(person)
    print(f"Asking {len(given)} queries, profile {settings.profile} …", flush=True)
    _in_turn(moment, given, 0)
    _at_once(moment, given, rounds=1)
    alone = [answer for number in range(ROUNDS) for answer in _in_turn(moment, given, number)]
    return Answers(alone, _at_once(moment, given, ROUNDS))


def _at_once(moment: Moment, given: Mapping[str, Mapping[str, object]], rounds: int) -> list[tuple[str, float]]:
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        people = [pool.submit(_in_turn, moment, given, n, rounds) for n in range(AT_ONCE)]
        return [answer for person in people for answer in person.result()]
    finally:
        pool.shutdown(wait=False)  # when stopped half-way, the server goes, and what still asks with it


def _in_turn(
    moment: Moment, given: Mapping[str, Mapping[str, object]], seed: int, rounds: int = 1
) -> list[tuple[str, float]]:
    """Each question once a round, in an order of its own, the next as soon as one is answered."""
    names = [*given] * rounds
    random.Random(seed).shuffle(names)
    seconds = []
    for name in names:
        started = time.perf_counter()
        moment.query(name, given[name])
        seconds.append((name, time.perf_counter() - started))
    return seconds


def _told(engine: str, answers: Answers, target: str, alone: str) -> list[Figure]:
    """Median and 95th percentile, and the query that takes longest."""
    figures = []
    for how, found_, goal in ((f"{AT_ONCE} at once", answers.at_once, target), ("alone", answers.alone, alone)):
        milliseconds = [1000 * s for _, s in found_]
        slowest = max(dict(found_), key=lambda name: statistics.median(s for n, s in found_ if n == name))
        longest = statistics.median(1000 * s for n, s in found_ if n == slowest)
        figures += [
            figure(f"{engine}, {how}, p50", statistics.median(milliseconds), "ms"),
            figure(f"{engine}, {how}, p95", statistics.quantiles(milliseconds, n=20)[-1], "ms", target=goal),
            figure(f"  slowest: {slowest.removeprefix('dashboard/')}", longest, "ms"),
        ]
    return figures


def native(servers: Settings, command: str, *names: str) -> None:
    """`python -m infra.native`, in silence; what it says of a failure ends the benchmark."""
    whole = [sys.executable, "-m", "infra.native", command, *names]
    done = subprocess.run(whole, cwd=ROOT, env=environment(servers), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(whole[2:])}: {done.stdout}{done.stderr}")


def environment(settings: Settings) -> dict[str, str]:
    """Nothing of the lake but what the settings say."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    return others | settings.environment() | {"PYTHONPATH": str(ROOT)}


if __name__ == "__main__":
    main()
