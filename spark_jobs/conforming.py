"""Steps 2 to 4 of a job from FHIR to silver: judge each record, hold back what is bad, write what is good."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.model import Table
from lakehouse import quality, quarantine, tables
from lakehouse.session import suit
from spark_jobs.evaluate import (
    ACCEPTED,
    QUARANTINED,
    accepted_rows,
    contested,
    evaluate,
    judge,
    looked_at,
    quarantine_rows,
    withdrawn_rows,
)
from spark_jobs.job import RECORD
from spark_jobs.lineage import record_lineage
from spark_jobs.plan import Plan, lookup_rows, records_to_evaluate
from spark_jobs.run import Run, Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


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


def write_records(run: Run, plan: Plan) -> Written | None:
    """Evaluate the records of the plan and write to the run's branch; None if there were none."""
    from pyspark import StorageLevel

    from lakehouse.fhir import compile_view

    session, table = run.session, run.table
    # 2. Compute once. Killed here: nothing.
    run.begin("compute")
    lookups = {k.argument: lookup_rows(session, k, plan.inputs[k.table.name]) for k in plan.job.lookups}
    records = records_to_evaluate(session, plan)
    looked = looked_at(records).collect()[0]
    suit(session, looked["records"])
    is_shaped = looked["misshapen"] == 0
    evaluated = evaluate(plan.job, compile_view(plan.job.view), records, lookups, plan.as_of, is_shaped=is_shaped)
    record_lineage(run.control, plan, evaluated)
    cached = evaluated = evaluated.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        counted = _count(evaluated, table)
        rivals = contested(records)
        if (len(table.key) > 1 and QUARANTINED in counted.total()) or not rivals.isEmpty():
            evaluated = judge(evaluated, rivals, table)
            counted = _count(evaluated, table)
        totals = counted.total()
        if not totals:
            return None
        # 3. Quarantine first. Killed here: rows of a run that came to nothing, taken back by the next one.
        run.begin("quarantine")
        quarantine.settle(session, table, evaluated.select(f"{RECORD}.resource_id"), run.run_id)
        if totals.get(QUARANTINED):
            quarantine.hold(session, quarantine_rows(evaluated, table, run.run_id), run.run_id)
        # 4. Write to a branch, in one commit. Killed here: a stray branch.
        run.begin("write")
        _write(run, plan, evaluated, has_rows=ACCEPTED in totals)
    finally:
        cached.unpersist()
    live_rows = tables.live(tables.read_branch(session, table, run.branch)).count()
    return Written(live_rows, quality.warning_outcomes(table, counted.warnings), totals, counted.rows)


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


def _write(run: Run, plan: Plan, evaluated: "DataFrame", *, has_rows: bool) -> None:
    session, table, branch = run.session, run.table, run.branch
    tables.make_branch(session, table, branch, run.base)
    rows = accepted_rows(evaluated, table, run.run_id)
    if plan.base is None or plan.base.rows == 0:
        if has_rows:
            tables.append(rows, table, branch, run.stamp)
        return
    live = tables.live(tables.read(session, table, plan.base.id))
    changes = rows.unionByName(withdrawn_rows(evaluated, live, table, run.run_id))
    compared = [c.name for c in table.columns if c.name not in (*table.key, "run_id")]
    tables.merge(changes, table, branch, run.stamp, unless_same=compared)
