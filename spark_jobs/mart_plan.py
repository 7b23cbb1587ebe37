"""What a run of a mart reads and whether there is anything to do: pinned snapshots, run key, whose rows to make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from catalog.model import Table
from lakehouse import tables
from lakehouse.settings import Settings
from spark_jobs.mart import Mart, Source, TimeZones
from spark_jobs.plan import code_hash, digest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_CODE = (("spark_jobs", "marts"), ("catalog", "types.py"))


@dataclass(frozen=True)
class MartPlan:
    """One run of a mart as planned. `since` is the run whose result is carried on, None when all is made anew.

    `given` is what the function gets beside its sources.
    """

    job: Mart
    basis: str
    run_key: str
    as_of: str
    inputs: dict[str, int | None]
    base: tables.Snapshot | None
    since: dict[str, Any] | None
    given: dict[str, Any]
    is_settled: bool

    @property
    def mode(self) -> str:
        """`full` or `incremental`."""
        return "full" if self.since is None else "incremental"


def plan_mart(
    spark: "SparkSession",
    mart: Mart,
    last: Mapping[str, Any] | None,
    settings: Settings,
    as_of: str,
    *,
    full: bool = False,
) -> MartPlan:
    """Pin the sources. `last` is the mart's last finished run from the control database.

    The last result is carried on only if what decides it is as it was, what it read is still there, and each table
    that changed since tells by `by` whom the change concerns.
    """
    given = _given(mart, settings, as_of)
    sources = [(s.argument, s.table.name, s.columns) for s in mart.reads]
    lasting = sorted((name, value) for name, value in given.items() if name != "as_of")
    basis = digest(mart.name, mart.writes, sources, mart.by, mart.uses, lasting, code_hash(_CODE))
    inputs = {table.name: _snapshot_id(spark, table) for table in mart.read_tables}
    base = tables.current(spark, mart.writes)
    run_key = digest(basis, sorted(inputs.items()), given.get("as_of", ""), "full" if full else "")
    goes_on = not full and last is not None and last["basis"] == basis
    if goes_on and last is not None and "as_of" in mart.uses and last["as_of"] != as_of:
        goes_on = False
    same = goes_on and last is not None and last["inputs"] == inputs
    never = base is None and all(snapshot is None for snapshot in inputs.values())
    if goes_on and last is not None and not same:
        goes_on = all(_can_tell(spark, mart, s, last["inputs"]) for s in _changed(mart, last["inputs"], inputs))
    since = dict(last) if goes_on and last is not None and base is not None else None
    return MartPlan(mart, basis, run_key, as_of, inputs, base, since, given, same or never)


def _given(mart: Mart, settings: Settings, as_of: str) -> dict[str, Any]:
    """What the function gets by name; all but the clock counts as a part of what decides the result."""
    from spark_jobs.marts.planned import planned_codes

    known: dict[str, Callable[[], Any]] = {
        "as_of": lambda: as_of,
        "time_zones": lambda: TimeZones(settings.time_zone, settings.facility_time_zones),
        "planned_codes": lambda: planned_codes(settings.planned_codes),
    }
    return {name: known[name]() for name in mart.uses}


def _snapshot_id(spark: "SparkSession", table: Table) -> int | None:
    snapshot = tables.version(spark, table)
    return snapshot.id if snapshot else None


def _changed(mart: Mart, before: Mapping[str, int | None], after: Mapping[str, int | None]) -> list[Source]:
    return [s for s in mart.reads if before.get(s.table.name) != after[s.table.name]]


def _can_tell(spark: "SparkSession", mart: Mart, source: Source, before: Mapping[str, int | None]) -> bool:
    """Whether it can be told whose rows are different: by column, from a snapshot that has not expired."""
    seen = before.get(source.table.name)
    is_there = seen is None or tables.is_there(spark, source.table, seen)
    return mart.by in source.columns and is_there


def source_rows(spark: "SparkSession", source: Source, snapshot: int | None) -> "DataFrame":
    """Live rows of a source with the columns that the mart declares."""
    return _declared(source, tables.read(spark, source.table, snapshot))


def _declared(source: Source, rows: "DataFrame") -> "DataFrame":
    return tables.live(rows).select(*source.columns)


def subjects(spark: "SparkSession", plan: MartPlan) -> "DataFrame | None":
    """Whose rows are to be made again: the column `by`, null among its values. None: everybody's.

    Those of whom a row came, went or changed in a declared column since the last run; of a row that passed from one to
    another, both.
    """
    from pyspark.sql import functions as F

    if plan.since is None:
        return None
    by = str(plan.job.by)
    found = []
    for source in _changed(plan.job, plan.since["inputs"], plan.inputs):
        seen = plan.since["inputs"].get(source.table.name)
        rows = tables.changed(spark, source.table, seen, plan.inputs[source.table.name])
        before, after = (_declared(source, some) for some in rows)
        both = before.withColumn("_n", F.lit(-1)).unionAll(after.withColumn("_n", F.lit(1)))
        uneven = both.groupBy(*source.columns).agg(F.sum("_n").alias("_n")).where("_n <> 0")
        found.append(uneven.select(by))
    return reduce(lambda one, other: one.union(other), found).distinct()


def narrowed_to(rows: "DataFrame", chosen: "DataFrame", by: str) -> "DataFrame":
    """The rows of these subjects; a row without subject counts where null is among them."""
    wanted = chosen.toDF("_by")
    return rows.join(wanted, rows[by].eqNullSafe(wanted["_by"]), "left_semi")
