"""A looked-up value that changes later brings every record that it concerns back to judgement."""

from pathlib import Path
from typing import Any

import pytest

from spark_jobs.conform.condition import condition
from spark_jobs.conform.patient import patient
from spark_jobs.job import Job
from spark_jobs.lake import Lake
from spark_jobs.runner import RunResult, run_job
from tests.spark_jobs.tiny import held, ingest, write


def run(lake: Lake, job: Job) -> RunResult:
    return run_job(lake.spark, lake.control, lake.settings, job, lake.as_of)


def person(birth: str, at: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p", "birthDate": birth, "gender": "other", "meta": {"lastUpdated": at}}


def live(lake: Lake) -> list[str]:
    rows = lake.spark.table("lake.silver.condition").where("not is_deleted").select("condition_id").collect()
    return sorted(r.condition_id for r in rows)


@pytest.mark.slow
def test_a_birth_date_that_comes_or_changes_later_judges_the_diagnoses_again(lake: Lake, tmp_path: Path) -> None:
    subject = {"reference": "Patient/p"}
    diagnoses = [
        {"resourceType": "Condition", "id": i, "subject": subject, "code": {"text": "x"}, "onsetDateTime": at}
        for i, at in (("early", "1950-05-05"), ("late", "1990-05-05"))
    ]
    ingest(lake, write(tmp_path, "conditions.ndjson", diagnoses))
    run(lake, patient)
    run(lake, condition)
    assert live(lake) == ["early", "late"], "no birth date is known yet"

    ingest(lake, write(tmp_path, "born-1970.ndjson", [person("1970-01-01", "2026-01-01T00:00:00Z")]))
    run(lake, patient)
    judged = run(lake, condition)
    assert (judged.mode, sum(judged.records.values())) == ("incremental", 2)
    assert live(lake) == ["late"]
    assert held(lake, "silver.condition") == [("early", "onset_at_not_before_birth")]

    ingest(lake, write(tmp_path, "born-1940.ndjson", [person("1940-01-01", "2026-01-02T00:00:00Z")]))
    run(lake, patient)
    run(lake, condition)
    assert live(lake) == ["early", "late"]
    assert held(lake, "silver.condition") == []
    assert run(lake, condition).state == "unchanged"
