"""Which columns and FHIR elements each column of a job's table is made of, read off the plan that runs.

Three plans stand one on the other: from bronze to what a view is put on, the job and its row rules on the view's rows,
and the choice among versions. What lies between the first two, the view's own plan, is told by the view's compiler.
"""

from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any

from catalog.derive.spark_schema import spark_schema
from catalog.lineage import CONSTANT, FILTER, TRANSFORMATION, UNKNOWN, Edge, Node
from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.record import RECORD as RECORD_COLUMNS
from lakehouse.control import Control
from lakehouse.fhir.program import Program, compile_program
from lakehouse.jvm import java_class
from lakehouse.lineage import Relation, Value, made_of, merged, plan_of, put_in, stand_in, trace
from spark_jobs.evaluate import VIEW, accepted_rows, judge, narrowed
from spark_jobs.job import RECORD, Job
from spark_jobs.mart import Mart
from spark_jobs.mart_plan import MartPlan
from spark_jobs.plan import Plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VERSION = 1
"""Of the rules that read plans: raise it where they find other edges, and every lineage is read again."""

_EVALUATED = "evaluated"
_BOOKKEEPING = {c.name for c in RECORD_COLUMNS}
_TYPE = made_of(Node(FHIR_RESOURCE.name, "resource_type")).deciding(FILTER)
"""A job reads the records of one type."""

# What depends on code alone, once it was traced.
_verdicts: list[Relation] = []
_records: dict[str, Value] = {}
_tracing = Lock()


def record_lineage(control: Control, plan: Plan, evaluated: "DataFrame") -> None:
    """Keep the lineage of a run about to be carried out; one of the same basis has the same, and is not read again."""
    if not control.lineage(plan.basis, VERSION):
        control.keep_lineage(plan.basis, VERSION, job_edges(plan.job, evaluated))


def job_edges(job: Job, evaluated: "DataFrame") -> list[Edge]:
    """The lineage of every column of the job's table, given what `evaluate` made; nothing is executed."""
    view = trace(plan_of(evaluated, [VIEW]), {VIEW: _view_columns(evaluated.sparkSession, job)})
    made = view.named()
    verdict = _verdict(evaluated, made[RECORD], job.writes)
    record = {name: put_in(value, made[RECORD]) for name, value in verdict.named().items() if name in _BOOKKEEPING}
    rows = merged([view.rows, put_in(verdict.rows, made[RECORD]), _TYPE])
    columns = {c.name: record.get(c.name) or made[c.name] for c in job.writes.columns}
    edges = [_edges(Node(job.writes.name, name), value) for name, value in {**columns, "": rows}.items()]
    return sorted(set[Edge]().union(*edges))


def record_mart_lineage(control: Control, plan: MartPlan, whole: "Callable[[], DataFrame]") -> None:
    """The same for a mart; `whole` gives all rows that its function makes, before any is left out as unchanged."""
    if not control.lineage(plan.basis, VERSION):
        control.keep_lineage(plan.basis, VERSION, mart_edges(plan.job, whole()))


def mart_edges(mart: Mart, rows: "DataFrame") -> list[Edge]:
    """The lineage of every column of the mart's table, given what its function made; nothing is executed."""
    made = trace(plan_of(rows))
    columns = {c.name: Value() if c.name in _BOOKKEEPING else made.named()[c.name] for c in mart.writes.columns}
    edges = [_edges(Node(mart.writes.name, name), value) for name, value in columns.items()]
    if made.rows.ways:
        edges.append(_edges(Node(mart.writes.name), made.rows))
    return sorted(set[Edge]().union(*edges))


def _verdict(evaluated: "DataFrame", record: Value, table: Table) -> Relation:
    """How versions are judged and rows accepted, made of a stand-in of `record`.

    It is the same for all tables: traced once in a process.
    """
    with _tracing:
        if not _verdicts:
            rows = _empty(evaluated.sparkSession, evaluated._jdf.schema(), _EVALUATED)
            judged = judge(rows, table)
            plan = plan_of(accepted_rows(judged, table, run_id=""))
            _verdicts.append(trace(plan, {_EVALUATED: {RECORD: stand_in(record)}}))
    return _verdicts[0]


def _view_columns(spark: "SparkSession", job: Job) -> dict[str, Value]:
    """What the rows of the job's view are made of: elements of the payload, and beside them the source record."""
    program = compile_program(job.view, 1)
    whole = made_of(Node(FHIR_RESOURCE.name, "payload"), subtype=TRANSFORMATION)
    selected = _elements([f"{program.resource}.resourceType", *program.where.paths])
    flags = {RECORD: _record(spark), "is_selected": selected, "problems": whole, "is_first": Value()}
    return {**_selected(job, program), **flags}


def _record(spark: "SparkSession") -> Value:
    """What `record` is made of, the same for all jobs: traced once in a process."""
    with _tracing:
        if RECORD not in _records:
            bronze = _empty(spark, _spark_schema(spark, FHIR_RESOURCE), FHIR_RESOURCE.short_name)
            own = {c.name: made_of(Node(FHIR_RESOURCE.name, c.name)) for c in FHIR_RESOURCE.columns}
            _records[RECORD] = trace(plan_of(narrowed(bronze)), {FHIR_RESOURCE.short_name: own}).named()[RECORD]
    return _records[RECORD]


def _selected(job: Job, program: Program) -> dict[str, Value]:
    """The view's own columns. What getResourceKey() yields is the id that landing took from the payload."""
    keys = {c["name"] for c in _columns(job.view) if c.get("path") == "getResourceKey()"}
    key = made_of(Node(FHIR_RESOURCE.name, "resource_id", f"{program.resource}.id"))
    return {
        column.name: key if column.name in keys else _elements((column.element_path or "").split(", "))
        for column in program.columns
    }


def _columns(selects: Any) -> Iterator[dict[str, Any]]:
    """Every column of a ViewDefinition, however deep its selects are nested."""
    if isinstance(selects, list):
        for each in selects:
            yield from _columns(each)
    elif isinstance(selects, dict):
        yield from selects.get("column", [])
        for name in ("select", "unionAll"):
            yield from _columns(selects.get(name))


def _elements(paths: Iterable[str]) -> Value:
    """Elements of the payload; none is a constant of the view."""
    elements = (Node(FHIR_RESOURCE.name, "payload", path) for path in paths if path)
    return made_of(*elements, subtype=TRANSFORMATION)


def _empty(spark: "SparkSession", schema: Any, alias: str) -> "DataFrame":
    """No rows of a Java schema, under an alias."""
    from pyspark.sql import DataFrame

    no_rows = java_class(spark, "java.util.ArrayList")()
    return DataFrame(spark._jsparkSession.createDataFrame(no_rows, schema), spark).alias(alias)


def _spark_schema(spark: "SparkSession", table: Table) -> Any:
    return java_class(spark, "org.apache.spark.sql.types.StructType").fromDDL(spark_schema(table.columns))


def _edges(output: Node, value: Value) -> set[Edge]:
    found = {Edge(output, w.source, w.kind, w.subtype, w.masking) for w in value.ways}
    if not value.is_known:
        found.add(Edge(output, Node(""), UNKNOWN))
    return found or {Edge(output, Node(""), CONSTANT)}
