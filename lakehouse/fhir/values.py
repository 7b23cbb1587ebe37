"""What the compiler works with: the JSON that is read, what an expression yields, and where it stands.

Expressions are compiled to Spark SQL text. A collection of FHIRPath is an array (null means empty); where FHIR allows
one value at most it stays a scalar (null means empty), so that most columns need no array at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

from lakehouse.fhir import elements

DECIMAL = "DECIMAL(38,18)"
# Replaced when a view is put on records: only then it is known where the keys come from.
KEY = "\x00KEY\x00"
CONTAINED = "\x00CONTAINED\x00"
# The only field of a struct of which nothing is read: structs cannot be empty.
NO_FIELDS = "'__none', true"


@dataclass(eq=False)
class Node:
    """A JSON element that the view reads; `as_text` keeps the written token of a number."""

    type: str
    is_list: bool = False
    as_text: bool = False
    children: dict[str, Node] = field(default_factory=dict)

    def child(self, element: elements.Element, as_text: bool) -> Node:
        """The node of an element, added to what is read."""
        number = as_text and elements.KINDS.get(element.type) in ("integer", "decimal")
        return self.children.setdefault(element.json, Node(element.type, element.is_list, number))

    def merge(self, other: Node) -> None:
        """Reads here what the other node reads."""
        for name, theirs in other.children.items():
            mine = self.children.setdefault(name, Node(theirs.type, theirs.is_list, theirs.as_text))
            mine.merge(theirs)


@dataclass(frozen=True)
class Value:
    """What an expression yields: SQL text, FHIR type, one or many, and where it comes from.

    `path` is the element path for lineage, None for what is computed from constants alone. `text` is the written token
    of a number. `choice` is set for `value[x]` before `ofType`. `extension` reads the extensions of a primitive.
    `constant` is the text of a string that is known before any data is read.
    """

    sql: str
    type: str
    many: bool = False
    node: Node | None = None
    path: str | None = None
    text: str | None = None
    choice: tuple[Value, str] | None = None
    extension: Callable[[], Value] | None = None
    constant: str | None = None

    @property
    def kind(self) -> str:
        """How it computes: a kind of `elements.KINDS`, "empty", "choice" or "complex"."""
        if self.type in ("empty", "choice"):
            return self.type
        return elements.KINDS.get(self.type, "complex")


@dataclass(frozen=True)
class Problem:
    """A condition that makes a record unusable for the view, and the sentence for it (without patient data)."""

    sql: str
    message: str


@dataclass
class Compilation:
    """What one compilation of a view collects: names in use, reads of resources held as text, and for
    `repeat` the depth, the common shape of its levels and the number of its paths."""

    resource: str
    root: Node
    numbers_as_text: bool
    depth: int
    constants: dict[str, Value] = field(default_factory=dict)
    texts: list[Node] = field(default_factory=list)
    shapes: list[tuple[Node, list[Node]]] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    counter: Iterator[int] = field(default_factory=lambda: count(1))

    def fresh(self) -> str:
        """A variable name that is used nowhere else in the view."""
        return f"__x{next(self.counter)}"


@dataclass
class Scope:
    """Where an expression stands: its focus, the position in the iteration, and the problems found while compiling."""

    compilation: Compilation
    root: Value
    this: Value
    row_index: str = "0"
    problems: list[Problem] = field(default_factory=list)
    depths: list[str] = field(default_factory=list)

    def at(self, this: Value, row_index: str | None = None) -> Scope:
        """The same scope with another focus; what it finds is found here too."""
        return replace(self, this=this, row_index=row_index or self.row_index)

    @contextmanager
    def inside(self, items: str, item: str, index: str | None = None) -> Iterator[None]:
        """Lifts problems and depths found inside a lambda over `items` to records: some item has the problem."""
        problems, depths = len(self.problems), len(self.depths)
        yield
        head = f"({item}, {index})" if index else item
        for at, problem in enumerate(self.problems[problems:], problems):
            each = f"transform({items}, {head} -> {problem.sql})"
            self.problems[at] = Problem(f"array_contains({each}, true)", problem.message)
        for at, depth in enumerate(self.depths[depths:], depths):
            self.depths[at] = f"array_max(transform({items}, {head} -> {depth}))"

    def each(self, value: Value, function: Callable[[Value], Value]) -> Value:
        """A function on every item of a value; the collections that it yields are put one after the other."""
        if not value.many:
            return function(value)
        item = self.compilation.fresh()
        with self.inside(value.sql, item):
            found = function(replace(value, sql=item, many=False, text=item if value.text else None))
        return replace(
            found,
            sql=_mapped(value.sql, item, found.sql, found.many),
            text=_mapped(value.sql, item, found.text, found.many) if found.text else None,
            many=True,
        )

    def single(self, value: Value, where: str) -> Value:
        """The one item of a value; several are a problem of the record, as FHIRPath makes them an error."""
        if not value.many:
            return value
        self.problems.append(Problem(f"(size({value.sql}) > 1)", f"{where}: several values where one is allowed"))
        return pick(value, "0")


def _mapped(items: str, item: str, sql: str, many: bool) -> str:
    if many:
        return f"flatten(transform({items}, {item} -> coalesce({sql}, array())))"
    return f"array_compact(transform({items}, {item} -> {sql}))"


def pick(value: Value, index: str) -> Value:
    """The item at an index, empty beyond the end."""
    text = f"get({value.text}, {index})" if value.text else None
    return replace(value, sql=f"get({value.sql}, {index})", text=text, many=False)


def as_array(value: Value) -> str:
    """The value as an array that is never null."""
    return f"coalesce({value.sql}, array())" if value.many else f"array_compact(array({value.sql}))"


def exists(value: Value) -> str:
    """SQL that is true where the value has an item, else false."""
    return f"coalesce(size({value.sql}) > 0, false)" if value.many else f"({value.sql} IS NOT NULL)"


def quote(text: str) -> str:
    """A SQL string literal; `${` is escaped, for Spark puts settings and environment variables in its place."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "$\\u007b") + "'"
