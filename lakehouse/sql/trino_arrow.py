"""Rows as Trino sends them (JSON) into Arrow, with the types that the embedded engine gives the same columns."""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from lakehouse.errors import InputError

Signature = Mapping[str, Any]
"""A type as Trino's protocol tells it: `rawType`, and `arguments` such as a length or the types of a row."""

_PLAIN = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varbinary": pa.binary(),
    "interval day to second": pa.month_day_nano_interval(),
    "interval year to month": pa.month_day_nano_interval(),
    "unknown": pa.null(),
}


def as_table(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """The rows of an answer; `columns` are those of the protocol, with name and `typeSignature`.

    Raises InputError for an instant or day that Arrow has no form for, such as one of the year 10000.
    """
    by_column = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    try:
        arrays = [_array(values, c["typeSignature"]) for values, c in zip(by_column, columns, strict=True)]
    except (pa.ArrowInvalid, ValueError, OverflowError):
        raise InputError(
            "a value of the answer has no counterpart here, such as a day beyond the year 9999: cast it to varchar."
        ) from None
    return pa.Table.from_arrays(arrays, names=[str(column["name"]) for column in columns])


def arrow_type(signature: Signature) -> pa.DataType:
    """The Arrow type of a Trino type; what it has no type for, such as uuid and json, is text."""
    raw, arguments = _raw(signature), signature.get("arguments", [])
    if raw == "decimal":
        return pa.decimal128(int(arguments[0]["value"]), int(arguments[1]["value"]))
    if raw in ("timestamp", "timestamp with time zone"):
        return pa.timestamp(_unit(signature), "UTC" if raw != "timestamp" else None)
    if raw == "time":
        return pa.time64("us")
    if raw == "array":
        return pa.list_(arrow_type(arguments[0]["value"]))
    if raw == "map":
        return pa.map_(arrow_type(arguments[0]["value"]), arrow_type(arguments[1]["value"]))
    if raw == "row":
        return pa.struct([pa.field(name, arrow_type(kind)) for name, kind in _fields(signature)])
    return _PLAIN.get(raw, pa.string())


def _array(values: Sequence[Any], signature: Signature) -> pa.Array:
    raw = _raw(signature)
    if raw == "array":
        return _lists(values, signature)
    if raw == "map":
        return _maps(values, signature)
    if raw == "row":
        return _rows(values, signature)
    if raw == "timestamp with time zone":
        return _instants(values, signature)
    kind = arrow_type(signature)
    if raw in ("decimal", "date"):
        return pa.array(values, pa.string()).cast(kind)
    if raw == "timestamp":
        return pa.array([_cut(v, signature) for v in values], pa.string()).cast(kind)
    convert = _CONVERSIONS.get(raw)
    return pa.array(values if convert is None else [None if v is None else convert(v) for v in values], kind)


def _lists(values: Sequence[Any], signature: Signature) -> pa.Array:
    inner = signature["arguments"][0]["value"]
    items = [item for value in values if value is not None for item in value]
    return pa.ListArray.from_arrays(_offsets(values), _array(items, inner))


def _maps(values: Sequence[Any], signature: Signature) -> pa.Array:
    """Keys are texts in JSON, whatever their type."""
    key, inner = (argument["value"] for argument in signature["arguments"])
    read = _KEYS.get(_raw(key), str)
    keys = [read(name) for value in values if value is not None for name in value]
    items = [item for value in values if value is not None for item in value.values()]
    return pa.MapArray.from_arrays(_offsets(values), _array(keys, key), _array(items, inner))


def _rows(values: Sequence[Any], signature: Signature) -> pa.Array:
    named = _fields(signature)
    columns = [
        _array([None if value is None else value[place] for value in values], kind)
        for place, (_, kind) in enumerate(named)
    ]
    fields = [pa.field(name, column.type) for (name, _), column in zip(named, columns, strict=True)]
    return pa.StructArray.from_arrays(columns, fields=fields, mask=pa.array([v is None for v in values], pa.bool_()))


def _offsets(values: Sequence[Any]) -> pa.Array:
    """Where each list begins, null for a null list."""
    offsets: list[int | None] = []
    place = 0
    for value in values:
        offsets.append(None if value is None else place)
        place += 0 if value is None else len(value)
    return pa.array([*offsets, place], pa.int32())


def _instants(values: Sequence[Any], signature: Signature) -> pa.Array:
    """`2020-01-01 12:00:00.000 Europe/Berlin` as the instant, in UTC."""
    kind = arrow_type(signature)
    if all(value is None or value.endswith(" UTC") for value in values):
        texts = [None if value is None else _cut(value[:-4], signature) for value in values]
        return pa.array(texts, pa.string()).cast(pa.timestamp(kind.unit)).cast(kind)
    return pa.array([None if value is None else _instant(value) for value in values], pa.timestamp("us", "UTC")).cast(
        kind
    )


def _instant(value: str) -> datetime:
    local, _, zone = value.rpartition(" ")
    if zone[:1] in "+-":
        return datetime.fromisoformat(local + zone).astimezone(UTC)
    try:
        return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except ZoneInfoNotFoundError:
        raise ValueError(zone) from None


def _cut(value: str | None, signature: Signature) -> str | None:
    """Without the digits beyond nanoseconds, which Arrow has no place for."""
    return value[:29] if value is not None and _unit(signature) == "ns" else value


def _unit(signature: Signature) -> str:
    arguments = signature.get("arguments", [])
    return "ns" if arguments and int(arguments[0]["value"]) > 6 else "us"


def _interval(value: str) -> pa.MonthDayNano:
    """`1 02:03:04.005`; Trino has days of 24 hours and no other."""
    sign = -1 if value.startswith("-") else 1
    days, clock = value.lstrip("-").split(" ")
    hours, minutes, seconds = clock.split(":")
    milliseconds = (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)
    return pa.MonthDayNano([0, sign * int(days), sign * milliseconds * 1_000_000])


def _months(value: str) -> pa.MonthDayNano:
    """`1-6`: one year and six months."""
    sign = -1 if value.startswith("-") else 1
    years, months = value.lstrip("-").split("-")
    return pa.MonthDayNano([sign * (int(years) * 12 + int(months)), 0, 0])


def _fields(signature: Signature) -> list[tuple[str, Signature]]:
    """Names and types of a row; what has no name is called by its place."""
    found = []
    for place, argument in enumerate(signature["arguments"]):
        named = argument["value"]
        said = named.get("fieldName") or {}
        found.append((str(said.get("name") or f"field{place}"), named["typeSignature"]))
    return found


def _raw(signature: Signature) -> str:
    return str(signature["rawType"]).lower()


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "real": float,  # NaN and infinity come as texts
    "double": float,
    "varbinary": base64.b64decode,
    "time": time.fromisoformat,
    "interval day to second": _interval,
    "interval year to month": _months,
}
_KEYS: Mapping[str, Callable[[str], Any]] = {
    "boolean": lambda text: text == "true",
    "tinyint": int,
    "smallint": int,
    "integer": int,
    "bigint": int,
}
