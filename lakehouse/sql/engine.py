"""What a query engine is, and the one place that picks it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from lakehouse.profile import is_on_servers
from lakehouse.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


class SqlEngine(Protocol):
    """Answers questions in Trino's dialect; never changes anything."""

    def query(self, sql: str, parameters: Mapping[str, object] = {}, limit: int | None = None) -> "pa.Table":
        """The rows of one query, at most `limit` of them, in the query's order; instants are in UTC.

        `parameters` gives each `:name` in the text its value; values are bound, never pasted into the text.
        Raises InputError for anything that is not a query, names what does not exist, cannot be computed, or takes
        longer than the settings allow.
        """
        ...

    def close(self) -> None:
        """Release what the engine holds; a later `query` raises InputError."""
        ...


def open_engine(settings: Settings) -> SqlEngine:
    """The engine of the settings' profile."""
    if is_on_servers(settings):
        from lakehouse.sql.trino import TrinoEngine

        return TrinoEngine(settings)
    from lakehouse.sql.embedded import EmbeddedEngine  # DuckDB takes a while to import

    return EmbeddedEngine(settings)
