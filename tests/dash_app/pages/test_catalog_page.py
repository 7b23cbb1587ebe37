"""The catalog page: what is declared, how it stands, and what its words mean."""

from datetime import UTC, datetime
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from catalog.model import FREE_TEXT, IDENTIFYING, RAW
from catalog.registry import TABLES
from dash_app import render
from dash_app.data import Ask
from dash_app.one_table import sample_query
from dash_app.page import Alert, Stat, View
from dash_app.pages.catalog import PAGE
from lakehouse.errors import InputError
from lakehouse.settings import Settings
from lakehouse.sql.readonly import prepare
from tests.dash_app.conftest import ask_on, fill

ENCOUNTER = "silver.encounter"
CENSUS = "gold.daily_census"
BACKWARDS = "ended_at_not_before_started_at"


def run(number: int, live: int | None, table: str = ENCOUNTER, state: str = "published") -> dict[str, Any]:
    day = f"2026-01-{number:02}"
    return {
        "run_id": f"r{number:02}", "job": "j", "table_name": table, "run_key": "k", "basis": "b", "mode": "full",
        "state": state, "as_of": day, "live_rows": live, "message": "", "started_at": f"{day}T00:00:00+00:00",
        "ended_at": f"{day}T00:01:00+00:00",
    }  # fmt: skip


def result(run_id: str, day: int, check: str, outcome: str, value: float) -> dict[str, Any]:
    return {
        "run_id": run_id, "check_name": check, "table_name": ENCOUNTER, "level": "warn", "outcome": outcome,
        "value": value, "doc": "It is so.", "sample_keys": "[]", "checked_at": f"2026-01-{day:02}T00:01:00+00:00",
    }  # fmt: skip


def held(reason: str, line: int, **more: Any) -> dict[str, Any]:
    return {
        "run_id": "r02", "stage": ENCOUNTER, "reason_code": reason, "reason": "Something is wrong.", "part": 0,
        "source_file": "f", "line": line, "batch_id": "b", "quarantined_at": datetime(2026, 1, 2, tzinfo=UTC),
    } | more  # fmt: skip


ROWS = {
    ENCOUNTER: [{"encounter_id": "e1"}, {"encounter_id": "e2"}, {"encounter_id": "e3", "is_deleted": True}],
    "ops.quarantine": [held(BACKWARDS, 1), held(BACKWARDS, 2, resolved_by="r02"), held(BACKWARDS, 1, part=1)],
}
CONTROL = {
    "runs": [
        run(1, 5), run(2, 2), run(3, 9, state="gate_failed"),
        # 110 and 100 in turns, then 160: mean 110, mean step 15, upper limit 110 + 2.66 · 15 = 149.9
        *(run(n, 160 if n == 14 else 100 + 10 * ((n + 1) % 2), CENSUS) for n in range(4, 15)),
    ],
    "quality_results": [
        result("r01", 1, "started_at_is_known", "warn", 3), result("r02", 2, "started_at_is_known", "pass", 0),
        result("r02", 2, "patient_id_resolves", "warn", 1),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    settings = Settings(home=tmp_path_factory.mktemp("catalog"))
    fill(settings, ROWS, CONTROL)
    return ask_on(settings)


def view(ask: Ask, **said: str) -> View:
    return PAGE.build(ask, PAGE.values(ask, said))


def stats(shown: View) -> dict[str, Any]:
    return {b.label: b.value for b in shown.blocks if isinstance(b, Stat)}


def drawn(shown: View) -> str:
    return str(to_json_plotly(render.content(PAGE, shown, {}, [])))


def test_all_tables_stand_with_their_live_rows_and_age(ask: Ask) -> None:
    shown = view(ask)
    frame = shown.card("tables").frame.set_index("table")
    assert list(frame.index) == list(TABLES)
    # The newest run that readers see left two live rows of the three; quarantine is counted by its snapshot.
    assert frame.loc[[ENCOUNTER, "ops.quarantine"], "rows"].tolist() == [2, 3]
    assert frame.loc["gold.person", "rows"] != frame.loc["gold.person", "rows"]  # null: it is empty
    assert stats(shown)["Tables"] == len(TABLES)
    assert stats(shown)["Rows"] == 5
    assert shown.card("tables").summary == (
        f"The largest is ops.quarantine with 3 rows; {len(TABLES) - 2} tables are empty."
    )


def test_filters_choose_tables_by_layer_and_by_the_tag_of_a_column(ask: Ask) -> None:
    assert set(view(ask, layer="gold").card("tables").frame["layer"]) == {"gold"}
    raw = [t.name for t in TABLES.values() if any(c.tag is RAW for c in t.columns)]
    assert view(ask, tag="raw").card("tables").frame["table"].tolist() == raw
    assert view(ask, layer="gold", tag="raw").card("tables").frame.empty
    with pytest.raises(InputError, match="Layer has no such value"):
        view(ask, layer="platinum")


def test_a_table_is_told_with_its_numbers(ask: Ask) -> None:
    shown = view(ask, table=ENCOUNTER)
    assert shown.title == ENCOUNTER
    assert not shown.shows_filters
    numbers = stats(shown)
    assert numbers["Rows"] == 2
    assert numbers["Checks that found something"] == 2
    volume = shown.card("volume")
    assert volume.summary == "From 5 to 2 rows in 2 runs; limits need 10."
    assert volume.links["run_id"](volume.frame.iloc[0].to_dict()) == "/runs?run=r01"


def test_columns_lead_to_their_lineage_tag_and_table(ask: Ask) -> None:
    card = view(ask, table=ENCOUNTER).card("columns")
    row = next(r for r in card.frame.to_dict("records") if r["column"] == "patient_id")
    assert {name: lead({str(k): v for k, v in row.items()}) for name, lead in card.links.items()} == {
        "column": "/lineage?node=silver.encounter.patient_id",
        "tag": "/catalog?term=subject",
        "refers_to": "/catalog?table=silver.patient",
    }


def test_checks_have_their_newest_result_and_count_what_is_held_back_now(ask: Ask) -> None:
    card = view(ask, table=ENCOUNTER).card("checks")
    found = card.frame.set_index("check")[["outcome", "value"]]
    assert found.loc[BACKWARDS].tolist() == ["held back", 1]  # one is settled, one is a part of the same record
    assert found.loc["started_at_is_known"].tolist() == ["pass", 0]
    assert found.loc["patient_id_resolves"].tolist() == ["warn", 1]
    assert found.loc["unique_encounter_id", "outcome"] is None
    assert card.frame["check"].tolist()[:2] == [BACKWARDS, "patient_id_resolves"]  # what was found comes first
    row = {"check": BACKWARDS, "run_id": None}
    assert card.links["check"](row) == f"/quality?table=silver.encounter&check={BACKWARDS}"


def test_ten_runs_give_limits(ask: Ask) -> None:
    volume = view(ask, table=CENSUS).card("volume")
    assert volume.summary == "1 of 11 runs shows more than the usual variation."
    assert volume.figure is not None
    upper = volume.figure["data"][0]
    assert (upper["name"], round(upper["y"][0], 1)) == ("Upper limit", 149.9)


def test_a_table_that_was_never_written_says_how_to_fill_it(ask: Ask) -> None:
    shown = view(ask, table="gold.person")
    assert any(isinstance(b, Alert) and "`lake run gold.person`" in b.text for b in shown.blocks)
    assert stats(shown)["Rows"] is None
    assert shown.card("checks").summary.endswith("none has a result yet.")
    assert "No run has counted its rows." in drawn(shown)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_sample_query_of_each_table_can_be_asked_and_tells_nobody_who_somebody_is(name: str) -> None:
    table = TABLES[name]
    text = sample_query(table)
    assert str(next(iter(prepare(text).tables))) == f"lake.{name}"
    asked = text.removeprefix("SELECT ").split("\n")[0].split(", ")
    assert asked
    assert not {table.column(c).tag for c in asked} & {IDENTIFYING, FREE_TEXT, RAW}


def test_a_term_is_told_and_leads_to_where_it_can_be_seen(ask: Ask) -> None:
    shown = view(ask, term="quarantine")
    assert shown.card("seen_in").frame["table"].tolist() == ["ops.quarantine"]
    tagged = view(ask, term="raw").card("columns").frame
    assert len(tagged) == sum(c.tag is RAW for t in TABLES.values() for c in t.columns)
    assert view(ask, term="sensitivity tag").card("tags").frame["columns"].sum() == sum(
        len(t.columns) for t in TABLES.values()
    )


@pytest.mark.parametrize("said", [{"table": "<script>"}, {"term": "<script>"}, {"table": "silver.encounters"}])
def test_what_is_not_there_is_refused_without_repeating_it(ask: Ask, said: dict[str, str]) -> None:
    with pytest.raises(InputError) as refused:
        view(ask, **said)
    assert "<script>" not in str(refused.value)
