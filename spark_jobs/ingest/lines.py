"""Lines of a file with their numbers and byte offsets, whatever their length and wherever a chunk begins."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

import msgspec

from spark_jobs.ingest.model import PART_BYTES, Chunk
from spark_jobs.ingest.streams import BLOCK_BYTES, refuse_changed

BOM = b"\xef\xbb\xbf"


class Line(msgspec.Struct, gc=False):
    """One line, or one piece of a line that is too long to hold.

    `number` counts from 1; `offset` is the line's first byte in the decompressed file; `raw` comes without its line
    feed and the carriage return before it. `part` is None for a whole line, else the piece's position. `is_ended` is
    False for a last line that no line feed ends.
    """

    number: int
    offset: int
    raw: bytes
    part: int | None = None
    is_ended: bool = True


def chunk_lines(chunk: Chunk, max_bytes: int) -> Iterator[Line]:
    """The lines that start in a chunk of an uncompressed file.

    Raises InputError if the file changed since it was planned.
    """
    with open(chunk.path, "rb") as file:
        refuse_changed(chunk, file)
        start, number = chunk.start, chunk.newlines_before + 1
        if start:
            found = _first_start(file, chunk)
            if found is None:
                return
            number += found != start  # the line that began in an earlier chunk ends in this one
            start = found
        file.seek(start)
        yield from split_lines(_blocks(file, chunk.end - start), start, number, max_bytes, chunk.end)


def _first_start(file: IO[bytes], chunk: Chunk) -> int | None:
    """Where the first line of a chunk begins; None if none does. The byte before the chunk may end a line."""
    position = chunk.start - 1
    file.seek(position)
    while block := file.read(min(BLOCK_BYTES, chunk.end - 1 - position)):
        at = block.find(b"\n")
        if at >= 0:
            return position + at + 1
        position += len(block)
    return None


def _blocks(file: IO[bytes], wanted: int) -> Iterator[bytes]:
    """Blocks of the chunk's own bytes, then as many more as its last line takes."""
    while wanted > 0 and (block := file.read(min(BLOCK_BYTES, wanted))):
        wanted -= len(block)
        yield block
    while block := file.read(BLOCK_BYTES >> 4):
        yield block


def skip_bom(blocks: Iterable[bytes]) -> tuple[int, Iterator[bytes]]:
    """How many bytes of byte order mark a file begins with, and its blocks without them."""
    rest = iter(blocks)
    head = b""
    while len(head) < len(BOM) and (block := next(rest, b"")):
        head += block
    skipped = len(BOM) if head.startswith(BOM) else 0
    return skipped, chain((head[skipped:],), rest)


def split_lines(
    blocks: Iterable[bytes], offset: int, number: int, max_bytes: int, end: int | None = None
) -> Iterator[Line]:
    """Lines of a stream whose first byte has this offset and line number; stops before a line that starts at `end`.

    A byte order mark at offset 0 is left out. A line above `max_bytes` comes in parts of at most PART_BYTES; no more
    than `max_bytes` and a block are held at a time.
    """
    if offset == 0:
        offset, blocks = skip_bom(blocks)
    held = bytearray()  # the line that has not ended yet, without the parts given already
    given = part = 0
    for block in blocks:
        *ended, rest = block.split(b"\n")
        for raw in ended:
            if held:
                raw = bytes(held) + raw
                held.clear()
            length = given + len(raw) + 1
            raw = raw[:-1] if raw[-1:] == b"\r" else raw
            if part or len(raw) > max_bytes:
                yield from _parts(raw, number, offset, part)
            else:
                yield Line(number, offset, raw)
            offset += length
            number += 1
            given = part = 0
            if end is not None and offset >= end:
                return
        held += rest
        if len(held) > (PART_BYTES if part else max_bytes + 1):  # one more: a carriage return may end it
            for line in _parts(bytes(held[:-1]), number, offset, part):
                part = 1 + (line.part or 0)
                yield line
            given += len(held) - 1
            del held[:-1]
    if held or part:
        raw = bytes(held)
        if part or len(raw) > max_bytes:
            yield from _parts(raw, number, offset, part, is_ended=False)
        else:
            yield Line(number, offset, raw, is_ended=False)


def _parts(raw: bytes, number: int, offset: int, part: int, is_ended: bool = True) -> Iterator[Line]:
    for at in range(0, len(raw), PART_BYTES):
        yield Line(number, offset, raw[at : at + PART_BYTES], part, is_ended)
        part += 1
