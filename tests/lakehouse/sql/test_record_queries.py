"""Queries over what runs recorded, on a history worked out by hand: several runs, failed ones and repeated readings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from lakehouse.control import extracts, open_control, quality_results, run_counts, runs
from lakehouse.settings import Settings
from lakehouse.sql.engine import SqlEngine, open_engine
from lakehouse.sql.queries import DASHBOARD, named_query

VISIT, OTHER = "silver.visit", "silver.other"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqlEngine]:
    """The engine over a lake that has records of runs and nothing else."""
    settings = Settings(home=tmp_path)
    control = open_control(settings)
    control.change(
        *_run("r1", 1, VISIT, "full", "published", accepted=50, known=("pass", 0)),
        *_run("r2", 2, VISIT, "incremental", "published", accepted=5, known=("warn", 2), unique=("pass", 0)),
        *_run("r3", 2, VISIT, "incremental", "gate_failed", accepted=9, known=("fail", 100), unique=("pass", 0)),
        *_run("r4", 2, OTHER, "full", "published", accepted=7, known=("pass", 0)),
        *_run("r5", 3, VISIT, "incremental", "gate_failed", accepted=9, known=("fail", 5), unique=("pass", 0)),
        *_run("r6", 4, VISIT, "incremental", "unchanged"),
        *_read("c1", "published", rows=3),
        *_read("c2", "published", rows=4),
        *_read("c3", "failed", rows=9),
    )
    found = open_engine(settings)
    yield found
    found.close()


def _insert(table: sa.Table, **values: object) -> sa.Insert:
    """A row; columns that have to hold something and are not given hold nothing of interest."""
    needed = {c.name: 0 if isinstance(c.type, sa.BigInteger) else "x" for c in table.columns if not c.nullable}
    return sa.insert(table).values(needed | values)


def _run(
    run_id: str, day: int, table: str, mode: str, state: str, accepted: int = 0, **checks: tuple[str, float]
) -> list[sa.Insert]:
    run = {"run_id": run_id, "table_name": table, "mode": mode, "state": state, "started_at": f"2026-01-{day:02d}T01"}
    counts = _insert(run_counts, run_id=run_id, status="accepted", records=accepted)
    told = {"run_id": run_id, "table_name": table, "checked_at": f"{run_id} was checked", "sample_keys": "[]"}
    results = [
        _insert(quality_results, **told, check_name=name, outcome=outcome, value=value)
        for name, (outcome, value) in checks.items()
    ]
    return [_insert(runs, **run), counts, *results]


def _read(batch: str, state: str, rows: int) -> list[sa.Insert]:
    """A reading of one and the same file of an extract."""
    run = _insert(runs, run_id=batch, job="ingest csv x", mode="land", state=state, table_name="bronze.fhir_resource")
    return [run, _insert(extracts, batch_id=batch, path="a.csv", translated=rows, no_value=10 * rows)]


def _asked(engine: SqlEngine, name: str) -> list[dict[str, Any]]:
    return engine.query(named_query(f"{DASHBOARD}/{name}")).to_pylist()


def test_a_check_tells_of_the_newest_run_and_since_when_it_is_not_met(engine: SqlEngine) -> None:
    told = {(row["table_name"], row["check_name"]): row for row in _asked(engine, "quality_results")}
    assert {key: row["run_id"] for key, row in told.items()} == {
        (VISIT, "known"): "r5",
        (VISIT, "unique"): "r5",
        (OTHER, "known"): "r4",
    }
    known = told[VISIT, "known"]
    assert (known["outcome"], known["value"], known["state"]) == ("fail", 5, "gate_failed")
    assert known["value_since_full"] == 0 + 2 + 5, "r3 failed and is not the newest: what it found came to nothing"
    assert (known["since"], known["since_full"]) == ("r2 was checked", "r2 was checked")
    assert [told[VISIT, "unique"][name] for name in ("outcome", "since")] == ["pass", None]


def test_a_day_has_the_checks_of_the_newest_run_of_each_table_until_then(engine: SqlEngine) -> None:
    days = [tuple(row.values()) for row in _asked(engine, "quality_by_day")]
    assert days == [
        ("2026-01-01", 1, 50, 50),
        ("2026-01-02", 3, 12, 12),  # visit's two by r3, other's one; what a failed run accepted does not count
        ("2026-01-03", 3, None, None),
    ]


def test_a_file_that_was_read_again_counts_as_the_newest_published_reading_found_it(engine: SqlEngine) -> None:
    rows = {(row["source"], row["became"]): row["records"] for row in _asked(engine, "landing_account")}
    assert rows["CSV extracts", "landed in bronze"] == 4
    assert rows["CSV extracts", "says nothing"] == 40
    assert rows["CSV extracts", "held back"] == 0
