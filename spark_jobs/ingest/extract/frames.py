"""CSV files to Spark DataFrames with the columns of `bronze.csv_row` and `ops.quarantine`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from catalog.mapping import CsvMapping
from catalog.tables.bronze import CSV_ROW
from catalog.tables.ops import QUARANTINE
from lakehouse.settings import Settings
from spark_jobs.ingest.discover import SourceFile
from spark_jobs.ingest.extract.rows import CsvRow, read_file
from spark_jobs.ingest.frames import BATCH_BYTES, BATCH_ROWS, REJECTION_FIELDS, complete, rejection_batch, schema_of
from spark_jobs.ingest.model import Chunk, Layout, Rejection
from spark_jobs.ingest.streams import printable
from spark_jobs.ingest.tally import Counts, Tally

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STAGE_ROWS = CSV_ROW.name
"""Stage of what could not become a row, in quarantine."""

_ROW_FIELDS = (
    ("file_kind", pa.string()),
    ("line", pa.int64()),
    ("byte_offset", pa.int64()),
    ("row_number", pa.int64()),
    ("payload", pa.string()),
    ("payload_sha256", pa.string()),
    ("source_file", pa.string()),
    ("source_sha256", pa.string()),
)


def whole_files(files: Sequence[SourceFile]) -> list[Chunk]:
    """One chunk a file; none for an empty one."""
    kept = [f for f in files if f.layout is not Layout.EMPTY]
    return [
        Chunk(number, str(f.path), f.compression, f.layout, 0, f.size, 0, f.size, f.modified_ns)
        for number, f in enumerate(kept)
    ]


def csv_rows(
    spark: SparkSession,
    chunks: Sequence[Chunk],
    hashes: Mapping[str, str],
    mapping: CsvMapping,
    batch_id: str,
    arrived_at: datetime,
    settings: Settings,
    tally: Tally,
) -> DataFrame:
    """The rows of the files, with the columns of `bronze.csv_row`; counted in `tally`. `hashes` are by chunk's path."""
    frame = _read(spark, chunks, hashes, mapping, CsvRow, settings, tally)
    constants = {"mapping": mapping.name, "mapping_version": mapping.version, "batch_id": batch_id}
    return complete(frame, CSV_ROW, constants, arrived_at)


def no_rows(
    spark: SparkSession,
    chunks: Sequence[Chunk],
    mapping: CsvMapping,
    batch_id: str,
    arrived_at: datetime,
    settings: Settings,
) -> DataFrame:
    """What of the files is no row, with the columns of `ops.quarantine`, raw bytes in parts."""
    frame = _read(spark, chunks, {}, mapping, Rejection, settings, None)
    return complete(frame, QUARANTINE, {"run_id": batch_id, "stage": STAGE_ROWS, "batch_id": batch_id}, arrived_at)


def _read(
    spark: SparkSession,
    chunks: Sequence[Chunk],
    hashes: Mapping[str, str],
    mapping: CsvMapping,
    wanted: type[CsvRow] | type[Rejection],
    settings: Settings,
    tally: Tally | None,
) -> DataFrame:
    fields = _ROW_FIELDS if wanted is CsvRow else REJECTION_FIELDS
    table = CSV_ROW if wanted is CsvRow else QUARANTINE
    read = _task(list(chunks), hashes, mapping, wanted, settings.max_record_bytes, tally)
    return spark.range(0, len(chunks), 1, max(len(chunks), 1)).mapInArrow(read, schema_of(table, fields))


def _task(
    chunks: list[Chunk],
    hashes: Mapping[str, str],
    mapping: CsvMapping,
    wanted: type[CsvRow] | type[Rejection],
    max_record_bytes: int,
    tally: Tally | None,
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number in [number for batch in batches for number in batch.column(0).to_pylist()]:
            chunk = chunks[number]
            counts = Counts()
            kept: list[Any] = []
            size = 0
            for item in read_file(chunk, mapping, max_record_bytes, counts):
                if type(item) is not wanted:
                    continue
                kept.append(item)
                size += len(item.payload if isinstance(item, CsvRow) else item.raw)
                if size >= BATCH_BYTES or len(kept) >= BATCH_ROWS:
                    yield _batch(kept, chunk, hashes)
                    kept, size = [], 0
            if tally:
                tally.report(chunk, counts)
            if kept:
                yield _batch(kept, chunk, hashes)

    return read


def _batch(items: list[Any], chunk: Chunk, hashes: Mapping[str, str]) -> pa.RecordBatch:
    name = printable(chunk.path)
    if isinstance(items[0], Rejection):
        return rejection_batch(items, [name] * len(items))
    ready = {
        "payload": pa.array([i.payload for i in items], pa.binary()).view(pa.string()),
        "source_file": pa.array([name] * len(items), pa.string()),
        "source_sha256": pa.array([hashes[chunk.path]] * len(items), pa.string()),
    }
    arrays = [
        ready[name] if name in ready else pa.array([getattr(i, name) for i in items], kind)
        for name, kind in _ROW_FIELDS
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in _ROW_FIELDS])
