"""Moments of a lake on servers: Trino answers, in the name of who looks at the page; PostgreSQL says what has changed.

Trino has no transaction over several queries, so a moment does not hold a state open. A query that is asked while a
run publishes may already show what comes next; the version that follows asks everything again.
"""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from lakehouse.errors import InputError
from lakehouse.places import POINTERS
from lakehouse.profile import catalog_engine, control_engine, unreachable
from lakehouse.settings import Settings
from lakehouse.sql.engine import DASHBOARD, Person, SqlEngine, open_engine
from lakehouse.sql.moment import UNTOLD, TableState, not_there, tables_of
from lakehouse.sql.queries import named_query
from lakehouse.sql.trino_problems import NoRight

_HAS_POINTERS = sa.text("SELECT to_regclass('iceberg_tables') IS NOT NULL")
_SERVER_MOVED = sa.text("SELECT pg_current_snapshot()::text")
_RECORDS = sa.text(
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND has_table_privilege(oid, 'SELECT') ORDER BY relname"
)
_AT_ONCE = 4


@dataclass(frozen=True)
class _State:
    """Where each table of the lake stands, how the tables of records have changed, and a hash of both and the day."""

    version: str
    pointers: Mapping[str, str]
    records: frozenset[str]


@dataclass(frozen=True)
class TrinoMoment:
    """The lake as a person sees it now: see Moment."""

    version: str
    tables: Mapping[str, TableState]
    person: Person | None
    _engine: SqlEngine = field(repr=False)
    _known: frozenset[str] = field(repr=False)

    @property
    def scope(self) -> str:
        """The person as they are now: what Trino shows is kept for nobody else, nor for an earlier role; see Moment."""
        return f"{self.person.name}:{self.person.stamp}" if self.person else ""

    def query(self, name: str, parameters: Mapping[str, object] = {}) -> pa.Table:
        """The answer of a query that ships; see Moment."""
        for table in sorted(tables_of(name) - self._known):
            raise InputError(not_there(table))
        return self._engine.query(named_query(name), parameters, person=self.person)

    def reads(self, name: str) -> frozenset[str]:
        """The tables that a query reads; see Moment."""
        return tables_of(name)


class TrinoMoments:
    """Gives the newest moment of a lake on servers; see Moments."""

    def __init__(self, settings: Settings, every_seconds: float = 2.0) -> None:
        """Opens nothing yet; it looks for changes at most every so many seconds."""
        self.settings = settings
        self._every = every_seconds
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._watch: _Watch | None = None
        self._engine = open_engine(settings, DASHBOARD)
        self._states = _States(self._engine)
        self._state: _State | None = None
        self._tables: Mapping[str, TableState] = {}

    def look_again(self) -> None:
        """Let the next moment be as of then: something was changed from here."""
        with self._lock:
            self._looked = float("-inf")

    def now(self, person: Person | None = None) -> TrinoMoment:
        """The newest moment, for a person; a lake that is not there yet has no tables."""
        with self._lock:
            if self._state is None or time.monotonic() - self._looked >= self._every:
                self._watch = self._watch or _Watch(self.settings)
                state = self._watch.look()
                if self._state is None or state.pointers != self._state.pointers:
                    self._tables = self._states.of(state.pointers)
                self._state, self._looked = state, time.monotonic()
            known = frozenset(self._state.pointers) | self._state.records
            return TrinoMoment(self._state.version, self._tables, person, self._engine, known)


class _Watch:
    """Says cheaply whether anything has changed, and what."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._catalog, self._control = catalog_engine(settings), control_engine(settings)
        self._mark = ""
        self._counts: tuple[tuple[str, int, int], ...] = ()

    def look(self) -> _State:
        """The state as of now; EnvironmentFailed where PostgreSQL does not answer."""
        try:
            with self._catalog.connect() as db:
                rows = db.execute(sa.text(POINTERS)).all() if db.scalar(_HAS_POINTERS) else []
            counts = self._records()
        except sa.exc.OperationalError as error:
            raise unreachable(self._settings) from error
        pointers = {f"{space}.{name}".lower(): str(uri) for space, name, uri in rows if f"{space}{name}".isidentifier()}
        seen = [f"{name}={uri}" for name, uri in sorted(pointers.items())]
        seen.append(f"{datetime.now(UTC):%Y-%m-%d}")  # "today" is a part of some answers
        seen += [f"{name}={count}:{changes}" for name, count, changes in counts]
        version = hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16]
        return _State(version, pointers, frozenset(f"control.public.{name}" for name, _, _ in counts))

    def _records(self) -> tuple[tuple[str, int, int], ...]:
        """For each table of records how many rows it has, and the sum of the transactions that wrote them.

        A row that is written again carries a newer transaction, so the same count with the same sum is the same table.
        They are counted only once anything at all was committed on the server.
        """
        with self._control.connect() as db:
            mark = str(db.scalar(_SERVER_MOVED))
            if mark == self._mark:
                return self._counts
            quoted = db.dialect.identifier_preparer.quote_identifier
            counted = [
                f"SELECT '{name}', count(*), coalesce(sum(xmin::text::bigint), 0) FROM public.{quoted(name)}"  # noqa: S608
                for name in db.execute(_RECORDS).scalars()
                if name.isidentifier()
            ]
            rows = db.execute(sa.text(" UNION ALL ".join(counted))).all() if counted else []
            self._counts = tuple((str(name), int(count), int(changes)) for name, count, changes in rows)
            self._mark = mark
            return self._counts


class _States:
    """What Trino tells of each table's newest snapshot; asked again only for tables that have moved."""

    def __init__(self, engine: SqlEngine) -> None:
        self._engine = engine
        self._known: dict[str, tuple[str, TableState]] = {}

    def of(self, pointers: Mapping[str, str]) -> Mapping[str, TableState]:
        """The state of each table."""
        moved = [name for name, uri in pointers.items() if self._known.get(name, ("",))[0] != uri]
        if moved:
            found = self._asked(moved)
            self._known |= {name: (pointers[name], found[name]) for name in moved}
        return {name: self._known[name][1] for name in pointers}

    def _asked(self, names: Sequence[str]) -> dict[str, TableState]:
        """All in one query; one by one where some are not for who asks."""
        try:
            return self._query(names)
        except NoRight:
            if len(names) == 1:
                return {names[0]: TableState(names[0], UNTOLD, None, None, None)}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(pair for found in pool.map(self._asked, [[n] for n in names]) for pair in found.items())

    def _query(self, names: Sequence[str]) -> dict[str, TableState]:
        rows = self._engine.query(" UNION ALL ".join(_newest(name) for name in names)).to_pylist()
        told = {row["name"]: _state(row) for row in rows}
        return {name: told.get(name, TableState(name, None, None, None, None)) for name in names}


def _newest(name: str) -> str:
    """The query for the newest snapshot on the main branch of one table."""
    schema, table = name.split(".", 1)
    snapshots, refs = (f'lake."{schema}"."{table}${view}"' for view in ("snapshots", "refs"))
    return (
        f"SELECT '{name}' AS name, s.snapshot_id, s.committed_at, element_at(s.summary, 'total-records') AS records, "  # noqa: S608
        f"element_at(s.summary, 'total-files-size') AS size FROM {snapshots} AS s "
        f"INNER JOIN {refs} AS r ON r.snapshot_id = s.snapshot_id AND r.name = 'main'"
    )


def _state(row: Mapping[str, Any]) -> TableState:
    records, size = row["records"], row["size"]
    return TableState(
        row["name"],
        int(row["snapshot_id"]),
        row["committed_at"],
        None if records is None else int(records),
        None if size is None else int(size),
    )
