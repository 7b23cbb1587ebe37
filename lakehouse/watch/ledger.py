"""What the control database tells those who watch: runs by state, the newest of each, where records went. Reads only.

Each `read` is one look on one connection. Nothing is made: where there is no control database, it says so.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse.control import extract_resources, extracts, run_counts, run_inputs, runs, upkeep
from lakehouse.errors import EnvironmentFailed
from lakehouse.profile import control_engine, has_control
from lakehouse.settings import Settings

ENDED = ("published", "unchanged", "gate_failed", "failed", "interrupted")
"""States that a run does not leave again."""
UNFINISHED = ("planned", "publishing")
_CSV = "ingest csv"
_UNIT = ("accepted", "quarantined", "superseded", "not_selected", "deleted")


@dataclass(frozen=True)
class Run:
    """A run; `records` are the source records that it looked at or landed, null where it counted none."""

    run_id: str
    job: str
    table: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    live_rows: int | None
    records: int | None = None

    @property
    def seconds(self) -> float | None:
        """How long it took; null while it has not ended."""
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class Ledger:
    """The run records at one moment.

    `ended` counts runs by job, table and state. `newest` is the newest run of each job and table whatever became of
    it, `good` the newest that left the table as readers see it, `published` the newest that changed it. `records`
    counts those of published runs by table and status, `evaluated` by table how many source records were ever looked at
    (a record of which several runs looked at counts once). `pinned` is by table the snapshot of bronze that the newest
    good run read. `landed` is how many rows landings say that they added to bronze.fhir_resource. `extract_rows` and
    `extract_accounted` are rows of CSV extracts, and what became of them.
    """

    ended: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    newest: Sequence[Run] = ()
    good: Sequence[Run] = ()
    published: Sequence[Run] = ()
    unfinished: Sequence[Run] = ()
    records: Mapping[tuple[str, str], int] = field(default_factory=dict)
    evaluated: Mapping[str, int] = field(default_factory=dict)
    pinned: Mapping[str, int | None] = field(default_factory=dict)
    landed: int = 0
    extract_rows: int = 0
    extract_accounted: int = 0
    upkeep_ended_at: datetime | None = None
    upkeep_unfinished: int = 0
    database_bytes: int | None = None


def read(settings: Settings, on_main: Collection[str]) -> Ledger:
    """The ledger. Runs that say they are publishing count as published where `on_main`, the ids of the runs whose
    snapshots readers see, has them: they died, or are about to write that down.

    Raises EnvironmentFailed where there is no control database or it does not answer.
    """
    if not has_control(settings):
        raise EnvironmentFailed("There is no control database yet: `make demo` or `lake ingest` makes it.")
    engine = control_engine(settings)
    try:
        with engine.connect() as db:
            return _read(db, on_main)
    except sa.exc.SQLAlchemyError as error:
        raise EnvironmentFailed("The control database can't be read: `lake doctor` shows why.") from error
    finally:
        engine.dispose()


def _read(db: sa.Connection, on_main: Collection[str]) -> Ledger:
    publishing = db.execute(sa.select(runs.c.run_id).where(runs.c.state == "publishing")).scalars()
    seen = [run_id for run_id in publishing if run_id in on_main]
    is_published = sa.or_(runs.c.state == "published", runs.c.run_id.in_(seen))
    is_good = sa.or_(runs.c.state.in_(("published", "unchanged")), runs.c.run_id.in_(seen))
    good = _newest(db, is_good)
    steps = db.execute(sa.select(sa.func.max(upkeep.c.ended_at), sa.func.count() - sa.func.count(upkeep.c.ended_at)))
    upkeep_ended, upkeep_open = steps.one()
    rows, accounted = _extracts(db)
    return Ledger(
        ended=_ended(db),
        newest=_newest(db, sa.true()),
        good=good,
        published=_newest(db, is_published),
        unfinished=_with_records(db, db.execute(sa.select(runs).where(runs.c.state.in_(UNFINISHED))).mappings().all()),
        records=_records(db, is_published),
        evaluated=_evaluated(db, is_published),
        pinned=_pinned(db, good),
        landed=_landed(db, is_published),
        extract_rows=rows,
        extract_accounted=accounted,
        upkeep_ended_at=_instant(upkeep_ended),
        upkeep_unfinished=upkeep_open,
        database_bytes=_size(db),
    )


def _ended(db: sa.Connection) -> dict[tuple[str, str, str], int]:
    by = (runs.c.job, runs.c.table_name, runs.c.state)
    query = sa.select(*by, sa.func.count()).where(runs.c.state.in_(ENDED)).group_by(*by)
    return {(job, table, state): count for job, table, state, count in db.execute(query)}


def _newest(db: sa.Connection, which: sa.ColumnElement[bool]) -> list[Run]:
    """The newest of these runs by job and table, in the order of their tables."""
    newest = sa.select(sa.func.max(runs.c.run_id)).where(which).group_by(runs.c.job, runs.c.table_name)
    query = sa.select(runs).where(runs.c.run_id.in_(newest)).order_by(runs.c.table_name, runs.c.job)
    return _with_records(db, db.execute(query).mappings().all())


def _with_records(db: sa.Connection, rows: Sequence[sa.RowMapping]) -> list[Run]:
    counted = (*_UNIT, "landed")
    query = (
        sa.select(run_counts.c.run_id, sa.func.sum(run_counts.c.records))
        .where(run_counts.c.run_id.in_([row["run_id"] for row in rows]), run_counts.c.status.in_(counted))
        .group_by(run_counts.c.run_id)
    )
    records = {run_id: int(total) for run_id, total in db.execute(query)}
    return [_run(dict(row), records.get(row["run_id"])) for row in rows]


def _run(row: Mapping[str, Any], records: int | None) -> Run:
    started = _instant(row["started_at"])
    assert started is not None
    ended, live_rows = _instant(row["ended_at"]), row["live_rows"]
    return Run(row["run_id"], row["job"], row["table_name"], row["state"], started, ended, live_rows, records)


def _records(db: sa.Connection, is_published: sa.ColumnElement[bool]) -> dict[tuple[str, str], int]:
    by = (runs.c.table_name, run_counts.c.status)
    counted = run_counts.join(runs, runs.c.run_id == run_counts.c.run_id)
    # What a CSV ingestion counts are rows of extracts, which have an equation of their own.
    is_record = sa.and_(is_published, ~runs.c.job.startswith(_CSV))
    query = sa.select(*by, sa.func.sum(run_counts.c.records)).select_from(counted).where(is_record).group_by(*by)
    return {(table, status): int(total) for table, status, total in db.execute(query)}


def _evaluated(db: sa.Connection, is_published: sa.ColumnElement[bool]) -> dict[str, int]:
    """By table, source records that were looked at. The first run that meets a batch looks at all of it, later ones at
    all of it or at some: the most that a run looked at is how many there were."""
    by = (runs.c.table_name, run_counts.c.batch_id)
    counted = run_counts.join(runs, runs.c.run_id == run_counts.c.run_id)
    is_silver = runs.c.table_name.startswith("silver.")
    query = (
        sa.select(*by, sa.func.sum(run_counts.c.records))
        .select_from(counted)
        .where(is_published, is_silver, run_counts.c.status.in_(_UNIT))
        .group_by(*by, run_counts.c.run_id)
    )
    most: dict[tuple[str, str], int] = defaultdict(int)
    for table, batch, records in db.execute(query):
        most[table, batch] = max(most[table, batch], int(records))
    totals: dict[str, int] = defaultdict(int)
    for (table, _), records in most.items():
        totals[table] += records
    return dict(totals)


def _pinned(db: sa.Connection, good: Sequence[Run]) -> dict[str, int | None]:
    silver = {run.run_id: run.table for run in good if run.table.startswith("silver.")}
    query = sa.select(run_inputs.c.run_id, run_inputs.c.snapshot_id).where(
        run_inputs.c.run_id.in_(silver), run_inputs.c.table_name == FHIR_RESOURCE.name
    )
    return {silver[run_id]: snapshot for run_id, snapshot in db.execute(query)}


def _landed(db: sa.Connection, is_published: sa.ColumnElement[bool]) -> int:
    counted = run_counts.join(runs, runs.c.run_id == run_counts.c.run_id)
    is_fhir = sa.and_(is_published, runs.c.table_name == FHIR_RESOURCE.name)
    of_files = sa.select(sa.func.sum(run_counts.c.records)).select_from(counted)
    of_files = of_files.where(is_fhir, ~runs.c.job.startswith(_CSV), run_counts.c.status.in_(("landed", "contained")))
    made = extract_resources.join(runs, runs.c.run_id == extract_resources.c.batch_id)
    of_csv = sa.select(sa.func.sum(extract_resources.c.resources)).select_from(made).where(is_fhir)
    return int(db.execute(of_files).scalar() or 0) + int(db.execute(of_csv).scalar() or 0)


def _extracts(db: sa.Connection) -> tuple[int, int]:
    """Rows of CSV extracts of published ingestions, and the sum of what became of them."""
    e = extracts.c
    became = e.translated + e.value_table + e.no_value + e.quarantined + e.blank
    published = extracts.join(runs, sa.and_(runs.c.run_id == e.batch_id, runs.c.state == "published"))
    found = db.execute(sa.select(sa.func.sum(e["rows"]), sa.func.sum(became)).select_from(published)).one()
    return int(found[0] or 0), int(found[1] or 0)


def _size(db: sa.Connection) -> int | None:
    if db.dialect.name == "postgresql":
        return int(db.execute(sa.select(sa.func.pg_database_size(sa.func.current_database()))).scalar_one())
    pages, size = (db.execute(sa.text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
    return int(pages) * int(size)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
