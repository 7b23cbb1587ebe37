"""What Prometheus reads of a small lake, held against counts worked out by hand."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from catalog.registry import TABLES
from lakehouse.control import open_control
from lakehouse.settings import Settings
from lakehouse.watch.accounting import Equation
from lakehouse.watch.health import Health
from lakehouse.watch.metrics import Readings, exposition, job_label, stage_label
from lakehouse.watch.reading import Watcher
from tests.dash_app.conftest import lake_of  # noqa: F401  # the same fixture
from tests.dash_app.lakes import record

BRONZE = "bronze.fhir_resource"
LakeOf = Callable[..., Settings]


def run(run_id: str, job: str, table: str, **more: Any) -> dict[str, Any]:
    return {
        "run_id": run_id, "job": job, "table_name": table, "run_key": run_id, "basis": "b", "mode": "full",
        "state": "published", "as_of": "2026-01-10", "message": "", "snapshot_id": 1, "live_rows": 2,
        "started_at": "2026-01-10T08:00:00+00:00", "ended_at": "2026-01-10T08:00:04+00:00",
    } | more  # fmt: skip


def counts(run_id: str, **said: int) -> list[dict[str, Any]]:
    place = {"run_id": run_id, "batch_id": "r1", "source_file": "x"}
    return [{**place, "status": status, "records": records} for status, records in said.items()]


RECORDS = {
    "runs": [
        run("r1", "ingest fhir", BRONZE, mode="land"),
        run("r2", "patient", "silver.patient"),
        run("r3", "encounter", "silver.encounter", state="gate_failed"),
        run("r4", "claim", "silver.claim", state="planned", ended_at=None),
        run("r5", "ingest csv Maria Smith", BRONZE, state="failed", mode="land"),
    ],
    "run_counts": [*counts("r1", landed=2, quarantined=1), *counts("r2", accepted=1, superseded=1)],
}
RESOURCES = [
    {"resource_type": "Patient", "resource_id": f"secret-{i}", "batch_id": "r1", "is_deleted": False} for i in range(2)
]


class Figures(dict[tuple[str, frozenset[str]], float]):
    """Samples by name and the values of their labels, in any order: `found["runs_total", "patient", "failed"]`."""

    def __getitem__(self, key: Any) -> float:
        name, *values = key
        return super().__getitem__((name, frozenset(values)))


def figures(settings: Settings) -> Figures:
    """Each sample of a lake's metrics."""
    text = exposition(Watcher(settings).read()).decode()
    return Figures(
        ((sample.name.removeprefix("carelake_"), frozenset(sample.labels.values())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )


@pytest.fixture
def lake(lake_of: LakeOf) -> Settings:  # noqa: F811
    """Two patients that landed, one record held back, and four more runs of all kinds."""
    held = {"run_id": "r1", "stage": "landing", "reason_code": "truncated_json", "reason": "Cut.", "part": 0}
    return lake_of({BRONZE: RESOURCES, "ops.quarantine": [held]}, control=RECORDS)


def test_runs_records_and_the_equation_are_told_as_they_are(lake: Settings) -> None:
    found = figures(lake)
    assert found["runs_total", "patient", "silver.patient", "published"] == 1
    assert found["runs_total", "patient", "silver.patient", "failed"] == 0
    assert found["run_last_state", "encounter", "silver.encounter", "gate_failed"] == 1
    assert found["run_last_seconds", "patient", "silver.patient"] == 4
    assert found["run_last_records_per_second", "patient", "silver.patient"] == 0.5
    assert found["runs_unfinished", "claim", "silver.claim"] == 1
    assert found["records_total", BRONZE, "landed"] == 2
    assert found["held_back_records", "landing"] == 1
    assert found["unaccounted_records", "landing", BRONZE] == 0
    assert found["unaccounted_records", "quarantine", BRONZE] == 0
    assert found["service_up", "catalog"] == 1


def test_a_lost_and_a_doubled_record_are_seen(lake_of: LakeOf) -> None:  # noqa: F811
    for rows, missing in ((RESOURCES[:1], 1), ([*RESOURCES, RESOURCES[0]], -1)):
        found = figures(lake_of({BRONZE: rows}, control=RECORDS))
        assert found["unaccounted_records", "landing", BRONZE] == missing


def test_rows_that_went_missing_from_quarantine_are_seen(lake_of: LakeOf) -> None:  # noqa: F811
    other = {"run_id": "r0", "stage": "landing", "reason_code": "truncated_json", "reason": "Cut.", "part": 0}
    found = figures(lake_of({BRONZE: RESOURCES, "ops.quarantine": [other]}, control=RECORDS))
    assert found["unaccounted_records", "quarantine", BRONZE] == 1


def test_a_batch_that_died_after_its_publish_counts_as_published(lake: Settings) -> None:
    from lakehouse.watch import ledger

    db = open_control(lake)
    record(db, {"runs": [run("r9", "ingest fhir", BRONZE, state="publishing")],
                "run_counts": [{**row, "run_id": "r9"} for row in counts("r9", landed=5)]})  # fmt: skip
    assert ledger.read(lake, set()).landed == 2
    assert ledger.read(lake, {"r9"}).landed == 7


def test_labels_hold_declared_names_alone(lake: Settings) -> None:
    text = exposition(Watcher(lake).read()).decode()
    assert "Maria" not in text
    assert "secret-" not in text
    assert (job_label("ingest csv Maria Smith"), job_label("patient"), job_label("x")) == (
        "ingest csv", "patient", "other")  # fmt: skip
    assert (stage_label("landing"), stage_label("Maria")) == ("landing", "other")
    tables = {s.labels["table"] for f in text_string_to_metric_families(text) for s in f.samples if "table" in s.labels}
    assert tables <= {*TABLES, "landing", "other"}


def test_what_can_not_be_read_is_left_out_and_never_given_as_nothing(lake: Settings) -> None:
    watcher = Watcher(lake)
    watcher.read()
    lake.control_db.rename(lake.control_db.with_suffix(".gone"))
    text = exposition(watcher.read()).decode()
    assert 'carelake_readable{part="ledger"} 0.0' in text
    assert 'carelake_readable{part="catalog"} 1.0' in text
    assert 'carelake_service_up{service="control"} 0.0' in text
    assert "carelake_runs_total{" not in text
    assert "carelake_unaccounted_records{" not in text


@pytest.mark.parametrize("what", ["control_db", "catalog_db", "warehouse"])
def test_a_part_that_is_taken_away_is_red_at_the_next_look_and_green_once_it_is_back(lake: Settings, what: str) -> None:
    part = {"control_db": "control", "catalog_db": "catalog", "warehouse": "files"}[what]
    path = getattr(lake, what)
    health = Health(lake)

    def is_up() -> bool:
        return {p.name: p.is_up for p in health.look()}[part]

    assert is_up()
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    assert not is_up()
    assert not path.exists(), "looking makes nothing"
    aside.rename(path)
    assert is_up()


def test_a_damaged_control_database_is_red(lake: Settings) -> None:
    lake.control_db.write_bytes(b"no database" * 500)
    for suffix in ("-wal", "-shm"):
        shutil.rmtree(f"{lake.control_db}{suffix}", ignore_errors=True)
    parts = {p.name: p for p in Health(lake).look()}
    assert not parts["control"].is_up
    assert parts["control"].said == "The control database does not answer."


def test_a_part_that_hangs_is_told_of_in_time_and_asked_once(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    go, asked = threading.Event(), []

    def hang(settings: Settings) -> None:
        asked.append(1)
        go.wait(30)

    health = Health(lake, limit_seconds=0.2)
    health.look()
    monkeypatch.setattr("lakehouse.watch.health._control", hang)
    for _ in range(3):
        part = health.look(("control",))[0]
        assert part.said == "The control database does not answer in time."
    assert len(asked) == 1
    go.set()


def test_missing_readings_make_no_figures() -> None:
    text = exposition(Readings()).decode()
    assert "carelake_build_info" in text
    assert "carelake_unaccounted_records" not in text
    told = exposition(Readings(equations=[Equation("landing", BRONZE, 1, 1)])).decode()
    assert "carelake_unaccounted_records" in told
