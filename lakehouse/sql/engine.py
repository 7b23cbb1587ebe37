"""What a query engine is, and the one place that picks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lakehouse.profile import is_on_servers
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


LAKE_SQL, DASHBOARD_SQL, DASHBOARD = "lake-sql", "dashboard-sql", "dashboard"
"""Who asks Trino, as its resource groups know them: people, people on a page, and the pages themselves."""


@dataclass(frozen=True)
class Person:
    """Somebody in whose name a query is asked: the name of the account, and its stamp, which a new role changes."""

    name: str
    stamp: str = ""


class SqlEngine(Protocol):
    """Answers questions in Trino's dialect; never changes anything."""

    def query(
        self,
        sql: str,
        parameters: Mapping[str, object] = {},
        limit: int | None = None,
        person: Person | None = None,
    ) -> "pa.Table":
        """The rows of one query, at most `limit` of them, in the query's order; instants are in UTC.

        `parameters` gives each `:name` in the text its value; values are bound, never pasted into the text. An engine
        that knows rights asks in the name of `person`, else as the user of the settings.
        Raises InputError for anything that is not a query, names what does not exist or is not for who asks, cannot be
        computed, or takes longer than the settings allow; EnvironmentFailed where the server does not answer.
        """
        ...

    def parameters(self, sql: str) -> frozenset[str]:
        """The names of the parameters in a query; InputError for what is none."""
        ...

    def close(self) -> None:
        """Release what the engine holds; a later `query` raises InputError."""
        ...


def open_engine(settings: Settings, source: str = LAKE_SQL) -> SqlEngine:
    """The engine of the settings' profile; `source` tells Trino what asks."""
    if is_on_servers(settings):
        from lakehouse.sql.trino import TrinoEngine

        return TrinoEngine(settings, source)
    from lakehouse.sql.embedded import EmbeddedEngine  # DuckDB takes a while to import

    return EmbeddedEngine(settings)
