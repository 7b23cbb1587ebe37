"""Patients: the population in a few numbers, a search, and one person's page."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import dash_mantine_components as dmc
import pandas as pd
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dash_app import figures, render
from dash_app.data import Ask, Reader
from dash_app.page import Alert, Card, Page, Sealed, Stat, View
from dash_app.patient import born, name_of, one
from dash_app.words import many, share
from lakehouse.errors import LakeError

log = logging.getLogger(__name__)
MOST_FOUND = 50
LEAST_LETTERS = 2
_MOST_LETTERS = 100
_SEXES = ("female", "male", "other", "unknown")
_STEPS = [lead * 10**power for power in range(9) for lead in (1, 2, 5)]
_COUNTED = "People, of whose patient records one counts (gold.person), as of the clock of gold.patient_summary."


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """One person if the address names one, else the search and the population."""
    return one(ask, filters["patient"]) if filters["patient"] else _population(ask)


def _population(ask: Ask) -> View:
    rows = ask("population")
    if rows.empty:
        text = "gold.patient_summary has no rows: no people are in the data, or `lake run gold` has not run yet."
        return View([_search(), Alert(text, title="Nobody")])
    people = int(rows["people"].sum())
    alive = int(rows.loc[~rows["is_deceased"].astype(bool), "people"].sum())
    seen = int(rows["seen"].sum())
    on = max(rows["as_of_on"])
    return View(
        [
            _search(),
            Stat("People", people, _COUNTED, note=f"as of {on}"),
            Stat("Alive", alive, "People whose source says neither dead nor when. " + _COUNTED,
                 note=f"{share(alive, people)}; {people - alive:,} deceased"),
            Stat("Seen in 12 months", seen,
                 "People with an encounter that has taken place and began in the 12 months up to it. " + _COUNTED,
                 note=share(seen, people)),
            _pyramid(rows),
        ]
    )  # fmt: skip


def _search() -> Component:
    """The search; what is typed goes to the server in the body of a request and stands in no address."""
    return html.Section(
        [
            html.H2("Find a person"),
            html.Div(
                [
                    dmc.TextInput(
                        id="patient-search",
                        label="Name, identifier or birth date",
                        description="At least two letters; a birth date as 1979-04-01.",
                        autoComplete="off",
                        w=340,
                    ),
                    html.Button("Search", id="patient-search-go", className="action", type="button", n_clicks=0),
                ],
                className="filters",
                role="search",
            ),
            dcc.Loading(html.Div(id="patient-found", **{"aria-live": "polite"}), delay_show=300),
        ],
        className="card search",
        **{"aria-label": "Find a person"},
    )


def _pyramid(rows: pd.DataFrame) -> Card:
    """Living people by age and sex: men to the left, women to the right."""
    alive = rows[~rows["is_deceased"].astype(bool)]
    told = alive.dropna(subset=["age_from"])
    ages = range(0, int(told["age_from"].max()) + 10, 10) if len(told) else range(0)
    table = pd.DataFrame({"age": [f"{age}–{age + 9}" for age in ages]})
    for sex in _SEXES:
        of = told[told["gender"].fillna("unknown") == sex].groupby("age_from")["people"].sum()
        table[sex] = [int(of.get(age, 0)) for age in ages]
    table["all"] = table[list(_SEXES)].sum(axis=1)
    without = int(alive["people"].sum() - told["people"].sum())
    others = int(table[["other", "unknown"]].to_numpy().sum())
    figure = _mirrored(table)
    women, total = int(table["female"].sum()), int(table["all"].sum())
    said = ""
    if total:
        top = table.loc[table["all"].idxmax()]
        said = f"{women:,} of {many(total, 'living person', 'living people')} ({share(women, total)}) "
        said += f"{'is' if women == 1 else 'are'} female; "
        said += f"the largest group is {top['age']} years old ({int(top['all']):,})."
    if others:
        said += f" {others:,} of other or unknown sex are in the table alone."
    if without:
        said += f" {many(without, 'has', 'have')} no age: the birth date is not told."
    columns = {"age": "age", "female": "female", "male": "male", "other": "other", "unknown": "not told", "all": "all"}
    return Card("pyramid", "Living people by age and sex", said, table, "Completed years. " + _COUNTED, figure, columns,
                query="population", wide=True, height=80 + 28 * max(len(table), 3),
                empty="Nobody who is alive has a known age.")  # fmt: skip


def _mirrored(table: pd.DataFrame) -> figures.Figure:
    """Bars to both sides of a middle line; the axis shows amounts, not signs."""
    most = int(table[["female", "male"]].to_numpy().max()) if len(table) else 0
    sided = table.iloc[::-1].assign(male=-table["male"])
    names = {"male": "Male", "female": "Female"}
    figure = figures.bars(sided, "age", ["male", "female"], horizontal=True, stacked=True, names=names)
    for trace, column in zip(figure["data"], ("male", "female"), strict=True):
        trace["customdata"] = table[column].iloc[::-1].tolist()
        trace["hovertemplate"] = f"%{{y}} years, {column}: %{{customdata:,}}<extra></extra>"
    step = next(s for s in _STEPS if 3 * s >= most or s == _STEPS[-1])
    ticks = [n * step for n in range(-(most // step), most // step + 1)]
    figure["layout"]["xaxis"] |= {"tickvals": ticks, "ticktext": [f"{abs(t):,}" for t in ticks]}
    figure["layout"]["barmode"] = "relative"
    return figure


def parameters(text: str) -> dict[str, Any] | None:
    """What to look for: up to three words of a name, or a birth date; null for too little."""
    text = " ".join(text.split())[:_MOST_LETTERS]
    if len(text) < LEAST_LETTERS:
        return None
    try:
        day: date | None = date.fromisoformat(text)
    except ValueError:
        day = None
    words: list[str | None] = [*text.replace(",", " ").split()[:3], None, None, None]
    if words[0] is None:
        return None
    return {"word1": words[0], "word2": words[1], "word3": words[2], "born": day}


def found(ask: Ask, text: str) -> Component:
    """Who fits the text, each name a link to the person's page."""
    look_for = parameters(text)
    if look_for is None:
        return html.P(f"Write at least {LEAST_LETTERS} letters.", className="note")
    rows = figures.records(ask("patient_search", **look_for))
    if not rows:
        return html.P("Nobody fits. Names need each of the words, identifiers their beginning, a birth date its "
            "whole day.",
                      className="note")  # fmt: skip
    more = len(rows) > MOST_FOUND
    rows = rows[:MOST_FOUND]
    frame = pd.DataFrame({
        "name": [name_of(row) for row in rows],
        "born": [born(row) for row in rows],
        "gender": [row["gender"] or "not told" for row in rows],
        "contact": [row["last_encounter_at"].date() if pd.notna(row["last_encounter_at"]) else None for row in rows],
        "note": [", ".join(_remarks(row)) for row in rows],
        "address": [f"/patients?patient={ask.seal('patient', row['patient_id'])}" for row in rows],
    })  # fmt: skip
    said = f"{many(len(rows), 'record fits', 'records fit')}."
    if more:
        said = f"The first {MOST_FOUND}; write more to find fewer."
    columns = {"name": "name", "born": "born", "gender": "sex", "contact": "last contact", "note": "note"}
    card = Card("found", "People found", said, frame, "", None, columns, {"name": lambda row: row["address"]})
    return html.Div([html.P(said, className="summary"), render.table(card)])


def _remarks(row: Mapping[str, Any]) -> list[str]:
    flags = (("is_deceased", "deceased"), ("is_replaced", "replaced by another record"))
    return [words for flag, words in flags if row[flag]]


def register(app: Dash, reader: Reader) -> None:
    """The search: what is typed may name a person, so it is no part of an address."""

    @app.callback(
        Output("patient-found", "children"),
        Input("patient-search-go", "n_clicks"),
        Input("patient-search", "n_submit"),
        State("patient-search", "value"),
        prevent_initial_call=True,
    )
    def search(clicks: int | None, submits: int | None, text: str | None) -> Any:
        if not clicks and not submits:
            return no_update
        try:
            return found(reader.ask(), text if isinstance(text, str) else "")
        except LakeError as error:
            words = str(error)
        except Exception as error:
            # The message may quote what was typed.
            log.error("search of patients: %s", type(error).__name__)
            words = f"{type(error).__name__}: this was not foreseen."
        return html.Div(html.P(words[:1].upper() + words[1:]), className="failure", role="alert")


PAGE = Page(
    "/patients",
    "Patients",
    "Care",
    "patients",
    "Who is in the lake, and what happened to one person?",
    build,
    filters=(Sealed("patient", "patient"),),
    order=60,
    shows_patients=True,
    register=register,
)
