"""Lakes made by hand: declared tables with a few rows each, without Spark."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from catalog.registry import TABLES
from dash_app.data import Ask, Reader
from lakehouse import control
from lakehouse.seal import open_seal
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.sql.moment import open_moments

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
NONE: Rows = MappingProxyType({})


def ask_on(settings: Settings) -> Ask:
    """What pages ask the lake of these settings with."""
    return Reader(open_moments(settings, 0), open_seal(settings), open_engine(settings)).ask()


def fill(settings: Settings, rows: Rows, records: Rows) -> None:
    """Writes the tables and the control database."""
    db = control.open_control(settings)
    catalog = SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_db}", warehouse=settings.warehouse.as_uri())
    for unknown in rows.keys() - TABLES.keys():
        raise KeyError(f"{unknown} is not declared")
    for layer in {table.schema_name for table in TABLES.values()}:
        catalog.create_namespace(layer)
    for table in TABLES.values():
        given = rows.get(table.name, ())
        for unknown in {name for row in given for name in row} - {c.name for c in table.columns}:
            raise KeyError(f"{table.name} has no column {unknown}")
        schema = _schema(table.name)
        made = catalog.create_table(table.name, schema)
        if given:
            made.append(pa.Table.from_pylist([dict(row) for row in given], schema))
    catalog.engine.dispose()
    record(db, records)


def record(db: control.Control, records: Rows) -> None:
    """Writes rows of the control database and lets go of it."""
    with db._engine.begin() as connection:
        for name, found in records.items():
            if found:
                connection.execute(control.metadata.tables[name].insert(), [dict(row) for row in found])
    db._engine.dispose()


def ask_records(home: Path, records: Rows = NONE) -> Ask:
    """What pages ask a lake with that has run records and no table: much quicker to make, enough for pages on runs."""
    settings = Settings(home=home, as_of="2026-01-15")
    record(control.open_control(settings), records)
    return ask_on(settings)


_schemas: dict[str, pa.Schema] = {}


def _schema(name: str) -> pa.Schema:
    """The Arrow schema of a declared table, by way of DuckDB's types."""
    if name not in _schemas:
        columns = ", ".join(f'CAST(NULL AS {c.type.duckdb}) AS "{c.name}"' for c in TABLES[name].columns)
        _schemas[name] = duckdb.sql(f"SELECT {columns}").to_arrow_table().schema
    return _schemas[name]
