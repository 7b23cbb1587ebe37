"""Rows as Trino sends them become Arrow's columns, with the types that the embedded engine gives."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.errors import InputError
from lakehouse.sql.trino_arrow import arrow_type, as_table


def of(raw: str, *arguments: Any) -> dict[str, Any]:
    """A type's signature, as the protocol writes it."""
    return {"rawType": raw, "arguments": [a if "kind" in a else {"kind": "TYPE", "value": a} for a in arguments]}


def long(value: int) -> dict[str, Any]:
    return {"kind": "LONG", "value": value}


def row(**fields: Any) -> dict[str, Any]:
    named = [
        {"kind": "NAMED_TYPE", "value": {"fieldName": {"name": name}, "typeSignature": kind}}
        for name, kind in fields.items()
    ]
    return of("row", *named)


TEXT, AT = of("varchar"), of("timestamp with time zone", long(6))
PRICE = of("decimal", long(10), long(2))


@pytest.mark.parametrize(
    ("signature", "kind"),
    [
        (of("bigint"), pa.int64()),
        (of("varchar", long(20)), pa.string()),
        (of("decimal", long(38), long(9)), pa.decimal128(38, 9)),
        (AT, pa.timestamp("us", "UTC")),
        (of("timestamp", long(6)), pa.timestamp("us")),
        (of("array", TEXT), pa.list_(pa.string())),
        (of("map", TEXT, of("array", of("double"))), pa.map_(pa.string(), pa.list_(pa.float64()))),
        (row(code=TEXT, at=AT), pa.struct([("code", pa.string()), ("at", pa.timestamp("us", "UTC"))])),
        (of("uuid"), pa.string()),
    ],
)
def test_each_type_of_trino_has_its_arrow_type(signature: dict[str, Any], kind: pa.DataType) -> None:
    assert arrow_type(signature) == kind


def columns(**kinds: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "typeSignature": kind} for name, kind in kinds.items()]


def test_what_trino_answers_becomes_arrow_columns() -> None:
    asked = columns(
        at=AT,
        day=of("date"),
        price=PRICE,
        codings=of("array", row(system=TEXT, price=PRICE)),
        counts=of("map", TEXT, of("bigint")),
        size=of("double"),
        ok=of("boolean"),
    )
    told = as_table(
        asked,
        [
            [
                "2026-01-01 05:00:00.000000 America/Lima",
                "2026-01-31",
                "1.50",
                [["loinc", "1.50"], None],
                {"a": 1},
                "NaN",
                True,
            ],
            [None] * 7,
        ],
    )
    first, second = told.to_pylist()
    assert math.isnan(first.pop("size"))
    assert first == {
        "at": datetime(2026, 1, 1, 10, tzinfo=UTC),
        "day": date(2026, 1, 31),
        "price": Decimal("1.50"),
        "codings": [{"system": "loinc", "price": Decimal("1.50")}, None],
        "counts": [("a", 1)],
        "ok": True,
    }
    assert set(second.values()) == {None}
    assert as_table(asked, []).schema == told.schema


def test_a_day_that_arrow_has_no_form_for_is_told_in_a_sentence() -> None:
    with pytest.raises(InputError, match="cast it to varchar"):
        as_table(columns(day=of("date")), [["+12345-01-01"]])
