"""The control database: run records, counts, quality results and the ledger of files. Small, transactional, SQL."""

import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from catalog.lineage import Edge, Node
from lakehouse import profile
from lakehouse.control_tables import (
    acknowledgements,
    commands,
    extract_resources,
    extracts,
    files,
    lineage_edges,
    metadata,
    quality_results,
    run_counts,
    run_inputs,
    runs,
    upkeep,
)
from lakehouse.errors import EnvironmentFailed
from lakehouse.settings import Settings

__all__ = [
    "DELTA", "FOLDER", "Control", "Outcome", "acknowledgements", "commands", "extract_resources", "extracts", "files",
    "lineage_edges", "metadata", "new_id", "now", "open_control", "quality_results", "run_counts", "run_inputs", "runs",
    "upkeep",
]  # fmt: skip

FOLDER, DELTA = "file", "delta"
"""Inputs of a run that are no tables of the lake stand as `file:/folder` (files in it) and `delta:NAME`."""
PATIENCE_SECONDS = 60.0
"""How long a server that went away may take to come back before a run is given up."""

_T = TypeVar("_T")


def _patiently(kind: type[_T]) -> type[_T]:
    """Let each public method try its transaction again while the server is away, as in a restart."""
    for name, member in list(vars(kind).items()):
        if callable(member) and not name.startswith("_"):
            setattr(kind, name, _again(member))
    return kind


def _again(transaction: Callable[..., _T]) -> Callable[..., _T]:
    @functools.wraps(transaction)
    def tried(*args: Any, **kwargs: Any) -> _T:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return transaction(*args, **kwargs)
            except sa.exc.OperationalError as error:
                if not _is_away(error):
                    raise
                if time.monotonic() > until:
                    raise EnvironmentFailed(
                        f"PostgreSQL has been away for {PATIENCE_SECONDS:g} seconds; `make stack-status` shows what "
                        f"runs. Once it is back, run again: nothing half-done is visible."
                    ) from error
                time.sleep(0.5)

    return tried


def _is_away(error: sa.exc.OperationalError) -> bool:
    """Whether PostgreSQL shut down, starts up, or was not to be reached; SQLite waits by itself."""
    state = getattr(error.orig, "sqlstate", "none of PostgreSQL's")
    return error.connection_invalidated or state is None or state.startswith(("08", "57P"))


@dataclass(frozen=True)
class Outcome:
    """The result of one check: `value` is how many rows fail or the measured figure, null if it wasn't measured."""

    check: str
    level: str
    outcome: str
    value: float | None
    doc: str
    sample_keys: tuple[str, ...] = ()


def now() -> str:
    """This instant in UTC as ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_id() -> str:
    """An id that sorts by time: `20260115T093000123456-1f2e3d4c`."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f") + "-" + os.urandom(4).hex()


@_patiently
class Control:
    """The control database of one lake. Every method is one transaction, and may be tried again: it replaces itself."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(self, run: Mapping[str, Any], inputs: Mapping[str, int | None]) -> None:
        """Write a run as planned, with the snapshots that it reads."""
        with self._engine.begin() as db:
            for table in (runs, run_inputs):  # an earlier try, of which only the answer was lost
                db.execute(table.delete().where(table.c.run_id == run["run_id"]))
            db.execute(runs.insert().values(state="planned", message="", **run))
            if inputs:
                rows = [{"run_id": run["run_id"], "table_name": t, "snapshot_id": s} for t, s in inputs.items()]
                db.execute(run_inputs.insert(), rows)

    def finish(
        self,
        run_id: str,
        state: str,
        *,
        snapshot_id: int | None = None,
        live_rows: int | None = None,
        message: str = "",
        counts: Iterable[Mapping[str, Any]] = (),
        landed: Sequence[Mapping[str, Any]] = (),
        results: Iterable[tuple[str, Outcome]] = (),
    ) -> None:
        """Write what became of a run, all at once; written again, it replaces what stood there."""
        ended = now()
        with self._engine.begin() as db:
            db.execute(
                runs.update()
                .where(runs.c.run_id == run_id)
                .values(state=state, snapshot_id=snapshot_id, live_rows=live_rows, message=message, ended_at=ended)
            )
            for table, rows in (
                (run_counts, [{"run_id": run_id, **c} for c in counts]),
                (files, list(landed)),
                (quality_results, [_result(run_id, table, ended, o) for table, o in results]),
            ):
                owner = table.c.batch_id if table is files else table.c.run_id
                db.execute(table.delete().where(owner == run_id))
                if rows:
                    db.execute(table.insert(), rows)

    def publish(self, run_id: str, snapshot_id: int | None) -> None:
        """Mark a run as published; all else about it was written before main moved."""
        with self._engine.begin() as db:
            db.execute(
                runs.update()
                .where(runs.c.run_id == run_id)
                .values(state="published", snapshot_id=snapshot_id, ended_at=now())
            )

    def unfinished(self, table_name: str) -> list[str]:
        """Ids of runs of a table that were begun and neither published nor given up."""
        query = sa.select(runs.c.run_id).where(
            runs.c.table_name == table_name, runs.c.state.in_(("planned", "publishing"))
        )
        with self._engine.connect() as db:
            return [row.run_id for row in db.execute(query)]

    def last(self, table_name: str, *states: str) -> dict[str, Any] | None:
        """The newest run of a table in one of these states, with its `inputs` by table name; None if there is none."""
        query = (
            sa.select(runs)
            .where(runs.c.table_name == table_name, runs.c.state.in_(states))
            .order_by(runs.c.run_id.desc())
            .limit(1)
        )
        with self._engine.connect() as db:
            row = db.execute(query).mappings().first()
            if row is None:
                return None
            inputs = db.execute(sa.select(run_inputs).where(run_inputs.c.run_id == row["run_id"])).mappings()
            return {**row, "inputs": {i["table_name"]: i["snapshot_id"] for i in inputs}}

    def run(self, run_id: str) -> dict[str, Any]:
        """A run with its `inputs` by table name and its quality `results`."""
        with self._engine.connect() as db:
            row = db.execute(sa.select(runs).where(runs.c.run_id == run_id)).mappings().one()
            inputs = db.execute(sa.select(run_inputs).where(run_inputs.c.run_id == run_id)).mappings()
            results = db.execute(sa.select(quality_results).where(quality_results.c.run_id == run_id)).mappings()
            snapshots = {i["table_name"]: i["snapshot_id"] for i in inputs}
            return {**row, "inputs": snapshots, "results": [dict(r) for r in results]}

    def state(self, run_id: str) -> str | None:
        """What became of a run; None if there is no record of it."""
        with self._engine.connect() as db:
            return db.execute(sa.select(runs.c.state).where(runs.c.run_id == run_id)).scalar()

    def lineage(self, basis: str, version: int | None = None) -> list[Edge]:
        """The column lineage of all runs of a basis, as far as it was read by the rules of that version."""
        query = sa.select(lineage_edges).where(lineage_edges.c.basis == basis)
        if version is not None:
            query = query.where(lineage_edges.c.version == version)
        with self._engine.connect() as db:
            return [_edge(dict(row)) for row in db.execute(query).mappings()]

    def keep_lineage(self, basis: str, version: int, edges: Iterable[Edge]) -> None:
        """Write the column lineage of a basis; it replaces what stood there."""
        rows = [{"basis": basis, "version": version, **_edge_row(edge)} for edge in edges]
        with self._engine.begin() as db:
            db.execute(lineage_edges.delete().where(lineage_edges.c.basis == basis))
            if rows:
                db.execute(lineage_edges.insert(), rows)

    def newest_runs(self) -> list[dict[str, Any]]:
        """Of each table the newest run that left it as readers see it, with its `inputs`; in order of table names."""
        done = runs.c.state.in_(("published", "unchanged"))
        newest = sa.select(sa.func.max(runs.c.run_id)).where(done).group_by(runs.c.table_name)
        query = sa.select(runs.c.run_id).where(runs.c.run_id.in_(newest)).order_by(runs.c.table_name)
        with self._engine.connect() as db:
            return [self.run(run_id) for run_id in db.execute(query).scalars().all()]

    def begin_upkeep(self, row: Mapping[str, Any]) -> None:
        """Write that a step of upkeep begins."""
        with self._engine.begin() as db:
            db.execute(upkeep.insert().values(started_at=now(), **row))

    def end_upkeep(self, upkeep_id: str, table_name: str, step: str, *, done: str, after: str) -> None:
        """Write what it did."""
        same = (upkeep.c.upkeep_id == upkeep_id, upkeep.c.table_name == table_name, upkeep.c.step == step)
        with self._engine.begin() as db:
            db.execute(upkeep.update().where(*same).values(ended_at=now(), done=done, after=after))

    def landed_hashes(self) -> dict[str, str]:
        """Path of each file whose ingestion was published, by the SHA-256 of its bytes."""
        query = sa.select(files.c.sha256, files.c.path).join(runs, runs.c.run_id == files.c.batch_id)
        with self._engine.connect() as db:
            return {r.sha256: r.path for r in db.execute(query.where(runs.c.state == "published"))}

    def keep_extracts(self, batch_id: str, rows: list[dict[str, Any]], resources: list[dict[str, Any]]) -> None:
        """Write what an ingestion of CSV did with each file; it counts once the batch is published."""
        with self._engine.begin() as db:
            for table, said in ((extracts, rows), (extract_resources, resources)):
                db.execute(table.delete().where(table.c.batch_id == batch_id))
                if said:
                    db.execute(table.insert(), said)

    def ingested_extracts(self, mapping: str) -> list[dict[str, Any]]:
        """The files that published ingestions read by a mapping: `sha256`, `mapping_version`, `batch_id`, `path`."""
        columns = (extracts.c.sha256, extracts.c.mapping_version, extracts.c.batch_id, extracts.c.path)
        query = sa.select(*columns).join(runs, runs.c.run_id == extracts.c.batch_id)
        return self.select(query.where(runs.c.state == "published", extracts.c.mapping == mapping))

    def change(self, *statements: sa.Executable) -> None:
        """Carry out statements in one transaction."""
        with self._engine.begin() as db:
            for statement in statements:
                db.execute(statement)

    def select(self, statement: sa.Select[Any]) -> list[dict[str, Any]]:
        """Rows of a query, for showing."""
        with self._engine.connect() as db:
            return [dict(row) for row in db.execute(statement).mappings()]


def _result(run_id: str, table: str, at: str, o: Outcome) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "table_name": table,
        "check_name": o.check,
        "level": o.level,
        "outcome": o.outcome,
        "value": o.value,
        "doc": o.doc,
        "sample_keys": json.dumps(list(o.sample_keys)),
        "checked_at": at,
    }


def _edge_row(edge: Edge) -> dict[str, Any]:
    return {
        "output_table": edge.output.dataset,
        "output_column": edge.output.column,
        "input_table": edge.input.dataset,
        "input_column": edge.input.column,
        "element": edge.input.element,
        "kind": edge.kind,
        "subtype": edge.subtype,
        "masking": edge.masking,
    }


def _edge(row: Mapping[str, Any]) -> Edge:
    return Edge(
        Node(row["output_table"], row["output_column"]),
        Node(row["input_table"], row["input_column"], row["element"]),
        row["kind"],
        row["subtype"],
        row["masking"],
    )


def open_control(settings: Settings) -> Control:
    """Open the control database, making its tables if need be.

    Raises EnvironmentFailed if the folder can't be written or the server does not answer.
    """
    engine = profile.control_engine(settings)
    try:
        if engine.dialect.name == "sqlite":
            with engine.begin() as db:
                db.execute(sa.text("PRAGMA journal_mode=WAL"))
        metadata.create_all(engine)
    except (OSError, sa.exc.OperationalError) as error:
        raise profile.no_control(settings) from error
    return Control(engine)
