"""Every check of a table as one list, as people read it: what is true of good data, how it is told, what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from catalog.derive.sodacl import ScanCheck, scan_checks
from catalog.model import Kind, Level, Table


class Counts(Enum):
    """What the value of a rule's result is a number of."""

    HELD_BACK = "records held back"  # silver, level fail: the record goes to quarantine before anything is written
    ACCEPTED = "rows accepted"  # silver, level warn: among the rows that a run accepted
    ROWS = "rows"  # the gate and all of gold: among all live rows of the table
    FIGURE = "figure"  # a figure about the table as a whole: its rows, or the age of its newest value in days


@dataclass(frozen=True)
class Rule:
    """A check of a table.

    `condition` is a Spark SQL condition that each good row meets, or the query that finds the rows that are not good,
    or, for figures about the whole table, the check in SodaCL.
    """

    table: str
    name: str
    level: Level
    doc: str
    counts: Counts
    condition: str
    is_row_rule: bool
    is_worse_lower: bool = False

    @property
    def words(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")

    @property
    def unit(self) -> str:
        """Unit of the value; empty where the figure has one of its own."""
        return {Counts.HELD_BACK: "records", Counts.FIGURE: ""}.get(self.counts, "rows")


def rules_of(table: Table, tables: Mapping[str, Table]) -> dict[str, Rule]:
    """The rules of a table by name: row rules, then what the gate scans. `tables` resolves references."""
    row = [_row_rule(table, c.name, c.level, c.doc, c.sql) for c in table.checks_of(Kind.ROW)]
    volume = {c.name for c in table.checks_of(Kind.VOLUME)}
    scanned = [_scanned(table, c, is_worse_lower=c.name in volume) for c in scan_checks(table, tables)]
    return {rule.name: rule for rule in (*row, *scanned)}


def _row_rule(table: Table, name: str, level: Level, doc: str, sql: str) -> Rule:
    if table.schema_name == "gold":  # a mart holds nothing back: its rules are counted beside the scan
        counts = Counts.ROWS
    else:
        counts = Counts.HELD_BACK if level is Level.FAIL else Counts.ACCEPTED
    return Rule(table.name, name, level, doc, counts, " ".join(sql.split()), is_row_rule=True)


def _scanned(table: Table, check: ScanCheck, *, is_worse_lower: bool) -> Rule:
    counts = Counts.ROWS if check.failing else Counts.FIGURE
    condition = check.failing or check.yaml
    return Rule(table.name, check.name, check.level, check.doc, counts, condition, False, is_worse_lower)
