"""Local accounts: passwords are hashed, guessing is slowed, a new password ends sessions, no query sees them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.accounts import Accounts, open_accounts
from lakehouse.errors import InputError
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine

GOOD = "correct horse battery"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "lake")


def test_a_password_lets_in_and_is_not_kept(settings: Settings) -> None:
    accounts = open_accounts(settings)
    accounts.put("ada", GOOD)
    found = accounts.log_in("ada", GOOD)
    assert found is not None
    assert found.name == "ada"
    assert accounts.log_in("ada", GOOD + "r") is None
    assert accounts.log_in("eve", GOOD) is None
    path = settings.root / "accounts.db"
    assert GOOD.encode() not in path.read_bytes()
    assert b"$argon2id$" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_password_and_a_removal_end_sessions(settings: Settings) -> None:
    accounts = open_accounts(settings)
    accounts.put("ada", GOOD)
    before = accounts.find("ada")
    accounts.put("ada", GOOD + " staple")
    after = accounts.find("ada")
    assert before is not None
    assert after is not None
    assert before.stamp != after.stamp
    assert accounts.log_in("ada", GOOD) is None
    accounts.remove("ada")
    assert accounts.find("ada") is None
    with pytest.raises(InputError, match="There is no account"):
        accounts.remove("ada")


def test_after_five_wrong_tries_not_even_the_right_one_counts_for_a_minute(settings: Settings) -> None:
    time = [datetime(2026, 1, 1, tzinfo=UTC)]
    accounts = Accounts(open_accounts(settings)._engine, lambda: time[0])
    accounts.put("ada", GOOD)
    for _ in range(5):
        assert accounts.log_in("ada", "wrong") is None
    assert accounts.log_in("ada", GOOD) is None
    time[0] += timedelta(seconds=61)
    assert accounts.log_in("ada", GOOD) is not None
    assert accounts.log_in("ada", "wrong") is None
    assert accounts.log_in("ada", GOOD) is not None  # one wrong try does no harm


def test_guesses_side_by_side_are_counted_too(settings: Settings) -> None:
    accounts = open_accounts(settings)
    accounts.put("ada", GOOD)
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(lambda n: accounts.log_in("ada", f"wrong {n}"), range(8)))
    assert accounts.log_in("ada", GOOD) is None


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "../x", "ä", "a\n"])
def test_a_name_is_plain(settings: Settings, name: str) -> None:
    with pytest.raises(InputError, match="A name has letters"):
        open_accounts(settings).put(name, GOOD)


def test_a_short_password_is_refused_and_not_repeated(settings: Settings) -> None:
    with pytest.raises(InputError, match="at least 12") as refused:
        open_accounts(settings).put("ada", "secret")
    assert "secret" not in str(refused.value)


def test_no_query_sees_accounts(settings: Settings) -> None:
    open_accounts(settings).put("ada", GOOD)
    with pytest.raises(InputError):
        open_engine(settings).query("select * from control.public.accounts")
