"""Lineage as a graph: which columns, down to FHIR elements, a column is made of, and what is made of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

DIRECT, INDIRECT, CONSTANT, UNKNOWN = "DIRECT", "INDIRECT", "CONSTANT", "UNKNOWN"
IDENTITY, TRANSFORMATION, AGGREGATION = "IDENTITY", "TRANSFORMATION", "AGGREGATION"
JOIN, FILTER, GROUP_BY, SORT, WINDOW, CONDITIONAL = "JOIN", "FILTER", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL"


class Node(NamedTuple):
    """A column of a table, or with `element` what one FHIR element in it says; without `column` the whole row."""

    dataset: str
    column: str = ""
    element: str = ""

    def __str__(self) -> str:
        place = f"{self.dataset}.{self.column}" if self.column else self.dataset or "no column"
        return f"{place} {self.element}" if self.element else place


@dataclass(frozen=True, order=True)
class Edge:
    """One way in which a column depends on another, in OpenLineage's terms.

    An output without a column means all of them: the input decides which rows there are. `masking` is true where the
    input's values can't be read back from the output (a hash, a count). A column made of no other has one edge of kind
    CONSTANT; one whose origin could not be told has one of kind UNKNOWN. Both have an input without a dataset.
    """

    output: Node
    input: Node
    kind: str
    subtype: str = ""
    masking: bool = False

    @property
    def words(self) -> str:
        """The kind as people say it: `identity`, `group by, masked`."""
        said = (self.subtype or self.kind).lower().replace("_", " ")
        return said + (", masked" if self.masking else "")


@dataclass(frozen=True)
class Tree:
    """A node with what lies behind it; `how` says in which ways it is reached from the node above."""

    node: Node
    how: tuple[str, ...] = ()
    children: tuple["Tree", ...] = ()

    def walk(self) -> Iterator[tuple["Tree", "Tree"]]:
        """Every pair of a node and one below it."""
        for child in self.children:
            yield self, child
            yield from child.walk()

    def lines(self) -> list[str]:
        """The tree as text, one line a node."""
        found = [str(self.node) + (f"  ({'; '.join(self.how)})" if self.how else "")]
        for child in self.children:
            branch, rest = ("└─ ", "   ") if child is self.children[-1] else ("├─ ", "│  ")
            first, *others = child.lines()
            found += [branch + first, *(rest + line for line in others)]
        return found

    def as_dict(self) -> dict[str, object]:
        """The tree as JSON writes it."""
        found: dict[str, object] = {name: text for name, text in self.node._asdict().items() if text}
        if self.how:
            found["how"] = list(self.how)
        if self.children:
            found["children"] = [child.as_dict() for child in self.children]
        return found


@dataclass(frozen=True)
class Graph:
    """Edges, to be followed up to where a column comes from and down to what depends on it."""

    edges: tuple[Edge, ...]
    _above: dict[Node, dict[Node, list[str]]] = field(default_factory=dict, repr=False)
    _below: dict[Node, dict[Node, list[str]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for edge in sorted(self.edges):
            # What decides the rows of a table is kept apart from what the table is made of.
            output = edge.output if edge.output.column else rows_of(edge.output.dataset)
            _note(self._above, output, edge.input, edge.words)
            _note(self._below, edge.input, output, edge.words)
            if edge.input.element:
                # An element is a part of its column: who asks for the column means all that it holds.
                _note(self._below, Node(edge.input.dataset, edge.input.column), output, edge.words)
            if edge.input.dataset:
                table, read = Node(edge.output.dataset), Node(edge.input.dataset)
                _note(self._above, table, read, "table")
                _note(self._below, read, table, "table")

    def nodes(self) -> set[Node]:
        """Every table, column and element that an edge names."""
        found = {node for edge in self.edges for node in (edge.output, edge.input) if node.dataset}
        wholes = {Node(n.dataset, n.column) for n in found}
        return found | wholes | {Node(n.dataset) for n in found}

    def names(self) -> dict[str, list[Node]]:
        """Nodes by what people call them: `silver.patient`, `silver.patient.birth_on`, `Patient.birthDate`.

        The layer may be left out. One element may stand in several columns.
        """
        known: dict[str, list[Node]] = {}
        for node in sorted(self.nodes()):
            place = f"{node.dataset}.{node.column}" if node.column else node.dataset
            for said in [node.element] if node.element else [place, place.split(".", 1)[1]]:
                known.setdefault(said, []).append(node)
        return known

    def up(self, node: Node, depth: int = 99) -> Tree:
        """What the node is made of, down to where nothing lies behind."""
        return _tree(self._above, node, (), depth, frozenset())

    def down(self, node: Node, depth: int = 99) -> Tree:
        """What depends on the node."""
        return _tree(self._below, node, (), depth, frozenset())

    def deciding_rows(self, dataset: str) -> Tree:
        """What decides which rows a table has: filters, joins, groups; not followed any further."""
        return self.up(rows_of(dataset), 1)


ROWS = "(rows)"  # in place of a column


def rows_of(dataset: str) -> Node:
    """The node that stands for which rows a table has."""
    return Node(dataset, ROWS)


def _note(links: dict[Node, dict[Node, list[str]]], start: Node, end: Node, words: str) -> None:
    if start != end:
        ways = links.setdefault(start, {}).setdefault(end, [])
        if words not in ways:
            ways.append(words)


def _tree(
    links: dict[Node, dict[Node, list[str]]], node: Node, how: tuple[str, ...], depth: int, seen: frozenset[Node]
) -> Tree:
    """Tables may refer to each other in a circle: a node that stands above is not followed again."""
    if not depth or node in seen:
        return Tree(node, how)
    further = links.get(node, {})
    children = tuple(_tree(links, n, tuple(ways), depth - 1, seen | {node}) for n, ways in further.items())
    return Tree(node, how, children)


def to_mermaid(trees: Iterable[Tree], *, upwards: bool) -> str:
    """A flowchart that runs from sources to what is made of them; each node is drawn once."""
    names: dict[Node, str] = {}
    arrows: dict[str, None] = {}

    def name(node: Node) -> str:
        return names.setdefault(node, f"n{len(names)}")

    for tree in trees:
        name(tree.node)
        for above, below in tree.walk():
            ends = (name(below.node), name(above.node)) if upwards else (name(above.node), name(below.node))
            said = "; ".join(way for way in below.how if way != "table")
            arrows[f"  {ends[0]} -->{f'|{said}|' if said else ''} {ends[1]}"] = None
    boxes = [f'  {short}["{str(node).replace(chr(34), "#quot;")}"]' for node, short in names.items()]
    return "\n".join(["flowchart LR", *boxes, *arrows])
