"""The page on data quality, held against a small lake that is worked out by hand."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from plotly.io.json import to_json_plotly

from dash_app import render
from dash_app.app import create_app
from dash_app.data import Ask
from dash_app.page import Alert, Section, Stat, View
from dash_app.pages.quality import PAGE
from lakehouse import commands
from lakehouse.accounts import Accounts, open_accounts
from lakehouse.errors import InputError
from lakehouse.settings import Settings
from tests.dash_app.lakes import ask_on, fill

FIRST, LAST = "20260110T0{}0000000000-a", "20260112T0{}0000000000-a"
ENCOUNTER, CLAIM, READMISSION = "silver.encounter", "silver.claim", "gold.readmission"


def run(run_id: str, table: str, live: int | None, mode: str = "full", state: str = "published") -> dict[str, Any]:
    day = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}"
    started = f"{day}T{run_id[9:11]}:00:00.000000+00:00"
    return {
        "run_id": run_id, "job": "j", "table_name": table, "run_key": run_id, "basis": "b", "mode": mode,
        "state": state, "as_of": day, "live_rows": live, "message": "", "started_at": started,
    }  # fmt: skip


def result(of: dict[str, Any], check: str, outcome: str, value: float | None, level: str = "warn") -> dict[str, Any]:
    keys = '["0123456789abcdef"]' if outcome != "pass" else "[]"
    return {
        "run_id": of["run_id"], "table_name": of["table_name"], "check_name": check, "level": level, "outcome": outcome,
        "value": value, "doc": f"{check} is so.", "sample_keys": keys, "checked_at": of["started_at"],
    }  # fmt: skip


def count(of: dict[str, Any], status: str, records: int) -> dict[str, Any]:
    return {"run_id": of["run_id"], "batch_id": "b", "source_file": "f", "status": status, "records": records}


def held(of: dict[str, Any], stage: str, reason: str, line: int, **more: Any) -> dict[str, Any]:
    at = datetime.fromisoformat(of["started_at"])
    return {
        "run_id": of["run_id"], "stage": stage, "reason_code": reason, "reason": "Something is wrong.", "part": 0,
        "source_file": "in/<script>.ndjson", "line": line, "byte_offset": 10 * line, "batch_id": "b",
        "quarantined_at": at, "resource_id": "person-1", "raw": b"secret",
    } | more  # fmt: skip


LANDED = run(FIRST.format(1), "bronze.fhir_resource", None, mode="land") | {"job": "ingest fhir"}
E1, C1 = run(FIRST.format(2), ENCOUNTER, 98), run(FIRST.format(3), CLAIM, 200)
E2 = run(LAST.format(2), ENCOUNTER, 100, mode="incremental")
R1 = run(LAST.format(3), READMISSION, 13, state="gate_failed")
CONTROL = {
    "runs": [LANDED, E1, C1, E2, R1],
    "run_counts": [
        count(LANDED, "landed", 300), count(LANDED, "quarantined", 1), count(LANDED, "contained", 50),
        count(E1, "accepted", 98), count(E1, "quarantined", 2), count(E1, "superseded", 7),
        count(C1, "accepted", 200), count(E2, "accepted", 2),
    ],
    "quality_results": [
        result(E1, "started_at_is_known", "warn", 4), result(E1, "patient_id_resolves", "pass", 0),
        result(E1, "part_of_encounter_id_resolves", "warn", 5), result(E2, "part_of_encounter_id_resolves", "pass", 0),
        result(C1, "location_id_resolves", "warn", 10),
        result(E2, "started_at_is_known", "pass", 0), result(E2, "patient_id_resolves", "warn", 1),
        result(R1, "index_or_excluded", "fail", 2, "fail"), result(R1, "disposition_is_known", "pass", 0),
    ],
}  # fmt: skip
BACKWARDS = "ended_at_not_before_started_at"
QUARANTINE = [
    held(E1, ENCOUNTER, BACKWARDS, 1),
    held(E1, ENCOUNTER, BACKWARDS, 2, resolved_by=E2["run_id"]),
    held(LANDED, "landing", "missing_id", 3),
    held(LANDED, "landing", "missing_id", 3, part=1),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(home=tmp_path_factory.mktemp("quality"))
    fill(settings, {"ops.quarantine": QUARANTINE}, CONTROL)
    return settings


@pytest.fixture(scope="module")
def ask(lake: Settings) -> Ask:
    return ask_on(lake)


def view(ask: Ask, **said: str) -> View:
    return PAGE.build(ask, PAGE.values(ask, said))


def stats(shown: View) -> dict[str, Stat]:
    return {block.label: block for block in shown.blocks if isinstance(block, Stat)}


def text(shown: View) -> str:
    """All that a browser is sent."""
    return str(to_json_plotly(render.content(PAGE, shown, {}, [])))


def test_the_numbers_are_those_of_the_newest_runs(ask: Ask) -> None:
    found = stats(view(ask))
    assert (found["Checks"].value, found["Checks"].note) == (6, "of 3 tables; 2 met")
    assert found["Findings"].value == 6
    assert (found["Records held back"].value, found["Records held back"].note) == (2, "at 2 stages")
    assert (found["Accepted"].value, found["Accepted"].note) == ("99.3\u00a0%", "300 of 302 records")
    assert [found[s].value for s in ("Critical", "High", "Medium", "Low")] == [1, 0, 3, 2]
    assert found["Critical"].href == "/quality?severity=critical"


def test_the_trend_has_each_day_as_it_was(ask: Ask) -> None:
    """On the first day two encounters were held back of 100, which is high, and five pointed to no encounter; the
    second day settled one of the two, and the five."""
    shown = view(ask)
    found = stats(shown)
    assert (found["Findings"].trend, found["Records held back"].trend) == ([5, 6], [3, 2])
    assert [found[s].trend for s in ("Critical", "High", "Medium", "Low")] == [[0, 1], [1, 0], [3, 3], [1, 2]]
    assert found["Checks"].trend == [4, 6]
    assert shown.card("by_day").summary == "6 findings on 2026-01-12, 1 more than on 2026-01-10."


def test_each_finding_is_told_with_severity_share_and_the_way_to_its_rule(ask: Ask) -> None:
    card = view(ask).card("findings")
    rows = card.frame[["severity", "table", "check", "value", "share", "since"]].values.tolist()
    assert rows == [
        ["critical", READMISSION, "index_or_excluded", 2, "15.4 %", "2026-01-12"],
        ["medium", CLAIM, "location_id_resolves", 10, "5.0 %", "2026-01-10"],
        ["medium", ENCOUNTER, BACKWARDS, 1, "1.0 %", "2026-01-10"],
        ["medium", "landing", "missing_id", 1, "0.3 %", "2026-01-10"],
        ["low", ENCOUNTER, "started_at_is_known", 4, "4.0 %", "2026-01-10"],
        ["low", ENCOUNTER, "patient_id_resolves", 1, "1.0 %", "2026-01-12"],
    ]
    leads = [card.links["rule"](row) for row in card.frame.to_dict("records")]
    assert leads[1] == "/quality?table=silver.claim&check=location_id_resolves"
    assert leads[3] == "/quality?stage=landing&reason=missing_id"
    for address in leads:  # each leads to a page
        assert address is not None
        assert view(ask, **dict(part.split("=") for part in address.split("?")[1].split("&"))).back is not None


def test_a_publish_that_is_held_back_is_said_first(ask: Ask) -> None:
    first = view(ask).blocks[0]
    assert isinstance(first, Alert)
    assert (first.level, first.title) == ("critical", "1 publish held back")
    assert READMISSION in first.text


def test_filters_choose_among_the_findings(ask: Ask) -> None:
    card = view(ask, table=ENCOUNTER, severity="low").card("findings")
    assert card.frame.check.tolist() == ["started_at_is_known", "patient_id_resolves"]
    assert card.summary == "2 findings, the gravest first; 6 without the filters."
    nothing = view(ask, severity="high").card("findings")
    assert (len(nothing.frame), nothing.empty) == (0, "No finding for these filters.")


def test_the_quarantine_is_told_by_stage_and_reason(ask: Ask) -> None:
    shown = view(ask)
    rows = shown.card("held").frame[["stage", "code", "records", "share", "severity"]].values.tolist()
    assert rows == [
        ["landing", "missing_id", 1, "0.3 %", "medium"],
        [ENCOUNTER, BACKWARDS, 1, "1.0 %", "medium"],
    ]
    said = [block.text for block in shown.blocks if isinstance(block, Section)]
    assert any(t.startswith("2 records are held back for 2 reasons.") for t in said)


def test_a_rule_that_holds_back_shows_its_trend_and_the_place_of_each_record(ask: Ask) -> None:
    shown = view(ask, table=ENCOUNTER, check=BACKWARDS)
    trend = shown.card("trend").frame
    assert trend[["judged", "held_back", "value"]].values.tolist() == [[100, 2, 2.0], [2, 0, 0.0]]
    assert shown.card("trend").summary == "0 % at the newest of 2 runs; limits need 10."
    records = shown.card("held_records").frame
    assert records[["file_number", "line", "byte_offset"]].values.tolist() == [[1, 1, 10]]
    sent = text(shown)
    assert "Not so for 1 of 102 records." in sent
    assert "person-1" not in sent
    assert "secret" not in sent
    assert ".ndjson" not in sent  # a file may be named after its patient


def test_a_warning_of_silver_is_charted_as_a_share_of_what_each_run_accepted(ask: Ask) -> None:
    trend = view(ask, table=ENCOUNTER, check="started_at_is_known").card("trend").frame
    assert trend["value"].round(2).tolist() == [4.08, 0.0]


def test_a_rule_says_its_condition_level_and_hashed_keys(ask: Ask) -> None:
    shown = view(ask, table=READMISSION, check="index_or_excluded")
    assert shown.card("keys").frame.key.tolist() == ["0123456789abcdef"]
    sent = text(shown)
    assert "Level fail" in sent
    assert "readers keep the earlier state" in sent
    assert "exclusion_reason" in sent


def test_a_rule_that_is_met_says_so_and_offers_nothing_to_acknowledge(ask: Ask) -> None:
    sent = text(view(ask, table=READMISSION, check="disposition_is_known"))
    assert "Met: " in sent
    assert "quality-acknowledge" not in sent


def test_ten_runs_give_limits_and_an_icon(ask_of: Callable[..., Ask]) -> None:
    runs = [run(f"202601{day:02}T020000000000-a", CLAIM, 100) for day in range(1, 12)]
    values = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 40]
    results = [result(r, "location_id_resolves", "warn", v) for r, v in zip(runs, values, strict=True)]
    shown = view(ask_of({}, {"runs": runs, "quality_results": results}), table=CLAIM, check="location_id_resolves")
    assert stats(shown)["Rows that break it"].icons == ["worse_high"]
    assert shown.card("trend").summary == "40 rows at the newest of 11 runs: a special cause, outside the limits."
    figure = shown.card("trend").figure
    assert figure is not None
    assert min(figure["data"][1]["y"]) == 0, "the lower limit of a count is not below zero"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"table": "silver.nothing"}, "no such value"),
        ({"severity": "<script>"}, "no such value"),
        ({"table": CLAIM, "check": "<script>"}, "no check of that name"),
        ({"check": "location_id_resolves"}, "no table of that name"),
        ({"stage": "landing", "reason": "<script>"}, "nothing is held back for that reason"),
    ],
)
def test_an_address_that_leads_nowhere_is_said(ask: Ask, said: dict[str, str], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        view(ask, **said)


def test_an_empty_lake_says_what_to_do(ask_of: Callable[..., Ask]) -> None:
    empty = ask_of()
    (block,) = view(empty).blocks
    assert isinstance(block, Alert)
    assert "lake run silver" in block.text
    assert "Met: " in text(view(empty, table=CLAIM, check="location_id_resolves"))


def test_one_check_that_is_met_is_no_finding(ask_of: Callable[..., Ask]) -> None:
    shown = view(ask_of({}, {"runs": [C1], "quality_results": [result(C1, "location_id_resolves", "pass", 0)]}))
    assert (stats(shown)["Checks"].value, stats(shown)["Findings"].value) == (1, 0)
    assert shown.card("findings").empty == "Every check is met, and nothing is held back."
    assert stats(shown)["Accepted"].value is None


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "own")
    fill(settings, {}, {"runs": [C1], "quality_results": [result(C1, "location_id_resolves", "warn", 10)]})
    return settings


def press(client: FlaskClient, app: Any, button: str, state: dict[str, Any]) -> Any:
    """What the renderer sends when a button is pressed."""
    key, found = next((k, v) for k, v in app.callback_map.items() if v["inputs"][0]["id"] == button)
    outputs = [dict(zip(("id", "property"), o.split("."), strict=True)) for o in key.strip(".").split("...")]
    body = {
        "output": key, "outputs": outputs, "changedPropIds": [f"{button}.n_clicks"],
        "inputs": [{"id": button, "property": "n_clicks", "value": 1}],
        "state": [{**s, "value": state[s["id"]]} for s in found["state"]],
    }  # fmt: skip
    token = client.get_cookie("_csrf_token")
    headers = {"X-CSRFToken": token.value} if token else {}
    return client.post("/_dash-update-component", json=body, headers=headers, base_url="http://localhost")


STATE = {
    "quality-note": "Known.", "quality-until": (datetime.now(UTC).date() + timedelta(days=3)).isoformat(),
    "url": "?table=silver.claim&check=location_id_resolves", "quality-stage": "landing",
}  # fmt: skip


def test_acknowledging_on_the_page_shows_at_once_and_carries_who_did_it(own: Settings) -> None:
    app = create_app(own)
    client = app.server.test_client()
    client.get("/", base_url="http://localhost")
    answer = press(client, app, "quality-acknowledge", STATE)
    assert "Acknowledged until" in json.dumps(answer.json)
    shown = view(ask_on(own), state="acknowledged").card("findings").frame
    assert shown.check.tolist() == ["location_id_resolves"]
    assert [c["who"] for c in commands.history(own, 5)] == ["local"]
    refused = press(client, app, "quality-acknowledge", STATE | {"url": "?table=silver.claim&check=no'such"})
    assert "Not done: silver.claim has no check of that name" in json.dumps(refused.json)


@pytest.fixture
def accounts(own: Settings) -> Accounts:
    found = open_accounts(own)
    found.put("ada", "correct horse battery")
    return found


def test_nobody_changes_anything_without_a_login_or_from_another_site(own: Settings, accounts: Accounts) -> None:
    app = create_app(own, accounts)
    client = app.server.test_client()
    for button in ("quality-acknowledge", "quality-withdraw", "quality-replay"):
        assert press(client, app, button, STATE).status_code in (400, 401)
    local = create_app(own)
    without_cookie = local.server.test_client()
    assert press(without_cookie, local, "quality-replay", STATE).status_code == 400
    assert commands.history(own, 5) == []
