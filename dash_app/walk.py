"""A graph to walk: plain links in columns, from what something is made of to what depends on it.

The links alone say everything, so that keyboard, screen reader and paper do; assets/lineage.js draws the curves.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from dash import dcc, html
from dash.development.base_component import Component

from catalog.lineage import ROWS, Graph, Node, Tree
from dash_app.words import many

MOST_BOXES = 12  # of one column, until all are asked for
MOST_AT_ALL = 120  # even then: a page has to stay light; the lists below and their CSV have the rest

# How OpenLineage calls a dependency: how people read it, and what it means.
WAYS: dict[str, tuple[str, str]] = {
    "identity": ("same value", "The value is taken over as it is."),
    "transformation": ("computed", "The value is worked out from it, row by row."),
    "aggregation": ("summed up", "The value is a count, sum, extreme or list over several rows of it."),
    "conditional": ("condition", "It decides which value is taken."),
    "join": ("match", "Rows of two tables are put together where it agrees."),
    "filter": ("row filter", "It decides which rows count."),
    "group by": ("grouping", "Rows are put together by it before they are summed up."),
    "window": ("rows compared", "It says which rows are compared with each other, and in which order."),
    "sort": ("order", "Rows are put in order by it."),
    "constant": ("constant", "The same value in each row, made of no column."),
    "unknown": ("unknown", "Where it comes from could not be read from what ran."),
    "table": ("table", "Some column of the one is made of some column of the other."),
}
_MASKED = "masked"
_DIRECT = ("identity", "transformation", "aggregation", "table")

Near = Callable[[Node], Iterable[Tree]]


def in_words(ways: Sequence[str]) -> str:
    """The ways of a dependency as people read them: `computed, condition`; masked where it can't be read back."""
    plain = [w.removesuffix(f", {_MASKED}") for w in ways if w != "table"]
    said = list(dict.fromkeys(WAYS.get(w, (w, ""))[0] for w in plain))
    hidden = bool(ways) and all(w.endswith(_MASKED) for w in ways)
    return ", ".join([*said, *([_MASKED] if hidden else [])])


def name_of(node: Node) -> str:
    """What a node is called in an address: `silver.encounter.ended_at`, or the path of a FHIR element."""
    return node.element or (f"{node.dataset}.{node.column}" if node.column not in ("", ROWS) else node.dataset)


def address(node: Node) -> str:
    """Where to see a node with its neighbours."""
    return f"/lineage?{urlencode({'node': name_of(node)})}"


def group_of(node: Node) -> str:
    """Under which heading a node stands: its table, or the FHIR resource of an element."""
    return f"FHIR {node.element.partition('.')[0]}" if node.element else node.dataset


def label_of(node: Node) -> str:
    """What a node is called below that heading."""
    if node.column == ROWS:
        return "which rows there are"
    return node.element or node.column or ("the whole table" if node.dataset else "constant")


@dataclass(frozen=True)
class Lane:
    """One column of boxes: the nodes that are shown, how each is tied to nearer ones, and how many there are."""

    title: str
    nodes: tuple[Node, ...]
    ties: Mapping[Node, Mapping[Node, tuple[str, ...]]] = field(default_factory=dict)
    total: int = 0


def lanes(near: Near, here: Sequence[Node], depth: int, most: int, titles: Sequence[str]) -> list[Lane]:
    """The neighbours of `here`, nearest first; who is reached by several ways stands as far out as the longest goes."""
    level: dict[Node, int] = {}
    frontier = set(here)
    for step in range(1, depth + 1):
        frontier = {tree.node for node in frontier for tree in near(node)} - set(here)
        level |= dict.fromkeys(frontier, step)
    ties: dict[Node, dict[Node, tuple[str, ...]]] = {}
    for node in (*here, *level):
        for tree in near(node):
            if level.get(tree.node, 0) > level.get(node, 0):
                ties.setdefault(tree.node, {})[node] = tree.how
    found, shown = [], {node: float(place) for place, node in enumerate(here)}
    for step in range(1, depth + 1):
        tied = [n for n, at in level.items() if at == step and ties.get(n, {}).keys() & shown.keys()]
        if not tied:
            continue
        nodes = _in_order(tied, ties, shown)[:most]
        found.append(Lane(titles[step - 1], tuple(nodes), {n: _only(ties[n], shown) for n in nodes}, total=len(tied)))
        shown |= {node: float(place) for place, node in enumerate(nodes)}
    return found


def _only(ties: Mapping[Node, tuple[str, ...]], shown: Mapping[Node, float]) -> dict[Node, tuple[str, ...]]:
    return {node: how for node, how in ties.items() if node in shown}


def _in_order(
    nodes: Sequence[Node], ties: Mapping[Node, Mapping[Node, tuple[str, ...]]], places: Mapping[Node, float]
) -> list[Node]:
    """Groups together, each as near as can be to the height of what it is tied to: few curves cross."""
    height = {n: _mean([places[end] for end in ties[n] if end in places]) for n in nodes}
    groups: dict[str, list[float]] = {}
    for node in nodes:
        groups.setdefault(group_of(node), []).append(height[node])
    return sorted(nodes, key=lambda n: (_mean(groups[group_of(n)]), group_of(n), height[n], label_of(n)))


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


Naming = Callable[[Node], str]


def picture(
    left: Sequence[Lane],
    middle: Lane,
    right: Sequence[Lane],
    everything: str,
    label: str,
    *,
    naming: Naming | None = None,
    is_walk: bool = True,
) -> Component:
    """The lanes as HTML, sources to the left. `everything` is the address that shows all of a lane.

    `naming` names the boxes where each is a table of its own, without headings above them. Without `is_walk` nothing
    stands in the middle: all lanes are alike.
    """
    order = [*reversed(left), middle, *right]
    ids = {node: f"n{i}" for i, node in enumerate(node for lane in order for node in lane.nodes)}
    columns = []
    for lane in order:
        towards = "to" if lane in left else "from"
        columns.append(_lane(lane, ids, towards, everything, here=is_walk and lane is middle, naming=naming))
    shown: list[Component] = [html.Div(className="walk-lines", **{"aria-hidden": "true"}), *columns]
    return html.Div(
        html.Div(shown, className="walk"),
        className="walk-scroll",
        tabIndex="0",
        role="region",
        **{"aria-label": f"{label}, graph"},
    )


def _lane(
    lane: Lane, ids: Mapping[Node, str], towards: str, everything: str, *, here: bool, naming: Naming | None
) -> Component:
    groups: dict[str, list[Node]] = {}
    for node in lane.nodes:
        groups.setdefault("" if naming else group_of(node), []).append(node)
    parts: list[Component] = [html.H3(lane.title)]
    for name, nodes in groups.items():
        boxes = [_box(node, lane.ties.get(node, {}), ids, towards, here=here, naming=naming) for node in nodes]
        inside: list[Component] = [_heading(name, nodes[0])] if name else []
        parts.append(html.Div([*inside, html.Ul(boxes)], className="walk-group"))
    more = lane.total - len(lane.nodes)
    if more > 0 and len(lane.nodes) >= MOST_AT_ALL:
        parts.append(html.P(f"{more:,} more: the CSV below has all.", className="note"))
    elif more > 0:
        parts.append(html.P(dcc.Link(f"all {lane.total:,}", href=everything), className="note"))
    return html.Div(parts, className="walk-lane")


def _heading(name: str, node: Node) -> Component:
    shown = name if node.element or not node.dataset else dcc.Link(name, href=address(Node(node.dataset)))
    return html.Div(shown, className="walk-table")


def _box(
    node: Node,
    ties: Mapping[Node, tuple[str, ...]],
    ids: Mapping[Node, str],
    towards: str,
    *,
    here: bool,
    naming: Naming | None,
) -> Component:
    words = in_words([way for how in ties.values() for way in how])
    label = naming(node) if naming else label_of(node)
    shown: list[Component] = [html.Span(label, className="walk-name")]
    if words:
        shown.append(html.Span(words, className="walk-how"))
    ends = " ".join(ids[n] + ("" if any(w in _DIRECT for w in how) else "~") for n, how in ties.items() if n in ids)
    data = {"data-node": ids[node], **({f"data-{towards}": ends} if ends else {})}
    if here:
        return html.Li(html.Strong(shown), className="walk-box here", **data, **{"aria-current": "true"})
    linked = dcc.Link(shown, href=address(node)) if node.dataset else html.Span(shown)
    return html.Li(linked, className="walk-box", **data)


def ways_shown() -> Component:
    """What the words on the boxes mean, to fold out."""
    said = []
    for term, (word, meaning) in WAYS.items():
        if term != "table":
            said += [html.Dt(word), html.Dd(f"{meaning} (OpenLineage: {term})")]
    said += [html.Dt(_MASKED), html.Dd("It counts, but its values can't be read back, as those of a hash or a count.")]
    note = "A solid curve carries values, a dashed one decides about them."
    return html.Details([html.Summary("What the words mean"), html.Dl(said), html.P(note)], className="about ways")


@dataclass(frozen=True)
class Line:
    """One line of a tree: how deep it stands, and how it is tied to the line that it hangs from."""

    level: int
    node: Node
    ways: tuple[str, ...]


def lines(trees: Iterable[Tree], level: int = 0) -> Iterable[Line]:
    """The trees from top to bottom, as `lake lineage` prints them."""
    for tree in trees:
        yield Line(level, tree.node, tree.how)
        yield from lines(tree.children, level + 1)


def behind(trees: Sequence[Tree]) -> set[Node]:
    """All that the trees hold below their first nodes; no constants."""
    return {below.node for tree in trees for _, below in tree.walk() if below.node.dataset}


def depth(trees: Sequence[Tree]) -> int:
    """How many steps the longest way takes."""
    return max((line.level for line in lines(trees)), default=0)


def is_column(node: Node) -> bool:
    """Whether it is a column of a table: no element, no whole table, not its choice of rows."""
    return bool(node.column) and not node.element and node.column != ROWS


def things(nodes: set[Node]) -> str:
    """`3 columns of 2 tables`, `1 FHIR element`."""
    columns = [n for n in nodes if is_column(n)]
    elements = [n for n in nodes if n.element]
    tables = [n for n in nodes if not n.column]
    rows = [n for n in nodes if n.column == ROWS]
    said = []
    if columns:
        said.append(f"{many(len(columns), 'column')} of {many(len({n.dataset for n in columns}), 'table')}")
    if elements:
        said.append(many(len(elements), "FHIR element"))
    if tables:
        said.append(many(len(tables), "whole table") if columns or elements else many(len(tables), "table"))
    if rows:
        said.append(f"the choice of rows of {many(len(rows), 'table')}")
    return " and ".join(said)


def nested(trees: Sequence[Tree], label: str, most: int = 150) -> Component:
    """The trees as lists in lists; after so many lines it says how many are missing."""
    left = most

    def listed(level: Sequence[Tree]) -> Component | None:
        nonlocal left
        items = []
        for tree in level:
            if left <= 0:
                break
            left -= 1
            words = in_words(tree.how)
            name = dcc.Link(str_of(tree.node), href=address(tree.node)) if tree.node.dataset else "constant"
            how = html.Span(f" {words}", className="walk-how") if words else None
            items.append(html.Li([name, how, listed(tree.children)]))
        return html.Ul(items) if items else None

    body = [part for tree in trees for part in (html.Strong(str_of(tree.node)), listed(tree.children))]
    missing = sum(1 for line in lines(trees) if line.level) - most
    note = html.P(f"{many(missing, 'more line')}: the CSV has all.", className="note") if missing > 0 else None
    return html.Div([*body, note], className="tree", tabIndex="0", role="region", **{"aria-label": f"{label}, list"})


def str_of(node: Node) -> str:
    """A node by its whole name: a table, a column, or an element with the word FHIR before it."""
    if node.column == ROWS:
        return f"which rows {node.dataset} has"
    return f"FHIR {node.element}" if node.element else name_of(node)


def above(graph: Graph) -> Near:
    """What a node is made of, one step."""
    return lambda node: graph.up(node, 1).children


def below(graph: Graph) -> Near:
    """What depends on a node, one step."""
    return lambda node: graph.down(node, 1).children
