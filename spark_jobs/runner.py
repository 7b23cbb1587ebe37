"""The write path of one job: its side effects, in one order, safest first.

Killed in steps 1 to 3: nothing that a reader sees. In 4 or 5: a stray branch, dropped by the next run. Between 6 and 7:
the next run finds the run's id on main's snapshot and completes the record.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.derive.sodacl import ScanCheck, scan_checks, scan_variables, view_name
from catalog.model import Table
from catalog.registry import TABLES
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import quality, quarantine, tables
from lakehouse.control import Control, Outcome, new_id, now
from lakehouse.errors import GateFailed
from lakehouse.events import Parent
from lakehouse.session import own_session
from lakehouse.settings import Settings
from spark_jobs.evaluate import (
    ACCEPTED,
    QUARANTINED,
    accepted_rows,
    contested,
    evaluate,
    judge,
    misshapen,
    quarantine_rows,
    withdrawn_rows,
)
from spark_jobs.job import RECORD, Job
from spark_jobs.lineage import record_lineage
from spark_jobs.plan import Plan, lookup_rows, make_plan, records_to_evaluate
from spark_jobs.report import reported

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STEPS = ("plan", "compute", "quarantine", "write", "gate", "publish", "record")
Observer = Callable[[str, str], None]
"""Told (table name, step) as each step begins."""


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


@dataclass(frozen=True)
class Counted:
    """Records by batch, source file and status, and what the warning rules counted on accepted rows."""

    rows: list[dict[str, str | int]]
    warnings: dict[str, int]

    def total(self) -> dict[str, int]:
        """Records by status."""
        totals: dict[str, int] = {}
        for row in self.rows:
            totals[str(row["status"])] = totals.get(str(row["status"]), 0) + int(row["records"])
        return totals


def silent(table: str, step: str) -> None:
    """The observer that does nothing."""


def recover(spark: "SparkSession", control: Control, table: Table) -> None:
    """Bring the records of runs that died into line with what they did: published, or nothing at all."""
    unfinished = control.unfinished(table.name)
    if not unfinished:
        return
    published = {s.summary.get(tables.RUN_ID): s.id for s in tables.history(spark, table)}
    for run_id in unfinished:
        tables.drop_branch(spark, table, branch_name(run_id))
        if run_id in published:
            control.publish(run_id, published[run_id])
        else:
            quarantine.take_back(spark, run_id)
            control.finish(run_id, "interrupted", message="The process ended before it was published.")


def branch_name(run_id: str) -> str:
    """The branch that a run writes to."""
    return "run_" + run_id.lower().replace("-", "_")


@tables.retried()
def run_job(
    spark: "SparkSession",
    control: Control,
    settings: Settings,
    job: Job,
    as_of: str,
    *,
    full: bool = False,
    retry_held: bool = False,
    observe: Observer = silent,
    parent: Parent | None = None,
) -> RunResult:
    """Run one job to a published table, in a session of its own; raises GateFailed if the gate holds it back."""
    started = time.monotonic()
    session = own_session(spark)
    table = job.writes
    # 1. Plan. Killed here: a record of a run that did nothing.
    observe(table.name, "plan")
    for needed in (FHIR_RESOURCE, QUARANTINE, *(lookup.table for lookup in job.lookups), table):
        tables.ensure(session, needed)
    recover(session, control, table)
    last = control.last(table.name, "published", "unchanged")
    plan = make_plan(session, job, last, as_of, full=full, retry_held=retry_held)
    run_id = new_id()
    _record_plan(control, plan, run_id)
    if plan.is_settled:
        live_rows = last["live_rows"] if last else 0
        control.finish(run_id, "unchanged", live_rows=live_rows)
        return RunResult(table.name, run_id, "unchanged", plan.mode, live_rows=live_rows)
    try:
        with reported(control, settings, plan, run_id, parent):
            result = _carry_out(session, control, settings, plan, run_id, observe)
    except GateFailed:
        raise  # recorded where it was found
    except BaseException as error:
        tables.drop_branch(session, table, branch_name(run_id))
        quarantine.take_back(session, run_id)
        control.finish(run_id, "failed", message=type(error).__name__)
        raise
    return RunResult(**{**vars(result), "seconds": time.monotonic() - started})


def _record_plan(control: Control, plan: Plan, run_id: str) -> None:
    run = {
        "run_id": run_id,
        "job": plan.job.name,
        "table_name": plan.job.writes.name,
        "run_key": plan.run_key,
        "basis": plan.basis,
        "mode": plan.mode,
        "as_of": plan.as_of,
        "base_snapshot_id": plan.base.id if plan.base else None,
        "started_at": now(),
    }
    control.plan(run, plan.inputs)


def _carry_out(
    session: "SparkSession", control: Control, settings: Settings, plan: Plan, run_id: str, observe: Observer
) -> RunResult:
    from pyspark import StorageLevel

    from lakehouse.fhir import compile_view

    table, branch = plan.job.writes, branch_name(run_id)
    # 2. Compute once. Killed here: nothing.
    observe(table.name, "compute")
    lookups = {k.argument: lookup_rows(session, k, plan.inputs[k.table.name]) for k in plan.job.lookups}
    records = records_to_evaluate(session, plan)
    is_shaped = misshapen(records).isEmpty()
    evaluated = evaluate(plan.job, compile_view(plan.job.view), records, lookups, plan.as_of, is_shaped=is_shaped)
    record_lineage(control, plan, evaluated)
    cached = evaluated = evaluated.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counted = _count(evaluated, table)
        rivals = contested(records)
        if (len(table.key) > 1 and QUARANTINED in counted.total()) or not rivals.isEmpty():
            evaluated = judge(evaluated, rivals, table)
            counted = _count(evaluated, table)
        totals = counted.total()
        if not totals:
            control.finish(run_id, "unchanged", live_rows=_live_rows(session, table, None))
            return RunResult(table.name, run_id, "unchanged", plan.mode, live_rows=_live_rows(session, table, None))
        # 3. Quarantine first. Killed here: rows of a run that came to nothing, taken back by the next one.
        observe(table.name, "quarantine")
        quarantine.settle(session, table, evaluated.select(f"{RECORD}.resource_id"), run_id)
        if totals.get(QUARANTINED):
            quarantine.hold(session, quarantine_rows(evaluated, table, run_id), run_id)
        # 4. Write to a branch, in one commit. Killed here: a stray branch.
        observe(table.name, "write")
        _write(session, plan, evaluated, run_id, has_rows=ACCEPTED in totals)
    finally:
        cached.unpersist()
    # 5. Gate: scan the branch. Killed here: a stray branch.
    observe(table.name, "gate")
    live_rows = _live_rows(session, table, branch)
    outcomes = quality.warning_outcomes(table, counted.warnings)
    outcomes += _scan(session, control, settings, plan, branch)
    results = [(table.name, o) for o in outcomes]
    bad = [o for o in outcomes if o.outcome in ("fail", "error")]
    if bad:
        tables.keep_failed(session, table, branch, "failed_" + branch)
        quarantine.take_back(session, run_id)
        message = "; ".join(f"{o.check} ({_figure(o)})" for o in bad)
        control.finish(
            run_id, "gate_failed", live_rows=live_rows, message=message, counts=counted.rows, results=results
        )
        raise GateFailed(
            f"{table.name} was not published, for it failed {message}; readers still see the earlier state. "
            f"`lake quality {table.name}` shows the checks, with hashed keys of failing rows."
        )
    control.finish(run_id, "publishing", live_rows=live_rows, counts=counted.rows, results=results)
    # 6. Publish. Killed before: as 5. Killed after: the next run completes the record from main's snapshot.
    observe(table.name, "publish")
    snapshot = tables.publish(session, table, branch, plan.base.id if plan.base else None)
    # 7. Record.
    observe(table.name, "record")
    control.publish(run_id, snapshot)
    return RunResult(table.name, run_id, "published", plan.mode, totals, live_rows, outcomes)


def _figure(o: Outcome) -> str:
    return "could not be checked" if o.value is None else f"{o.value:g}"


def _count(evaluated: "DataFrame", table: Table) -> Counted:
    """One pass over the evaluated rows; the first one fills the cache."""
    from pyspark.sql import functions as F

    r = F.col(RECORD)
    names = [c.name for c in quality.warning_rules(table)]
    warned = [F.count(F.when(F.array_contains(r.warnings, name), 1)).alias(name) for name in names]
    grouped = evaluated.groupBy(
        r.batch_id.alias("batch_id"), r.source_file.alias("source_file"), r.status.alias("status")
    )
    rows = grouped.agg(F.count(F.when(r.is_first, 1)).alias("records"), *warned).collect()
    counts = [{k: row[k] for k in ("batch_id", "source_file", "status", "records")} for row in rows]
    return Counted(counts, {n: sum(row[n] for row in rows if row["status"] == ACCEPTED) for n in names})


def _write(session: "SparkSession", plan: Plan, evaluated: "DataFrame", run_id: str, *, has_rows: bool) -> None:
    table, branch = plan.job.writes, branch_name(run_id)
    stamp = {tables.RUN_KEY: plan.run_key, tables.RUN_ID: run_id}
    tables.make_branch(session, table, branch, plan.base.id if plan.base else None)
    rows = accepted_rows(evaluated, table, run_id)
    if plan.base is None or plan.base.rows == 0:
        if has_rows:
            tables.append(rows, table, branch, stamp)
        return
    live = tables.read(session, table, plan.base.id).where("not is_deleted")
    changes = rows.unionByName(withdrawn_rows(evaluated, live, table, run_id))
    compared = [c.name for c in table.columns if c.name not in (*table.key, "run_id")]
    tables.merge(changes, table, branch, stamp, unless_same=compared)


def _live_rows(session: "SparkSession", table: Table, branch: str | None) -> int:
    rows = session.table(tables.full_name(table)) if branch is None else tables.read_branch(session, table, branch)
    return rows.where("not is_deleted").count()


def _scan(session: "SparkSession", control: Control, settings: Settings, plan: Plan, branch: str) -> list[Outcome]:
    """The gate's views are made in the run's own session: the branch, and what it refers to at the pinned snapshots."""
    table = plan.job.writes
    for name in {c.ref for c in table.columns if c.ref} - {table.name}:
        referenced = TABLES[name]
        tables.ensure(session, referenced)
        snapshot = plan.inputs[name] if name in plan.inputs else _current_id(session, referenced)
        tables.read(session, referenced, snapshot).where("not is_deleted").createOrReplaceTempView(view_name(name))
    tables.read_branch(session, table, branch).where("not is_deleted").createOrReplaceTempView(view_name(table.name))
    last = control.last(table.name, "published", "unchanged")
    previous = (last["live_rows"] if last else None) or 0
    checks: list[ScanCheck] = scan_checks(table, TABLES)
    return quality.gate(session, table, checks, scan_variables(table, previous, plan.as_of), settings)


def _current_id(session: "SparkSession", table: Table) -> int | None:
    snapshot = tables.current(session, table)
    return snapshot.id if snapshot else None
