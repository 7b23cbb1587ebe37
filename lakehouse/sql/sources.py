"""What the embedded engine reads: the Iceberg catalog's pointers and the control database, each as of one moment."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakehouse.errors import InputError
from lakehouse.places import POINTERS, local_path
from lakehouse.settings import Settings
from lakehouse.sql.readonly import TableName

_START = "run `make demo` or `lake ingest` first"


@dataclass(frozen=True)
class ColumnInfo:
    """A column as the information schema shows it; `type` is Trino's name, `comment` is null where there is none."""

    name: str
    type: str
    nullable: bool
    comment: str | None


def lake_pointers(settings: Settings) -> dict[TableName, Path]:
    """Each table of the lake with the file of its current metadata, read in one statement: one moment for all.

    Raises InputError while there is no lake.
    """
    with _reading(settings.catalog_db, f"there is no lake in {settings.root} yet: {_START}.") as connection:
        rows = connection.execute(POINTERS).fetchall()
    files = ((TableName("lake", space.lower(), name.lower()), local_path(location)) for space, name, location in rows)
    return {table: file for table, file in files if file}


def table_folder(metadata_file: Path) -> Path:
    """The folder that holds a table's `metadata` and `data`."""
    return metadata_file.parent.parent


def unreadable(table: TableName) -> str:
    """What to say of a table whose files are lost or broken."""
    return f"the files of {table} cannot be read: see `lake doctor`."


def lake_columns(table: TableName, metadata_file: Path) -> list[ColumnInfo]:
    """The columns of the current schema, in order."""
    try:
        metadata = json.loads(metadata_file.read_bytes())
    except (OSError, ValueError):
        raise InputError(unreadable(table)) from None
    current = metadata["current-schema-id"]
    schema = next(schema for schema in metadata["schemas"] if schema["schema-id"] == current)
    return [
        ColumnInfo(field["name"].lower(), trino_type(field["type"]), not field["required"], field.get("doc"))
        for field in schema["fields"]
    ]


def trino_type(iceberg: str | dict[str, Any]) -> str:
    """Trino's name of an Iceberg type in its JSON form (Iceberg specification, appendix C)."""
    if isinstance(iceberg, dict):
        if iceberg["type"] == "list":
            return f"array({trino_type(iceberg['element'])})"
        if iceberg["type"] == "map":
            return f"map({trino_type(iceberg['key'])}, {trino_type(iceberg['value'])})"
        fields = ", ".join(f"{field['name']} {trino_type(field['type'])}" for field in iceberg["fields"])
        return f"row({fields})"
    simple = {
        "string": "varchar",
        "int": "integer",
        "long": "bigint",
        "float": "real",
        "binary": "varbinary",
        "time": "time(6)",
        "timestamp": "timestamp(6)",
        "timestamptz": "timestamp(6) with time zone",
    }
    if iceberg.startswith("fixed"):
        return "varbinary"
    return simple.get(iceberg, iceberg.replace(" ", ""))


def control_tables(settings: Settings, wanted: Iterable[str] | None = None) -> dict[TableName, pa.Table]:
    """The wanted tables of the control database (None: all, without rows), by small-letter name, in one transaction.

    Raises InputError while there is no control database; a name that it lacks is left out.
    """
    missing = f"there are no run records in {settings.root} yet: {_START}."
    with _reading(settings.control_db, missing) as connection:
        connection.execute("BEGIN")
        names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
        known = {name.lower(): name for (name,) in names if not name.startswith("sqlite_")}
        chosen = known if wanted is None else {name: known[name] for name in wanted if name in known}
        return {
            TableName("control", "public", lower): _control_table(connection, name, rows=wanted is not None)
            for lower, name in chosen.items()
        }


def control_columns(table: pa.Table) -> list[ColumnInfo]:
    """The columns of a control table, in order."""
    return [
        ColumnInfo(field.name, _ARROW_TO_TRINO.get(field.type, "varchar"), field.nullable, None)
        for field in table.schema
    ]


@contextmanager
def _reading(path: Path, missing: str) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, even where file permissions would let it."""
    if not path.is_file():
        raise InputError(missing)
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30, isolation_level=None)
    except sqlite3.Error:
        raise InputError(f"{path} cannot be opened: check its permissions.") from None
    try:
        yield connection
    except sqlite3.Error:
        raise InputError(f"{path} cannot be read as a SQLite database: see `lake doctor`.") from None
    finally:
        connection.close()


def _control_table(connection: sqlite3.Connection, name: str, *, rows: bool) -> pa.Table:
    quoted = '"' + name.replace('"', '""') + '"'
    columns = connection.execute(f"PRAGMA table_info({quoted})").fetchall()
    selected = connection.execute(f"SELECT * FROM {quoted}").fetchall() if rows else []  # noqa: S608
    fields, arrays = [], []
    for place, (_, column, declared, not_null, _, key) in enumerate(columns):
        array = _column([row[place] for row in selected], declared.upper())
        fields.append(pa.field(column, array.type, nullable=not (not_null or key)))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _column(values: list[Any], declared: str) -> pa.Array:
    """The values as the declared type, or as text if SQLite (which does not enforce types) holds something else."""
    kind, convert = next((entry[1:] for entry in _DECLARED if entry[0] in declared), (pa.string(), str))
    try:
        return pa.array([None if value is None else convert(value) for value in values], kind)
    except (ValueError, TypeError, ArithmeticError, pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _instant(value: object) -> datetime:
    moment = datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_INSTANT = pa.timestamp("us", "UTC")
# Part of a declared type -> Arrow type and conversion, first match wins; instants without a zone are UTC.
_DECLARED: tuple[tuple[str, pa.DataType, Any], ...] = (
    ("TIMESTAMP", _INSTANT, _instant),
    ("DATETIME", _INSTANT, _instant),
    ("DATE", pa.date32(), lambda value: date.fromisoformat(str(value))),
    ("BOOL", pa.bool_(), bool),
    ("INT", pa.int64(), int),
    ("FLOAT", pa.float64(), float),
    ("REAL", pa.float64(), float),
    ("DOUBLE", pa.float64(), float),
    ("NUMERIC", pa.decimal128(38, 9), lambda value: Decimal(str(value))),
    ("DECIMAL", pa.decimal128(38, 9), lambda value: Decimal(str(value))),
    ("BLOB", pa.binary(), bytes),
)
_ARROW_TO_TRINO = {
    _INSTANT: "timestamp(6) with time zone",
    pa.date32(): "date",
    pa.bool_(): "boolean",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.decimal128(38, 9): "decimal(38,9)",
    pa.binary(): "varbinary",
}
