"""The metrics: a pure function from what was read to Prometheus's families.

Labels hold names of declarations and of our own lists, nothing else: no file name, no id, nothing of any record. A name
that is not declared is `other`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from catalog.registry import TABLES
from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse.findings import LANDING, Finding
from lakehouse.severity import Severity
from lakehouse.watch.accounting import Equation
from lakehouse.watch.health import Part
from lakehouse.watch.ledger import ENDED, UNFINISHED, Ledger, Run
from lakehouse.watch.shelf import Shelf

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
STATES = (*ENDED, *UNFINISHED)
OUTCOMES = ("landed", "contained", "blank", "accepted", "quarantined", "superseded", "not_selected", "deleted")
_LANDING_JOBS = ("ingest fhir", "ingest csv", "ingest delta")


@dataclass(frozen=True)
class Readings:
    """What was read at one moment; a part that could not be read is null, and `parts` says why."""

    parts: Sequence[Part] = ()
    ledger: Ledger | None = None
    shelf: Shelf | None = None
    equations: Sequence[Equation] | None = None
    findings: Sequence[Finding] | None = None
    held: Mapping[str, int] | None = None  # records that are held back and not settled, by stage
    disk: tuple[int, int] | None = None  # free and all bytes
    seconds: float = 0.0  # that reading took
    failed: Sequence[str] = field(default=())  # what could not be read: ledger, catalog, quality


def exposition(readings: Readings) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(readings))
    return generate_latest(registry)


class _Given(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        return families(self._readings)


def families(r: Readings) -> Iterator[Metric]:
    """All families that these readings fill; one that could not be read is left out, never given as 0."""
    yield _gauge("build_info", "The Carelake that answers.", [((version("carelake"),), 1)], "version")
    yield from _of_parts(r)
    if r.ledger is not None:
        yield from _of_runs(r.ledger)
        yield from _of_records(r.ledger)
        yield from _of_upkeep(r.ledger)
    if r.shelf is not None:
        yield from _of_tables(r.shelf)
    if r.equations is not None:
        yield from _of_equations(r.equations)
    if r.findings is not None and r.held is not None:
        yield from _of_quality(r.findings, r.held)


Rows = Iterable[tuple[tuple[str, ...], float]]


def _gauge(name: str, doc: str, rows: Rows, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"carelake_{name}", doc, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _counter(name: str, doc: str, rows: Rows, *labels: str) -> Metric:
    family = CounterMetricFamily(f"carelake_{name}", doc, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _of_parts(r: Readings) -> Iterator[Metric]:
    up = [((p.name,), float(p.is_up)) for p in r.parts]
    took = [((p.name,), p.seconds) for p in r.parts if p.seconds is not None]
    yield _gauge("service_up", "Whether the part answers: 1 or 0.", up, "service")
    yield _gauge("service_answer_seconds", "How long its answer took; absent where there was none.", took, "service")
    readable = [((name,), float(name not in r.failed)) for name in ("ledger", "catalog", "quality")]
    yield _gauge("readable", "Whether this part of the metrics could be read: 1 or 0.", readable, "part")
    yield _gauge("read_seconds", "How long reading everything for these metrics took.", [((), r.seconds)])
    if r.disk is not None:
        yield _gauge("disk_free_bytes", "Free space on the disk of LAKE_HOME.", [((), r.disk[0])])
        yield _gauge("disk_size_bytes", "Size of the disk of LAKE_HOME.", [((), r.disk[1])])


def _of_runs(ledger: Ledger) -> Iterator[Metric]:
    counts: dict[tuple[str, ...], float] = defaultdict(float)
    for table in TABLES:  # from 0 on, so that the first failure is an increase
        for state in ENDED if not table.startswith("ops.") else ():
            for job in _jobs_of(table):
                counts[job, table, state] = 0
    for (job, table, state), count in ledger.ended.items():
        counts[job_label(job), table_label(table), state] += count
    yield _counter("runs", "Runs that ended, by how.", counts.items(), "job", "table", "state")
    newest = _by_label(ledger.newest)
    states = [((*key, state), float(run.state == state)) for key, run in newest.items() for state in STATES]
    yield _gauge("run_last_state", "1 for the state of the newest run, 0 for others.", states, "job", "table", "state")
    good, published = _by_label(ledger.good), _by_label(ledger.published)
    yield _times(
        "run_last_success", "When the newest good run ended (published or unchanged).", good, lambda x: x.ended_at
    )
    yield _times("run_last_start", "When the newest run began, whatever became of it.", newest, lambda x: x.started_at)
    took = [(key, run.seconds) for key, run in published.items() if run.seconds is not None]
    yield _gauge("run_last_seconds", "How long the newest published run took.", took, "job", "table")
    rate = [
        (key, run.records / run.seconds) for key, run in published.items() if run.records is not None and run.seconds
    ]
    yield _gauge("run_last_records_per_second", "Source records by second of that run.", rate, "job", "table")
    open_runs: dict[tuple[str, ...], float] = {}
    since: dict[tuple[str, ...], datetime] = {}
    for run in ledger.unfinished:
        key = (job_label(run.job), table_label(run.table))
        open_runs[key] = open_runs.get(key, 0) + 1
        since[key] = min(since.get(key, run.started_at), run.started_at)
    yield _gauge("runs_unfinished", "Runs that were begun and have not ended.", open_runs.items(), "job", "table")
    started = [(key, at.timestamp()) for key, at in since.items()]
    doc = "When the oldest run that has not ended began."
    yield _gauge("run_unfinished_start_timestamp_seconds", doc, started, "job", "table")


def _times(
    name: str, doc: str, by_label: Mapping[tuple[str, ...], Run], when: Callable[[Run], datetime | None]
) -> Metric:
    rows = [(key, at.timestamp()) for key, run in by_label.items() if (at := when(run)) is not None]
    return _gauge(f"{name}_timestamp_seconds", doc, rows, "job", "table")


def _of_records(ledger: Ledger) -> Iterator[Metric]:
    counts: dict[tuple[str, ...], float] = defaultdict(float)
    for (table, status), records in ledger.records.items():
        counts[table_label(table), status if status in OUTCOMES else OTHER] += records
    doc = "Source records of published runs, by what became of them; one that is looked at again counts again."
    yield _counter("records", doc, counts.items(), "table", "outcome")
    last: dict[tuple[str, ...], float] = {}
    rows = {run.table: run.live_rows for run in ledger.good if run.live_rows is not None}
    live = [
        ((table,), float(count)) for table, count in rows.items() if table in TABLES and table != FHIR_RESOURCE.name
    ]
    yield _gauge("table_live_rows", "Rows that are not deleted, as the newest good run left them.", live, "table")
    for run in ledger.published:
        if run.records is not None and run.job in TABLES_BY_JOB:
            last[TABLES_BY_JOB[run.job],] = run.records
    yield _gauge("run_last_records", "Source records that the newest published run looked at.", last.items(), "table")
    if ledger.database_bytes is not None:
        yield _gauge("control_database_bytes", "Size of the control database.", [((), ledger.database_bytes)])


def _of_upkeep(ledger: Ledger) -> Iterator[Metric]:
    if ledger.upkeep_ended_at is not None:
        at = [((), ledger.upkeep_ended_at.timestamp())]
        yield _gauge("upkeep_last_success_timestamp_seconds", "When the newest step of `lake maintain` ended.", at)
    doc = "Steps of upkeep that were begun and did not come to an end."
    yield _gauge("upkeep_unfinished", doc, [((), ledger.upkeep_unfinished)])


def _of_tables(shelf: Shelf) -> Iterator[Metric]:
    known = {name: t for name, t in shelf.tables.items() if name in TABLES}
    at = [((n,), t.committed_at.timestamp()) for n, t in known.items() if t.committed_at is not None]
    yield _gauge("table_snapshot_timestamp_seconds", "When what readers see now was committed.", at, "table")
    for figure, doc in (
        ("rows", "Rows at the current snapshot, deleted ones included."),
        ("bytes", "Bytes of the current snapshot's files."),
        ("data_files", "Data files of the current snapshot."),
        ("delete_files", "Delete files of the current snapshot."),
        ("snapshots", "Snapshots that are kept."),
        ("metadata_versions", "Metadata files that are kept."),
    ):
        yield _gauge(f"table_{figure}", doc, [((n,), float(getattr(t, figure))) for n, t in known.items()], "table")


def _of_equations(equations: Sequence[Equation]) -> Iterator[Metric]:
    labels = ("stage", "table")
    given = [((e.stage, table_label(e.table)), float(e.given)) for e in equations]
    accounted = [((e.stage, table_label(e.table)), float(e.accounted)) for e in equations]
    missing = [((e.stage, table_label(e.table)), float(e.unaccounted)) for e in equations]
    yield _gauge("given_records", "Records that a stage was given: the left side of its equation.", given, *labels)
    yield _gauge("accounted_records", "Records that are accounted for: the right side.", accounted, *labels)
    yield _gauge("unaccounted_records", "Given less accounted for; anything but 0 is a loss.", missing, *labels)


def _of_quality(findings: Sequence[Finding], held: Mapping[str, int]) -> Iterator[Metric]:
    counts: dict[tuple[str, ...], float] = {
        (severity.word, state): 0 for severity in Severity for state in ("open", "acknowledged")
    }
    failed: dict[tuple[str, ...], float] = defaultdict(float)
    for f in findings:
        state = "acknowledged" if f.is_accepted else "open"
        counts[f.severity.word, state] += 1
        check = f.check if f.rule is not None else OTHER
        failed[stage_label(f.table), check, f.severity.word, state] += 1
    doc = "Findings: checks that are not met, by severity and whether people have accepted them."
    yield _gauge("findings", doc, counts.items(), "severity", "state")
    doc = "1 for each check of a table that is not met (undeclared reasons count together as other)."
    yield _gauge("check_failed", doc, failed.items(), "table", "check", "severity", "state")
    back: dict[tuple[str, ...], float] = defaultdict(float)
    for stage, records in held.items():
        back[stage_label(stage),] += records
    yield _gauge("held_back_records", "Records in quarantine that no later run has settled.", back.items(), "stage")


TABLES_BY_JOB: Mapping[str, str] = {
    t.short_name: name for name, t in TABLES.items() if t.schema_name in ("silver", "gold")
}
"""A job of silver or gold has the short name of its table."""


def table_label(name: str) -> str:
    """The name if it is declared."""
    return name if name in TABLES else OTHER


def stage_label(name: str) -> str:
    """The landing, or a declared table."""
    return name if name == LANDING else table_label(name)


def job_label(job: str) -> str:
    """The job's name if it is declared; mappings of extracts and names of Delta tables are not told."""
    if job in TABLES_BY_JOB:
        return job
    return next((name for name in _LANDING_JOBS if job.startswith(name)), OTHER)


def _jobs_of(table: str) -> Sequence[str]:
    if table == FHIR_RESOURCE.name:
        return _LANDING_JOBS[:1]
    return [job for job, made in TABLES_BY_JOB.items() if made == table]


def _by_label(runs: Sequence[Run]) -> dict[tuple[str, ...], Run]:
    """The newest run by its labels."""
    found: dict[tuple[str, ...], Run] = {}
    for run in sorted(runs, key=lambda run: run.run_id):
        found[job_label(run.job), table_label(run.table)] = run
    return found
