"""What a mart is: a plain function from live rows of silver (or gold) tables to the rows of one gold table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.model import Table
from catalog.tables.record import CHANGED_BY

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True)
class Source:
    """A table that a mart reads: its live rows at the pinned snapshot, with `columns` only."""

    argument: str
    table: Table
    columns: tuple[str, ...]


@dataclass(frozen=True)
class TimeZones:
    """The time zone of each facility, by name as in the IANA database; `default` for all that are not named."""

    default: str = "UTC"
    by_facility: Mapping[str, str] = field(default_factory=dict)

    def of(self, facility: "Column") -> "Column":
        """The name of the facility's time zone; `facility` holds keys as in `facility_key`."""
        from pyspark.sql import functions as F

        found = F.lit(self.default)
        for name, zone in sorted(self.by_facility.items()):
            found = F.when(facility == name, zone).otherwise(found)
        return found


@dataclass(frozen=True)
class Mart:
    """A declared mart; `function` takes one DataFrame a source, by argument name, and what `uses` names.

    `by` is the column that tells whose a row is, in the table and in its sources: the rows of one subject are made of
    the subject's rows alone, so that only subjects whose input changed need to be made again. A source without that
    column belongs to all of them. Without `by`, the table is made anew as a whole.

    `uses` may name `as_of` (the run's clock, a day: the table is made anew on a new one), `time_zones` (TimeZones) and
    `planned_codes` (PlannedCodes): made anew when the settings behind them change.
    """

    name: str
    writes: Table
    function: "Callable[..., DataFrame]"
    reads: tuple[Source, ...]
    by: str | None = None
    uses: tuple[str, ...] = ()

    def __call__(self, *args: object, **kwargs: object) -> "DataFrame":
        """Run the function as it is, for a test with ten rows."""
        return self.function(*args, **kwargs)

    @property
    def read_tables(self) -> tuple[Table, ...]:
        """The tables that it reads from."""
        return tuple(source.table for source in self.reads)


def made_columns(table: Table) -> list[str]:
    """The columns that a mart's function makes: all but the one that says which run changed the row."""
    return [c.name for c in table.columns if c.name != CHANGED_BY.name]


def builds(
    *, writes: Table, reads: tuple[Source, ...], by: str | None = None, uses: tuple[str, ...] = ()
) -> "Callable[[Callable[..., DataFrame]], Mart]":
    """Declare that the function below makes the rows of `writes`, in its declared columns and order, without `run_id`.

    It never reads, writes, counts or collects, and gives the same rows for the same input.
    """

    def declare(function: "Callable[..., DataFrame]") -> Mart:
        return Mart(writes.short_name, writes, function, reads, by, uses)

    return declare
