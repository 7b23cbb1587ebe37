"""Trino's files of access follow the declarations and accounts; its servers are not needed to write them."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from lakehouse import doctor, trino_access
from lakehouse.errors import EnvironmentFailed
from lakehouse.profile import iceberg_catalog
from lakehouse.settings import Settings
from spark_jobs.cli import main

PASSWORD = "correct horse battery"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the stack in which Trino is set up, over a lake that has no tables yet."""
    monkeypatch.setenv("LAKE_PROFILE", "stack")
    monkeypatch.setattr(trino_access, "has_catalog", lambda settings: False)  # PostgreSQL is not here
    etc = tmp_path / "lake" / "stack" / "trino" / "etc"
    etc.mkdir(parents=True)
    (etc / "config.properties").touch()
    (etc / "group.txt").write_text("administrator:root\n")
    (etc / "password.db").write_text("root:120000:00:00\n")
    return tmp_path / "lake"


def lake(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def written(home: Path, name: str) -> str:
    return (home / "stack" / "trino" / "etc" / name).read_text()


def test_an_account_is_a_user_of_trino_in_its_role_until_it_is_removed(home: Path) -> None:
    said = lake(home, "account", "add", "ann", "--role", "analyst", "--password", PASSWORD)
    assert (said.exit_code, said.output) == (0, "ann may log in as analyst.\n")
    assert written(home, "group.txt") == "administrator:root\nanalyst:ann\n"  # others stay as they are
    assert [line.partition(":")[0] for line in written(home, "password.db").split()] == ["root", "ann"]
    assert PASSWORD not in written(home, "password.db")
    rules = json.loads(written(home, "rules.json"))
    assert {"original_user": "lake_dashboard", "new_user": "ann", "allow": True} in rules["impersonation"]
    assert lake(home, "account", "remove", "ann").exit_code == 0
    assert written(home, "group.txt") == "administrator:root\n"
    assert "ann:" not in written(home, "password.db")
    assert '"ann"' not in written(home, "rules.json")


def test_what_apply_would_change_is_shown_first_and_told_by_doctor(home: Path) -> None:
    settings = Settings(home=home)
    (finding,) = doctor._access_rules(settings)
    assert not finding.ok
    shown = lake(home, "access", "apply", "--dry-run").output
    assert '+ "impersonation": [' in shown
    assert not (home / "stack/trino/etc/rules.json").exists()
    assert "rules.json was written." in lake(home, "access", "apply").output
    assert lake(home, "access", "apply").output == "Nothing has changed.\n"
    assert lake(home, "access", "apply", "--dry-run").output == "Trino's rules are those of the declarations."
    (finding,) = doctor._access_rules(settings)
    assert finding.ok


def test_a_column_without_a_declaration_is_for_nobody(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = iceberg_catalog(Settings(home=tmp_path / "live", profile="embedded"))
    catalog.create_namespace("silver")
    catalog.create_table("silver.patient", pa.schema([("patient_id", pa.string()), ("nickname", pa.string())]))
    monkeypatch.setattr(trino_access, "has_catalog", lambda settings: True)
    monkeypatch.setattr(trino_access, "iceberg_catalog", lambda settings: catalog)
    assert lake(home, "access", "apply").exit_code == 0
    rules = [r for r in json.loads(written(home, "rules.json"))["tables"] if r.get("table") == "patient"]
    assert len(rules) >= 5
    for rule in rules:
        assert {"name": "nickname", "allow": False} in rule["columns"], rule["group"]
    catalog.engine.dispose()


def test_without_a_trino_here_there_is_nothing_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_PROFILE", "stack")
    with pytest.raises(EnvironmentFailed, match="make stack-up"):
        trino_access.present(Settings(home=tmp_path))
    assert not list(doctor._access_rules(Settings(home=tmp_path)))
    monkeypatch.setenv("LAKE_PROFILE", "embedded")
    assert lake(tmp_path, "access", "apply").exit_code == 3


def test_a_file_that_cannot_be_written_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trino_access.os, "replace", full)
    said = lake(home, "access", "apply")
    assert said.exit_code == 5
    assert "rules.json can't be written (No space left on device)" in said.output
    assert {f.name for f in (home / "stack/trino/etc").iterdir()} == {"config.properties", "group.txt", "password.db"}
    assert written(home, "group.txt") == "administrator:root\n"


def test_an_account_that_trino_can_not_be_told_of_is_kept_and_told_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(trino_access.os, "replace", full)
        said = lake(home, "account", "add", "ann", "--role", "analyst", "--password", PASSWORD)
    assert said.exit_code == 5
    assert "(No space left on device)" in said.output
    assert "The account ann is kept; Trino goes by it once `lake access apply` has been run." in said.output
    assert lake(home, "access", "apply").exit_code == 0
    assert written(home, "group.txt") == "administrator:root\nanalyst:ann\n"


def test_whom_trino_still_lets_in_is_removed_by_the_next_try(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    lake(home, "account", "add", "ann", "--role", "analyst", "--password", PASSWORD)
    with monkeypatch.context() as patch:
        patch.setattr(trino_access.os, "replace", full)
        assert lake(home, "account", "remove", "ann").exit_code == 5
    assert lake(home, "account", "remove", "ann").exit_code == 0
    assert "ann:" not in written(home, "password.db")


def test_show_says_what_a_role_sees_of_tables_and_columns(home: Path) -> None:
    assert "gold.readmission" in lake(home, "access", "show", "--role", "operations").output
    patient = lake(home, "access", "show", "--role", "analyst", "lake.silver.patient").output
    assert "pseudonym" in patient
    for arguments in (("--role", "king"), ("--role", "analyst", "silver.nothing")):
        assert lake(home, "access", "show", *arguments).exit_code == 3
