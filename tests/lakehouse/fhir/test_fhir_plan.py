"""How views run: one parse a record whatever reads the rows, native expressions only, streams as well as batches."""

import json
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from lakehouse.fhir import compile_view, run_view
from tests.plans import optimized

VIEW: dict[str, Any] = {
    "resource": "Patient",
    "select": [
        {"column": [{"name": "id", "path": "id"}, {"name": "family", "path": "name.family.first()"}]},
        {"forEachOrNull": "telecom", "column": [{"name": "telecom", "path": "value"}]},
    ],
    "where": [{"path": "active"}],
}
ONE_ROW = {**VIEW, "select": VIEW["select"][:1]}


def parses(frame: DataFrame) -> int:
    """Parses of whole records; those that only look for the wrong element of a record that failed begin otherwise."""
    return optimized(frame).count("from_json(StructField(resourceType,StringType,true), StructField(id,")


def test_a_record_is_parsed_once_whatever_is_asked_of_the_rows(spark: SparkSession, tmp_path: Path) -> None:
    """On a file: rows that the driver holds are computed by the optimizer itself."""
    records = spark.read.text(str(tmp_path)).withColumnRenamed("value", "payload")
    for view in (VIEW, ONE_ROW):
        projected = compile_view(view).project(records)
        assert parses(projected) == 1
        assert parses(projected.where("is_selected and size(problems) = 0").select("id")) == 1
        assert parses(projected.where("size(problems) > 0").groupBy("problems").count()) == 1
        assert parses(run_view(spark, view, records)) == 1


def test_no_python_runs_in_a_view(spark: SparkSession, tmp_path: Path) -> None:
    records = spark.read.text(str(tmp_path)).withColumnRenamed("value", "payload")
    assert "Python" not in optimized(compile_view(VIEW).project(records))


def test_streams_and_batches_yield_the_same_rows(spark: SparkSession, tmp_path: Path) -> None:
    lines = [
        {"resourceType": "Patient", "id": "a", "active": True, "telecom": [{"value": "t"}, {"value": "u"}]},
        {"resourceType": "Patient", "id": "b"},
        {"resourceType": "Patient", "id": 5},
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "patients.ndjson").write_text("\n".join(json.dumps(line) for line in lines))
    read = spark.read.text(str(tmp_path / "in")).withColumnRenamed("value", "payload")
    stream = spark.readStream.text(str(tmp_path / "in")).withColumnRenamed("value", "payload")
    query = (
        compile_view(VIEW).project(stream).writeStream.format("memory").queryName("fhir_rows")
        .option("checkpointLocation", str(tmp_path / "checkpoint")).trigger(availableNow=True).start()
    )  # fmt: skip
    query.awaitTermination()
    expected = sorted(map(str, compile_view(VIEW).project(read).collect()))
    assert sorted(map(str, spark.table("fhir_rows").collect())) == expected
    assert len(expected) == 4


def test_a_stream_with_repeat_needs_no_look_at_the_data(spark: SparkSession, tmp_path: Path) -> None:
    view = {
        "resource": "QuestionnaireResponse",
        "select": [{"repeat": ["item"], "column": [{"name": "link", "path": "linkId"}]}],
    }
    stream = spark.readStream.text(str(tmp_path)).withColumnRenamed("value", "payload")
    assert compile_view(view).project(stream).isStreaming


def test_session_settings_do_not_change_the_rows(spark: SparkSession, frame) -> None:
    records = frame([
        {"resourceType": "Patient", "id": "a", "active": True, "telecom": [], "birthDate": "2020"},
        {"resourceType": "Patient", "id": "b", "active": True, "birthDate": "nonsense", "telecom": [{}]},
    ])  # fmt: skip
    column = {"name": "born", "path": "birthDate", "tag": [{"name": "ansi/type", "value": "TIMESTAMP"}]}
    more = [
        {"name": "second", "path": "telecom[1].value"},
        {"name": "none", "path": "telecom.rank.first() / 0"},
        column,
    ]
    view = compile_view({**VIEW, "select": [*VIEW["select"], {"column": more}]})
    names = {"spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "America/New_York"}
    before = {name: spark.conf.get(name) for name in names}
    expected = sorted(map(str, view.project(records).collect()))
    try:
        for name, value in names.items():
            spark.conf.set(name, value)
        assert sorted(map(str, view.project(records).collect())) == expected
    finally:
        for name, earlier in before.items():
            spark.conf.set(name, str(earlier))
