"""Lineage of what really ran: stored with the run, shown by `lake lineage`, told as OpenLineage events."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from catalog.lineage import CONSTANT, DIRECT, INDIRECT, UNKNOWN, Edge, Node
from lakehouse import emit as emitting
from lakehouse.errors import GateFailed
from lakehouse.fhir import compile_view
from lakehouse.fhir.program import compile_program
from spark_jobs.cli import main
from spark_jobs.evaluate import evaluate
from spark_jobs.job import Job
from spark_jobs.jobs import JOBS, MARTS
from spark_jobs.lineage import job_edges, mart_edges
from spark_jobs.mart import Mart, TimeZones
from spark_jobs.mart_plan import source_rows
from tests.spark_jobs.openlineage_events import problems
from tests.spark_jobs.tiny import JOB, TINY, VIEW, ingest, observation, run, write

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.lake import Lake

PAYLOAD = ("bronze.fhir_resource", "payload")


def edges_of(lake: "Lake", job: Job) -> list[Edge]:
    """The lineage of a job on tables without rows."""
    from catalog.tables.bronze import FHIR_RESOURCE
    from lakehouse import tables
    from spark_jobs.plan import lookup_rows

    for table in (FHIR_RESOURCE, *(lookup.table for lookup in job.lookups)):
        tables.ensure(lake.spark, table)
    lookups = {each.argument: lookup_rows(lake.spark, each, None) for each in job.lookups}
    records = tables.read(lake.spark, FHIR_RESOURCE)
    return job_edges(job, evaluate(job, compile_view(job.view), records, lookups, "2026-01-15", is_shaped=True))


def edges_of_mart(lake: "Lake", mart: Mart) -> list[Edge]:
    """The lineage of a mart on tables without rows."""
    from lakehouse import tables
    from spark_jobs.marts.planned import planned_codes

    for table in mart.read_tables:
        tables.ensure(lake.spark, table)
    given = {
        "as_of": "2026-01-15",
        "time_zones": TimeZones("UTC", {"x": "Asia/Tokyo"}),
        "planned_codes": planned_codes(None),
    }
    sources = {each.argument: source_rows(lake.spark, each, None) for each in mart.reads}
    return mart_edges(mart, mart(**sources, **{name: given[name] for name in mart.uses}))


def above(edges: list[Edge], table: str, column: str) -> set[tuple[str, str]]:
    """(source, kind) of one column."""
    return {(str(edge.input), edge.words) for edge in edges if edge.output == Node(table, column)}


TOLD_BY_THE_MART = {
    "patient_summary": ("as_of_on",),
    "identifier": ("resource_type",),
    "reference": ("table_name",),
}
"""Columns that say where a row was looked for, or when: no data stands behind them."""


@pytest.mark.embedded
def test_every_gold_column_has_upstream_columns_or_is_marked_a_constant(lake: "Lake") -> None:
    for mart in MARTS:
        edges = edges_of_mart(lake, mart)
        kinds = {c.name: {e.kind for e in edges if e.output.column == c.name} for c in mart.writes.columns}
        assert [(mart.name, name) for name, found in kinds.items() if not found or UNKNOWN in found] == []
        constants = {name for name, found in kinds.items() if CONSTANT in found}
        assert constants == {"run_id", *TOLD_BY_THE_MART.get(mart.name, ())}
        read = {(s.table.name, column) for s in mart.reads for column in (*s.columns, "is_deleted")}
        assert {(e.input.dataset, e.input.column) for e in edges if e.input.column} <= read
        assert {e.input.dataset for e in edges if e.input.dataset} == {table.name for table in mart.read_tables}
        if mart.name == "readmission":
            assert_readmission_is_traced(edges)


def assert_readmission_is_traced(edges: list[Edge]) -> None:
    """Worked out by hand from the mart."""
    fact = "gold.encounter_fact"
    assert above(edges, "gold.readmission", "days_to_readmission") >= {
        (f"{fact}.started_on", "aggregation"),
        (f"{fact}.ended_on", "aggregation"),
        (f"{fact}.died_in_hospital", "conditional"),
        ("silver.procedure.icd10pcs_code", "conditional"),
    }
    assert (f"{fact}.is_inpatient", "filter") in above(edges, "gold.readmission", "")


@pytest.mark.embedded
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_every_column_has_upstream_columns_or_is_marked_a_constant(lake: "Lake", job: Job) -> None:
    edges = edges_of(lake, job)
    kinds = {c.name: {e.kind for e in edges if e.output.column == c.name} for c in job.writes.columns}
    assert [name for name, found in kinds.items() if not found or UNKNOWN in found] == []
    assert [name for name, found in kinds.items() if CONSTANT in found and len(found) > 1] == []
    assert UNKNOWN not in {edge.kind for edge in edges}
    assert {"run_id", "is_deleted"} <= {name for name, found in kinds.items() if CONSTANT in found}
    named = {edge.input.element for edge in edges if edge.input.element}
    program = compile_program(job.view, 1)
    known = {p for c in program.columns for p in (c.element_path or "").split(", ")} | {*program.where.paths}
    assert named <= known | {f"{program.resource}.id", f"{program.resource}.resourceType"}


def test_condition_is_made_of_these_elements(lake: "Lake") -> None:
    """Worked out by hand from view and job."""
    edges = edges_of(lake, next(job for job in JOBS if job.name == "condition"))
    table, payload = "silver.condition", "bronze.fhir_resource.payload"
    assert above(edges, table, "condition_id") == {("bronze.fhir_resource.resource_id Condition.id", "identity")}
    assert above(edges, table, "codes") == {(f"{payload} Condition.code.coding", "transformation")}
    assert above(edges, table, "onset_at") == {
        (f"{payload} Condition.onset.ofType(dateTime)", "transformation"),
        (f"{payload} Condition.onset.ofType(Period).start", "transformation"),
    }
    assert above(edges, table, "version_at") == {
        ("bronze.fhir_resource.last_updated", "transformation"),
        ("bronze.fhir_resource.arrived_at", "transformation"),
    }
    assert above(edges, table, "batch_id") == {("bronze.fhir_resource.batch_id", "identity")}
    assert above(edges, table, "run_id") == {("no column", "constant")}
    rows = above(edges, table, "")
    assert ("silver.patient.patient_id", "join") in rows
    assert ("silver.patient.birth_on", "filter") in rows  # a row rule compares it with the onset


def test_looked_up_columns_lead_to_the_table_that_they_come_from(lake: "Lake") -> None:
    edges = edges_of(lake, next(job for job in JOBS if job.name == "medication_request"))
    found = above(edges, "silver.medication_request", "rxnorm_code")
    assert ("silver.medication.rxnorm_code", "transformation") in found
    assert (
        "bronze.fhir_resource.payload MedicationRequest.medication.ofType(CodeableConcept).coding",
        "conditional",
    ) in found


def test_what_a_view_selects_by_decides_the_rows(lake: "Lake") -> None:
    rows = above(edges_of(lake, JOB), "silver.tiny", "")
    assert (f"{'.'.join(PAYLOAD)} Observation.status", "filter") in rows
    assert ("bronze.fhir_resource.resource_type", "filter") in rows


def test_the_row_index_leads_to_what_is_iterated() -> None:
    column = [{"name": "number", "path": "%rowIndex"}]
    iterated = {"resource": "Patient", "select": [{"forEach": "name", "column": column}]}
    assert compile_program(iterated, 1).columns[0].element_path == "Patient.name"
    assert compile_program({"resource": "Patient", "select": [{"column": column}]}, 1).columns[0].element_path is None


def _hashed(rows: "DataFrame") -> "DataFrame":
    from pyspark.sql import functions as F

    return rows.select(
        "tiny_id", F.sha2("status", 256).alias("status"), F.lit(None).cast("int").alias("amount"), "record"
    )


def test_a_hash_is_marked_as_masking_and_a_literal_as_constant(lake: "Lake") -> None:
    edges = edges_of(lake, Job("tiny", VIEW, TINY, _hashed))
    element = Node(*PAYLOAD, "Observation.status")
    assert Edge(Node("silver.tiny", "status"), element, DIRECT, "TRANSFORMATION", True) in edges
    assert above(edges, "silver.tiny", "amount") == {("no column", "constant")}


@pytest.fixture
def ran(lake: "Lake", tmp_path: Path) -> "Lake":
    """A lake with one run of the tiny job."""
    ingest(lake, write(tmp_path / "in", "a.ndjson", [observation("secret-id", 7), observation("other", 8)]))
    run(lake)
    return lake


def command(lake: "Lake", *arguments: str) -> Any:
    return CliRunner(env=lake.settings.environment()).invoke(main, ["lineage", *arguments])


def test_a_run_keeps_its_lineage_once_for_each_basis(ran: "Lake", monkeypatch: pytest.MonkeyPatch) -> None:
    last = ran.control.last("silver.tiny", "published")
    assert last is not None
    kept = ran.control.lineage(last["basis"])
    assert (
        Edge(
            Node("silver.tiny", "amount"), Node(*PAYLOAD, "Observation.value.ofType(integer)"), DIRECT, "TRANSFORMATION"
        )
        in kept
    )
    monkeypatch.setattr("spark_jobs.lineage.job_edges", lambda *given: pytest.fail("it was read again"))
    run(ran, full=True)
    assert ran.control.lineage(last["basis"]) == kept


def test_lake_lineage_prints_the_tree_to_the_elements(ran: "Lake") -> None:
    said = command(ran, "tiny.amount", "--up")
    assert said.exit_code == 0, said.output
    assert said.output.splitlines()[:3] == [
        "made of",
        "silver.tiny.amount",
        "└─ bronze.fhir_resource.payload Observation.value.ofType(integer)  (transformation)",
    ]
    last = ran.control.last("silver.tiny", "published")
    assert last is not None
    assert (
        f"snapshot {last['snapshot_id']} from bronze.fhir_resource at {last['inputs']['bronze.fhir_resource']}"
        in said.output
    )
    assert "Observation.status  (filter)" in command(ran, "silver.tiny", "--up", "--rows").output


def test_lake_lineage_shows_what_depends_on_a_column_or_element(ran: "Lake") -> None:
    assert "silver.tiny.amount" in command(ran, "bronze.fhir_resource.payload", "--down").output
    assert "silver.tiny.(rows)  (filter)" in command(ran, "Observation.status", "--down").output


def test_lake_lineage_speaks_json_and_mermaid(ran: "Lake") -> None:
    found = json.loads(command(ran, "silver.tiny.amount", "--format", "json").output)
    assert found["up"][0]["children"][0]["element"] == "Observation.value.ofType(integer)"
    assert found["down"] == [{"dataset": "silver.tiny", "column": "amount"}]
    assert found["runs"]["silver.tiny"]["snapshot_id"]
    assert command(ran, "silver.tiny.amount", "--up", "--format", "mermaid").output.startswith("flowchart LR\n")


def test_lake_lineage_says_what_is_wrong(ran: "Lake", tmp_path: Path) -> None:
    unknown = command(ran, "silver.tiny.amuont")
    assert (unknown.exit_code, "did you mean silver.tiny.amount" in unknown.output) == (3, True)
    empty = CliRunner().invoke(main, ["--home", str(tmp_path / "none"), "lineage", "silver.tiny"])
    assert (empty.exit_code, "No job has run" in empty.output) == (3, True)


# events


def telling(lake: "Lake", target: str) -> "Lake":
    from spark_jobs.lake import Lake

    return Lake(lake.spark, lake.control, lake.settings.model_copy(update={"openlineage": target}))


def test_events_of_a_run_are_valid_and_carry_every_facet(lake: "Lake", tmp_path: Path) -> None:
    file = tmp_path / "told" / "events.jsonl"
    told = telling(lake, str(file))
    source = [observation("secret-id", 7), observation("bad", -5)]
    ingest(lake, write(tmp_path / "in", "robin.ndjson", source))
    results, failures = told.run([JOB])
    assert (len(results), failures) == (1, [])
    text = file.read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert [problems(event) for event in events] == [[]] * 4
    assert [(e["eventType"], e["job"]["name"]) for e in events] == [
        ("START", "lake run"),
        ("START", "tiny"),
        ("COMPLETE", "tiny"),
        ("COMPLETE", "lake run"),
    ]
    begun, ended = events[1], events[2]
    assert begun["run"]["runId"] == ended["run"]["runId"]
    assert ended["run"]["facets"]["parent"]["run"]["runId"] == events[0]["run"]["runId"]
    (output,) = ended["outputs"]
    assert output["name"] == "lake.silver.tiny"
    facets = output["facets"]
    assert {"schema", "columnLineage", "tags", "documentation", "version", "dataQualityMetrics"} <= facets.keys()
    assert facets["dataQualityMetrics"]["rowCount"] == 1
    asserted = {a["assertion"]: a["success"] for a in facets["dataQualityAssertions"]["assertions"]}
    assert asserted["unique_tiny_id"] is True
    (amount,) = facets["columnLineage"]["fields"]["amount"]["inputFields"]
    assert (amount["name"], amount["field"]) == ("lake.bronze.fhir_resource", "payload")
    assert amount["transformations"][0]["type"] == DIRECT
    assert {t["type"] for f in facets["columnLineage"]["dataset"] for t in f["transformations"]} == {INDIRECT}
    last = told.control.last("silver.tiny", "published")
    assert last is not None
    assert facets["version"]["datasetVersion"] == str(last["snapshot_id"])
    versions = {i["name"]: i["facets"]["version"]["datasetVersion"] for i in ended["inputs"]}
    assert versions == {f"lake.{name}": str(snapshot) for name, snapshot in last["inputs"].items()}


def test_events_carry_no_patient_data(lake: "Lake", tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    told = telling(lake, str(file))
    ingest(told, write(tmp_path / "in", "a.ndjson", [observation("secret-id", 424242), observation("secret-bad", -9)]))
    told.run([JOB])
    text = file.read_text(encoding="utf-8")
    assert "secret" not in text
    assert "424242" not in text


def test_a_failed_gate_is_told_with_its_checks(ran: "Lake", tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    told = telling(ran, str(file))
    cancelled = [observation("secret-id", 7, status="cancelled"), observation("other", 8, status="cancelled")]
    ingest(told, write(tmp_path / "in", "b.ndjson", cancelled))
    with pytest.raises(GateFailed):
        run(told)
    ended = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
    assert problems(ended) == []
    assert ended["eventType"] == "FAIL"
    assert "volume_not_fallen" in ended["run"]["facets"]["errorMessage"]["message"]
    assertions = ended["outputs"][0]["facets"]["dataQualityAssertions"]["assertions"]
    assert {a["assertion"]: a["success"] for a in assertions}["volume_not_fallen"] is False


def test_an_unforeseen_error_is_told_by_its_kind(lake: "Lake", tmp_path: Path) -> None:
    def quoting(rows: "DataFrame") -> "DataFrame":
        raise RuntimeError("Robin Planted")

    file = tmp_path / "events.jsonl"
    told = telling(lake, str(file))
    ingest(told, write(tmp_path / "in", "a.ndjson", [observation("a", 1)]))
    _, (failure,) = told.run([Job("tiny", VIEW, TINY, quoting)])
    assert isinstance(failure.error, RuntimeError)
    text = file.read_text(encoding="utf-8")
    assert '"message": "RuntimeError"' in text
    assert "Robin" not in text


@pytest.fixture(autouse=True)
def _forget_what_was_down() -> Iterator[None]:
    yield
    emitting._down_until.clear()


def test_a_dead_endpoint_does_not_fail_the_run(lake: "Lake", tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as unused:  # bound and not listening: whoever connects is refused
        unused.bind(("127.0.0.1", 0))
        told = telling(lake, f"http://127.0.0.1:{unused.getsockname()[1]}/api/v1/lineage")
        ingest(told, write(tmp_path / "in", "a.ndjson", [observation("a", 1)]))
        with caplog.at_level(logging.WARNING, "lakehouse.emit"):
            assert run(told).state == "published"
    warnings = [r for r in caplog.records if r.name == "lakehouse.emit"]
    assert len(warnings) == 1  # then it is left alone for a while
    assert "LAKE_OPENLINEAGE" in warnings[0].getMessage()


def test_an_endpoint_that_never_answers_holds_nobody_up(
    lake: "Lake", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(emitting, "_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, says nothing
        target = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        emitting.emit(telling(lake, target).settings, "{}")
    assert "events are lost" in caplog.text


def test_events_go_to_an_endpoint_as_json(lake: "Lake") -> None:
    got: list[tuple[str | None, bytes]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            return None

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        emitting.emit(telling(lake, f"http://127.0.0.1:{server.server_port}/api/v1/lineage").settings, '{"a": 1}')
    finally:
        server.shutdown()
        server.server_close()
    assert got == [("application/json", b'{"a": 1}')]
