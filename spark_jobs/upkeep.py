"""Upkeep of the lake: which tables need what, then one step after the other, each recorded in the control database.

It runs under the lake's write lock, so never beside a run or an ingestion. Killed anywhere, it is called again: each
step begins from what the table then is.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse import maintain, tables
from lakehouse.arrivals import arrivals
from lakehouse.control import new_id
from lakehouse.errors import InputError, LakeError
from lakehouse.figures import When, committed_at, look
from lakehouse.maintain import Orphans
from lakehouse.outages import explain
from lakehouse.profile import warehouse
from lakehouse.upkeep import ORPHAN_DAYS, STEPS, Decision, Figures, decide, policy_of
from spark_jobs.job import Job
from spark_jobs.lake import Lake
from spark_jobs.runner import Observer, silent
from spark_jobs.schedule import AnyJob

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Order:
    """What is asked for: the steps, the time that ages of snapshots are counted to, the age of orphans in days.

    `when` tells when a snapshot was committed: only a simulation of days says something of its own.
    """

    steps: tuple[str, ...] = STEPS
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    orphan_days: int = ORPHAN_DAYS
    when: When = committed_at


@dataclass(frozen=True)
class Task:
    """What is to be done with one table."""

    decision: Decision
    orphans: Orphans = field(default_factory=Orphans)

    def why(self, order: Order) -> dict[str, str]:
        """The steps that have something to do, with the reason, in their order."""
        d = self.decision
        found = {
            "compact": "; ".join(d.compact),
            "manifests": "; ".join(d.manifests),
            "expire": _expiry(d),
            "orphans": f"{len(self.orphans.places)} files that no metadata knows" if self.orphans.places else "",
        }
        return {step: found[step] for step in STEPS if step in order.steps and not d.obstacle and found[step]}


@dataclass(frozen=True)
class Done:
    """A table's figures after its upkeep; `error` where a step failed, the others then wait for the next upkeep."""

    task: Task
    after: Figures
    error: Exception | None = None

    @property
    def sentence(self) -> str:
        """What to tell a person of the error; an unforeseen one is named by its kind only."""
        if isinstance(self.error, LakeError):
            return str(self.error)
        name = self.task.decision.table.name
        return f"{name} failed with {type(self.error).__name__}; `lake --debug maintain {name}` shows the details."


def _expiry(decision: Decision) -> str:
    said = []
    if decision.expire:
        said.append(f"{len(decision.expire)} of {len(decision.figures.snapshots)} snapshots")
    if decision.drop_tags:
        said.append(f"{len(decision.drop_tags)} tags whose time is up")
    return " and ".join(said)


def choose_tables(declared: Mapping[str, Table], names: Sequence[str]) -> list[Table]:
    """The tables called for: `all`, a layer, a table or its short name."""
    chosen: list[Table] = []
    for name in names:
        fitting = [t for t in declared.values() if name in ("all", t.schema_name, t.name, t.short_name)]
        if not fitting:
            raise InputError(f"There is no table or layer {name!r}; `lake tables` lists them.")
        chosen += [t for t in fitting if t not in chosen]
    return chosen


def plan_upkeep(lake: Lake, chosen: Sequence[Table], jobs: Sequence[AnyJob], order: Order) -> list[Task]:
    """Look at these tables and decide, changing nothing; tables that were not created yet are left out.

    `jobs` are all that read from them.
    """
    needed = needed_snapshots(lake, chosen, jobs, order.at)

    def one(table: Table) -> Task | None:
        figures = look(lake.settings, table, order.when)
        if figures is None:
            return None
        decision = decide(table, figures, needed.get(table.name, {}), order.at, _unfinished(lake, table))
        if decision.obstacle or "orphans" not in order.steps:
            return Task(decision)
        return Task(decision, maintain.find_orphans(lake.spark, table, warehouse(lake.settings), order.orphan_days))

    return [task for task in _side_by_side(lake, one, chosen) if task is not None]


def needed_snapshots(
    lake: Lake, chosen: Sequence[Table], jobs: Sequence[AnyJob], at: datetime
) -> dict[str, dict[int, str]]:
    """By table, the snapshots that the next incremental run of a job goes on from, with the reason.

    Of most tables that is the snapshot that the last finished run read. Of bronze it is all that came after it, if any
    of that concerns the job; what it read itself is told by `lakehouse.arrivals` when it has expired.
    """
    found: dict[str, dict[int, str]] = defaultdict(dict)
    sources = {table.name: table for table in chosen}
    types = {job.writes.name: job.view["resource"] for job in jobs if isinstance(job, Job)}
    arrived = arrivals(lake.spark) if tables.exists(lake.spark, FHIR_RESOURCE) else None
    for run in lake.control.newest_runs():
        age = at - datetime.fromisoformat(run["started_at"])
        for name, seen in run["inputs"].items():
            if name not in sources or seen is None or age > timedelta(days=policy_of(sources[name]).claim_days):
                continue
            if name == FHIR_RESOURCE.name and run["table_name"] in types:
                unread = arrived.unread(types[run["table_name"]], seen) if arrived else []
                found[name] |= dict.fromkeys(unread, "not yet read by a job")
            else:
                found[name][seen] = "read by a last run"
    return dict(found)


def _unfinished(lake: Lake, table: Table) -> str | None:
    runs = lake.control.unfinished(table.name)
    if not runs:
        return None
    cure = "the next `lake ingest`" if table.name == FHIR_RESOURCE.name else f"`lake run {table.name}`"
    return f"run {runs[0]} never came to its end: {cure} settles it"


def carry_out(
    lake: Lake, tasks: Sequence[Task], order: Order, *, upkeep_id: str | None = None, observe: Observer = silent
) -> list[Done]:
    """Do what was planned, table by table, steps in the safe order; `observe` hears (table, step) as each begins."""
    called = upkeep_id or new_id()

    def one(task: Task) -> Done:
        table, figures = task.decision.table, task.decision.figures
        try:
            for step, why in task.why(order).items():
                observe(table.name, step)
                begun = {"upkeep_id": called, "table_name": table.name, "step": step, "why": why}
                lake.control.begin_upkeep({**begun, "before": json.dumps(figures.as_dict())})
                done = _do(lake, task, step, order)
                figures = look(lake.settings, table, order.when) or figures
                after = json.dumps(figures.as_dict())
                lake.control.end_upkeep(called, table.name, step, done=json.dumps(done), after=after)
        except Exception as error:
            failure = explain(error, lake.settings, [table.name]) or error
            with suppress(Exception):  # a server that is away hides how far it came, and is told already
                figures = look(lake.settings, table, order.when) or figures
            return Done(task, figures, failure)
        return Done(task, figures)

    return _side_by_side(lake, one, tasks)


def _do(lake: Lake, task: Task, step: str, order: Order) -> dict[str, int]:
    decision, spark = task.decision, lake.spark
    table = decision.table
    if step == "compact":
        return maintain.compact(spark, table, policy_of(table), decision.fold_before)
    if step == "manifests":
        return maintain.rewrite_manifests(spark, table)
    if step == "expire":
        return maintain.expire(spark, decision)
    return maintain.remove_orphans(spark, table, warehouse(lake.settings), order.orphan_days) | {
        "bytes": task.orphans.bytes
    }


def _side_by_side(lake: Lake, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(max_workers=lake.settings.parallel_jobs, thread_name_prefix="upkeep") as pool:
        return list(pool.map(work, items))
