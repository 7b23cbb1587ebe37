"""Every conforming job keeps its contract: columns, types, one way in and one way out, no row lost or doubled."""

import gzip
import json
from collections import Counter
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from conforming import Made, births, conform, dumps, project
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from catalog.model import Kind, Table
from catalog.tables.silver import __all__ as table_names
from lakehouse.session import FEW_ROWS, suit
from spark_jobs.evaluate import own_columns
from spark_jobs.job import Job
from tests import public_data

NAMES = sorted(name.lower() for name in table_names)
RESOURCES = {
    "patient": "Patient",
    "encounter": "Encounter",
    "condition": "Condition",
    "procedure": "Procedure",
    "lab_result": "Observation",
    "vital_sign": "Observation",
    "medication": "Medication",
    "medication_request": "MedicationRequest",
    "organization": "Organization",
    "practitioner": "Practitioner",
    "location": "Location",
    "appointment": "Appointment",
    "coverage": "Coverage",
    "claim": "Claim",
    "claim_line": "Claim",
    "medication_administration": "MedicationAdministration",
    "immunization": "Immunization",
    "allergy": "AllergyIntolerance",
    "adverse_event": "AdverseEvent",
    "care_plan": "CarePlan",
    "diagnostic_report": "DiagnosticReport",
    "observation": "Observation",
    "survey_response": "QuestionnaireResponse",
    "imaging_study": "ImagingStudy",
    "device": "Device",
    "document": "DocumentReference",
}


LARGE = ("claim_line", "document", "encounter", "lab_result", "observation", "survey_response", "vital_sign")


def job_of(name: str) -> Job:
    job = getattr(import_module(f"spark_jobs.conform.{name}"), name)
    assert isinstance(job, Job)
    return job


def lookups_of(spark: SparkSession, job: Job) -> dict[str, DataFrame]:
    """Empty lookups with the declared columns."""

    def empty(table: Table, columns: tuple[str, ...]) -> DataFrame:
        ddl = ", ".join(f"{c} {table.column(c).type.spark}" for c in (table.key[0], *columns))
        return spark.createDataFrame([], ddl)

    return {lookup.argument: empty(lookup.table, lookup.columns) for lookup in job.lookups}


@cache
def rows_of(spark: SparkSession, name: str) -> DataFrame:
    """What the job makes of one record without elements; to plan it is what takes time, so it is done once."""
    job = job_of(name)
    return job(project(spark, job, [json.dumps({"resourceType": RESOURCES[name]})]), **lookups_of(spark, job))


@cache
def made_of(spark: SparkSession, name: str, examples: tuple[str, ...]) -> dict[str, list[Made]]:
    """What comes of three records that are none of the job's, and of examples, in one pass.

    Compiled, as a run over many rows, for the tables that soon have many: to compile takes seconds each.
    """
    if name in LARGE:
        spark = spark.newSession()
        suit(spark, FEW_ROWS)
    misshapen = json.dumps({"resourceType": RESOURCES[name], "id": ["x"]})
    payloads = ["{not json", '{"resourceType":"Basic","id":"basic"}', misshapen, *examples]
    job = job_of(name)
    # One document of the examples is dated August 2026.
    return conform(spark, job, payloads, as_of="2027-01-01", **lookups_of(spark, job))


FOREIGN = ("0", "basic", '["x"]')
"""The keys of those three."""


@pytest.fixture
def examples(name: str) -> tuple[str, ...]:
    """US Core's examples of what the job reads; none where the data sets are not there."""
    path = public_data.FOLDER / "us_core_examples" / "us_core_examples.ndjson.gz"
    if not path.exists():
        return ()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return tuple(line for line in lines if f'"resourceType":"{RESOURCES[name]}"' in line.replace(": ", ":"))


@pytest.mark.parametrize("name", NAMES)
def test_output_has_the_declared_columns_in_order_and_type(spark: SparkSession, name: str) -> None:
    job, made = job_of(name), rows_of(spark, name)
    own = own_columns(job.writes)
    assert made.columns[: len(own) + 1] == [*own, "record"]
    assert all(helper.startswith("_") for helper in made.columns[len(own) + 1 :])
    types = {column: made.schema[column].dataType.simpleString() for column in own}
    assert types == {column: job.writes.column(column).type.spark for column in own}


@pytest.mark.parametrize("name", NAMES)
def test_row_rules_need_nothing_but_columns_helpers_and_the_clock(spark: SparkSession, name: str) -> None:
    checks = job_of(name).writes.checks_of(Kind.ROW)
    conditions = [F.expr(check.sql.replace(":as_of", "DATE '2026-01-15'")).alias(check.name) for check in checks]
    types = dict(rows_of(spark, name).select(*conditions).dtypes)
    assert types == {check.name: "boolean" for check in checks}


@pytest.mark.parametrize("name", NAMES)
def test_bad_and_foreign_records_come_out_as_one_row_without_values(
    spark: SparkSession, name: str, examples: tuple[str, ...]
) -> None:
    made = made_of(spark, name, examples)
    assert set(made) == {*FOREIGN, *(json.loads(example)["id"] for example in examples)}
    assert [len(made[ident]) for ident in FOREIGN] == [1, 1, 1]
    assert made["0"][0].problems
    assert not made["0"][0].row[job_of(name).writes.key[0]]
    assert made["basic"][0].is_selected is False


def test_a_lookup_neither_drops_nor_doubles_rows(spark: SparkSession) -> None:
    job = job_of("encounter")
    encounter = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    named = {str(i): {**encounter, "subject": {"reference": f"Patient/{i % 3}"}} for i in range(9)}
    without = {"none": encounter}
    rows = project(spark, job, dumps({**named, **without}))
    assert job(rows, patients=births(spark, {"0": "1980-01-01", "1": "1990-01-01"})).count() == 10


@pytest.mark.parametrize("name", NAMES)
def test_us_core_examples_conform_without_a_problem(
    spark: SparkSession, name: str, examples: tuple[str, ...], shared_data: Path
) -> None:
    made = made_of(spark, name, examples)
    found = [row for ident, rows in made.items() if ident not in FOREIGN for row in rows]
    assert Counter(problem for row in found for problem in row.problems) == {}
    assert Counter(check for row in found if row.is_selected for check in row.failed) == {}
    expected = {
        "patient": 4,
        "encounter": 3,
        "condition": 6,
        "procedure": 2,
        "medication": 2,
        "medication_request": 4,
        "medication_administration": 0,
        "immunization": 1,
        "allergy": 2,
        "adverse_event": 0,
        "care_plan": 2,
        "diagnostic_report": 5,
        "vital_sign": 16 + 5,  # three pressure panels with 2, 2 and 3 components, a saturation with an oxygen flow
        "lab_result": 18,
        "organization": 5,
        "practitioner": 4,
        "location": 2,
        "appointment": 0,  # the examples have neither appointments nor claims
        "coverage": 1,
        "claim": 0,
        "claim_line": 0,
        "observation": 105 + 4,  # three have a value and four components
        "survey_response": 4 + 23 + 5 + 2 + 3 + 3 + 11,
        "imaging_study": 0,
        "device": 4,
        "document": 5,
    }
    assert sum(row.is_selected for row in found) == expected[name]
