"""Steps 2 and 4 of a mart: make the rows of those whom a change concerns, or all, and put them in the place of the old.

There is no step 3: a mart holds nothing back. A row that breaks a rule is a fault of the mart, or of what it was made
of, and stops the publish at the gate.
"""

from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from catalog.model import Table
from lakehouse import quality, tables
from lakehouse.session import suit
from spark_jobs.lineage import record_mart_lineage
from spark_jobs.mart import Mart, made_columns
from spark_jobs.mart_plan import MartPlan, narrowed_to, source_rows, subjects
from spark_jobs.run import Run, Written, keep

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_GONE = "_is_gone"
MANY, SHARE = 100, 0.2
"""Where more subjects than these are concerned, and more than this share of the table's, all rows are made anew:
it takes less than to look for theirs, and to merge them."""


def write_mart(run: Run, plan: MartPlan) -> Written | None:
    """Make the rows of the plan and write to the run's branch; None if nobody's input changed."""
    session, mart, table = run.session, plan.job, run.table
    # 2. Compute; Spark does it while it writes. Killed here: nothing.
    run.begin("compute")
    read = [tables.current(session, table) for table in mart.read_tables]
    suit(session, sum(snapshot.rows for snapshot in read if snapshot))
    sources = {s.argument: source_rows(session, s, plan.inputs[s.table.name]) for s in mart.reads}
    whole = cache(lambda: mart(**sources, **plan.given))
    record_mart_lineage(run.control, plan, whole)
    chosen = subjects(session, plan)
    with ExitStack() as cached:
        if chosen is not None:
            chosen = keep(chosen, cached)
            concerned = chosen.count()
            if not concerned:
                return None
            if concerned > MANY and concerned > SHARE * _everybody(run, plan):
                chosen = None
        # 4. Write to a branch, in one commit. Killed here: a stray branch.
        run.begin("write")
        if chosen is None:
            _replace(run, _stamped(whole(), run), is_new=plan.base is None)
        else:
            _merge(run, plan, sources, chosen, cached)
    return _looked_at(tables.read_branch(session, table, run.branch), table, plan.as_of)


def _everybody(run: Run, plan: MartPlan) -> int:
    """How many subjects the table has rows of."""
    return tables.read(run.session, run.table, run.base).select(str(plan.job.by)).distinct().count()


def _stamped(rows: "DataFrame", run: Run) -> "DataFrame":
    from pyspark.sql import functions as F

    return rows.withColumn("run_id", F.lit(run.run_id)).select(*(c.name for c in run.table.columns))


def _replace(run: Run, rows: "DataFrame", *, is_new: bool) -> None:
    tables.make_branch(run.session, run.table, run.branch, run.base)
    if is_new:
        tables.append(rows, run.table, run.branch, run.stamp)
    else:
        tables.replace_all(rows, run.table, run.branch, run.stamp)


def _merge(run: Run, plan: MartPlan, sources: "dict[str, DataFrame]", chosen: "DataFrame", cached: ExitStack) -> None:
    """Rows of the chosen subjects: what they are now, and those that are no longer made, to be deleted."""
    from pyspark.sql import functions as F

    table, mart, by = run.table, plan.job, str(plan.job.by)
    made = keep(_stamped(mart(**_narrowed(mart, sources, chosen), **plan.given), run), cached)
    was = narrowed_to(tables.read(run.session, table, run.base), chosen, by)
    gone = was.join(made.select(*table.key), list(table.key), "left_anti").select(*made.columns)
    compared = [name for name in made_columns(table) if name not in table.key]
    new = tables.different(made, was, table, compared)
    changes = new.withColumn(_GONE, F.lit(False)).unionByName(gone.withColumn(_GONE, F.lit(True)))
    tables.make_branch(run.session, table, run.branch, run.base)
    tables.merge(changes, table, run.branch, run.stamp, gone=_GONE)


def _narrowed(mart: Mart, sources: "dict[str, DataFrame]", chosen: "DataFrame") -> "dict[str, DataFrame]":
    by = str(mart.by)
    return {s.argument: _of(sources[s.argument], chosen, by) for s in mart.reads}


def _of(rows: "DataFrame", chosen: "DataFrame", by: str) -> "DataFrame":
    return narrowed_to(rows, chosen, by) if by in rows.columns else rows


def _looked_at(rows: "DataFrame", table: Table, as_of: str) -> Written:
    """Count the rows of the branch, and those that break each row rule, in one pass."""
    from pyspark.sql import functions as F

    rules = quality.row_rules(table)
    broken = {level: quality.broken_rules(table, level, as_of) for level in {rule.level for rule in rules}}
    counts = [F.count(F.when(F.array_contains(broken[r.level], r.name), 1)).alias(r.name) for r in rules]
    counted = rows.agg(F.count(F.lit(1)).alias("_rows"), *counts).collect()[0].asDict()
    return Written(counted.pop("_rows"), quality.rule_outcomes(rows, table, counted, as_of))
