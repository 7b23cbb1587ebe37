"""The drill of infra/runbooks/restore.md: a lake is backed up, and restored onto a fresh stack by its commands alone.

What analysts asked before they ask again, of other servers with other secrets, and get the same rows.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.sql.queries import named_query, query_names
from tests.stack.conftest import free_ports
from tests.stack.copies import DemoLake
from tests.stack.demo.conftest import Answers, Parameters
from tests.stack.questions import ALL, APPROXIMATE, assert_alike

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[3]


@pytest.fixture
def fresh(stack: Settings) -> Iterator[Settings]:
    """Settings of a stack that nobody has started yet; its servers and folder are gone at the end."""
    home = Path(tempfile.mkdtemp(prefix="carelake-fresh-"))
    home.chmod(0o755)  # started by root, PostgreSQL runs as another user and has to get in
    port = free_ports(3)
    places = {"postgres": f"127.0.0.1:{port}", "s3": f"http://127.0.0.1:{port + 1}"}
    own = Settings(home=home, cache=stack.cache_dir, profile="stack", trino=f"https://127.0.0.1:{port + 2}", **places)
    try:
        yield own
    finally:
        run(own, "infra.native", "down")
        shutil.rmtree(home)


def run(settings: Settings, module: str, *arguments: str) -> str:
    """A command as people give it, in a process of its own; what it says."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    environment = others | settings.environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{command}: {done.stdout[:2000]}{done.stderr[-1500:]}"
    return done.stdout


def lake(settings: Settings, *arguments: str) -> str:
    return run(settings, "spark_jobs.cli", *arguments)


def alike(answers: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Without what differs each time that it is estimated."""
    return answers | {name: answers[name].drop_columns([column]) for name, column in APPROXIMATE.items()}


def test_a_lake_is_restored_onto_a_fresh_stack_by_the_commands_of_the_runbook(
    demo_on_servers: DemoLake, answers: Answers, parameters: Parameters, fresh: Settings, tmp_path: Path
) -> None:
    place, old = str(tmp_path / "backup"), demo_on_servers.there
    before = alike({name: answers(name) for name in query_names()})
    assert sum(table.num_rows for table in before.values()) > 100
    lake(old, "backup", place, "--with-accounts")

    run(fresh, "infra.native", "up", "postgres", "minio", "trino")
    assert "would" in lake(fresh, "restore", place, "--dry-run")
    lake(fresh, "restore", place, "--with-accounts")
    lake(fresh, "access", "apply")
    lake(fresh, "doctor")
    assert lake(fresh, "runs") == lake(old, "runs")
    assert lake(fresh, "quality") == lake(old, "quality")
    service = fresh.model_copy(update={"trino_user": "lake_dashboard"})
    with closing(open_engine(service)) as engine:
        after = alike({name: engine.query(named_query(name), parameters(name), person=ALL) for name in query_names()})
    assert after.keys() == before.keys()
    for name, table in before.items():
        assert_alike(table, after[name])
