"""Published tables leave as Delta: the live rows of one snapshot, in one commit, less what identifies people."""

import json
from pathlib import Path

import pytest
from deltalake import DeltaTable

from catalog.registry import TABLES
from lakehouse import tables
from lakehouse.control import runs
from lakehouse.errors import Conflict, InputError
from spark_jobs.conform.patient import patient
from spark_jobs.export.delta import choose_columns, export
from spark_jobs.ingest import delta
from spark_jobs.lake import Lake
from spark_jobs.runner import run_job
from tests.spark_jobs.tiny import TINY, deletion, ingest, observation, run, write

PATIENT = TABLES["silver.patient"]


def exported(folder: Path) -> list[tuple[str, int]]:
    """What another program reads there."""
    rows = DeltaTable(str(folder)).to_pyarrow_table().to_pylist()
    return sorted((r["tiny_id"], r["amount"]) for r in rows)


def test_a_table_leaves_as_delta_and_comes_back(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2)]))
    run(lake)
    done = export(lake.spark, lake.control, TINY, str(folder))
    assert exported(folder) == [("a", 1), ("b", 2)]
    landing = delta.ingest(lake.spark, lake.control, lake.settings, str(folder), "back")
    assert landing.landed == done.rows == 2
    back = [json.loads(r.payload) for r in lake.spark.table("lake.bronze.delta_row").collect()]
    assert sorted((r["tiny_id"], r["amount"]) for r in back) == [("a", 1), ("b", 2)]


@pytest.mark.slow
def test_live_rows_leave_in_one_stamped_commit_and_again_only_when_they_changed(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2), observation("c", 3)]))
    run(lake)
    ingest(lake, write(tmp_path, "b.ndjson", [deletion("c", "2027-01-01T00:00:00Z")]))
    run(lake)
    first = export(lake.spark, lake.control, TINY, str(folder))
    assert (first.state, first.delta_version, first.rows) == ("published", 0, 2)
    assert exported(folder) == [("a", 1), ("b", 2)], "the deleted one stays"
    opened = DeltaTable(str(folder))
    snapshot = tables.current(lake.spark, TINY)
    assert snapshot is not None
    (commit,) = opened.history()
    assert json.loads(commit["userMetadata"])["carelake"]["snapshot_id"] == snapshot.id == first.snapshot_id
    comments = {f.name: f.metadata.get("comment") for f in opened.schema().fields}
    assert comments["amount"] == "A number. [clinical]"
    assert export(lake.spark, lake.control, TINY, str(folder)).state == "unchanged"
    assert DeltaTable(str(folder)).version() == 0
    ingest(lake, write(tmp_path, "c.ndjson", [observation("d", 4)]))
    run(lake)
    third = export(lake.spark, lake.control, TINY, str(folder))
    assert (third.state, third.delta_version) == ("published", 1)
    assert exported(folder) == [("a", 1), ("b", 2), ("d", 4)]
    states = [r["state"] for r in lake.control.select(runs.select().where(runs.c.job == "export delta"))]
    assert sorted(states) == ["published", "published", "unchanged"], "each export is on record"


@pytest.mark.slow
def test_every_column_of_an_export_comes_back_as_it_left(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    people = [
        {"resourceType": "Patient", "id": f"p{n}", "gender": "female", "birthDate": f"19{n}0-01-02"} for n in (5, 6, 7)
    ]
    ingest(lake, write(tmp_path, "a.ndjson", people))
    run_job(lake.spark, lake.control, lake.settings, patient, lake.as_of)
    done = export(lake.spark, lake.control, PATIENT, str(folder), with_identifiers=True)
    assert done.columns == tuple(c.name for c in PATIENT.columns)
    left = lake.spark.read.format("delta").load(str(folder))
    kept = lake.spark.table("lake.silver.patient").where("not is_deleted")
    assert sorted(left.toJSON().collect()) == sorted(kept.toJSON().collect())
    assert len(left.collect()) == DeltaTable(str(folder)).to_pyarrow_table().num_rows == 3
    landing = delta.ingest(lake.spark, lake.control, lake.settings, str(folder), "back")
    assert landing.landed == 3
    back = lake.spark.read.schema(kept.schema).json(
        lake.spark.table("lake.bronze.delta_row").rdd.map(lambda r: r.payload)
    )
    assert sorted(back.toJSON().collect()) == sorted(kept.toJSON().collect())


@pytest.mark.slow
def test_a_folder_with_other_content_is_left_alone(lake: Lake, tmp_path: Path) -> None:
    tables.ensure(lake.spark, TINY)
    with pytest.raises(InputError, match="no published rows yet"):
        export(lake.spark, lake.control, TINY, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1)]))
    run(lake)
    with pytest.raises(InputError, match="is not empty"):
        export(lake.spark, lake.control, TINY, str(tmp_path))
    folder = tmp_path / "out"
    # As if killed before the commit: the mark is there and a file that no version names.
    folder.mkdir()
    (folder / "_carelake.json").write_text(json.dumps({"table": TINY.name}))
    (folder / "part-0.parquet").write_bytes(b"half")
    assert export(lake.spark, lake.control, TINY, str(folder)).rows == 1
    assert exported(folder) == [("a", 1)]
    lake.spark.sql(f"INSERT INTO delta.`{folder}` SELECT * FROM delta.`{folder}`")
    with pytest.raises(Conflict, match="Someone else wrote"):
        export(lake.spark, lake.control, TINY, str(folder))
    (folder / "_carelake.json").write_text(json.dumps({"table": "silver.patient"}))
    with pytest.raises(InputError, match=r"is an export of silver\.patient"):
        export(lake.spark, lake.control, TINY, str(folder))


def test_what_identifies_people_leaves_only_when_asked_for() -> None:
    names = {c.name for c in choose_columns(PATIENT, (), with_identifiers=False)}
    tags = {PATIENT.column(name).tag.value for name in names}
    assert not tags & {"identifying", "free_text", "raw"}
    assert set(PATIENT.key) <= names
    assert len(choose_columns(PATIENT, (), with_identifiers=True)) == len(PATIENT.columns)
    secret = next(c.name for c in PATIENT.columns if c.tag.value == "identifying")
    with pytest.raises(InputError, match=rf"{secret} can identify people"):
        choose_columns(PATIENT, (secret,), with_identifiers=False)
    assert [c.name for c in choose_columns(PATIENT, (secret,), with_identifiers=True)] == [secret]
    with pytest.raises(InputError, match="has no column nope"):
        choose_columns(PATIENT, ("nope",), with_identifiers=True)


def test_bronze_is_not_for_sharing(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="only silver and gold"):
        export(lake.spark, lake.control, TABLES["bronze.fhir_resource"], str(tmp_path / "out"))
