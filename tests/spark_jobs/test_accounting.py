"""The accounting gauge over a lake that moves: 0 through late versions, deletions and repeats, else what was lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakehouse.watch.reading import Watcher
from spark_jobs.conform.patient import patient
from spark_jobs.lake import Lake

pytestmark = pytest.mark.slow


def person(name: str, version: int, **more: Any) -> dict[str, Any]:
    meta = {"lastUpdated": f"2026-01-{version:02}T00:00:00Z"}
    return {"resourceType": "Patient", "id": name, "meta": meta, "gender": "female", "birthDate": "1950-01-01"} | more


def test_the_gauge_is_0_until_a_record_is_lost(lake: Lake, tmp_path: Path) -> None:
    watcher = Watcher(lake.settings)

    def land(name: str, *resources: dict[str, Any]) -> None:
        path = tmp_path / name
        path.write_text("\n".join(json.dumps(r) for r in resources) + "\n")
        lake.land([str(path)], lambda what, done, total: None)

    def missing() -> dict[str, int]:
        found = watcher.read()
        assert not found.failed
        return {f"{e.stage} {e.table}": e.unaccounted for e in found.equations or ()}

    land("a.ndjson", person("a", 2), person("b", 1), person("c", 1, birthDate="2999-01-01"))
    lake.run([patient])
    assert set(missing().values()) == {0}
    land("b.ndjson", person("a", 1), person("b", 3), person("d", 1), {"resourceType": "Basic", "id": "x"})
    assert set(missing().values()) == {0}, "records that wait for the next run are not lost"
    results, _ = lake.run([patient])
    assert results[0].mode == "incremental"
    assert set(missing().values()) == {0}
    lake.run([patient], full=True)
    lake.run([patient], retry_held=True)
    found = missing()
    assert {"landing bronze.fhir_resource", "conforming silver.patient", "quarantine silver.patient"} <= found.keys()
    assert set(found.values()) == {0}, found
    open_rows = lake.spark.table("lake.ops.quarantine").where("resolved_by is null")
    assert [row.resource_id for row in open_rows.collect()] == ["c"], "what is held back again stays in quarantine"
    lake.spark.sql("DELETE FROM lake.bronze.fhir_resource WHERE resource_id = 'd'")
    assert missing()["landing bronze.fhir_resource"] == 1
