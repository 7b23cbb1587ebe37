"""What people change goes through one door: it is checked, done, and written down before and after."""

import fcntl
import json
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from lakehouse import commands as c
from lakehouse.control import acknowledgements, commands, open_control
from lakehouse.errors import Conflict, InputError
from lakehouse.lock import writing
from lakehouse.replaying import said
from lakehouse.settings import Settings
from lakehouse.sql.moment import open_moments
from spark_jobs.cli import main
from tests.dash_app.lakes import fill

TABLE, CHECK = "silver.claim", "location_id_resolves"
TODAY = datetime.now(UTC).date()
LATER = (TODAY + timedelta(days=30)).isoformat()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake where 10 of 200 claims have a location that is not there."""
    settings = Settings(home=tmp_path_factory.mktemp("made"), cores=1)
    run = {
        "run_id": "20260110T010000000000-a", "job": "claim", "table_name": TABLE, "run_key": "k", "basis": "b",
        "mode": "full", "state": "published", "as_of": "2026-01-10", "live_rows": 200, "message": "",
        "started_at": "2026-01-10T01:00:00+00:00",
    }  # fmt: skip
    result = {
        "run_id": run["run_id"], "table_name": TABLE, "level": "warn", "doc": "The referenced row is there.",
        "sample_keys": "[]", "checked_at": run["started_at"],
    }  # fmt: skip
    results = [
        result | {"check_name": CHECK, "outcome": "warn", "value": 10.0},
        result | {"check_name": "patient_id_resolves", "outcome": "pass", "value": 0.0},
    ]
    fill(settings, {}, {"runs": [run], "quality_results": results})
    return settings


@pytest.fixture
def lake(made: Settings, tmp_path: Path) -> Settings:
    """The same lake with a control database of the test's own."""
    settings = Settings(home=tmp_path / "lake", cores=1)
    settings.root.mkdir()
    settings.catalog_db.symlink_to(made.catalog_db)
    shutil.copy(made.control_db, settings.control_db)
    return settings


def rows(settings: Settings, table: sa.Table) -> list[dict[str, Any]]:
    return open_control(settings).select(sa.select(table))


def test_what_is_acknowledged_is_written_down_with_who_and_at_which_value(lake: Settings) -> None:
    assert LATER in c.acknowledge(lake, "ada", TABLE, CHECK, note="  The source\nsends no sites. ", until=LATER)
    (command,) = rows(lake, commands)
    assert (command["who"], command["command"], command["outcome"]) == ("ada", "acknowledge", "done")
    assert command["at"] <= command["ended_at"]
    assert json.loads(command["arguments"]) == {"table": TABLE, "check": CHECK, "until": LATER, "value": 10.0}
    (kept,) = rows(lake, acknowledgements)
    assert (kept["note"], kept["value"], kept["until_on"]) == ("The source sends no sites.", 10.0, LATER)
    assert kept["command_id"] == command["command_id"]


def test_what_people_write_is_no_part_of_the_audit(lake: Settings) -> None:
    c.acknowledge(lake, "ada", TABLE, CHECK, note="Erika Mustermann", until=LATER)
    assert "Erika" not in str(rows(lake, commands))


def test_a_new_acknowledgement_takes_the_place_of_the_old_and_can_be_taken_back(lake: Settings) -> None:
    c.acknowledge(lake, "ada", TABLE, CHECK, note="one", until=LATER)
    c.acknowledge(lake, "bob", TABLE, CHECK, note="two", until=LATER)
    assert [r["note"] for r in rows(lake, acknowledgements) if r["withdrawn_at"] is None] == ["two"]
    c.withdraw(lake, "ada", TABLE, CHECK)
    assert [r for r in rows(lake, acknowledgements) if r["withdrawn_at"] is None] == []
    assert [r["command"] for r in rows(lake, commands)] == ["acknowledge", "acknowledge", "withdraw"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"table": "silver.nothing"}, "no table"),
        ({"check": "nothing"}, "no check"),
        ({"check": "patient_id_resolves"}, "is met now"),
        ({"note": " \n "}, "say in a sentence"),
        ({"note": "x" * 501}, "500 characters"),
        ({"note": "a\x1b[31mb"}, "say in a sentence"),
        ({"until": ""}, "which day"),
        ({"until": "tomorrow"}, "which day"),
        ({"until": (TODAY - timedelta(days=1)).isoformat()}, "must not be over"),
        ({"until": date(TODAY.year + 3, 1, 1).isoformat()}, "a year ahead"),
        ({"who": ""}, "someone"),
    ],
)
def test_what_is_refused_does_nothing_and_leaves_no_row(lake: Settings, given: dict[str, str], sentence: str) -> None:
    usual = {"who": "ada", "table": TABLE, "check": CHECK, "note": "known", "until": LATER}
    with pytest.raises(InputError, match=sentence):
        c.acknowledge(lake, **(usual | given))
    assert (rows(lake, commands), rows(lake, acknowledgements)) == ([], [])


def test_what_is_not_acknowledged_cannot_be_taken_back(lake: Settings) -> None:
    with pytest.raises(InputError, match="nothing to take back"):
        c.withdraw(lake, "ada", TABLE, CHECK)


def test_an_act_that_breaks_off_is_written_down_as_failed(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(table: str, check: str) -> sa.Update:
        assert [r["outcome"] for r in rows(lake, commands)] == ["begun"], "the row is written before the act"
        raise RuntimeError("about a patient")

    monkeypatch.setattr(c, "_take_back", broken)
    with pytest.raises(RuntimeError):
        c.acknowledge(lake, "ada", TABLE, CHECK, note="known", until=LATER)
    (command,) = rows(lake, commands)
    assert (command["outcome"], command["message"]) == ("failed", "RuntimeError")


def test_a_replay_runs_as_a_process_of_its_own_which_writes_down_how_it_ended(lake: Settings) -> None:
    """The lake's own write lock is held, so `lake replay` ends without starting Spark."""
    with writing(lake):
        assert "has begun" in c.replay(lake, "ada", "silver.encounter")
        assert c.replay_runs(lake)
        with pytest.raises(Conflict, match="runs already"):
            c.replay(lake, "bob", "landing")
        with (lake.root / "replay.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # returns when the replay has ended
    (command,) = rows(lake, commands)
    assert (command["who"], command["outcome"]) == ("ada", "failed")
    assert json.loads(command["arguments"]) == {"stage": "silver.encounter"}
    assert "Someone else is writing" in command["message"]
    (log,) = (lake.root / "logs").iterdir()
    assert (log.stat().st_mode & 0o777, "is writing to this lake" in log.read_text()) == (0o600, True)
    assert str(log) in command["message"]


@pytest.mark.parametrize("stage", ["", "gold.readmission", "silver", "all", "../x", "silver.encounter; ls"])
def test_only_a_stage_that_holds_records_back_is_replayed(lake: Settings, stage: str) -> None:
    with pytest.raises(InputError, match="nothing is held back under such a stage"):
        c.replay(lake, "ada", stage)
    assert rows(lake, commands) == []


def test_a_replay_that_died_is_found_dead_at_the_next_look(lake: Settings) -> None:
    row = {"at": "2026-01-10", "who": "ada", "arguments": "{}", "outcome": "begun", "message": ""}
    open_control(lake).change(commands.insert().values(command_id="1", command="replay", **row))
    holder = (lake.root / "replay.lock").open("a+")
    code = "import time; print('up', flush=True); time.sleep(60)"
    fcntl.flock(holder, fcntl.LOCK_EX)
    process = subprocess.Popen([sys.executable, "-c", code], pass_fds=(holder.fileno(),), stdout=subprocess.PIPE)
    holder.close()
    assert process.stdout is not None
    process.stdout.readline()
    assert c.replay_runs(lake)
    assert rows(lake, commands)[0]["outcome"] == "begun"
    process.kill()
    process.communicate()
    (found,) = c.history(lake, 10)
    assert (found["outcome"], "without a word" in found["message"]) == ("unknown", True)
    assert not c.replay_runs(lake)


def test_what_people_did_is_listed_newest_first(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_HOME", str(lake.root))
    assert "Nobody has changed anything" in CliRunner().invoke(main, ["commands"]).output
    c.acknowledge(lake, "ada", TABLE, CHECK, note="known", until=LATER)
    c.withdraw(lake, "bob", TABLE, CHECK)
    listed = CliRunner().invoke(main, ["commands"])
    assert listed.exit_code == 0, listed.output
    assert listed.output.index("bob") < listed.output.index("ada")
    assert f"until {LATER}, value 10.0" in listed.output


def test_what_was_changed_from_here_is_seen_at_once(lake: Settings) -> None:
    moments = open_moments(lake, every_seconds=3600)
    before = moments.now()
    c.acknowledge(lake, "ada", TABLE, CHECK, note="known", until=LATER)
    assert moments.now() is before
    moments.look_again()
    assert moments.now().query("dashboard/quality_acknowledged").num_rows == 1


@pytest.mark.parametrize(("exit_code", "outcome"), [(0, "done"), (4, "failed"), (1, "failed"), (-9, "failed")])
def test_how_a_replay_ended_is_told_by_its_exit_code(exit_code: int, outcome: str) -> None:
    assert said(exit_code, "log")[0] == outcome


def test_a_process_that_is_started_gets_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, time_zone="Europe/Berlin", facility_time_zones={"a": "UTC"}, cores=3, as_of="2026-01-15"
    )
    for name, text in settings.environment().items():
        monkeypatch.setenv(name, text)
    assert Settings() == settings.model_copy(update={"cache": settings.cache_dir})
