"""One run under way: what all of its steps know of it, and what the steps that differ by kind of job hand on."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog.model import Table
from lakehouse import tables
from lakehouse.control import Control, Outcome
from lakehouse.jvm import java_class
from spark_jobs.mart_plan import MartPlan
from spark_jobs.plan import Plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

STEPS = ("plan", "compute", "quarantine", "write", "gate", "publish", "record")
Observer = Callable[[str, str], None]
"""Told (table name, step) as each step begins."""


def silent(table: str, step: str) -> None:
    """The observer that does nothing."""


def branch_name(run_id: str) -> str:
    """The branch that a run writes to."""
    return "run_" + run_id.lower().replace("-", "_")


@dataclass(frozen=True)
class Run:
    """A planned run in its own session."""

    session: "SparkSession"
    control: Control
    plan: Plan | MartPlan
    run_id: str
    observe: Observer = silent

    @property
    def table(self) -> Table:
        """The table that it writes."""
        return self.plan.job.writes

    @property
    def branch(self) -> str:
        """The branch that it writes to."""
        return branch_name(self.run_id)

    @property
    def base(self) -> int | None:
        """The table's snapshot that it starts from."""
        return self.plan.base.id if self.plan.base else None

    @property
    def stamp(self) -> dict[str, str]:
        """What the commit carries."""
        return {tables.RUN_KEY: self.plan.run_key, tables.RUN_ID: self.run_id}

    def begin(self, step: str) -> None:
        """Tell the observer that a step begins."""
        self.observe(self.table.name, step)


@dataclass(frozen=True)
class Written:
    """What stands on the run's branch: live rows, source records by status and by where they came from, row rules."""

    live_rows: int
    outcomes: list[Outcome]
    records: dict[str, int] = field(default_factory=dict)
    counts: list[dict[str, str | int]] = field(default_factory=list)


def keep(frame: "DataFrame", cached: ExitStack) -> "DataFrame":
    """Compute it once, when it is first asked for, and keep it until the end.

    The frame that comes back knows what was kept and not how it was made: what follows is planned as upon a table,
    where Spark would else look through the whole way to it at each step. A job beside this one that kept the very same
    may let go of it meanwhile: then it is computed anew.
    """
    from pyspark import StorageLevel
    from pyspark.sql import DataFrame

    cached.callback(frame.unpersist)
    frame.persist(StorageLevel.MEMORY_AND_DISK)
    session = frame.sparkSession
    found = session._jsparkSession.sharedState().cacheManager().lookupCachedData(frame._jdf)
    if found.isEmpty():
        return frame
    dataset = java_class(session, "org.apache.spark.sql.Dataset")
    return DataFrame(dataset.ofRows(session._jsparkSession, found.get().cachedRepresentation()), session)
