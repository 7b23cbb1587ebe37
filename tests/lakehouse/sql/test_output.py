"""Results as text: exact where programs read them, harmless where people do."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.sql.output import Format, render


def text_of(table: pa.Table, form: Format) -> str:
    out = io.StringIO(newline="")
    render(table, form, out)
    return out.getvalue()


SAMPLE = pa.table(
    {
        "name": ["Ann", None],
        "born_on": pa.array([date(1980, 1, 2), None]),
        "seen_at": pa.array([datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "weight_kg": pa.array([Decimal("70.50"), None], pa.decimal128(38, 2)),
        "raw": pa.array([b"\x00\xff", None]),
        "codings": pa.array([[{"system": "s", "code": "c"}], None]),
        "is_deleted": pa.array([False, None]),
    }
)


def test_json_keeps_every_value_exactly() -> None:
    rows = json.loads(text_of(SAMPLE, "json"), parse_float=Decimal)
    assert rows[0] == {
        "name": "Ann",
        "born_on": "1980-01-02",
        "seen_at": "2020-01-02T03:04:05Z",
        "weight_kg": Decimal("70.50"),
        "raw": "00ff",
        "codings": [{"system": "s", "code": "c"}],
        "is_deleted": False,
    }
    assert set(rows[1].values()) == {None}


def test_json_number_has_all_digits_of_a_decimal() -> None:
    table = pa.table({"x": pa.array([Decimal("1234567890123456789012345678.90")], pa.decimal128(38, 2))})
    assert "1234567890123456789012345678.90" in text_of(table, "json")


def test_intervals_are_written_as_in_trino() -> None:
    intervals = [(0, 2, 10_800_000_000_000), (0, -1, -1_500_000_000), (18, 0, 0), (-1, 0, 0), (0, 0, 0), (1, 1, 0)]
    column = pa.array([pa.MonthDayNano(interval) for interval in intervals], pa.month_day_nano_interval())
    expected = ["2 03:00:00.000", "-1 00:00:01.500", "1-6", "-0-1", "0 00:00:00.000", "0-1 1 00:00:00.000"]
    assert text_of(pa.table({"d": column}), "csv").splitlines() == ["d", *expected]


def test_json_of_nothing_is_an_empty_array() -> None:
    assert json.loads(text_of(SAMPLE.slice(0, 0), "json")) == []


def test_json_keeps_columns_of_one_name_apart() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], names=["a", "a", "a_2"])
    row = json.loads(text_of(table, "json"))[0]
    assert list(row.values()) == [1, 2, 3]


def test_json_has_no_number_that_json_lacks() -> None:
    assert json.loads(text_of(pa.table({"x": [float("nan"), float("inf")]}), "json")) == [{"x": None}, {"x": None}]


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.integers(-(2**63), 2**63 - 1)), min_size=1))
def test_csv_reads_back_as_it_was_written(rows: list[tuple[str | None, int | None]]) -> None:
    texts = [None if text is None else text.replace("=", "").replace("@", "").strip("+-\t\r") for text, _ in rows]
    numbers = [number for _, number in rows]
    table = pa.table({"t": pa.array(texts, pa.string()), "n": pa.array(numbers, pa.int64())})
    header, *read = csv.reader(io.StringIO(text_of(table, "csv"), newline=""))
    assert header == ["t", "n"]
    assert read == [
        ["" if text is None else text, "" if number is None else str(number)]
        for text, number in zip(texts, numbers, strict=True)
    ]


def test_csv_tells_null_from_empty_text_and_ends_lines_as_rfc_4180_says() -> None:
    assert text_of(pa.table({"t": [None, "", 'a"b', "x,y"]}), "csv") == 't\r\n\r\n""\r\n"a""b"\r\n"x,y"\r\n'


@pytest.mark.parametrize("cell", ["=1+1", "=HYPERLINK(1)", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+A1", "\t=1", "-(1)"])
def test_csv_text_that_a_spreadsheet_would_run_is_disarmed(cell: str) -> None:
    (value,) = list(csv.reader(io.StringIO(text_of(pa.table({"t": [cell]}), "csv"), newline="")))[1]
    assert value == "'" + cell


@pytest.mark.parametrize("cell", ["+++", "-", "-5", "+49 170 1", "5-10", "a=b"])
def test_csv_text_of_laboratory_results_and_numbers_stays_as_it_is(cell: str) -> None:
    assert list(csv.reader(io.StringIO(text_of(pa.table({"t": [cell]}), "csv"), newline="")))[1] == [cell]


def test_csv_number_is_never_taken_for_a_formula() -> None:
    assert text_of(pa.table({"n": [-1]}), "csv") == "n\r\n-1\r\n"


@settings(deadline=None)
@given(st.text())
def test_table_lets_no_value_steer_the_terminal(value: str) -> None:
    shown = text_of(pa.table({value: [value]}), "table")
    body = shown.replace("\n", "")
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u200b\u2028\u2066\ufeff" for c in body)
    assert shown.count("\n") <= 4  # header, line, row, count: a value cannot add a row


def test_table_shows_markup_literally_and_counts_rows() -> None:
    shown = text_of(pa.table({"t": ["[red]x[/red]", "\x1b[31mx"], "n": [1, None]}), "table")
    assert "[red]x[/red]" in shown
    assert "\\u{1b}[31mx" in shown
    assert "null" in shown
    assert shown.endswith("(2 rows)\n")


def test_table_keeps_each_row_on_one_line_when_it_is_piped() -> None:
    long = "x" * 5000
    assert long in text_of(pa.table({"t": [long], "u": [long]}), "table")
