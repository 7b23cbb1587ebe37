"""Equality, order and arithmetic of FHIRPath as Spark SQL; an empty operand makes the result empty.

Dates and times are compared as the spans that they stand for: 2020 and 2020-05 are neither equal nor unequal, and so
empty. A date without an offset is taken as UTC.
"""

from __future__ import annotations

from lakehouse.fhir.parser import PathError
from lakehouse.fhir.values import DECIMAL, Scope, Value, as_array

_NUMBERS = ("integer", "integer64", "decimal")
_NARROW = "DECIMAL(18,9)"


def decimal(value: Value) -> str:
    """A number as an exact decimal."""
    return value.sql if value.kind == "decimal" else f"CAST({value.sql} AS {DECIMAL})"


def equals(scope: Scope, left: Value, right: Value, position: int) -> str:
    """`=`: item by item and in order; different counts are unequal."""
    kind = _common(left, right, "=", position)
    if kind == "empty":
        return "CAST(NULL AS BOOLEAN)"
    if not left.many and not right.many:
        return _equal(kind, *_sides(kind, left, right))
    a, b = scope.compilation.fresh(), scope.compilation.fresh()
    as_decimal = kind == "number" and left.kind != right.kind
    pair = [f"CAST({name} AS {DECIMAL})" if as_decimal else name for name in (a, b)]
    first, second = as_array(left), as_array(right)
    items = f"zip_with({first}, {second}, ({a}, {b}) -> {_equal(kind, *pair)})"
    every = f"aggregate({items}, true, ({a}, {b}) -> {a} AND {b})"
    return (
        f"CASE WHEN size({first}) = 0 OR size({second}) = 0 THEN NULL "
        f"WHEN size({first}) <> size({second}) THEN false ELSE {every} END"
    )


def compare(scope: Scope, operator: str, left: Value, right: Value, position: int) -> str:
    """`<`, `<=`, `>` and `>=` between single values."""
    kind = _common(left, right, operator, position)
    if kind == "empty":
        return "CAST(NULL AS BOOLEAN)"
    if kind == "boolean" or (kind == "string" and left.kind != right.kind):
        raise PathError(f"{operator!r} does not order a {left.type} and a {right.type}", position)
    sides = (scope.single(left, f"operand of {operator}"), scope.single(right, f"operand of {operator}"))
    first, second = _sides(kind, *sides)
    if kind not in ("dateTime", "time"):
        return f"({first} {operator} {second})"
    if operator in (">", ">="):
        first, second, operator = second, first, operator.replace(">", "<")
    low_a, high_a, low_b, high_b = *span(kind, first), *span(kind, second)
    same = "true" if operator == "<=" else "false"
    return (
        f"CASE WHEN {low_a} = {low_b} AND {high_a} = {high_b} THEN {same} "
        f"WHEN {high_a} < {low_b} THEN true WHEN {high_b} < {low_a} THEN false END"
    )


def arithmetic(scope: Scope, operator: str, left: Value, right: Value, position: int) -> Value:
    """`+`, `-`, `*` and `/`; division by zero and what does not fit are empty. `+` also joins strings."""
    if "empty" in (left.kind, right.kind):
        return Value("NULL", "empty")
    a, b = (scope.single(side, f"operand of {operator}") for side in (left, right))
    if operator == "+" and a.kind == b.kind == "string":
        return Value(f"concat({a.sql}, {b.sql})", "string")
    if a.kind not in _NUMBERS or b.kind not in _NUMBERS:
        raise PathError(f"{operator!r} does not take a {left.type} and a {right.type}", position)
    if operator != "/" and "decimal" not in (a.kind, b.kind):
        name = {"+": "try_add", "-": "try_subtract", "*": "try_multiply"}[operator]
        return Value(f"{name}({a.sql}, {b.sql})", "integer64" if "integer64" in (a.kind, b.kind) else "integer")
    return Value(_decimals(operator, decimal(a), decimal(b)), "decimal")


def _decimals(operator: str, a: str, b: str) -> str:
    """Spark widens a result beyond 38 digits by cutting its fraction: operands are narrowed first where they fit."""
    if operator in "+-":
        name = "try_add" if operator == "+" else "try_subtract"
        return f"{name}(try_cast({a} AS DECIMAL(37,18)), try_cast({b} AS DECIMAL(37,18)))"
    name = "try_multiply" if operator == "*" else "try_divide"
    narrow_a, narrow_b = f"try_cast({a} AS {_NARROW})", f"try_cast({b} AS {_NARROW})"
    exact = f"try_cast({name}({narrow_a}, {narrow_b}) AS {DECIMAL})"
    wide = f"try_cast({name}({a}, {b}) AS {DECIMAL})"
    return f"CASE WHEN {narrow_a} = {a} AND {narrow_b} = {b} THEN {exact} ELSE {wide} END"


def span(kind: str, sql: str) -> tuple[str, str]:
    """The first and the last instant of a written date or time: microseconds, or for `time` padded text."""
    if kind == "time":
        low = f"rpad(concat({sql}, substr('00:00:00.000000', length({sql}) + 1)), 15, '0')"
        padded = f"concat({sql}, substr('00:59:59.999999', length({sql}) + 1))"
        return low, f"CASE WHEN length({sql}) < 8 THEN {padded} ELSE {low} END"
    day = f"try_cast(concat({sql}, substr('0000-01-01', length({sql}) + 1)) AS DATE)"
    months = f"WHEN 4 THEN add_months({day}, 12) WHEN 7 THEN add_months({day}, 1)"
    after = f"CASE length({sql}) {months} ELSE date_add({day}, 1) END"
    at = f"unix_micros({instant(sql)})"
    low = f"CASE WHEN length({sql}) <= 10 THEN unix_date({day}) * 86400000000L ELSE {at} END"
    high = f"CASE WHEN length({sql}) <= 10 THEN unix_date({after}) * 86400000000L - 1 ELSE {at} END"
    return low, high


def instant(sql: str) -> str:
    """A written dateTime with a time as a timestamp, null when it is none; without an offset it is UTC.

    Spark alone would read words such as `today`, lack minutes without seconds, and use the session's time zone.
    """
    pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?$"
    with_seconds = f"concat(substr({sql}, 1, 16), ':00', substr({sql}, 17))"
    full = f"CASE WHEN substr({sql}, 17, 1) = ':' THEN {sql} ELSE {with_seconds} END"
    zone = f"CASE WHEN substr({sql}, -1) = 'Z' OR substr({sql}, -6, 1) IN ('+', '-') THEN '' ELSE 'Z' END"
    return f"CASE WHEN {sql} RLIKE '{pattern}' THEN try_cast(concat({full}, {zone}) AS TIMESTAMP) END"


def _common(left: Value, right: Value, operator: str, position: int) -> str:
    kinds = {left.kind, right.kind}
    if "empty" in kinds:
        return "empty"
    if "choice" in kinds:
        raise PathError("choose a type first: ofType(...)", position)
    if "complex" in kinds:
        raise PathError(f"{operator!r} does not compare a {left.type} with a {right.type}", position)
    if kinds <= set(_NUMBERS):
        return "number"
    if len(kinds) == 1:
        return kinds.pop()
    # A date against a string: compared as it is written.
    if kinds <= {"string", "dateTime", "time"} and "string" in kinds:
        return "string"
    raise PathError(f"{operator!r} does not compare a {left.type} with a {right.type}", position)


def _sides(kind: str, left: Value, right: Value) -> tuple[str, str]:
    if kind == "number" and left.kind != right.kind:
        return decimal(left), decimal(right)
    return left.sql, right.sql


def _equal(kind: str, a: str, b: str) -> str:
    if kind not in ("dateTime", "time"):
        return f"({a} = {b})"
    low_a, high_a, low_b, high_b = *span(kind, a), *span(kind, b)
    return (
        f"CASE WHEN {low_a} = {low_b} AND {high_a} = {high_b} THEN true "
        f"WHEN {high_a} < {low_b} OR {high_b} < {low_a} THEN false END"
    )
