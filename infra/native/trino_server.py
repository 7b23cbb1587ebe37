"""Trino: one process that plans and works, over TLS and with passwords, for people and for the dashboard."""

import os
from pathlib import Path

import requests
from trino.auth import BasicAuthentication
from trino.dbapi import connect
from trino.exceptions import Error as TrinoError
from trino.exceptions import HttpError

from infra.native import fetch, web
from infra.native.jdk import find_jdk
from infra.native.secret_files import secret
from infra.native.service import Launch, Say, Service
from infra.native.stack import SHARED, Stack, render, write_private
from infra.native.tls import ensure_certificates
from infra.native.trino_files import SERVICE_USERS, write_access
from lakehouse.profile import catalog_database, control_database

NAME = "trino"
_TIMEOUT_SECONDS = 10
_PROBE_USER = SERVICE_USERS[0]
# What is loaded of the fifty plugins of the tarball: each costs time at start and memory. `geospatial` has types that
# the PostgreSQL connector asks for.
PLUGINS = ("iceberg", "postgresql", "geospatial", "password-authenticators", "resource-group-managers")
_TEMPLATES = SHARED / "templates" / NAME


def trino(stack: Stack) -> Service:
    """The SQL engine for people."""
    return Service(
        name=NAME,
        ports=(stack.trino,),
        install=lambda say: _install(stack, say),
        prepare=lambda: _prepare(stack),
        is_ready=lambda: _is_ready(stack),
        needs=("postgres", "minio"),
        seconds=120,
    )


def _is_ready(stack: Stack) -> bool:
    """Whether a query is answered: after its start Trino takes a moment to count itself among its workers."""
    authority = stack.folder / "tls" / "ca.pem"
    if web.ask(f"https://{stack.trino}/v1/info", authority).get("starting") is not False:
        return False
    with requests.Session() as session:
        session.trust_env = False  # no proxy, and REQUESTS_CA_BUNDLE would take the place of our own authority
        session.verify = str(authority)
        connection = connect(  # type: ignore[no-untyped-call]
            host=stack.trino.host,
            port=stack.trino.port,
            http_scheme="https",
            user=_PROBE_USER,
            auth=BasicAuthentication(_PROBE_USER, secret(stack, f"trino-{_PROBE_USER}")),
            http_session=session,
            source="carelake-native",
            max_attempts=1,
            request_timeout=_TIMEOUT_SECONDS,
        )
        try:
            return bool(connection.cursor().execute("SELECT 1").fetchall() == [[1]])
        except (TrinoError, HttpError, requests.RequestException):
            return False


def _install(stack: Stack, say: Say) -> None:
    java = find_jdk(int(stack.versions["TRINO_JAVA"]))
    say(f"Java {java.version} of {java.source}")
    fetch.fetch_trino(stack, say)


def _prepare(stack: Stack) -> Launch:
    folder, home = stack.state(NAME), fetch.trino_home(stack)
    etc, data, plugins = folder / "etc", folder / "data", folder / "plugin"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    plugins.mkdir(exist_ok=True)
    for name in PLUGINS:
        link = plugins / name
        link.unlink(missing_ok=True)
        link.symlink_to(home / "plugin" / name)
    ensure_certificates(stack.folder / "tls", [stack.trino.host])
    write_configuration(
        stack,
        etc,
        {
            "etc": etc,
            "data": data,
            "plugins": plugins,
            "tls": stack.folder / "tls",
            "bind": stack.trino.ip,
            "advertised": stack.trino.ip,
            "port": stack.trino.port,
            "postgres": stack.postgres,
            "s3": stack.settings.s3,
        },
    )
    java = find_jdk(int(stack.versions["TRINO_JAVA"]))
    node = _properties((etc / "node.properties").read_text(encoding="utf-8"))
    command = [
        str(java.executable),
        *(etc / "jvm.config").read_text(encoding="utf-8").split(),
        *(f"-D{name}={value}" for name, value in node.items()),
        f"-Dconfig={etc / 'config.properties'}",
        f"-Dlog.levels-file={etc / 'log.properties'}",
        "-cp",
        f"{home / 'lib'}/*",
        "io.trino.server.TrinoServer",
    ]
    environment = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "HOME": str(folder)}
    return Launch(command, environment, folder)


def write_configuration(stack: Stack, etc: Path, places: dict[str, object]) -> None:
    """Fill every template of Trino, and write rules and people; `places` says where its parts are to be found."""
    values: dict[str, object] = {
        **places,
        "heap": stack.sizes["TRINO_HEAP"],
        "query_memory": stack.sizes["TRINO_QUERY_MEMORY"],
        "catalog_database": catalog_database(stack.settings),
        "control_database": control_database(stack.settings),
        "warehouse": f"s3://{stack.settings.bucket}/{stack.settings.name}",
        "s3_region": stack.settings.s3_region,
        "shared_secret": secret(stack, "trino-internal"),
        "postgres_password": secret(stack, "postgres-lake_trino"),
        "s3_password": secret(stack, "minio-lake_trino"),
    }
    for template in sorted(p for p in _TEMPLATES.rglob("*") if p.is_file()):
        name = template.relative_to(_TEMPLATES)
        write_private(etc / name, render(f"{NAME}/{name}", **values))
    write_access(stack, etc)


def _properties(text: str) -> dict[str, str]:
    return {
        name.strip(): value.strip() for name, _, value in (line.partition("=") for line in text.splitlines()) if name
    }
