"""Tells the outside of a run as it begins and ends: OpenLineage events, where the settings name a target."""

from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.control import Control, new_id
from lakehouse.emit import emit
from lakehouse.errors import LakeError
from lakehouse.events import Parent, Told, parent_event, run_event
from lakehouse.settings import Settings
from spark_jobs.mart_plan import MartPlan
from spark_jobs.plan import Plan


@contextmanager
def command(settings: Settings, job: str) -> Iterator[Parent]:
    """A command that runs jobs: their parent."""
    parent = Parent(new_id(), job)
    if not settings.openlineage:
        yield parent
        return
    emit(settings, parent_event("START", parent))
    try:
        yield parent
    except BaseException:
        emit(settings, parent_event("FAIL", parent))
        raise
    emit(settings, parent_event("COMPLETE", parent))


@contextmanager
def reported(
    control: Control, settings: Settings, plan: Plan | MartPlan, run_id: str, parent: Parent | None = None
) -> Iterator[None]:
    """Events around what carries a run out; what they say at its end is what the control database then has of it."""
    if not settings.openlineage:
        yield
        return
    emit(settings, run_event("START", Told(run_id, plan.job.name, plan.job.writes, plan.inputs, parent)))
    try:
        yield
    except BaseException as error:
        said = str(error) if isinstance(error, LakeError) else type(error).__name__
        emit(settings, run_event("FAIL", _told(control, plan, run_id, parent), said))
        raise
    emit(settings, run_event("COMPLETE", _told(control, plan, run_id, parent)))


def _told(control: Control, plan: Plan | MartPlan, run_id: str, parent: Parent | None) -> Told:
    run = control.run(run_id)
    return Told(
        run_id,
        plan.job.name,
        plan.job.writes,
        plan.inputs,
        parent,
        control.lineage(plan.basis),
        run["snapshot_id"],
        run["live_rows"],
        run["results"],
    )
