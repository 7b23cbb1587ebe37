"""Rows about one table, column or FHIR element among those that it is tied to, as cards of the lineage page."""

from collections.abc import Sequence

import pandas as pd

from catalog.lineage import Graph, Node, Tree
from catalog.registry import TABLES
from dash_app import walk
from dash_app.page import Card
from dash_app.words import many

QUERY = "lineage_edges"


def ties(graph: Graph, nodes: Sequence[Node]) -> pd.DataFrame:
    """The direct neighbours, one row each."""
    rows = []
    for said, near in (("made of", walk.above(graph)), ("needed by", walk.below(graph))):
        for node in nodes:
            for tree in near(node):
                rows.append(
                    {
                        "node": walk.name_of(node),
                        "tie": said,
                        "other": walk.str_of(tree.node) if tree.node.dataset else "constant",
                        "how": walk.in_words(tree.how),
                        "openlineage": "; ".join(w for w in tree.how if w != "table"),
                    }
                )
    return pd.DataFrame(rows, columns=["node", "tie", "other", "how", "openlineage"])


def tree_card(name: str, title: str, trees: Sequence[Tree], empty: str) -> Card:
    """All that lies behind or ahead of a node, line by line."""
    found = [line for line in walk.lines(trees) if line.level]
    frame = pd.DataFrame(
        [
            {
                "level": line.level,
                "table": line.node.dataset,
                "column": line.node.column,
                "fhir_element": line.node.element,
                "how": walk.in_words(line.ways),
            }
            for line in found
        ],
        columns=["level", "table", "column", "fhir_element", "how"],
    )
    return Card(
        name, title, f"{many(len(found), 'line')}, {many(walk.depth(trees), 'level')} deep.", frame,
        "What is reached by several ways stands below each of them, as `lake lineage` prints it.",
        query=QUERY, empty=empty, content=walk.nested(trees, title) if found else None,
    )  # fmt: skip


def columns_card(graph: Graph, dataset: str) -> Card:
    """The columns of a table, each with what it is made of in the end."""
    rows = []
    for column in TABLES[dataset].columns:
        tree = graph.up(Node(dataset, column.name))
        elements = sorted({n.element for n in walk.behind([tree]) if n.element})
        rows.append(
            {
                "column": column.name,
                "made_of": walk.things({t.node for t in tree.children if t.node.dataset}) or "no other column",
                "elements": len(elements),
                "meaning": column.doc,
                "all_elements": ", ".join(elements),
            }
        )
    frame = pd.DataFrame(rows)
    told = int((frame["elements"] > 0).sum())
    return Card(
        "columns", f"The columns of {dataset}",
        f"{told:,} of {many(len(frame), 'column')} {'leads' if told == 1 else 'lead'} back to FHIR elements.", frame,
        "What each column is made of directly, and of how many FHIR elements in the end; the CSV names them all.",
        columns={"column": "column", "made_of": "made of", "elements": "FHIR elements", "meaning": "meaning"},
        links={"column": lambda row: walk.address(Node(dataset, row["column"]))},
        query=QUERY, wide=True,
    )  # fmt: skip


def rows_card(graph: Graph, dataset: str) -> Card:
    """What decides which rows a table has."""
    found = graph.deciding_rows(dataset).children
    frame = pd.DataFrame(
        [{"column": walk.str_of(t.node), "how": walk.in_words(t.how), "name": walk.name_of(t.node)} for t in found],
        columns=["column", "how", "name"],
    )
    said = many(len(found), "column or element", "columns and elements")
    verb = "decides" if len(found) == 1 else "decide"
    return Card(
        "rows", f"What decides which rows {dataset} has", f"{said} {verb} which rows there are.", frame,
        "Filters, matches and groupings; each of them bears on every column of the table.",
        columns={"column": "column or element", "how": "how"},
        links={"column": lambda row: f"/lineage?node={row['name']}"},
        query=QUERY, empty="Nothing is known to decide about its rows.", wide=True,
    )  # fmt: skip
