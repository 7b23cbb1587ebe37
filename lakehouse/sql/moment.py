"""One state of the lake for the many small questions of pages: answers are worked out once and kept until it moves.

Only queries that ship are asked here; what people write goes through `open_engine`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol

from lakehouse.profile import is_on_servers
from lakehouse.settings import Settings
from lakehouse.sql.engine import Person
from lakehouse.sql.queries import named_query
from lakehouse.sql.readonly import Query, TableName, prepare

if TYPE_CHECKING:
    import pyarrow as pa

UNTOLD = 0
"""Stands for the snapshot of a table whose state who asks may not see."""


@dataclass(frozen=True)
class TableState:
    """What readers see of a table: null snapshot and instant while it is empty; `rows` counts deleted ones too."""

    name: str
    snapshot_id: int | None
    committed_at: datetime | None
    rows: int | None
    bytes: int | None


class Moment(Protocol):
    """The lake at one moment, as somebody sees it."""

    @property
    def version(self) -> str:
        """Changes whenever a table or the control database does, and with the day."""
        ...

    @property
    def scope(self) -> str:
        """Whose answers these are: those of one scope see the same, and answers are shared among them alone."""
        ...

    @property
    def tables(self) -> Mapping[str, TableState]:
        """What readers see of each table, by its short name."""
        ...

    def query(self, name: str, parameters: Mapping[str, object] = {}) -> "pa.Table":
        """The answer of a query that ships.

        Raises InputError for an unknown one, a missing parameter, a table that is not there yet or not for who asks,
        or a query that takes longer than LAKE_QUERY_SECONDS.
        """
        ...

    def reads(self, name: str) -> frozenset[str]:
        """The tables that a query reads: `gold.readmission`, `control.public.runs`."""
        ...


class Moments(Protocol):
    """Gives the newest moment; the lake is looked at again only once something in it has changed."""

    @property
    def settings(self) -> Settings:
        """Those of the lake."""
        ...

    def look_again(self) -> None:
        """Let the next moment be as of then: something was changed from here."""
        ...

    def now(self, person: Person | None = None) -> Moment:
        """The newest moment, for a person where rights depend on who asks; a lake that is not there has no tables."""
        ...


def open_moments(settings: Settings, every_seconds: float = 2.0) -> Moments:
    """Those of the settings' profile; they look for changes at most every so many seconds. Opens nothing yet."""
    if is_on_servers(settings):
        from lakehouse.sql.moment_trino import TrinoMoments

        return TrinoMoments(settings, every_seconds)
    from lakehouse.sql.moment_embedded import EmbeddedMoments

    return EmbeddedMoments(settings, every_seconds)


def short(table: TableName) -> str:
    """A table as pages call it."""
    return f"{table.schema}.{table.name}" if table.catalog == "lake" else str(table)


def tables_of(name: str) -> frozenset[str]:
    """The tables that a query that ships reads."""
    return frozenset(short(table) for table in prepared(name).tables)


def not_there(table: str) -> str:
    """What to say of a table that nothing has made yet."""
    return f"{table} is not there yet: `make demo` or `lake ingest` begins a lake."


@cache
def prepared(name: str) -> Query:
    """A query that ships, read and checked."""
    return prepare(named_query(name))
