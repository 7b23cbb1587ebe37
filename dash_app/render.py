"""From what a page shows to components. One look for all pages: a new page says what, never how."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlencode

import dash_mantine_components as dmc
import pandas as pd
from dash import dcc, html
from dash.development.base_component import Component

from dash_app.page import Alert, Card, Choice, Day, Page, Section, Stat, View
from dash_app.spc import ICONS
from dash_app.words import cell, number

LONG_TEXT = 40  # a column with longer ones gets room, and the table scrolls on a phone
_LEVELS = {"info": "blue", "warning": "yellow", "critical": "red"}


def content(page: Page, view: View, values: Mapping[str, Any], controls: Sequence[Component]) -> list[Component]:
    """Everything of a page below the frame that all pages share."""
    head: list[Component] = []
    if view.back:
        head.append(dcc.Link(f"← {view.back[1]}", href=view.back[0], className="back"))
    head.append(html.H1(view.title or page.title, id="page-title", tabIndex="-1"))
    if not view.title:
        head.append(html.P(page.question, className="question"))
    if controls and view.shows_filters:
        reset = dcc.Link("Reset filters", href=page.path, className="reset")
        head.append(html.Form([*controls, reset], className="filters", **{"aria-label": "Filters"}))
    return [*head, *blocks(view.blocks, page, values)]


def blocks(shown: Sequence[Any], page: Page, values: Mapping[str, Any]) -> list[Component]:
    """Blocks in reading order: numbers that follow each other stand in one row, cards in a grid."""
    found: list[Component] = []
    for kind, group in groupby(shown, key=lambda b: type(b) if isinstance(b, Stat | Card) else None):
        together = list(group)
        if kind is Stat:
            found.append(html.Div([stat(s) for s in together], className="stats"))
        elif kind is Card:
            found.append(html.Div([card(c, page, values) for c in together], className="cards"))
        else:
            found += [_other(b) for b in together]
    return found


def _other(block: Any) -> Component:
    if isinstance(block, Section):
        return html.Div([html.H2(block.title), html.P(block.text) if block.text else None], className="section")
    if isinstance(block, Alert):
        return dmc.Alert(block.text, title=block.title, color=_LEVELS[block.level], className="alert", radius="md")
    component: Component = block
    return component


def stat(s: Stat) -> Component:
    """A number with its name, what it means, where its rows are and how it went."""
    shown = number(s.value, s.unit)
    figure: Any = dcc.Link(shown, href=s.href, title=f"{s.label}: show the rows") if s.href else html.Span(shown)
    marks = [html.Img(src=ICONS[i].src, alt=ICONS[i].text, title=ICONS[i].text, className="spc") for i in s.icons]
    trend = (
        dmc.Sparkline(data=list(s.trend), h=28, w=96, color="blue.5", curveType="linear") if len(s.trend) > 1 else None
    )
    return html.Div(
        [
            html.Div(s.label, className="stat-label"),
            html.Div([html.Div([figure, *marks], className="stat-value"), _hidden(trend)], className="stat-row"),
            html.Div(s.note, className="stat-note") if s.note else None,
            html.Details([html.Summary("What is counted"), html.P(s.definition)], className="about"),
        ],
        className="stat",
    )


def _hidden(trend: Component | None) -> Component | None:
    """The small line repeats what the page says elsewhere; it has no words of its own."""
    return None if trend is None else html.Div(trend, className="stat-trend", **{"aria-hidden": "true"})


def card(c: Card, page: Page, values: Mapping[str, Any]) -> Component:
    """A chart with its sentence, its rows as table and CSV, and where it comes from."""
    empty = c.frame.empty and c.content is None
    body: Any
    if empty:
        body = html.P(c.empty, className="empty")
    elif c.content is not None:
        body = c.content
    elif c.figure is not None:
        graph = dcc.Graph(
            figure=c.figure,
            config={"displayModeBar": False, "responsive": True},
            style={"height": f"{c.height}px"},
            className="chart",
        )
        body = html.Div(graph, role="img", **{"aria-label": f"{c.title}. {c.summary}"})
    else:
        body = table(c)
    return html.Section(
        [
            html.H2(c.title),
            html.P(c.summary, className="summary") if c.summary and not empty else None,
            body,
            html.Div(id={"kind": "table-of", "card": c.name}) if c.figure is not None else None,
            None if empty else _foot(c, page, values),
        ],
        id=f"card-{c.name}",
        className="card wide" if c.wide else "card",
        **{"aria-label": c.title},
    )


def _foot(c: Card, page: Page, values: Mapping[str, Any]) -> Component:
    as_table = html.Button(
        "Table",
        id={"kind": "as-table", "card": c.name},
        n_clicks=0,
        type="button",
        className="small",
        title=f"{c.title}: show the rows as a table",
    )
    about: list[Any] = [html.P(c.definition)]
    if c.query:
        about.append(html.P(dcc.Link("The query behind it", href=f"/sql?{urlencode({'query': c.query})}")))
    return html.Div(
        [
            as_table if c.figure is not None else None,
            html.A(
                "CSV",
                href=csv_address(page, c.name, values),
                className="small",
                download=True,
                title=f"{c.title} as CSV",
            ),
            html.Details([html.Summary("About"), *about], className="about"),
        ],
        className="card-foot",
    )


def csv_address(page: Page, name: str, values: Mapping[str, Any]) -> str:
    """Where the rows of a card are to be had as CSV; `values` are the address's own texts."""
    said = {key: text for key, text in values.items() if text}
    return f"/csv{quote(page.path.rstrip('/'))}/{quote(name)}" + (f"?{urlencode(said)}" if said else "")


def table(c: Card) -> Component:
    """The rows, at most as many as the card says, as a table that scrolls within its card."""
    columns = dict(c.columns or {name: name.replace("_", " ") for name in c.frame.columns})
    rows: list[dict[str, Any]] = [
        {str(k): v for k, v in r.items()} for r in c.frame.head(c.most_rows).to_dict("records")
    ]
    long = {n for n in columns if any(isinstance(row[n], str) and len(row[n]) > LONG_TEXT for row in rows)}
    whole = {n for n in columns if any(isinstance(row[n], date) for row in rows)}  # never broken into two lines
    right = {n for n in columns if pd.api.types.is_numeric_dtype(c.frame[n]) and c.frame[n].dtype != bool}
    head = html.Tr(
        [html.Th(words, scope="col", className="right" if n in right else "") for n, words in columns.items()]
    )
    look = {n: "right" if n in right else "long" if n in long else "whole" if n in whole else "" for n in columns}
    body = [html.Tr([html.Td(_cell(c, n, row), className=look[n]) for n in columns]) for row in rows]
    more = len(c.frame) - len(rows)
    return html.Div(
        [
            html.Div(
                html.Table([html.Caption(c.title, className="unseen"), html.Thead(head), html.Tbody(body)]),
                className="scroll",
                tabIndex="0",
                role="region",
                **{"aria-label": f"{c.title}, table"},
            ),
            html.P(f"The first {c.most_rows} of {len(c.frame):,} rows; the CSV has all.", className="note")
            if more > 0
            else None,
        ]
    )


def _cell(c: Card, name: str, row: Mapping[str, Any]) -> Any:
    shown: Any = cell(row[name])
    badge = c.badges[name](row) if name in c.badges else None
    if badge:
        shown = html.Span(shown, className=f"badge {badge}")
    address = c.links[name](row) if name in c.links else None
    return dcc.Link(shown, href=address) if address else shown


def control(f: Any, text: str, options: Sequence[tuple[str, str]]) -> Component | None:
    """The control of a filter; null for a part of the address that is none."""
    this = {"kind": "filter", "name": f.name}
    if isinstance(f, Choice):
        data = [{"value": value, "label": label} for value, label in options]
        return dmc.Select(
            id=this, label=f.label, data=data, value=text or None, placeholder=f.everything, clearable=not f.default,
            searchable=len(data) > 8, clearButtonProps={"aria-label": f"Clear {f.label}"}, size="sm", w=200,
        )  # fmt: skip
    if isinstance(f, Day):
        return dmc.DateInput(
            id=this, label=f.label, value=text or None, valueFormat="YYYY-MM-DD", clearable=True, size="sm", w=150,
            clearButtonProps={"aria-label": f"Clear {f.label}"}, placeholder="any day",
        )  # fmt: skip
    return None


def failure(title: str, text: str, page: Page | None = None) -> list[Component]:
    """What is shown in place of a page that can't be: what is wrong, and a way on."""
    on = dcc.Link("Reset the filters", href=page.path) if page else dcc.Link("Go to the overview", href="/")
    return [
        html.H1(title, id="page-title", tabIndex="-1"),
        html.Div([html.P(text), html.P(on)], className="failure", role="alert"),
    ]


def as_csv(frame: pd.DataFrame) -> str:
    """The rows as CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    texts = frame.copy()
    for name in texts.columns:
        cells = [_csv_cell(v) for v in texts[name].tolist()]
        texts[name] = pd.Series(cells, texts.index, dtype=object)  # or whole numbers beside a null become floats
    return texts.to_csv(index=False)


def _csv_cell(value: Any) -> Any:
    if hasattr(value, "tolist") or isinstance(value, list | dict):
        value = json.dumps(value.tolist() if hasattr(value, "tolist") else value, default=str)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
