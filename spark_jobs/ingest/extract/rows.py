"""One CSV file to its rows and rejections, with line and byte offset of each, in bounded memory.

A quoted cell may hold line feeds, so only who reads from the start knows where a row begins: a file is one task.
"""

import csv
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from catalog.mapping import CsvMapping
from spark_jobs.ingest.bundle import too_large
from spark_jobs.ingest.lines import Line, split_lines
from spark_jobs.ingest.model import Chunk, Layout, Rejection, in_parts
from spark_jobs.ingest.reader import tail_items, wide_items
from spark_jobs.ingest.streams import Source, refuse_changed
from spark_jobs.ingest.tally import Counts

_QUOTED_BYTES = 1 << 20
_QUOTED_LINES = 1000
_encode = msgspec.json.Encoder().encode


class CsvRow(msgspec.Struct, gc=False):
    """One row, ready to land: `payload` is a JSON object of column and raw text, in the header's order."""

    file_kind: str
    line: int
    byte_offset: int
    row_number: int
    payload: bytes
    payload_sha256: str


class _Record(msgspec.Struct, gc=False):
    """The lines of one row as bytes; `cells` is None where they can't be told apart, and `problem` says why."""

    line: int
    offset: int
    raw: bytes
    is_ended: bool = True
    cells: list[str] | None = None
    problem: tuple[str, str] = ("", "")


def read_file(chunk: Chunk, mapping: CsvMapping, max_record_bytes: int, counts: Counts) -> Iterator[CsvRow | Rejection]:
    """The rows and rejections of a file in its order; `counts` is added to, a row being what it calls a line.

    Headers are neither rows nor blank. Raises InputError if the file changed since it was planned.
    """
    for item in _items(chunk, mapping, max_record_bytes, counts):
        if isinstance(item, CsvRow):
            counts.landed += 1
            counts.data_bytes += len(item.payload)
            counts.by_type[item.file_kind] += 1
            yield item
        else:
            counts.add(item)
            yield from in_parts(item)


def _items(chunk: Chunk, mapping: CsvMapping, max_record_bytes: int, counts: Counts) -> Iterator[CsvRow | Rejection]:
    with open(chunk.path, "rb") as file:
        refuse_changed(chunk, file)
    source = Source(chunk.path, chunk.compression)
    if chunk.layout in (Layout.UTF16, Layout.UTF32):
        width = chunk.layout.value.upper()
        yield from wide_items(source, chunk.layout, counts, f"The file is {width}; convert it to UTF-8 and ingest it.")
    else:
        yield from _rows(split_lines(source, 0, 1, max_record_bytes), mapping, max_record_bytes, counts, source)
    if source.damage:
        yield from tail_items(source.damage, source, counts)


def _rows(
    lines: Iterable[Line], mapping: CsvMapping, max_bytes: int, counts: Counts, source: Source
) -> Iterator[CsvRow | Rejection]:
    headers = {kind.names: kind.name for kind in mapping.kinds}
    header: tuple[str, ...] = ()
    kind, no_kind = "", ("", "")
    number = 0
    for record in _records(lines, mapping, max_bytes, source):
        if isinstance(record, Rejection):
            counts.lines += record.part == 0
            yield record
            continue
        cells = record.cells
        if cells is not None and not any(cell.strip() for cell in cells):
            counts.lines += 1
            counts.blank += 1
            continue
        names = tuple(cell.strip() for cell in cells or ())
        if cells is not None and (not header or names in headers):
            header, (kind, no_kind) = names, _kind_of(names, mapping)
            continue
        counts.lines += 1
        number += 1
        problem = record.problem if cells is None else no_kind if not kind else _count(cells, header)
        if problem[0]:
            yield Rejection(*problem, record.raw, record.line, record.offset)
        else:
            payload = _encode(dict(zip(header, cells or (), strict=True)))
            yield CsvRow(kind, record.line, record.offset, number, payload, hashlib.sha256(payload).hexdigest())


def _kind_of(header: tuple[str, ...], mapping: CsvMapping) -> tuple[str, tuple[str, str]]:
    """Name of the kind of file, or why there is none."""
    if len(set(header)) < len(header):
        return "", ("repeated_column", "The file's header names a column twice; name each column once.")
    kind = mapping.kind_of(header)
    if kind is not None:
        return kind.name, ("", "")
    nearest = max(mapping.kinds, key=lambda k: len(set(k.names) & set(header)) / len(k.names))
    missing = [name for name in nearest.names if name not in header]
    said = f"lacks {', '.join(missing[:3])}{' and others' if len(missing) > 3 else ''} of {nearest.name}"
    return "", (
        "unknown_header",
        f"The file's first line is no header that the mapping {mapping.name} knows: it {said}.",
    )


def _count(cells: list[str], header: tuple[str, ...]) -> tuple[str, str]:
    if len(cells) == len(header):
        return "", ""
    return "wrong_cell_count", f"The row has {len(cells)} cells, but the header {len(header)}."


def _records(
    lines: Iterable[Line], mapping: CsvMapping, max_bytes: int, source: Source
) -> Iterator[_Record | Rejection]:
    """Rows as bytes with their cells; a row whose quoted cell does not end is given up after its first line."""
    rest = iter(lines)
    ahead: deque[Line] = deque()  # read to look for the end of a quoted cell
    while (line := ahead.popleft() if ahead else next(rest, None)) is not None:
        if line.part is not None:
            reason = too_large(max_bytes)
            yield Rejection("record_too_large", reason, line.raw, line.number, line.offset, part=line.part)
            continue
        record = _parsed(_Record(line.number, line.offset, line.raw, line.is_ended), mapping)
        if record.problem[0] == "unclosed_quote":
            record = _continued(record, line, rest, ahead, mapping)
        if source.damage and not record.is_ended:
            # the file broke off: a number may have lost its last digits, so even a row that looks whole is none
            record.cells, record.problem = None, ("record_cut_off", f"The row is cut off. {source.damage.reason}")
        yield record


def _continued(first: _Record, line: Line, rest: Iterator[Line], ahead: deque[Line], mapping: CsvMapping) -> _Record:
    """The row with as many of the next lines as its quoted cell takes; they are given back if none of them ends it."""
    quote, raw, end = b'"', bytearray(first.raw), line.offset + len(line.raw)
    taken = 0
    while taken < _QUOTED_LINES and len(raw) < _QUOTED_BYTES:
        if taken == len(ahead):
            following = next(rest, None)
            if following is None:
                return first
            ahead.append(following)
        following = ahead[taken]
        if following.part is not None:
            return first
        raw += b"\r\n" if following.offset - end == 2 else b"\n"
        raw += following.raw
        end = following.offset + len(following.raw)
        taken += 1
        if quote in following.raw and raw.count(quote) % 2 == 0:
            record = _parsed(_Record(first.line, first.offset, bytes(raw), following.is_ended), mapping)
            if record.problem[0]:  # the quote that seems to close it opens another cell: the first line is the fault
                return first
            for _ in range(taken):
                ahead.popleft()
            return record
    return first


def _parsed(record: _Record, mapping: CsvMapping) -> _Record:
    """The record with its cells, or with what is wrong with it."""
    try:
        text = record.raw.decode(mapping.encoding)
    except UnicodeDecodeError as error:
        reason = f"The row is not {mapping.encoding} (byte {error.start}); the mapping can name another `encoding`."
        record.problem = ("invalid_encoding", reason)
        return record
    if '"' not in text:
        record.cells = text.split(mapping.delimiter)
        return record
    try:
        found = list(csv.reader([text], delimiter=mapping.delimiter, strict=True))
        record.cells = found[0] if len(found) == 1 else None
    except csv.Error as error:
        if "unexpected end" in str(error):
            record.problem = ("unclosed_quote", "A quoted cell of the row has no end.")
        elif "field larger" in str(error):
            record.problem = ("cell_too_large", "A quoted cell of the row is longer than 128 KiB.")
        else:
            record.problem = ("broken_quotes", "A quoted cell of the row goes on after its closing quote.")
    return record
