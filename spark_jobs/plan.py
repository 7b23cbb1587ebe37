"""What a run reads and whether there is anything to do: pinned snapshots, the run key, the records to evaluate."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import tables
from lakehouse.arrivals import Arrivals, arrivals
from spark_jobs.job import Job, Lookup

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_CODE = (("lakehouse", "fhir"), ("spark_jobs", "conform"), ("spark_jobs", "evaluate.py"), ("catalog", "types.py"))


@dataclass(frozen=True)
class Plan:
    """One run as planned. `since` is the run whose result is carried on, None when everything is evaluated anew."""

    job: Job
    basis: str
    run_key: str
    as_of: str
    inputs: dict[str, int | None]
    base: tables.Snapshot | None
    since: dict[str, Any] | None
    retry_held: bool
    arrived: Arrivals

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing to do: the last run read the very same inputs, or no record ever came."""
        never = self.inputs[FHIR_RESOURCE.name] is None and self.base is None
        same = self.since is not None and self.since["inputs"] == self.inputs and not self.retry_held
        return never or same

    @property
    def mode(self) -> str:
        """`full` or `incremental`."""
        return "full" if self.since is None else "incremental"


def digest(*parts: object) -> str:
    """A short stable hash of anything with a stable `repr`."""
    return hashlib.sha256("\x1f".join(map(repr, parts)).encode()).hexdigest()[:24]


def basis_of(job: Job) -> str:
    """Hash of all that decides the result beside the data: declaration, view and the code that applies them."""
    lookups = [(lookup.table.name, lookup.columns) for lookup in job.lookups]
    return digest(job.name, job.writes, json.dumps(job.view, sort_keys=True), lookups, code_hash(_CODE))


@cache
def code_hash(code: tuple[tuple[str, str], ...]) -> str:
    """Hash of the files behind these (package, file or folder)."""
    hashed = hashlib.sha256()

    def add(item: Traversable) -> None:
        if item.is_dir():
            for child in sorted(item.iterdir(), key=lambda c: c.name):
                add(child)
        elif item.name.endswith((".py", ".csv", ".json")):
            hashed.update(item.name.encode() + b"\0" + item.read_bytes())

    for package, name in code:
        add(files(package).joinpath(name))
    return hashed.hexdigest()


def make_plan(
    spark: "SparkSession",
    job: Job,
    last: Mapping[str, Any] | None,
    as_of: str,
    *,
    full: bool = False,
    retry_held: bool = False,
) -> Plan:
    """Pin the inputs. `last` is the job's last finished run from the control database.

    The version of the FHIR input is the newest bronze snapshot that brought this resource type; others don't count.
    Where a snapshot that the last run read is gone and cannot be done without, everything is evaluated anew.
    """
    basis = basis_of(job)
    arrived = arrivals(spark)
    inputs: dict[str, int | None] = {FHIR_RESOURCE.name: arrived.newest(job.view["resource"])}
    for lookup in job.lookups:
        snapshot = tables.version(spark, lookup.table)
        inputs[lookup.table.name] = snapshot.id if snapshot else None
    base = tables.current(spark, job.writes)
    goes_on = not full and last is not None and last["basis"] == basis and _can_tell(spark, job, arrived, last)
    run_key = digest(basis, sorted(inputs.items()), as_of, "full" if full else "", "retry" if retry_held else "")
    new_day = goes_on and last is not None and last["as_of"] != as_of
    since = dict(last) if goes_on and last is not None else None
    retry = (retry_held or new_day) and not held_back(spark, job.writes).isEmpty()
    return Plan(job, basis, run_key, as_of, inputs, base, since, retry, arrived)


def _can_tell(spark: "SparkSession", job: Job, arrived: Arrivals, last: Mapping[str, Any]) -> bool:
    """Whether what is different since the last run can be told from what it read: some of that may have expired."""
    read = last["inputs"]
    before = [(lookup.table, read.get(lookup.table.name)) for lookup in job.lookups]
    return arrived.tells_what_came_after(job.view["resource"], read.get(FHIR_RESOURCE.name)) and all(
        snapshot is None or tables.is_there(spark, table, snapshot) for table, snapshot in before
    )


def affected(spark: "SparkSession", plan: Plan) -> "DataFrame | None":
    """Ids of the records that may come out differently, each once: column resource_id. None: all.

    Those of which a new version came, that were held back before, or that refer to a row whose looked-up value changed.
    """
    from pyspark.sql import functions as F

    until = plan.inputs[FHIR_RESOURCE.name]
    if plan.since is None or until is None:
        return None
    seen = plan.since["inputs"].get(FHIR_RESOURCE.name)
    found: list[DataFrame] = []
    if seen != until:
        new = tables.read_appended(spark, FHIR_RESOURCE, plan.arrived.start(seen), until)
        found.append(new.where(F.col("resource_type") == plan.job.view["resource"]).select("resource_id"))
    moved = False
    for lookup in plan.job.lookups:
        before, after = plan.since["inputs"].get(lookup.table.name), plan.inputs[lookup.table.name]
        if before != after:
            moved = True
            found.append(_referring(spark, plan, lookup, before, after))
    if plan.retry_held or moved:
        found.append(held_back(spark, plan.job.writes).select("resource_id"))
    return _union(found).distinct()


def records_of(spark: "SparkSession", plan: Plan) -> "DataFrame":
    """Rows of bronze.fhir_resource of the job's type, as pinned.

    They are read at bronze's newest snapshot: the rows of this type are the same there as at the version that counts,
    which may have expired.
    """
    from pyspark.sql import functions as F

    at = None if plan.inputs[FHIR_RESOURCE.name] is None else plan.arrived.head
    return tables.read(spark, FHIR_RESOURCE, at).where(F.col("resource_type") == plan.job.view["resource"])


def held_back(spark: "SparkSession", table: Table) -> "DataFrame":
    """Open quarantine rows of records that were meant for the table, as of now.

    Read by snapshot: the run settles these rows before it writes its own, and Spark computes what it has cached anew
    once a table behind it has changed. Without the pin a record that is held back again would be settled, kept nowhere.
    """
    from pyspark.sql import functions as F

    now = tables.current(spark, QUARANTINE)
    quarantine = tables.read(spark, QUARANTINE, now.id if now else None)
    return quarantine.where((F.col("stage") == table.name) & F.col("resolved_by").isNull())


def _referring(spark: "SparkSession", plan: Plan, lookup: Lookup, before: int | None, after: int | None) -> "DataFrame":
    """Ids of records whose row refers to a looked-up row that came, went or changed in a column that the job reads."""
    from pyspark.sql import functions as F

    key = lookup.table.key[0]
    old, new = (
        _looked_up(lookup, rows).select(key, F.struct("*").alias(when))
        for rows, when in zip(tables.changed(spark, lookup.table, before, after), ("was", "is"), strict=True)
    )
    different = old.join(new, key, "full_outer").where("NOT (was <=> is)").select(key)
    table = plan.job.writes
    live = tables.read(spark, table, plan.base.id if plan.base else None)
    ids = [
        live.join(different, live[c.name] == different[key], "left_semi").select(live[table.key[0]])
        for c in table.columns
        if c.ref == lookup.table.name
    ]
    return _union(ids).withColumnRenamed(table.key[0], "resource_id")


def _union(frames: "Iterable[DataFrame]") -> "DataFrame":
    first, *rest = frames
    for frame in rest:
        first = first.union(frame)
    return first


def lookup_rows(spark: "SparkSession", lookup: Lookup, snapshot: int | None) -> "DataFrame":
    """Live rows of a looked-up table with its key and the columns that the job reads."""
    return _looked_up(lookup, tables.read(spark, lookup.table, snapshot))


def _looked_up(lookup: Lookup, rows: "DataFrame") -> "DataFrame":
    return tables.live(rows).select(*lookup.table.key, *lookup.columns)
