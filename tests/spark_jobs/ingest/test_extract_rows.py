"""CSV as it comes: each row with its place, whatever quotes, line ends and encoding; the rest held with a reason."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from catalog.mapping import CsvMapping, read_mapping
from spark_jobs.ingest.discover import inspect
from spark_jobs.ingest.extract.frames import whole_files
from spark_jobs.ingest.extract.rows import CsvRow, read_file
from spark_jobs.ingest.model import Rejection
from spark_jobs.ingest.tally import Counts

HEADER = b"stay,ward\n"
Read = tuple[list[CsvRow], list[Rejection], Counts]


def beds(**changes: Any) -> CsvMapping:
    """A mapping of stays and of the wards' names."""
    resource = {"resourceType": "Encounter", "id": "{stay}"}
    files = {
        "stays": {"columns": {"stay": {"type": "id"}, "ward": {}}, "resources": [{"resource": resource}]},
        "wards": {"columns": {"ward": {}, "name": {}}, "key": "ward"},
    }
    return read_mapping("beds", json.dumps({"title": "Beds", "files": files, **changes}))


def read(folder: Path, data: bytes, mapping: CsvMapping | None = None, max_bytes: int = 1 << 20) -> Read:
    """Rows, rejections and counts of a file with these bytes."""
    path = folder / "beds.csv"
    path.write_bytes(data)
    counts = Counts()
    items: list[CsvRow | Rejection] = []
    for chunk in whole_files([inspect(path, 1 << 20)]):
        items += read_file(chunk, mapping or beds(), max_bytes, counts)
    rows = [i for i in items if isinstance(i, CsvRow)]
    assert counts.is_whole
    assert counts.landed == len(rows)
    return rows, [i for i in items if isinstance(i, Rejection)], counts


def cells(rows: list[CsvRow]) -> list[dict[str, str]]:
    """What stood in the cells."""
    return [json.loads(r.payload) for r in rows]


def test_a_row_keeps_its_cells_as_they_stood_and_its_place(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, HEADER + b"1, A \n\n2,?\n")
    assert cells(rows) == [{"stay": "1", "ward": " A "}, {"stay": "2", "ward": "?"}]
    assert [(r.line, r.byte_offset, r.row_number) for r in rows] == [(2, 10, 1), (4, 17, 2)]
    assert not held


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress, bytes])
def test_compressed_files_give_the_same_rows(tmp_path: Path, packed: Any) -> None:
    rows, _, _ = read(tmp_path, packed(HEADER + b"1,A\n2,B"))
    assert [(c["stay"], c["ward"]) for c in cells(rows)] == [("1", "A"), ("2", "B")]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, b'\xef\xbb\xbfstay,ward\r\n1,"a,""b""\r\nc"\r\n2,B\r\n')
    assert cells(rows) == [{"stay": "1", "ward": 'a,"b"\r\nc'}, {"stay": "2", "ward": "B"}]
    assert [(r.line, r.byte_offset) for r in rows] == [(2, 14), (4, 30)]
    assert not held


def test_rows_with_too_few_or_too_many_cells_are_held(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, HEADER + b"1\n2,B\n3,C,D\n")
    assert [c["stay"] for c in cells(rows)] == ["2"]
    assert [(h.reason_code, h.line, h.byte_offset, h.raw) for h in held] == [
        ("wrong_cell_count", 2, 10, b"1"),
        ("wrong_cell_count", 4, 16, b"3,C,D"),
    ]


def test_a_quote_without_end_costs_its_own_line_only(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, HEADER + b'1,"A\n2,B\n3,"C"\n4,"D"x\n5,E\n')
    assert [c["stay"] for c in cells(rows)] == ["2", "3", "5"]
    assert [(h.reason_code, h.line) for h in held] == [("unclosed_quote", 2), ("broken_quotes", 5)]
    rows, held, _ = read(tmp_path, HEADER + b'1,"A\n2,B\n3,"C\n4,D\n')
    assert [c["stay"] for c in cells(rows)] == ["2", "4"]
    assert [(h.reason_code, h.line) for h in held] == [("unclosed_quote", 2), ("unclosed_quote", 4)]


def test_text_in_another_encoding_is_held_unless_the_mapping_names_it(tmp_path: Path) -> None:
    data = HEADER + "1,Köln\n2,B\n".encode("latin-1")
    rows, held, _ = read(tmp_path, data)
    assert [c["stay"] for c in cells(rows)] == ["2"]
    assert [(h.reason_code, h.raw) for h in held] == [("invalid_encoding", b"1,K\xf6ln")]
    rows, held, _ = read(tmp_path, data, beds(encoding="latin-1"))
    assert [c["ward"] for c in cells(rows)] == ["Köln", "B"]


def test_a_file_in_utf_16_is_held_whole(tmp_path: Path) -> None:
    rows, held, counts = read(tmp_path, (HEADER + b"1,A\n").decode().encode("utf-16"))
    assert not rows
    assert [h.reason_code for h in held] == ["utf16"]
    assert counts.rejected == 1


def test_a_gzip_file_that_ends_early_gives_its_whole_rows_and_its_rest(tmp_path: Path) -> None:
    rows_in = b"".join(b"%d,%d\n" % (n, n * 7919 % 1000) for n in range(3000))
    whole = gzip.compress(HEADER + rows_in)
    rows, held, _ = read(tmp_path, whole[: len(whole) // 2])
    assert 0 < len(rows) < 3000
    assert [json.loads(r.payload)["stay"] for r in rows] == [str(n) for n in range(len(rows))]
    assert [h.reason_code for h in held][-1] == "truncated_gzip"
    assert {h.reason_code for h in held} <= {"record_cut_off", "truncated_gzip"}


def test_rows_without_a_header_that_is_known_are_held_each(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, b"bed,ward\n1,A\n2,B\n")
    assert not rows
    assert [(h.reason_code, h.line) for h in held] == [("unknown_header", 2), ("unknown_header", 3)]
    assert "lacks stay of stays" in held[0].reason
    _, held, _ = read(tmp_path, b"stay,ward,stay\n1,A,2\n")
    assert [h.reason_code for h in held] == ["repeated_column"]


def test_several_tables_in_one_file_are_told_apart_by_their_headers(tmp_path: Path) -> None:
    rows, held, counts = read(tmp_path, b"stay,ward\n1,A\n,\nward,name\nA,Alpha\nstay,ward\n2,A\n")
    assert [(r.file_kind, r.row_number) for r in rows] == [("stays", 1), ("wards", 2), ("stays", 3)]
    assert (counts.lines, counts.blank, len(held)) == (4, 1, 0)


def test_a_row_that_is_too_long_is_held_in_parts(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, HEADER + b"1," + b"x" * 100 + b"\n2,B\n", max_bytes=50)
    assert [c["stay"] for c in cells(rows)] == ["2"]
    assert {h.reason_code for h in held} == {"record_too_large"}
    assert b"".join(h.raw for h in held) == b"1," + b"x" * 100


def test_another_delimiter_and_more_columns_than_the_mapping_has_are_fine(tmp_path: Path) -> None:
    rows, held, _ = read(tmp_path, b"ward;bed;stay\nA;7;1\n", beds(delimiter=";"))
    assert cells(rows) == [{"ward": "A", "bed": "7", "stay": "1"}]
    assert not held
