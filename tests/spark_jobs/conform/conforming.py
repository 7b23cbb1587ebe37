"""Resources through the real view, the real job and the real row rules, all in one Spark run."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from catalog.model import Level
from lakehouse.fhir import CompiledView, compile_view
from lakehouse.quality import broken_rules
from spark_jobs.ingest.shapes import has_fhir_shape
from spark_jobs.job import Job

AS_OF = "2026-01-15"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"

Resource = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """One row that a job made of a resource, and the row rules that it breaks."""

    row: dict[str, Any]
    is_selected: bool
    problems: tuple[str, ...]
    failed: frozenset[str]
    warned: frozenset[str]

    def __getitem__(self, column: str) -> Any:
        return self.row[column]


def view_of(job: Job) -> CompiledView:
    """The job's view, compiled."""
    return compile_view(job.view)


def project(spark: SparkSession, job: Job, payloads: Iterable[str]) -> DataFrame:
    """The job's view over payloads, with a `record` as small as a test needs; its id is the payload's place.

    As a run does, it leaves out what only finds other tokens than FHIR's where landing would find none.
    """
    numbered = list(enumerate(payloads))
    records = spark.createDataFrame(numbered, "number int, payload string")
    ident = F.coalesce(F.get_json_object("payload", "$.id"), F.col("number").cast("string"))
    records = records.withColumn("record", F.struct(ident.alias("record_id")))
    is_shaped = all(_is_shaped(payload) for _, payload in numbered)
    rows = view_of(job).project(records, keep=["record"], is_shaped=is_shaped)
    flags = F.struct("record.record_id", "is_selected", "problems")
    return rows.withColumn("record", flags).drop("is_selected", "problems")


def _is_shaped(payload: str) -> bool:
    try:
        return has_fhir_shape(json.loads(payload)["resourceType"], payload.encode())
    except (ValueError, KeyError):
        return False


def births(spark: SparkSession, days: dict[str, str]) -> DataFrame:
    """The lookup of patients: id to birth date."""
    rows = spark.createDataFrame(list(days.items()), "patient_id string, born string")
    return rows.select("patient_id", F.to_date("born").alias("birth_on"))


def conform(
    spark: SparkSession, job: Job, payloads: Iterable[str], as_of: str = AS_OF, **lookups: DataFrame
) -> dict[str, list[Made]]:
    """Payloads to rows by record id; a record's rows in key order."""
    made = job(project(spark, job, payloads), **lookups)
    failed, warned = (broken_rules(job.writes, level, as_of) for level in (Level.FAIL, Level.WARN))
    found: dict[str, list[Made]] = {}
    ordered = made.select("*", failed.alias("__failed"), warned.alias("__warned")).orderBy(*job.writes.key)
    for row in ordered.collect():
        cells = row.asDict(recursive=True)
        record = cells["record"]
        made_row = Made(
            cells,
            record["is_selected"],
            tuple(record["problems"]),
            frozenset(cells["__failed"]),
            frozenset(cells["__warned"]),
        )
        found.setdefault(record["record_id"], []).append(made_row)
    return found


def one(made: dict[str, list[Made]], ident: str) -> Made:
    """The only row of a record."""
    (row,) = made[ident]
    return row


def dumps(resources: dict[str, Resource]) -> list[str]:
    """Named resources as JSON; the name becomes the id."""
    return [json.dumps({**resource, "id": ident}) for ident, resource in resources.items()]


def coding(system: str | None, code: str, display: str | None = None) -> Resource:
    """A Coding with what is given."""
    return {k: v for k, v in (("system", system), ("code", code), ("display", display)) if v is not None}


def concept(*codings: Resource, text: str | None = None) -> Resource:
    """A CodeableConcept."""
    found: Resource = {"coding": list(codings)} if codings else {}
    return found if text is None else {**found, "text": text}


def quantity(value: float, code: str | None, **more: Any) -> Resource:
    """A Quantity in UCUM."""
    return {"value": value, **({} if code is None else {"unit": code, "code": code, "system": UCUM}), **more}
