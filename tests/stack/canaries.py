"""A lake whose every cell can be told, and a person in each role who asks Trino about it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests
import trino
from pyiceberg import types as t
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from trino.auth import BasicAuthentication

from catalog.model import Column, Table, Tag
from catalog.registry import TABLES
from lakehouse import trino_access
from lakehouse.accounts import open_accounts
from lakehouse.control import open_control
from lakehouse.profile import iceberg_catalog
from lakehouse.settings import Settings

ROLES = ("administrator", "compliance_officer", "engineer", "analyst", "clinician", "operations", "researcher")
PASSWORD = "correct horse battery"
OPEN, GONE = "seen", "deleted"  # two rows a table: a live one, and one that was deleted or settled
BORN, CARE = date(1907, 3, 14), datetime(2021, 5, 17, 13, 37, 11, tzinfo=UTC)


def canary(table: Table, column: Column, row: str) -> str:
    """A text that stands in one cell of the lake: `CANARY-<tag>-…`; ids of people are the same in all tables."""
    if column.tag is Tag.SUBJECT:
        return f"CANARY-subject-{row}"
    return f"CANARY-{column.tag.value}-{table.name}-{column.name}-{row}"


def value(kind: str, text: str, column: Column) -> Any:
    """A value of the type that can be told: the text where there is any, else fixed dates and numbers."""
    if kind.startswith("array<"):
        return [value(kind[len("array<") : -1], text, column)]
    if kind.startswith("struct<"):
        return {name: value(part, text if _is_id(name, column) else "part", column) for name, part in _fields(kind)}
    if kind.startswith("decimal"):
        return Decimal("4711.0000")
    years = 113 if column.unit == "a" else 4711
    return {
        "text": "90210-1234" if column.name.endswith("postal_code") else text,
        "binary": text.encode(),
        "boolean": text.endswith(GONE),
        "integer": years,
        "long": 4711,
        "double": float(years),
        "date": BORN if column.name == "birth_on" else CARE.date(),
        "timestamp": CARE,
    }[kind]


def _is_id(part: str, column: Column) -> bool:
    """Whether a part of a record carries what the column's tag is for: of linking ones, the ids alone."""
    return column.tag is not Tag.LINKING or part == "value" or part.endswith(("_id", "_reference", "_key"))


def _fields(kind: str) -> list[tuple[str, str]]:
    """Names and types of a struct's fields."""
    found, depth, start, inner = [], 0, 0, kind[len("struct<") : -1]
    for place, letter in enumerate(inner + ","):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "," and not depth:
            name, _, said = inner[start:place].partition(": ")
            found.append((name.strip(), said))
            start = place + 1
    return found


@dataclass(frozen=True)
class World:
    """A stack with a person in each role; `ask` gives rows, or the error as text."""

    settings: Settings
    sessions: dict[str, requests.Session] = field(default_factory=dict)

    def ask(self, user: str, sql: str, password: str = PASSWORD, acting_for: str | None = None, **more: Any) -> Any:
        """Rows of a query, or `Refused: …`."""
        session = self.sessions.setdefault(user + password, requests.Session())  # of a connection each, kept open
        session.verify, session.trust_env = str(self.settings.trino_ca_file), False
        host, _, port = self.settings.trino.removeprefix("https://").partition(":")
        try:
            with trino.dbapi.connect(
                host=host,
                port=int(port),
                http_scheme="https",
                auth=BasicAuthentication(user, password),
                http_session=session,
                user=acting_for or user,
                max_attempts=1,
                **more,
            ) as connection:
                return connection.cursor().execute(sql).fetchall()
        except (trino.exceptions.TrinoQueryError, trino.exceptions.HttpError, trino.exceptions.DatabaseError) as error:
            return f"Refused: {error}"

    @property
    def etc(self) -> Path:
        """Trino's folder of configuration."""
        return self.settings.root / "stack" / "trino" / "etc"


def is_refused(answer: Any) -> bool:
    """Whether the access rules refused it: any other failure proves nothing."""
    return isinstance(answer, str) and ("Access Denied" in answer or "PERMISSION_DENIED" in answer)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait till Trino has read its files again, which it does each second."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, what
        threading.Event().wait(0.2)


def make_world(stack: Settings) -> World:
    """Every declared table with two rows, the tables of `control`, and a person in each role."""
    catalog = iceberg_catalog(stack)
    for layer in ("bronze", "silver", "gold", "ops"):
        catalog.create_namespace_if_not_exists(layer)
    for table in TABLES.values():
        _fill(catalog, table)
    control = open_control(stack)
    with control._engine.begin() as db:
        for name, columns in _CONTROL_ROWS.items():
            db.exec_driver_sql(
                f"insert into {name} ({', '.join(columns)}) values ({', '.join(repr(v) for v in columns.values())})"
            )
    accounts = open_accounts(stack)
    for role in ROLES:
        accounts.put(f"one.{role}", PASSWORD, role)
    trino_access.apply(stack)
    made = World(stack)
    until(lambda: made.ask("one.researcher", "select 1") == [[1]], "accounts reach Trino")
    until(lambda: not is_refused(made.ask("one.researcher", "select 1 from lake.gold.person")), "roles reach Trino")
    return made


_CONTROL_ROWS = {
    "run_counts": {"run_id": "r", "batch_id": "b", "source_file": "CANARY-linking-file", "status": "s", "records": 1},
    "quality_results": {
        "run_id": "r", "check_name": "c", "table_name": "t", "level": "fail", "outcome": "pass", "doc": "d",
        "sample_keys": "CANARY-identifying-keys", "checked_at": "2021-05-17",
    },
    "acknowledgements": {
        "command_id": "c", "table_name": "t", "check_name": "c", "note": "CANARY-note", "until_on": "2021-05-17",
    },
}  # fmt: skip


def _fill(catalog: Any, table: Table) -> None:
    """The table with its two rows, in two snapshots; partitioned by a column that identifies, where it has one."""
    kinds = {c.name: c.type.name for c in table.columns}
    schema = Schema(
        *(t.NestedField(i, c.name, _iceberg(c.type.name, i * 1000)) for i, c in enumerate(table.columns, 1))
    )
    live = catalog.create_table(table.name, schema)
    secret = next((c.name for c in table.columns if c.tag is Tag.IDENTIFYING and kinds[c.name] == "text"), None)
    if secret:
        with live.update_spec() as update:
            update.add_identity(secret)
    for row in (OPEN, GONE):
        cells = {c.name: [value(kinds[c.name], canary(table, c, row), c)] for c in table.columns}
        if "resolved_by" in cells and row == OPEN:
            cells["resolved_by"] = [None]
        live.append(pa.Table.from_pydict(cells, schema=schema_to_pyarrow(live.schema())))
    live.manage_snapshots().create_branch(live.current_snapshot().snapshot_id, "side").commit()


def _iceberg(kind: str, field: int) -> Any:
    if kind.startswith("array<"):
        return t.ListType(field + 1, _iceberg(kind[len("array<") : -1], field + 10), element_required=False)
    if kind.startswith("struct<"):
        fields = enumerate(_fields(kind), 2)
        return t.StructType(*(t.NestedField(field + i, n, _iceberg(k, field + i * 50)) for i, (n, k) in fields))
    if kind.startswith("decimal"):
        return t.DecimalType(18, 4)
    return {
        "text": t.StringType(), "boolean": t.BooleanType(), "timestamp": t.TimestamptzType(), "date": t.DateType(),
        "integer": t.IntegerType(), "long": t.LongType(), "double": t.DoubleType(), "binary": t.BinaryType(),
    }[kind]  # fmt: skip


def clear(stack: Settings) -> None:
    """Drop what `make_world` made, so that other tests find an empty lake."""
    catalog = iceberg_catalog(stack)
    for table in TABLES.values():
        catalog.drop_table(table.name)
    accounts = open_accounts(stack)
    for role in ROLES:
        accounts.remove(f"one.{role}")
        trino_access.apply(stack, removed=f"one.{role}")
    with open_control(stack)._engine.begin() as db:
        for name in _CONTROL_ROWS:
            db.exec_driver_sql(f"delete from {name}")
