"""Cuts JSON documents of any size into Bundle entries and resources, byte for byte and in bounded memory.

Only as much of JSON is understood as finding the cuts takes: strings, brackets, and the members of the outermost
object. Whoever decodes the slices finds the other mistakes, and each costs one slice.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from spark_jobs.ingest.lines import skip_bom
from spark_jobs.ingest.model import PART_BYTES

# Both run over what cannot end a value; possessive, so that nothing is given back and tried again. Whole brackets with
# at most one level inside are passed in one step: 80 MB/s instead of 32 of dense FHIR.
_PLAIN = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
_LEAF = rb"[\[{](?:" + _PLAIN + rb")*+[\]}]"
_TWIG = rb"[\[{](?:" + _PLAIN + rb"|" + _LEAF + rb")*+[\]}]"
_TO_BRACKET = re.compile(rb"(?:" + _PLAIN + rb"|" + _TWIG + rb")*+", re.DOTALL)
_TO_QUOTE = re.compile(rb"""(?:[^"\\]++|\\.)*+""", re.DOTALL)
_GAP = re.compile(rb"[ \t\r\n,]*+")
_SCALAR = re.compile(rb"""[^\s,"\[\]{}]*+""")
_ENVELOPE_BYTES = 64 << 10
_QUOTE, _BACKSLASH, _OPENING = ord('"'), ord("\\"), frozenset(b"[{")

Kind = Literal["value", "bundle", "entry", "rest"]


class Piece(msgspec.Struct, gc=False):
    """One slice of a document: `raw`, whose first byte is `offset` in the stream.

    `kind` is "value" for a whole top-level object, "bundle" once for a Bundle whose entries follow (no bytes), "entry"
    for one of its entries, "rest" for what could not be cut, up to the end of the stream. `line` is that of the
    document's first byte, from 1; `entry` the position in the Bundle, from 0. `code` and `reason` say what is wrong
    with a piece that cannot be used; a long one comes in several pieces numbered by `part`. `meta` and `timestamp` are
    the Bundle's, as far as they came before the entry.
    """

    kind: Kind
    offset: int
    line: int
    raw: bytes = b""
    entry: int | None = None
    code: str = ""
    reason: str = ""
    part: int = 0
    meta: bytes = b""
    timestamp: bytes = b""


class _TruncatedError(Exception):
    """The stream ends inside a value."""


class _MalformedError(Exception):
    """What follows cannot stand there."""


class _TooLargeError(Exception):
    """A value is longer than the limit; its scan can go on."""


class _Window:
    """The part of the stream that is still needed: `data[0]` is byte `base` of it, on line `line`.

    `document` is the line on which the current document began, `entry` the Bundle entry that is being read.
    """

    def __init__(self, blocks: Iterable[bytes], max_bytes: int) -> None:
        self.base, self._blocks = skip_bom(blocks)
        self.max_bytes = max_bytes
        self.data = bytearray()
        self.line = self.document = 1
        self.entry: int | None = None
        self.envelope: dict[bytes, bytes] = {}

    def more(self) -> bool:
        """Append the next block, if there is one."""
        for block in self._blocks:
            if block:
                self.data += block
                return True
        return False

    def drop(self, upto: int) -> None:
        """Forget what lies before a position, which becomes 0."""
        self.line += self.data.count(b"\n", 0, upto)
        self.base += upto
        del self.data[:upto]

    def after_gap(self, position: int) -> int:
        """The first position from here that is neither white space nor a comma; the data's length at its end."""
        while True:
            match = _GAP.match(self.data, position)
            position = match.end() if match else position
            if position < len(self.data) or not self.more():
                return position

    def at(self, position: int) -> bytes:
        """The byte there. Raises _TruncatedError at the end of the stream."""
        if position >= len(self.data) and not self.more():
            raise _TruncatedError
        return bytes(self.data[position : position + 1])

    def piece(self, kind: Kind, raw: bytes = b"") -> Piece:
        meta, timestamp = self.envelope.get(b"meta", b""), self.envelope.get(b"timestamp", b"")
        return Piece(kind, self.base, self.document, raw, self.entry, meta=meta, timestamp=timestamp)


class _Scan:
    """How far the scan of the value at a position has come; goes on after more data came or was dropped."""

    def __init__(self, window: _Window, position: int) -> None:
        self.in_string = window.at(position) == b'"'
        self.depth = 0 if self.in_string else 1  # inside the first bracket: a step may pass whole ones
        self.position = position + 1

    def run(self, window: _Window, limit: int) -> int:
        """The position behind the value. Raises _TruncatedError, _TooLargeError if the window outgrows the limit."""
        while not self._advance(window.data):
            if len(window.data) > limit:
                raise _TooLargeError
            if not window.more():
                raise _TruncatedError
        return self.position

    def _advance(self, data: bytearray) -> bool:
        position, size = self.position, len(data)  # locals: this loop is the cost of a document
        while position < size:
            match = (_TO_QUOTE if self.in_string else _TO_BRACKET).match(data, position)
            self.position = position = match.end() if match else position
            if position == size or data[position] == _BACKSLASH:
                return False  # the backslash's second half is in the next block
            byte = data[position]
            self.position = position = position + 1
            if byte == _QUOTE:
                self.in_string = not self.in_string
            else:
                self.depth += 1 if byte in _OPENING else -1
            if self.depth <= 0 and not self.in_string:
                return True
        return False


def split_documents(blocks: Iterable[bytes], max_bytes: int) -> Iterator[Piece]:
    """The pieces of a stream of JSON objects, one after another with or without white space between them.

    Every byte but white space, commas and a Bundle's own members is in exactly one piece. A Bundle is streamed as soon
    as its `resourceType` is known; one whose `entry` comes first is held up to `max_bytes` and given whole.
    """
    window = _Window(blocks, max_bytes)
    try:
        while True:
            window.drop(window.after_gap(0))
            window.document, window.entry, window.envelope = window.line, None, {}
            if not window.data:
                return
            if window.at(0) != b"{":
                yield from _rest(window, "not_json", "The data is not a JSON object.")
                return
            yield from _document(window)
    except _TruncatedError:
        yield from _rest(window, "truncated_json", "The JSON ends too early.")
    except _MalformedError:
        yield from _rest(window, "invalid_json", f"The JSON is invalid from byte {window.base} of the data on.")


def _document(window: _Window) -> Iterator[Piece]:
    start, is_bundle = _find_type(window)
    if is_bundle:
        window.drop(start or 1)
        yield from _bundle(window)
        return
    scan = _Scan(window, 0)
    try:
        end = scan.run(window, window.max_bytes)
    except (_TruncatedError, _TooLargeError) as error:
        if start is not None:  # no type, but entries: as good as a Bundle, and its sound entries land
            window.drop(start)
            yield from _bundle(window)
        elif isinstance(error, _TooLargeError):
            yield from _too_large(window, scan, "value")
        else:
            raise
        return
    yield window.piece("value", bytes(window.data[:end]))
    window.drop(end)


def _find_type(window: _Window) -> tuple[int | None, bool]:
    """Where to go on, and whether it is known to be a Bundle.

    Reads members up to `resourceType`. The place is the member `entry` if that came before it, for a Bundle else what
    follows the type; None for another resource.
    """
    position, entry = 1, None
    try:
        while (member := _member(window, position)) is not None:
            key, value = member
            if key == b"entry" and window.at(value) == b"[" and entry is None:
                entry = position
            end = _value_end(window, value)
            if key == b"resourceType":
                is_bundle = window.data[value:end] == b'"Bundle"'
                return (end, True) if is_bundle and entry is None else (entry if is_bundle else None, False)
            _keep(window, key, value, end)
            position = end
    except (_TruncatedError, _MalformedError, _TooLargeError):
        pass  # met again by the scan of the whole
    return entry, False


def _bundle(window: _Window) -> Iterator[Piece]:
    """The entries of a Bundle whose members go on at the window's begin."""
    yield window.piece("bundle")
    while (member := _member(window, 0)) is not None:
        key, value = member
        if key == b"entry" and window.at(value) == b"[":
            window.drop(value + 1)
            yield from _entries(window)
            continue
        try:
            end = _value_end(window, value)
        except _TooLargeError as error:
            raise _MalformedError from error
        _keep(window, key, value, end)
        window.drop(end)
    window.drop(window.after_gap(0) + 1)


def _entries(window: _Window) -> Iterator[Piece]:
    index = 0
    while True:
        window.drop(window.after_gap(0))
        if window.at(0) == b"]":
            window.drop(1)
            window.entry = None
            return
        window.entry = index
        scan = _Scan(window, 0)
        try:
            end = _value_end(window, 0, scan)
        except _TooLargeError:
            yield from _too_large(window, scan, "entry")
        else:
            yield window.piece("entry", bytes(window.data[:end]))
            window.drop(end)
        index += 1


def _member(window: _Window, position: int) -> tuple[bytes, int] | None:
    """Name and value's position of the member that follows; None at the end of the object."""
    position = window.after_gap(position)
    if (byte := window.at(position)) == b"}":
        return None
    if byte != b'"':
        raise _MalformedError
    end = _value_end(window, position)
    colon = window.after_gap(end)
    if window.at(colon) != b":":
        raise _MalformedError
    return bytes(window.data[position + 1 : end - 1]), window.after_gap(colon + 1)


def _value_end(window: _Window, position: int, scan: _Scan | None = None) -> int:
    if window.at(position) in b'{["':
        return (scan or _Scan(window, position)).run(window, window.max_bytes)
    while (match := _SCALAR.match(window.data, position)) and match.end() == len(window.data):
        if len(window.data) > window.max_bytes or not window.more():
            raise _MalformedError
    if not match or match.end() == position:
        raise _MalformedError
    return match.end()


def _keep(window: _Window, key: bytes, start: int, end: int) -> None:
    if key in (b"meta", b"timestamp") and end - start <= _ENVELOPE_BYTES:
        window.envelope[key] = bytes(window.data[start:end])


def _too_large(window: _Window, scan: _Scan, kind: Kind) -> Iterator[Piece]:
    """The pieces of a value that is longer than the limit, without ever holding all of it."""
    code, reason = "record_too_large", too_large(window.max_bytes)
    first, part, end = window.piece(kind), 0, None
    while end is None:
        try:
            end = scan.run(window, 2 * PART_BYTES)
        except _TooLargeError:
            end = None
        upto = end or scan.position
        for at in range(0, upto, PART_BYTES):
            raw = bytes(window.data[at : min(at + PART_BYTES, upto)])
            yield msgspec.structs.replace(first, raw=raw, code=code, reason=reason, part=part)
            part += 1
        window.drop(upto)
        scan.position = 0


def too_large(max_bytes: int) -> str:
    """The sentence about a record over the limit."""
    return f"The record is longer than {max_bytes} bytes; raise LAKE_MAX_RECORD_BYTES and replay it."


def _rest(window: _Window, code: str, reason: str) -> Iterator[Piece]:
    """All that is left of the stream, in pieces; one without bytes if nothing is left."""
    first, part = window.piece("rest"), 0
    while True:
        while len(window.data) < PART_BYTES and window.more():
            pass
        raw = bytes(window.data[:PART_BYTES])
        if raw or not part:
            yield msgspec.structs.replace(first, raw=raw, code=code, reason=reason, part=part)
        if not raw:
            return
        del window.data[:PART_BYTES]
        part += 1
