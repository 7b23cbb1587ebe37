"""Lines keep their bytes, numbers and offsets wherever a chunk begins."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import InputError
from spark_jobs.ingest.discover import inspect, plan
from spark_jobs.ingest.lines import Line, chunk_lines, split_lines
from spark_jobs.ingest.model import Chunk, Compression, Layout

CONTENT = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\r", b"", b"a", b"{}", b"\xef\xbb\xbf", b"\xff\0", b"long" * 9]), max_size=40
).map(b"".join)


def chunks_of(path: Path, chunk_bytes: int) -> list[Chunk]:
    data = path.read_bytes()
    status = path.stat()
    return [
        Chunk(
            number,
            str(path),
            Compression.NONE,
            Layout.NDJSON,
            start,
            min(start + chunk_bytes, len(data)),
            data[:start].count(b"\n"),
            len(data),
            status.st_mtime_ns,
        )
        for number, start in enumerate(range(0, len(data), chunk_bytes))
    ]


def joined(lines: list[Line]) -> list[tuple[int, int, bytes]]:
    """Lines with their parts put together."""
    whole: list[tuple[int, int, bytes]] = []
    for line in lines:
        if line.part:
            number, offset, raw = whole.pop()
            assert (number, offset) == (line.number, line.offset)
            whole.append((number, offset, raw + line.raw))
        else:
            whole.append((line.number, line.offset, line.raw))
    return whole


@given(data=CONTENT, chunk_bytes=st.integers(1, 60), limit=st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_chunks_of_any_size_give_the_lines_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk_bytes: int, limit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(data)
    found = joined([line for chunk in chunks_of(path, chunk_bytes) for line in chunk_lines(chunk, limit)])

    bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    expected = data[bom:].split(b"\n")
    ended = [True] * (len(expected) - 1) + [False]
    if not expected[-1]:
        expected.pop()
    raws = [raw[:-1] if e and raw.endswith(b"\r") else raw for raw, e in zip(expected, ended, strict=False)]
    assert [raw for _, _, raw in found] == raws
    assert [number for number, _, _ in found] == list(range(1, len(raws) + 1))
    for _, offset, raw in found:
        assert data[offset : offset + len(raw)] == raw
        assert offset in (0, bom) or data[offset - 1 : offset] == b"\n"


@given(data=CONTENT, sizes=st.lists(st.integers(1, 9), min_size=1), limit=st.integers(1, 40))
@settings(deadline=None)
def test_blocks_of_any_size_give_the_same_lines(data: bytes, sizes: list[int], limit: int) -> None:
    blocks, at = [], 0
    while at < len(data):
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(data[at : at + size])
        at += size
    assert joined(list(split_lines(blocks, 0, 1, limit))) == joined(list(split_lines([data], 0, 1, limit)))


def test_plan_gives_each_chunk_its_first_line_number(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(b"".join(b'{"n":%d}\n' % n for n in range(1, 4001)))
    chunks = plan([inspect(path, 1000)], 1000)
    lines = [line for chunk in chunks for line in chunk_lines(chunk, 1 << 20)]
    assert len(chunks) > 30
    assert [line.raw for line in lines] == [b'{"n":%d}' % line.number for line in lines]
    assert [line.number for line in lines] == list(range(1, 4001))


def test_a_long_line_comes_in_bounded_parts_and_the_next_line_is_whole() -> None:
    blocks = [b"x" * (1 << 20)] * 20 + [b"\nnext\n"]
    lines = list(split_lines(blocks, 0, 1, 3 << 20))
    assert max(len(line.raw) for line in lines) <= 8 << 20
    assert sum(len(line.raw) for line in lines if line.number == 1) == 20 << 20
    assert (lines[-1].number, lines[-1].raw, lines[-1].part) == (2, b"next", None)


def test_a_file_that_changed_after_planning_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "growing.ndjson"
    path.write_bytes(b"{}\n{}\n")
    (chunk,) = plan([inspect(path, 1000)], 1000)
    path.write_bytes(b"{}\n{}\n{}\n")
    with pytest.raises(InputError, match=r"growing\.ndjson changed while it was read"):
        list(chunk_lines(chunk, 1000))
