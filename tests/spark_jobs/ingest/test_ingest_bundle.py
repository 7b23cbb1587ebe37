"""Documents of any size are cut where JSON ends, whatever the blocks they are read in."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_jobs.ingest.bundle import Piece, split_documents
from spark_jobs.ingest.model import PART_BYTES

TEXT = st.text(st.sampled_from('a{}[]",:\\\n é€😀\ud83d'.replace("\ud83d", "")), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
MEMBERS = st.dictionaries(TEXT.filter(lambda key: key not in ("entry", "resourceType", "meta")), VALUES, max_size=3)


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def cut(data: bytes, size: int = 7, max_bytes: int = 1 << 20) -> list[Piece]:
    pieces = list(split_documents(blocks(data, size), max_bytes))
    for piece in pieces:
        if piece.raw and not piece.part:
            assert data[piece.offset : piece.offset + len(piece.raw)] == piece.raw
    return pieces


@given(
    entries=st.lists(VALUES, max_size=6),
    before=MEMBERS,
    after=MEMBERS,
    size=st.integers(1, 50),
    indent=st.sampled_from([None, 2]),
    ascii_only=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_a_bundles_entries_are_those_of_a_json_parser(
    entries: list[Any],
    before: dict[str, Any],
    after: dict[str, Any],
    size: int,
    indent: int | None,
    ascii_only: bool,
) -> None:
    document = {"resourceType": "Bundle", **before, "meta": {"x": 1}, "entry": entries, **after}
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode()
    first, *rest = cut(data, size)
    assert (first.kind, {piece.kind for piece in rest} <= {"entry"}) == ("bundle", True)
    assert [json.loads(piece.raw) for piece in rest] == entries
    assert [piece.entry for piece in rest] == list(range(len(entries)))
    assert all(json.loads(piece.meta) == {"x": 1} for piece in rest)


@given(documents=st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=4), size=st.integers(1, 50))
@settings(deadline=None)
def test_other_documents_are_given_whole_one_after_another(documents: list[dict[str, Any]], size: int) -> None:
    documents = [{"resourceType": "Patient", **document} for document in documents]
    pieces = cut(b"\n".join(json.dumps(document, indent=1).encode() for document in documents), size)
    assert [(piece.kind, json.loads(piece.raw)) for piece in pieces] == [("value", d) for d in documents]
    starts = [1 + sum(json.dumps(d, indent=1).count("\n") + 1 for d in documents[:n]) for n in range(len(documents))]
    assert [piece.line for piece in pieces] == starts


@given(entries=st.lists(VALUES, min_size=1, max_size=5), size=st.integers(1, 50), data=st.data())
@settings(deadline=None)
def test_a_bundle_cut_off_anywhere_gives_its_whole_entries_and_the_rest(
    entries: list[Any], size: int, data: st.DataObject
) -> None:
    whole = json.dumps({"resourceType": "Bundle", "entry": entries}).encode()
    keep = data.draw(st.integers(1, len(whole) - 1))
    *pieces, rest = cut(whole[:keep], size)
    assert (rest.kind, rest.offset + len(rest.raw)) == ("rest", keep)
    assert rest.code in ("truncated_json", "invalid_json")
    landed = [json.loads(piece.raw) for piece in pieces if piece.kind == "entry"]
    assert landed == entries[: len(landed)]


def test_an_entry_list_before_the_resource_type_is_found() -> None:
    document = b'{"entry":[{"a":1},{"a":2}],"meta":{},"resourceType":"Bundle"}'
    assert [piece.kind for piece in cut(document)] == ["value"]  # small enough to be held
    assert [piece.raw for piece in cut(document, max_bytes=30)][1:3] == [b'{"a":1}', b'{"a":2}']
    cut_off = cut(document[:-10])
    assert [piece.kind for piece in cut_off] == ["bundle", "entry", "entry", "rest"]


def test_a_list_resource_keeps_its_own_entries() -> None:
    document = b'{"resourceType":"List","id":"a","entry":[{"item":{}}]}'
    assert [(piece.kind, piece.raw) for piece in cut(document)] == [("value", document)]


def test_a_value_over_the_limit_comes_in_parts_and_the_next_one_whole() -> None:
    long = b'{"data":"' + b'\\"{[' * (5 << 20) + b'"}'
    document = b'{"resourceType":"Bundle","entry":[' + long + b',{"a":1}]}{"resourceType":"Patient"}'
    pieces = list(split_documents(blocks(document, 1 << 20), 4 << 20))
    parts = [piece for piece in pieces if piece.code == "record_too_large"]
    assert b"".join(piece.raw for piece in parts) == long
    assert [piece.part for piece in parts] == list(range(len(parts)))
    assert max(len(piece.raw) for piece in parts) <= PART_BYTES
    assert [piece.raw for piece in pieces if not piece.code] == [b"", b'{"a":1}', b'{"resourceType":"Patient"}']


def test_what_is_no_json_object_is_one_rest() -> None:
    for data, code in (
        (b"[1, 2]", "not_json"),
        (b"hello\nworld", "not_json"),
        (b'{"resourceType":"Bundle" 1}', "invalid_json"),
        (b'{"resourceType":"Bundle","entry":[1 }', "invalid_json"),
        (b'{"resourceType":"Bundle","total":tr', "invalid_json"),
        (b'{"resourceType":"Bundle","entry":[]', "truncated_json"),
    ):
        *_, rest = cut(data)
        assert (rest.kind, rest.code) == ("rest", code), data
        assert data.endswith(rest.raw)


def test_a_long_rest_comes_in_parts() -> None:
    data = b"no json " * (3 << 20)
    pieces = list(split_documents(blocks(data, 1 << 20), 1 << 20))
    assert b"".join(piece.raw for piece in pieces) == data
    assert [piece.part for piece in pieces] == [0, 1, 2]
