"""The Spark type of a column: from its FHIR type, or what a tag `ansi/type` asks for, with the conversion."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import types as spark

from lakehouse.fhir.compare import instant
from lakehouse.fhir.elements import KINDS
from lakehouse.fhir.values import DECIMAL

_OWN: dict[str, spark.DataType] = {
    "boolean": spark.BooleanType(),
    "integer": spark.IntegerType(),
    "integer64": spark.LongType(),
    "decimal": spark.DecimalType(38, 18),
}
_ASKED: dict[str, spark.DataType] = {
    "DATE": spark.DateType(),
    "TIMESTAMP": spark.TimestampType(),
    "TIMESTAMP WITH TIME ZONE": spark.TimestampType(),
    "DOUBLE": spark.DoubleType(),
    "DOUBLE PRECISION": spark.DoubleType(),
    "FLOAT": spark.DoubleType(),
    "REAL": spark.FloatType(),
    "INT": spark.IntegerType(),
    "INTEGER": spark.IntegerType(),
    "BIGINT": spark.LongType(),
    "BOOLEAN": spark.BooleanType(),
    "VARCHAR": spark.StringType(),
    "CHARACTER VARYING": spark.StringType(),
    "STRING": spark.StringType(),
    "TEXT": spark.StringType(),
}
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_LENGTH = re.compile(r"^(VARCHAR|CHARACTER VARYING|TIMESTAMP)\s*\(\s*\d+\s*\)")


@dataclass(frozen=True)
class Conversion:
    """How a value becomes a column: its type, the SQL for a value, and whether a value can fail it and become null."""

    type: spark.DataType
    sql: Callable[[str], str]
    can_fail: bool = True


def own_type(fhir_type: str) -> spark.DataType:
    """The Spark type of a primitive of FHIR without a tag; what is not a number or a boolean is a string."""
    return _OWN.get(KINDS[fhir_type], spark.StringType())


def conversion(fhir_type: str, asked: str) -> Conversion | None:
    """The conversion that a tag asks for; None for a type that is unknown or cannot come from the FHIR type.

    A partial date or dateTime is widened to the first day or instant of its period. A DATE keeps the day as it is
    written, a TIMESTAMP is the instant; without an offset a dateTime is UTC.
    """
    name = _LENGTH.sub(r"\1", " ".join(asked.upper().split()))
    number = _DECIMAL.fullmatch(name)
    target = _ASKED.get(name)
    if number:
        precision, scale = int(number[1]), int(number[2] or 0)
        if not 0 < precision <= 38 or scale > precision:
            return None
        target = spark.DecimalType(precision, scale)
    return None if target is None else _convert(KINDS[fhir_type], target)


def _convert(kind: str, target: spark.DataType) -> Conversion | None:
    if target == _OWN.get(kind, spark.StringType()):
        return Conversion(target, lambda sql: sql, can_fail=False)
    name = target.simpleString()
    is_number = kind in ("integer", "integer64", "decimal", "string")
    match target:
        case spark.StringType():
            return Conversion(target, lambda sql: f"CAST({sql} AS STRING)", can_fail=False)
        case spark.DateType() | spark.TimestampType():
            return Conversion(target, _day if name == "date" else _moment) if kind in ("dateTime", "string") else None
        case spark.BooleanType():
            return Conversion(target, lambda sql: f"try_cast({sql} AS BOOLEAN)") if kind == "string" else None
        case spark.DoubleType() | spark.FloatType():
            return Conversion(target, lambda sql: f"try_cast({sql} AS {name})") if is_number else None
    # An integer or a decimal that cannot hold the value exactly is refused, not rounded.
    return Conversion(target, lambda sql: _exactly(sql, name)) if is_number else None


def _exactly(sql: str, name: str) -> str:
    return f"CASE WHEN try_cast({sql} AS {name}) = try_cast({sql} AS {DECIMAL}) THEN try_cast({sql} AS {name}) END"


def _day(sql: str) -> str:
    written = f"{sql} RLIKE '^[0-9]{{4}}(-[0-9]{{2}}(-[0-9]{{2}}(T.+)?)?)?$'"
    return f"CASE WHEN {written} THEN try_cast(substr({_first_day(sql)}, 1, 10) AS DATE) END"


def _moment(sql: str) -> str:
    day = f"try_cast(concat({_first_day(sql)}, 'T00:00:00Z') AS TIMESTAMP)"
    # The common form first, without a pattern: what stands before the T is ten characters, after it are seconds.
    offset = f"(endswith({sql}, 'Z') OR substr({sql}, -6, 1) IN ('+', '-'))"
    full = f"length({sql}) >= 20 AND substr({sql}, 11, 1) = 'T' AND substr({sql}, 17, 1) = ':' AND {offset}"
    return (
        f"CASE WHEN {full} THEN try_cast({sql} AS TIMESTAMP) "
        f"WHEN length({sql}) IN (4, 7, 10) THEN {day} ELSE {instant(sql)} END"
    )


def _first_day(sql: str) -> str:
    return f"concat({sql}, substr('0000-01-01', length({sql}) + 1))"
