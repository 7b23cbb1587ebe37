"""Files are found and recognised by what is in them."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest
import zstandard

from lakehouse.errors import InputError
from spark_jobs.ingest.discover import discover, inspect, inspect_all, plan
from spark_jobs.ingest.model import Compression, Layout

LINES = b'{"resourceType":"Patient","id":"a"}\n{"resourceType":"Patient","id":"b"}\n'


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINES)


def test_files_folders_and_globs_are_found_once_sorted_without_hidden_ones(tmp_path: Path) -> None:
    make(tmp_path, "b.ndjson", "a.ndjson", "sub/deep/c.json", ".hidden", ".git/d.json", "sub/.part")
    paths = [str(tmp_path / "b.ndjson"), str(tmp_path), str(tmp_path / "*.ndjson"), str(tmp_path / "su*")]
    assert [str(path.relative_to(tmp_path)) for path in discover(paths)] == ["a.ndjson", "b.ndjson", "sub/deep/c.json"]
    assert discover([str(tmp_path / ".hidden")]) == [tmp_path / ".hidden"]


def test_a_missing_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.json does not exist; check the path"):
        discover([str(tmp_path / "nothing.json")])


def test_a_glob_without_a_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Nothing matches .*\*\.ndjson"):
        discover([str(tmp_path / "*.ndjson")])


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path: Path) -> None:
    make(tmp_path, "a[1].json", "a1.json")
    assert discover([str(tmp_path / "a[1].json")]) == [tmp_path / "a[1].json"]


def test_a_dangling_link_and_a_pipe_are_errors(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"link\.json can't be read"):
        discover([str(tmp_path)])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        discover([str(tmp_path / "pipe")])


def test_an_unreadable_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "secret.json")

    def refuse(path: str, *_: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refuse)  # root may read anything, so file modes can't show it
    with pytest.raises(InputError, match=r"secret\.json can't be read \(Permission denied\)"):
        discover([str(tmp_path)])


def test_a_name_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/na\xefve.ndjson"
    with open(path, "wb") as file:
        file.write(LINES)
    (found,) = discover([str(tmp_path)])
    assert inspect(found, 1000).name == f"{tmp_path}/na\\xefve.ndjson"


def test_compression_is_told_by_content_and_hash_is_of_stored_bytes(tmp_path: Path) -> None:
    stored = {Compression.GZIP: gzip.compress(LINES), Compression.ZSTD: zstandard.compress(LINES)}
    for compression, data in stored.items():
        path = tmp_path / "plain.ndjson"
        path.write_bytes(data)
        file = inspect(path, 1000)
        assert (file.compression, file.layout) == (compression, Layout.NDJSON)
        assert (file.sha256, file.size) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parametrize(
    ("data", "layout"),
    [
        (LINES, Layout.NDJSON),
        (b"\xef\xbb\xbf" + LINES, Layout.NDJSON),
        (b"\n\n" + LINES, Layout.NDJSON),
        (LINES.replace(b"\n", b"\r\n"), Layout.NDJSON),
        (b'{"resourceType":"Patient","id":"cut\n' + LINES, Layout.NDJSON),
        (b'{"resourceType":"Patient","name":[\n' + LINES, Layout.NDJSON),
        (b"garbage\n" + LINES, Layout.NDJSON),
        (b'{"resourceType":"Patient","id":"a"}', Layout.DOCUMENT),
        (b'{\n  "resourceType": "Patient",\n  "id": "a"\n}\n', Layout.DOCUMENT),
        (b'{"resourceType":"Bundle","entry":[\n{"resource":{"resourceType":"Patient"}}\n]}\n', Layout.DOCUMENT),
        (b"# Notes\nnothing here\n", Layout.DOCUMENT),
        ("{}\n{}".encode("utf-16"), Layout.UTF16),
        ("{}\n{}".encode("utf-16-be"), Layout.UTF16),
        ("{}\n{}".encode("utf-16-le"), Layout.UTF16),
        ("{}\n{}".encode("utf-32"), Layout.UTF32),
        ("{}\n{}".encode("utf-32-be"), Layout.UTF32),
        (b"", Layout.EMPTY),
        (b"\xef\xbb\xbf", Layout.EMPTY),
        (gzip.compress(b"", mtime=0), Layout.EMPTY),
        (gzip.compress(LINES, mtime=0)[:6], Layout.NDJSON),
    ],
)
def test_layout_is_told_by_content(tmp_path: Path, data: bytes, layout: Layout) -> None:
    (tmp_path / "file").write_bytes(data)
    assert inspect(tmp_path / "file", 1000).layout is layout


def test_a_first_line_longer_than_the_peek_is_still_ndjson(tmp_path: Path) -> None:
    line = b'{"resourceType":"Binary","id":"a","data":"' + b"A" * (2 << 20) + b'"}\n'
    for data in (line + line, gzip.compress(line + line)):
        (tmp_path / "file").write_bytes(data)
        assert inspect(tmp_path / "file", 1 << 20).layout is Layout.NDJSON


def test_only_plain_ndjson_is_cut_into_ranges(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(LINES * 50)
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(LINES * 50))
    (tmp_path / "c.json").write_bytes(b"{\n" + b" " * 5000 + b"\n}")
    (tmp_path / "d.json").write_bytes(b"")
    files = list(inspect_all(discover([str(tmp_path)]), 500, threads=2))
    chunks = plan(files, 1000)
    assert [chunk.chunk_id for chunk in chunks] == list(range(len(chunks)))
    for file in files[:3]:
        own = [chunk for chunk in chunks if chunk.path == str(file.path)]
        assert [chunk.start for chunk in own] == [0, *(chunk.end for chunk in own[:-1])]
        assert own[-1].end == file.size
        assert len(own) == (4 if file.path.name == "a.ndjson" else 1)
    assert not [chunk for chunk in chunks if chunk.path.endswith("d.json")]


def test_a_file_that_vanishes_before_it_is_looked_at_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json can't be read \(No such file or directory\)"):
        inspect(tmp_path / "gone.json", 1000)


def test_a_first_line_nested_too_deeply_costs_that_line_only(tmp_path: Path) -> None:
    (tmp_path / "deep").write_bytes(b"[" * 5000 + b"]" * 5000 + b"\n" + LINES)
    assert inspect(tmp_path / "deep", 1 << 20).layout is Layout.NDJSON
