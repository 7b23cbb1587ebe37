"""What a conforming job is: a plain function from a view's rows (and lookups) to the rows of one silver table."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RECORD = "record"
"""The struct column that a job's function passes through untouched; only the runner looks inside."""


@dataclass(frozen=True)
class Lookup:
    """Another silver table that a job joins: its live rows, with the key and `columns` only.

    When one of those values changes, the runner evaluates again every record whose row refers to it, so the order
    in which things arrive never changes the result.
    """

    argument: str
    table: Table
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A declared job; `function` takes the view's rows and one DataFrame a lookup, by argument name.

    `view` is a SQL-on-FHIR ViewDefinition.
    """

    name: str
    view: dict[str, Any]
    writes: Table
    function: "Callable[..., DataFrame]"
    lookups: tuple[Lookup, ...] = ()

    @property
    def read_tables(self) -> tuple[Table, ...]:
        """The tables that it reads from."""
        return (FHIR_RESOURCE, *(lookup.table for lookup in self.lookups))

    def __call__(self, rows: "DataFrame", **lookups: "DataFrame") -> "DataFrame":
        """Run the function as it is, for a test with ten rows."""
        return self.function(rows, **lookups)


def read_view(name: str) -> dict[str, Any]:
    """The ViewDefinition catalog/views/NAME.json."""
    view: dict[str, Any] = json.loads(files("catalog").joinpath("views", f"{name}.json").read_text(encoding="utf-8"))
    return view


def conforms(
    *, view: str, writes: Table, lookups: tuple[Lookup, ...] = ()
) -> "Callable[[Callable[..., DataFrame]], Job]":
    """Declare that the function below makes `writes` from the FHIR view of that name (catalog/views/NAME.json).

    The function gets the view's columns and the struct column `record`, and returns the table's own columns in declared
    order, `record`, and any helper columns (named `_…`) that the table's row rules need. It neither drops nor
    multiplies rows.
    """

    def declare(function: "Callable[..., DataFrame]") -> Job:
        return Job(writes.short_name, read_view(view), writes, function, lookups)

    return declare
