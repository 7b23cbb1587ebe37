"""Trino as the engine: the same text, the same three-part names and the same Arrow types as the embedded one.

What a person may read is decided by Trino's access rules, for each user.
"""

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa
import requests
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token
from trino import exceptions
from trino.auth import BasicAuthentication
from trino.dbapi import Connection, connect

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings
from lakehouse.sql.trino_types import arrow_type

_ASKING = ("SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "EXPLAIN", "(")
_BINDABLE = "a text, number, date, instant, true/false, bytes or null"


class TrinoEngine:
    """Asks the Trino of `settings`; safe to share between threads, for each query has a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._closed = False

    def query(self, sql: str, parameters: Mapping[str, object] = {}, limit: int | None = None) -> pa.Table:
        """The rows of one query; see SqlEngine. Raises EnvironmentFailed where Trino does not answer or let us in."""
        if self._closed:
            raise InputError("this engine is closed: open another with open_engine.")
        if limit is not None and limit < 0:
            raise InputError("a limit cannot be below 0.")
        text, names = bound(sql, parameters)
        connection = self._connection()
        try:
            cursor = connection.cursor()
            cursor.execute(text, [parameters[name] for name in names] or None)
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
            columns = cursor.description or []
            cursor.cancel()
        except exceptions.TrinoUserError as error:
            raise _explained(error, self._settings) from None
        except exceptions.TrinoQueryError as error:
            if error.error_name == "EXCEEDED_TIME_LIMIT":
                raise InputError(
                    f"the query was stopped after {self._settings.query_seconds} seconds: ask for fewer rows or "
                    f"tables, or raise LAKE_QUERY_SECONDS."
                ) from None
            raise EnvironmentFailed(
                f"Trino could not answer ({error.error_name}); `make stack-logs SERVICE=trino` says more."
            ) from None
        except (exceptions.TrinoConnectionError, requests.RequestException, exceptions.HttpError) as error:
            raise self._shut_out(error) from None
        finally:
            connection.close()  # type: ignore[no-untyped-call]
        return table_of(columns, rows)

    def close(self) -> None:
        """Refuse further queries."""
        self._closed = True

    def _connection(self) -> Connection:
        settings = self._settings
        user = settings.trino_user or getpass.getuser()
        scheme, _, address = settings.trino.partition("://")
        host, _, port = address.rpartition(":")
        authority = settings.trino_ca_file
        if scheme == "https" and not authority.is_file():
            raise EnvironmentFailed(f"Trino's certificate authority {authority} is missing; set LAKE_TRINO_CA.")
        session = requests.Session()
        session.trust_env = False  # no proxy, and REQUESTS_CA_BUNDLE would take the place of the lake's own authority
        session.verify = str(authority)
        password = read_secret(settings, f"trino-{user}") if scheme == "https" else None
        made: Connection = connect(  # type: ignore[no-untyped-call]  # the package trino has no types here
            host=host.strip("[]"),
            port=int(port),
            user=user,
            http_scheme=scheme,
            http_session=session,
            auth=BasicAuthentication(user, password) if password else None,
            catalog="lake",
            source="lake-sql",
            session_properties={"query_max_run_time": f"{settings.query_seconds}s"},
            timezone="UTC",
        )
        return made

    def _shut_out(self, error: Exception) -> EnvironmentFailed:
        user = self._settings.trino_user or getpass.getuser()
        if "401" in str(error):
            return EnvironmentFailed(
                f"Trino at {self._settings.trino} does not know {user} with the password in "
                f"{self._settings.secrets_dir / f'trino-{user}'}; set LAKE_TRINO_USER or write the file again."
            )
        return EnvironmentFailed(
            f"Trino at {self._settings.trino} does not answer ({type(error).__name__}); `make stack-status` shows what "
            f"runs."
        )


def bound(sql: str, parameters: Mapping[str, object]) -> tuple[str, list[str]]:
    """The only statement of the text with `?` for each `:name`, and the names in their order; InputError for others."""
    try:
        tokens = sqlglot.tokenize(sql, read="trino")
        trees = [tree for tree in sqlglot.parse(sql, read="trino") if tree]
    except (SqlglotError, RecursionError):
        raise InputError("the query cannot be read: check quotes, commas, brackets and keywords.") from None
    if len(trees) != 1:
        raise InputError(f"one statement at a time: this text holds {len(trees)}.")
    if tokens[0].text.upper() not in _ASKING or (isinstance(trees[0], exp.DML | exp.DDL) and not _is_query(trees[0])):
        raise InputError("only queries can be run here (SELECT, WITH, VALUES, TABLE, SHOW, DESCRIBE, EXPLAIN).")
    text, names, at = "", [], 0
    for colon, name in pairwise(tokens):
        if _is_parameter(colon, name):
            text += sql[at : colon.start] + "?"
            names.append(name.text)
            at = name.end + 1
    text = (text + sql[at:]).rstrip().removesuffix(";")
    if missing := sorted(set(names) - parameters.keys()):
        raise InputError(f"the query's parameter :{missing[0]} has no value: give one.")
    if unused := sorted(parameters.keys() - set(names)):
        raise InputError(f"the query has no parameter :{unused[0]}: remove the value or name it in the text.")
    return text, names


def _is_query(tree: exp.Expr) -> bool:
    return isinstance(tree, exp.Query | exp.Values)


def _is_parameter(colon: Token, name: Token) -> bool:
    return colon.text == ":" and name.start == colon.end + 1 and name.text.isidentifier()


def _explained(error: exceptions.TrinoUserError, settings: Settings) -> InputError:
    """Trino's own words about the text of the query; they quote names, and values only where the query holds them."""
    if error.error_name == "PERMISSION_DENIED":
        user = settings.trino_user or getpass.getuser()
        return InputError(
            f"{user} may not read this ({error.message.removeprefix('Access Denied: ')}); ask for a role."
        )
    return InputError(f"Trino can't answer this: {error.message}.")


def table_of(columns: list[Any], rows: list[Any]) -> pa.Table:
    """The rows that the driver gave, by the types that Trino says its columns have."""
    arrays, names = [], []
    for place, column in enumerate(columns):
        kind = arrow_type(column.type_code)
        arrays.append(pa.array([_value(row[place], kind) for row in rows], kind))
        names.append(column.name)
    return pa.Table.from_arrays(arrays, names=names)


def _value(value: Any, kind: pa.DataType) -> Any:
    """A value as Arrow takes it: instants in UTC, rows as lists of pairs, what has no type of its own as text."""
    if value is None:
        return None
    if pa.types.is_timestamp(kind) and isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    if pa.types.is_list(kind):
        return [_value(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        return {field.name: _value(item, field.type) for field, item in zip(kind, value, strict=True)}
    if pa.types.is_map(kind):
        return [(_value(k, kind.key_type), _value(v, kind.item_type)) for k, v in value.items()]
    return str(value) if pa.types.is_string(kind) else value
