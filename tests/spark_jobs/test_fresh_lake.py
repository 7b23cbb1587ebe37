"""The first minutes of a lake: nothing is there yet, and several jobs ask for it at once."""

from concurrent.futures import ThreadPoolExecutor

from catalog.registry import TABLES
from lakehouse import tables
from lakehouse.session import own_session
from spark_jobs.conform.condition import condition
from spark_jobs.lake import Lake
from spark_jobs.runner import run_job


def test_tables_of_one_layer_are_made_side_by_side(lake: Lake) -> None:
    wanted = [TABLES[f"silver.{name}"] for name in ("patient", "encounter", "device", "claim")] * 2

    def make(at: int) -> None:
        tables.ensure(own_session(lake.spark, lake.settings), wanted[at])

    with ThreadPoolExecutor(len(wanted)) as pool:
        list(pool.map(make, range(len(wanted))))
    assert all(tables.exists(lake.spark, table) for table in wanted)


def test_a_job_runs_where_no_table_exists_yet(lake: Lake) -> None:
    ran = run_job(lake.spark, lake.control, lake.settings, condition, lake.as_of)
    assert (ran.state, ran.records) == ("unchanged", {})
