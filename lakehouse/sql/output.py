"""A result as text: a table for people, CSV for other programs, JSON for exactness."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, TextIO
from uuid import UUID

import msgspec
import pyarrow as pa

Format = Literal["table", "csv", "json"]

# A spreadsheet runs a cell as a formula when it begins like this. A sign alone, as in "+++" or "-5", is left as it is,
# for laboratory results are written so; a sign before a letter or a bracket is not.
_FORMULA = re.compile(r"[=@\t\r]|[+-].*[A-Za-z(]", re.DOTALL)
_QUOTED = re.compile(r'[",\r\n]|^\s|\s$|^$')
_MAX_TABLE_WIDTH = 100_000


def render(table: pa.Table, format: Format, out: TextIO) -> None:
    """Write the rows of `table` to `out`.

    - `table`: for people. Control, formatting and bidirectional characters are shown as `\\u{…}`: a value cannot
      steer the terminal or forge a row; null is `null`; the last line counts the rows.
    - `csv`: RFC 4180, with a header and CRLF. Null is an empty field, an empty text is `""`. A text that a spreadsheet
      would run as a formula gets an apostrophe in front: take JSON where each character counts.
    - `json`: an array of objects. Decimals are exact numbers, instants and days ISO 8601, binary hex, NaN and infinity
      null. Columns of one name get `_2`, `_3`.
    """
    if format == "csv":
        _csv(table, out)
    elif format == "json":
        _json(table, out)
    else:
        _table(table, out)


def _rows(table: pa.Table) -> Iterator[list[Any]]:
    """The rows as lists of Python values, a batch at a time; columns may share a name."""
    for batch in table.to_batches(max_chunksize=1000):
        columns = [column.to_pylist() for column in batch.columns]
        for row in range(batch.num_rows):
            yield [column[row] for column in columns]


def _plain(value: Any) -> Any:
    """Values that JSON has no form for in the form that this module promises."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, pa.MonthDayNano):
        return _interval(value)
    if isinstance(value, tuple):  # Arrow gives a map as a list of (key, value)
        return {"key": _plain(value[0]), "value": _plain(value[1])}
    return value


def _interval(value: pa.MonthDayNano) -> str:
    """As Trino writes it, such as `2 03:00:00.000` or, of months, `1-6`; with both, one after the other."""
    months, days, nanoseconds = value
    years = f"{'-' if months < 0 else ''}{abs(months) // 12}-{abs(months) % 12}"
    milliseconds = days * 86_400_000 + round(nanoseconds / 1_000_000)
    seconds, rest = divmod(abs(milliseconds), 1000)
    clock = f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
    time = f"{'-' if milliseconds < 0 else ''}{seconds // 86_400} {clock}"
    return " ".join([years] * bool(months) + [time] * (bool(milliseconds) or not months))


def _instant(value: datetime) -> str:
    return value.isoformat().removesuffix("+00:00") + ("Z" if value.utcoffset() == timedelta(0) else "")


def _text(value: Any) -> str:
    """One cell of a table or a CSV file; nested values are JSON."""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, Decimal):
        return format(plain, "f")
    if isinstance(plain, dict | list):
        return _encoder().encode(plain).decode()
    return str(plain)


def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(decimal_format="number")


def _csv(table: pa.Table, out: TextIO) -> None:
    out.write(",".join(_csv_cell(name) for name in table.column_names) + "\r\n")
    for row in _rows(table):
        out.write(",".join("" if value is None else _csv_cell(value) for value in row) + "\r\n")


def _csv_cell(value: Any) -> str:
    text = _text(value)
    if isinstance(value, str) and _FORMULA.match(text):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def _json(table: pa.Table, out: TextIO) -> None:
    names, encoder, separator = _unique(table.column_names), _encoder(), "\n"
    out.write("[")
    for row in _rows(table):
        values = dict(zip(names, map(_plain, row), strict=True))
        out.write(separator + encoder.encode(values).decode())
        separator = ",\n"
    out.write("\n]\n")


def _unique(names: list[str]) -> list[str]:
    unique: list[str] = []
    for name in names:
        candidate, count = name, 1
        while candidate in unique:
            count += 1
            candidate = f"{name}_{count}"
        unique.append(candidate)
    return unique


def _table(table: pa.Table, out: TextIO) -> None:
    from rich.box import SIMPLE_HEAD  # slow to import, and only this form needs it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, show_edge=False)
    for field in table.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        grid.add_column(Text(_visible(field.name)), justify="right" if number else "left", overflow="fold")
    for row in _rows(table):
        cells = ["null" if value is None else _visible(_text(value)) for value in row]
        grid.add_row(*[Text(cell) for cell in cells])
    # A file or a pipe gets each row on one line; a terminal folds long cells.
    console = Console(file=out, width=None if out.isatty() else _MAX_TABLE_WIDTH, highlight=False)
    if table.num_columns:
        console.print(grid)
    out.write(f"({table.num_rows} row{'' if table.num_rows == 1 else 's'})\n")


def _visible(text: str) -> str:
    """The text with everything that would act instead of being shown spelt out."""
    return "".join(f"\\u{{{ord(c):x}}}" if unicodedata.category(c) in _UNSHOWN else c for c in text)


_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
