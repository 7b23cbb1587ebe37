"""What a compiled view says of itself without Spark: names, types, where columns come from."""

import subprocess
import sys

import pytest
from pyspark.sql import types as spark

from lakehouse.fhir import compile_view

VIEW = {
    "resource": "Observation",
    "name": "labs",
    "constant": [{"name": "loinc", "valueUri": "http://loinc.org"}],
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "code", "path": "code.coding.where(system = %loinc).code.first()", "type": "code"},
                {"name": "codings", "path": "code.coding", "collection": True},
                {"name": "at", "path": "issued", "tag": [{"name": "ansi/type", "value": "timestamp with time zone"}]},
                {"name": "source", "path": "'lab'"},
                {"name": "is_known", "path": "subject.exists() and encounter.exists()"},
            ]
        },
        {"forEach": "component", "column": [{"name": "at_row", "path": "%rowIndex"}]},
    ],
}


def test_schema_is_known_without_running() -> None:
    coding = "array<struct<system:string,code:string,display:string>>"
    assert [(field.name, field.dataType.simpleString()) for field in compile_view(VIEW).schema()] == [
        ("id", "string"), ("value", "decimal(38,18)"), ("code", "string"), ("codings", coding),
        ("at", "timestamp"), ("source", "string"), ("is_known", "boolean"), ("at_row", "int"),
    ]  # fmt: skip


def test_schema_is_that_of_the_rows(frame) -> None:
    view = compile_view(VIEW)
    names = [(field.name, field.dataType.simpleString()) for field in view.schema()]
    assert [(f.name, f.dataType.simpleString()) for f in view.run(frame([])).schema] == names
    assert [(f.name, f.dataType.simpleString()) for f in view.project(frame([])).schema][:-3] == names


def test_columns_know_the_elements_that_they_come_from() -> None:
    view = compile_view(VIEW)
    assert view.name == "labs"
    assert view.resource == "Observation"
    assert {column.name: column.element_path for column in view.columns} == {
        "id": "Observation.id",
        "value": "Observation.value.ofType(Quantity).value",
        "code": "Observation.code.coding.code",
        "codings": "Observation.code.coding",
        "at": "Observation.issued",
        "source": None,
        "is_known": "Observation.subject, Observation.encounter",
        "at_row": "Observation.component",
    }
    assert [column.fhir_type for column in view.columns][:4] == ["string", "decimal", "code", "Coding"]


@pytest.mark.parametrize(
    ("path", "asked", "expected"),
    [
        ("birthDate", "DATE", spark.DateType()),
        ("birthDate", "varchar(20)", spark.StringType()),
        ("multipleBirth.ofType(integer)", "BIGINT", spark.LongType()),
        ("multipleBirth.ofType(integer)", "double precision", spark.DoubleType()),
        ("multipleBirth.ofType(integer)", "DECIMAL(10, 2)", spark.DecimalType(10, 2)),
        ("multipleBirth.ofType(integer)", None, spark.IntegerType()),
        ("active", None, spark.BooleanType()),
        ("birthDate", None, spark.StringType()),
    ],
)
def test_tag_asks_for_a_type(path: str, asked: str | None, expected: spark.DataType) -> None:
    tags = [{"name": "ansi/type", "value": asked}] if asked else []
    view = {"resource": "Patient", "select": [{"column": [{"name": "v", "path": path, "tag": tags}]}]}
    assert compile_view(view).columns[0].spark_type == expected


def test_compiling_starts_no_java() -> None:
    code = (
        "from lakehouse.fhir import compile_view; from pyspark import SparkContext; "
        "compile_view({'resource': 'Patient', 'select': [{'column': [{'name': 'a', 'path': 'id'}]}]}); "
        "assert SparkContext._gateway is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
