"""Bytes of a file as it was before compression, in bounded blocks, up to the last byte that can be decoded."""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol

import zstandard

from lakehouse.errors import InputError
from spark_jobs.ingest.model import Chunk, Compression

BLOCK_BYTES = 1 << 20
# Deflate expands by at most 1,032, zstd by 32,768 (a 4-byte block of 128 KiB): one piece stays below 33 MB unpacked,
# however hostile the file.
_PIECE_BYTES = {Compression.GZIP: 16 << 10, Compression.ZSTD: 1 << 10}


@dataclass(frozen=True)
class Damage:
    """Where a compressed file stops being readable.

    `code` is the reason code, `reason` its sentence, `tail` the file offset of the first byte that gave no output. A
    changed bit may also have altered what was decoded before it was noticed: a checksum comes last.
    """

    code: str
    reason: str
    tail: int


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class Source:
    """The decompressed blocks of one file.

    `given` counts the bytes given so far; `damage` is set once iteration has met bytes that cannot be decoded.
    """

    def __init__(self, path: str, compression: Compression) -> None:
        self.path = path
        self.compression = compression
        self.given = 0
        self.damage: Damage | None = None

    def __iter__(self) -> Iterator[bytes]:
        for block in self._plain() if self.compression is Compression.NONE else self._decompressed():
            self.given += len(block)
            yield block

    def _plain(self) -> Iterator[bytes]:
        with open(self.path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                yield block

    def _decompressed(self) -> Iterator[bytes]:
        """Each frame's output; on damage, that of every byte before it.

        A decoder that fails throws away what it had decoded in the same call. So the frame is decoded once more up to
        the failing piece, and that piece byte by byte: exact, and paid for by damaged files only.
        """
        size = _PIECE_BYTES[self.compression]
        with open(self.path, "rb") as file:
            frame = 0  # file offset at which the current frame begins
            while not self.damage:
                file.seek(frame)
                decoder = _decoder(self.compression)
                position = spent = frame  # read so far; read when output last came
                while not decoder.eof:
                    piece = file.read(size)
                    if not piece:
                        self.damage = self._truncated(spent)
                        return
                    try:
                        output = decoder.decompress(piece)
                    except (zlib.error, zstandard.ZstdError):
                        yield from self._last_bytes(file, frame, position, spent)
                        return
                    position += len(piece)
                    if output:
                        spent = position
                        yield output
                frame = position - len(decoder.unused_data)
                file.seek(frame)
                if not self._has_frame(file, frame):
                    return

    def _has_frame(self, file: IO[bytes], frame: int) -> bool:
        """Whether another frame follows; zeros after the last one are padding, anything else is damage."""
        file.seek(frame)
        rest = file.read(_PIECE_BYTES[self.compression])
        if not rest:
            return False
        if compression_of(rest) is self.compression:
            return True
        while rest:
            if rest.strip(b"\0"):
                self.damage = Damage(
                    f"corrupt_{self.compression}",
                    f"The file has bytes that are not {self.compression} after its {self.compression} data; "
                    "get the file again.",
                    frame,
                )
                return False
            rest = file.read(BLOCK_BYTES)
        return False

    def _last_bytes(self, file: IO[bytes], frame: int, failing: int, spent: int) -> Iterator[bytes]:
        decoder = _decoder(self.compression)
        file.seek(frame)
        while file.tell() < failing:
            size = min(_PIECE_BYTES[self.compression], failing - file.tell())
            decoder.decompress(file.read(size))
        for byte in file.read(_PIECE_BYTES[self.compression]):
            try:
                output = decoder.decompress(bytes((byte,)))
            except (zlib.error, zstandard.ZstdError):
                break
            failing += 1
            if output:
                spent = failing
                yield output
        self.damage = Damage(
            f"corrupt_{self.compression}",
            f"The {self.compression} data is corrupt at byte {failing} of the file or before; what could be read was "
            "read and may be altered; get the file again.",
            spent,
        )

    def _truncated(self, spent: int) -> Damage:
        return Damage(
            f"truncated_{self.compression}",
            f"The {self.compression} data ends too early; what came before was read; get the file again.",
            spent,
        )


def compression_of(head: bytes) -> Compression:
    """How data with these first bytes (four suffice) is compressed."""
    if head[:2] == b"\x1f\x8b":
        return Compression.GZIP
    if head[:4] == b"\x28\xb5\x2f\xfd" or (head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return Compression.ZSTD  # the second: a skippable frame, as parallel writers put first
    return Compression.NONE


def raw_tail(path: str, start: int, size: int) -> Iterator[bytes]:
    """The stored bytes of a file from `start`, in pieces of at most `size`."""
    with open(path, "rb") as file:
        file.seek(start)
        while piece := file.read(size):
            yield piece


def refuse_changed(chunk: Chunk, file: IO[bytes]) -> None:
    """Raise InputError if the file is not the one that was planned: its line numbers and hash would be wrong."""
    found = os.fstat(file.fileno())
    if (found.st_size, found.st_mtime_ns) != (chunk.size, chunk.modified_ns):
        raise InputError(f"{printable(chunk.path)} changed while it was read; ingest it again when it is complete.")


def printable(path: str) -> str:
    """The path as valid Unicode: bytes of a name that are not UTF-8 become `\\xNN`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _decoder(compression: Compression) -> _Decoder:
    if compression is Compression.GZIP:
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor().decompressobj()
