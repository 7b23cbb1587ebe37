"""Catalog: every table and column, what it means, how sensitive it is, who answers for it, and how it is doing."""

import difflib
from collections.abc import Mapping
from typing import Any

import pandas as pd
from dash import html

from catalog.glossary import TAGS, TERMS
from catalog.model import IDENTIFYING, Column, Table, Tag
from catalog.registry import TABLES
from dash_app import figures
from dash_app.data import Ask
from dash_app.one_table import one_table, states
from dash_app.page import Card, Choice, Page, Section, Stat, View, Word
from dash_app.words import at, cell, many, share, size
from lakehouse.errors import InputError

_LAYERS = ("bronze", "silver", "gold", "ops")


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """All tables; with `table` one of them; with `term` one word of the glossary."""
    if filters["term"]:
        return _term(filters["term"])
    if filters["table"]:
        return one_table(ask, _declared(filters["table"]))
    return _list(ask, filters)


def _declared(name: str) -> Table:
    found = TABLES.get(name) or next((t for t in TABLES.values() if t.short_name == name), None)
    if found is None:
        near = difflib.get_close_matches(name, TABLES, 1)
        hint = f"did you mean {near[0]}?" if near else "the catalog lists them all."
        raise InputError(f"there is no table of that name; {hint}")
    return found


# --- all tables ---


def _list(ask: Ask, filters: Mapping[str, Any]) -> View:
    chosen = [t for t in TABLES.values() if _is_chosen(t, filters)]
    frame = states(ask, chosen)
    filled = frame[frame["last_changed"].notna()]
    columns = [(t, c) for t in chosen for c in t.columns]
    personal = sum(c.tag is not Tag.OPERATIONAL for _, c in columns)
    newest = filled["last_changed"].max() if len(filled) else None
    stats = [
        Stat("Tables", len(chosen), "Tables that are declared; the note counts those that hold a snapshot.",
             note=f"{len(filled):,} of them filled"),
        Stat("Columns", len(columns), "Declared columns of these tables. Each has a meaning and a sensitivity tag.",
             note=f"{share(personal, len(columns))} about people or their care" if columns else "",
             href=at("catalog", term="sensitivity tag")),
        Stat("Rows", int(frame["rows"].sum()), "Live rows of all these tables; one record can stand in several."),
        Stat("Size", size(frame["bytes"].sum()), "Bytes of the files of the newest snapshots, deleted rows included.",
             note=f"last changed {cell(newest)} UTC" if newest is not None else "nothing has been written yet"),
    ]  # fmt: skip
    shown = frame.assign(size=[size(b).replace(" ", "\u00a0") for b in frame["bytes"]])
    return View(
        [
            *stats,
            Card(
                "tables", "Tables", _said(frame), shown,
                "Rows are live rows after the newest run; of a table that runs do not count, those of its snapshot.",
                columns={"table": "table", "layer": "layer", "rows": "rows", "size": "size",
                         "last_changed": "last changed (UTC)", "owner": "owner", "doc": "what it holds"},
                links={"table": lambda row: at("catalog", table=row["table"]),
                       "layer": lambda row: at("catalog", term=row["layer"])},
                query="table_runs", wide=True, empty="No table has such columns: choose another layer, tag or owner.",
            ),
            _tags_card(columns),
            Section("Glossary", "What the words mean, here and on the other pages."),
            _glossary(),
        ]
    )  # fmt: skip


def _is_chosen(table: Table, filters: Mapping[str, Any]) -> bool:
    return (
        filters["layer"] in ("", table.schema_name)
        and filters["owner"] in ("", table.owner)
        and (not filters["tag"] or any(c.tag.value == filters["tag"] for c in table.columns))
    )


def _said(frame: pd.DataFrame) -> str:
    filled = frame[frame["last_changed"].notna()]
    if filled.empty:
        return f"None of {many(len(frame), 'table')} has been written yet."
    largest = filled.loc[filled["rows"].fillna(0).idxmax()]
    rest = len(frame) - len(filled)
    still = f"; {many(rest, 'table')} {'is' if rest == 1 else 'are'} empty" if rest else ""
    return f"The largest is {largest['table']} with {many(int(largest['rows']), 'row')}{still}."


def _tags_card(columns: list[tuple[Table, Column]]) -> Card:
    frame = pd.DataFrame(
        [
            {"tag": tag.value, "columns": n, "meaning": TERMS[tag.value].meaning}
            for tag in Tag
            if (n := sum(c.tag is tag for _, c in columns))
        ],
        columns=["tag", "columns", "meaning"],
    )
    identifying = sum(c.tag is IDENTIFYING for _, c in columns)
    verb = "says" if identifying == 1 else "say"
    return Card(
        "tags", "How sensitive the columns are",
        f"{identifying:,} of {many(len(columns), 'column')} {verb} by themselves who somebody is.", frame,
        "Each column is declared with one tag; access, de-identification and erasure follow from it.",
        figures.bars(frame, "tag", "columns", horizontal=True, unit="columns"),
        links={"tag": lambda row: at("catalog", term=row["tag"])}, wide=True, height=280,
    )  # fmt: skip


def _glossary() -> Card:
    frame = pd.DataFrame([{"term": t.name, "meaning": t.meaning, "group": t.group} for t in TERMS.values()])
    return Card(
        "glossary", "Terms", f"{many(len(frame), 'term')} in {many(frame['group'].nunique(), 'group')}.",
        frame.sort_values("term", key=lambda s: s.str.lower()), "As these pages and the tables use the words.",
        columns={"term": "term", "meaning": "meaning", "group": "about"},
        links={"term": lambda row: at("catalog", term=row["term"])}, wide=True,
    )  # fmt: skip


# --- one word ---


def _term(name: str) -> View:
    term = TERMS.get(name)
    if name == TAGS.lower():
        return _term_view(
            "Sensitivity tags", _about_tags(), [_tags_card([(t, c) for t in TABLES.values() for c in t.columns])]
        )
    if term is None:
        near = difflib.get_close_matches(name, TERMS, 1)
        hint = f"did you mean {near[0]}?" if near else "the catalog's glossary lists them all."
        raise InputError(f"the glossary has no such term; {hint}")
    cards = []
    if term.group == TAGS:
        cards.append(_tagged(Tag(name)))
    elif term.tables:
        frame = pd.DataFrame([{"table": t, "doc": TABLES[t].doc} for t in term.tables])
        cards.append(
            Card(
                "seen_in", "Where to see it",
                f"{many(len(frame), 'table')} {'shows' if len(frame) == 1 else 'show'} it.", frame,
                "Tables that hold it.", columns={"table": "table", "doc": "what it holds"},
                links={"table": lambda row: at("catalog", table=row["table"])}, wide=True,
            )
        )  # fmt: skip
    return _term_view(term.name, term.meaning, cards)


def _about_tags() -> str:
    return "How sensitive a column is. Every column is declared with one tag; access and erasure follow from it."


def _term_view(title: str, meaning: str, cards: list[Card]) -> View:
    return View(
        [html.P(meaning, className="question"), *cards], title=title, back=("/catalog", "Catalog"), shows_filters=False
    )


def _tagged(tag: Tag) -> Card:
    found = [(t, c) for t in TABLES.values() for c in t.columns if c.tag is tag]
    frame = pd.DataFrame([{"table": t.name, "column": c.name, "meaning": c.doc} for t, c in found])
    return Card(
        "columns", f"Columns tagged {tag.value}",
        f"{many(len(found), 'column')} of {many(frame['table'].nunique(), 'table')}.", frame, "As they are declared.",
        links={"table": lambda row: at("catalog", table=row["table"]),
               "column": lambda row: at("lineage", node=f"{row['table']}.{row['column']}")}, wide=True,
    )  # fmt: skip


def _owners(ask: Ask) -> list[tuple[str, str]]:
    return [(owner, owner) for owner in sorted({t.owner for t in TABLES.values()})]


PAGE = Page(
    "/catalog",
    "Catalog",
    "Lake",
    "catalog",
    "Which tables and columns are there, what do they mean, and who answers for them?",
    build,
    filters=(
        Choice("layer", "Layer", [(name, name) for name in _LAYERS]),
        Choice("tag", "Sensitivity tag", [(tag.value, tag.value) for tag in Tag]),
        Choice("owner", "Owner", _owners),
        Word("table"),
        Word("term"),
    ),
    order=40,
)
