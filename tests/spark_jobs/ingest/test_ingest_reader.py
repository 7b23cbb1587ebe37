"""Bad input of every kind lands what can land, and keeps the rest with its place and its bytes."""

import gzip
import json
import random
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_reading import Read, bundle, read_file, resource

from lakehouse.errors import InputError
from spark_jobs.ingest.model import PART_BYTES, Layout, Record, Rejection
from spark_jobs.ingest.reader import read_again
from spark_jobs.ingest.tally import Counts

Reader = Callable[..., Read]
A, B, C = resource("Patient/a"), resource("Patient/b"), resource("Observation/c")


def lines(*raws: bytes) -> bytes:
    return b"".join(raw + b"\n" for raw in raws)


def noisy(number: int) -> bytes:
    """A resource that compresses badly, so that damage in the middle of a file spares many lines."""
    return resource(f"Patient/p{number}", text=random.Random(number).randbytes(300).hex())


def test_a_malformed_line_is_kept_with_line_offset_and_bytes(read: Reader) -> None:
    found = read(lines(A, b'{"resourceType":', B))
    assert found.names == ["Patient/a", "Patient/b"]
    (rejection,) = found.rejections
    assert (rejection.line, rejection.byte_offset, rejection.raw) == (2, len(A) + 1, b'{"resourceType":')
    assert found.counts.lines == 3


def test_a_missing_final_newline_loses_nothing(read: Reader) -> None:
    assert read(lines(A) + B).names == ["Patient/a", "Patient/b"]


def test_a_line_of_50_mb_lands(read: Reader) -> None:
    long = resource("Binary/long", data="A" * 50_000_000)
    found = read(lines(A, long, B), chunk_bytes=1 << 20, max_record_bytes=64 << 20)
    assert found.names == ["Patient/a", "Binary/long", "Patient/b"]
    assert found.records[1].payload == long


def test_a_line_over_the_limit_is_kept_in_parts_and_its_neighbours_land(read: Reader) -> None:
    long = resource("Binary/long", data="A" * 20_000_000)
    for data in (lines(A, long, B), gzip.compress(lines(A, long, B))):
        found = read(data, max_record_bytes=10_000_000)
        assert found.names == ["Patient/a", "Patient/b"]
        assert set(found.codes) == {"record_too_large"}
        assert [rejection.part for rejection in found.rejections] == list(range(len(found.codes)))
        assert max(len(rejection.raw) for rejection in found.rejections) <= PART_BYTES
        assert b"".join(rejection.raw for rejection in found.rejections) == long
        assert {rejection.line for rejection in found.rejections} == {2}


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compressed_lines_land_with_offsets_of_the_decompressed_file(
    read: Reader, compress: Callable[[bytes], bytes]
) -> None:
    found = read(compress(lines(A)) + compress(lines(B, C)))
    assert [(record.line, record.byte_offset) for record in found.records] == [
        (1, 0),
        (2, len(A) + 1),
        (3, len(A) + len(B) + 2),
    ]


@pytest.mark.parametrize(("compress", "name"), [(gzip.compress, "gzip"), (zstandard.compress, "zstd")])
def test_a_truncated_compressed_file_gives_its_whole_lines_and_keeps_the_rest(
    read: Reader, compress: Callable[[bytes], bytes], name: str
) -> None:
    raws = [noisy(number) for number in range(2000)]
    stored = compress(lines(*raws))
    found = read(stored[: len(stored) // 2])
    landed = len(found.records)
    assert 500 < landed < 1500
    assert [record.payload for record in found.records] == raws[:landed]
    cut_off, rest = found.rejections
    assert (cut_off.reason_code, rest.reason_code) == ("record_cut_off", f"truncated_{name}")
    assert (cut_off.line, cut_off.byte_offset) == (landed + 1, len(lines(*raws[:landed])))
    assert raws[landed].startswith(cut_off.raw)
    assert rest.byte_offset == (cut_off.byte_offset or 0) + len(cut_off.raw)
    assert stored[: len(stored) // 2].endswith(rest.raw)
    assert len(rest.raw) < len(stored) // 4  # what was decoded isn't kept again


def test_a_whole_last_line_lands_though_the_compressed_data_ends_too_early(read: Reader) -> None:
    found = read(gzip.compress(lines(A) + B)[:-4])
    assert (found.names, found.codes) == (["Patient/a", "Patient/b"], ["truncated_gzip"])


@pytest.mark.parametrize(("compress", "name"), [(gzip.compress, "gzip"), (zstandard.compress, "zstd")])
def test_a_corrupt_compressed_file_gives_what_came_before_and_keeps_the_rest(
    read: Reader, compress: Callable[[bytes], bytes], name: str
) -> None:
    raws = [noisy(number) for number in range(2000)]
    stored = bytearray(compress(lines(*raws)))
    middle = len(stored) // 2
    stored[middle : middle + 64] = bytes(64)
    found = read(bytes(stored))
    assert [record.payload for record in found.records[:700]] == raws[:700]
    assert len(found.records) < 1500
    last = found.rejections[-1]
    assert last.reason_code == f"corrupt_{name}"
    assert bytes(stored).endswith(b"".join(r.raw for r in found.rejections if r.reason_code == last.reason_code))


def test_bytes_after_a_compressed_file_are_kept_unless_they_are_padding(read: Reader) -> None:
    assert read(gzip.compress(lines(A, B)) + bytes(5000)).codes == []
    found = read(gzip.compress(lines(A, B)) + b"more")
    assert (found.names, found.codes) == (["Patient/a", "Patient/b"], ["corrupt_gzip"])
    assert found.rejections[0].raw == b"more"


def test_an_empty_file_is_nothing(read: Reader) -> None:
    found = read(b"")
    assert (found.layout, found.counts.lines, found.codes) == (Layout.EMPTY, 0, [])


def test_blank_lines_are_counted_and_nothing_else(read: Reader) -> None:
    found = read(lines(A, b"", b" \t", B, b"\r"))
    assert (found.counts.lines, found.counts.blank, found.counts.landed, found.codes) == (5, 3, 2, [])


def test_a_byte_order_mark_and_crlf_are_no_part_of_the_payload(read: Reader) -> None:
    found = read(b"\xef\xbb\xbf" + A + b"\r\n" + B + b"\r\n")
    assert [record.payload for record in found.records] == [A, B]
    assert [record.byte_offset for record in found.records] == [3, 5 + len(A)]


def test_latin1_lines_are_rejected_one_by_one(read: Reader) -> None:
    latin = '{"resourceType":"Patient","id":"x","name":[{"family":"Müller"}]}'
    found = read(lines(A, latin.encode("latin-1"), latin.encode("utf-8"), B))
    assert (found.names, found.codes) == (["Patient/a", "Patient/x", "Patient/b"], ["invalid_utf8"])


@pytest.mark.parametrize(
    ("encoding", "code"),
    [("utf-16", "utf16"), ("utf-16-be", "utf16"), ("utf-16-le", "utf16"), ("utf-32", "utf32"), ("utf-32-be", "utf32")],
)
def test_a_utf16_file_is_one_rejection_that_a_replay_reads(read: Reader, encoding: str, code: str) -> None:
    data = lines(A, B, C).decode().encode(encoding)
    found = read(data)
    assert (found.codes, found.rejections[0].raw, found.rejections[0].line) == ([code], data, None)
    family = encoding[:6]
    assert f"`lake replay --encoding {family}`" in found.rejections[0].reason

    counts = Counts()
    again = list(read_again(data, None, 0, None, family, 1 << 20, counts))
    assert [item.payload for item in again if isinstance(item, Record)] == [A, B, C]
    assert counts.is_whole


def test_a_long_utf16_file_is_kept_in_parts(read: Reader) -> None:
    data = ("{}\n" * 6_000_000).encode("utf-16")
    found = read(data)
    assert found.counts.rejected == 1
    assert b"".join(rejection.raw for rejection in found.rejections) == data
    assert max(len(rejection.raw) for rejection in found.rejections) <= PART_BYTES


def test_a_replay_in_another_encoding_lands_a_latin1_line_where_it_stood() -> None:
    raw = '{"resourceType":"Patient","id":"x","name":[{"family":"Müller"}]}'.encode("latin-1")
    counts = Counts()
    (record,) = read_again(raw, 9, 1234, None, "latin-1", 1 << 20, counts)
    assert isinstance(record, Record)
    assert (record.line, record.byte_offset) == (9, 1234)
    assert record.payload == raw.decode("latin-1").encode()
    (entry,) = read_again(b'{"resource":%s}' % A, 1, 50, 3, None, 1 << 20, counts)
    assert isinstance(entry, Record)
    assert (entry.resource_id, entry.entry) == ("a", 3)
    assert counts.is_whole


def test_a_replay_in_a_wrong_encoding_is_rejected_again_and_an_unknown_one_is_an_error() -> None:
    counts = Counts()
    (rejection,) = read_again(b"\xff\xfe{", 9, 1234, None, "ascii", 1 << 20, counts)
    assert isinstance(rejection, Rejection)
    assert (rejection.reason_code, rejection.raw, counts.is_whole) == ("wrong_encoding", b"\xff\xfe{", True)
    with pytest.raises(InputError, match="no encoding 'klingon'"):
        list(read_again(b"", 1, 0, None, "klingon", 1 << 20, counts))


def test_a_file_that_is_not_fhir_is_one_rejection(read: Reader) -> None:
    settings_file = json.dumps({"population": 5, "seeds": [1, 2]}, indent=2).encode()
    for data, code in (
        (settings_file, "not_fhir"),
        (b"# Notes\n\nJust text.\n", "not_json"),
        (b"PK\x03\x04..", "not_json"),
    ):
        found = read(data)
        assert (found.names, found.codes) == ([], [code])
        assert found.rejections[0].raw == data


def test_mixed_types_the_same_id_twice_and_older_versions_all_land(read: Reader) -> None:
    newer = resource("Patient/a", meta={"lastUpdated": "2024-02-01T00:00:00Z"})
    older = resource("Patient/a", meta={"lastUpdated": "2024-01-01T00:00:00Z"})
    found = read(lines(newer, C, older, older))
    assert found.names == ["Patient/a", "Observation/c", "Patient/a", "Patient/a"]
    assert found.counts.by_type == {"Patient": 3, "Observation": 1}


def test_a_pretty_printed_resource_and_several_in_a_file_land_byte_for_byte(read: Reader) -> None:
    pretty = json.dumps(json.loads(A), indent=2).encode()
    found = read(pretty + b"\n")
    assert (found.layout, found.records[0].payload, found.records[0].line) == (Layout.DOCUMENT, pretty, 1)
    assert read(pretty + b"\n" + pretty).names == ["Patient/a", "Patient/a"]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_bundle_document_lands_its_entries(
    read: Reader, compress: Callable[[bytes], bytes], indent: int | None
) -> None:
    entries = [{"resource": json.loads(raw)} for raw in (A, B, C)]
    entries.append({"request": {"method": "DELETE", "url": "Patient/d"}})
    document = json.dumps(
        {"resourceType": "Bundle", "timestamp": "2024-01-01T00:00:00Z", "entry": entries}, indent=indent
    ).encode()
    found = read(compress(document))
    assert found.names == ["Patient/a", "Patient/b", "Observation/c", "Patient/d"]
    assert [record.entry for record in found.records] == [0, 1, 2, 3]
    assert found.records[3].is_deleted
    assert found.records[3].last_updated is not None
    assert (found.counts.bundles, found.counts.entries, found.counts.records) == (1, 4, 4)
    for record in found.records[:3]:
        assert record.payload in document[record.byte_offset :]


def test_a_truncated_bundle_lands_the_entries_before_the_damage(read: Reader) -> None:
    document = bundle(*({"resource": json.loads(noisy(number))} for number in range(500)))
    for data, code in ((document[:100_000], "truncated_json"), (gzip.compress(document)[:30_000], "record_cut_off")):
        found = read(data)
        assert 50 < len(found.records) < 500
        assert found.names == [f"Patient/p{number}" for number in range(len(found.records))]
        assert found.codes[0] == code
        assert document[found.rejections[0].byte_offset :].startswith(found.rejections[0].raw)
        assert found.rejections[0].entry == len(found.records)


def test_one_bad_entry_costs_one_entry(read: Reader) -> None:
    document = b'{"resourceType":"Bundle","entry":[{"resource":%s},{"resource":{"id":tru}},{"resource":%s}]}' % (A, B)
    found = read(document)
    assert (found.names, found.codes) == (["Patient/a", "Patient/b"], ["invalid_json"])


def test_an_empty_bundle_is_no_record(read: Reader) -> None:
    found = read(lines(bundle(), A))
    assert (found.names, found.codes, found.counts.bundles, found.counts.records) == (["Patient/a"], [], 1, 1)


def test_deleted_files_of_a_bulk_export_are_tombstones(read: Reader) -> None:
    deletion = {"request": {"method": "DELETE", "url": "Patient/gone"}}
    found = read(lines(bundle(deletion, type="transaction"), bundle(deletion, deletion, type="transaction")))
    assert found.names == ["Patient/gone"] * 3
    assert (found.counts.deleted, found.counts.landed, found.counts.lines) == (3, 3, 2)


DIRTY_LINE = st.one_of(
    st.sampled_from([b"", b" ", b"\r", b"{}", b"null", b"\xff", b"\0", b"{", b"}", b'"', A[:-5]]),
    st.sampled_from(["Patient", "Foo", "Observation"]).flatmap(
        lambda kind: st.sampled_from(["a", "b", ""]).map(lambda name: resource(f"{kind}/{name}"))
    ),
    st.lists(
        st.sampled_from(
            [
                {"resource": json.loads(A)},
                {"resource": {"resourceType": "Patient"}},
                {"request": {"method": "DELETE", "url": "Patient/a"}},
                {},
                {"resource": {"resourceType": "Bundle", "entry": [{"resource": json.loads(B)}, {}]}},
            ]
        ),
        max_size=4,
    ).map(lambda entries: bundle(*entries)),
    st.just(resource("Condition/c", contained=[json.loads(A), json.loads(B)])),
    st.binary(max_size=30),
)
SHAPE = st.sampled_from([bytes, gzip.compress, zstandard.compress])


@given(
    raws=st.lists(DIRTY_LINE, max_size=25),
    ending=st.sampled_from([b"\n", b"\r\n"]),
    shape=SHAPE,
    chunk_bytes=st.integers(16, 400),
    limit=st.integers(40, 2000),
    keep=st.floats(0.3, 1) | st.just(1.0),
)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_on_dirty_input(
    tmp_path_factory: pytest.TempPathFactory,
    raws: list[bytes],
    ending: bytes,
    shape: Callable[[bytes], bytes],
    chunk_bytes: int,
    limit: int,
    keep: float,
) -> None:
    stored = shape(ending.join(raws))
    path = tmp_path_factory.getbasetemp() / "dirty"
    path.write_bytes(stored[: int(len(stored) * keep)])
    found = read_file(path, chunk_bytes, limit)  # holds the law
    whole = read_file(path, 1 << 20, limit)
    assert found.records == whole.records
    assert found.codes.count("invalid_json") == whole.codes.count("invalid_json")
    places = [(r.line, r.byte_offset, r.entry, r.part, r.reason_code) for r in found.rejections]
    assert len(set(places)) == len(places)


@given(raws=st.lists(DIRTY_LINE.filter(lambda raw: b"\n" not in raw), min_size=2, max_size=25))
@settings(deadline=None)
def test_every_line_of_plain_ndjson_is_landed_kept_or_blank(
    tmp_path_factory: pytest.TempPathFactory, raws: list[bytes]
) -> None:
    path = tmp_path_factory.getbasetemp() / "plain"
    path.write_bytes(lines(A, *raws))
    found = read_file(path)
    if found.layout is not Layout.NDJSON:
        return  # random bytes may begin like UTF-16
    by_line: dict[int | None, set[str]] = {}
    for record in found.records:
        by_line.setdefault(record.line, set()).add("landed")
    for rejection in found.rejections:
        by_line.setdefault(rejection.line, set()).add("rejected")
        if rejection.entry is None:
            assert rejection.raw == raws[(rejection.line or 0) - 2].removesuffix(b"\r")
    for number, raw in enumerate(raws, start=2):
        is_empty_bundle = raw == bundle()
        assert (number in by_line) == bool(raw.strip() and not is_empty_bundle), raw
    assert found.counts.blank == sum(not raw.strip() for raw in raws)
