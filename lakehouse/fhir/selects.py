"""The selects of a view to SQL: columns, cross joins, iterations and unions.

A select is a Part: columns that have one value a record stay plain expressions, iterations become arrays of structs
with one struct a row. Siblings are cross joined; `forEach` maps its items to rows, `unionAll` puts rows one after the
other. Columns are known by their position in the output, so that the branches of a union agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakehouse.fhir.columns import CollectedPlan, ColumnPlan, collected, plan_column, unique
from lakehouse.fhir.errors import at_path, fail
from lakehouse.fhir.expressions import compile_path
from lakehouse.fhir.repeats import repeated
from lakehouse.fhir.values import NO_FIELDS, Scope, Value, as_array

_KEYS = {"column", "select", "unionAll", "forEach", "forEachOrNull", "repeat"}
_IGNORED = {"id", "extension", "modifierExtension"}
COLLECTED = "urn:carelake:view:collected"
"""The modifierExtension of a select with `forEach` that puts its rows into one column, named by its valueString."""
_DEEPEST = 12  # at 18 nested iterations Spark's stack overflows


@dataclass
class Part:
    """Columns in output order, the SQL of the plain ones by position, and arrays of rows for the others."""

    columns: list[ColumnPlan] = field(default_factory=list)
    plain: dict[int, str] = field(default_factory=dict)
    rows: list[tuple[list[int], str]] = field(default_factory=list)

    def add(self, other: Part) -> None:
        """Cross joins another part."""
        self.columns += other.columns
        self.plain |= other.plain
        self.rows += other.rows

    @property
    def positions(self) -> list[int]:
        """The positions of all columns, in output order."""
        return [column.position for column in self.columns]


def compile_selects(scope: Scope, selects: Any, where: str, first: int) -> Part:
    """The cross join of a list of selects whose first column has the given position."""
    if not isinstance(selects, list) or not selects:
        fail(where, "has to be a list with at least one item")
    part = Part()
    for index, select in enumerate(selects):
        part.add(compile_select(scope, select, f"{where}[{index}]", first + len(part.columns)))
    return part


def compile_select(scope: Scope, select: Any, where: str, first: int) -> Part:
    """One select with all that is nested in it."""
    if not isinstance(select, Mapping):
        fail(where, "has to be an object")
    if where.count("[") > _DEEPEST:
        fail(where.split("[")[0], f"is nested deeper than {_DEEPEST} levels")
    for key in select:
        if key not in _KEYS | _IGNORED:
            fail(f"{where}.{key}", f"is not part of a select (there are {', '.join(sorted(_KEYS))})")
    iterations = [key for key in ("forEach", "forEachOrNull", "repeat") if select.get(key) is not None]
    if len(iterations) > 1:
        fail(where, f"has both {' and '.join(iterations)}; at most one is allowed")
    if (name := _collected_as(select, iterations, where)) is not None:
        return _collected(scope, select, name, where, first)
    if not iterations:
        return _body(scope, select, where, first)
    return _iterate(scope, select, iterations[0], where, first)


def _collected_as(select: Mapping[str, Any], iterations: list[str], where: str) -> str | None:
    """The name of the column that the rows of a select go into; None where they stay rows."""
    extensions = select.get("modifierExtension") or []
    if not isinstance(extensions, list) or not all(isinstance(each, Mapping) for each in extensions):
        fail(f"{where}.modifierExtension", "has to be a list of objects with url and value")
    names = [each.get("valueString") for each in extensions if each.get("url") == COLLECTED]
    if not names:
        return None
    if len(names) > 1 or not isinstance(names[0], str):
        fail(f"{where}.modifierExtension", "has to name the column once, in valueString")
    if iterations != ["forEach"]:
        fail(f"{where}.modifierExtension", "collects rows of forEach only")
    return names[0]


def _collected(scope: Scope, select: Mapping[str, Any], name: str, where: str, first: int) -> Part:
    """An iteration whose rows become one column, an array of structs that is empty where there is nothing."""
    part = _iterate(scope, select, "forEach", where, first)
    unique(part.columns, where)
    plan = collected(name, part.columns, first, f"{where}.modifierExtension")
    ((_, rows),) = part.rows
    return Part([plan], {first: f"CAST(coalesce({rows}, array()) AS {plan.raw_ddl})"})


def _body(scope: Scope, select: Mapping[str, Any], where: str, first: int) -> Part:
    part = Part()
    columns = select.get("column", [])
    if not isinstance(columns, list):
        fail(f"{where}.column", "has to be a list")
    for index, column in enumerate(columns):
        plan, sql = plan_column(scope, column, f"{where}.column[{index}]", first + index)
        part.columns.append(plan)
        part.plain[plan.position] = sql
    if "select" in select:
        part.add(compile_selects(scope, select["select"], f"{where}.select", first + len(part.columns)))
    if "unionAll" in select:
        part.add(_union(scope, select["unionAll"], f"{where}.unionAll", first + len(part.columns)))
    return part


def _union(scope: Scope, branches: Any, where: str, first: int) -> Part:
    if not isinstance(branches, list) or not branches:
        fail(where, "has to be a list with at least one item")
    parts = [compile_select(scope, branch, f"{where}[{index}]", first) for index, branch in enumerate(branches)]
    if any(isinstance(column, CollectedPlan) for part in parts for column in part.columns):
        fail(where, "cannot hold a select whose rows are collected into a column")
    for index, part in enumerate(parts[1:], 1):
        _agree(parts[0].columns, part.columns, f"{where}[{index}]")
    merged = [column.merged(*others) for column, *others in zip(*(part.columns for part in parts), strict=True)]
    arrays = [rows_of(scope, part, merged) for part in parts]
    rows = arrays[0] if len(arrays) == 1 else f"concat({', '.join(f'coalesce({rows}, array())' for rows in arrays)})"
    return Part(merged, {}, [([column.position for column in merged], rows)])


def _agree(first: list[ColumnPlan], other: list[ColumnPlan], where: str) -> None:
    """Branches of a union have the same columns: names, order and types."""
    names = [[column.name for column in columns] for columns in (first, other)]
    if names[0] != names[1]:
        fail(where, f"has the columns {', '.join(names[1])} where the first branch has {', '.join(names[0])}")
    for mine, theirs in zip(first, other, strict=True):
        if mine.spark_type != theirs.spark_type or mine.is_collection != theirs.is_collection:
            fail(
                where,
                f"column {theirs.name} is a {theirs.describe()} where the first branch has a {mine.describe()}",
            )


def _iterate(scope: Scope, select: Mapping[str, Any], kind: str, where: str, first: int) -> Part:
    items, item, index = _items(scope, select[kind], kind, where)
    with scope.inside(items, item.sql, index):
        part = _body(scope.at(item, index), select, where, first)
        nested = bool(part.rows)
        rows = rows_of(scope, part, part.columns)
    # Without inner rows each item is one row, and no list of lists has to be flattened.
    head = f"transform({items}, ({item.sql}, {index}) ->"
    found = f"flatten({head} coalesce({rows}, array())))" if nested else f"{head} {_struct(part, part.columns)})"
    if kind == "forEachOrNull":
        found = f"CASE WHEN coalesce(size({items}), 0) <= 0 THEN array({_nulls(part.columns)}) ELSE {found} END"
    return Part(part.columns, {}, [(part.positions, found)])


def _items(scope: Scope, path: Any, kind: str, where: str) -> tuple[str, Value, str]:
    """The items of an iteration as an array, and the names of the item and its index in a lambda."""
    item, index = scope.compilation.fresh(), scope.compilation.fresh()
    if kind == "repeat":
        items = repeated(scope, path, f"{where}.repeat")
    else:
        if not isinstance(path, str):
            fail(f"{where}.{kind}", "has to be a FHIRPath expression in a string")
        with at_path(f"{where}.{kind}", path):
            items = compile_path(scope, path)
    one = Value(item, items.type, node=items.node, path=items.path)
    return as_array(items), one, index


def _nulls(columns: list[ColumnPlan]) -> str:
    """The row of an empty forEachOrNull; it is the first of its iteration, so `%rowIndex` is 0."""
    values = {column.position: "0" if column.is_row_index else "NULL" for column in columns}
    return _named({column.position: f"CAST({values[column.position]} AS {column.raw_ddl})" for column in columns})


def _struct(part: Part, columns: list[ColumnPlan]) -> str:
    """A row from the plain columns of a part, in the raw types of the columns."""
    lifted = _lifted(part, columns)
    return _named({at: lifted(at, sql) for at, sql in part.plain.items()})


def _named(fields: dict[int, str]) -> str:
    """A struct with a field for each position; without columns a row still counts, and a struct needs a field."""
    pairs = ", ".join(f"'e{at}', {sql}" for at, sql in fields.items())
    return f"named_struct({pairs or NO_FIELDS})"


def _lifted(part: Part, columns: list[ColumnPlan]) -> Callable[[int, str], str]:
    """Makes a value an array where another branch of a union may yield several."""
    own = {column.position: column for column in part.columns}
    target = {column.position: column for column in columns}

    def lift(position: int, sql: str) -> str:
        same = own[position].is_many == target[position].is_many
        return sql if same else f"array_compact(array({sql}))"

    return lift


def rows_of(scope: Scope, part: Part, columns: list[ColumnPlan]) -> str:
    """A part as one array of rows with all its columns in output order; null and empty both mean no row."""
    if not part.rows:
        return f"array({_struct(part, columns)})"
    raw_types = [[column.raw_ddl for column in side] for side in (part.columns, columns)]
    if not part.plain and len(part.rows) == 1 and raw_types[0] == raw_types[1]:
        return part.rows[0][1]
    factors = list(part.rows)
    if part.plain:
        factors.insert(0, (list(part.plain), f"array({_struct(part, part.columns)})"))
    return _product(scope, factors, part, columns)


def _product(scope: Scope, factors: list[tuple[list[int], str]], part: Part, columns: list[ColumnPlan]) -> str:
    """The cross join of arrays of rows, in the order of the first, then the second and so on."""
    lifted = _lifted(part, columns)
    names = [scope.compilation.fresh() for _ in factors]
    origin = {at: f"{name}.`e{at}`" for name, (ats, _) in zip(names, factors, strict=True) for at in ats}
    sql = _named({at: lifted(at, origin[at]) for at in part.positions})
    for depth, (name, (_, rows)) in enumerate(reversed(list(zip(names, factors, strict=True)))):
        mapped = f"transform({rows}, {name} -> {sql})"
        sql = f"flatten({mapped})" if depth else mapped
    return sql
