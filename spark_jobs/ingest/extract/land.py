"""The write path of a CSV extract: files to rows in bronze.csv_row, and those to FHIR in bronze.fhir_resource.

Both are published as one: killed before the second publish, the batch did not happen; killed after it, the next
ingestion of CSV completes it. Either way the same files can be given again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import TYPE_CHECKING, Any

from catalog.mapping import CsvMapping
from catalog.tables.bronze import CSV_ROW, FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import quarantine, tables
from lakehouse.control import Control, new_id, now
from lakehouse.errors import Conflict, LakeError
from lakehouse.events import Parent
from lakehouse.outages import explained
from lakehouse.session import own_session
from lakehouse.settings import Settings
from spark_jobs.ingest.batch import folders
from spark_jobs.ingest.discover import SourceFile
from spark_jobs.ingest.extract.account import ExtractLanding, FileCounts, by_file, by_status, ledger
from spark_jobs.ingest.extract.frames import csv_rows, no_rows, whole_files
from spark_jobs.ingest.extract.translate import (
    HELD,
    STAGE_RESOURCES,
    Entries,
    Rows,
    group_resources,
    group_rows,
    row_resources,
    statuses,
    typed_rows,
)
from spark_jobs.ingest.land import Progress, files_unchanged, parted, watched
from spark_jobs.ingest.model import Layout
from spark_jobs.ingest.tally import Counts, Tally
from spark_jobs.report import reported, settled
from spark_jobs.runner import Observer, branch_name, give_up, recover, silent

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TABLE_ROWS = 100_000


def new_and_old(
    control: Control, mapping: CsvMapping, files: Sequence[SourceFile]
) -> tuple[list[SourceFile], list[SourceFile]]:
    """Files to read, and files whose bytes were read by this very mapping or stand among the new ones already."""
    known = {f["sha256"] for f in control.ingested_extracts(mapping.name) if f["mapping_version"] == mapping.version}
    return parted(files, known)


def ingest_csv(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    mapping: CsvMapping,
    files: Sequence[SourceFile],
    *,
    progress: Progress = lambda done, total: None,
    observe: Observer = silent,
    parent: Parent | None = None,
    again: bool = False,
) -> ExtractLanding:
    """Land and translate files in one batch, less those that this mapping has read before, or `again` those as well.

    Files that an earlier version of the mapping read are read again: the newer resources replace the older ones of the
    same id, and what was held back of them is settled.
    """
    session = own_session(spark)
    # 1. Plan. What an earlier ingestion left unfinished is cleared up before its files are looked for.
    observe(CSV_ROW.name, "plan")
    clear_up(session, control, settings)
    new, old = parted(files, set()) if again else new_and_old(control, mapping, files)
    skipped = [f.name for f in old]
    if not new:
        return ExtractLanding(None, skipped=skipped)
    batch = _Batch(session, control, settings, mapping, new)
    told = reported(control, settings, batch.id, FHIR_RESOURCE, parent, batch.beside)
    with told, explained(settings, CSV_ROW.name, FHIR_RESOURCE.name):
        landing = batch.run(progress, observe)
        batch.publish(observe)
    return ExtractLanding(batch.id, *landing, sum(f.size for f in new), skipped, batch.empty, batch.untold)


def clear_up(session: "SparkSession", control: Control, settings: Settings) -> None:
    """Finish or undo what ingestions of CSV that died left: rows follow the resources that were made of them."""
    for table in (CSV_ROW, FHIR_RESOURCE, QUARANTINE):
        tables.ensure(session, table)
    died = recover(session, control, FHIR_RESOURCE)
    published: dict[str, int] = {}
    for branch in tables.branches(session, CSV_ROW):
        head = tables.current(session, CSV_ROW, branch)
        base = tables.current(session, CSV_ROW)
        run_id = head.summary.get(tables.RUN_ID) if head else None
        if run_id and _happened(session, control, run_id):
            published[run_id] = tables.publish(session, CSV_ROW, branch, base.id if base else None)
        else:
            tables.drop_branch(session, CSV_ROW, branch)
    settled(control, settings, [run_id for run_id in died if run_id not in published], FHIR_RESOURCE)
    for run_id, snapshot in published.items():
        if control.state(run_id) is not None:
            settled(control, settings, [run_id], FHIR_RESOURCE, {CSV_ROW.name: snapshot})


def _happened(session: "SparkSession", control: Control, run_id: str) -> bool:
    """Whether the batch was published: by its record, or where that was lost, by its resources in bronze."""
    state = control.state(run_id)
    if state is not None:
        return state == "published"
    resources = session.table(tables.full_name(FHIR_RESOURCE))
    return not resources.where(f"batch_id = '{run_id}'").limit(1).isEmpty()


class _Batch:
    """One ingestion: the steps in their order, and what they share."""

    def __init__(
        self,
        session: "SparkSession",
        control: Control,
        settings: Settings,
        mapping: CsvMapping,
        files: Sequence[SourceFile],
    ) -> None:
        self.session, self.control, self.settings, self.mapping = session, control, settings, mapping
        self.files = files
        self.chunks = whole_files(files)
        self.empty = [f.name for f in files if f.layout is Layout.EMPTY]
        self.untold: list[str] = []
        self.cached: list[DataFrame] = []
        self.id, self.arrived_at = new_id(), datetime.now(UTC)
        self.branch = branch_name(self.id)
        self.beside: dict[str, int | None] = {CSV_ROW.name: None}
        self.base = {table.name: tables.current(session, table) for table in (CSV_ROW, FHIR_RESOURCE)}
        base = self.base[FHIR_RESOURCE.name]
        run = {
            "run_id": self.id,
            "job": f"ingest csv {mapping.name}",
            "table_name": FHIR_RESOURCE.name,
            "run_key": self.id,
            "basis": mapping.version,
            "mode": "land",
            "as_of": "",
            "base_snapshot_id": base.id if base else None,
            "started_at": now(),
        }
        control.plan(run, folders(f.name for f in files))

    def run(self, progress: Progress, observe: Observer) -> tuple[dict[str, FileCounts], dict[tuple[str, str], int]]:
        """All steps up to the publish; what it wrote is seen by nobody yet, and undone on failure."""
        try:
            return self._run(progress, observe)
        except BaseException as error:
            give_up(self.session, self.control, self.settings, FHIR_RESOURCE, self.id, error, beside=(CSV_ROW,))
            raise
        finally:
            for frame in self.cached:
                frame.unpersist()

    def _run(self, progress: Progress, observe: Observer) -> tuple[dict[str, FileCounts], dict[tuple[str, str], int]]:
        tally = Tally.start(self.session)
        # 2, 4. Read the files once and write their rows to a branch; translate those to another branch.
        observe(CSV_ROW.name, "write")
        self._land(tally, progress)
        observe(FHIR_RESOURCE.name, "compute")
        kinds = self._translate()
        groups = self._groups(kinds)
        observe(FHIR_RESOURCE.name, "write")
        self._append(FHIR_RESOURCE, self._resources(kinds, groups))
        # 3. Quarantine, before anyone can see the batch.
        observe(FHIR_RESOURCE.name, "quarantine")
        judged = [statuses(rows) for rows in kinds]
        found, made = self._count(judged, tally)
        self._hold(judged, tally, has_held=any(status == HELD for _, status in found))
        # 5. Gate: every row is accounted for, and as many resources were written as rows and groups were to make.
        observe(FHIR_RESOURCE.name, "gate")
        counts = by_file(self.mapping, tally.by_file(self.chunks), found)
        by_type = self._made()
        self._check(tally, counts, made + sum(g.count() for g in groups), sum(by_type.values()))
        self.control.keep_extracts(self.id, *ledger(self.id, self.mapping, self.files, counts, by_type))
        self.control.finish(self.id, "publishing", counts=by_status(self.id, counts))
        return counts, by_type

    def publish(self, observe: Observer) -> None:
        """Show it: resources first, for they say in which state the batch is. Killed between: `clear_up` completes."""
        observe(FHIR_RESOURCE.name, "publish")
        snapshot = tables.publish(self.session, FHIR_RESOURCE, self.branch, self._base_id(FHIR_RESOURCE.name))
        self.control.publish(self.id, snapshot)
        observe(CSV_ROW.name, "publish")
        self.beside[CSV_ROW.name] = tables.publish(self.session, CSV_ROW, self.branch, self._base_id(CSV_ROW.name))
        observe(CSV_ROW.name, "record")

    def _base_id(self, table_name: str) -> int | None:
        base = self.base[table_name]
        return base.id if base else None

    def _append(self, table: Any, rows: "DataFrame") -> None:
        tables.make_branch(self.session, table, self.branch, self._base_id(table.name))
        tables.append(rows, table, self.branch, {tables.RUN_ID: self.id, tables.RUN_KEY: self.id})

    def _land(self, tally: Tally, progress: Progress) -> None:
        hashes = {str(f.path): f.sha256 for f in self.files}
        rows = csv_rows(self.session, self.chunks, hashes, self.mapping, self.id, self.arrived_at, self.settings, tally)
        with watched(tally, self.chunks, progress), files_unchanged():
            self._append(CSV_ROW, rows)

    def _landed(self) -> "DataFrame":
        """This batch's rows."""
        return tables.read_branch(self.session, CSV_ROW, self.branch).where(f"batch_id = '{self.id}'")

    def _translate(self) -> list[Rows]:
        loaded = self._value_tables()
        landed = self._landed()
        return [typed_rows(landed, self.mapping, k, loaded) for k in self.mapping.kinds if not k.key]

    def _value_tables(self) -> dict[str, Entries]:
        """The value tables that came as files, now or before: the newest row of each code."""
        from pyspark.sql import functions as F

        wanted = [t for t in self.mapping.tables if t.file]
        if not wanted:
            return {}
        rows = tables.read_branch(self.session, CSV_ROW, self.branch).where(
            (F.col("mapping") == self.mapping.name) & F.col("file_kind").isin(*{t.file for t in wanted})
        )
        order = ("batch_id", "source_file", "byte_offset")
        found = rows.select("file_kind", F.from_json("payload", "map<string,string>").alias("cells"), *order)
        entries: dict[str, dict[str, dict[str, str]]] = {}
        for row in found.orderBy(*order).limit(_TABLE_ROWS).collect():
            cells = {name: value.strip() for name, value in row.cells.items()}
            entries.setdefault(row.file_kind, {})[cells[self.mapping.kind(row.file_kind).key]] = cells
        self.untold = [t.name for t in wanted if t.file not in entries]
        return {t.name: entries.get(t.file, {}) for t in wanted}

    def _resources(self, kinds: Sequence[Rows], groups: Sequence["DataFrame"]) -> "DataFrame":
        """All resources, with the columns of bronze.fhir_resource."""
        from pyspark.sql import functions as F

        from spark_jobs.ingest.frames import complete

        frames = [frame for rows in kinds if (frame := row_resources(rows)) is not None]
        made = reduce(lambda a, b: a.unionByName(b), [*frames, *groups])
        missing = {
            c.name: F.lit(None).cast(c.type.spark) for c in FHIR_RESOURCE.columns if c.null and c.name != "payload"
        }
        whole = made.withColumns({**missing, "is_deleted": F.lit(False), "payload_sha256": F.sha2("payload", 256)})
        return complete(whole, FHIR_RESOURCE, {}, self.arrived_at)

    def _count(self, judged: Sequence["DataFrame"], tally: Tally) -> tuple[dict[tuple[str, str], int], int]:
        """Rows by file and status, and how many resources rows make by themselves."""
        from pyspark.sql import functions as F

        rows = reduce(lambda a, b: a.unionByName(b), judged)
        grouped = rows.groupBy("source_file", "status").agg(F.count("*").alias("rows"), F.sum("row_made").alias("made"))
        collected = grouped.collect()
        return {(r.source_file, r.status): r["rows"] for r in collected}, sum(r.made for r in collected)

    def _groups(self, kinds: Sequence[Rows]) -> list["DataFrame"]:
        """Resources that several rows make together; those rows are few, and are kept while the batch is made."""
        found: list[DataFrame] = []
        for rows in kinds:
            good = group_rows(rows)
            if good is not None:
                self.cached.append(good.persist())
                found += group_resources(good, rows)
        return found

    def _hold(self, judged: Sequence["DataFrame"], tally: Tally, *, has_held: bool) -> None:
        from pyspark.sql import functions as F

        bad = tally.with_rejections(self.chunks)
        if bad:
            with files_unchanged():
                rows = no_rows(self.session, bad, self.mapping, self.id, self.arrived_at, self.settings)
                quarantine.hold(self.session, rows, self.id)
        if has_held:
            held = reduce(lambda a, b: a.unionByName(b), judged).where(F.col("status") == HELD)
            quarantine.hold(self.session, self._held_rows(held), self.id)
        earlier = [
            (f["batch_id"], f["path"])
            for f in self.control.ingested_extracts(self.mapping.name)
            if f["sha256"] in {file.sha256 for file in self.files}
        ]
        if earlier:
            quarantine.settle_files(self.session, earlier, self.id)

    def _held_rows(self, held: "DataFrame") -> "DataFrame":
        from pyspark.sql import functions as F

        from spark_jobs.ingest.frames import complete

        said = held.withColumns(
            {
                "reason_code": F.col("problem")[0],
                "reason": F.col("problem")[1],
                "part": F.lit(0),
                **{
                    n: F.lit(None).cast(QUARANTINE.column(n).type.spark)
                    for n in ("entry", "raw", "resource_type", "resource_id")
                },
            }
        )
        return complete(said, QUARANTINE, {"run_id": self.id, "stage": STAGE_RESOURCES}, self.arrived_at)

    def _made(self) -> dict[tuple[str, str], int]:
        rows = tables.read_branch(self.session, FHIR_RESOURCE, self.branch).where(f"batch_id = '{self.id}'")
        found = rows.groupBy("source_file", "resource_type").count().collect()
        return {(r.source_file, r.resource_type): r["count"] for r in found}

    def _check(self, tally: Tally, counts: Mapping[str, FileCounts], to_make: int, made: int) -> None:
        if tally.unreported(self.chunks):
            raise Conflict("A part of the files was not read to its end; nothing was landed, run it again.")
        read: Counts = tally.total
        head = tables.current(self.session, CSV_ROW, self.branch)
        added = int(head.summary.get("added-records", 0)) if head else 0
        accounted = sum(c.rows for c in counts.values())
        if not read.is_whole or added != read.landed or accounted != read.lines or to_make != made:
            raise LakeError(
                f"The rows do not add up: {read.lines} were read, {added} of {read.landed} landed, {accounted} are "
                f"accounted for; {to_make} resources were to be made and {made} were written; nothing was landed."
            )
