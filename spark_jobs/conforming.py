"""Steps 2 to 4 of a job from FHIR to silver: judge each record, hold back what is bad, write what is good."""

from contextlib import ExitStack
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
    judge_some,
    looked_at,
    quarantine_rows,
    withdrawn_rows,
)
from spark_jobs.job import RECORD
from spark_jobs.lineage import record_lineage
from spark_jobs.plan import Plan, affected, lookup_rows, records_of
from spark_jobs.run import Run, Written, keep

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row


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
    with ExitStack() as cached:
        # 2. Compute once. Killed here: nothing.
        run.begin("compute")
        chosen = _records(run, plan, cached)
        if chosen is None:
            return None
        evaluated, counted = _judged(run, plan, chosen, cached)
        totals = counted.total()
        if not totals:
            return None
        # 3. Quarantine first. Killed here: rows of a run that came to nothing, taken back by the next one.
        run.begin("quarantine")
        quarantine.settle(run.session, run.table, evaluated.select(f"{RECORD}.resource_id"), run.run_id)
        if totals.get(QUARANTINED):
            quarantine.hold(run.session, quarantine_rows(evaluated, run.table, run.run_id), run.run_id)
        # 4. Write to a branch, in one commit. Killed here: a stray branch.
        run.begin("write")
        _write(run, plan, evaluated, chosen.ids, cached, has_rows=ACCEPTED in totals)
    suit(run.session, plan.base.rows if plan.base else chosen.looked["records"])
    live_rows = tables.live(tables.read_branch(run.session, run.table, run.branch)).count()
    return Written(live_rows, quality.warning_outcomes(run.table, counted.warnings), totals, counted.rows)


@dataclass(frozen=True)
class Chosen:
    """The records to evaluate, by their `ids` or all of the type, and what `looked_at` says of them."""

    records: "DataFrame"
    ids: "DataFrame | None"
    looked: "Row"


def _records(run: Run, plan: Plan, cached: ExitStack) -> Chosen | None:
    """What the plan asks for. Where that is not everything it is read once and kept, payloads too: None if nothing."""
    records, ids = records_of(run.session, plan), affected(run.session, plan)
    if ids is not None:
        suit(run.session, plan.base.rows if plan.base else 0)
        ids = keep(ids, cached)
        if ids.isEmpty():
            return None
        records = keep(records.join(ids, "resource_id", "left_semi"), cached)
    return Chosen(records, ids, looked_at(records).collect()[0])


def _judged(run: Run, plan: Plan, chosen: Chosen, cached: ExitStack) -> "tuple[DataFrame, Counted]":
    """Rows with the verdict of all versions of a record, and what was counted in the pass that made them."""
    from lakehouse.fhir import compile_view

    session, table, looked = run.session, run.table, chosen.looked
    suit(session, looked["records"])
    lookups = {k.argument: lookup_rows(session, k, plan.inputs[k.table.name]) for k in plan.job.lookups}
    is_shaped = looked["misshapen"] == 0
    view = compile_view(plan.job.view)
    evaluated = evaluate(plan.job, view, chosen.records, lookups, plan.as_of, is_shaped=is_shaped)
    record_lineage(run.control, plan, evaluated)
    if chosen.ids is not None:
        evaluated = keep(judge(evaluated, table), cached)
        return evaluated, _count(evaluated, table)
    evaluated = keep(evaluated, cached)
    counted = _count(evaluated, table)
    is_contested = looked["records"] > looked["resources"]
    if is_contested or (len(table.key) > 1 and QUARANTINED in counted.total()):
        evaluated = judge_some(evaluated, contested(chosen.records), table)
        counted = _count(evaluated, table)
    return evaluated, counted


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


def _write(
    run: Run, plan: Plan, evaluated: "DataFrame", ids: "DataFrame | None", cached: ExitStack, *, has_rows: bool
) -> None:
    session, table, branch = run.session, run.table, run.branch
    tables.make_branch(session, table, branch, run.base)
    rows = accepted_rows(evaluated, table, run.run_id)
    if plan.base is None or plan.base.rows == 0:
        if has_rows:
            tables.append(rows, table, branch, run.stamp)
        return
    suit(session, plan.base.rows)
    was = tables.read(session, table, plan.base.id)
    if ids is not None:
        key = table.key[0]
        was = keep(was.join(ids.withColumnRenamed("resource_id", key), key, "left_semi"), cached)
    compared = [c.name for c in table.columns if c.name not in (*table.key, "run_id")]
    withdrawn = withdrawn_rows(evaluated, tables.live(was), table, run.run_id)
    changes = tables.different(rows, was, table, compared).unionByName(withdrawn)
    tables.merge(keep(changes, cached), table, branch, run.stamp)
