"""Local accounts: one a person, for the dashboard and for Trino. No query can read their file.

An account has a role (catalog/roles.py). Trino enforces it; an embedded lake keeps it and shows everybody all.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from catalog.roles import ROLES
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.profile import is_on_servers
from lakehouse.settings import Settings

LEAST_LETTERS = 12
_TRIES = 5
_PAUSE = timedelta(minutes=1)
_ROUNDS = 120_000
_OF_SERVICES = "lake_"

ACCOUNTS = "accounts.db"
"""The file of accounts, in LAKE_HOME."""

metadata = sa.MetaData()
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("password_hash", sa.String, nullable=False, comment="argon2id"),
    sa.Column("stamp", sa.String, nullable=False, comment="Sessions carry it; a new password ends them."),
    sa.Column("failures", sa.Integer, nullable=False, default=0, comment="Wrong passwords since the last right one."),
    sa.Column("paused_until", sa.String, comment="No password is tried before."),
    sa.Column("created_at", sa.String, nullable=False),
    sa.Column("role", sa.String, comment="What Trino shows; null: nothing."),
    sa.Column("trino_hash", sa.String, comment="The same password as Trino's file wants it; null where there is none."),
)


@dataclass(frozen=True)
class Account:
    """Who may log in; `stamp` is what a session of it must carry, `role` null where none was given."""

    name: str
    stamp: str
    created_at: str
    role: str | None = None
    trino_hash: str | None = None


class Accounts:
    """The accounts of one lake."""

    def __init__(
        self, engine: sa.Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC), *, for_trino: bool = False
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._for_trino = for_trino
        self._hasher = PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex())
        self._one_at_a_time = threading.Lock()  # guesses side by side would not all be counted, and each costs memory

    def all(self) -> list[Account]:
        """All accounts by name."""
        with self._engine.connect() as db:
            rows = db.execute(sa.select(accounts).order_by(accounts.c.name))
            return [_account(row) for row in rows]

    def find(self, name: str) -> Account | None:
        """The account of that name, or null."""
        with self._engine.connect() as db:
            row = db.execute(sa.select(accounts).where(accounts.c.name == name)).first()
        return None if row is None else _account(row)

    def put(self, name: str, password: str, role: str | None = None) -> None:
        """Add an account, or give it a new password, which ends its sessions; InputError if one won't do.

        Without `role`, an account keeps the one that it has.
        """
        if (
            not name.isascii()
            or not name.replace(".", "").replace("-", "").replace("_", "").isalnum()
            or len(name) > 64
        ):
            raise InputError("A name has letters, digits, dots, - and _, 64 at most.")
        if name.lower().startswith(_OF_SERVICES):
            raise InputError(f"Names that begin with {_OF_SERVICES} are those of servers; take another.")
        if role is not None and role not in ROLES:
            raise InputError(f"There is no role {role!r}; there are {', '.join(ROLES)}.")
        if len(password) < LEAST_LETTERS:
            raise InputError(f"A password has at least {LEAST_LETTERS} characters; a few random words make a good one.")
        values = {
            "password_hash": self._hasher.hash(password),
            "stamp": secrets.token_hex(16),
            "failures": 0,
            "trino_hash": trino_hash(password) if self._for_trino else None,
        } | ({"role": role} if role else {})
        with self._engine.begin() as db:
            found = db.execute(accounts.update().where(accounts.c.name == name).values(paused_until=None, **values))
            if not found.rowcount:
                db.execute(accounts.insert().values(name=name, created_at=self._clock().isoformat(), **values))

    def end_sessions(self, name: str) -> None:
        """Log the account out wherever it is logged in."""
        with self._engine.begin() as db:
            db.execute(accounts.update().where(accounts.c.name == name).values(stamp=secrets.token_hex(16)))

    def remove(self, name: str) -> None:
        """Remove an account, which ends its sessions; InputError if there is none."""
        with self._engine.begin() as db:
            if not db.execute(accounts.delete().where(accounts.c.name == name)).rowcount:
                raise InputError(f"There is no account {name!r}; `lake account list` shows them.")

    def log_in(self, name: str, password: str) -> Account | None:
        """The account if the password is right; null if not, and for a minute after five wrong ones.

        An unknown name takes as long as a wrong password, so that nobody learns which names there are.
        """
        with self._one_at_a_time:
            return self._log_in(name, password)

    def _log_in(self, name: str, password: str) -> Account | None:
        with self._engine.connect() as db:
            row = db.execute(sa.select(accounts).where(accounts.c.name == name)).first()
        paused = row is not None and row.paused_until is not None and row.paused_until > self._clock().isoformat()
        right = self._verify(row.password_hash if row is not None and not paused else self._nobody, password)
        if row is None or paused:
            return None
        failures = 0 if right else row.failures + 1
        until = (self._clock() + _PAUSE).isoformat() if failures and failures % _TRIES == 0 else None
        with self._engine.begin() as db:
            same = accounts.c.name == name
            db.execute(accounts.update().where(same).values(failures=failures, paused_until=until))
        return _account(row) if right else None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _account(row: sa.Row[Any]) -> Account:
    return Account(row.name, row.stamp, row.created_at, row.role, row.trino_hash)


def trino_hash(password: str) -> str:
    """A password as Trino's file of passwords wants it: rounds, salt and PBKDF2 in hexadecimal."""
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, _ROUNDS)  # the one that Trino 476 tries
    return f"{_ROUNDS}:{salt.hex()}:{digest.hex()}"


def _complete(engine: sa.Engine) -> None:
    """Add columns that files of earlier versions lack."""
    known = {column["name"] for column in sa.inspect(engine).get_columns("accounts")}
    with engine.begin() as db:
        for name in {"role", "trino_hash"} - known:
            db.execute(sa.text(f"ALTER TABLE accounts ADD COLUMN {name} VARCHAR"))


def open_accounts(settings: Settings) -> Accounts:
    """The accounts in `HOME/accounts.db`, which only its owner can read; made if need be."""
    path = settings.root / ACCOUNTS
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)
        engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
        metadata.create_all(engine)
        _complete(engine)
    except (OSError, sa.exc.OperationalError) as error:
        raise EnvironmentFailed(f"{path} can't be written: check the folder's permissions.") from error
    return Accounts(engine, for_trino=is_on_servers(settings))
