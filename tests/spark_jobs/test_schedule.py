"""Jobs side by side: who waits for whom, and what a failure holds back."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from catalog.model import Column
from catalog.tables.silver import CONDITION, ENCOUNTER, PATIENT
from catalog.types import Text
from lakehouse.errors import GateFailed, InputError
from spark_jobs.job import Job, Lookup
from spark_jobs.runner import RunResult
from spark_jobs.schedule import choose, run_side_by_side
from tests.spark_jobs.tiny import TINY


def job(table: Any, *reads: Any) -> Job:
    lookups = tuple(Lookup(t.short_name, t, ()) for t in reads)
    return Job(table.short_name, {}, table, lambda rows: rows, lookups)


def done(one: Job) -> RunResult:
    return RunResult(one.writes.name, "r", "published", "full")


PATIENTS, ENCOUNTERS, CONDITIONS = job(PATIENT), job(ENCOUNTER, PATIENT), job(CONDITION, PATIENT)


def test_jobs_are_chosen_by_all_layer_table_or_short_name() -> None:
    jobs = [PATIENTS, ENCOUNTERS]
    assert choose(jobs, ["all"]) == choose(jobs, ["silver"]) == jobs
    assert choose(jobs, ["silver.encounter"]) == choose(jobs, ["encounter"]) == [ENCOUNTERS]
    assert choose(jobs, ["encounter", "all"]) == [ENCOUNTERS, PATIENTS]
    with pytest.raises(InputError, match=r"No job makes 'gold'; there are all, silver, silver.patient"):
        choose(jobs, ["gold"])


def test_a_job_runs_after_what_it_reads_and_after_what_it_refers_to() -> None:
    order: list[str] = []

    def run(one: Job) -> RunResult:
        order.append(one.name)
        return done(one)

    results, failures = run_side_by_side([CONDITIONS, ENCOUNTERS, PATIENTS], run, 4)
    assert order == ["patient", "encounter", "condition"], "a condition refers to its encounter"
    assert (len(results), failures) == (3, [])


def test_jobs_that_do_not_depend_on_each_other_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)

    def run(one: Job) -> RunResult:
        both.wait()
        return done(one)

    results, failures = run_side_by_side([PATIENTS, job(TINY)], run, 2)
    assert (len(results), failures) == (2, [])


def test_a_failure_holds_back_what_reads_from_it_and_nothing_else() -> None:
    def run(one: Job) -> RunResult:
        if one is PATIENTS:
            raise GateFailed("silver.patient was not published.")
        return done(one)

    results, failures = run_side_by_side([PATIENTS, ENCOUNTERS, job(TINY)], run, 2)
    assert [r.table for r in results] == ["silver.tiny"]
    assert [f.sentence for f in failures] == [
        "silver.patient was not published.",
        "silver.encounter was held back, because a table that it reads from failed.",
    ]


def test_an_unforeseen_error_is_named_by_kind_and_never_quoted() -> None:
    def run(one: Job) -> RunResult:
        raise ValueError("Robin Planted, born 1961")

    _, (failure,) = run_side_by_side([PATIENTS], run, 1)
    assert "ValueError" in failure.sentence
    assert "Robin" not in failure.sentence


def test_tables_that_refer_to_each_other_in_a_circle_still_run() -> None:
    def referring(name: str, to: str) -> Job:
        column = replace(TINY.columns[2], name="other_id", type=Text, ref=to)
        columns: tuple[Column, ...] = (*TINY.columns[:2], column, *TINY.columns[3:])
        return job(replace(TINY, name=name, columns=columns, checks=()))

    circle = [referring("silver.one", "silver.two"), referring("silver.two", "silver.one")]
    results, _ = run_side_by_side(circle, done, 2)
    assert {r.table for r in results} == {"silver.one", "silver.two"}
