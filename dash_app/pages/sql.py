"""SQL: analysts ask in Trino's dialect, read-only; the answer as table, chart and CSV.

What is written stands in no address, log or file: the history lives in the browser's tab and goes with it.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
import pandas as pd
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component

from catalog.model import FREE_TEXT, IDENTIFYING, RAW, Table
from catalog.registry import TABLES
from dash_app import figures, render
from dash_app.data import Ask, Reader
from dash_app.page import Page, View, Word
from dash_app.words import cell, many
from lakehouse.errors import InputError, LakeError
from lakehouse.sql.queries import DASHBOARD, dashboard_names, named_query, query_names

MOST_SHOWN = 2_000
MOST_SAVED = 100_000
_MOST_REMEMBERED = 30
_KINDS = {"bar": "Bars", "line": "Line", "scatter": "Points"}


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """The editor with the text that the address names, and an empty place for the answer."""
    schema = {"lake": _schema()}
    return View(
        [
            dcc.Store(id="sql-text"),
            dcc.Store(id="sql-chosen"),
            dcc.Store(id="sql-history", storage_type="session"),
            html.Div(
                [
                    html.Div(
                        className="sql-editor", **{"data-text": _text(filters), "data-schema": json.dumps(schema)}
                    ),
                    html.Div(
                        [
                            html.Button("Run", id="sql-run", className="action", type="button", title="Ctrl and Enter"),
                            dmc.Select(
                                id="sql-shipped", data=query_names(), placeholder="Queries that ship", searchable=True,
                                **{"aria-label": "Queries that ship with Carelake"}, size="sm", w=260,
                            ),
                            dmc.Select(
                                id="sql-past", data=[], placeholder="History of this tab",
                                **{"aria-label": "What you asked in this tab"}, size="sm", w=260,
                            ),
                        ],
                        className="filters",
                    ),
                ],
                className="card",
            ),
            dcc.Loading(html.Div(id="sql-answer", **{"aria-live": "polite"}), delay_show=300),
        ]
    )  # fmt: skip


def _schema() -> dict[str, dict[str, list[str]]]:
    """The declared tables and columns, for completion."""
    found: dict[str, dict[str, list[str]]] = {}
    for table in TABLES.values():
        found.setdefault(table.schema_name, {})[table.short_name] = [c.name for c in table.columns]
    return found


def _text(filters: Mapping[str, Any]) -> str:
    """The query that the address names, a sample of the table that it names, or a first one to try."""
    if filters["table"]:
        if filters["table"] not in TABLES:
            raise InputError("there is no such table: the catalog lists them.")
        return sample(TABLES[filters["table"]])
    if filters["query"]:
        name = filters["query"]
        return named_query(f"{DASHBOARD}/{name}" if f"{DASHBOARD}/{name}" in dashboard_names() else name)
    return "SELECT gender, count(*) AS people\nFROM lake.silver.patient\nWHERE NOT is_deleted\nGROUP BY gender"


def sample(table: Table) -> str:
    """A first look at a table, without what identifies people."""
    hidden = (IDENTIFYING, RAW, FREE_TEXT)
    names = [column.name for column in table.columns if column.tag not in hidden]
    columns = ",\n    ".join(names)
    return f"SELECT\n    {columns}\nFROM lake.{table.name}\nLIMIT 20"  # names of a declaration


def answer(frame: pd.DataFrame) -> list[Component]:
    """The rows as a table to sort and filter, with a chart where there is something to draw."""
    if frame.empty:
        return [html.P("The query has no rows.", className="empty")]
    more = len(frame) > MOST_SHOWN
    said = (
        f"The first {MOST_SHOWN:,} rows; the CSV has up to {MOST_SAVED:,}." if more else many(len(frame), "row") + "."
    )
    shown = frame.head(MOST_SHOWN)
    numbers = [str(n) for n in shown.columns if _is_number(shown[n].tolist())]
    return [
        html.Section(
            [
                html.H2("Answer"),
                html.P(said, className="summary"),
                _grid(shown, numbers),
                html.Div(
                    [
                        html.Button(
                            "CSV", id="sql-save", className="small", type="button", title="Save the rows as CSV"
                        ),
                        dcc.Download(id="sql-saved"),
                    ],
                    className="card-foot",
                ),
            ],
            className="card",
        ),
        *([_chart_choice(shown, numbers)] if numbers else []),
    ]


def _grid(shown: pd.DataFrame, numbers: list[str]) -> Component:
    names = [str(n) for n in shown.columns]
    fields = {name: f"c{place}" for place, name in enumerate(names)}  # a name with a dot would be read as a path
    rows = [
        {fields[n]: _as_sent(v) if n in numbers else cell(v) for n, v in zip(names, row, strict=True)}
        for row in shown.astype(object).itertuples(index=False, name=None)
    ]
    columns = [
        {"field": fields[n], "headerName": n, "type": "rightAligned" if n in numbers else None, "minWidth": 110}
        for n in names
    ]
    return dag.AgGrid(
        rowData=rows,
        columnDefs=columns,
        defaultColDef={"sortable": True, "filter": True, "resizable": True, "flex": 1},
        dashGridOptions={"pagination": True, "paginationPageSize": 50, "domLayout": "autoHeight"}
        | ({} if len(rows) > 12 else {"pagination": False}),
        style={"width": "100%"},
    )


def _is_number(values: list[Any]) -> bool:
    known = [v for v in values if v is not None and not (isinstance(v, float) and v != v)]  # arrays have no one truth
    return bool(known) and all(isinstance(v, int | float | Decimal) and not isinstance(v, bool) for v in known)


def _as_sent(value: Any) -> Any:
    """A number as JSON; a browser rounds whole numbers above 2^53, so those go as text."""
    if value is None or value != value:
        return None
    if isinstance(value, Decimal):
        return float(value)
    return str(value) if isinstance(value, int) and abs(value) > 2**53 else value


def _chart_choice(shown: pd.DataFrame, numbers: list[str]) -> Component:
    names = [str(n) for n in shown.columns]
    across = next((n for n in names if n not in numbers), names[0])
    up = next((n for n in numbers if n != across), numbers[0])
    look: dict[str, Any] = {"allowDeselect": False, "size": "sm"}
    kinds = [{"value": kind, "label": words} for kind, words in _KINDS.items()]
    selects = [
        dmc.Select(id="sql-kind", label="Chart", data=kinds, value="bar", w=130, **look),
        dmc.Select(id="sql-across", label="Across", data=names, value=across, w=200, **look),
        dmc.Select(id="sql-up", label="Upwards", data=numbers, value=up, w=200, **look),
    ]
    return html.Section(
        [html.H2("Chart"), html.Div(selects, className="filters"), html.Div(id="sql-chart")], className="card"
    )


def chart(frame: pd.DataFrame, kind: str, across: str, up: str) -> Component:
    """The rows as a chart; a sentence where they can't be one."""
    if kind not in _KINDS or across not in frame.columns or up not in frame.columns:
        return html.P("Choose columns of the answer.", className="empty")
    rows = frame.head(figures.MOST_POINTS)
    if across == up:
        rows = rows.rename_axis("row").reset_index()
        across = "row"
    figure = figures.bars(rows, across, up) if kind == "bar" else figures.lines(rows, across, up, markers=True)
    if kind == "scatter":
        figure["data"][0]["mode"] = "markers"
    graph = dcc.Graph(figure=figure, config={"displayModeBar": False, "responsive": True}, style={"height": "360px"})
    return html.Div(graph, role="img", **{"aria-label": f"Chart of {up} by {across}, {many(len(rows), 'row')}"})


def register(app: Dash, reader: Reader) -> None:
    """Running, charting and saving; none of it can be a part of the address, for a query may name a person."""

    @app.callback(
        Output("sql-answer", "children"),
        Output("sql-history", "data"),
        Input("sql-run", "n_clicks"),
        State("sql-text", "data"),
        State("sql-history", "data"),
        prevent_initial_call=True,
    )
    def run(clicks: int, text: str | None, past: list[str] | None) -> Any:
        if not clicks or not isinstance(text, str):
            return no_update, no_update
        text = text.strip()
        remembered = [text, *(t for t in past or [] if t != text)][:_MOST_REMEMBERED]
        try:
            return answer(reader.written(text, MOST_SHOWN + 1)), remembered
        except LakeError as error:
            return _wrong(error), remembered

    @app.callback(
        Output("sql-chart", "children"),
        Input("sql-kind", "value"),
        Input("sql-across", "value"),
        Input("sql-up", "value"),
        State("sql-history", "data"),
    )
    def draw(kind: str, across: str, up: str, past: list[str] | None) -> Any:
        try:
            return chart(reader.written(past[0], MOST_SHOWN + 1), kind, across, up) if past else no_update
        except LakeError as error:
            return _wrong(error)

    @app.callback(
        Output("sql-saved", "data"),
        Input("sql-save", "n_clicks"),
        State("sql-history", "data"),
        prevent_initial_call=True,
    )
    def save(clicks: int | None, past: list[str] | None) -> Any:
        if not clicks or not past:
            return no_update
        try:
            return {"content": render.as_csv(reader.written(past[0], MOST_SAVED)), "filename": "answer.csv"}
        except LakeError as error:
            return {"content": f"{error}\n", "filename": "no-answer.txt"}

    @app.callback(Output("sql-past", "data"), Input("sql-history", "data"))
    def remember(past: list[str] | None) -> Any:
        return [{"value": str(place), "label": " ".join(text.split())[:80]} for place, text in enumerate(past or [])]

    @app.callback(
        Output("sql-chosen", "data"),
        Input("sql-shipped", "value"),
        Input("sql-past", "value"),
        State("sql-history", "data"),
        prevent_initial_call=True,
    )
    def choose(shipped: str | None, past: str | None, history: list[str] | None) -> Any:
        if ctx.triggered_id == "sql-shipped" and shipped:
            return named_query(shipped)
        if ctx.triggered_id == "sql-past" and past and history:
            return history[int(past)]
        return no_update

    app.clientside_callback(
        ClientsideFunction("lake", "fill"), Output("sql-run", "title"), Input("sql-chosen", "data"),
        prevent_initial_call=True,
    )  # fmt: skip


def _wrong(error: LakeError) -> Component:
    text = str(error)
    return html.Div(html.P(text[:1].upper() + text[1:]), className="failure", role="alert")


PAGE = Page(
    "/sql",
    "SQL",
    "Analysts",
    "sql",
    "Ask the lake yourself, in Trino's dialect. Nothing can be changed from here.",
    build,
    filters=(Word("query"), Word("table")),
    order=90,
    shows_patients=True,
    register=register,
)
