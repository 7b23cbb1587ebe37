"""Which files to read, what each is like, and how to cut it into chunks."""

import glob
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import msgspec

from lakehouse.errors import InputError
from spark_jobs.ingest.lines import BOM
from spark_jobs.ingest.model import Chunk, Compression, Layout
from spark_jobs.ingest.streams import BLOCK_BYTES, Source, compression_of, printable

PEEK_BYTES = 1 << 20
_BOMS = (
    (b"\xff\xfe\0\0", Layout.UTF32),  # before UTF-16, whose mark it begins with
    (b"\0\0\xfe\xff", Layout.UTF32),
    (b"\xff\xfe", Layout.UTF16),
    (b"\xfe\xff", Layout.UTF16),
)
# JSON begins with an ASCII character, so the zeros among the first four bytes tell the width.
_IS_NUL: dict[tuple[bool, ...], Layout] = {
    (True, True, True, False): Layout.UTF32,
    (False, True, True, True): Layout.UTF32,
    (True, False, True, False): Layout.UTF16,
    (False, True, False, True): Layout.UTF16,
}


@dataclass(frozen=True)
class SourceFile:
    """A file as it was when it was looked at.

    `sha256` (hexadecimal) and `size` are of the stored bytes. `window_newlines` counts the line feeds in each window
    of `window_bytes` stored bytes, in order; it is only used for uncompressed NDJSON.
    """

    path: Path
    size: int
    modified_ns: int
    sha256: str
    compression: Compression
    layout: Layout
    window_bytes: int
    window_newlines: tuple[int, ...]

    @property
    def name(self) -> str:
        """The path as `source_file` has it: valid Unicode, whatever the bytes of the name."""
        return printable(str(self.path))


def discover(paths: Sequence[str]) -> list[Path]:
    """The absolute paths of all files that files, folders (with all below) and globs name; sorted, each once.

    Hidden files are left out unless named outright. Raises InputError for a path that is missing, unreadable or not a
    regular file, and for a glob without a match.
    """
    found: set[str] = set()
    for path in paths:
        if os.path.lexists(path):
            found.update(_files(path))
            continue
        matches = glob.glob(path, recursive=True) if glob.has_magic(path) else []
        if glob.has_magic(path) and not matches:
            raise InputError(f"Nothing matches {printable(path)}; check the pattern and the folder.")
        if not matches:
            raise InputError(f"{printable(path)} does not exist; check the path.")
        for match in matches:
            found.update(_files(match))
    return [Path(path) for path in sorted(found)]


def _files(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        for folder, folders, names in os.walk(path, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                child = os.path.join(folder, name)
                if not name.startswith(".") and (os.path.islink(child) or os.path.isfile(child)):
                    yield _readable(child)
        return
    yield _readable(path)


def _readable(path: str) -> str:
    try:
        # Opening a named pipe would wait for a writer, so look at the kind first.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"{printable(path)} is not a regular file; give files, folders or globs.")
        with open(path, "rb"):
            return os.path.abspath(path)
    except OSError as error:
        _refuse(error)
        raise


def _refuse(error: OSError) -> None:
    name = printable(str(error.filename))
    raise InputError(
        f"{name} can't be read ({error.strerror}); check that it exists and that you may read it."
    ) from error


def inspect(path: Path, window_bytes: int) -> SourceFile:
    """Read a file once and say what it is; its hash, its line feeds by window, its compression and layout.

    Raises InputError if it can't be read. Holds a block at a time, and may run in several threads.
    """
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            digest = hashlib.sha256()
            counts: list[int] = []
            left = 0  # bytes of the current window still to come
            head = last = b""
            while block := file.read(min(BLOCK_BYTES, left or window_bytes)):
                if not left:
                    counts.append(0)
                    left = window_bytes
                left -= len(block)
                head = head or block[:4]
                last = block[-1:]
                digest.update(block)
                counts[-1] += block.count(b"\n")
        compression = compression_of(head)
        lines = sum(counts) + (last != b"\n")
        layout = _layout(path, compression, lines)
    except OSError as error:
        _refuse(error)
        raise
    return SourceFile(
        path,
        status.st_size,
        status.st_mtime_ns,
        digest.hexdigest(),
        compression,
        layout,
        window_bytes,
        tuple(counts),
    )


def inspect_all(paths: Sequence[Path], window_bytes: int, threads: int) -> Iterator[SourceFile]:
    """`inspect` of each path, in order, in several threads (hashing and reading release the interpreter lock)."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda path: inspect(path, window_bytes), paths)


def _layout(path: Path, compression: Compression, lines: int) -> Layout:
    """The layout, from the first PEEK_BYTES decompressed bytes and, for a plain file, its number of lines."""
    head = bytearray()
    source = Source(str(path), compression)
    for block in source:
        head += block
        if len(head) >= PEEK_BYTES:
            break
    if not head.removeprefix(BOM):
        return Layout.NDJSON if source.damage else Layout.EMPTY  # damage at the start: read it to reject it
    return layout_of(bytes(head[:PEEK_BYTES]), lines if compression is Compression.NONE else None)


def layout_of(head: bytes, lines: int | None = None) -> Layout:
    """The layout of data that begins with these bytes; `lines` is how many lines it has, None if that isn't known.

    NDJSON has a whole JSON value on its first line, or, if that line is broken, on another one while the lines
    together are no JSON. A single line is a document, since a Bundle of any size may stand on one.
    """
    for bom, layout in _BOMS:
        if head.startswith(bom):
            return layout
    width = _IS_NUL.get(tuple(byte == 0 for byte in head[:4]))
    if width:
        return width
    head = head.removeprefix(BOM)
    if lines == 1:
        return Layout.DOCUMENT
    first, *others = [line for line in head.split(b"\n") if line.strip()] or [b""]
    if not others and len(head) >= PEEK_BYTES:  # the line goes on beyond what was looked at
        return Layout.DOCUMENT if b'"Bundle"' in head and lines is None else Layout.NDJSON
    if not first or _is_json(first):
        return Layout.NDJSON
    if _begins_json(head) or not any(line[:1] == b"{" and _is_json(line) for line in others):
        return Layout.DOCUMENT
    return Layout.NDJSON


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _begins_json(text: bytes) -> bool:
    """Whether more bytes could make it valid JSON, or it is."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    except RecursionError:
        return False
    return True


def plan(files: Sequence[SourceFile], chunk_bytes: int) -> list[Chunk]:
    """What to read, in the order of files and bytes: uncompressed NDJSON in ranges, each other file as one chunk.

    Ranges are whole windows of the inspection, at least `chunk_bytes` long save the last. An empty file has no chunk.
    """
    chunks: list[Chunk] = []
    for file in files:
        if file.layout is Layout.EMPTY:
            continue
        whole = file.layout is not Layout.NDJSON or file.compression is not Compression.NONE
        windows = -(-max(chunk_bytes, 1) // file.window_bytes)
        step = max(file.size, 1) if whole else windows * file.window_bytes
        before = [0, *accumulate(file.window_newlines)]
        for start in range(0, file.size, step):
            chunks.append(
                Chunk(
                    len(chunks),
                    str(file.path),
                    file.compression,
                    file.layout,
                    start,
                    min(start + step, file.size),
                    before[start // file.window_bytes],
                    file.size,
                    file.modified_ns,
                )
            )
    return chunks
