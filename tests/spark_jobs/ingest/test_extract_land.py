"""CSV through the write path: every row accounted for, held rows with their place, nothing twice, nothing half-done."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from catalog.mapping import CsvMapping, load_mapping, read_mapping
from catalog.tables.bronze import CSV_ROW
from lakehouse import tables
from lakehouse.control import open_control
from spark_jobs.cli.extract import replay_csv
from spark_jobs.ingest.extract.account import ExtractLanding, FileCounts
from spark_jobs.ingest.extract.land import ingest_csv
from spark_jobs.ingest.land import look_at
from spark_jobs.jobs import JOBS
from spark_jobs.runner import Observer, silent
from spark_jobs.schedule import choose

if TYPE_CHECKING:
    from spark_jobs.lake import Lake

DATA = """ward,name
A,Alpha
,
bed,ward,score
1,A,7
2,Z,7
3,A,seven
4,A,?
5,A
,A,7
"""


def beds(**ward: Any) -> CsvMapping:
    """Patients and scores by bed, with the wards' names from a table in a file; `ward` changes that table."""
    return read_mapping("beds", beds_text(**ward))


def beds_text(**ward: Any) -> str:
    """The same as JSON."""
    score = {"resourceType": "Observation", "id": "{bed}-score", "status": "final", "valueInteger": "#{score}"}
    score |= {"subject": {"reference": "Patient/{bed}"}, "code": {"text": "score in {ward.name}"}}
    columns = {"bed": {"type": "id"}, "ward": {}, "score": {"type": "integer"}}
    files = {
        "wards": {"columns": {"ward": {}, "name": {}}, "key": "ward"},
        "beds": {"columns": columns, "resources": [{"resource": score}]},
    }
    tables = {"ward": {"column": "ward", "file": "wards", **ward}}
    return json.dumps({"title": "Beds", "nulls": ["?"], "tables": tables, "files": files})


def land(lake: "Lake", mapping: CsvMapping, *paths: Path, observe: Observer = silent) -> ExtractLanding:
    """Ingest these files."""
    files = look_at(list(paths), lake.settings, 1, lambda done, total: None)
    return ingest_csv(lake.spark, lake.control, lake.settings, mapping, files, observe=observe)


def ids(lake: "Lake") -> list[str]:
    """Ids of all resources in bronze."""
    return sorted(r.resource_id for r in lake.spark.table("lake.bronze.fhir_resource").select("resource_id").collect())


def held(lake: "Lake") -> list[tuple[str, str, int, int]]:
    """Open quarantine rows: stage, reason, line, byte offset."""
    found = lake.spark.table("lake.ops.quarantine").where("resolved_by is null").collect()
    return sorted((r.stage, r.reason_code, r.line, r.byte_offset) for r in found)


@pytest.mark.slow
def test_every_row_is_accounted_for_and_a_better_mapping_reads_it_again(lake: "Lake", tmp_path: Path) -> None:
    file = tmp_path / "beds.csv"
    file.write_text(DATA, encoding="utf-8")
    first = land(lake, beds(), file)
    assert first.total == FileCounts(translated=1, value_table=1, no_value=1, quarantined=4, blank=1)
    assert first.by_type == {"Observation": 1}
    assert held(lake) == [
        ("bronze.csv_row", "wrong_cell_count", 9, 63),
        ("bronze.fhir_resource", "missing_key", 10, 67),
        ("bronze.fhir_resource", "not_an_integer", 7, 47),
        ("bronze.fhir_resource", "unknown_code", 6, 41),
    ]
    made = lake.spark.table("lake.bronze.fhir_resource").collect()[0]
    assert json.loads(made.payload)["code"] == {"text": "score in Alpha"}
    row = lake.spark.table("lake.bronze.csv_row").where(f"byte_offset = {made.byte_offset}").collect()[0]
    assert (row.source_file, row.line, json.loads(row.payload)["bed"]) == (made.source_file, made.line, "1")
    assert (row.mapping, row.mapping_version) == ("beds", beds().version)

    again = land(lake, beds(), file)
    assert (again.batch_id, len(again.skipped)) == (None, 1)

    better = land(lake, beds(closed=False), file)
    assert better.total.quarantined == 3
    assert [h[1] for h in held(lake)] == ["wrong_cell_count", "missing_key", "not_an_integer"]
    ledger = lake.control.ingested_extracts("beds")
    assert len({f["mapping_version"] for f in ledger}) == 2


@pytest.mark.slow
def test_replay_reads_a_file_again_where_that_can_help(
    lake: "Lake", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, wards, mapping = tmp_path / "beds.csv", tmp_path / "wards.csv", tmp_path / "beds.json"
    file.write_text(DATA, encoding="utf-8")
    mapping.write_text(beds_text(), encoding="utf-8")

    def replay(stage: str | None = None, given: Path | None = mapping) -> str:
        replay_csv(lake, stage, None, str(given) if given else None)
        return "".join(capsys.readouterr())

    assert replay() == "", "nothing has landed yet"
    land(lake, beds(), file)
    before = held(lake)
    assert "the mapping beds does not ship; say where it is: `lake replay --mapping beds.json`" in replay(given=None)
    assert "no value table came since" in replay()
    assert held(lake) == before
    wards.write_text("ward,name\nZ,Omega\n", encoding="utf-8")
    land(lake, beds(), wards)
    assert "8 rows = 2 translated" in replay()
    assert [h[1] for h in held(lake)] == ["wrong_cell_count", "missing_key", "not_an_integer"]
    assert ids(lake).count("beds-2-score") == 1

    mapping.write_text(beds_text(closed=False), encoding="utf-8")
    assert "3 held back" in replay()
    assert "3 held back" in replay("bronze.csv_row"), "asked for, it is read again by the same mapping"
    file.write_text(DATA + "6,A,1\n", encoding="utf-8")
    assert "the file is gone, or is another by now" in replay("bronze.fhir_resource")
    assert len(held(lake)) == 3


class Died(BaseException):
    """Nothing catches it but the test."""


def dies_at(table: str, step: str) -> Observer:
    """An observer that raises as that step begins."""

    def observe(at: str, begun: str) -> None:
        if (at, begun) == (table, step):
            raise Died

    return observe


@pytest.mark.slow
def test_rows_whose_run_record_was_lost_follow_the_resources_that_are_there(lake: "Lake", tmp_path: Path) -> None:
    file = tmp_path / "0.csv"
    file.write_text("bed,ward,score\n1,A,7\n", encoding="utf-8")
    with pytest.raises(Died):
        land(lake, beds(), file, observe=dies_at("bronze.csv_row", "publish"))
    landed = lake.spark.table("lake.bronze.fhir_resource").collect()
    (branch,) = tables.branches(lake.spark, CSV_ROW)
    rows = tables.read_branch(lake.spark, CSV_ROW, branch)
    tables.make_branch(lake.spark, CSV_ROW, "run_stray", None)
    tables.append(rows, CSV_ROW, "run_stray", {tables.RUN_ID: "of which nothing is known"})
    lake.settings.control_db.unlink()
    forgetful = replace(lake, control=open_control(lake.settings))
    other = tmp_path / "1.csv"
    other.write_text("bed,ward,score\n2,A,7\n", encoding="utf-8")
    land(forgetful, beds(), other)
    assert ids(lake) == ["beds-1-score", "beds-2-score"]
    assert {r.batch_id for r in landed} < {r.batch_id for r in lake.spark.table("lake.bronze.csv_row").collect()}
    assert lake.spark.table("lake.bronze.csv_row").count() == 2
    assert tables.branches(lake.spark, CSV_ROW) == []


@pytest.mark.slow
def test_an_ingestion_that_died_is_finished_or_undone_by_the_next(lake: "Lake", tmp_path: Path) -> None:
    steps = [("bronze.fhir_resource", "write"), ("bronze.fhir_resource", "gate"), ("bronze.fhir_resource", "publish")]
    for number, (table, step) in enumerate([*steps, ("bronze.csv_row", "publish")]):
        file = tmp_path / f"{number}.csv"
        file.write_text(f"bed,ward,score\n{number},A,7\nx/y,A,7\n", encoding="utf-8")
        with pytest.raises(Died):
            land(lake, beds(), file, observe=dies_at(table, step))
        land(lake, beds(), file)
        assert ids(lake) == [f"beds-{n}-score" for n in range(number + 1)]
        assert lake.spark.table("lake.bronze.csv_row").count() == 2 * (number + 1)
        assert len(held(lake)) == number + 1


@pytest.mark.slow
def test_the_first_encounters_of_uci_reach_silver(lake: "Lake", shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "uci_diabetes130"
    file = first_rows(folder / "diabetic_data_train.csv.gz", 300, tmp_path)
    landing = land(lake, load_mapping("uci_diabetes130"), file, folder / "IDs_mapping.csv")
    assert landing.total == FileCounts(translated=300, value_table=63, blank=2)
    jobs = choose(JOBS, ["patient", "encounter", "condition", "medication_request", "lab_result", "observation"])
    results, failures = lake.run(jobs)
    assert not failures
    assert {r.table: r.records.get("quarantined", 0) for r in results if r.records.get("quarantined")} == {}
    encounters = lake.spark.table("lake.silver.encounter").collect()
    assert len(encounters) == 300
    assert {e.started_at for e in encounters} == {None}
    assert {e.class_code for e in encounters} == {"IMP"}
    assert all(0 < e.length_minutes <= 14 * 1440 for e in encounters)
    assert "Emergency" in {c.display for e in encounters for c in e.type_codes or []}
    readmitted = lake.spark.table("lake.silver.observation").where("code_text = 'Days to the next inpatient stay'")
    assert readmitted.count() == 300


@pytest.mark.slow
def test_the_first_measurements_of_physionet_reach_silver(lake: "Lake", shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "physionet2012"
    file = first_rows(folder / "set_a.csv.gz", 500, tmp_path)
    landing = land(lake, load_mapping("physionet2012"), file)
    assert (landing.total.rows, landing.total.quarantined) == (500, 0)
    results, failures = lake.run(choose(JOBS, ["patient", "encounter", "lab_result", "vital_sign"]))
    assert not failures
    assert all(r.records.get("quarantined", 0) == 0 for r in results)
    rates = lake.spark.table("lake.silver.vital_sign").where("measurement = 'heart_rate' and patient_id like '%132539'")
    found = sorted((r.effective_offset_minutes, r.value) for r in rates.collect())
    assert found[:3] == [(7.0, 73.0), (37.0, 77.0), (97.0, 60.0)]
    assert {r.effective_at for r in rates.collect()} == {None}
    oxygen = lake.spark.table("lake.silver.vital_sign").where("measurement = 'inspired_oxygen_fraction'")
    assert {r.value_unit for r in oxygen.collect()} <= {"%"}


@pytest.mark.slow
def test_all_of_uci_is_accounted_for(lake: "Lake", shared_data: Path) -> None:
    folder = shared_data / "uci_diabetes130"
    landing = land(lake, load_mapping("uci_diabetes130"), *sorted(folder.iterdir()))
    total = landing.total
    assert total.rows == 81_275 + 65
    assert (total.translated, total.value_table, total.blank, total.quarantined) == (81_275, 63, 2, 0)
    assert landing.by_type["Encounter"] == landing.by_type["Patient"] == 81_275
    assert landing.by_type["Condition"] == 3 * 81_275 - 18 - 273 - 1098


def first_rows(file: Path, number: int, folder: Path) -> Path:
    """A plain file of the header and the first rows of a gzip file."""
    import gzip
    from itertools import islice

    short = folder / file.name.removesuffix(".gz")
    with gzip.open(file, "rb") as source:
        short.write_bytes(b"".join(islice(source, number + 1)))
    return short
