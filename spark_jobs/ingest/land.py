"""The write path of bronze: files to one published batch. Same steps as a job's, same promises.

Killed before the publish: a stray branch and rows in quarantine that the next ingestion takes back. Killed after it:
the next one completes the record. Either way the same files can be given again.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import quarantine, tables
from lakehouse.control import Control, now
from lakehouse.errors import Conflict, InputError, LakeError
from lakehouse.events import Parent
from lakehouse.session import own_session
from lakehouse.settings import Settings
from spark_jobs.ingest.batch import batch, clear_up, folders
from spark_jobs.ingest.discover import SourceFile, inspect_all, plan
from spark_jobs.ingest.frames import landed, landed_again, rejected, rejected_again
from spark_jobs.ingest.model import Chunk, Item, Layout, Record, Rejection
from spark_jobs.ingest.reader import read_again
from spark_jobs.ingest.tally import Counts, Tally
from spark_jobs.runner import Observer, silent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_ENCODING_CODES = ("invalid_utf8", "utf16", "utf32", "wrong_encoding")
_REPLAY_BYTES = 512 << 20
_RUN = {"job": "ingest fhir", "basis": "", "mode": "land"}
Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all), now and then, from another thread."""


@dataclass(frozen=True)
class Landing:
    """What an ingestion did. `counts` adds up all files; `skipped` were ingested before, `empty` hold nothing."""

    batch_id: str | None
    counts: Counts = field(default_factory=Counts)
    files: int = 0
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def look_at(paths: Sequence[Path], settings: Settings, threads: int, progress: Progress) -> list[SourceFile]:
    """Read each file once: its hash, its layout, its lines."""
    total = sum(p.stat().st_size for p in paths)
    files: list[SourceFile] = []
    done = 0
    for file in inspect_all(paths, settings.chunk_bytes, threads):
        files.append(file)
        done += file.size
        progress(done, total)
    return files


def new_and_old(control: Control, files: Sequence[SourceFile]) -> tuple[list[SourceFile], list[SourceFile]]:
    """Files to land, and files whose bytes were landed before or stand among the new ones already."""
    return parted(files, set(control.landed_hashes()))


def parted(files: Sequence[SourceFile], known: set[str]) -> tuple[list[SourceFile], list[SourceFile]]:
    """New files, and those whose hash is `known` or stands among the new ones already; `known` takes in the new."""
    new: list[SourceFile] = []
    old: list[SourceFile] = []
    for file in files:
        (old if file.sha256 in known else new).append(file)
        known.add(file.sha256)
    return new, old


def ingest(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    files: Sequence[SourceFile],
    *,
    progress: Progress = lambda done, total: None,
    observe: Observer = silent,
    parent: Parent | None = None,
) -> Landing:
    """Land files in one batch, less those that were landed before; InputError if one changes while it is read."""
    session = own_session(spark)
    # 1. Plan. What an earlier ingestion left unfinished is cleared up before its files are looked for.
    clear_up(session, control, settings, FHIR_RESOURCE)
    new, old = new_and_old(control, files)
    skipped = [f.name for f in old]
    if not new:
        return Landing(None, skipped=skipped)
    chunks = plan(new, settings.chunk_bytes)
    tally = Tally.start(session)
    read = folders(f.name for f in new)
    with batch(session, control, settings, FHIR_RESOURCE, _RUN, read, observe, parent) as made:
        batch_id, arrived_at = made.batch_id, made.arrived_at
        # 2, 4. Read and write to a branch: one pass over the files. Killed here: a stray branch.
        rows = landed(session, chunks, batch_id, arrived_at, settings, tally)
        with watched(tally, chunks, progress), files_unchanged():
            added = made.write(rows)
        # 3. Quarantine, before anyone can see the batch: only chunks with something to hold back are read again.
        observe(FHIR_RESOURCE.name, "quarantine")
        bad = tally.with_rejections(chunks)
        if bad:
            with files_unchanged():
                quarantine.hold(session, rejected(session, bad, batch_id, arrived_at, settings), batch_id)
        # 5. Gate: everything that was read is accounted for.
        observe(FHIR_RESOURCE.name, "gate")
        _check(chunks, tally, added)
        by_file = tally.by_file(chunks)
        # 6, 7. Publish and record.
        counts = [c for name, one in by_file.items() for c in count_rows(batch_id, name, one)]
        made.publish(counts, [_ledger_row(batch_id, f, by_file.get(f.name, Counts())) for f in new])
    empty = [f.name for f in new if f.layout is Layout.EMPTY]
    return Landing(batch_id, tally.total, len(new), sum(f.size for f in new), skipped, empty)


def replay(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    *,
    encoding: str | None = None,
    source_file: str | None = None,
    observe: Observer = silent,
    parent: Parent | None = None,
) -> Landing:
    """Try again what could not land, from the raw bytes in quarantine.

    With another text encoding, only what failed for its encoding is read again.
    What lands now is settled in quarantine; what still cannot land stays there with its newest reason.
    """
    session = own_session(spark)
    clear_up(session, control, settings, FHIR_RESOURCE)
    meant = quarantine.LandingRows(source_file, _ENCODING_CODES if encoding else None)
    open_rows = session.table(tables.full_name(QUARANTINE)).where(meant.condition())
    items, counts = _read_quarantine(open_rows, encoding, settings)
    records = [(name, i) for name, i in items if isinstance(i, Record)]
    rejections = [(name, i) for name, i in items if isinstance(i, Rejection)]
    if not items:
        return Landing(None)
    read = folders(name for name, _ in items)
    with batch(session, control, settings, FHIR_RESOURCE, _RUN, read, observe, parent) as made:
        batch_id, arrived_at = made.batch_id, made.arrived_at
        made.write(landed_again(session, records, batch_id, arrived_at))
        observe(FHIR_RESOURCE.name, "quarantine")
        quarantine.settle_landing(session, meant, batch_id)
        if rejections:
            quarantine.hold(session, rejected_again(session, rejections, batch_id, arrived_at), batch_id)
        observe(FHIR_RESOURCE.name, "gate")
        if not counts.is_whole:
            raise LakeError("What was read again does not add up; nothing was changed.")
        made.publish(count_rows(batch_id, "replay", counts))
    return Landing(batch_id, counts)


def discard(spark: "SparkSession", control: Control, settings: Settings, source_file: str) -> int:
    """Give up what of a file could not land: settled, though nothing of it landed. How many records; rows stay."""
    session = own_session(spark)
    clear_up(session, control, settings, FHIR_RESOURCE)
    meant = quarantine.LandingRows(source_file)
    rows = session.table(tables.full_name(QUARANTINE)).where(meant.condition())
    records = rows.where("part = 0").count()
    if records:
        quarantine.settle_landing(session, meant, f"discarded {datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
    return records


@contextmanager
def files_unchanged() -> Iterator[None]:
    """An InputError inside a task comes back as an exception of Spark with the whole stack in its text."""
    from pyspark.errors import PythonException

    try:
        yield
    except PythonException as error:
        said = re.search(r"InputError: (.*)", str(error))
        if said is None:
            raise
        raise InputError(said.group(1)) from error


def _check(chunks: Sequence[Chunk], tally: Tally, added: int) -> None:
    if tally.unreported(chunks):
        raise Conflict("A part of the files was not read to its end; nothing was landed, run it again.")
    total = tally.total
    if not total.is_whole or added != total.landed + total.contained:
        raise LakeError(
            f"The records do not add up: {total.records} were read, {total.landed} and {total.contained} contained "
            f"ones were to land, {total.rejected} were held back, but {added} rows were written; nothing was landed."
        )


def count_rows(batch_id: str, source: str, counts: Counts) -> Iterator[dict[str, Any]]:
    """What the control database keeps of one source file: its records by status, those that landed always."""
    figures: Mapping[str, int] = {
        "landed": counts.landed,
        "quarantined": counts.rejected,
        "blank": counts.blank,
        "contained": counts.contained,
    }
    for status, records in figures.items():
        if records or status == "landed":
            yield {"batch_id": batch_id, "source_file": source, "status": status, "records": records}


def _ledger_row(batch_id: str, file: SourceFile, counts: Counts) -> dict[str, Any]:
    return {
        "sha256": file.sha256,
        "batch_id": batch_id,
        "path": file.name,
        "bytes": file.size,
        "lines": counts.lines,
        "blank": counts.blank,
        "landed": counts.landed,
        "contained": counts.contained,
        "quarantined": counts.rejected,
        "landed_at": now(),
    }


@contextmanager
def watched(tally: Tally, chunks: Sequence[Chunk], progress: Progress) -> Iterator[None]:
    """Tell `progress` how many bytes are read while the work goes on elsewhere."""
    sizes = {c.chunk_id: c.end - c.start for c in chunks}
    total, stop = sum(sizes.values()), threading.Event()

    def watch() -> None:
        while not stop.wait(0.3):
            progress(sum(sizes[i] for i in tally.by_chunk), total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        progress(total, total)


def _read_quarantine(
    open_rows: "DataFrame", encoding: str | None, settings: Settings
) -> tuple[list[tuple[str, Item]], Counts]:
    """Read the raw bytes of open landing rows again: items with their file, and counts."""
    from pyspark.sql import functions as F

    size = open_rows.agg(F.sum(F.length("raw")).alias("bytes")).collect()[0].bytes or 0
    if size > _REPLAY_BYTES:
        raise InputError(f"{size:,} bytes are held back, too many to replay at once; choose files with --file.")
    key = ("run_id", "source_file", "line", "byte_offset", "entry")
    pieces: dict[tuple[Any, ...], list[bytes]] = {}
    for row in open_rows.orderBy(*key, "part").collect():
        pieces.setdefault(tuple(row[k] for k in key), []).append(bytes(row.raw))
    counts = Counts()
    items: list[tuple[str, Item]] = []
    for (_, name, line, offset, entry), parts in pieces.items():
        for item in read_again(b"".join(parts), line, offset, entry, encoding, settings.max_record_bytes, counts):
            items.append((name, item))
    return items, counts
