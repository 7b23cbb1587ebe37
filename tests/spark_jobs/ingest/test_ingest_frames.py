"""Spark sees the records and rejections of the files with the columns of their tables, and every chunk reports."""

import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from ingest_reading import bundle, resource

from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse.settings import Settings
from spark_jobs.ingest.discover import discover, inspect_all, plan
from spark_jobs.ingest.frames import (
    BATCH_BYTES,
    TASK_BYTES,
    group,
    landed,
    landed_again,
    record_batch,
    rejected,
    rejected_again,
    rejection_batch,
)
from spark_jobs.ingest.frames import _batches as batches
from spark_jobs.ingest.model import Chunk, Compression, Layout, Record, Rejection
from spark_jobs.ingest.tally import Counts, Tally

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = datetime(2026, 1, 15, 12, 30, 0, 250, UTC)
LIMITS = Settings(cores=2, chunk_bytes=2048)


def chunk(number: int, size: int, compression: Compression = Compression.NONE) -> Chunk:
    return Chunk(number, f"file{number}", compression, Layout.NDJSON, 0, size, 0, size, 0)


def planned(folder: Path) -> list[Chunk]:
    return plan(list(inspect_all(discover([str(folder)]), 2048, 2)), 2048)


@pytest.fixture
def dirty_folder(tmp_path: Path) -> Path:
    """A folder of good and bad files: 300 patients, a Bundle, a tombstone, contained resources, broken lines."""
    lines = [resource(f"Patient/p{n}", meta={"versionId": "1"}) for n in range(300)]
    lines[100:100] = [b'{"resourceType":"Patient",', b"", '{"id":"ü"}'.encode("latin-1")]
    (tmp_path / "patients.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    deletion = {"request": {"method": "DELETE", "url": "Patient/p9"}}
    entries = [deletion, {"resource": json.loads(resource("Group/g"))}, {}]
    (tmp_path / "bundle.json").write_bytes(bundle(*entries, timestamp="2024-01-01T00:00:00.000001Z"))
    request = resource("MedicationRequest/r", contained=[json.loads(resource("Medication/m"))])
    (tmp_path / "requests.ndjson.gz").write_bytes(gzip.compress(request + b"\n" + request)[:-4])
    with open(os.fsencode(tmp_path) + b"/na\xefve.json", "wb") as file:
        file.write(resource("Location/l", name="Çeşme 😀"))
    return tmp_path


def test_landed_and_rejected_rows_are_those_of_the_files(spark: "SparkSession", dirty_folder: Path) -> None:
    chunks = planned(dirty_folder)
    tally = Tally.start(spark)
    assert tally.unreported(chunks) == chunks
    frame = landed(spark, chunks, "batch-1", NOW, LIMITS, tally)
    assert [(f.name, f.dataType.simpleString()) for f in frame.schema] == [
        (column.name, column.type.spark.lower()) for column in FHIR_RESOURCE.columns
    ]
    rows = {(row.resource_type, row.resource_id): row for row in frame.collect()}
    total = tally.total
    assert total.is_whole
    assert tally.unreported(chunks) == []
    assert (total.landed, total.contained, total.deleted, total.blank) == (305, 2, 1, 1)
    assert (total.bundles, total.entries, total.rejected) == (1, 3, 4)
    assert total.by_type == {"Patient": 301, "Group": 1, "MedicationRequest": 2, "Location": 1}
    assert len(rows) == 304  # of 307: p9 arrives twice, and both requests have the same ids

    place = rows["Location", "l"]
    assert json.loads(place.payload)["name"] == "Çeşme 😀"
    assert place.source_file == f"{dirty_folder}/na\\xefve.json"
    assert (place.batch_id, place.arrived_at.replace(tzinfo=UTC)) == ("batch-1", NOW)
    assert str(place.arrived_on) == "2026-01-15"
    assert rows["Medication", "MedicationRequest/r#m"].container_id == "MedicationRequest/r"
    patient = rows["Patient", "p299"]
    assert (patient.line, patient.version_id, patient.entry) == (303, "1", None)

    dirty = tally.with_rejections(chunks)
    assert 3 <= len(dirty) < len(chunks)
    held = rejected(spark, dirty, "batch-1", NOW, LIMITS)
    assert [(f.name, f.dataType.simpleString()) for f in held.schema] == [
        (column.name, column.type.spark.lower()) for column in QUARANTINE.columns
    ]
    kept = {row.reason_code: row for row in held.collect()}
    assert set(kept) == {"truncated_json", "invalid_utf8", "bundle_entry_without_resource", "truncated_gzip"}
    assert (kept["truncated_json"].line, bytes(kept["truncated_json"].raw)) == (101, b'{"resourceType":"Patient",')
    assert {(row.run_id, row.stage, row.batch_id) for row in kept.values()} == {("batch-1", "landing", "batch-1")}


def test_reading_twice_counts_once(spark: "SparkSession", dirty_folder: Path) -> None:
    chunks = planned(dirty_folder)
    tally = Tally.start(spark)
    frame = landed(spark, chunks, "batch-1", NOW, LIMITS, tally)
    assert frame.count() == frame.count() == 307
    assert tally.total.landed == 305
    by_file = tally.by_file(chunks)
    assert by_file[str(dirty_folder / "patients.ndjson")].landed == 300
    assert sum(by_file.values(), start=Counts()) == tally.total


def test_no_chunks_are_no_rows(spark: "SparkSession") -> None:
    tally = Tally.start(spark)
    assert landed(spark, [], "batch-1", NOW, LIMITS, tally).count() == 0
    assert rejected(spark, [], "batch-1", NOW, LIMITS).count() == 0
    assert tally.total == Counts()


def test_iceberg_takes_the_rows(spark: "SparkSession", dirty_folder: Path) -> None:
    tally = Tally.start(spark)
    frame = landed(spark, planned(dirty_folder), "batch-1", NOW, LIMITS, tally)
    spark.sql("CREATE NAMESPACE IF NOT EXISTS lake.ingest_test")
    frame.writeTo("lake.ingest_test.landed").using("iceberg").createOrReplace()
    try:
        table = spark.table("lake.ingest_test.landed")
        assert table.count() == tally.total.landed + tally.total.contained
        assert table.where("is_deleted").select("payload", "last_updated").first() == (
            None,
            datetime(2024, 1, 1, 0, 0, 0, 1),
        )
    finally:
        spark.sql("DROP TABLE lake.ingest_test.landed PURGE")


def test_replayed_rows_have_the_same_columns(spark: "SparkSession") -> None:
    record = Record("Patient", "a", b"{}", "00", 1, 0)
    (row,) = landed_again(spark, [("f", record)], "batch-2", NOW).collect()
    assert (row.resource_id, row.payload, row.source_file, row.batch_id) == ("a", "{}", "f", "batch-2")
    rejection = Rejection("invalid_json", "The JSON is invalid.", b"\xff", 3, 9)
    held = rejected_again(spark, [("f", rejection)], "batch-2", NOW)
    assert held.columns == [column.name for column in QUARANTINE.columns]
    assert [(row.line, bytes(row.raw)) for row in held.collect()] == [(3, b"\xff")]


def test_batches_are_bounded_by_bytes(tmp_path: Path) -> None:
    line = resource("Binary/b", data="A" * 1_000_000) + b"\n"
    (tmp_path / "big.ndjson").write_bytes(line * 30)
    found = list(batches(planned(tmp_path), Record, 1 << 22, None))
    assert sum(batch.num_rows for batch in found) == 30
    assert max(batch.nbytes for batch in found) < BATCH_BYTES + 2 * len(line)


def test_long_rejections_are_cut_into_parts(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(resource("Patient/a") + b"\n{" + b"x" * 20_000_000 + b"\n")
    found = pa.Table.from_batches(batches(planned(tmp_path), Rejection, 1 << 26, None))
    assert found["part"].to_pylist() == [0, 1, 2]
    assert b"".join(found["raw"].to_pylist()) == b"{" + b"x" * 20_000_000


def test_empty_batches_have_types() -> None:
    assert record_batch([], []).schema.field("payload").type == pa.string()
    assert rejection_batch([], []).schema.field("raw").type == pa.binary()


def test_tasks_are_few_for_many_small_files_and_even_for_large_ones() -> None:
    small = group([chunk(n, 2000) for n in range(10_000)], cores=4)
    assert 4 <= len(small) <= 12
    sizes = [sum(c.end for c in chunks) for chunks in group([chunk(n, 16 << 20) for n in range(40)], cores=2)]
    assert max(sizes) <= TASK_BYTES
    assert len(sizes) == 10
    packed = group([chunk(n, 16 << 20, Compression.GZIP) for n in range(6)], cores=2)
    assert [len(chunks) for chunks in packed] == [1] * 6


@pytest.mark.parametrize("cores", [1, 2, 7])
def test_every_chunk_is_in_one_task(cores: int) -> None:
    chunks = [chunk(n, (n * 7919) % 40_000_000) for n in range(200)]
    assert [c for chunks in group(chunks, cores) for c in chunks] == chunks
    assert group([], cores) == []
