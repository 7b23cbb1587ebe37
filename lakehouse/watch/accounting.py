"""The accounting equation, held against two records that are kept apart: what a stage was given, what it told of.

landing     rows that landings say they added = rows that bronze holds, by its own metadata
conforming  rows of the type that bronze held, by its manifests = records that runs of the table told of
extract     rows of CSV extracts = the sum of what became of them
quarantine  records that published runs say they held back = rows of those runs in ops.quarantine
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from json import loads
from typing import Any

from catalog.registry import TABLES
from catalog.tables.bronze import CSV_ROW, FHIR_RESOURCE
from lakehouse.watch.ledger import Ledger
from lakehouse.watch.shelf import Shelf, ShelfReader

STAGES = ("landing", "extract", "conforming", "quarantine")


@dataclass(frozen=True)
class Equation:
    """One equation: `given` records, `accounted` for. They differ only where something was lost or doubled."""

    stage: str
    table: str
    given: int
    accounted: int

    @property
    def unaccounted(self) -> int:
        """0, or how many are missing; below 0 there are more than were given."""
        return self.given - self.accounted


def equations(ledger: Ledger, shelf: Shelf, reader: ShelfReader) -> list[Equation]:
    """The equations that can be held at this moment; one whose snapshot has expired is left out until the next run."""
    found = []
    bronze = shelf.tables.get(FHIR_RESOURCE.name)
    if bronze is not None:
        found.append(Equation("landing", FHIR_RESOURCE.name, ledger.landed, bronze.rows))
    if ledger.extract_rows or ledger.extract_accounted:
        found.append(Equation("extract", CSV_ROW.name, ledger.extract_rows, ledger.extract_accounted))
    for table, snapshot in sorted(ledger.pinned.items()):
        by_type = {} if snapshot is None else reader.landed(shelf, snapshot)
        if by_type is not None and table in resource_types():
            given = by_type.get(resource_types()[table], 0)
            found.append(Equation("conforming", table, given, ledger.evaluated.get(table, 0)))
    return found


def of_quarantine(rows: Iterable[Mapping[str, Any]]) -> list[Equation]:
    """From the answer of the query `watch_quarantine`."""
    known = [row for row in rows if row["table_name"] in TABLES]
    return [Equation("quarantine", row["table_name"], int(row["told"]), int(row["held"])) for row in known]


def totals(found: Sequence[Equation]) -> list[Equation]:
    """By stage; `table` is empty."""
    by_stage = {stage: [e for e in found if e.stage == stage] for stage in STAGES}
    return [
        Equation(stage, "", sum(e.given for e in of), sum(e.accounted for e in of))
        for stage, of in by_stage.items()
        if of
    ]


@cache
def resource_types() -> Mapping[str, str]:
    """The FHIR resource type that each silver table is made of."""
    views = {
        entry.name.removesuffix(".json"): loads(entry.read_text(encoding="utf-8"))["resource"]
        for entry in files("catalog").joinpath("views").iterdir()
        if entry.name.endswith(".json")
    }
    return {t.name: views[t.short_name] for t in TABLES.values() if t.schema_name == "silver" and t.short_name in views}
