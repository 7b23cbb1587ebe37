"""The embedded engine: DuckDB in this process over the lake's Iceberg files.

Each query gets a connection of its own, which sees the tables that the query names and nothing else, at one moment.
"""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.settings import Settings
from lakehouse.sql import sources
from lakehouse.sql.engine import Person
from lakehouse.sql.problems import explained, nearest, shown
from lakehouse.sql.readonly import LISTING, TableName, check_parameters, prepare

_BATCH_ROWS = 10_000
_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


class EmbeddedEngine:
    """DuckDB over the lake of `settings`; safe to share between threads, for it holds nothing but the settings."""

    def __init__(self, settings: Settings) -> None:
        """Opens nothing yet: a missing lake shows when a query names a table of it."""
        self._settings = settings
        self._closed = False

    def parameters(self, sql: str) -> frozenset[str]:
        """The names that a query leaves open; see SqlEngine."""
        return prepare(sql).parameters

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] = {},
        limit: int | None = None,
        person: Person | None = None,
    ) -> pa.Table:
        """The rows of one query in Trino's dialect; see SqlEngine. Whoever has the files may read all of them."""
        if self._closed:
            raise InputError("this engine is closed: open another with open_engine.")
        if limit is not None and limit < 0:
            raise InputError("a limit cannot be below 0.")
        query = prepare(sql)
        check_parameters(query.parameters, parameters)
        with (
            tempfile.TemporaryDirectory(prefix="lake-sql-") as spill,
            closing(open_connection(self._settings, query.tables, Path(spill))) as connection,
            stopped_after(self._settings.query_seconds, connection),
            explained(),
        ):
            statements = connection.extract_statements(query.sql)
            if len(statements) != 1 or statements[0].type not in _READING:
                raise InputError("only queries can be run here: the engine reads this text as something else.")
            return fetched(connection.execute(statements[0], dict(parameters) or None), limit)

    def close(self) -> None:
        """Refuse further queries."""
        self._closed = True


def fetched(result: duckdb.DuckDBPyConnection, limit: int | None = None) -> pa.Table:
    """The first `limit` rows of what was executed, with Trino's types."""
    kinds = [str(column[1]) for column in result.description]
    reader = result.to_arrow_reader(_BATCH_ROWS)
    return _as_bigint(pa.Table.from_batches(_first(reader, limit), reader.schema), kinds)


@contextmanager
def stopped_after(seconds: int, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupts what the connection computes when the time is up; InputError then."""
    is_done, is_over = threading.Event(), threading.Event()

    def watch() -> None:
        if is_done.wait(seconds):
            return
        is_over.set()
        while not is_done.wait(0.1):  # an interrupt between two batches may stop nothing
            connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if not is_over.is_set():
            raise
        raise InputError(
            f"the query was stopped after {seconds} seconds: ask for fewer rows or tables, or raise LAKE_QUERY_SECONDS."
        ) from None
    finally:
        is_done.set()
        watcher.join()


def _first(reader: pa.RecordBatchReader, limit: int | None) -> Iterator[pa.RecordBatch]:
    """The batches of the first `limit` rows; the rest is never computed where the plan streams."""
    left = limit
    for batch in reader if left != 0 else ():
        yield batch if left is None else batch.slice(0, left)
        if left is not None:
            left -= min(left, batch.num_rows)
            if left == 0:
                return


def _as_bigint(table: pa.Table, kinds: list[str]) -> pa.Table:
    """DuckDB's 128-bit sums and counts as the 64-bit integers that Trino returns; a sum that is larger stays exact."""
    for place, kind in enumerate(kinds):
        if kind == "HUGEINT":
            try:
                column = table.column(place).cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            table = table.set_column(place, table.schema.field(place).with_type(pa.int64()), column)
    return table


def open_connection(settings: Settings, tables: frozenset[TableName], spill: Path) -> duckdb.DuckDBPyConnection:
    """A locked connection with these tables; order matters: open what is needed, then close every door."""
    pointers: dict[TableName, Path] = {}
    control: dict[TableName, pa.Table] = {}
    listed = {table.catalog for table in tables if table.schema == "information_schema"}
    named = {table for table in tables if table.schema != "information_schema"}
    if "lake" in listed or any(table.catalog == "lake" for table in named):
        pointers = sources.lake_pointers(settings)
        _check_known({table for table in named if table.catalog == "lake"}, set(pointers))
    if "control" in listed or any(table.catalog == "control" for table in named):
        everything = sources.control_tables(settings)
        wanted = {table for table in named if table.catalog == "control"}
        _check_known(wanted, set(everything))
        control = sources.control_tables(settings, [table.name for table in wanted])
    columns = {table: sources.lake_columns(table, pointers[table]) for table in pointers} if "lake" in listed else {}
    if "control" in listed:
        columns |= {table: sources.control_columns(data) for table, data in everything.items()}

    lake = {table: pointers[table] for table in named if table.catalog == "lake"}
    connection = duckdb.connect(":memory:", config=_config(settings, spill))
    try:
        if lake:
            _load_extensions(connection)  # most of the time that a small query takes
        for catalog in ("lake", "control", LISTING):
            connection.execute(f"ATTACH ':memory:' AS {catalog}")
        _lock(connection, [sources.table_folder(path) for path in lake.values()])
        _create_views(connection, lake)
        for table, data in control.items():
            _create_table(connection, table, data)
        for table, data in _listing(listed, columns).items():
            _create_table(connection, table, data)
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def _config(settings: Settings, spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,  # a table name must never find a Python variable
        "temp_directory": str(spill),
        "integer_division": True,  # as in Trino, 5 / 2 is 2
    }
    return config | ({"threads": settings.cores} if settings.cores else {})


def _load_extensions(connection: duckdb.DuckDBPyConnection) -> None:
    """The packaged extensions by path: nothing is downloaded."""
    for name in ("avro", "iceberg"):
        path = files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        try:
            connection.execute(f"LOAD {_text(str(path))}")
        except duckdb.Error:
            raise EnvironmentFailed(
                f"DuckDB {duckdb.__version__} cannot load its {name} extension: install duckdb-extension-{name} "
                "of the same version."
            ) from None


def _lock(connection: duckdb.DuckDBPyConnection, folders: list[Path]) -> None:
    """From here on the connection reads the folders of the query's tables and no other file; there is no way back."""
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET allowed_directories = [{', '.join(_text(f'{folder}/') for folder in folders)}]")
    connection.execute("SET enable_external_access = false")


def _create_views(connection: duckdb.DuckDBPyConnection, lake: Mapping[TableName, Path]) -> None:
    for table, metadata in lake.items():
        _create_schema(connection, table)
        try:
            connection.execute(f"CREATE VIEW {_quoted(table)} AS SELECT * FROM iceberg_scan({_text(str(metadata))})")  # noqa: S608
        except duckdb.Error:
            raise InputError(sources.unreadable(table)) from None


def _create_table(connection: duckdb.DuckDBPyConnection, table: TableName, data: pa.Table) -> None:
    _create_schema(connection, table)
    connection.register("carried_over", data)
    connection.execute(f"CREATE TABLE {_quoted(table)} AS SELECT * FROM carried_over")  # noqa: S608
    connection.unregister("carried_over")


def _create_schema(connection: duckdb.DuckDBPyConnection, table: TableName) -> None:
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_name(table.catalog)}.{_name(table.schema)}")


def _listing(catalogs: set[str], columns: Mapping[TableName, list[sources.ColumnInfo]]) -> dict[TableName, pa.Table]:
    """The information schema of each catalog: which tables there are, and their columns with Trino's types."""
    listing: dict[TableName, pa.Table] = {}
    for catalog in catalogs:
        tables = sorted(table for table in columns if table.catalog == catalog)
        schemas = sorted({table.schema for table in tables})
        listing[TableName(LISTING, catalog, "schemata")] = _texts(
            ["catalog_name", "schema_name"], [(catalog, schema) for schema in schemas]
        )
        listing[TableName(LISTING, catalog, "tables")] = _texts(
            ["table_catalog", "table_schema", "table_name", "table_type"],
            [(catalog, table.schema, table.name, "BASE TABLE") for table in tables],
        )
        rows = [(table, place, column) for table in tables for place, column in enumerate(columns[table], start=1)]
        described = _texts(
            ["table_catalog", "table_schema", "table_name", "column_name", "is_nullable", "data_type", "comment"],
            [(catalog, t.schema, t.name, c.name, "YES" if c.nullable else "NO", c.type, c.comment) for t, _, c in rows],
        )
        places = pa.array([place for _, place, _ in rows], pa.int64())
        listing[TableName(LISTING, catalog, "columns")] = described.add_column(4, "ordinal_position", places)
    return listing


def _texts(names: list[str], rows: list[tuple[str | None, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], names=names)


def _check_known(wanted: set[TableName], known: set[TableName]) -> None:
    for table in sorted(wanted - known):
        hint = nearest(str(table), [str(name) for name in sorted(known)], "SHOW TABLES lists what there is.")
        raise InputError(f"there is no table {shown(str(table))}; {hint}")


def _quoted(table: TableName) -> str:
    return f"{_name(table.catalog)}.{_name(table.schema)}.{_name(table.name)}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
