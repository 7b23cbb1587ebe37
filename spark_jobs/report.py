"""Tells the outside of a run as it begins and ends: OpenLineage events, where the settings name a target.

What they say of a run is what the control database has of it, so a run that another process completes is told in full.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from catalog.model import Table
from lakehouse.control import Control, new_id
from lakehouse.emit import emit
from lakehouse.errors import LakeError
from lakehouse.events import Parent, Told, parent_event, run_event
from lakehouse.settings import Settings

NOTHING_BESIDE: Mapping[str, int | None] = {}


@contextmanager
def command(settings: Settings, job: str) -> Iterator[Parent]:
    """A command that runs jobs or lands data: the parent of its runs."""
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
    control: Control,
    settings: Settings,
    run_id: str,
    table: Table,
    parent: Parent | None = None,
    beside: Mapping[str, int | None] = NOTHING_BESIDE,
) -> Iterator[None]:
    """Events around what carries a planned run out.

    `beside` are further tables that it writes, with the snapshots that it has published by the time the run ends.
    """
    if not settings.openlineage:
        yield
        return
    emit(settings, run_event("START", _told(control, run_id, table, parent, beside)))
    try:
        yield
    except BaseException as error:
        said = str(error) if isinstance(error, LakeError) else type(error).__name__
        emit(settings, run_event("FAIL", _told(control, run_id, table, parent, beside), said))
        raise
    emit(settings, run_event("COMPLETE", _told(control, run_id, table, parent, beside)))


def settled(
    control: Control,
    settings: Settings,
    run_ids: Iterable[str],
    table: Table,
    beside: Mapping[str, int | None] = NOTHING_BESIDE,
) -> None:
    """Tell how runs ended whose own process could not: COMPLETE if what they wrote is published, else ABORT.

    The command that they belonged to is not known any more, so these events name no parent; START named it.
    """
    if not settings.openlineage:
        return
    for run_id in run_ids:
        state = "COMPLETE" if control.run(run_id)["state"] == "published" else "ABORT"
        emit(settings, run_event(state, _told(control, run_id, table, None, beside)))


def _told(control: Control, run_id: str, table: Table, parent: Parent | None, beside: Mapping[str, int | None]) -> Told:
    run = control.run(run_id)
    return Told(
        run_id,
        run["job"],
        table,
        run["inputs"],
        parent,
        control.lineage(run["basis"]),
        run["snapshot_id"],
        run["live_rows"],
        run["results"],
        dict(beside),
    )
