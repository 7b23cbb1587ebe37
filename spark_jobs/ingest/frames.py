"""Chunks to Spark DataFrames with the columns of `bronze.fhir_resource` and `ops.quarantine`.

Reading happens inside Spark's Python workers: a frame holds no data, and each action on it reads the files again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from catalog.derive.spark_schema import spark_schema
from catalog.model import Column, Table
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse.settings import Settings
from spark_jobs.ingest.model import Chunk, Compression, Item, Record, Rejection
from spark_jobs.ingest.reader import read_chunk
from spark_jobs.ingest.streams import printable
from spark_jobs.ingest.tally import Counts, Tally

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

BATCH_BYTES = 8 << 20
BATCH_ROWS = 16_384
TASK_BYTES = 64 << 20
_UNPACKED = 8  # how much more work a compressed byte is; NDJSON shrinks to between a fifth and a twentieth
_FILE_BYTES = 32 << 10  # opening a file costs as much as reading so many bytes

_RECORD_FIELDS = (
    ("resource_type", pa.string()),
    ("resource_id", pa.string()),
    ("container_id", pa.string()),
    ("version_id", pa.string()),
    ("last_updated", pa.timestamp("us", tz="UTC")),
    ("is_deleted", pa.bool_()),
    ("payload", pa.string()),
    ("payload_sha256", pa.string()),
    ("source_file", pa.string()),
    ("line", pa.int64()),
    ("byte_offset", pa.int64()),
    ("entry", pa.int32()),
    ("has_fhir_shape", pa.bool_()),
)
REJECTION_FIELDS = (
    ("reason_code", pa.string()),
    ("reason", pa.string()),
    ("source_file", pa.string()),
    ("line", pa.int64()),
    ("byte_offset", pa.int64()),
    ("entry", pa.int32()),
    ("part", pa.int32()),
    ("raw", pa.binary()),
    ("resource_type", pa.string()),
    ("resource_id", pa.string()),
)


def landed(
    spark: SparkSession,
    chunks: Sequence[Chunk],
    batch_id: str,
    arrived_at: datetime,
    settings: Settings,
    tally: Tally,
) -> DataFrame:
    """The records of the chunks, with the columns of `bronze.fhir_resource` in its order; counted in `tally`.

    Rows of one file come in file order within a task. Spark guesses the frame's size from its plan and guesses far too
    low, so that a join with it may broadcast it: give such a join a hint.
    """
    frame = _read(spark, chunks, Record, settings, tally)
    return complete(frame, FHIR_RESOURCE, {"batch_id": batch_id}, arrived_at)


def rejected(
    spark: SparkSession,
    chunks: Sequence[Chunk],
    batch_id: str,
    arrived_at: datetime,
    settings: Settings,
    tally: Tally | None = None,
) -> DataFrame:
    """What of the chunks can't land, with the columns of `ops.quarantine` in its order, raw bytes in parts.

    Give it the chunks of `tally.with_rejections`. The run's id is the batch's, the stage is `landing`.
    """
    frame = _read(spark, chunks, Rejection, settings, tally)
    constants = {"run_id": batch_id, "stage": "landing", "batch_id": batch_id}
    return complete(frame, QUARANTINE, constants, arrived_at)


def landed_again(
    spark: SparkSession, rows: Sequence[tuple[str, Record]], batch_id: str, arrived_at: datetime
) -> DataFrame:
    """Records that are at hand, each with its file's name, as `landed` gives them; for replays, which are small."""
    frame = _local(spark, record_batch([record for _, record in rows], [name for name, _ in rows]))
    return complete(frame, FHIR_RESOURCE, {"batch_id": batch_id}, arrived_at)


def rejected_again(
    spark: SparkSession, rows: Sequence[tuple[str, Rejection]], batch_id: str, arrived_at: datetime
) -> DataFrame:
    """Rejections that are at hand, each with its file's name, as `rejected` gives them."""
    frame = _local(spark, rejection_batch([rejection for _, rejection in rows], [name for name, _ in rows]))
    constants = {"run_id": batch_id, "stage": "landing", "batch_id": batch_id}
    return complete(frame, QUARANTINE, constants, arrived_at)


def _local(spark: SparkSession, batch: pa.RecordBatch) -> DataFrame:
    def rows(_: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield batch

    fields = _RECORD_FIELDS if "payload" in batch.schema.names else REJECTION_FIELDS
    table = FHIR_RESOURCE if fields is _RECORD_FIELDS else QUARANTINE
    return spark.range(0, 1, 1, 1).mapInArrow(rows, schema_of(table, fields))


def group(chunks: Sequence[Chunk], cores: int) -> list[list[Chunk]]:
    """Neighbouring chunks together in tasks of about equal work: TASK_BYTES, or less so that each core has some."""
    weights = [
        (chunk.end - chunk.start) * (1 if chunk.compression is Compression.NONE else _UNPACKED) + _FILE_BYTES
        for chunk in chunks
    ]
    limit = min(TASK_BYTES, -(-sum(weights) // max(cores, 1)))
    groups: list[list[Chunk]] = []
    filled = limit
    for chunk, weight in zip(chunks, weights, strict=True):
        if filled + weight // 2 >= limit:
            groups.append([])
            filled = 0
        groups[-1].append(chunk)
        filled += weight
    return groups


def _read(
    spark: SparkSession,
    chunks: Sequence[Chunk],
    wanted: type[Record] | type[Rejection],
    settings: Settings,
    tally: Tally | None,
) -> DataFrame:
    fields = _RECORD_FIELDS if wanted is Record else REJECTION_FIELDS
    table = FHIR_RESOURCE if wanted is Record else QUARANTINE
    groups = group(chunks, settings.cores or spark.sparkContext.defaultParallelism)
    # The groups travel in the function and each task finds its own by number: a frame of chunks would have to be
    # shuffled, by hash and unevenly, to get one partition a group.
    read = _task(groups, wanted, settings.max_record_bytes, tally)
    return spark.range(0, len(groups), 1, max(len(groups), 1)).mapInArrow(read, schema_of(table, fields))


def _task(
    groups: list[list[Chunk]],
    wanted: type[Record] | type[Rejection],
    max_record_bytes: int,
    tally: Tally | None,
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        numbers = [number for batch in batches for number in batch.column(0).to_pylist()]
        chunks = (chunk for number in numbers for chunk in groups[number])
        yield from _batches(chunks, wanted, max_record_bytes, tally)

    return read


def _batches(
    chunks: Iterable[Chunk],
    wanted: type[Record] | type[Rejection],
    max_record_bytes: int,
    tally: Tally | None,
) -> Iterator[pa.RecordBatch]:
    def items() -> Iterator[tuple[str, Item]]:
        for chunk in chunks:
            counts = Counts()
            name = printable(chunk.path)
            for item in read_chunk(chunk, max_record_bytes, counts):
                yield name, item
            if tally:
                tally.report(chunk, counts)

    return in_batches(items(), wanted)


def in_batches(items: Iterable[tuple[str, Item]], wanted: type[Record] | type[Rejection]) -> Iterator[pa.RecordBatch]:
    """Arrow batches of the wanted items, each with its file's name; over BATCH_BYTES by one item at most."""
    build: Callable[[list[Any], list[str]], pa.RecordBatch]
    build = record_batch if wanted is Record else rejection_batch
    chosen: list[Any] = []
    files: list[str] = []
    size = 0
    for name, item in items:
        if type(item) is not wanted:
            continue
        chosen.append(item)
        files.append(name)
        size += len((item.payload if isinstance(item, Record) else item.raw) or b"")
        if size >= BATCH_BYTES or len(chosen) >= BATCH_ROWS:
            yield build(chosen, files)
            chosen, files, size = [], [], 0
    if chosen:
        yield build(chosen, files)


def landed_from(
    source: DataFrame,
    items: Callable[[Iterable[pa.RecordBatch]], Iterator[tuple[str, Item]]],
    batch_id: str,
    arrived_at: datetime,
) -> DataFrame:
    """The records that `items` finds in each partition of `source`, as `landed` gives them."""
    read = _sifted(items, Record)
    frame = source.mapInArrow(read, schema_of(FHIR_RESOURCE, _RECORD_FIELDS))
    return complete(frame, FHIR_RESOURCE, {"batch_id": batch_id}, arrived_at)


def rejected_from(
    source: DataFrame,
    items: Callable[[Iterable[pa.RecordBatch]], Iterator[tuple[str, Item]]],
    batch_id: str,
    arrived_at: datetime,
) -> DataFrame:
    """The rejections that `items` finds in each partition of `source`, as `rejected` gives them."""
    read = _sifted(items, Rejection)
    frame = source.mapInArrow(read, schema_of(QUARANTINE, REJECTION_FIELDS))
    constants = {"run_id": batch_id, "stage": "landing", "batch_id": batch_id}
    return complete(frame, QUARANTINE, constants, arrived_at)


def _sifted(
    items: Callable[[Iterable[pa.RecordBatch]], Iterator[tuple[str, Item]]],
    wanted: type[Record] | type[Rejection],
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return in_batches(items(batches), wanted)

    return read


def record_batch(records: list[Record], files: list[str]) -> pa.RecordBatch:
    """The columns of `bronze.fhir_resource` up to `entry`; payloads are taken as UTF-8 without another look."""
    payloads = pa.array([r.payload for r in records], pa.binary()).view(pa.string())
    columns = {"payload": payloads, "source_file": pa.array(files, pa.string())}
    return _record_batch(records, columns, _RECORD_FIELDS)


def rejection_batch(rejections: list[Rejection], files: list[str]) -> pa.RecordBatch:
    """The columns of `ops.quarantine` that a reader knows."""
    return _record_batch(rejections, {"source_file": pa.array(files, pa.string())}, REJECTION_FIELDS)


def _record_batch(
    items: Sequence[Record | Rejection], ready: dict[str, pa.Array], fields: tuple[tuple[str, Any], ...]
) -> pa.RecordBatch:
    arrays = [
        ready[name] if name in ready else pa.array([getattr(i, name) for i in items], kind) for name, kind in fields
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in fields])


def schema_of(table: Table, fields: tuple[tuple[str, Any], ...]) -> str:
    """The Spark schema of these of a table's columns."""
    columns: dict[str, Column] = {column.name: column for column in table.columns}
    return spark_schema([columns[name] for name, _ in fields])


def complete(frame: DataFrame, table: Table, constants: dict[str, str], arrived_at: datetime) -> DataFrame:
    """All columns of the table in its order; those that are alike in all rows are made in the JVM."""
    from pyspark.sql import functions as f

    moment = f.lit(arrived_at)
    made = {name: f.lit(value) for name, value in constants.items()}
    made |= {"arrived_at": moment, "arrived_on": f.lit(arrived_at.astimezone(UTC).date()), "quarantined_at": moment}
    made |= {name: f.lit(None) for name in ("payload_sha256", "resolved_by") if name not in frame.columns}
    return frame.select(
        *(
            f.col(c.name) if c.name in frame.columns else made[c.name].cast(c.type.spark).alias(c.name)
            for c in table.columns
        )
    )
