"""What the readers pass on: chunks of files in, records and rejections out."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

PART_BYTES = 8 << 20
"""Longest piece of raw bytes in one quarantine row."""


class Compression(StrEnum):
    """How a file is compressed, told by its first bytes and never by its name."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class Layout(StrEnum):
    """What the decompressed bytes look like."""

    NDJSON = "ndjson"
    DOCUMENT = "document"
    UTF16 = "utf-16"
    UTF32 = "utf-32"
    EMPTY = "empty"


class Chunk(msgspec.Struct, frozen=True):
    """The part of a file that is read at one go.

    `start` and `end` are bytes of the file as stored. A line belongs to the chunk in which it starts.
    `newlines_before` counts the line feeds in the bytes before `start`. `size` and `modified_ns` say what the file was
    like when it was planned, so that a reader can refuse a file that changed since.
    """

    chunk_id: int
    path: str
    compression: Compression
    layout: Layout
    start: int
    end: int
    newlines_before: int
    size: int
    modified_ns: int


class Record(msgspec.Struct, gc=False):
    """One resource version, deletion or contained resource, ready to land.

    `payload` holds the resource's bytes as written, valid UTF-8; it is None for a deletion. `line` counts from 1, and
    `byte_offset` is where the line or Bundle entry begins in the decompressed file. `last_updated` is UTC.
    `has_fhir_shape` is None for a deletion.
    """

    resource_type: str
    resource_id: str
    payload: bytes | None
    payload_sha256: str
    line: int
    byte_offset: int
    entry: int | None = None
    container_id: str | None = None
    version_id: str | None = None
    last_updated: datetime | None = None
    is_deleted: bool = False
    has_fhir_shape: bool | None = None


class Rejection(msgspec.Struct, gc=False):
    """One source record, or undecodable rest of a file, that cannot land, with its raw bytes.

    `reason` never carries values of the record. `part` is above 0 for a further piece of the same rejection, so that
    rejections are counted by `part == 0`. `line` is None where the bytes have no line (the compressed rest of a file).
    """

    reason_code: str
    reason: str
    raw: bytes
    line: int | None
    byte_offset: int | None
    entry: int | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    part: int = 0


class Split(NamedTuple):
    """A Bundle of so many entries: the Bundle itself is not a record, its entries are."""

    entries: int


Item = Record | Rejection | Split


def in_parts(rejection: Rejection) -> Iterator[Rejection]:
    """The same rejection with its raw bytes cut into pieces of at most PART_BYTES, numbered from its own `part`."""
    if len(rejection.raw) <= PART_BYTES:
        yield rejection
        return
    for number, at in enumerate(range(0, len(rejection.raw), PART_BYTES), start=rejection.part):
        piece = rejection.raw[at : at + PART_BYTES]
        yield msgspec.structs.replace(rejection, raw=piece, part=number)
