"""Delta tables that keep whole FHIR resources in a column: each row is a source record of `bronze.fhir_resource`.

The rules are those of any FHIR landing: what can't land is held back with its raw bytes, Bundles are split, the same
resource may come again. A row that goes from the Delta table deletes nothing: the source says what was deleted, and an
update without a change feed looks like a row that went.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import quarantine, tables
from lakehouse.control import Control
from lakehouse.errors import Conflict, InputError, LakeError
from lakehouse.events import Parent
from lakehouse.session import own_session
from lakehouse.settings import Settings
from spark_jobs.ingest.batch import Batch, batch, clear_up
from spark_jobs.ingest.bundle import too_large
from spark_jobs.ingest.delta import find_source
from spark_jobs.ingest.delta_changes import CAME, Source, raw_changes
from spark_jobs.ingest.delta_log import Way, read_version, readable
from spark_jobs.ingest.frames import landed_from, rejected_from
from spark_jobs.ingest.land import count_rows
from spark_jobs.ingest.model import Chunk, Compression, Item, Layout, Rejection, in_parts
from spark_jobs.ingest.records import Place, resource_items
from spark_jobs.ingest.streams import printable
from spark_jobs.ingest.tally import Counts, Tally
from spark_jobs.runner import Observer, silent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ROW_BYTES = 1 << 32  # no record is longer, so that rows and the entries of their Bundles stand apart


@dataclass(frozen=True)
class FhirLanding:
    """What a landing did; `way` is None if this version landed before. `removed` rows went from the Delta table."""

    source: str
    version: int
    after: int | None
    way: Way | None
    batch_id: str | None = None
    counts: Counts = field(default_factory=Counts)
    removed: int = 0


@dataclass(frozen=True)
class Part:
    """The rows of one version in one partition; rows are numbered by version, `first` is the number before them."""

    chunk_id: int
    first: int


def ingest(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    path: str,
    column: str,
    name: str | None = None,
    *,
    observe: Observer = silent,
    parent: Parent | None = None,
) -> FhirLanding:
    """Land the resources in that column of what is new in the Delta table, in one batch."""
    from pyspark import StorageLevel

    session = own_session(spark)
    clear_up(session, control, settings, FHIR_RESOURCE)
    source = find_source(session, control, FHIR_RESOURCE, path, name)
    version = source.table.version
    if source.after == version:
        return FhirLanding(source.name, version, source.after, None)
    _check_column(session, source, column)
    planned = batch(session, control, settings, FHIR_RESOURCE, source.run, source.input, observe, parent)
    with readable(source.table.path), planned as made:
        rows, removed = _resource_rows(session, source, column, made.base)
        # Kept, for it is read up to three times, and numbers must not move in between.
        rows = rows.persist(StorageLevel.DISK_ONLY)
        try:
            counts = _land(made, settings, source, rows)
        finally:
            rows.unpersist()
        if not counts.total.lines:
            made.nothing()
            return FhirLanding(source.name, version, source.after, source.way, None, counts.total, removed)
        made.publish(row for name, one in counts.by_file.items() for row in count_rows(made.batch_id, name, one))
    return FhirLanding(source.name, version, source.after, source.way, made.batch_id, counts.total, removed)


@dataclass(frozen=True)
class Counted:
    """Counts by source file (name and version) and in all."""

    by_file: Mapping[str, Counts]
    total: Counts


def _check_column(session: "SparkSession", source: Source, column: str) -> None:
    types = dict(read_version(session, source.table).dtypes)
    if types.get(column) not in ("string", "binary"):
        texts = ", ".join(name for name, kind in types.items() if kind in ("string", "binary")) or "none"
        raise InputError(
            f"{source.table.path} has no text column {column!r} to take FHIR resources from; it has: {texts}."
        )


def _resource_rows(
    session: "SparkSession", source: Source, column: str, base: tables.Snapshot | None
) -> "tuple[DataFrame, int]":
    """`delta_version` and `payload` (bytes) of rows that came, and how many went."""
    from pyspark.sql import functions as F

    value = F.col(f"`{column}`").cast("binary").alias("payload")
    if source.way is Way.COMPARED:
        version = F.lit(source.table.version).cast("bigint").alias("delta_version")
        rows = read_version(session, source.table).select(version, value)
        return _not_landed(session, source, rows, base), 0
    raw = raw_changes(session, source)
    came = raw.where(F.col("_change_type").isin(*CAME)).select(F.col("_commit_version").alias("delta_version"), value)
    removed = raw.where("_change_type = 'delete'").count() if source.way is Way.FEED else 0
    return came, removed


def _not_landed(
    session: "SparkSession", source: Source, rows: "DataFrame", base: tables.Snapshot | None
) -> "DataFrame":
    """Rows whose bytes neither landed from this source nor are held back.

    A Bundle lands as its entries, so its row is never known: they come again, as equal versions that silver sets aside.
    """
    from pyspark.sql import functions as F

    own = F.startswith("source_file", F.lit(f"{printable(source.name)}@"))
    bronze = tables.read(session, FHIR_RESOURCE, base.id if base else None)
    held = quarantine.open_rows(session, "landing").where(own & (F.col("part") == 0))
    known = bronze.where(own).select("payload_sha256").union(held.select(F.sha2("raw", 256))).distinct()
    # Landing takes white space off before it hashes; what is held back is as it came.
    text = F.btrim(F.col("payload").cast("string"), F.lit(" \t\r\n"))
    hashed = rows.withColumn("_landed", F.sha2(text.cast("binary"), 256)).withColumn("_held", F.sha2("payload", 256))
    for name in ("_landed", "_held"):
        hashed = hashed.join(known, hashed[name] == known.payload_sha256, "left_anti")
    return hashed.where("payload is not null").select("delta_version", "payload")


def _land(made: Batch, settings: Settings, source: Source, rows: "DataFrame") -> Counted:
    """Write the records, hold back the rest, and see that both are all rows."""
    chunks, parts = _parts(source, rows)
    tally = Tally.start(made.session)
    items = _reader(parts, chunks, settings.max_record_bytes, tally)
    written = made.write(landed_from(rows, items, made.batch_id, made.arrived_at))
    made.observe(FHIR_RESOURCE.name, "quarantine")
    if tally.total.rejected:
        quarantine.hold(made.session, rejected_from(rows, items, made.batch_id, made.arrived_at), made.batch_id)
    made.observe(FHIR_RESOURCE.name, "gate")
    total = tally.total
    held = tables.full_name(QUARANTINE)
    rejected = made.session.table(held).where(f"run_id = '{made.batch_id}' AND part = 0").count()
    if tally.unreported(chunks):
        raise Conflict("A part of the Delta table was not read to its end; nothing was landed, run it again.")
    read = sum(chunk.end for chunk in chunks)
    if not total.is_whole or (total.lines, total.landed + total.contained, total.rejected) != (read, written, rejected):
        raise LakeError(
            f"The records do not add up: {read} rows were to be read and {total.lines} were, {total.landed} and "
            f"{total.contained} contained records were to land and {written} did; nothing was landed."
        )
    return Counted(tally.by_file(chunks), total)


def _parts(source: Source, rows: "DataFrame") -> tuple[list[Chunk], dict[tuple[int, int], Part]]:
    """One chunk for each version and partition, which ends at its number of rows."""
    from pyspark.sql import functions as F

    counted = rows.groupBy("delta_version", F.spark_partition_id().alias("part")).count().collect()
    chunks: list[Chunk] = []
    parts: dict[tuple[int, int], Part] = {}
    first = 0
    for r in sorted(counted, key=lambda r: (r.delta_version, r.part)):
        name = f"{source.name}@{r.delta_version}"
        parts[r.delta_version, r.part] = Part(len(chunks), first)
        chunks.append(Chunk(len(chunks), name, Compression.NONE, Layout.NDJSON, 0, r["count"], 0, 0, 0))
        first += r["count"]
    return chunks, parts


def _reader(
    parts: Mapping[tuple[int, int], Part], chunks: Sequence[Chunk], max_record_bytes: int, tally: Tally
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[tuple[str, Item]]]:
    """What each partition does with its rows. Lines count on from version to version, so that later ones come last."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[str, Item]]:
        from pyspark import TaskContext

        context = TaskContext.get()
        number = context.partitionId() if context else 0
        found = {chunks[part.chunk_id].chunk_id: Counts() for (_, of), part in parts.items() if of == number}
        for batch_ in batches:
            columns = (batch_.column("delta_version").to_pylist(), batch_.column("payload").to_pylist())
            for version, payload in zip(*columns, strict=True):
                part = parts[version, number]
                counts = found[part.chunk_id]
                line = part.first + counts.lines + 1
                name = printable(chunks[part.chunk_id].path)
                for item in row_items(payload, line, max_record_bytes, counts):
                    yield name, item
        for chunk_id, counts in found.items():
            tally.report(chunks[chunk_id], counts)

    return read


def row_items(payload: bytes | None, line: int, max_record_bytes: int, counts: Counts) -> Iterator[Item]:
    """What one row holds: a resource, a Bundle's entries, a rejection in parts, or nothing; added to `counts`."""
    counts.lines += 1
    if payload is None or not payload.strip():
        counts.blank += 1
        return
    offset = (line - 1) * _ROW_BYTES
    items: list[Item]
    if len(payload) > max_record_bytes:
        items = [Rejection("record_too_large", too_large(max_record_bytes), payload, line, offset)]
    else:
        items = resource_items(payload, Place(line, offset))
    for item in items:
        counts.add(item)
        yield from in_parts(item) if isinstance(item, Rejection) else (item,)
