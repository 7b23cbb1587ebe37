"""`lake account` and `lake access` on an embedded lake, where a role is kept and not enforced."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from lakehouse.accounts import open_accounts
from lakehouse.settings import Settings
from spark_jobs.cli import main

PASSWORD = "correct horse battery"
pytestmark = pytest.mark.embedded


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def lake(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), *arguments])


def test_an_account_keeps_its_role_with_a_new_password(home: Path) -> None:
    said = lake(home, "account", "add", "ann", "--role", "analyst", "--password", PASSWORD)
    assert "ann may log in as analyst." in said.output
    assert "embedded lake shows all" in said.output
    assert lake(home, "account", "add", "ann", "--password", PASSWORD + "s").exit_code == 0
    account = open_accounts(Settings(home=home)).find("ann")
    assert account
    assert account.role == "analyst"
    assert account.trino_hash is None  # a weaker hash than argon2id is kept only where Trino needs it
    assert "analyst" in lake(home, "account", "list").output


def test_unknown_roles_and_names_of_servers_are_refused(home: Path) -> None:
    said = lake(home, "account", "add", "ann", "--role", "king", "--password", PASSWORD)
    assert said.exit_code == 3
    assert "researcher" in said.output
    assert lake(home, "account", "add", "lake_masks", "--password", PASSWORD).exit_code == 3
    assert not open_accounts(Settings(home=home)).all()


def test_the_stack_asks_for_a_role(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_PROFILE", "stack")
    said = lake(home, "account", "add", "ann", "--password", PASSWORD)
    assert said.exit_code == 3
    assert "--role" in said.output


def test_accounts_of_earlier_versions_stay(home: Path) -> None:
    accounts = open_accounts(Settings(home=home))
    accounts.put("ann", PASSWORD)
    engine = sa.create_engine(f"sqlite:///{home / 'accounts.db'}")
    with engine.begin() as db:
        for name in ("role", "trino_hash"):
            db.execute(sa.text(f"ALTER TABLE accounts DROP COLUMN {name}"))
    found = open_accounts(Settings(home=home)).log_in("ann", PASSWORD)
    assert found
    assert found.role is None


def test_what_a_role_sees_is_shown(home: Path) -> None:
    said = lake(home, "access", "show", "--role", "researcher", "silver.patient").output
    assert next(line for line in said.splitlines() if line.startswith("family_name")).split()[-1] == "null"
    assert "pseudonym" in next(line for line in said.splitlines() if line.startswith("patient_id"))
    assert "bronze.fhir_resource" not in lake(home, "access", "show", "--role", "analyst").output
    assert lake(home, "access", "show", "--role", "king").exit_code == 3
    assert lake(home, "access", "apply").exit_code == 3
