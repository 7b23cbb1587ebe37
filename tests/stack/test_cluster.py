"""Every layer by spark-submit on a cluster, where killing an executor or a worker changes nothing in the result."""

import os
import signal
import subprocess
import sys
import time
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
from tests.stack.submitted import ROOT, Submitted, commands, until

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
OF_THE_RUN = {"run_id", "batch_id", "arrived_at", "arrived_on", "quarantined_at", "version_at"}
JVMS = "pyspark-shell", "CoarseGrainedExecutorBackend"
"""In the commands of a driver that Python starts, and of an executor."""
LOST, DONE = "ExecutorLostFailure", "Success"
Contents = dict[str, list[str]]


@dataclass(frozen=True)
class Loss:
    """An executor that a command lost, and the executor of each of its tasks and how that ended, in order."""

    lost: str
    tasks: list[tuple[str, str]]

    def ended_after(self) -> set[str]:
        """The executors that ended tasks after the loss."""
        return {number for number, how in self.tasks[self.tasks.index((self.lost, LOST)) :] if how == DONE}


@dataclass(frozen=True)
class OnCluster:
    """A lake that spark-submit filled on the cluster while parts of that died, and what others could read meanwhile."""

    settings: Settings
    said: str
    seen: str
    in_landing: Loss
    in_run: Loss
    with_its_worker: Loss
    left: set[str]  # the executors that were left then


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
    """The sample in bronze, silver and gold; what Spark shows and tells is looked at while it runs, and kept.

    An executor is killed as records land, another one in the run, and later in that run a worker with all that is its.
    """
    own = empty_lake(spark_cluster.model_copy(update={"as_of": "2026-01-15"}), folder / "lake")
    stack = Stack(spark_cluster)
    landing = Submitted(own, folder, "ingest", "fhir", *map(str, FILES))
    lost = landing.hold_one_at_work(after_tasks=0)
    os.kill(lost.pid, signal.SIGKILL)
    landing.end()
    landed = Loss(lost.number, landing.tasks())

    run = Submitted(own, folder, "run", *CHOSEN)
    run.wait_for_tasks(20)
    pages = ("/environment/", f"/api/v1/applications/{run.application()}/environment", "/SQL/", "/jobs/")
    seen = [run.shown(path) for path in pages] + [line for _, line in commands()]
    first = run.hold_one_at_work(after_tasks=5)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: len(run.executors() - {first.number}) == 2 or None, run)
    second = run.hold_one_at_work(after_tasks=20)
    left = run.executors() - {second.number}
    kill_worker_of(stack, second.pid)
    said = run.end()
    up(stack, all_services(stack), quiet)
    assert {row.state for row in status(stack, all_services(stack))} == {"ready"}, "the cluster is whole again"

    told = [*run.events.iterdir(), *stack.logs.iterdir(), *stack.state("spark").glob("spark-worker-*/*/*/std*")]
    seen += [file.read_text(encoding="utf-8", errors="replace") for file in told]
    losses = landed, Loss(first.number, run.tasks()), Loss(second.number, run.tasks())
    return OnCluster(own, said, "\n".join(seen), *losses, left)


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


def test_an_executor_was_killed_in_mid_landing_and_one_in_mid_run_and_another_one_came(on_cluster: OnCluster) -> None:
    """What they made is compared above."""
    assert (on_cluster.in_landing.lost, LOST) in on_cluster.in_landing.tasks
    assert on_cluster.in_run.ended_after() - {"0", "1"}, "one that was not there before"


def test_after_a_worker_was_killed_in_mid_run_the_other_one_ended_it(on_cluster: OnCluster) -> None:
    assert on_cluster.with_its_worker.ended_after() == on_cluster.left
    assert len(on_cluster.left) == 1


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
