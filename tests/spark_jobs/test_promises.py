"""The five promises of the write path, each by name, on real Spark, Iceberg and Soda."""

import contextlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse import tables
from lakehouse.control import quality_results, run_counts, run_inputs, runs
from lakehouse.errors import GateFailed
from spark_jobs.lake import Lake
from spark_jobs.runner import STEPS
from tests.lakes import die_as
from tests.spark_jobs import tiny
from tests.spark_jobs.tiny import TINY, deletion, held, ingest, observation, rows, run, write

DAY = "2026-01-{:02d}T00:00:00Z"


# Promise 1: nothing is lost.


good = st.builds(lambda k, n: observation(f"o{k}", n), st.integers(0, 9), st.integers(0, 5000))
negative = st.builds(lambda k: observation(f"o{k}", -1), st.integers(0, 9))
cancelled = st.builds(lambda k: observation(f"o{k}", 1, status="cancelled"), st.integers(0, 9))
odd_shape = st.builds(lambda k: {**observation(f"o{k}", 1), "status": ["final"]}, st.integers(0, 9))
line = st.one_of(
    st.one_of(good, negative, cancelled, odd_shape).map(lambda r: json.dumps(r).encode()),
    st.sampled_from([b"", b"   ", b"{", b"[]", b"null", b'{"resourceType":"Nope","id":"1"}', b"\xff\xfe{}", b"\xe9"]),
    st.builds(lambda k: json.dumps(deletion(f"o{k}", DAY.format(9))).encode(), st.integers(0, 9)),
    st.binary(max_size=20).filter(lambda b: b"\n" not in b and b"\r" not in b),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(line, min_size=1, max_size=25))
def test_every_line_and_every_record_is_accounted_for(lake: Lake, lines: list[bytes]) -> None:
    own = tiny.another_lake(lake)
    file = own.settings.root / "dirty.ndjson"
    # The first line makes it NDJSON whatever follows; the last one ends the line before it.
    file.write_bytes(b"\n".join([b'{"resourceType":"Basic","id":"first"}', *lines, b"{"]))
    landing = ingest(own, file)
    counts = landing.counts
    assert counts.lines == len(lines) + 2
    assert counts.records == counts.lines - counts.blank - counts.bundles + counts.entries
    assert counts.records == counts.landed + counts.rejected
    bronze, quarantine = own.spark.table("lake.bronze.fhir_resource"), own.spark.table("lake.ops.quarantine")
    assert (bronze.count(), quarantine.where("part = 0").count()) == (counts.landed, counts.rejected)
    landed_rows = own.control.select(run_counts.select().where(run_counts.c.run_id == landing.batch_id))
    assert {r["status"]: r["records"] for r in landed_rows}["landed"] == counts.landed
    result = run(own)
    records = bronze.where("resource_type = 'Observation'").count()
    assert sum(result.records.values()) == records
    stored = own.control.select(run_counts.select().where(run_counts.c.run_id == result.run_id))
    assert sum(r["records"] for r in stored) == records
    held_rows = quarantine.where("stage = 'silver.tiny'").count()
    assert held_rows == result.records.get("quarantined", 0)


# Promise 2: a failed gate changes nothing that a reader sees.


def test_a_failed_gate_changes_nothing_that_a_reader_sees(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation(f"o{i}", i) for i in range(10)]))
    run(lake)
    before, snapshot = rows(lake), tables.current(lake.spark, TINY)
    ingest(lake, write(tmp_path, "b.ndjson", [deletion(f"o{i}", "2027-01-01T00:00:00Z") for i in range(8)]))
    with pytest.raises(GateFailed, match="volume_not_fallen"):
        run(lake)
    assert (rows(lake), tables.current(lake.spark, TINY)) == (before, snapshot)
    refs = {r.name: r.type for r in lake.spark.sql("select * from lake.silver.tiny.refs").collect()}
    assert list(refs.values()).count("TAG") == 1, "the failed state can be looked at"
    assert [n for n, kind in refs.items() if kind == "BRANCH"] == ["main"]
    failed = lake.control.last(TINY.name, "gate_failed")
    assert failed is not None
    assert "volume_not_fallen" in failed["message"]


def test_a_failed_gate_shows_hashed_keys_and_no_values(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("secret-id", 1, status="made-up-status")]))
    with pytest.raises(GateFailed) as failure:
        run(lake)
    assert "status_is_valid (1)" in str(failure.value)
    failed = lake.control.last(TINY.name, "gate_failed")
    assert failed is not None
    results = lake.control.select(quality_results.select())
    keys = next(r["sample_keys"] for r in results if r["check_name"] == "status_is_valid")
    assert len(keys) == len('["0123456789abcdef"]')
    assert "secret-id" not in str(failure.value) + keys + failed["message"]


# Promise 3: running twice, or being killed at any point and run again, gives the same tables.


def test_the_same_files_and_the_same_run_twice_change_nothing(lake: Lake, tmp_path: Path) -> None:
    file = write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", -1)])
    ingest(lake, file)
    first = run(lake)
    before, snapshot = rows(lake), tables.current(lake.spark, TINY)
    assert ingest(lake, file).batch_id is None
    assert run(lake).state == "unchanged"
    assert (rows(lake), tables.current(lake.spark, TINY), held(lake)) == (
        before,
        snapshot,
        [("b", "amount_is_not_negative")],
    )
    again = run(lake, full=True)
    assert again.records == first.records
    assert (rows(lake), held(lake)) == (before, [("b", "amount_is_not_negative")])
    written = lake.spark.table("lake.silver.tiny").select("run_id").distinct().collect()
    assert [r.run_id for r in written] == [first.run_id], "a full run rewrites no row that is as it was"


def test_a_small_run_and_a_large_one_give_the_same_rows(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark interprets expressions in a run that reads few rows, and compiles them in one that reads many."""
    odd = {**observation("odd", 1), "status": 7}
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("a", 2), observation("b", -1), odd]))
    small = run(lake)
    seen, back = lake.spark.table("lake.silver.tiny").collect(), held(lake)
    assert [name for name, _ in back] == ["b", "odd"]
    monkeypatch.setattr("lakehouse.session.FEW_ROWS", 0)
    large = run(lake, full=True)
    assert large.records == small.records
    assert (lake.spark.table("lake.silver.tiny").collect(), held(lake)) == (seen, back)


def die(lake: Lake, command: str, step: str, *paths: Path) -> None:
    """Land or run in a process of its own that is killed as a step begins."""
    die_as("tests.spark_jobs.tiny", lake, command, step, *map(str, paths))


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_and_run_again_gives_the_same_table(lake: Lake, tmp_path: Path, step: str) -> None:
    first = write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2), observation("bad", -1)])
    second = write(tmp_path, "b.ndjson", [observation("b", 3), observation("c", -4), observation("bad", 7)])
    ingest(lake, first)
    run(lake)
    before = rows(lake)
    ingest(lake, second)
    die(lake, "run", step)
    seen = rows(lake)
    assert seen == (before if step != "record" else [("a", "final", 1), ("b", "final", 3), ("bad", "final", 7)])
    result = run(lake)
    assert rows(lake) == [("a", "final", 1), ("b", "final", 3), ("bad", "final", 7)]
    assert held(lake) == [("c", "amount_is_not_negative")]
    assert result.state == ("unchanged" if step == "record" else "published")
    branches = lake.spark.sql("select name from lake.silver.tiny.refs where type = 'BRANCH'").collect()
    assert [b.name for b in branches] == ["main"]
    assert not lake.control.unfinished(TINY.name)
    published = lake.control.last(TINY.name, "published")
    assert published is not None
    counted = lake.control.select(run_counts.select().where(run_counts.c.run_id == published["run_id"]))
    assert sum(c["records"] for c in counted) == 5, "the record is complete, whoever completed it"


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write", "quarantine", "gate", "publish", "record"])
def test_a_landing_killed_at_any_step_and_run_again_lands_each_record_once(
    lake: Lake, tmp_path: Path, step: str
) -> None:
    file = write(tmp_path, "a.ndjson", [observation("a", 1), {"resourceType": "Observation"}])
    die(lake, "ingest", step, file)
    ingest(lake, file)
    landed = lake.spark.table("lake.bronze.fhir_resource").collect()
    assert [r.resource_id for r in landed] == ["a"]
    assert held(lake, "landing") == [("", "missing_id")]
    assert not lake.control.unfinished(FHIR_RESOURCE.name)
    assert list(lake.control.landed_hashes().values()) == [str(file)]


# Promise 4: a late or repeated version of a record never overwrites a newer one.


VERSIONS = [
    observation("a", 1, at=DAY.format(1)),
    observation("a", 2, at=DAY.format(2)),
    observation("a", -3, at=DAY.format(3)),
    observation("b", 1, at=DAY.format(1)),
    observation("b", 2, at=DAY.format(4), status="cancelled"),
    observation("c", 1, at=DAY.format(1)),
    deletion("c", DAY.format(5)),
    observation("d", 5, at=DAY.format(1)),
    deletion("d", DAY.format(2)),
    observation("d", 6, at=DAY.format(3)),
]
EXPECTED = [("a", "final", 2), ("d", "final", 6)]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(VERSIONS))), cuts=st.lists(st.integers(0, len(VERSIONS)), max_size=2))
def test_late_and_repeated_versions_in_any_order_give_the_same_table(
    lake: Lake, order: list[int], cuts: list[int]
) -> None:
    own = tiny.another_lake(lake)
    bounds = [0, *sorted(cuts), len(order)]
    for part, (begin, end) in enumerate(itertools.pairwise(bounds)):
        batch = [VERSIONS[i] for i in order[begin:end]]
        if batch:
            ingest(own, write(own.settings.root, f"{part}.ndjson", [*batch, batch[0]]))
            with contextlib.suppress(GateFailed):  # half-way, more rows may be withdrawn than the volume check allows
                run(own)
    assert rows(own) == EXPECTED


# Promise 5: every published snapshot carries the run key, and every run the snapshots that it read.


def test_every_published_snapshot_carries_its_run_and_every_run_what_it_read(lake: Lake, tmp_path: Path) -> None:
    for day in (1, 2):
        ingest(lake, write(tmp_path, f"{day}.ndjson", [observation("a", day, at=DAY.format(day))]))
        run(lake)
    published = lake.control.select(runs.select().where(runs.c.state == "published").order_by(runs.c.run_id))
    for table in (TINY, FHIR_RESOURCE):
        known = {r["snapshot_id"]: r["run_key"] for r in published if r["table_name"] == table.name}
        found = {
            s.id: s.summary[tables.RUN_KEY] for s in tables.history(lake.spark, table) if tables.RUN_KEY in s.summary
        }
        assert found == known
        assert len(known) == 2
    bronze = [r["snapshot_id"] for r in published if r["table_name"] == FHIR_RESOURCE.name]
    read = [
        i["snapshot_id"]
        for r in published
        if r["table_name"] == TINY.name
        for i in lake.control.select(run_inputs.select().where(run_inputs.c.run_id == r["run_id"]))
    ]
    assert read == bronze


def test_a_warning_counts_and_holds_nothing_back(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 5000), observation("b", 1)]))
    result = run(lake)
    (warned,) = [o for o in result.outcomes if o.check == "amount_is_small"]
    assert (warned.outcome, warned.value, len(rows(lake))) == ("warn", 1, 2)


def test_only_what_changed_is_evaluated_again(lake: Lake, tmp_path: Path) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation(f"o{i}", i) for i in range(20)]))
    run(lake)
    ingest(lake, write(tmp_path, "b.ndjson", [observation("o3", 33), observation("new", 1)]))
    result = run(lake)
    assert result.mode == "incremental"
    assert result.records == {"accepted": 2, "superseded": 1}
    ingest(lake, write(tmp_path, "c.ndjson", [{"resourceType": "Patient", "id": "p"}]))
    assert run(lake).state == "unchanged", "another resource type concerns it not"


def test_tiny_is_not_declared_in_the_catalog() -> None:
    from catalog.registry import TABLES

    assert tiny.TINY.name not in TABLES
