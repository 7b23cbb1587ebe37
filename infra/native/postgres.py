"""PostgreSQL of the distribution: two databases, and a role for each who gets in.

It refuses to run as root. Where root starts the stack, it runs as the distribution's user `postgres`, to whom its
folder is given.
"""

import base64
import hashlib
import hmac
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql

from infra.native.secret_files import secret
from infra.native.service import Launch, Service
from infra.native.stack import Stack, render, write_private
from lakehouse.errors import EnvironmentFailed
from lakehouse.profile import catalog_database, control_database

NAME = "postgres"
ADMIN = "lake_admin"
ROLES = ("lake_etl", "lake_trino", "lake_dashboard")
OLDEST = 14
PSEUDONYM_KEY = "trino-pseudonym-key"
_SYSTEM_USER = "postgres"
_ITERATIONS = 4096  # PostgreSQL's own; the secrets are random, so that more would add nothing


def postgres(stack: Stack) -> Service:
    """The catalog and control databases."""
    return Service(
        name=NAME,
        ports=(stack.postgres,),
        prepare=lambda: _prepare(stack),
        is_ready=lambda: _is_ready(stack),
        provision=lambda: provision(stack),
        # Fast shutdown: sessions are ended and the log is closed, where SIGTERM would wait for clients to leave.
        stop=signal.SIGINT,
    )


def find_programs(wanted: int, places: Iterable[Path] | None = None) -> Path:
    """The folder with `initdb` and `postgres`: of the wanted major version, else of the newest that is new enough."""
    found: dict[int, Path] = {}
    for folder in _places() if places is None else places:
        if (folder / "initdb").exists() and (major := _major(folder / "postgres")) >= OLDEST:
            found.setdefault(major, folder)
    if not found:
        raise EnvironmentFailed(
            f"PostgreSQL {OLDEST} or later was not found in /usr/lib/postgresql, /usr/pgsql-* or on the PATH: install "
            "the server (Debian, Ubuntu: apt install postgresql)."
        )
    return found.get(wanted) or found[max(found)]


def _places() -> list[Path]:
    known = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    on_path = shutil.which("postgres")
    return known + ([Path(on_path).parent] if on_path else [])


def _major(program: Path) -> int:
    with suppress(OSError, subprocess.TimeoutExpired):
        answer = subprocess.run([str(program), "--version"], capture_output=True, text=True, timeout=20)  # noqa: S603
        if match := re.search(r"\) (\d+)", answer.stdout):
            return int(match[1])
    return 0


def _prepare(stack: Stack) -> Launch:
    programs, owner = find_programs(int(stack.versions["POSTGRES_VERSION"])), _owner()
    folder = stack.state(NAME)
    data, etc = folder / "data", folder / "etc"
    etc.mkdir(parents=True, exist_ok=True, mode=0o700)
    if owner:
        stack.folder.chmod(0o711)  # it may go through, not look
        folder.chmod(0o711)
        _check_way(folder, owner)
    places = {"bind": stack.postgres.ip, "port": stack.postgres.port, "etc": etc, "clients": _clients(stack)}
    sizes = {
        "connections": stack.sizes["POSTGRES_CONNECTIONS"],
        "shared_buffers": stack.sizes["POSTGRES_SHARED_BUFFERS"],
    }
    for name in ("postgresql.conf", "pg_hba.conf"):
        write_private(etc / name, render(f"postgres/{name}", **places, **sizes))
    _give(etc, owner)
    _make_cluster(stack, programs, data, owner)
    command = [str(programs / "postgres"), "-D", str(data), "-c", f"config_file={etc / 'postgresql.conf'}"]
    return Launch(command, _environment(), folder, owner)


def _clients(stack: Stack) -> str:
    return "::1/128" if ":" in stack.postgres.ip else "127.0.0.1/32"


def _owner() -> str | None:
    """The user that PostgreSQL runs as where we are root; None: as we are."""
    if os.geteuid():
        return None
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_name
    except KeyError:
        raise EnvironmentFailed(
            f"PostgreSQL refuses to run as root and there is no user `{_SYSTEM_USER}`: install the distribution's "
            "package of the server, or start the stack as another user."
        ) from None


def _check_way(folder: Path, owner: str) -> None:
    """Raise EnvironmentFailed where the user can't get to the folder."""
    for place in reversed(folder.parents):
        if not place.stat().st_mode & stat.S_IXOTH:
            raise EnvironmentFailed(
                f"PostgreSQL runs as the user `{owner}` when root starts it, who may not enter {place}: run "
                f"`chmod o+x {place}`, set LAKE_HOME to another folder, or start the stack as another user than root."
            )


def _give(folder: Path, owner: str | None) -> None:
    if owner:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, owner, pwd.getpwnam(owner).pw_gid)


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}


def _make_cluster(stack: Stack, programs: Path, data: Path, owner: str | None) -> None:
    """Make the data folder if there is none; mend what a lost password of the administrator would lock out."""
    if data.exists():
        made_by = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != str(_major(programs / "postgres")):
            raise EnvironmentFailed(
                f"{data} was made by PostgreSQL {made_by}, which is not installed: install it, or bring the data over "
                "with pg_upgrade."
            )
        if not (stack.settings.secrets_dir / f"postgres-{ADMIN}").exists():
            _reset_administrator(stack, programs, data, owner)
        return
    part = data.with_name("data.part")
    shutil.rmtree(part, ignore_errors=True)  # an interrupted start
    part.mkdir(mode=0o700)
    password = data.with_name("password")
    write_private(password, secret(stack, f"postgres-{ADMIN}"))
    try:
        if owner:
            shutil.chown(part, owner, pwd.getpwnam(owner).pw_gid)
            shutil.chown(password, owner)
        command = [
            str(programs / "initdb"), "-D", str(part), "-U", ADMIN, "--pwfile", str(password), "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums",
        ]  # fmt: skip
        _run(command, owner, data.parent)
    finally:
        password.unlink()
    part.rename(data)


def _reset_administrator(stack: Stack, programs: Path, data: Path, owner: str | None) -> None:
    verifier = scram(secret(stack, f"postgres-{ADMIN}"))
    command = [str(programs / "postgres"), "--single", "-D", str(data), "postgres"]
    _run(command, owner, data.parent, f"ALTER ROLE {ADMIN} PASSWORD '{verifier}'\n")


def _run(command: list[str], owner: str | None, folder: Path, given: str = "") -> None:
    group = pwd.getpwnam(owner).pw_gid if owner else None
    ended = subprocess.run(  # noqa: S603 - PostgreSQL's own programs
        command,
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(),
        cwd=folder,
        user=owner,
        group=group,
        extra_groups=[] if owner else None,
    )
    if ended.returncode:
        said = (ended.stderr.strip() or ended.stdout.strip() or "it says nothing").splitlines()
        raise EnvironmentFailed(f"{Path(command[0]).name} failed ({said[-1]}): check the disk and who owns {folder}.")


def scram(password: str) -> str:
    """What PostgreSQL stores of a password (RFC 5802): given this, it never sees the password, nor does its log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    client, server = (hmac.digest(salted, f"{side} Key".encode(), "sha256") for side in ("Client", "Server"))
    stored = hashlib.sha256(client).digest()
    parts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{parts[0]}${parts[1]}:{parts[2]}"


def _connect(stack: Stack, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=stack.postgres.host,
        port=stack.postgres.port,
        user=ADMIN,
        password=secret(stack, f"postgres-{ADMIN}"),
        dbname=database,
        connect_timeout=3,
        autocommit=True,
    )


def _is_ready(stack: Stack) -> bool:
    try:
        _connect(stack).close()
    except psycopg.OperationalError as error:
        return "authentication failed" in str(error)  # it answers; `provision` says what is wrong
    return True


def provision(stack: Stack) -> None:
    """Make roles, databases and grants, or bring them to what they should be; passwords are those of the secrets."""
    try:
        databases = (catalog_database(stack.settings), control := control_database(stack.settings))
        with _connect(stack) as connection:
            for role in ROLES:
                _make_role(connection, role, scram(secret(stack, f"postgres-{role}")))
            for database in databases:
                if not _has(connection, "SELECT 1 FROM pg_database WHERE datname = %s", database):
                    make = sql.SQL("CREATE DATABASE {} OWNER lake_etl")
                    connection.execute(make.format(sql.Identifier(database)))
            connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        for database in databases:
            with _connect(stack, database) as connection:
                connection.execute(render("postgres/database.sql", database=database).encode())
                if database == control:
                    connection.execute(render("postgres/control.sql").encode())
                    connection.execute(render("postgres/masks.sql").encode())
                    _keep_pseudonym_key(connection, secret(stack, PSEUDONYM_KEY))
    except psycopg.OperationalError as error:
        raise EnvironmentFailed(
            f"PostgreSQL at {stack.postgres} does not let {ADMIN} in: is the secret postgres-{ADMIN} that of this data "
            "folder? Put the old one back, or stop the stack, remove the file and start it again."
        ) from error


def _keep_pseudonym_key(connection: "psycopg.Connection[tuple[object, ...]]", key: str) -> None:
    """Put the key where Trino's masks ask for it; another key means other pseudonyms, in all tables at once."""
    said = sql.SQL("INSERT INTO masks.pseudonym (key) VALUES ({}) ON CONFLICT (one) DO UPDATE SET key = EXCLUDED.key")
    connection.execute(said.format(sql.Literal(key.encode())))


def _make_role(connection: "psycopg.Connection[tuple[object, ...]]", role: str, verifier: str) -> None:
    verb = "ALTER" if _has(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", role) else "CREATE"
    said = sql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}")
    connection.execute(said.format(sql.Identifier(role), sql.Literal(verifier)))
    if role == "lake_trino":  # a second lock beside its grants
        connection.execute("ALTER ROLE lake_trino SET default_transaction_read_only = on")


def _has(connection: "psycopg.Connection[tuple[object, ...]]", question: str, name: str) -> bool:
    return connection.execute(question, (name,)).fetchone() is not None
