"""SQL: what analysts write is answered read-only, shown, drawn and saved, and stands in no address."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from catalog.registry import TABLES
from dash_app import render
from dash_app.data import Ask, Reader
from dash_app.page import View
from dash_app.pages import sql
from dash_app.words import many
from lakehouse.errors import InputError
from lakehouse.seal import open_seal
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.sql.moment import open_moments
from lakehouse.sql.queries import dashboard_names, query_names
from lakehouse.sql.readonly import prepare


def text_of(view: View) -> str:
    """The text that the editor begins with."""
    editor = view.blocks[3].children[0]
    return str(editor.to_plotly_json()["props"]["data-text"])


def told(component: Any) -> str:
    return json.dumps(component, default=lambda c: c.to_plotly_json())


def test_the_editor_begins_with_what_the_address_names(ask_of: Callable[..., Ask]) -> None:
    ask = ask_of()
    assert "lake.silver.patient" in text_of(sql.build(ask, {"query": "", "table": ""}))
    assert "lake.gold.readmission" in text_of(sql.build(ask, {"query": "readmission_rate", "table": ""}))
    assert "control.public.runs" in text_of(sql.build(ask, {"query": "newest_runs", "table": ""}))
    for wrong in ({"query": "nothing", "table": ""}, {"query": "", "table": "nothing"}):
        with pytest.raises(InputError):
            sql.build(ask, wrong)


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_sample_shows_nothing_that_identifies_people(name: str) -> None:
    text = sql.sample(TABLES[name])
    assert f"lake.{name}" in text
    assert prepare(text).tables
    for column in TABLES[name].columns:
        if column.tag.value in ("identifying", "raw", "free_text"):
            assert f"    {column.name}\n" not in text.replace(",", "")


def test_completion_knows_every_declared_column() -> None:
    schema = sql._schema()
    assert schema["silver"]["patient"] == [c.name for c in TABLES["silver.patient"].columns]
    assert {f"{layer}.{table}" for layer, tables in schema.items() for table in tables} == set(TABLES)


def test_rows_keep_their_names_and_long_answers_are_cut_and_say_so() -> None:
    odd = pd.DataFrame({"a.b": [1, 2], "<b>": ["x", None]})
    shown = told(sql.answer(odd))
    assert '"headerName": "a.b"' in shown
    assert '"field": "c0"' in shown  # a dot in a field would be read as a path
    assert many(2, "row") + "." in shown
    long = told(sql.answer(pd.DataFrame({"n": range(sql.MOST_SHOWN + 1)})))
    assert "The first 2,000 rows; the CSV has up to 100,000." in long
    assert "no rows" in told(sql.answer(pd.DataFrame({"n": []})))


def test_a_chart_needs_columns_of_the_answer() -> None:
    frame = pd.DataFrame({"x": ["a", "b"], "n": [1, 2]})
    assert '"type": "bar"' in told(sql.chart(frame, "bar", "x", "n"))
    assert '"mode": "markers"' in told(sql.chart(frame, "scatter", "x", "n"))
    assert '"row"' in told(sql.chart(frame, "line", "n", "n")) or "Chart of n by row" in told(
        sql.chart(frame, "line", "n", "n")
    )
    assert "Choose columns" in told(sql.chart(frame, "bar", "x", "gone"))


def test_what_is_written_is_answered_once_read_only_with_unnamed_parameters_null(
    lake_of: Callable[..., Settings],
) -> None:
    settings = lake_of({"silver.patient": [{"patient_id": "p1"}, {"patient_id": "p2"}]})
    reader = Reader(open_moments(settings, 0), open_seal(settings), open_engine(settings))
    text = "select count(*) as n from lake.silver.patient where :who is null or patient_id = :who"
    first = reader.written(text, 10)
    assert first.n.tolist() == [2]
    assert reader.written(text, 10) is first
    for wrong in ("drop table lake.silver.patient", "select 1; select 2", "select * from '/etc/passwd'"):
        with pytest.raises(InputError):
            reader.written(wrong, 10)


def test_odd_answers_are_shown_as_they_are(lake_of: Callable[..., Settings]) -> None:
    settings = lake_of(
        {
            "silver.patient": [
                {"patient_id": "p1", "identifiers": [{"system": "s", "value": "v"}, {"system": "t", "value": "w"}]},
                {"patient_id": "p2"},
            ]
        }
    )
    reader = Reader(open_moments(settings, 0), open_seal(settings), open_engine(settings))
    arrays = told(sql.answer(reader.written("select patient_id, identifiers from lake.silver.patient order by 1", 9)))
    assert "system s, value v, system t, value w" in arrays
    codes = reader.written(
        "select transform(identifiers, i -> i.value) as v from lake.silver.patient where patient_id = 'p1'", 9
    )
    assert "v, w" in told(sql.answer(codes))
    large = reader.written("select n from (values (5925448680251306445), (null)) as t(n)", 9)
    assert render.as_csv(large).splitlines()[1] == "5925448680251306445"
    assert '"5925448680251306445"' in told(sql.answer(large))  # as a text: a browser would round the number
    twice = reader.written("select 1 as a, 2 as a", 9)
    assert twice.columns.tolist() == ["a", "a_2"]
    assert told(sql.answer(twice))
    assert sql._is_number([1, None, 2.5])
    assert not sql._is_number([True])


def test_every_query_of_a_page_can_be_read_and_begins_with_its_question() -> None:
    from lakehouse.sql.queries import named_query

    assert len(dashboard_names()) > 20
    assert not set(dashboard_names()) & set(query_names())
    for name in dashboard_names():
        text = named_query(name)
        assert text.startswith("-- "), name
        assert prepare(text).tables, name
