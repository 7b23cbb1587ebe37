"""Lineage: where a column comes from, down to the FHIR element, and what depends on it. A graph to walk."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
import pandas as pd
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from dash.dependencies import ALL
from dash.development.base_component import Component

from catalog.lineage import Edge, Graph, Node, Tree
from catalog.registry import TABLES
from dash_app import walk
from dash_app.data import Ask, Reader
from dash_app.lineage_cards import QUERY, columns_card, rows_card, ties, tree_card
from dash_app.page import Alert, Card, Page, Stat, View, Word
from dash_app.words import many
from lakehouse.errors import InputError

_LAYERS = ("bronze", "silver", "gold", "ops")
_FAR = ("What that is made of", "And further back")
_LEFT = ("Made of", *_FAR)
_RIGHT = ("Needed by", "And by way of that")
_ASKED = "As the newest published run of each table was computed: read off what ran, not off a declaration."


def build(ask: Ask, filters: Mapping[str, Any]) -> View:
    """The layers of the lake, or with `node` one table, column or FHIR element among its neighbours."""
    edges = ask(QUERY)
    graph: Graph = ask.derived("lineage", lambda: Graph(tuple(_edge(row) for row in edges.to_dict("records"))))
    if not filters["node"]:
        return _start(graph)
    nodes = _called(graph, filters["node"])
    return _node(graph, nodes, everything=filters["all"] == "1")


def _edge(row: Mapping[Any, Any]) -> Edge:
    output = Node(row["output_table"], row["output_column"])
    given = Node(row["input_table"], row["input_column"], row["element"])
    return Edge(output, given, row["kind"], row["subtype"], bool(row["masking"]))


def _called(graph: Graph, name: str) -> list[Node]:
    """The nodes of a name in the address; those that are declared are known even where nothing has run."""
    known = graph.names()
    if name in known:
        return known[name]
    dataset, column = (name, "") if name in TABLES else ((*name.rsplit(".", 1), "")[:2])
    if dataset in TABLES and (not column or TABLES[dataset].has(column)):
        return [Node(dataset, column)]
    near = difflib.get_close_matches(name, [*known, *TABLES], 3)
    hint = f"did you mean {' or '.join(near)}?" if near else "choose a table from the list of all."
    raise InputError(f"there is no table, column or FHIR element of that name; {hint}")


# --- without a node: the layers ---


def _start(graph: Graph) -> View:
    elements = {n.element for n in graph.nodes() if n.element}
    tables = _tables(graph)
    fed = tables[tables["reads"] > 0]
    stats = [
        Stat(layer.capitalize(), int((tables["layer"] == layer).sum()),
             f"Declared tables of the {layer} layer, with the number of their columns below.", unit="tables",
             note=many(int(tables.loc[tables["layer"] == layer, "columns"].sum()), "column"),
             href=f"/catalog?layer={layer}")
        for layer in _LAYERS[:3]
    ]  # fmt: skip
    stats.append(
        Stat("FHIR elements", len(elements), "Different elements of FHIR resources that some column is made of.",
             note=f"of {many(len({e.partition('.')[0] for e in elements}), 'resource type')}"),
    )  # fmt: skip
    links = int(fed["reads"].sum())
    said = f"{many(len(fed), 'table')} {'is' if len(fed) == 1 else 'are'} made of others, by {many(links, 'tie')}."
    return View(
        [
            _picker(graph, []),
            *([] if graph.edges else [Alert("No job has run yet, so no tie is known: `lake run all` runs them.")]),
            *stats,
            Card(
                "tables", "Which tables feed which",
                said if graph.edges else "No table is known to be made of another yet.",
                tables, _ASKED + " Walk on by choosing a table.",
                columns={"table": "table", "layer": "layer", "columns": "columns", "reads": "made of tables",
                         "read_by": "needed by tables", "made_of": "made of"},
                query=QUERY, wide=True, content=_layers(graph),
            ),
        ]
    )  # fmt: skip


def _tables(graph: Graph) -> pd.DataFrame:
    rows = []
    for name, table in TABLES.items():
        node = Node(name)
        given = [t.node.dataset for t in graph.up(node, 1).children]
        rows.append(
            {
                "layer": table.schema_name,
                "table": name,
                "columns": len(table.columns),
                "reads": len(given),
                "read_by": len(graph.down(node, 1).children),
                "made_of": ", ".join(given),
            }
        )
    return pd.DataFrame(rows)


def _layers(graph: Graph) -> Component:
    """Every table that is tied to another, in lanes by layer; a lane of its own for what is made of its own layer."""
    near = walk.above(graph)
    given = {name: [t.node for t in near(Node(name))] for name in TABLES}
    tied = {name for name, found in given.items() if found} | {n.dataset for found in given.values() for n in found}
    lanes = []
    for layer, title in (("silver", "Silver"), ("gold", "Gold")):
        of_layer = [name for name in TABLES if name in tied and name.startswith(f"{layer}.")]
        first = [n for n in of_layer if not any(g.dataset.startswith(f"{layer}.") for g in given[n])]
        rest = [n for n in of_layer if n not in first]
        for names, heading in ((first, title), (rest, f"{title}, second step")):
            ties = {Node(n): dict.fromkeys(given[n], ("table",)) for n in names}
            if names:
                lanes.append(walk.Lane(heading, tuple(ties), ties, len(names)))
    bronze = tuple(Node(n) for n in TABLES if n in tied and n.startswith("bronze."))
    if not lanes:
        return html.P("Once jobs have run, their tables stand here.", className="empty")
    return walk.picture(
        [], walk.Lane("Bronze", bronze, {}, len(bronze)), lanes, "/lineage", "Which tables feed which",
        naming=lambda node: node.dataset.partition(".")[2], is_walk=False,
    )  # fmt: skip


# --- one node ---


def _node(graph: Graph, nodes: Sequence[Node], *, everything: bool) -> View:
    name = walk.name_of(nodes[0])
    ups, downs = [graph.up(n) for n in nodes], [graph.down(n) for n in nodes]
    sources = walk.behind(ups)
    needed = walk.behind(downs)
    blocks: list[Any] = [_about(nodes), _picker(graph, nodes)]
    if not sources and not needed:
        blocks.append(Alert(_noties(nodes[0])))
    blocks += [*_numbers(nodes[0], ups, sources, needed)]
    blocks += [
        Card(
            "graph", f"Around {name}", _said(name, ups, downs), ties(graph, nodes),
            _ASKED + " At most so many levels are drawn as fit; the lists below go all the way.",
            query=QUERY, wide=True, content=_picture(graph, nodes, everything=everything),
        ),
        *([columns_card(graph, name)] if name in TABLES else []),
        tree_card("made_of", f"All that {name} is made of", ups, "Nothing lies behind it: a source or a constant."),
        tree_card("needed_by", f"All that needs {name}", downs, "Nothing depends on it yet."),
    ]  # fmt: skip
    if not nodes[0].element:
        blocks.append(rows_card(graph, nodes[0].dataset))
    return View(blocks, title=f"Lineage of {name}", back=("/lineage", "All tables"))


def _numbers(node: Node, ups: Sequence[Tree], sources: set[Node], needed: set[Node]) -> list[Stat]:
    """How much lies behind and ahead; of a source only what lies ahead."""
    depth = Stat("Steps to the source", walk.depth(ups), "The longest way from it back to where nothing lies behind.")
    if not node.column:
        behind, ahead = {n.dataset for n in sources}, {n.dataset for n in needed}
        made = Stat("Made of", len(behind), "Tables on all ways back to the sources.", unit="tables")
        need = Stat("Needed by", len(ahead), "Tables that it goes into, directly or by way of others.", unit="tables")
        return [made, depth, need] if behind else [need]
    ahead_of = [n for n in needed if walk.is_column(n)]
    stats = [
        Stat("FHIR elements", len({n.element for n in sources if n.element}),
             "Different elements of FHIR resources that it is made of in the end."),
        Stat("Made of", len([n for n in sources if walk.is_column(n)]), "Columns on all ways back to the sources.",
             unit="columns"),
        depth,
    ] if sources else []  # fmt: skip
    note = f"in {many(len({n.dataset for n in ahead_of}), 'table')}" if ahead_of else ""
    definition = "Columns that it goes into, directly or by way of others."
    return [*stats, Stat("Needed by", len(ahead_of), definition, unit="columns", note=note)]


def _about(nodes: Sequence[Node]) -> Component:
    """What it is, in the words of its declaration, with the way to the catalog."""
    node = nodes[0]
    table = TABLES.get(node.dataset)
    if node.element:
        places = ", ".join(f"{n.dataset}.{n.column}" for n in nodes)
        return html.P(f"An element of FHIR, as it stands in {places}.", className="question")
    if table is None:
        return html.P("The catalog does not declare it.", className="question")
    doc = table.column(node.column).doc if node.column and table.has(node.column) else table.doc
    link = dcc.Link(f"{table.name} in the catalog", href=f"/catalog?table={table.name}")
    return html.P([doc, " ", link], className="question")


def _noties(node: Node) -> str:
    if node.dataset.startswith(("bronze.", "ops.")):
        return "No published run has read it, and it is made of no other table."
    return (
        f"No published run of {node.dataset} has computed anything yet: `lake run {node.dataset}` brings it up to date."
    )


def _said(name: str, ups: Sequence[Tree], downs: Sequence[Tree]) -> str:
    direct = {c.node for tree in ups for c in tree.children if c.node.dataset}
    further = {c.node for tree in downs for c in tree.children}
    made = f"{name} is made of {walk.things(direct)}" if direct else f"Nothing lies behind {name}"
    verb = "needs" if len(further) == 1 else "need"
    need = f"{walk.things(further)} {verb} it" if further else "nothing depends on it"
    return f"{made}; {need}."


def _picture(graph: Graph, nodes: Sequence[Node], *, everything: bool) -> Component:
    most = walk.MOST_AT_ALL if everything else walk.MOST_BOXES
    right = walk.lanes(walk.below(graph), nodes, 2, most, _RIGHT)
    left = walk.lanes(walk.above(graph), nodes, 2 if right else 3, most, _LEFT)
    middle = walk.Lane("Here", tuple(nodes), {}, len(nodes))
    name = walk.name_of(nodes[0])
    naming = None if nodes[0].column else walk.name_of
    graphic = walk.picture(left, middle, right, f"{walk.address(nodes[0])}&all=1", f"Around {name}", naming=naming)
    fewer = dcc.Link("Show fewer", href=walk.address(nodes[0]), className="small") if everything else None
    return html.Div([graphic, fewer, walk.ways_shown()])


# --- the search ---


def _picker(graph: Graph, nodes: Sequence[Node]) -> Component:
    """Lists to choose a table, a column of it, or a FHIR element from."""
    node = nodes[0] if nodes else Node("")
    table = "" if node.element else node.dataset
    columns = [c.name for c in TABLES[table].columns] if table in TABLES else []
    elements = sorted({n.element for n in graph.nodes() if n.element})
    chosen = f"{table}.{node.column}" if node.column and not node.element else None
    lists = [
        _list("table", "Table", [(n, n) for n in TABLES], table or None, "Choose a table"),
    ]
    if columns:
        lists.append(_list("column", "Column", [(f"{table}.{c}", c) for c in columns], chosen, "Choose a column"))
    if elements and (not nodes or node.element):
        hint = "Such as Patient.birthDate"
        lists.append(_list("element", "FHIR element", [(e, e) for e in elements], node.element or None, hint))
    return html.Div(lists, className="filters", role="search", **{"aria-label": "Lineage of"})


def _list(name: str, label: str, options: Sequence[tuple[str, str]], value: str | None, hint: str) -> Component:
    data = [{"value": v, "label": words} for v, words in options]
    return dmc.Select(
        id={"kind": "walk", "name": name}, label=label, data=data, value=value, placeholder=hint, searchable=True,
        clearable=name != "element", clearButtonProps={"aria-label": f"Clear {label}"}, limit=100, size="sm", w=280,
    )  # fmt: skip


def _register(app: Dash, reader: Reader) -> None:
    """What is chosen in the lists becomes the address."""
    app.clientside_callback(
        ClientsideFunction("lineage", "go"),
        Output("url", "search", allow_duplicate=True),
        Input({"kind": "walk", "name": ALL}, "value"),
        State({"kind": "walk", "name": ALL}, "id"),
        State("url", "search"),
        prevent_initial_call=True,
    )


PAGE = Page(
    "/lineage",
    "Lineage",
    "Lake",
    "lineage",
    "What is each column made of, down to the FHIR element, and what depends on it?",
    build,
    filters=(Word("node"), Word("all")),
    order=30,
    register=_register,
)
