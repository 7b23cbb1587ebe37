"""`lake maintain` as its users meet it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import spark_jobs.lake
from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse.figures import look
from lakehouse.lock import writing
from lakehouse.settings import Settings
from spark_jobs.cli import main
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import ingest, observation, write

Command = Callable[..., Result]


@pytest.fixture
def maintain(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`lake maintain ARGUMENTS` on a lake with five deliveries in bronze."""

    @contextmanager
    def open_lake(settings: Settings) -> Iterator[Lake]:
        with writing(settings):
            yield lake

    monkeypatch.setattr(spark_jobs.lake, "open_lake", open_lake)
    for name, said in lake.settings.environment().items():
        monkeypatch.setenv(name, said)
    for i in range(5):
        ingest(lake, write(tmp_path, f"{i}.ndjson", [observation("a", i)]))
    return lambda *arguments: CliRunner().invoke(main, ["maintain", *arguments])


def test_a_dry_run_shows_what_would_be_done_and_changes_nothing_then_it_is_done_and_told(
    lake: Lake, maintain: Command
) -> None:
    before = look(lake.settings, FHIR_RESOURCE)
    planned = maintain("bronze", "--dry-run", "--only", "compact", "--only", "expire", "--as-of", "2100-01-01")
    assert planned.exit_code == 0, planned.output
    assert "5 small files of 1 days before 2099-12-25" in planned.output
    assert "1 of 6 snapshots" in planned.output
    assert "5 among the newest" in planned.output
    assert "nothing was changed" in planned.output
    assert look(lake.settings, FHIR_RESOURCE) == before
    done = maintain("fhir_resource", "--only", "compact")
    assert done.exit_code == 0, done.output
    assert "5 → 1" in done.output
    history = maintain("--history")
    assert "rewritten data files: 5" in history.output


def test_what_cannot_be_done_is_told_in_a_sentence(lake: Lake, maintain: Command) -> None:
    early = maintain("--as-of", "2100-01-01")
    assert (early.exit_code, "add --dry-run" in early.output) == (3, True)
    unknown = maintain("nothing")
    assert (unknown.exit_code, "no table or layer 'nothing'" in unknown.output) == (3, True)
    assert maintain("--orphan-days", "0").exit_code == 2
    with writing(lake.settings):
        busy = maintain("bronze")
    assert (busy.exit_code, "is writing to this lake" in busy.output) == (6, True)
