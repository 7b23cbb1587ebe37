"""Every layer by spark-submit on a cluster, where killing an executor or a worker changes nothing in the result."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog.registry import TABLES
from infra.native.processes import POLL_SECONDS, family
from infra.native.report import status
from infra.native.runner import running, up
from infra.native.services import all_services
from infra.native.stack import Stack
from lakehouse.profile import iceberg_catalog
from lakehouse.settings import Settings
from spark_jobs.jobs import ALL
from spark_jobs.schedule import choose
from tests.lakes import empty_lake
from tests.stack.conftest import quiet
from tests.stack.submitted import ROOT, Submitted, commands

if TYPE_CHECKING:
    from spark_jobs.lake import Lake

pytestmark = pytest.mark.stack

SAMPLE = ROOT / "infra" / "sample"
FILES = [
    *(SAMPLE / "synthea" / f"{kind}.ndjson.gz" for kind in ("Patient", "Encounter", "Condition")),
    *(SAMPLE / "faults" / f"{name}.ndjson" for name in ("deleted-1", "older-version", "unknown-icd-10")),
    *(SAMPLE / "faults" / f"{name}.ndjson" for name in ("backwards-encounter", "born-in-the-future", "unknown-type")),
    SAMPLE / "faults" / "deleted-2.json",
]
PUBLISHED = ("silver.patient", "silver.encounter", "silver.condition", "gold.encounter_fact", "gold.readmission")
CHOSEN = (*PUBLISHED, "gold.person")
"""These, and what they are made of that has rows: one without takes as long as one with."""
AGAIN = ("silver.condition", "gold.encounter_fact")
OF_THE_RUN = {"run_id", "batch_id", "arrived_at", "arrived_on", "quarantined_at", "version_at"}
JVMS = "pyspark-shell", "CoarseGrainedExecutorBackend"
"""In the commands of a driver that Python starts, and of an executor."""
LOST, DONE = "ExecutorLostFailure", "Success"
Contents = dict[str, list[str]]


@dataclass(frozen=True)
class OnCluster:
    """A lake that spark-submit filled on the cluster, and what others could read meanwhile."""

    settings: Settings
    said: str
    seen: str


def contents(settings: Settings) -> Contents:
    """The rows of all tables, sorted, without what differs from run to run; of the quarantine, what is open."""
    catalog, found = iceberg_catalog(settings), {}
    for table in TABLES.values():
        if catalog.table_exists(table.name):
            kept = tuple(c.name for c in table.columns if c.name not in OF_THE_RUN)
            rows = catalog.load_table(table.name).scan(selected_fields=kept).to_arrow().to_pylist()
            found[table.name] = sorted(repr(row) for row in rows if row.get("resolved_by") is None)
    catalog.engine.dispose()
    return found


def assert_same(found: Contents, wanted: Contents, *tables: str) -> None:
    """The same rows in these tables, and where not, which."""
    assert {name for name in tables if found.get(name) != wanted.get(name)} == set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where these tests keep their files."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def on_cluster(spark_cluster: Settings, folder: Path) -> OnCluster:
    """The sample in bronze, silver and gold; what Spark shows and tells is looked at while it runs, and kept."""
    own = empty_lake(spark_cluster.model_copy(update={"as_of": "2026-01-15"}), folder / "lake")
    Submitted(own, folder, "ingest", "fhir", *map(str, FILES)).end()
    running_now = Submitted(own, folder, "run", *CHOSEN)
    running_now.wait_for_tasks(20)
    pages = ("/environment/", f"/api/v1/applications/{running_now.application()}/environment", "/SQL/", "/jobs/")
    seen = [running_now.shown(path) for path in pages] + [line for _, line in commands()]
    said = running_now.end()
    stack = Stack(spark_cluster)
    told = [*running_now.events.iterdir(), *stack.logs.iterdir(), *stack.state("spark").glob("spark-worker-*/*/*/std*")]
    seen += [file.read_text(encoding="utf-8", errors="replace") for file in told]
    return OnCluster(own, said, "\n".join(seen))


def test_every_layer_by_spark_submit_is_what_one_machine_makes(on_cluster: OnCluster, lake: "Lake") -> None:
    lake.land([str(file) for file in FILES], lambda what, done, total: None)
    _, failures = lake.run(choose(ALL, CHOSEN))
    assert not failures
    assert f"{len(CHOSEN)} of {len(CHOSEN)} tables" in on_cluster.said
    made = contents(on_cluster.settings)
    assert all(made[name] for name in PUBLISHED)
    assert_same(made, contents(lake.settings), *TABLES)


def test_no_secret_is_in_a_command_on_a_page_or_in_the_event_log(on_cluster: OnCluster) -> None:
    assert "spark.authenticate.secret" in on_cluster.seen, "the page of settings was looked at"
    assert "CoarseGrainedExecutorBackend" in on_cluster.seen, "the commands of executors were looked at"
    assert "SparkListenerJobStart" in on_cluster.seen, "the event log was looked at"
    for file in on_cluster.settings.secrets_dir.iterdir():
        assert file.read_text() not in on_cluster.seen, file.name


def test_lake_itself_computes_on_the_cluster_with_no_secret_in_a_command(on_cluster: OnCluster, folder: Path) -> None:
    own = empty_lake(on_cluster.settings, folder / "by-lake")
    command = [sys.executable, "-m", "spark_jobs.cli", "ingest", "fhir", str(FILES[-1])]
    seen: set[str] = set()
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | own.environment(), stdout=subprocess.DEVNULL) as lake:
        while lake.poll() is None:
            seen |= {line for _, line in commands()}
            time.sleep(POLL_SECONDS)
    assert lake.returncode == 0
    assert {kind for kind in JVMS if any(kind in line for line in seen)} == set(JVMS)
    for file in own.secrets_dir.iterdir():
        assert not any(file.read_text() in line for line in seen), file.name


def test_executor_killed_as_it_lands_records_changes_nothing(on_cluster: OnCluster, folder: Path) -> None:
    another = empty_lake(on_cluster.settings, folder / "another")
    landing = Submitted(another, folder, "ingest", "fhir", *map(str, FILES))
    lost = landing.hold_one_at_work(after_tasks=0)
    os.kill(lost.pid, signal.SIGKILL)
    landing.end()
    assert (lost.number, LOST) in landing.tasks()
    assert_same(contents(another), contents(on_cluster.settings), "bronze.fhir_resource")


def test_executor_killed_in_mid_job_changes_nothing(on_cluster: OnCluster, folder: Path) -> None:
    before = contents(on_cluster.settings)
    job = Submitted(on_cluster.settings, folder, "run", "--full", *AGAIN)
    lost = job.hold_one_at_work(after_tasks=5)
    os.kill(lost.pid, signal.SIGKILL)
    assert f"{len(AGAIN)} of {len(AGAIN)} tables" in job.end()
    assert (lost.number, LOST) in job.tasks()
    assert_same(contents(on_cluster.settings), before, *TABLES)


def test_worker_killed_in_mid_job_changes_nothing(on_cluster: OnCluster, two_workers: Stack, folder: Path) -> None:
    before = contents(on_cluster.settings)
    job = Submitted(on_cluster.settings, folder, "run", "--full", *AGAIN)
    lost = job.hold_one_at_work(after_tasks=5)
    kill_worker_of(two_workers, lost.pid)
    assert f"{len(AGAIN)} of {len(AGAIN)} tables" in job.end()
    ended = job.tasks()
    assert (lost.number, LOST) in ended
    after = ended[ended.index((lost.number, LOST)) :]
    assert {number for number, how in after if how == DONE} == {"0", "1"} - {lost.number}, "the other worker ended it"
    assert_same(contents(on_cluster.settings), before, *TABLES)


@pytest.fixture
def two_workers(spark_cluster: Settings) -> Iterator[Stack]:
    """The cluster, whole again at the end."""
    own = Stack(spark_cluster)
    yield own
    up(own, all_services(own), quiet)
    assert {row.state for row in status(own, all_services(own))} == {"ready"}


def kill_worker_of(stack: Stack, executor: int) -> None:
    """Kill the worker that started an executor, and everything that it started."""
    for service in all_services(stack):
        process = running(stack, service)
        members = family(process) if process else []
        if service.name.startswith("spark-worker") and executor in [m.pid for m in members]:
            for member in members:
                os.kill(member.pid, signal.SIGKILL)
            os.waitpid(members[0].pid, 0)
            return
    raise AssertionError("no worker has that executor")
