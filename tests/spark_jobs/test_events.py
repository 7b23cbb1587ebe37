"""OpenLineage events of landings and of runs that another process completes; events of runs are in `test_lineage`."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from catalog.tables.bronze import CSV_ROW, DELTA_ROW, FHIR_RESOURCE
from lakehouse import tables
from lakehouse.control import run_inputs
from lakehouse.events import run_uuid
from spark_jobs.lake import Lake
from tests.spark_jobs import tiny
from tests.spark_jobs.ingest.test_extract_land import DATA, beds
from tests.spark_jobs.openlineage_events import problems
from tests.spark_jobs.test_lineage import telling
from tests.spark_jobs.test_promises import die
from tests.spark_jobs.tiny import TINY, observation, write

Event = dict[str, Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "told" / "events.jsonl"


def events(file: Path) -> list[Event]:
    """All that was told, each event valid."""
    found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [problems(event) for event in found] == [[]] * len(found)
    return found


def silent_progress(what: str, done: int, total: int) -> None:
    return None


def told_in_order(found: list[Event]) -> list[tuple[str, str]]:
    return [(e["eventType"], e["job"]["name"]) for e in found]


def test_a_landing_tells_its_folder_and_what_it_published(lake: Lake, tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "in"
    write(folder, "robin-planted.ndjson", [observation("secret-id", 424242), {"resourceType": "Observation"}])
    landing = telling(lake, str(file)).land([str(folder)], silent_progress)
    found = events(file)
    assert told_in_order(found) == [
        ("START", "lake ingest fhir"),
        ("START", "ingest fhir"),
        ("COMPLETE", "ingest fhir"),
        ("COMPLETE", "lake ingest fhir"),
    ]
    begun, ended = found[1], found[2]
    assert begun["run"]["runId"] == ended["run"]["runId"] == run_uuid(str(landing.batch_id))
    assert ended["run"]["facets"]["parent"]["run"]["runId"] == found[0]["run"]["runId"]
    assert [(i["namespace"], i["name"]) for i in ended["inputs"]] == [("file", str(folder))]
    (output,) = ended["outputs"]
    assert (output["namespace"], output["name"]) == ("carelake", "lake.bronze.fhir_resource")
    published = lake.control.last(FHIR_RESOURCE.name, "published")
    assert published is not None
    assert output["facets"]["version"]["datasetVersion"] == str(published["snapshot_id"])
    assert {"schema", "tags", "documentation"} <= output["facets"].keys()
    text = file.read_text(encoding="utf-8")
    assert [word for word in ("robin", "secret", "424242") if word in text] == []


@pytest.mark.slow
def test_a_landing_of_csv_tells_both_tables_and_its_end_if_it_fails(lake: Lake, tmp_path: Path, file: Path) -> None:
    told = telling(lake, str(file))
    source = tmp_path / "in" / "robin-planted.csv"
    source.parent.mkdir()
    source.write_text(DATA, encoding="utf-8")

    def breaks(table: str, step: str) -> None:
        if step == "gate":
            raise RuntimeError("Robin Planted")

    with pytest.raises(RuntimeError):
        told.land_csv(beds(), [str(source)], silent_progress, breaks)
    assert told_in_order(events(file))[-2:] == [("FAIL", "ingest csv beds"), ("FAIL", "lake ingest csv")]
    told.land_csv(beds(), [str(source)], silent_progress)
    ended = events(file)[-2]
    assert (ended["eventType"], ended["job"]["name"]) == ("COMPLETE", "ingest csv beds")
    assert [(i["namespace"], i["name"]) for i in ended["inputs"]] == [("file", str(source.parent))]
    heads = {tables.full_name(t): tables.current(lake.spark, t) for t in (CSV_ROW, FHIR_RESOURCE)}
    versions = {o["name"]: int(o["facets"]["version"]["datasetVersion"]) for o in ended["outputs"]}
    assert versions == {name: head.id for name, head in heads.items() if head}
    assert len(versions) == 2
    assert "robin" not in file.read_text(encoding="utf-8").lower()


@pytest.mark.slow
def test_a_landing_of_delta_tells_the_version_that_it_read(lake: Lake, tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "foreign"
    lake.spark.sql(f"CREATE TABLE delta.`{folder}` (payload string) USING delta")
    resource = json.dumps(observation("secret-id", 1))
    lake.spark.sql(f"INSERT INTO delta.`{folder}` VALUES ('{resource}')")
    told = telling(lake, str(file))
    told.land_delta(str(folder))
    told.land_delta(str(folder), "payload", "emr")
    by_path, named = (e for e in events(file) if e["eventType"] == "COMPLETE" and e["outputs"])
    assert by_path["outputs"][0]["name"] == f"lake.{DELTA_ROW.name}"
    assert named["outputs"][0]["name"] == f"lake.{FHIR_RESOURCE.name}"
    read = [(i["namespace"], i["name"], i["facets"]["version"]["datasetVersion"]) for i in by_path["inputs"]]
    assert read == [("file", str(folder), "1")]
    assert [(i["namespace"], i["name"]) for i in named["inputs"]] == [("carelake", "delta:emr")]
    assert "secret" not in file.read_text(encoding="utf-8")


@pytest.fixture
def told_by_the_dead(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_OPENLINEAGE", str(file))


@pytest.mark.slow
@pytest.mark.usefixtures("told_by_the_dead")
@pytest.mark.parametrize(("step", "state"), [("gate", "ABORT"), ("record", "COMPLETE")])
def test_a_run_that_died_is_told_by_the_next(lake: Lake, tmp_path: Path, file: Path, step: str, state: str) -> None:
    told = telling(lake, str(file))
    tiny.ingest(told, write(tmp_path / "in", "a.ndjson", [observation("secret-id", 7), observation("bad", -5)]))
    die(lake, "run", step)
    begun = events(file)[-1]
    assert begun["eventType"] == "START"
    tiny.run(told)
    (ended,) = (e for e in events(file) if e != begun and e["run"]["runId"] == begun["run"]["runId"])
    assert ended["eventType"] == state
    assert [i["name"] for i in ended["inputs"]] == [i["name"] for i in begun["inputs"]]
    facets = ended["outputs"][0]["facets"]
    assert {"schema", "tags", "columnLineage"} <= facets.keys()
    if state == "COMPLETE":
        published = lake.control.last(TINY.name, "published")
        assert published is not None
        assert facets["version"]["datasetVersion"] == str(published["snapshot_id"])
        assert facets["dataQualityMetrics"]["rowCount"] == 1
        assert facets["dataQualityAssertions"]["assertions"]


@pytest.mark.slow
@pytest.mark.usefixtures("told_by_the_dead")
def test_a_landing_that_died_after_its_publish_is_told_by_the_next(lake: Lake, tmp_path: Path, file: Path) -> None:
    source = write(tmp_path / "in", "a.ndjson", [observation("secret-id", 7)])
    die(lake, "ingest", "record", source)
    assert told_in_order(events(file)) == [("START", "ingest fhir")]
    assert tiny.ingest(telling(lake, str(file)), source).batch_id is None
    begun, ended = events(file)
    assert (ended["eventType"], ended["run"]["runId"]) == ("COMPLETE", begun["run"]["runId"])
    assert [(i["namespace"], i["name"]) for i in ended["inputs"]] == [("file", str(source.parent))]
    assert ended["outputs"][0]["facets"]["version"]
    assert lake.control.select(run_inputs.select())[0]["table_name"] == f"file:{source.parent}"


# what the specification requires, by the place of each field in an event
REQUIRED = (
    "eventTime", "producer", "schemaURL", "run", "run.runId", "job", "job.namespace", "job.name",
    "inputs.0.namespace", "inputs.0.name", "outputs.0.namespace", "outputs.0.name",
    "run.facets.parent.run", "run.facets.parent.run.runId", "run.facets.parent.job.name",
    "run.facets.parent._producer", "run.facets.errorMessage._schemaURL", "run.facets.errorMessage.message",
    "run.facets.errorMessage.programmingLanguage", "run.facets.tags.tags.0.key", "run.facets.tags.tags.0.value",
    "job.facets.jobType.processingType", "job.facets.jobType.integration", "job.facets.documentation.description",
    "outputs.0.facets.schema.fields.0.name", "outputs.0.facets.schema._producer", "outputs.0.facets.schema._schemaURL",
    "outputs.0.facets.tags.tags.0.key", "outputs.0.facets.documentation.description",
    "outputs.0.facets.columnLineage.fields", "outputs.0.facets.columnLineage.fields.amount.inputFields",
    "outputs.0.facets.columnLineage.fields.amount.inputFields.0.field",
    "outputs.0.facets.columnLineage.fields.amount.inputFields.0.transformations.0.type",
    "outputs.0.facets.dataQualityAssertions.assertions", "outputs.0.facets.dataQualityMetrics.columnMetrics",
    "outputs.0.facets.dataQualityAssertions.assertions.0.success", "inputs.0.facets.version.datasetVersion",
)  # fmt: skip


def test_an_event_that_lacks_a_required_field_is_not_valid(lake: Lake, tmp_path: Path, file: Path) -> None:
    told = telling(lake, str(file))
    tiny.ingest(told, write(tmp_path / "in", "a.ndjson", [observation("a", 7, status="made-up")]))
    _, (failure,) = told.run([tiny.JOB])
    assert failure.error is not None
    whole = next(e for e in reversed(events(file)) if e["job"]["name"] == "tiny")
    assert problems(whole) == []
    assert [place for place in REQUIRED if not problems(without(whole, place))] == []


def without(event: Event, place: str) -> Event:
    """A copy of the event that lacks what stands there, which must be there."""
    changed = copy.deepcopy(event)
    at: Any = changed
    *path, last = place.split(".")
    for step in path:
        at = at[int(step)] if step.isdigit() else at[step]
    del at[last]
    return changed
