"""The lake at one moment: what the catalog points to, and a transaction on the control database as it was then.

No lock is taken, so a backup neither waits for a run nor stops one. The pointers are read, a transaction with a view of
its own is begun on the control database, the pointers are read again: where they are the same (no metadata file is ever
named twice), all three are of one moment. It is the moment at which every process might as well have been killed, and
from there a lake goes on by itself.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from lakehouse import profile
from lakehouse.errors import Conflict
from lakehouse.settings import Settings

_TRIES = 50

catalog_metadata = sa.MetaData()
iceberg_tables = sa.Table(
    "iceberg_tables",
    catalog_metadata,
    sa.Column("catalog_name", sa.String(255), primary_key=True),
    sa.Column("table_namespace", sa.String(255), primary_key=True),
    sa.Column("table_name", sa.String(255), primary_key=True),
    sa.Column("metadata_location", sa.String(1000)),
    sa.Column("previous_metadata_location", sa.String(1000)),
    sa.Column("iceberg_type", sa.String(5)),
)
iceberg_namespaces = sa.Table(
    "iceberg_namespace_properties",
    catalog_metadata,
    sa.Column("catalog_name", sa.String(255), primary_key=True),
    sa.Column("namespace", sa.String(255), primary_key=True),
    sa.Column("property_key", sa.String(255), primary_key=True),
    sa.Column("property_value", sa.String(1000)),
)
"""The tables of Iceberg's JDBC catalog, version V1."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Pointers:
    """All rows of the catalog."""

    tables: tuple[Row, ...] = ()
    namespaces: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Moment:
    """`control` is None where there is no control database yet."""

    pointers: Pointers
    control: sa.Connection | None


def read_pointers(settings: Settings) -> Pointers:
    """What the catalog says now; nothing where there is no catalog."""
    if not profile.has_catalog(settings):
        return Pointers()
    engine = profile.catalog_engine(settings)
    try:
        with engine.connect() as db:
            tables, namespaces = (_rows(db, t) for t in (iceberg_tables, iceberg_namespaces))
    finally:
        engine.dispose()
    return Pointers(tables, namespaces)


def _rows(db: sa.Connection, table: sa.Table) -> tuple[Row, ...]:
    if not sa.inspect(db).has_table(table.name):
        return ()
    return tuple(dict(row) for row in db.execute(sa.select(table).order_by(*table.primary_key)).mappings())


@contextmanager
def moment(settings: Settings) -> Iterator[Moment]:
    """One moment of the lake; the control database can be read as of it until the end of the block."""
    for _ in range(_TRIES):
        with ExitStack() as stack:
            before = read_pointers(settings)
            has_control = profile.has_control(settings)
            control = stack.enter_context(_view(settings)) if has_control else None
            if read_pointers(settings) == before:
                yield Moment(before, control)
                return
    raise Conflict("Tables change too fast to catch one moment of them; wait for the run to end and back up again.")


@contextmanager
def _view(settings: Settings) -> Iterator[sa.Connection]:
    """A connection that sees the control database as it is now, whatever others write."""
    engine = profile.control_engine(settings)
    try:
        with engine.connect() as db:
            if db.dialect.name == "sqlite":
                db.exec_driver_sql("BEGIN")  # the driver begins none for a query
            else:
                db = db.execution_options(isolation_level="REPEATABLE READ")
            db.exec_driver_sql("SELECT count(*) FROM runs")  # the first query is what fixes the view
            yield db
            db.rollback()
    finally:
        engine.dispose()
