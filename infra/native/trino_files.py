"""Trino's files of people: who may log in, with which password, and in which role."""

import getpass
import hashlib
import secrets
from pathlib import Path

from infra.native.secret_files import secret
from infra.native.stack import Stack, write_private
from lakehouse.accounts import trino_hash
from lakehouse.errors import EnvironmentFailed
from lakehouse.trino_access import Access, undeclared, wanted

ADMINISTRATOR = "administrator"
SERVICE_USERS = ("lake_dashboard",)


def write_access(stack: Stack, etc: Path) -> None:
    """Bring rules, passwords and groups up to date: those of accounts, of services and of who starts the stack."""
    write_people(stack, etc)
    files = {name: "".join(f"{line}\n" for line in _lines(etc / name)) for name in ("group.txt", "password.db")}
    now = Access(etc, {"rules.json": "", **files})
    try:
        unknown = undeclared(stack.settings)
    except EnvironmentFailed:
        unknown = {}  # Docker's configuration is written before its servers run; `lake access apply` looks again
    for name, text in wanted(stack.settings, now, unknown).files.items():
        write_private(etc / name, text)


def operator(stack: Stack) -> str:
    """The user of Trino named like the one who starts the stack."""
    return stack.settings.trino_user or getpass.getuser()


def write_people(stack: Stack, etc: Path) -> None:
    """Bring `password.db` and `group.txt` up to date with the secrets; lines of other people stay as they are."""
    users = {user: secret(stack, f"trino-{user}") for user in (*SERVICE_USERS, operator(stack))}
    file = etc / "password.db"
    known = dict(line.partition(":")[::2] for line in _lines(file))
    for user, password in users.items():
        if not matches(password, known.get(user, "")):
            known[user] = trino_hash(password)
    write_private(file, "".join(f"{user}:{said}\n" for user, said in known.items()))

    groups = etc / "group.txt"
    members = {name: set(filter(None, said.split(","))) for name, _, said in (g.partition(":") for g in _lines(groups))}
    if not any(operator(stack) in people for people in members.values()):
        members.setdefault(ADMINISTRATOR, set()).add(operator(stack))
    write_private(groups, "".join(f"{name}:{','.join(sorted(people))}\n" for name, people in members.items()))


def matches(password: str, said: str) -> bool:
    """Whether a line of that file is of this password."""
    rounds, _, rest = said.partition(":")
    salt, _, digest = rest.partition(":")
    try:
        return secrets.compare_digest(_pbkdf2(password, bytes.fromhex(salt), int(rounds)), digest)
    except ValueError:
        return False  # bcrypt, or no line at all


def _pbkdf2(password: str, salt: bytes, rounds: int) -> str:
    return hashlib.pbkdf2_hmac("sha1", password.encode(), salt, rounds).hex()  # the one that Trino tries


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split() if file.exists() else []
