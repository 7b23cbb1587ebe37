"""The control database: run records, counts, quality results and the ledger of files. Small, transactional, SQL."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from catalog.lineage import Edge, Node
from lakehouse.errors import EnvironmentFailed
from lakehouse.settings import Settings

FOLDER, DELTA = "file", "delta"
"""Inputs of a run that are no tables of the lake stand as `file:/folder` (files in it) and `delta:NAME`."""

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True, comment="Sorts by time."),
    sa.Column("job", sa.String, nullable=False),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("run_key", sa.String, nullable=False, comment="Hash of job, code, declaration, inputs and clock."),
    sa.Column(
        "basis", sa.String, nullable=False, comment="Hash of job, code and declaration: when it moves, all is new."
    ),
    sa.Column("mode", sa.String, nullable=False, comment="full, incremental, or land."),
    sa.Column(
        "state",
        sa.String,
        nullable=False,
        comment="planned, publishing, published, unchanged, gate_failed, failed, interrupted.",
    ),
    sa.Column("as_of", sa.String, nullable=False, comment="The run's clock, a UTC day."),
    sa.Column("base_snapshot_id", sa.BigInteger),
    sa.Column("snapshot_id", sa.BigInteger, comment="What it published; null if nothing."),
    sa.Column("live_rows", sa.BigInteger, comment="Rows that are not deleted after the publish."),
    sa.Column("message", sa.String, nullable=False, default=""),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
)

run_inputs = sa.Table(
    "run_inputs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, primary_key=True, comment="Or file:FOLDER, or delta:NAME."),
    sa.Column("snapshot_id", sa.BigInteger, comment="Delta: its version. Null: the table was empty, or a folder."),
)

run_counts = sa.Table(
    "run_counts",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("batch_id", sa.String, primary_key=True, comment="The ingestion that brought the records."),
    sa.Column("source_file", sa.String, primary_key=True),
    sa.Column("status", sa.String, primary_key=True, comment="What became of them."),
    sa.Column("records", sa.BigInteger, nullable=False),
)

quality_results = sa.Table(
    "quality_results",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("check_name", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("level", sa.String, nullable=False, comment="fail or warn."),
    sa.Column("outcome", sa.String, nullable=False, comment="pass, warn, fail or error."),
    sa.Column("value", sa.Float, comment="How many rows fail, or the measured figure."),
    sa.Column("doc", sa.String, nullable=False),
    sa.Column("sample_keys", sa.String, nullable=False, comment="JSON list of hashed keys of failing rows."),
    sa.Column("checked_at", sa.String, nullable=False),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("blank", sa.BigInteger, nullable=False),
    sa.Column("landed", sa.BigInteger, nullable=False, comment="Source records in bronze."),
    sa.Column("contained", sa.BigInteger, nullable=False, comment="Contained resources landed beside them."),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("landed_at", sa.String, nullable=False),
)

extracts = sa.Table(
    "extracts",
    metadata,
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("path", sa.String, primary_key=True, comment="A file of a CSV extract."),
    sa.Column("sha256", sa.String, nullable=False, index=True),
    sa.Column("mapping", sa.String, nullable=False),
    sa.Column("mapping_version", sa.String, nullable=False, comment="Hash of the mapping's text."),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="All but headers; the sum of the five below."),
    sa.Column("translated", sa.BigInteger, nullable=False, comment="FHIR resources came of them."),
    sa.Column("value_table", sa.BigInteger, nullable=False, comment="They say what the codes of other rows mean."),
    sa.Column("no_value", sa.BigInteger, nullable=False, comment="They say nothing: a null marker as value."),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("blank", sa.BigInteger, nullable=False),
    sa.Column("landed_at", sa.String, nullable=False),
)

extract_resources = sa.Table(
    "extract_resources",
    metadata,
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("resource_type", sa.String, primary_key=True, comment="FHIR resource type."),
    sa.Column("resources", sa.BigInteger, nullable=False),
)

lineage_edges = sa.Table(
    "lineage_edges",
    metadata,
    sa.Column("basis", sa.String, primary_key=True, comment="The basis of the runs that it holds for."),
    sa.Column("version", sa.Integer, nullable=False, comment="Of the rules by which the plan was read."),
    sa.Column("output_table", sa.String, primary_key=True),
    sa.Column("output_column", sa.String, primary_key=True, comment="Empty: it decides which rows there are."),
    sa.Column("input_table", sa.String, primary_key=True, comment="Empty: a constant, or not known."),
    sa.Column("input_column", sa.String, primary_key=True, comment="Empty: the rows themselves, as a count."),
    sa.Column("element", sa.String, primary_key=True, comment="Path of a FHIR element in the input column, or empty."),
    sa.Column("kind", sa.String, primary_key=True, comment="DIRECT, INDIRECT, CONSTANT, UNKNOWN."),
    sa.Column("subtype", sa.String, primary_key=True, comment="As in OpenLineage: IDENTITY, JOIN, FILTER …"),
    sa.Column("masking", sa.Boolean, primary_key=True, comment="The input can't be read back, as of a hash."),
)

upkeep = sa.Table(
    "upkeep",
    metadata,
    sa.Column("upkeep_id", sa.String, primary_key=True, comment="One call of `lake maintain`; sorts by time."),
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("step", sa.String, primary_key=True, comment="compact, manifests, expire or orphans."),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String, comment="Null: it did not come to its end."),
    sa.Column("done", sa.String, comment="JSON: what was rewritten or let go."),
    sa.Column("before", sa.String, nullable=False, comment="JSON: the table's figures."),
    sa.Column("after", sa.String, comment="JSON: the same afterwards."),
)


commands = sa.Table(
    "commands",
    metadata,
    sa.Column("command_id", sa.String, primary_key=True, comment="Sorts by time."),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False, comment="Account, or `local` for this machine's user."),
    sa.Column("command", sa.String, nullable=False, comment="acknowledge, withdraw or replay."),
    sa.Column("arguments", sa.String, nullable=False, comment="JSON, without patient data."),
    sa.Column("outcome", sa.String, nullable=False, comment="begun, done, failed, unknown."),
    sa.Column("message", sa.String, nullable=False, default=""),
    sa.Column("ended_at", sa.String),
)

acknowledgements = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("command_id", sa.String, primary_key=True, comment="The command that made it: who and when."),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("check_name", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False, comment="Why it is accepted, in people's words."),
    sa.Column("until_on", sa.String, nullable=False, comment="The last day on which it holds."),
    sa.Column("value", sa.Float, comment="What was accepted; it ends when the value gets worse."),
    sa.Column("withdrawn_at", sa.String, comment="Null: neither taken back nor replaced."),
)


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


class Control:
    """The control database of one lake. Every method is one transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(self, run: Mapping[str, Any], inputs: Mapping[str, int | None]) -> None:
        """Write a run as planned, with the snapshots that it reads."""
        with self._engine.begin() as db:
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
    """Open the control database, making it if need be; raises EnvironmentFailed if the folder can't be written."""
    path: Path = settings.control_db
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
        with engine.begin() as db:
            db.execute(sa.text("PRAGMA journal_mode=WAL"))
        metadata.create_all(engine)
    except (OSError, sa.exc.OperationalError) as error:
        raise EnvironmentFailed(
            f"The control database {path} can't be written; free the disk or set LAKE_HOME to a folder you can write."
        ) from error
    return Control(engine)
