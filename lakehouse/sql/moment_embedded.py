"""Moments of the embedded engine: one state of the lake held open, many small questions answered in milliseconds.

The engine of `open_engine` opens the lake for each query, with the tables that it names and nothing else: right for
what people write. Here only queries that ship are asked, on a connection that sees the whole lake.
"""

import hashlib
import json
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from lakehouse.errors import InputError
from lakehouse.settings import Settings
from lakehouse.sql import sources
from lakehouse.sql.embedded import fetched, open_connection, stopped_after
from lakehouse.sql.engine import Person
from lakehouse.sql.moment import TableState, not_there, prepared, short, tables_of
from lakehouse.sql.problems import explained
from lakehouse.sql.readonly import TableName, check_parameters


@dataclass(frozen=True)
class EmbeddedMoment:
    """The lake at one moment, the same for everybody: see Moment."""

    version: str
    tables: Mapping[str, TableState]
    _connection: duckdb.DuckDBPyConnection = field(repr=False)
    _known: frozenset[TableName] = field(repr=False)
    _query_seconds: int
    scope: str = ""

    def query(self, name: str, parameters: Mapping[str, object] = {}) -> pa.Table:
        """The answer of a query that ships; see Moment."""
        query = prepared(name)
        for table in sorted(query.tables - self._known):
            raise InputError(not_there(short(table)))
        check_parameters(query.parameters, parameters)
        with self._connection.cursor() as cursor, stopped_after(self._query_seconds, cursor), explained():
            return fetched(cursor.execute(query.sql, dict(parameters) or None))

    def reads(self, name: str) -> frozenset[str]:
        """The tables that a query reads; see Moment."""
        return tables_of(name)


class EmbeddedMoments:
    """Gives the newest moment; the lake is opened again only once something in it has changed."""

    def __init__(self, settings: Settings, every_seconds: float = 2.0) -> None:
        """Opens nothing yet; it looks for changes at most every so many seconds."""
        self.settings = settings
        self._every = every_seconds
        self._lock = threading.Lock()
        self._moment: EmbeddedMoment | None = None
        self._looked = 0.0

    def look_again(self) -> None:
        """Let the next moment be as of then: something was changed from here."""
        with self._lock:
            self._looked = float("-inf")

    def now(self, person: Person | None = None) -> EmbeddedMoment:
        """The newest moment; a lake that is not there yet has no tables. Everybody sees the same."""
        with self._lock:
            if self._moment is not None and time.monotonic() - self._looked < self._every:
                return self._moment
            pointers = _pointers(self.settings)
            version = _version(self.settings, pointers)
            if self._moment is None or self._moment.version != version:
                self._moment = _open(self.settings, pointers, version)
            self._looked = time.monotonic()
            return self._moment


def _pointers(settings: Settings) -> dict[TableName, Path]:
    return sources.lake_pointers(settings) if settings.catalog_db.exists() else {}


def _version(settings: Settings, pointers: Mapping[TableName, Path]) -> str:
    """A hash of where each table stands, of when the control database was last written, and of the day."""
    seen = [f"{table}={path}" for table, path in sorted(pointers.items())]
    seen.append(f"{datetime.now(UTC):%Y-%m-%d}")  # "today" is a part of some answers
    for path in (settings.control_db, settings.control_db.with_name(settings.control_db.name + "-wal")):
        # Reading makes an empty log and removes it again: that is no change.
        if path.exists() and path.stat().st_size:
            seen.append(f"{path.name}={path.stat().st_mtime_ns}:{path.stat().st_size}")
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16]


def _open(settings: Settings, pointers: Mapping[TableName, Path], version: str) -> EmbeddedMoment:
    control = sources.control_tables(settings) if settings.control_db.exists() else {}
    spill = tempfile.TemporaryDirectory(prefix="lake-moment-")
    known = frozenset([*pointers, *control])
    connection = open_connection(settings, known, Path(spill.name))
    states = [_state(table, path) for table, path in pointers.items()]
    tables = {state.name: state for state in states}
    moment = EmbeddedMoment(version, tables, connection, known, settings.query_seconds)
    # Whoever still asks an older moment keeps it alive; the last one to let go closes it.
    weakref.finalize(moment, _close, connection, spill)
    return moment


def _close(connection: duckdb.DuckDBPyConnection, spill: tempfile.TemporaryDirectory[str]) -> None:
    connection.close()
    spill.cleanup()


def _state(table: TableName, metadata_file: Path) -> TableState:
    try:
        metadata = json.loads(metadata_file.read_bytes())
    except (OSError, ValueError):
        raise InputError(sources.unreadable(table)) from None
    current = metadata.get("current-snapshot-id")
    snapshot = next((s for s in metadata.get("snapshots", ()) if s["snapshot-id"] == current), None)
    if snapshot is None:
        return TableState(short(table), None, None, None, None)
    said = snapshot.get("summary", {})
    rows, size = said.get("total-records"), said.get("total-files-size")
    return TableState(
        short(table),
        int(snapshot["snapshot-id"]),
        datetime.fromtimestamp(snapshot["timestamp-ms"] / 1000, UTC),
        None if rows is None else int(rows),
        None if size is None else int(size),
    )
