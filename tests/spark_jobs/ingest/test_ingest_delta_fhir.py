"""Whole FHIR resources in a column of a Delta table land as those of any file do."""

import json
import shutil
from pathlib import Path

import pytest

from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse.errors import InputError
from spark_jobs.ingest import delta_fhir
from spark_jobs.ingest.delta_log import Way
from spark_jobs.ingest.model import Record, Rejection
from spark_jobs.ingest.tally import Counts
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import deletion, held, observation

FEED = "delta.enableChangeDataFeed = true"


@pytest.mark.slow
def test_fhir_resources_in_a_column_land_by_the_rules_of_any_landing(lake: Lake, tmp_path: Path) -> None:
    spark = lake.spark
    folder = tmp_path / "foreign"
    spark.sql(f"CREATE TABLE delta.`{folder}` (key int, payload string) USING delta TBLPROPERTIES ({FEED})")

    def put(*rows: tuple[int, str | None]) -> None:
        spark.createDataFrame(list(rows), "key int, payload string").write.format("delta").mode("append").save(
            str(folder)
        )

    def fhir() -> delta_fhir.FhirLanding:
        return delta_fhir.ingest(spark, lake.control, lake.settings, str(folder), "payload", "emr")

    put(
        (1, json.dumps(observation("a", 1, at="2026-01-01T00:00:00Z"), indent=1)),
        (2, json.dumps(deletion("gone", "2026-01-02T00:00:00Z"))),
        (3, '{"resourceType": "Observation"}'),
        (4, None),
    )
    first = fhir()
    counts = first.counts
    assert (counts.lines, counts.blank, counts.landed, counts.rejected, counts.bundles) == (4, 1, 2, 1, 1)
    assert held(lake, "landing") == [("", "missing_id")]
    put((5, json.dumps(observation("b", 2))))
    spark.sql(f"DELETE FROM delta.`{folder}` WHERE key = 1")
    second = fhir()
    assert (second.way, second.counts.landed, second.removed) == (Way.FEED, 1, 1)
    assert fhir().way is None
    rows = spark.table("lake.bronze.fhir_resource").collect()
    found = sorted((r.resource_id, r.is_deleted, r.source_file) for r in rows)
    assert found == [("a", False, "emr@1"), ("b", False, "emr@2"), ("gone", True, "emr@1")]
    (a,) = [r for r in rows if r.resource_id == "a"]
    assert a.payload == json.dumps(observation("a", 1, at="2026-01-01T00:00:00Z"), indent=1), "byte for byte"
    shutil.rmtree(folder / "_change_data", ignore_errors=True)
    spark.sql(f"UPDATE delta.`{folder}` SET payload = replace(payload, 'final', 'amended') WHERE key = 5")
    shutil.rmtree(folder / "_change_data", ignore_errors=True)
    spark.sql(f"ALTER TABLE delta.`{folder}` SET TBLPROPERTIES (delta.enableChangeDataFeed = false)")
    third = fhir()
    # The changed one, and what the Bundle holds: a comparison knows resources and not what they came in.
    assert (third.way, third.counts.by_type, third.counts.deleted) == (Way.COMPARED, {"Observation": 2}, 1)
    assert third.counts.rejected == 0
    assert spark.table(f"lake.{FHIR_RESOURCE.name}").count() == 5
    with pytest.raises(InputError, match="no text column 'nope'"):
        delta_fhir.ingest(spark, lake.control, lake.settings, str(folder), "nope")


def test_a_row_is_a_resource_a_rejection_or_blank() -> None:
    counts = Counts()
    payloads = [json.dumps(observation("a", 1)).encode(), b"{}", None, b" ", b"x" * 200]
    items = [i for n, p in enumerate(payloads, 1) for i in delta_fhir.row_items(p, n, 150, counts)]
    assert [type(i) for i in items] == [Record, Rejection, Rejection]
    assert (counts.lines, counts.blank, counts.landed, counts.rejected) == (5, 2, 1, 2)
    assert counts.is_whole
    places = [(i.line, i.byte_offset) for i in items if not isinstance(i, tuple)]
    assert places == [(1, 0), (2, 1 << 32), (5, 4 << 32)], "rows stand apart, as records of a file do"
