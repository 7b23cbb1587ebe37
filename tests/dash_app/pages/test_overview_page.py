"""The overview: volumes, freshness, and an account of every record that adds up."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from dash_app.data import Ask
from dash_app.page import Alert, Stat, View
from dash_app.pages.overview import PAGE


def run(run_id: str, table: str, live: int | None, state: str = "published", day: str = "2026-01-15") -> dict[str, Any]:
    return {"run_id": run_id, "job": "j", "table_name": table, "run_key": run_id, "basis": "b", "mode": "full",
            "state": state, "as_of": "2026-01-15", "live_rows": live, "message": "",
            "started_at": f"{day}T00:00:00+00:00"}  # fmt: skip


def file(batch: str, landed: int, held: int, blank: int, day: str) -> dict[str, Any]:
    at = f"{day}T01:00:00+00:00"
    return {"sha256": f"{batch}{landed}", "batch_id": batch, "path": "f", "bytes": 1, "lines": landed + held + blank,
            "blank": blank, "landed": landed, "contained": 0, "quarantined": held, "landed_at": at}  # fmt: skip


def counts(run_id: str, **records: int) -> list[dict[str, Any]]:
    return [
        {"run_id": run_id, "batch_id": "b1", "source_file": "f", "status": s, "records": n} for s, n in records.items()
    ]


def checks(run_id: str, outcomes: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"run_id": run_id, "check_name": f"c{n}", "table_name": "silver.patient", "level": "fail", "outcome": outcome,
         "doc": "d", "sample_keys": "[]", "checked_at": "2026-01-15"}
        for n, outcome in enumerate(outcomes)
    ]  # fmt: skip


CONTROL = {
    "runs": [
        run("b1", "bronze.fhir_resource", None, day="2026-01-14"), run("b2", "bronze.fhir_resource", None),
        run("b3", "bronze.fhir_resource", None, "failed"),
        run("p1", "silver.patient", 3), run("p2", "silver.patient", 5),
    ],
    "files": [
        file("b1", 10, 1, 2, "2026-01-14"), file("b2", 20, 0, 0, "2026-01-15"), file("b3", 99, 9, 9, "2026-01-15"),
    ],
    "run_counts": [
        *counts("b1", landed=10, quarantined=1, contained=7), *counts("b2", landed=20), *counts("b3", landed=99),
        *counts("p1", accepted=3), *counts("p2", accepted=5, superseded=2, quarantined=1, deleted=0),
    ],
    "quality_results": [*checks("p1", ["fail", "fail"]), *checks("p2", ["pass", "pass", "warn"])],
}  # fmt: skip
ROWS = {
    "silver.patient": [{"patient_id": f"p{n}"} for n in range(6)],
    "ops.quarantine": [
        {"stage": "landing", "part": 0}, {"stage": "landing", "part": 1},
        {"stage": "silver.patient", "part": 0, "resolved_by": "p2"},
    ],
}  # fmt: skip


def stats_of(view: View) -> dict[str, Stat]:
    return {block.label: block for block in view.blocks if isinstance(block, Stat)}


def test_numbers_are_those_of_the_newest_published_runs(ask_of: Callable[..., Ask]) -> None:
    view = PAGE.build(ask_of(ROWS, CONTROL), {})
    stats = stats_of(view)
    assert stats["Patients"].value == 5
    assert stats["Encounters"].value is None
    assert stats["Encounters"].note == "silver.encounter was not made yet"
    assert stats["Records landed"].value == 30
    assert list(stats["Records landed"].trend) == [10, 20]
    assert stats["Held back now"].value == 1  # the second part of a record and what was settled do not count
    assert stats["Checks passed"].value == 2
    assert stats["Checks passed"].note == "of 3; 1 warning, 0 failed"


def test_every_record_of_published_ingestions_is_accounted_for(ask_of: Callable[..., Ask]) -> None:
    view = PAGE.build(ask_of(ROWS, CONTROL), {})
    assert view.card("landing").summary == "33 records = 30 landed in bronze + 2 blank + 1 held back."
    assert view.card("conforming").summary == "8 looked at = 5 accepted + 2 a newer version won + 1 held back."
    flow = view.card("conforming").figure
    assert flow is not None
    assert sum(flow["data"][0]["link"]["value"]) == 8
    assert view.card("volume").summary == "Records came on 2 days. The last were 20 records on 2026-01-15."


def test_layers_and_tables_lead_to_the_catalog(ask_of: Callable[..., Ask]) -> None:
    view = PAGE.build(ask_of(ROWS, CONTROL), {})
    layers = view.card("layers")
    by_name = {row["layer"]: row for row in layers.frame.to_dict("records")}
    assert (by_name["silver"]["tables"], by_name["silver"]["rows"]) == (1, 6)
    assert by_name["gold"]["tables"] == 0
    assert pd.isna(by_name["gold"]["changed"])
    assert layers.links["layer"]({"layer": "gold"}) == "/catalog?layer=gold"
    assert view.card("tables").summary == "The largest is silver.patient with 5 live rows."


def test_without_a_lake_it_says_how_to_make_one(ask_of: Callable[..., Ask]) -> None:
    (alert,) = PAGE.build(ask_of(), {}).blocks
    assert isinstance(alert, Alert)
    assert alert.title == "There is no lake yet"
    assert "make demo" in alert.text
