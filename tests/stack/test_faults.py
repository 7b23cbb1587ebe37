"""PostgreSQL goes away in mid-run: whatever the run says, the next one leaves nothing lost and nothing doubled."""

import os
from pathlib import Path
from typing import Any

import pytest

from lakehouse import profile
from lakehouse.control import open_control
from lakehouse.errors import EnvironmentFailed
from lakehouse.secrets import write_secret
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import held, ingest, observation, rows, run, write
from tests.stack import servers

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(servers.HOME not in os.environ, reason="`make test-stack-jobs` starts the servers"),
]


@pytest.mark.parametrize("step", ["compute", "write", "gate", "publish", "record"])
def test_postgresql_killed_in_mid_run_loses_and_doubles_nothing(lake: Lake, tmp_path: Path, step: str) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2), observation("bad", -1)]))
    run(lake)
    ingest(lake, write(tmp_path, "b.ndjson", [observation("b", 3), observation("c", -4), observation("bad", 7)]))

    def fault(table: str, begun: str) -> None:
        if begun == step:
            servers.restart(lake.settings, "postgres")

    try:
        run(lake, observe=fault)
    except Exception as error:  # whatever it was: the next run puts it right
        print(type(error).__name__)
    run(lake)
    assert rows(lake) == [("a", "final", 1), ("b", "final", 3), ("bad", "final", 7)]
    assert held(lake) == [("c", "amount_is_not_negative")]
    assert not lake.control.unfinished("silver.tiny")
    branches = lake.spark.sql("select name from lake.silver.tiny.refs where type = 'BRANCH'").collect()
    assert [b.name for b in branches] == ["main"]


def test_a_wrong_password_is_told_in_a_sentence(lake: Lake, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"secrets": tmp_path / "secrets"}
    settings = lake.settings.model_copy(update=wrong)
    with pytest.raises(EnvironmentFailed, match=r"secret .*postgres-lake_etl is missing"):
        open_control(settings)
    write_secret(settings, "postgres-lake_etl", "guessed")
    with pytest.raises(EnvironmentFailed, match="does not answer lake_etl"):
        open_control(settings)
    with pytest.raises(EnvironmentFailed, match="does not answer lake_etl"):
        profile.has_catalog(settings)
