"""The write path of marts: only those whose input changed are made again, and the result is that of making all."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakehouse import tables
from lakehouse.control import quality_results
from lakehouse.errors import GateFailed
from spark_jobs import building
from spark_jobs.lake import Lake
from tests.lakes import die_as
from tests.spark_jobs import tiny
from tests.spark_jobs.tiny_mart import DOSE, MART, PRICE, TOTAL, anew, dose, price, put, run, seen

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def written_by(lake: Lake) -> dict[str, str]:
    """The run that last changed each row."""
    return {r.total_id: r.run_id for r in lake.spark.table("lake.gold.total").collect()}


@pytest.mark.slow
def test_a_change_makes_the_rows_of_those_whom_it_concerns_again_and_no_others(lake: Lake) -> None:
    put(lake, DOSE, [dose("a1", "a", 2), dose("a2", "a", 3), dose("b1", "b", 4), dose("n1", None, 6)])
    first = run(lake)
    assert (first.state, first.mode, first.live_rows) == ("published", "full", 4)
    # a1 is deleted: a row of a's goes. b1 passes to nobody and is merged into n1's row, which changes its key.
    put(lake, DOSE, [dose("a1", "a", 2, deleted=True), dose("b1", None, 4), dose("a2", "a", 3, note="read by nobody")])
    second = run(lake)
    assert (second.state, second.mode) == ("published", "incremental")
    assert seen(lake) == anew(lake) == [("a2", "a", 3), ("b1", None, 10)]
    assert written_by(lake) == {"a2": first.run_id, "b1": second.run_id}, "a2's row is as it was"
    head = tables.current(lake.spark, TOTAL)
    last = lake.control.last(TOTAL.name, "published")
    assert head is not None
    assert last is not None
    assert (head.summary[tables.RUN_ID], head.id) == (second.run_id, last["snapshot_id"])


@pytest.mark.slow
def test_where_a_change_concerns_many_all_rows_are_made_anew(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MANY", 1)
    put(lake, DOSE, [dose(f"{patient}1", patient, 2) for patient in "abcdefghijklmno"])
    first = run(lake)
    put(lake, DOSE, [dose("a1", "a", 4), dose("b1", "b", 2, deleted=True), dose("c1", "c", 6)])
    second = run(lake)
    assert second.mode == "incremental"
    assert set(written_by(lake).values()) == {first.run_id, second.run_id}, "3 of 15 are not more than a fifth"
    put(lake, DOSE, [dose("a1", "a", 5), dose("b1", "b", 3), dose("c1", "c", 7, deleted=True)])
    third = run(lake)
    assert (third.state, third.mode) == ("published", "incremental")
    assert seen(lake) == anew(lake)
    assert set(written_by(lake).values()) == {third.run_id}, "3 of 14 are"


@pytest.mark.slow
def test_a_change_that_concerns_nobody_publishes_nothing(lake: Lake) -> None:
    put(lake, DOSE, [dose("a1", "a", 2)])
    run(lake)
    before = tables.current(lake.spark, TOTAL)
    put(lake, DOSE, [dose("a1", "a", 2, note="read by nobody")])
    assert run(lake).state == "unchanged"
    assert tables.current(lake.spark, TOTAL) == before
    assert run(lake).state == "unchanged", "nor does it a second time"


@pytest.mark.slow
def test_a_row_that_breaks_a_rule_stops_the_publish_and_names_no_one(lake: Lake) -> None:
    put(lake, DOSE, [dose("secret-id", "a", 2)])
    run(lake)
    put(lake, DOSE, [dose("secret-id", "a", -2), dose("b1", "b", 2000)])
    with pytest.raises(GateFailed, match=r"gold.total was not published, for it failed amount_is_not_negative \(1\)"):
        run(lake)
    assert seen(lake) == [("secret-id", "a", 2)]
    failed = lake.control.last(TOTAL.name, "gate_failed")
    assert failed is not None
    results = {
        r["check_name"]: r for r in lake.control.select(quality_results.select()) if r["run_id"] == failed["run_id"]
    }
    assert {name: results[name]["outcome"] for name in ("amount_is_not_negative", "amount_is_small")} == {
        "amount_is_not_negative": "fail",
        "amount_is_small": "warn",
    }
    keys = results["amount_is_not_negative"]["sample_keys"]
    assert len(keys) == len('["0123456789abcdef"]')
    put(lake, DOSE, [dose("secret-id", "a", 8)])
    run(lake)
    assert seen(lake) == anew(lake), "the next run starts from what was published"


changes = st.lists(
    st.builds(
        dose,
        st.sampled_from([f"d{n}" for n in range(6)]),
        st.sampled_from(["a", "b", None]),
        st.integers(0, 5),
        deleted=st.booleans(),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda row: row[0],
)
histories = st.lists(st.one_of(changes, changes, st.integers(1, 3)), min_size=2, max_size=5)


@pytest.mark.slow
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
def test_whatever_came_late_was_corrected_or_deleted_the_result_is_that_of_making_all(
    lake: Lake, history: list[list[tuple[object, ...]] | int]
) -> None:
    """Each step changes doses, or the price, which belongs to nobody and so concerns all."""
    own = tiny.another_lake(lake)
    put(own, DOSE, [dose("d0", "a", 1), dose("d1", "b", 2)])
    run(own)
    for step in history:
        if isinstance(step, int):
            put(own, PRICE, [price(step)])
        else:
            put(own, DOSE, step)
        run(own)
        assert seen(own) == anew(own)


@pytest.mark.slow
def test_a_mart_without_subjects_is_replaced_as_a_whole(lake: Lake) -> None:
    whole = replace(MART, by=None)
    put(lake, DOSE, [dose("a1", "a", 2), dose("b1", "b", 4)])
    run(lake, mart=whole)
    before = tables.current(lake.spark, TOTAL)
    put(lake, DOSE, [dose("a1", "a", 2, deleted=True)])
    result = run(lake, mart=whole)
    assert (result.mode, seen(lake), written_by(lake)) == ("full", [("b1", "b", 4)], {"b1": result.run_id})
    head = tables.current(lake.spark, TOTAL)
    assert head is not None
    assert before is not None
    assert (head.parent, head.summary[tables.RUN_ID]) == (before.id, result.run_id), "one commit, stamped"


def _with_clock(doses: "DataFrame", prices: "DataFrame", as_of: str) -> "DataFrame":
    from pyspark.sql import functions as F

    return MART(doses=doses, prices=prices).withColumn("amount", F.lit(int(as_of[-2:])).cast("long"))


@pytest.mark.slow
def test_what_uses_the_clock_is_made_anew_on_a_new_day_and_what_does_not_is_not(lake: Lake) -> None:
    put(lake, DOSE, [dose("a1", "a", 2)])
    clocked = replace(MART, function=_with_clock, uses=("as_of",))
    run(lake, mart=clocked)
    assert seen(lake) == [("a1", "a", 15)]
    assert run(lake, mart=clocked).state == "unchanged"
    next_day = Lake(lake.spark, lake.control, lake.settings.model_copy(update={"as_of": "2026-01-16"}))
    assert run(next_day, mart=clocked).mode == "full"
    assert seen(lake) == [("a1", "a", 16)]
    run(next_day)
    third_day = Lake(lake.spark, lake.control, lake.settings.model_copy(update={"as_of": "2026-01-17"}))
    assert run(third_day).state == "unchanged"


@pytest.mark.slow
@pytest.mark.parametrize("step", ["plan", "compute", "write", "gate", "publish", "record"])
def test_killed_at_any_step_and_run_again_gives_the_same_table(lake: Lake, step: str) -> None:
    put(lake, DOSE, [dose("a1", "a", 2), dose("b1", "b", 4)])
    run(lake)
    before = seen(lake)
    put(lake, DOSE, [dose("a1", "a", 8), dose("b1", "b", 4, deleted=True)])
    die_as("tests.spark_jobs.tiny_mart", lake, step)
    assert seen(lake) == (before if step != "record" else [("a1", "a", 8)])
    assert run(lake).state == ("unchanged" if step == "record" else "published")
    assert seen(lake) == anew(lake) == [("a1", "a", 8)]
    branches = lake.spark.sql("select name from lake.gold.total.refs where type = 'BRANCH'").collect()
    assert [b.name for b in branches] == ["main"]
    assert not lake.control.unfinished(TOTAL.name)
