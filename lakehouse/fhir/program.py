"""A compiled view as Spark SQL expressions, with every late-bound piece put in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lakehouse.fhir import elements, shape
from lakehouse.fhir.columns import NAME, ColumnPlan, unique
from lakehouse.fhir.errors import at_path, fail
from lakehouse.fhir.expressions import compile_path, literal, truth
from lakehouse.fhir.references import bind
from lakehouse.fhir.repeats import reshaped
from lakehouse.fhir.selects import Part, compile_selects, rows_of
from lakehouse.fhir.values import Compilation, Node, Problem, Scope, Value

PARSED, JUDGED, PAYLOAD = "`__r`", "`__w`", "`__payload`"
_CONSTANTS = {
    "base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
    "integer64", "oid", "string", "positiveInt", "time", "unsignedInt", "uri", "url", "uuid",
}  # fmt: skip
_NEEDS_TEXT = re.compile(r"(low|high)Boundary\s*\(|\bcontained\b|\bresource\b")
# So many elements make a record wide: parsing and judging them costs more than finding out whether it is selected.
_WIDE = 30
_LATE = re.compile("\x00(?:PARSE(?P<parse>[0-9]+)|SHAPE(?P<shape>[0-9]+):(?P<item>[^\x00]+))\x00")


@dataclass(frozen=True)
class Condition:
    """The `where` of a view. `paths` are the element paths that decide it, for lineage.

    `parsed` names the column that it reads: the whole record, or one with little more than the elements that the
    `where` asks for, so that the rest of a record is parsed only if it is selected.
    """

    parsed: str
    payload: str
    parse_arguments: str
    sql: str
    paths: tuple[str, ...]
    shape_problem: str
    problems: tuple[Problem, ...]

    @property
    def comes_first(self) -> bool:
        """Whether records are parsed for it alone."""
        return self.parsed != PARSED


@dataclass(frozen=True)
class Program:
    """The expressions of a view: plain columns, rows of the iterated ones, selection, problems, depths.

    `paths` is the most paths that a `repeat` follows, 0 if there is none.
    """

    resource: str
    columns: tuple[ColumnPlan, ...]
    payload: str
    parse_arguments: str
    plain: dict[str, str]
    rows: str | None
    shape_problem: str
    problems: tuple[Problem, ...]
    where: Condition
    depths: tuple[str, ...]
    depth: int
    paths: int

    @property
    def uses_repeat(self) -> bool:
        """Whether the view goes down to a depth that the data have."""
        return self.paths > 0

    def bound(self, sql: str, key: str | None, parsed: str = PARSED) -> str:
        """An expression with the key's column; None takes the resource's id, and leaves `#id` references empty."""
        return bind(sql, self.resource, key or f"{parsed}.`id`", key is not None)


def compile_program(view: Mapping[str, Any], depth: int, is_shaped: bool = False) -> Program:
    """Compiles a view whose `repeat` goes down to a depth; ViewError for an invalid view.

    `is_shaped` is for records of which it is known that they have the shape of FHIR R4.
    """
    scope = _scope(view, view, PARSED, depth)
    part = compile_selects(scope, view.get("select"), "select", 0)
    if not part.columns:
        fail("select", "has no column")
    unique(part.columns, "select")
    rows = _iterated(scope, part)
    # Inner repeats first: what they read of a node has to be read by the outer one too.
    for common, levels in reversed(scope.compilation.shapes):
        for node in levels:
            node.merge(common)
    problems = tuple(scope.problems)
    conditions = view.get("where", [])
    narrow = _scope(view, conditions, JUDGED, 1)
    where = _where(narrow, conditions)
    if not (conditions and _pays(narrow.compilation.root, scope.compilation.root)):
        narrow = replace(scope, problems=[])
        where = _where(narrow, conditions)
    return _link(scope, part, rows, problems, _condition(narrow, where, is_shaped), is_shaped)


def _scope(view: Mapping[str, Any], read: Any, parsed: str, depth: int) -> Scope:
    """The scope of a record that is parsed into the column `parsed`; `read` is the part of the view that reads it."""
    resource = _resource(view)
    root = Node(resource)
    root.child(elements.Element("resourceType", "code", False), False)
    compilation = Compilation(resource, root, _numbers_as_text(read), depth)
    compilation.constants.update(_constants(view.get("constant", [])))
    whole = Value(parsed, resource, node=root, path=resource)
    return Scope(compilation, whole, whole)


def _pays(narrow: Node, whole: Node) -> bool:
    """Whether a parse of its own for the `where` is worth it: it costs a third of parsing a wide record."""
    return shape.size(whole) >= _WIDE and shape.size(whole) >= 3 * shape.size(narrow)


def _condition(scope: Scope, where: Value, is_shaped: bool) -> Condition:
    compilation, parsed = scope.compilation, scope.root.sql
    fill = _filling(compilation)
    return Condition(
        parsed=parsed,
        payload=shape.quoted_numbers([compilation.root, *compilation.texts], PAYLOAD),
        parse_arguments=shape.parse_arguments(compilation.root),
        sql=fill(where.sql),
        paths=tuple(where.path.split(", ")) if where.path else (),
        shape_problem=shape.problem(compilation.root, parsed, PAYLOAD, is_shaped=is_shaped),
        problems=tuple(Problem(fill(problem.sql), problem.message) for problem in scope.problems),
    )


def _filling(compilation: Compilation) -> Callable[[str], str]:
    """Puts in what is known at the end only: the schemas and the common shape of repeated nodes."""

    def late(match: re.Match[str]) -> str:
        if match["parse"]:
            return shape.parse_arguments(compilation.texts[int(match["parse"])])
        return reshaped(compilation.shapes[int(match["shape"])][0], match["item"])

    return lambda sql: _LATE.sub(late, sql)


def _link(
    scope: Scope, part: Part, rows: str | None, found: tuple[Problem, ...], where: Condition, is_shaped: bool
) -> Program:
    compilation = scope.compilation
    fill = _filling(compilation)
    message = f"repeat: nested deeper than {compilation.depth} levels"
    too_deep = [Problem(f"{depth} > {compilation.depth}", message) for depth in scope.depths]
    root = compilation.root
    return Program(
        resource=compilation.resource,
        columns=tuple(part.columns),
        payload=shape.quoted_numbers([root, *compilation.texts], PAYLOAD),
        parse_arguments=shape.parse_arguments(root),
        plain={f"__e{position}": fill(sql) for position, sql in part.plain.items()},
        rows=None if rows is None else fill(rows),
        where=where,
        shape_problem=shape.problem(root, PARSED, PAYLOAD, is_shaped=is_shaped),
        problems=tuple(Problem(fill(problem.sql), problem.message) for problem in [*found, *too_deep]),
        depths=tuple(fill(depth) for depth in scope.depths),
        depth=compilation.depth,
        paths=max(compilation.repeats, default=0),
    )


def _iterated(scope: Scope, part: Part) -> str | None:
    """All that iterates as one array of rows, without the plain columns: those stay beside it."""
    if not part.rows:
        return None
    positions = {position for positions, _ in part.rows for position in positions}
    columns = [column for column in part.columns if column.position in positions]
    return rows_of(scope, Part(columns, {}, part.rows), columns)


def _resource(view: Mapping[str, Any]) -> str:
    if not isinstance(view, Mapping):
        fail("view", "has to be an object")
    name, resource = view.get("name"), view.get("resource")
    if name is not None and (not isinstance(name, str) or not NAME.fullmatch(name)):
        fail("name", f"has to match ^{NAME.pattern}$, and {name!r} does not")
    if resource is None:
        fail("resource", "is missing: name the resource type that the view is of")
    if not isinstance(resource, str) or not elements.is_resource(resource):
        fail(
            "resource",
            f"{resource!r} is not a resource type of FHIR R4{elements.nearest_resource(str(resource))}",
        )
    return resource


def _numbers_as_text(view: Any) -> bool:
    """Whether a path asks for the written precision of numbers, or reads resources that are held as text."""
    left = [view]  # no recursion: how deep a view is nested is judged later
    while left:
        value = left.pop()
        if isinstance(value, str) and _NEEDS_TEXT.search(value):
            return True
        left += value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return False


def _constants(constants: Any) -> dict[str, Value]:
    if not isinstance(constants, list):
        fail("constant", "has to be a list")
    found: dict[str, Value] = {}
    for index, constant in enumerate(constants):
        where = f"constant[{index}]"
        if not isinstance(constant, Mapping):
            fail(where, "has to be an object with name and value[x]")
        name = constant.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            fail(f"{where}.name", f"has to match ^{NAME.pattern}$, and {name!r} does not")
        if name in found:
            fail(f"{where}.name", f"{name!r} is defined twice")
        found[name] = _constant(constant, where)
    return found


def _constant(constant: Mapping[str, Any], where: str) -> Value:
    values = [key for key in constant if key.startswith("value")]
    if len(values) != 1:
        fail(where, f"needs exactly one value[x] and has {len(values)}")
    type_name = values[0].removeprefix("value")
    type_name = type_name[:1].lower() + type_name[1:]
    if type_name not in _CONSTANTS:
        fail(f"{where}.{values[0]}", f"is not a type of constant (there are {', '.join(sorted(_CONSTANTS))})")
    value = constant[values[0]]
    kind = elements.KINDS[type_name]
    if kind == "boolean":
        if not isinstance(value, bool):
            fail(f"{where}.{values[0]}", "has to be true or false")
        return literal("boolean", "true" if value else "false", 0)
    if kind in ("integer", "integer64", "decimal"):
        whole = r"-?[0-9]+" if kind != "decimal" else r"-?[0-9]+(\.[0-9]+)?"
        if isinstance(value, bool) or not re.fullmatch(whole, _number_text(value)):
            fail(f"{where}.{values[0]}", f"is not a {type_name}")
        with at_path(f"{where}.{values[0]}", _number_text(value)):
            return literal(type_name, _number_text(value), 0)
    if not isinstance(value, str):
        fail(f"{where}.{values[0]}", "has to be a string")
    return literal(type_name, value.removeprefix("@").removeprefix("T") if kind == "time" else value, 0)


def _number_text(value: Any) -> str:
    """A JSON number without an exponent."""
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)


def _where(scope: Scope, conditions: Any) -> Value:
    """All conditions, true only where each is true."""
    if not isinstance(conditions, list):
        fail("where", "has to be a list of objects with a path")
    tests, paths = [], []
    for index, condition in enumerate(conditions):
        where = f"where[{index}]"
        if not isinstance(condition, Mapping) or not isinstance(condition.get("path"), str):
            fail(where, "has to be an object with a path")
        path = condition["path"]
        with at_path(f"{where}.path", path):
            test = compile_path(scope, path)
            tests.append(f"coalesce({truth(scope, test, 'the path', 0)}, false)")
        paths += [test.path] if test.path else []
    return Value(" AND ".join(tests) or "true", "boolean", path=", ".join(dict.fromkeys(paths)) or None)
