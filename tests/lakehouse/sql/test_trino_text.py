"""What is sent to Trino: the text as it was written with bound parameters, and types as Arrow has them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pyarrow as pa
import pytest

from lakehouse.errors import InputError
from lakehouse.sql.trino import bound, table_of
from lakehouse.sql.trino_types import arrow_type


def test_parameters_are_bound_in_their_order_and_texts_are_left_alone() -> None:
    sql = "SELECT ':not', x -- :nor this\nFROM t WHERE a = :a AND b = :b AND c = :a;"
    text, names = bound(sql, {"a": 1, "b": "'; DROP TABLE t"})
    assert text == "SELECT ':not', x -- :nor this\nFROM t WHERE a = ? AND b = ? AND c = ?"
    assert names == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT :a", "no value"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("", "one statement"),
        ("DELETE FROM lake.silver.patient", "only queries"),
        ("CREATE TABLE x AS SELECT 1", "only queries"),
        ("CALL lake.system.unregister_table('a', 'b')", "only queries"),
        ("SELECT 'open", "cannot be read"),
    ],
)
def test_what_is_no_query_is_refused_with_a_sentence(sql: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        bound(sql, {})
    with pytest.raises(InputError, match="no parameter :b"):
        bound("SELECT 1", {"b": 1})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("bigint", pa.int64()),
        ("varchar(20)", pa.string()),
        ("decimal(38,9)", pa.decimal128(38, 9)),
        ("timestamp(6) with time zone", pa.timestamp("us", "UTC")),
        ("timestamp(3)", pa.timestamp("us")),
        ("array(varchar)", pa.list_(pa.string())),
        ("map(varchar, array(double))", pa.map_(pa.string(), pa.list_(pa.float64()))),
        (
            'array(row("a ""b" varchar, code varchar, at timestamp(6) with time zone, price decimal(10, 2)))',
            pa.list_(
                pa.struct(
                    [
                        ('a "b', pa.string()),
                        ("code", pa.string()),
                        ("at", pa.timestamp("us", "UTC")),
                        ("price", pa.decimal128(10, 2)),
                    ]
                )
            ),
        ),
        ("row(integer, varchar)", pa.struct([("field0", pa.int32()), ("field1", pa.string())])),
    ],
)
def test_each_type_of_trino_has_its_arrow_type(name: str, kind: pa.DataType) -> None:
    assert arrow_type(name) == kind


def test_what_trino_answers_becomes_arrow_columns() -> None:
    zone = timezone(timedelta(hours=-5))
    columns = [
        SimpleNamespace(name=name, type_code=kind)
        for name, kind in (
            ("at", "timestamp(6) with time zone"),
            ("codings", "array(row(system varchar, price decimal(10, 2)))"),
            ("counts", "map(varchar, bigint)"),
            ("uuid", "uuid"),
        )
    ]
    row = (datetime(2026, 1, 1, 5, tzinfo=zone), [("loinc", Decimal("1.50")), None], {"a": 1}, UUID(int=1))
    told = table_of(columns, [row, (None, None, None, None)])
    assert told.to_pylist() == [
        {
            "at": datetime(2026, 1, 1, 10, tzinfo=UTC),
            "codings": [{"system": "loinc", "price": Decimal("1.50")}, None],
            "counts": [("a", 1)],
            "uuid": "00000000-0000-0000-0000-000000000001",
        },
        {"at": None, "codings": None, "counts": None, "uuid": None},
    ]
    assert table_of(columns, []).schema == told.schema
