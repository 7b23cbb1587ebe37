"""The SodaCL scan of a table: completeness, validity, uniqueness, references, volume, freshness.

Row rules are not repeated here: a row of silver that breaks one was quarantined before the branch was written, and in
gold they are counted beside the scan.
The scan sees one view of the branch's live rows, named `silver_patient` for silver.patient, and one view per table that
it refers to.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from catalog.model import Check, Kind, Level, Table

AS_OF = "as_of"


@dataclass(frozen=True)
class ScanCheck:
    """One check of the scan.

    `yaml` is its item below `checks for`; `failing` is the SQL that yields the key columns of the failing rows, empty
    where the check is about the table as a whole.
    """

    name: str
    level: Level
    doc: str
    yaml: str
    failing: str = ""


def view_name(table: str) -> str:
    """How the scan calls a table: `silver.patient` is `silver_patient`."""
    return table.replace(".", "_")


def scan_checks(table: Table, tables: Mapping[str, Table]) -> list[ScanCheck]:
    """All checks of the scan: completeness, validity, then the declared ones. `tables` resolves references."""
    checks = [_complete(table, c.name) for c in table.columns if not c.null]
    checks += [_valid(table, c.name, c.values) for c in table.columns if c.values]
    return checks + [_declared(table, c, tables) for c in table.checks if c.kind is not Kind.ROW]


def scan_yaml(table: Table, checks: list[ScanCheck]) -> str:
    """The whole scan as SodaCL text. `scan_variables` gives its variables."""
    lines = [f"checks for {view_name(table.name)}:"]
    lines += ["  " + line for check in checks for line in check.yaml.splitlines()]
    return "\n".join(lines) + "\n"


def scan_columns(table: Table) -> list[str]:
    """The columns that the scan reads, in the table's order."""
    read = {*table.key, *(name for check in table.checks if check.kind is not Kind.ROW for name in check.columns)}
    read |= {_written(name) for check in table.checks_of(Kind.REFERENCE) for name in check.columns}
    return [c.name for c in table.columns if not c.null or c.values or c.name in read]


def _written(column: str) -> str:
    """The column for what a reference says that is no id, where a table has one."""
    return column.removesuffix("_id") + "_reference"


def _item(metric: str, name: str, level: Level, bad: str, *more: str) -> str:
    lines = [f"- {metric}:", f"    name: {json.dumps(name)}", f"    {level.value}: when {bad}"]
    return "\n".join([*lines, *(f"    {line}" for line in more)])


def _keys(table: Table, where: str) -> str:
    return f"SELECT {', '.join(table.key)} FROM {view_name(table.name)} WHERE {where}"


def _complete(table: Table, column: str) -> ScanCheck:
    name = f"{column}_is_complete"
    yaml = _item(f"missing_count({column})", name, Level.FAIL, "> 0")
    return ScanCheck(name, Level.FAIL, "Every row has a value.", yaml, _keys(table, f"{column} IS NULL"))


def _valid(table: Table, column: str, values: tuple[str, ...]) -> ScanCheck:
    name = f"{column}_is_valid"
    yaml = _item(f"invalid_count({column})", name, Level.FAIL, "> 0", f"valid values: {json.dumps(list(values))}")
    allowed = ", ".join(f"'{v}'" for v in values)
    return ScanCheck(
        name, Level.FAIL, "Every value is an allowed one.", yaml, _keys(table, f"{column} NOT IN ({allowed})")
    )


def _declared(table: Table, check: Check, tables: Mapping[str, Table]) -> ScanCheck:
    view = view_name(table.name)
    columns = ", ".join(check.columns)
    match check.kind:
        case Kind.UNIQUE:
            yaml = _item(f"duplicate_count({columns})", check.name, check.level, "> 0")
            failing = f"SELECT {columns} FROM {view} GROUP BY {columns} HAVING count(*) > 1"
        case Kind.REFERENCE:
            column = check.columns[0]
            target = tables[table.column(column).ref or ""]
            # A reference that is no id stands beside it as written; it leads to no row either.
            either = [column, *(c.name for c in table.columns if c.name == _written(column))]
            orphans = (
                f"FROM {view} s LEFT ANTI JOIN {view_name(target.name)} t ON s.{column} = t.{target.key[0]} "
                f"WHERE {' OR '.join(f's.{name} IS NOT NULL' for name in either)}"
            )
            query = f"{check.name} query: SELECT count(*) {orphans}"
            yaml = _item(check.name, check.name, check.level, "> 0", query)
            failing = f"SELECT {', '.join('s.' + k for k in table.key)} {orphans}"
        case Kind.VOLUME:
            yaml = _item("row_count", check.name, check.level, f"< ${{least_rows_{check.name}}}")
            failing = ""
        case Kind.FRESH:
            age = f"{check.name} expression: coalesce(datediff(DATE '${{{AS_OF}}}', max({columns})), 1000000)"
            yaml = _item(check.name, check.name, check.level, f"> {check.amount:g}", age)
            failing = ""
        case Kind.ROW:
            raise ValueError("row rules are applied before the scan")
    return ScanCheck(check.name, check.level, check.doc, yaml, failing)


def scan_variables(table: Table, previous_rows: int, as_of: str) -> dict[str, str]:
    """The scan's variables: `as_of`, and for each volume check the least number of rows that passes."""
    least = {f"least_rows_{c.name}": str(int(previous_rows * c.amount)) for c in table.checks_of(Kind.VOLUME)}
    return {AS_OF: as_of, **least}
