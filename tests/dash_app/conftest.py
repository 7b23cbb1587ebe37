"""Lakes made by hand: declared tables with a few rows each, without Spark."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from catalog.registry import TABLES
from dash_app.data import Ask, Reader
from lakehouse import control
from lakehouse.seal import open_seal
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.sql.moment import Moments

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
LakeOf = Callable[..., Settings]
NONE: Rows = MappingProxyType({})


@pytest.fixture
def lake_of(tmp_path: Path) -> LakeOf:
    """Makes a lake: `lake_of({"gold.readmission": [{…}]}, control={"runs": [{…}]})`; returns its settings.

    Every declared table is there. Columns that a row leaves out are null; tables that are not named are empty.
    """
    count = 0

    def make(rows: Rows = NONE, *, control: Rows = NONE) -> Settings:
        nonlocal count
        count += 1
        settings = Settings(home=tmp_path / f"lake{count}", as_of="2026-01-15")
        fill(settings, rows, control)
        return settings

    return make


@pytest.fixture
def ask_of(lake_of: LakeOf) -> Callable[..., Ask]:
    """Makes a lake and gives what pages ask it with."""
    return lambda rows=NONE, control=NONE: ask_on(lake_of(rows, control=control))


@pytest.fixture(scope="session")
def ask_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ask]:
    """Like `ask_of`, for tests that read only: a lake of the same name is made once, `ask_once("stays", {…})`."""
    made: dict[str, Ask] = {}

    def make(name: str, rows: Rows = NONE, control: Rows = NONE) -> Ask:
        if name not in made:
            settings = Settings(home=tmp_path_factory.mktemp("lake"), as_of="2026-01-15")
            fill(settings, rows, control)
            made[name] = ask_on(settings)
        return made[name]

    return make


def ask_on(settings: Settings) -> Ask:
    """What pages ask the lake of these settings with."""
    return Reader(Moments(settings, 0), open_seal(settings), open_engine(settings)).ask()


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
