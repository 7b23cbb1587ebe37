"""The lineage page, held against a graph of ten edges that is worked out by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from catalog.lineage import Edge, Graph, Node
from dash_app import render, walk
from dash_app.data import Ask
from dash_app.page import Alert, Stat, View
from dash_app.pages.lineage import PAGE
from lakehouse.errors import InputError
from tests.dash_app.conftest import ask_records

BRONZE, PATIENT, ENCOUNTER = "bronze.fhir_resource", "silver.patient", "silver.encounter"
FACT, READMISSION = "gold.encounter_fact", "gold.readmission"


def run(table: str, run_id: str = "r1", basis: str = "", state: str = "published") -> dict[str, Any]:
    return {
        "run_id": f"{run_id}-{table}", "job": "j", "table_name": table, "run_key": "k", "basis": basis or table,
        "mode": "full", "state": state, "as_of": "2026-01-15", "message": "", "started_at": "2026-01-15T00:00:00+00:00",
    }  # fmt: skip


def edge(output: str, given: str, element: str = "", subtype: str = "TRANSFORMATION", **more: Any) -> dict[str, Any]:
    """An edge between columns by their whole names; `table.` is the whole table."""
    (out_table, out_column), (in_table, in_column) = output.rsplit(".", 1), given.rsplit(".", 1)
    kind = "DIRECT" if subtype in ("IDENTITY", "TRANSFORMATION", "AGGREGATION") else "INDIRECT"
    return {
        "basis": out_table, "version": 1, "output_table": out_table, "output_column": out_column,
        "input_table": in_table, "input_column": in_column, "element": element, "kind": kind, "subtype": subtype,
        "masking": False,
    } | more  # fmt: skip


CONTROL = {
    "runs": [run(t) for t in (PATIENT, ENCOUNTER, FACT, READMISSION)],
    "lineage_edges": [
        edge(f"{PATIENT}.birth_on", f"{BRONZE}.payload", "Patient.birthDate"),
        edge(f"{ENCOUNTER}.started_at", f"{BRONZE}.payload", "Encounter.period.start"),
        edge(f"{ENCOUNTER}.ended_at", f"{BRONZE}.payload", "Encounter.period.end"),
        edge(f"{ENCOUNTER}.patient_id", f"{BRONZE}.payload", "Encounter.subject.reference"),
        edge(f"{FACT}.started_at", f"{ENCOUNTER}.started_at", subtype="IDENTITY"),
        edge(f"{FACT}.age_at_start_years", f"{ENCOUNTER}.started_at"),
        edge(f"{FACT}.age_at_start_years", f"{PATIENT}.birth_on", subtype="CONDITIONAL", masking=True),
        edge(f"{READMISSION}.is_readmitted", f"{FACT}.started_at", subtype="WINDOW"),
        edge(f"{READMISSION}.is_readmitted", f"{ENCOUNTER}.ended_at", subtype="AGGREGATION"),
        edge(f"{READMISSION}.", f"{FACT}.age_at_start_years", subtype="FILTER"),
    ],
}


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    return ask_records(tmp_path_factory.mktemp("lineage"), CONTROL)


def view(ask: Ask, **said: str) -> View:
    return PAGE.build(ask, PAGE.values(ask, said))


def drawn(shown: View) -> str:
    return str(to_json_plotly(render.content(PAGE, shown, {}, [])))


def stats(shown: View) -> dict[str, Any]:
    return {b.label: b.value for b in shown.blocks if isinstance(b, Stat)}


def boxes(shown: View) -> dict[str, dict[str, Any]]:
    """What stands in the graph: each box by the text of its link, with its properties."""
    found: dict[str, dict[str, Any]] = {}

    def look(part: Any) -> None:
        if isinstance(part, list):
            for each in part:
                look(each)
        elif isinstance(part, dict):
            props = part.get("props", {})
            if str(props.get("className", "")).startswith("walk-box"):
                inner = props["children"]["props"]
                words = [c["props"]["children"] for c in inner["children"]]
                found[words[0]] = {**props, "href": inner.get("href"), "words": words[1:]}
            look(props.get("children"))

    look(json.loads(str(to_json_plotly([shown.card("graph").content]))))
    return found


def test_a_column_is_told_with_what_lies_behind_it_and_ahead(ask: Ask) -> None:
    shown = view(ask, node=f"{READMISSION}.is_readmitted")
    assert shown.title == "Lineage of gold.readmission.is_readmitted"
    assert shown.card("graph").summary == (
        "gold.readmission.is_readmitted is made of 2 columns of 2 tables; nothing depends on it."
    )
    assert stats(shown) == {"FHIR elements": 2, "Made of": 3, "Steps to the source": 3, "Needed by": 0}
    behind = shown.card("made_of").frame
    assert behind[["level", "column", "fhir_element", "how"]].values.tolist() == [
        [1, "started_at", "", "rows compared"],
        [2, "started_at", "", "same value"],
        [3, "payload", "Encounter.period.start", "computed"],
        [1, "ended_at", "", "summed up"],
        [2, "payload", "Encounter.period.end", "computed"],
    ]
    assert shown.card("needed_by").frame.empty


def test_boxes_are_links_that_walk_on_with_the_kind_in_words_and_ties_to_nearer_boxes(ask: Ask) -> None:
    found = boxes(view(ask, node=f"{ENCOUNTER}.started_at"))
    assert found["Encounter.period.start"]["href"] == "/lineage?node=Encounter.period.start"
    here, age = found["started_at"], found["age_at_start_years"]
    assert found["Encounter.period.start"]["data-to"] == "n1"
    assert age["href"] == "/lineage?node=gold.encounter_fact.age_at_start_years"
    assert age["words"] == ["computed"]
    assert here["words"] == ["same value"]  # the last box of that name: the column of the fact
    # Decides about values, so its curve is dashed; and the rows of a table are led to as the table.
    assert found["is_readmitted"]["data-from"].endswith("~")
    assert found["which rows there are"]["href"] == "/lineage?node=gold.readmission"


def test_what_can_not_be_read_back_is_said(ask: Ask) -> None:
    assert boxes(view(ask, node=f"{FACT}.age_at_start_years"))["birth_on"]["words"] == ["condition, masked"]


def test_an_element_of_fhir_leads_down_to_gold(ask: Ask) -> None:
    shown = view(ask, node="Encounter.period.start")
    assert stats(shown) == {"Needed by": 4}
    assert shown.card("graph").summary == ("Nothing lies behind Encounter.period.start; 1 column of 1 table needs it.")
    assert "which rows gold.readmission has" in drawn(shown)


def test_a_table_is_told_by_tables_and_column_by_column(ask: Ask) -> None:
    shown = view(ask, node=FACT)
    assert stats(shown) == {"Made of": 3, "Steps to the source": 2, "Needed by": 1}
    columns = shown.card("columns").frame.set_index("column")
    assert columns.loc["age_at_start_years", ["made_of", "elements"]].tolist() == ["2 columns of 2 tables", 2]
    assert columns.loc["encounter_id", ["made_of", "elements"]].tolist() == ["no other column", 0]
    assert shown.card("columns").summary.startswith("2 of ")
    decides = view(ask, node=READMISSION).card("rows")
    assert decides.summary == "1 column or element decides which rows there are."
    assert (
        decides.links["column"](decides.frame.iloc[0].to_dict())
        == "/lineage?node=gold.encounter_fact.age_at_start_years"
    )


def test_without_a_node_it_shows_which_tables_feed_which(ask: Ask) -> None:
    shown = view(ask)
    assert stats(shown)["FHIR elements"] == 4
    card = shown.card("tables")
    assert card.summary == "4 tables are made of others, by 6 ties."
    frame = card.frame.set_index("table")
    assert frame.loc[READMISSION, "made_of"] == "gold.encounter_fact, silver.encounter"
    assert frame.loc[BRONZE, "read_by"] == 2


def test_only_the_newest_run_of_a_table_counts(tmp_path: Path) -> None:
    old = edge(f"{PATIENT}.gender", f"{BRONZE}.payload", "Patient.gender", basis="old")
    new = edge(f"{PATIENT}.birth_on", f"{BRONZE}.payload", "Patient.birthDate", basis="new")
    runs = [run(PATIENT, "r1", "old"), run(PATIENT, "r2", "new"), run(PATIENT, "r3", "old", "failed")]
    ask = ask_records(tmp_path, {"runs": runs, "lineage_edges": [old, new]})
    assert stats(view(ask))["FHIR elements"] == 1
    with pytest.raises(InputError, match="no table, column or FHIR element"):
        view(ask, node="Patient.gender")


def test_the_first_twelve_neighbours_are_shown_with_a_way_to_all(tmp_path: Path) -> None:
    edges = [edge(f"{PATIENT}.c{i:02}", f"{BRONZE}.payload", f"Patient.e{i}") for i in range(20)]
    ask = ask_records(tmp_path, {"runs": [run(PATIENT)], "lineage_edges": edges})
    assert len(boxes(view(ask, node=f"{BRONZE}.payload"))) == 1 + 12
    assert "all 20" in drawn(view(ask, node=f"{BRONZE}.payload"))
    assert len(boxes(view(ask, node=f"{BRONZE}.payload", all="1"))) == 1 + 20


def test_a_lake_without_runs_says_so_and_declared_tables_are_known_all_the_same(tmp_path: Path) -> None:
    ask = ask_records(tmp_path)
    assert [b.text for b in view(ask).blocks if isinstance(b, Alert)] == [
        "No job has run yet, so no tie is known: `lake run all` runs them."
    ]
    shown = view(ask, node=f"{PATIENT}.birth_on")
    assert [type(b) for b in shown.blocks].count(Alert) == 1
    assert "Nothing depends on it yet." in drawn(shown)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "silver.patient.nothing", "nowhere", "a.b.c", "."])
def test_what_is_not_there_is_refused_without_repeating_it(ask: Ask, name: str) -> None:
    with pytest.raises(InputError) as refused:
        view(ask, node=name)
    assert "<script>" not in str(refused.value)


def test_a_name_that_is_nearly_right_is_answered_with_the_nearest(ask: Ask) -> None:
    with pytest.raises(InputError, match=r"did you mean Patient\.birthDate"):
        view(ask, node="Patient.birthdate")


def test_a_circle_of_tables_ends() -> None:
    a, b = Node("gold.a", "x"), Node("gold.b", "x")
    graph = Graph((Edge(a, b, "DIRECT", "IDENTITY"), Edge(b, a, "DIRECT", "IDENTITY")))
    found = walk.lanes(walk.above(graph), [a], 3, 12, ("1", "2", "3"))
    assert {n for lane in found for n in lane.nodes} == {b}
