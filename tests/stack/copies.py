"""The tables of one lake in another: the same rows for both engines, without Spark."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyiceberg.table import Table

from catalog.registry import TABLES
from lakehouse import control
from lakehouse.profile import control_engine, iceberg_catalog
from lakehouse.settings import Settings

_ROWS_AT_ONCE = 500_000


@dataclass(frozen=True)
class DemoLake:
    """The demo's lake, and its copy on servers."""

    here: Settings
    there: Settings

    def as_service(self, user: str) -> Settings:
        """Those of the copy, asked by one of the stack's own users."""
        return self.there.model_copy(update={"trino_user": user})


def clear(settings: Settings) -> None:
    """Drop all tables and records, so that other tests find an empty lake."""
    catalog = iceberg_catalog(settings)
    for table in TABLES.values():
        if catalog.table_exists(table.name):
            catalog.drop_table(table.name)
    catalog.engine.dispose()
    records = control.open_control(settings)
    with records._engine.begin() as db:
        for made in reversed(control.metadata.sorted_tables):
            db.execute(made.delete())
    records._engine.dispose()


def copy_lake(source: Settings, target: Settings) -> None:
    """Each table with its live rows, in the order in which they stand, and all run records."""
    here, there = iceberg_catalog(source), iceberg_catalog(target)
    for namespace in here.list_namespaces():
        there.create_namespace_if_not_exists(namespace)
        for name in here.list_tables(namespace):
            table = here.load_table(name)
            made = there.create_table(name, table.schema())
            for rows in _rows(table, made):
                made.append(rows)
    here.engine.dispose()
    there.engine.dispose()
    copy_records(source, target)


def copy_records(source: Settings, target: Settings) -> None:
    """All tables of the control database."""
    there = control.open_control(target)
    engine = control_engine(source)
    with engine.connect() as old, there._engine.begin() as new:
        for table in control.metadata.sorted_tables:
            if rows := [dict(row) for row in old.execute(table.select()).mappings()]:
                new.execute(table.insert(), rows)
    engine.dispose()
    there._engine.dispose()


def _rows(table: Table, target: Table) -> Iterator[pa.Table]:
    """The rows a piece at a time, with the types of the target."""
    if table.current_snapshot() is None:
        return
    schema = target.schema().as_arrow()
    waiting: list[pa.RecordBatch] = []
    for batch in table.scan().to_arrow_batch_reader():
        waiting.append(batch)
        if sum(b.num_rows for b in waiting) >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting).cast(schema)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).cast(schema)
