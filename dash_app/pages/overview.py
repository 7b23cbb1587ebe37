"""Overview: what is in the lake and whether it can be trusted today."""

from collections.abc import Mapping
from typing import Any

from dash_app import figures
from dash_app.data import Ask
from dash_app.page import Card, Page, Stat, View
from dash_app.words import many


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """The lake's volumes."""
    frame = ask("records_by_table")
    return View(
        [
            Stat("Tables", len(frame), "Tables that have a snapshot.", href="/catalog"),
            Card(
                "tables", "Rows by table", many(len(frame), "table") + " hold rows.", frame,
                "Live rows of each table at its last run.",
                figures.bars(frame, "table_name", "live_rows", horizontal=True, unit="rows"),
                query="records_by_table", height=700,
            ),
        ]
    )  # fmt: skip


PAGE = Page(
    "/",
    "Overview",
    "Lake",
    "overview",
    "What is in the lake, how fresh is it, and where did every record go?",
    build,
    order=10,
)
