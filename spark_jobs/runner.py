"""The write path of one job: its side effects, in one order, safest first.

Killed in steps 1 to 3: nothing that a reader sees. In 4 or 5: a stray branch, dropped by the next run. Between 6 and 7:
the next run finds the run's id on main's snapshot and completes the record.

Steps 2 to 4 differ by kind of job: see `conforming` (from FHIR to silver) and `building` (marts).
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catalog.derive.sodacl import ScanCheck, scan_checks, scan_columns, scan_variables, view_name
from catalog.model import Table
from catalog.registry import TABLES
from catalog.tables.ops import QUARANTINE
from lakehouse import quality, quarantine, tables
from lakehouse.control import Control, Outcome, new_id, now
from lakehouse.errors import GateFailed, LakeError
from lakehouse.events import Parent
from lakehouse.outages import can_be_reached, explained
from lakehouse.session import FEW_ROWS, own_session, release, suit
from lakehouse.settings import Settings
from spark_jobs.building import write_mart
from spark_jobs.conforming import write_records
from spark_jobs.job import Job
from spark_jobs.mart import Mart
from spark_jobs.mart_plan import MartPlan, plan_mart
from spark_jobs.plan import Plan, make_plan
from spark_jobs.report import reported, settled
from spark_jobs.run import STEPS, Observer, Run, branch_name, keep, silent

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["STEPS", "Observer", "RunResult", "branch_name", "give_up", "recover", "run_job", "silent"]


@dataclass(frozen=True)
class RunResult:
    """What a run did: `state` is published or unchanged; `records` counts source records by status."""

    table: str
    run_id: str
    state: str
    mode: str
    records: dict[str, int] = field(default_factory=dict)
    live_rows: int | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0


def recover(spark: "SparkSession", control: Control, table: Table) -> list[str]:
    """Bring the records of runs that died into line with what they did: published, or nothing at all; their ids."""
    unfinished = control.unfinished(table.name)
    for run_id in unfinished:
        _settle(spark, control, table, run_id, "interrupted", "The process ended before it was published.")
    return unfinished


def give_up(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    table: Table,
    run_id: str,
    error: BaseException,
    beside: Sequence[Table] = (),
) -> None:
    """Undo what a failed run wrote, also to branches of the tables `beside`, and keep why it failed.

    What can't be undone, since a server is away, is left to the next run, as where the process was killed.
    """
    if not can_be_reached(settings):
        return
    message = str(error) if isinstance(error, LakeError) else type(error).__name__
    with suppress(Exception):  # the error that is told is the one that came first
        for other in beside:
            tables.drop_branch(spark, other, branch_name(run_id))
        _settle(spark, control, table, run_id, "failed", message)


def _settle(spark: "SparkSession", control: Control, table: Table, run_id: str, state: str, message: str) -> None:
    published = (s.id for s in tables.history(spark, table) if s.summary.get(tables.RUN_ID) == run_id)
    tables.drop_branch(spark, table, branch_name(run_id))
    if snapshot := next(published, None):
        control.publish(run_id, snapshot)
    else:
        quarantine.take_back(spark, run_id)
        control.finish(run_id, state, message=message)


@tables.retried()
def run_job(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    job: Job | Mart,
    as_of: str,
    *,
    full: bool = False,
    retry_held: bool = False,
    observe: Observer = silent,
    parent: Parent | None = None,
) -> RunResult:
    """Run one job to a published table, in a session of its own; raises GateFailed if the gate holds it back."""
    with explained(settings, *(t.name for t in (*job.read_tables, job.writes))):
        session = own_session(spark)
        try:
            return _run(session, control, settings, job, as_of, full, retry_held, observe, parent)
        finally:
            release(session)


def _run(
    session: "SparkSession",
    control: Control,
    settings: Settings,
    job: Job | Mart,
    as_of: str,
    full: bool,
    retry_held: bool,
    observe: Observer,
    parent: Parent | None,
) -> RunResult:
    started = time.monotonic()
    suit(session, 0)  # what a run looks up is small; the steps that read more say so
    table = job.writes
    # 1. Plan. Killed here: a record of a run that did nothing.
    observe(table.name, "plan")
    for needed in (QUARANTINE, *job.read_tables, table):
        tables.ensure(session, needed)
    settled(control, settings, recover(session, control, table), table)
    last = control.last(table.name, "published", "unchanged")
    plan: Plan | MartPlan
    if isinstance(job, Mart):
        plan = plan_mart(session, job, last, settings, as_of, full=full)
    else:
        plan = make_plan(session, job, last, as_of, full=full, retry_held=retry_held)
    run = Run(session, control, plan, new_id(), observe)
    _record_plan(run)
    if plan.is_settled:
        live_rows = last["live_rows"] if last else 0
        control.finish(run.run_id, "unchanged", live_rows=live_rows)
        return RunResult(table.name, run.run_id, "unchanged", plan.mode, live_rows=live_rows)
    try:
        names = [t.name for t in (*job.read_tables, table)]
        with reported(control, settings, run.run_id, table, parent), explained(settings, *names):
            result = _carry_out(run, settings)
    except GateFailed:
        raise  # recorded where it was found
    except BaseException as error:
        give_up(session, control, settings, table, run.run_id, error)
        raise
    return RunResult(**{**vars(result), "seconds": time.monotonic() - started})


def _record_plan(run: Run) -> None:
    plan = run.plan
    planned: dict[str, Any] = {
        "run_id": run.run_id,
        "job": plan.job.name,
        "table_name": run.table.name,
        "run_key": plan.run_key,
        "basis": plan.basis,
        "mode": plan.mode,
        "as_of": plan.as_of,
        "base_snapshot_id": run.base,
        "started_at": now(),
    }
    run.control.plan(planned, plan.inputs)


def _carry_out(run: Run, settings: Settings) -> RunResult:
    session, control, table, plan = run.session, run.control, run.table, run.plan
    # 2. Compute once. 3. Quarantine first. 4. Write to a branch, in one commit.
    written = write_mart(run, plan) if isinstance(plan, MartPlan) else write_records(run, plan)
    if written is None:
        live_rows = tables.live(session.table(tables.full_name(table))).count()
        control.finish(run.run_id, "unchanged", live_rows=live_rows)
        return RunResult(table.name, run.run_id, "unchanged", plan.mode, live_rows=live_rows)
    # 5. Gate: scan the branch. Killed here: a stray branch.
    run.begin("gate")
    live_rows, counts = written.live_rows, written.counts
    with ExitStack() as cached:
        outcomes = written.outcomes + _scan(run, settings, live_rows, cached)
    results = [(table.name, o) for o in outcomes]
    bad = [o for o in outcomes if o.outcome in ("fail", "error")]
    if bad:
        tables.keep_failed(session, table, run.branch, "failed_" + run.branch)
        quarantine.take_back(session, run.run_id)
        message = "; ".join(f"{o.check} ({_figure(o)})" for o in bad)
        control.finish(run.run_id, "gate_failed", live_rows=live_rows, message=message, counts=counts, results=results)
        raise GateFailed(
            f"{table.name} was not published, for it failed {message}; readers still see the earlier state. "
            f"`lake quality {table.name}` shows the checks, with hashed keys of failing rows."
        )
    control.finish(run.run_id, "publishing", live_rows=live_rows, counts=counts, results=results)
    # 6. Publish. Killed before: as 5. Killed after: the next run completes the record from main's snapshot.
    run.begin("publish")
    snapshot = tables.publish(session, table, run.branch, run.base)
    # 7. Record.
    run.begin("record")
    control.publish(run.run_id, snapshot)
    return RunResult(table.name, run.run_id, "published", plan.mode, written.records, live_rows, outcomes)


def _figure(o: Outcome) -> str:
    return "could not be checked" if o.value is None else f"{o.value:g}"


def _scan(run: Run, settings: Settings, live_rows: int, cached: ExitStack) -> list[Outcome]:
    """The gate's views are made in the run's own session: the branch, and what it refers to at the pinned snapshots.

    A scan is some five queries. Of few rows, which take less time to read than to plan for, what they ask is kept.
    """
    session, table, inputs = run.session, run.table, run.plan.inputs
    for name in {c.ref for c in table.columns if c.ref} - {table.name}:
        referenced = TABLES[name]
        tables.ensure(session, referenced)
        snapshot = inputs[name] if name in inputs else _current_id(session, referenced)
        tables.live(tables.read(session, referenced, snapshot)).createOrReplaceTempView(view_name(name))
    scanned = tables.live(tables.read_branch(session, table, run.branch)).select(*scan_columns(table))
    if live_rows < FEW_ROWS:
        scanned = keep(scanned, cached)
    scanned.createOrReplaceTempView(view_name(table.name))
    last = run.control.last(table.name, "published", "unchanged")
    previous = (last["live_rows"] if last else None) or 0
    checks: list[ScanCheck] = scan_checks(table, TABLES)
    return quality.gate(session, table, checks, scan_variables(table, previous, run.plan.as_of), settings)


def _current_id(session: "SparkSession", table: Table) -> int | None:
    snapshot = tables.current(session, table)
    return snapshot.id if snapshot else None
