"""The lines of a claim are replaced as one: a newer version brings its own, and one bad line holds back all of them."""

from pathlib import Path
from typing import Any

import pytest

from spark_jobs.conform.claim_line import claim_line
from spark_jobs.conform.patient import patient
from spark_jobs.job import Job
from spark_jobs.lake import Lake
from spark_jobs.runner import RunResult, run_job
from tests.spark_jobs.tiny import held, ingest, write


def run(lake: Lake, job: Job = claim_line) -> RunResult:
    return run_job(lake.spark, lake.control, lake.settings, job, lake.as_of)


def bill(key: str, at: str, *nets: float) -> dict[str, Any]:
    """A claim with a line for each amount."""
    items = [
        {"sequence": n, "productOrService": {"text": "x"}, "net": {"value": net, "currency": "USD"}}
        for n, net in enumerate(nets, 1)
    ]
    return {
        "resourceType": "Claim",
        "id": key,
        "meta": {"lastUpdated": at},
        "status": "active",
        "use": "claim",
        "patient": {"reference": "Patient/p"},
        "item": items,
    }


def live(lake: Lake) -> list[tuple[str, int, float]]:
    rows = lake.spark.table("lake.silver.claim_line").where("not is_deleted")
    return sorted((r.claim_id, r.line_number, float(r.net_amount)) for r in rows.collect())


@pytest.mark.slow
def test_lines_of_a_claim_come_and_go_together(lake: Lake, tmp_path: Path) -> None:
    first, second, third = (f"2026-01-0{day}T00:00:00Z" for day in (1, 2, 3))
    ingest(lake, write(tmp_path, "first.ndjson", [bill("a", first, 10, 20, 30), bill("b", first, 5)]))
    run(lake, patient)
    assert run(lake).records == {"accepted": 2}
    assert live(lake) == [("a", 1, 10.0), ("a", 2, 20.0), ("a", 3, 30.0), ("b", 1, 5.0)]

    ingest(lake, write(tmp_path, "second.ndjson", [bill("a", second, 11, 20)]))
    assert run(lake).records == {"accepted": 1, "superseded": 1}
    assert live(lake) == [("a", 1, 11.0), ("a", 2, 20.0), ("b", 1, 5.0)]

    ingest(lake, write(tmp_path, "third.ndjson", [bill("b", third, 7, 123456789012345.0)]))
    assert run(lake).records == {"accepted": 1, "quarantined": 1}
    assert live(lake) == [("a", 1, 11.0), ("a", 2, 20.0), ("b", 1, 5.0)], "the older version stands"
    assert held(lake, "silver.claim_line") == [("b", "amounts_fit")]
