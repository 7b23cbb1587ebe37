"""Trino over TLS: the engine of a lake on servers. What somebody may read, Trino's access rules say."""

import getpass
import os
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import requests
from requests.adapters import HTTPAdapter
from trino.auth import BasicAuthentication
from trino.dbapi import Connection

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings
from lakehouse.sql.engine import Person
from lakehouse.sql.readonly import check_parameters
from lakehouse.sql.trino_arrow import as_table
from lakehouse.sql.trino_problems import explained
from lakehouse.sql.trino_text import Statement, statement

_PASSWORD = "LAKE_TRINO_PASSWORD"  # noqa: S105 - the name of a variable
_AT_ONCE = 32


class TrinoEngine:
    """Asks Trino as the user of the settings, or in the name of a person where that user may; safe between threads."""

    def __init__(self, settings: Settings, source: str) -> None:
        """Opens nothing yet. By `source` Trino's resource groups tell queries of pages from those that people write."""
        self._settings = settings
        self._source = source
        self._user = settings.trino_user or getpass.getuser()
        self._adapter = HTTPAdapter(pool_connections=1, pool_maxsize=_AT_ONCE)  # keeps connections open
        self._password = ""
        self._lock = threading.Lock()
        self._closed = False

    def parameters(self, sql: str) -> frozenset[str]:
        """The names that a query leaves open; see SqlEngine."""
        return statement(sql).parameters

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] = {},
        limit: int | None = None,
        person: Person | None = None,
    ) -> pa.Table:
        """The rows of one query; see SqlEngine. Trino applies the rights and masks of the person."""
        if self._closed:
            raise InputError("this engine is closed: open another with open_engine.")
        if limit is not None and limit < 0:
            raise InputError("a limit cannot be below 0.")
        asked = statement(sql)
        check_parameters(asked.parameters, parameters)
        texts = asked.literals | {value for value in parameters.values() if isinstance(value, str) and len(value) > 1}
        user = person.name if person else self._user
        with explained(self._settings, user, texts):
            return _answer(self._cursor(user), asked, parameters, limit)

    def close(self) -> None:
        """Close the connections and refuse further queries."""
        self._closed = True
        self._adapter.close()

    def _cursor(self, user: str) -> Any:
        """A cursor with a session of its own, over connections that all share: a session's headers name the user."""
        place = urlsplit(self._settings.trino)
        session = requests.Session()
        session.mount("https://", self._adapter)
        session.trust_env = False  # REQUESTS_CA_BUNDLE would take the place of our own authority
        session.verify = str(self._settings.trino_ca_file)
        if not self._settings.trino_ca_file.is_file():
            raise EnvironmentFailed(
                f"Trino's certificate authority {self._settings.trino_ca_file} is missing: copy it from the server, "
                "where `make stack-up` makes it, and name it in LAKE_TRINO_CA."
            )
        connection: Any = Connection(
            host=place.hostname or "",
            port=place.port or 443,
            http_scheme="https",  # never a password over a line that others can read
            user=user,
            auth=BasicAuthentication(self._user, self._known_password()),
            http_session=session,
            catalog="lake",
            source=self._source,
            client_tags=[self._source],
            timezone="UTC",
            legacy_primitive_types=True,  # values as they were sent: they become Arrow's, without a detour
            legacy_prepared_statements=False,  # EXECUTE IMMEDIATE: one request
        )
        return connection.cursor(stats_callback=_stopwatch(self._settings.query_seconds))

    def _known_password(self) -> str:
        with self._lock:
            if not self._password:
                self._password = password_of(self._settings, self._user)
            return self._password


def password_of(settings: Settings, user: str) -> str:
    """From the environment, the file of secrets, or the person at the terminal; EnvironmentFailed without one."""
    if password := os.environ.get(_PASSWORD):
        return password
    try:
        return read_secret(settings, f"trino-{user}")
    except EnvironmentFailed:
        if not (sys.stdin and sys.stdin.isatty()) or (settings.secrets_dir / f"trino-{user}").exists():
            raise
        return getpass.getpass(f"Password of {user} for {settings.trino}: ")


def _answer(cursor: Any, asked: Statement, parameters: Mapping[str, object], limit: int | None) -> pa.Table:
    """The rows; what is not wanted any more is cancelled, however this ends."""
    try:
        cursor.execute(asked.sql, asked.values(_bindable(parameters)) or None)
        columns = cursor._query.columns or []  # the driver's own description says nothing of what a row holds
        rows = list(islice(cursor, limit))
    finally:
        _let_go(cursor)
    table = as_table(columns, rows)
    if asked.is_description and "Extra" in table.column_names:  # as the embedded engine describes a table
        table = table.drop_columns(["Extra"])
    return table


def _let_go(cursor: Any) -> None:
    query = cursor._query
    if query is None or query.finished:
        return
    with suppress(Exception):  # nobody waits for it any more: the server gives up on it by itself
        cursor.cancel()


def _stopwatch(seconds: int) -> Any:
    """Looks at the time whenever Trino says how far it is, which is each second also while a query waits in line."""
    end = time.monotonic() + seconds

    def look(_: Mapping[str, Any]) -> None:
        if time.monotonic() > end:
            raise InputError(
                f"the query was stopped after {seconds} seconds: ask for fewer rows or tables, "
                "or raise LAKE_QUERY_SECONDS."
            )

    return look


def _bindable(parameters: Mapping[str, object]) -> dict[str, object]:
    """Instants in UTC, for the driver writes the name of a zone, which Trino need not know."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else value
        for name, value in parameters.items()
    }
