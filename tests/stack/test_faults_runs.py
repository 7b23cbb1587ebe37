"""Two writers at once: the lock refuses the second in a sentence, and where the lock was lost, nothing is doubled."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from lakehouse import maintain
from lakehouse.errors import Conflict
from lakehouse.lock import writing
from lakehouse.upkeep import policy_of
from spark_jobs.cli import main
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import TINY, ingest, observation, run, write
from tests.stack import servers
from tests.stack.oracle import check, load

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(servers.HOME not in os.environ, reason="`make test-stack-jobs` starts the servers"),
]


@pytest.fixture
def loaded(lake: Lake, tmp_path: Path) -> Lake:
    """A lake whose next run has something new to read."""
    return load(lake, tmp_path)


def test_a_run_and_upkeep_beside_a_run_are_refused_in_a_sentence(lake: Lake) -> None:
    with writing(lake.settings):
        for command in (["run", "silver"], ["maintain", "all"]):
            told = CliRunner().invoke(main, command, env=lake.settings.environment())
            (line,) = told.output.splitlines()
            assert (told.exit_code, f"process {os.getpid()}" in line) == (Conflict.exit_code, True), line


def test_a_run_whose_lock_went_with_postgresql_and_another_that_began_then_double_nothing(loaded: Lake) -> None:
    began = []

    def another(table: str, begun: str) -> None:
        if begun == "publish" and not began:
            began.append(begun)
            servers.restart(loaded.settings, "postgres")
            with writing(loaded.settings):  # the first one holds it no more
                assert run(loaded).state == "published"

    with writing(loaded.settings):
        result = run(loaded, observe=another)
    assert (result.state, began) == ("unchanged", ["publish"]), "it finds its work done by the other one"
    check(loaded)


def test_compaction_and_expiry_in_the_middle_of_a_run_change_nothing_in_its_result(
    loaded: Lake, tmp_path: Path
) -> None:
    began = []

    def upkeep(table: str, begun: str) -> None:
        if begun == "gate" and not began:
            maintain.compact(loaded.spark, TINY, replace(policy_of(TINY), small_files=1, deleted_share=0.01), None)
            now = f"TIMESTAMP '{datetime.now(UTC):%Y-%m-%d %H:%M:%S}'"
            expire = f"CALL lake.system.expire_snapshots(table => '{TINY.name}', older_than => {now}, retain_last => 1)"
            began.extend(loaded.spark.sql(expire).collect())

    ingest(loaded, write(tmp_path, "c.ndjson", [observation("a", 1)]))
    run(loaded, observe=upkeep)
    assert began
    check(loaded)
