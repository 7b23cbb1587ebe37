"""Upkeep on real tables: fewer files and snapshots, the same rows, and runs that go on from where they were."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import maintain, tables
from lakehouse.control import upkeep
from lakehouse.figures import look
from lakehouse.upkeep import STEPS, Figures
from spark_jobs.conform.condition import condition
from spark_jobs.conform.patient import patient
from spark_jobs.job import Job
from spark_jobs.lake import Lake
from spark_jobs.runner import Observer, RunResult, run_job, silent
from spark_jobs.upkeep import Done, Order, carry_out, plan_upkeep
from tests.bench.days import simulate
from tests.spark_jobs.tiny import JOB, TINY, held, ingest, observation, rows, run, write

IN_TWO_MONTHS = datetime.now(UTC) + timedelta(days=60)
WITHOUT_ORPHANS = STEPS[:3]
BOUNDS = {
    "bronze_data_files": 30,
    "bronze_manifests": 25,
    "bronze_snapshots": 25,
    "bronze_metadata_files": 60,
    "silver_data_files": 10,
    "silver_delete_files": 10,
    "silver_manifests": 25,
    "silver_snapshots": 25,
    "silver_metadata_files": 70,
}


def keep_up(
    lake: Lake, *chosen: Table, steps: Sequence[str] = WITHOUT_ORPHANS, observe: Observer = silent
) -> list[Done]:
    """Upkeep as it would be in two months."""
    order = Order(tuple(steps), IN_TWO_MONTHS)
    return carry_out(lake, plan_upkeep(lake, chosen, [JOB], order), order, observe=observe)


def figures(lake: Lake, table: Table) -> Figures:
    found = look(lake.settings, table)
    assert found is not None
    return found


def expire_all_but_the_newest(lake: Lake, table: Table) -> None:
    """As another tool may do."""
    arguments = f"table => '{table.name}', older_than => TIMESTAMP '{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}'"
    lake.spark.sql(f"CALL lake.system.expire_snapshots({arguments}, retain_last => 1)").collect()


def others(tmp_path: Path, count: int) -> list[Path]:
    """Files of another resource type, one a delivery."""
    return [write(tmp_path, f"patient-{i}.ndjson", [{"resourceType": "Patient", "id": f"p{i}"}]) for i in range(count)]


@pytest.mark.slow
def test_after_two_months_and_upkeep_the_next_run_goes_on_and_agrees_with_a_full_one(
    lake: Lake, tmp_path: Path
) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation(f"o{i}", i) for i in range(6)]))
    run(lake)
    read = lake.control.newest_runs()[-1]["inputs"][FHIR_RESOURCE.name]
    for file in others(tmp_path, 5):
        ingest(lake, file)
    before = figures(lake, FHIR_RESOURCE)
    done = keep_up(lake, FHIR_RESOURCE, TINY)
    assert [d.error for d in done] == [None, None]
    after = figures(lake, FHIR_RESOURCE)
    assert (before.total("data_files"), after.total("data_files")) == (6, 2), "one file a type and year"
    assert not tables.is_there(lake.spark, FHIR_RESOURCE, read), "what the last run read has expired"
    assert not after.is_folding, "new records go by day again"
    assert run(lake).state == "unchanged"
    ingest(lake, write(tmp_path, "b.ndjson", [observation("o3", 33), observation("new", 1)]))
    result = run(lake)
    assert (result.mode, result.records) == ("incremental", {"accepted": 2, "superseded": 1})
    seen = rows(lake)
    assert [row[2] for row in seen] == [1, 0, 1, 2, 33, 4, 5]
    run(lake, full=True)
    assert rows(lake) == seen


class Killed(BaseException):
    """Not an Exception: nothing on the way may catch it."""


@pytest.mark.slow
def test_killed_between_any_two_commits_and_called_again_leaves_the_same_rows_and_few_files(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deliver(day: int) -> None:
        """Each delivery changes every row, holds one back and adds no key."""
        resources = [observation(key, 10 * day + n) for n, key in enumerate("abc")]
        ingest(lake, write(tmp_path, f"{day}.ndjson", [*resources, observation("bad", -1)]))
        run(lake)

    def killed_at(step: str) -> None:
        def die(table: str, begun: str) -> None:
            if begun == step:
                raise Killed

        with pytest.raises(Killed):
            keep_up(lake, TINY, FHIR_RESOURCE, QUARANTINE, observe=die)

    def killed_before(function: str, argument: object) -> None:
        original = getattr(maintain, function)

        def die(*arguments: Any, **named: Any) -> Any:
            if argument in (*arguments, *named.values()):
                raise Killed
            return original(*arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(maintain, function, die)
            with pytest.raises(Killed):
                keep_up(lake, TINY, FHIR_RESOURCE, QUARANTINE)

    days = iter(range(1, 100))
    for _ in range(6):
        deliver(next(days))
    for kill in (
        lambda: killed_at("compact"),
        lambda: killed_before("_partition_by", False),
        lambda: killed_before("_call", "rewrite_position_delete_files"),
        lambda: killed_at("expire"),
    ):
        seen, back = rows(lake), held(lake)
        kill()
        assert (rows(lake), held(lake)) == (seen, back)
        deliver(day := next(days))
        assert rows(lake) == [(key, "final", 10 * day + n) for n, key in enumerate("abc")]
        assert set(held(lake)) == {("bad", "amount_is_not_negative")}
    keep_up(lake, TINY, FHIR_RESOURCE, QUARANTINE)
    keep_up(lake, TINY, FHIR_RESOURCE, QUARANTINE)
    for table in (TINY, FHIR_RESOURCE):
        assert figures(lake, table).total("small_files") <= 5
        assert figures(lake, table).total("delete_files") <= 1
        assert len(figures(lake, table).main()) <= 7
    assert not figures(lake, FHIR_RESOURCE).is_folding
    assert run(lake).state == "unchanged"
    recorded = lake.control.select(upkeep.select())
    assert any(r["ended_at"] is None for r in recorded), "a step that was interrupted can be seen"


@pytest.mark.slow
def test_after_compaction_that_leaves_deletes_that_hit_nothing_a_run_doubles_no_row(lake: Lake, tmp_path: Path) -> None:
    for day in range(4):
        ingest(lake, write(tmp_path, f"{day}.ndjson", [observation(key, day) for key in "ab"]))
        run(lake)
    procedure = "rewrite_data_files(table => 'silver.tiny', options => map('rewrite-all', 'true'))"
    lake.spark.sql(f"CALL lake.system.{procedure}").collect()
    head = tables.current(lake.spark, TINY)
    assert head is not None
    assert int(head.summary["total-position-deletes"]) >= int(head.summary["total-records"]), "the case in question"
    ingest(lake, write(tmp_path, "next.ndjson", [observation("a", 9)]))
    run(lake)
    assert rows(lake) == [("a", "final", 9), ("b", "final", 3)]


@pytest.mark.slow
def test_where_others_expired_what_a_run_read_everything_is_evaluated_anew(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2)]))
    run(lake)
    for file in others(tmp_path, 2):
        ingest(lake, file)
    for table in (FHIR_RESOURCE, TINY):
        expire_all_but_the_newest(lake, table)
    ingest(lake, write(tmp_path, "b.ndjson", [observation("b", 3)]))
    result = run(lake)
    assert (result.mode, result.records) == ("full", {"accepted": 2, "superseded": 1})
    assert rows(lake) == [("a", "final", 1), ("b", "final", 3)]
    assert run(lake).state == "unchanged"
    ingest(lake, write(tmp_path, "c.ndjson", [observation("c", 4)]))
    assert run(lake).records == {"accepted": 1}, "from then on only what is new"


@pytest.mark.slow
def test_what_a_job_looked_up_stays_and_where_it_is_gone_everything_is_evaluated_anew(
    lake: Lake, tmp_path: Path
) -> None:
    jobs = (patient, condition)

    def keep() -> None:
        order = Order(WITHOUT_ORPHANS, IN_TWO_MONTHS)
        chosen = [FHIR_RESOURCE, *(job.writes for job in jobs)]
        assert [d.error for d in carry_out(lake, plan_upkeep(lake, chosen, jobs, order), order)] == [None] * 3

    def make(*chosen: Job) -> list[RunResult]:
        return [run_job(lake.spark, lake.control, lake.settings, job, lake.as_of) for job in chosen]

    def born(year: int) -> None:
        person = {"resourceType": "Patient", "id": "p", "birthDate": f"{year}-01-01", "gender": "other"}
        ingest(
            lake, write(tmp_path, f"{year}.ndjson", [{**person, "meta": {"lastUpdated": f"{year}-01-01T00:00:00Z"}}])
        )
        make(patient)

    def live() -> int:
        return lake.spark.table("lake.silver.condition").where("not is_deleted").count()

    diagnosis = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"text": "x"}}
    ingest(lake, write(tmp_path, "c.ndjson", [{**diagnosis, "onsetDateTime": "1950-05-05"}]))
    born(1940)
    make(condition)
    read = next(r for r in lake.control.newest_runs() if r["table_name"] == "silver.condition")["inputs"]
    for year in range(1941, 1948):
        born(year)
    keep()
    assert tables.is_there(lake.spark, patient.writes, read["silver.patient"])
    assert len(figures(lake, patient.writes).main()) < 8, "others between have expired"
    born(1970)
    (result,) = make(condition)
    assert (result.mode, result.records, live()) == ("incremental", {"quarantined": 1}, 0)
    assert [r.state for r in make(patient, condition)] == ["unchanged"] * 2
    keep()
    assert [r.state for r in make(patient, condition)] == ["unchanged"] * 2, "compaction is nothing new to read"
    born(1971)
    expire_all_but_the_newest(lake, patient.writes)
    (result,) = make(condition)
    assert (result.mode, result.records) == ("full", {"quarantined": 1})


def test_a_table_with_an_unfinished_run_or_a_branch_is_left_alone_and_named(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1)]))
    tables.make_branch(lake.spark, QUARANTINE, "run_stray", None)
    begun = {"run_id": "20260101T0", "job": "ingest fhir", "table_name": FHIR_RESOURCE.name, "run_key": "", "basis": ""}
    lake.control.plan({**begun, "mode": "land", "as_of": "", "started_at": "2026-01-01"}, {})
    order = Order(WITHOUT_ORPHANS, IN_TWO_MONTHS)
    tasks = plan_upkeep(lake, [FHIR_RESOURCE, QUARANTINE, TINY], [JOB], order)
    said = {t.decision.table.name: t.decision.obstacle or "" for t in tasks}
    assert "run 20260101T0 never came to its end: the next `lake ingest` settles it" in said[FHIR_RESOURCE.name]
    assert "DROP BRANCH run_stray" in said[QUARANTINE.name]
    assert [t.why(order) for t in tasks] == [{}, {}], "a table that was not made yet is left out"


@pytest.mark.slow
def test_orphans_go_only_when_they_are_old_and_only_in_the_folders_of_tables(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1)]))
    run(lake)
    folder = lake.settings.warehouse / "silver" / "tiny" / "data"
    old, young, beside = folder / "old.parquet", folder / "young.parquet", lake.settings.warehouse / "beside.parquet"
    four_days_ago = time.time() - 4 * 86400
    for file in (old, young, beside):
        file.write_bytes(b"12345")
    for file in (old, beside, *folder.rglob("*-0-*.parquet")):  # a file in use is old, too
        os.utime(file, (four_days_ago, four_days_ago))
    order = Order(("orphans",))
    (task,) = plan_upkeep(lake, [TINY], [JOB], order)
    assert (task.why(order), task.orphans.bytes) == ({"orphans": "1 files that no metadata knows"}, 5)
    assert old.exists(), "a plan changes nothing"
    carry_out(lake, [task], order)
    assert [f.exists() for f in (old, young, beside)] == [False, True, True]
    assert rows(lake) == [("a", "final", 1)]


@pytest.mark.slow
def test_files_and_metadata_stay_few_over_two_hundred_days_of_small_loads(lake: Lake) -> None:
    figures_by_day = list(simulate(lake, 200, 8, step=4))
    early, late = figures_by_day[: len(figures_by_day) // 2], figures_by_day[len(figures_by_day) // 2 :]
    for name, bound in BOUNDS.items():
        assert max(d[name] for d in late) <= max(d[name] for d in early), name
        assert max(d[name] for d in late) <= bound, name
    assert len(rows(lake)) == 500
