"""One chunk to its items: the one place that knows every layout."""

import codecs
from collections.abc import Iterable, Iterator

from lakehouse.errors import InputError
from spark_jobs.ingest.bundle import Piece, split_documents, too_large
from spark_jobs.ingest.discover import PEEK_BYTES, layout_of
from spark_jobs.ingest.heads import bundle_time
from spark_jobs.ingest.lines import Line, chunk_lines, split_lines
from spark_jobs.ingest.model import PART_BYTES, Chunk, Compression, Item, Layout, Rejection, in_parts
from spark_jobs.ingest.records import Place, entry_items, resource_items
from spark_jobs.ingest.streams import Damage, Source, raw_tail, refuse_changed
from spark_jobs.ingest.tally import Counts


def read_chunk(chunk: Chunk, max_record_bytes: int, counts: Counts) -> Iterator[Item]:
    """The records and rejections of a chunk, in the order of the file; `counts` is added to on the way.

    Holds at most a few times `max_record_bytes`. The rejections' raw bytes are at most PART_BYTES each. Raises
    InputError if the file changed since it was planned.
    """
    for item in _items(chunk, max_record_bytes, counts):
        counts.add(item)
        if isinstance(item, Rejection):
            yield from in_parts(item)
        else:
            yield item


def _items(chunk: Chunk, max_record_bytes: int, counts: Counts) -> Iterator[Item]:
    if chunk.layout is Layout.NDJSON and chunk.compression is Compression.NONE:
        yield from _line_items(chunk_lines(chunk, max_record_bytes), max_record_bytes, counts)
        return
    with open(chunk.path, "rb") as file:
        refuse_changed(chunk, file)
    source = Source(chunk.path, chunk.compression)
    if chunk.layout is Layout.NDJSON:
        lines = split_lines(source, 0, 1, max_record_bytes)
        yield from _line_items(lines, max_record_bytes, counts, source)
    elif chunk.layout is Layout.DOCUMENT:
        yield from _document_items(source, max_record_bytes, counts, source)
    else:
        width = chunk.layout.value.upper()
        reason = (
            f"The file is {width}; FHIR JSON is UTF-8; replay it with `lake replay --encoding {chunk.layout.value}`."
        )
        yield from wide_items(source, chunk.layout, counts, reason)
    if source.damage:
        yield from tail_items(source.damage, source, counts)


def _line_items(
    lines: Iterable[Line], max_record_bytes: int, counts: Counts, source: Source | None = None
) -> Iterator[Item]:
    for line in lines:
        if line.part is not None:
            counts.lines += line.part == 0
            yield Rejection(
                "record_too_large",
                too_large(max_record_bytes),
                line.raw,
                line.number,
                line.offset,
                part=line.part,
            )
            continue
        counts.lines += 1
        if not line.raw or line.raw.isspace():
            counts.blank += 1
            continue
        items = resource_items(line.raw, Place(line.number, line.offset))
        if source and source.damage and not line.is_ended and _is_broken(items[0]):
            items = [_cut_off(source.damage, line.raw, line.number, line.offset)]
        yield from items


def _document_items(
    blocks: Iterable[bytes], max_record_bytes: int, counts: Counts, source: Source | None = None
) -> Iterator[Item]:
    for piece in split_documents(blocks, max_record_bytes):
        if piece.part == 0:
            counts.lines += piece.entry is None
            counts.bundles += piece.kind == "bundle"
            counts.entries += piece.entry is not None
        if source and source.damage and piece.code == "truncated_json":
            rejection = _cut_off(source.damage, piece.raw, piece.line, piece.offset)
            rejection.entry, rejection.part = piece.entry, piece.part
            yield rejection
        else:
            yield from _piece_items(piece)


def _piece_items(piece: Piece) -> Iterator[Item]:
    if piece.code:
        yield Rejection(piece.code, piece.reason, piece.raw, piece.line, piece.offset, piece.entry, part=piece.part)
    elif piece.kind == "value":
        yield from resource_items(piece.raw, Place(piece.line, piece.offset))
    elif piece.kind == "entry":
        time = bundle_time(piece.meta, piece.timestamp)
        yield from entry_items(piece.raw, Place(piece.line, piece.offset, piece.entry, time, depth=1))


def _is_broken(item: Item) -> bool:
    """Whether more bytes might have helped; a last line without a line feed may yet be a whole object."""
    return isinstance(item, Rejection) and item.reason_code in ("truncated_json", "invalid_json", "invalid_utf8")


def _cut_off(damage: Damage, raw: bytes, line: int, offset: int) -> Rejection:
    return Rejection("record_cut_off", f"The record is cut off. {damage.reason}", raw, line, offset)


def wide_items(blocks: Iterable[bytes], layout: Layout, counts: Counts, reason: str) -> Iterator[Rejection]:
    """The whole of a file in UTF-16 or UTF-32 as one rejection, in parts."""
    counts.lines += 1
    held, part, offset = bytearray(), 0, 0
    for block in blocks:
        held += block
        while len(held) > PART_BYTES:
            yield Rejection(layout.value.replace("-", ""), reason, bytes(held[:PART_BYTES]), None, offset, part=part)
            del held[:PART_BYTES]
            part += 1
    yield Rejection(layout.value.replace("-", ""), reason, bytes(held), None, offset, part=part)


def tail_items(damage: Damage, source: Source, counts: Counts) -> Iterator[Rejection]:
    """The compressed bytes that gave nothing, as one rejection in parts; without bytes if none are left."""
    counts.lines += 1
    part = 0
    for raw in raw_tail(source.path, damage.tail, PART_BYTES):
        yield Rejection(damage.code, damage.reason, raw, None, source.given, part=part)
        part += 1
    if not part:
        yield Rejection(damage.code, damage.reason, b"", None, source.given)


def read_again(
    raw: bytes,
    line: int | None,
    byte_offset: int | None,
    entry: int | None,
    encoding: str | None,
    max_record_bytes: int,
    counts: Counts,
) -> Iterator[Item]:
    """What a quarantined record's raw bytes (its parts joined) hold, read in another encoding if one is given.

    Line, offset and entry are those of the quarantine row. Without a line the bytes are a whole file: they are read
    like one, and lines and offsets count in its UTF-8 form. Bytes that do not fit the encoding are rejected again.
    Raises InputError for an unknown encoding.
    """
    place = Place(line or 1, byte_offset or 0, entry, depth=int(entry is not None))
    try:
        data = _to_utf8(raw, encoding) if encoding else raw
    except UnicodeDecodeError as error:
        reason = f"The bytes are not {encoding} (byte {error.start}); try another encoding."
        items: Iterable[Item] = [Rejection("wrong_encoding", reason, raw, line, byte_offset, entry)]
        counts.lines += 1
    else:
        if line is None:
            items = _whole_items(data, max_record_bytes, counts)
        else:
            counts.lines += 1
            items = entry_items(data, place) if entry is not None else resource_items(data, place)
    for item in items:
        counts.add(item)
        if isinstance(item, Rejection):
            yield from in_parts(item)
        else:
            yield item


def _whole_items(data: bytes, max_record_bytes: int, counts: Counts) -> Iterator[Item]:
    lines = data.count(b"\n") + (data[-1:] != b"\n")
    if layout_of(data[:PEEK_BYTES], lines) is Layout.NDJSON:
        return _line_items(split_lines([data], 0, 1, max_record_bytes), max_record_bytes, counts)
    return _document_items([data], max_record_bytes, counts)


def _to_utf8(raw: bytes, encoding: str) -> bytes:
    """The bytes as UTF-8 without a byte order mark; UTF-16 and UTF-32 may come in either order."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(f"There is no encoding {encoding!r}; use one such as utf-16 or latin-1.") from None
    if name in ("utf-16", "utf-32") and raw[:1] == b"\0" and not raw.startswith(b"\0\0\xfe\xff"):
        name += "-be"  # without a mark Python would take the machine's order; a zero first byte tells
    return raw.decode(name).removeprefix("\ufeff").encode()
