"""lowBoundary and highBoundary: the least and the greatest value that a written value may stand for.

Source: FHIRPath, section "Boundary functions". The precision is that of the written token, so 1.0 spans 0.95 to 1.05
and 1.00 spans 0.995 to 1.005; a dateTime without an offset spans the time zones from +14:00 to -12:00.
"""

from __future__ import annotations

from lakehouse.fhir.parser import PathError
from lakehouse.fhir.values import DECIMAL, Value


def boundary(value: Value, is_low: bool, position: int) -> Value:
    """The boundary of a single decimal, date, dateTime, instant or time; PathError for other types."""
    name = "lowBoundary" if is_low else "highBoundary"
    match value.kind:
        case "empty":
            return value
        case "decimal" | "integer":
            if value.text is None:
                raise PathError(f"{name}() needs an element or a literal: a computed number has no precision", position)
            return Value(_decimal(value.text, is_low), "decimal", path=value.path)
        case "dateTime":
            sql = _day(value.sql, is_low) if value.type == "date" else _date_time(value.sql, is_low)
            return Value(sql, value.type, path=value.path)
        case "time":
            return Value(_padded(value.sql, is_low), "time", path=value.path)
    raise PathError(f"{name}() takes a decimal, date, dateTime or time, not a {value.type}", position)


def _decimal(text: str, is_low: bool) -> str:
    """Half a unit of the last written digit to either side; empty when that has more than 18 decimals."""
    fraction = f"length(regexp_extract({text}, '[.]([0-9]+)', 1))"
    exponent = f"coalesce(try_cast(nullif(regexp_extract({text}, '[eE]([+-]?[0-9]+)$', 1), '') AS INT), 0)"
    digits = f"({fraction} - {exponent})"
    half = f"CASE WHEN {digits} <= 17 THEN try_cast(concat('5e', -({digits} + 1)) AS {DECIMAL}) END"
    name = "try_subtract" if is_low else "try_add"
    exact = f"try_cast({text} AS DECIMAL(37,18))"
    return f"{name}({exact}, try_cast({half} AS DECIMAL(37,18)))"


def _day(sql: str, is_low: bool) -> str:
    if is_low:
        return f"concat({sql}, substr('0000-01-01', length({sql}) + 1))"
    last = f"CAST(last_day(try_cast(concat({sql}, '-01') AS DATE)) AS STRING)"
    return f"CASE length({sql}) WHEN 4 THEN concat({sql}, '-12-31') WHEN 7 THEN {last} ELSE {sql} END"


def _date_time(sql: str, is_low: bool) -> str:
    rest = "T00:00:00.000+14:00" if is_low else "T23:59:59.999-12:00"
    offset = f"regexp_extract({sql}, '(Z|[+-][0-9]{{2}}:[0-9]{{2}})$', 1)"
    clock = f"regexp_extract({sql}, 'T([0-9:.]+)', 1)"
    zone = f"coalesce(nullif({offset}, ''), '{'+14:00' if is_low else '-12:00'}')"
    timed = f"concat(substr({sql}, 1, 11), {_padded(clock, is_low)}, {zone})"
    return f"CASE WHEN length({sql}) <= 10 THEN concat({_day(sql, is_low)}, '{rest}') ELSE {timed} END"


def _padded(sql: str, is_low: bool) -> str:
    return f"concat({sql}, substr('{'00:00:00.000' if is_low else '23:59:59.999'}', length({sql}) + 1))"
