"""OpenLineage events of a run: what it read and wrote, column by column, and what its checks found.

Built with the classes of `openlineage-python`, which know names and versions of all facets. Events carry names, counts,
snapshot ids and sentences of the declarations; nothing of any record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from catalog.lineage import CONSTANT, UNKNOWN, Edge
from catalog.model import Table
from catalog.registry import TABLES
from lakehouse.control import DELTA, FOLDER, now
from lakehouse.session import CATALOG

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run

NAMESPACE = "carelake"
_PRODUCER = f"https://pypi.org/project/carelake/{version('carelake')}"


@dataclass(frozen=True)
class Parent:
    """The command that a run is a part of."""

    run_id: str
    job: str


@dataclass(frozen=True)
class Told:
    """What is told of a run: `inputs` and `results` are as the control database has them.

    `beside` are tables that it writes besides `table`, with their snapshots.
    """

    run_id: str
    job: str
    table: Table
    inputs: Mapping[str, int | None]
    parent: Parent | None = None
    edges: Sequence[Edge] = ()
    snapshot_id: int | None = None
    live_rows: int | None = None
    results: Sequence[Mapping[str, Any]] = field(default=())
    beside: Mapping[str, int | None] = field(default_factory=dict)


def run_uuid(run_id: str) -> str:
    """The UUID that OpenLineage wants, always the same one for a run."""
    return str(uuid5(UUID(str(NAMESPACE_URL)), f"carelake:run:{run_id}"))


def run_event(state: str, told: Told, error: str | None = None) -> str:
    """The event that a run came to `state` (START, COMPLETE, FAIL, ABORT), as a line of JSON."""
    from openlineage.client import event_v2 as ol
    from openlineage.client.serde import Serde

    event = ol.RunEvent(
        eventType=ol.RunState(state),
        eventTime=now(),
        run=_run(told, error),
        job=_job(told),
        inputs=[_input(name, snapshot) for name, snapshot in sorted(told.inputs.items())],
        outputs=[_output(told), *(_beside(name, snapshot) for name, snapshot in sorted(told.beside.items()))],
        producer=_PRODUCER,
    )
    return str(Serde.to_json(event))


def parent_event(state: str, parent: Parent) -> str:
    """The event that a command came to `state`, as a line of JSON."""
    from openlineage.client import event_v2 as ol
    from openlineage.client.serde import Serde

    run = ol.Run(runId=run_uuid(parent.run_id))
    job = ol.Job(namespace=NAMESPACE, name=parent.job)
    return str(
        Serde.to_json(ol.RunEvent(eventType=ol.RunState(state), eventTime=now(), run=run, job=job, producer=_PRODUCER))
    )


def _run(told: Told, error: str | None) -> "Run":
    from openlineage.client import event_v2 as ol
    from openlineage.client.facet_v2 import error_message_run, parent_run, tags_run

    tag = tags_run.TagsRunFacetFields(key="run_id", value=told.run_id, source="carelake")
    facets: dict[str, Any] = {"tags": tags_run.TagsRunFacet(tags=[tag], producer=_PRODUCER)}
    if told.parent is not None:
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=run_uuid(told.parent.run_id)),
            job=parent_run.Job(namespace=NAMESPACE, name=told.parent.job),
            producer=_PRODUCER,
        )
    if error is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=error, programmingLanguage="PYTHON", producer=_PRODUCER
        )
    return ol.Run(runId=run_uuid(told.run_id), facets=facets)


def _job(told: Told) -> "Job":
    from openlineage.client import event_v2 as ol
    from openlineage.client.facet_v2 import documentation_job, job_type_job

    facets: dict[str, Any] = {
        "jobType": job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="SPARK", jobType="JOB", producer=_PRODUCER
        ),
        "documentation": documentation_job.DocumentationJobFacet(
            description=f"Makes {told.table.name}: {told.table.doc}", producer=_PRODUCER
        ),
    }
    return ol.Job(namespace=NAMESPACE, name=told.job, facets=facets)


def _full(name: str) -> str:
    return f"{CATALOG}.{name}"


def _about(table: Table | None, snapshot_id: int | None) -> dict[str, Any]:
    """What is told of a table wherever it is named: its schema, its meaning, its sensitivity, its version."""
    from openlineage.client.facet_v2 import dataset_version_dataset, documentation_dataset, schema_dataset, tags_dataset

    facets: dict[str, Any] = {}
    if snapshot_id is not None:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=str(snapshot_id), producer=_PRODUCER
        )
    if table is None:
        return facets
    fields = [
        schema_dataset.SchemaDatasetFacetFields(
            name=c.name, type=c.type.name, description=c.doc, ordinal_position=position
        )
        for position, c in enumerate(table.columns, 1)
    ]
    tags = [
        tags_dataset.TagsDatasetFacetFields(key="sensitivity", value=c.tag.value, source="carelake", field=c.name)
        for c in table.columns
    ]
    return {
        **facets,
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields, producer=_PRODUCER),
        "documentation": documentation_dataset.DocumentationDatasetFacet(description=table.doc, producer=_PRODUCER),
        "tags": tags_dataset.TagsDatasetFacet(tags=tags, producer=_PRODUCER),
    }


def _input(name: str, version: int | None) -> "InputDataset":
    """A table with its snapshot, a Delta table with its version, or a folder of files."""
    from openlineage.client import event_v2 as ol

    kind, _, place = name.partition(":")
    if kind == FOLDER or (kind == DELTA and place.startswith("/")):
        namespace, called = "file", place  # as OpenLineage names what is in the local file system
    else:
        namespace, called = NAMESPACE, name if kind == DELTA else _full(name)
    return ol.InputDataset(namespace=namespace, name=called, facets=_about(TABLES.get(name), version))


def _beside(name: str, snapshot_id: int | None) -> "OutputDataset":
    from openlineage.client import event_v2 as ol

    return ol.OutputDataset(namespace=NAMESPACE, name=_full(name), facets=_about(TABLES[name], snapshot_id))


def _output(told: Told) -> "OutputDataset":
    from openlineage.client import event_v2 as ol
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as asserted
    from openlineage.client.facet_v2 import data_quality_metrics_dataset as measured

    facets = _about(told.table, told.snapshot_id)
    if told.edges:
        facets["columnLineage"] = _column_lineage(told.edges)
    if told.live_rows is not None:
        facets["dataQualityMetrics"] = measured.DataQualityMetricsDatasetFacet(
            columnMetrics={}, rowCount=told.live_rows, producer=_PRODUCER
        )
    if told.results:
        assertions = [
            asserted.Assertion(
                assertion=r["check_name"],
                name=r["check_name"],
                success=r["outcome"] == "pass",
                severity="error" if r["level"] == "fail" else "warn",
                description=r["doc"],
                actual=None if r["value"] is None else f"{r['value']:g}",
            )
            for r in told.results
        ]
        facets["dataQualityAssertions"] = asserted.DataQualityAssertionsDatasetFacet(
            assertions=assertions, producer=_PRODUCER
        )
    return ol.OutputDataset(namespace=NAMESPACE, name=_full(told.table.name), facets=facets)


def _column_lineage(edges: Sequence[Edge]) -> Any:
    """Constants have no input fields; what decides the rows stands under `dataset`."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    fields: dict[str, dict[str, Any]] = {}
    for edge in sorted(edges):
        inputs = fields.setdefault(edge.output.column, {})
        if edge.kind in (CONSTANT, UNKNOWN) or not edge.input.column:
            continue
        name = _full(edge.input.dataset)
        given = inputs.setdefault(
            f"{name}.{edge.input.column}",
            lineage.InputField(namespace=NAMESPACE, name=name, field=edge.input.column, transformations=[]),
        )
        said = f"FHIR element {edge.input.element}" if edge.input.element else None
        given.transformations.append(
            lineage.Transformation(type=edge.kind, subtype=edge.subtype, description=said, masking=edge.masking)
        )
    rows = fields.pop("", {})
    made = {column: lineage.Fields(inputFields=list(inputs.values())) for column, inputs in fields.items()}
    return lineage.ColumnLineageDatasetFacet(fields=made, dataset=list(rows.values()), producer=_PRODUCER)
