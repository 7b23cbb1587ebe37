"""`repeat`: all the nodes that paths reach from a node when they are followed again and again, depth first.

SQL has no recursion over JSON, so the levels are unrolled to the depth of the data. What lies deeper than the depth
that was compiled is a problem of the record, never cut off.
"""

from __future__ import annotations

from typing import Any

from lakehouse.fhir import elements
from lakehouse.fhir.errors import at_path, fail
from lakehouse.fhir.expressions import evaluate
from lakehouse.fhir.parser import PathError, parse
from lakehouse.fhir.values import NO_FIELDS, Node, Scope, Value, as_array

_MOST_PATHS = 8


def repeated(scope: Scope, paths: Any, where: str) -> Value:
    """The nodes as one array, depth first, all in the same shape; the type is that of the nodes."""
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        fail(where, "has to be a list of FHIRPath expressions in strings")
    if len(paths) > _MOST_PATHS:
        fail(where, f"has more than {_MOST_PATHS} paths")
    scope.compilation.repeats.append(len(paths))
    walk = _Walk(scope, paths, where)
    nodes = walk.visit(scope.this, 1)
    scope.depths.append(walk.depth(scope.this, 1))
    return Value(nodes, walk.finish(), True, walk.shape, path=walk.element_path)


class _Walk:
    """Follows the paths from level to level; a path need not exist on every level, but on one."""

    def __init__(self, scope: Scope, paths: list[str], where: str) -> None:
        self.scope = scope
        self.where = where
        self.paths = paths
        self.errors: dict[str, PathError] = {}
        self.resolved: set[str] = set()
        self.type = ""
        self.element_path: str | None = None
        self.shape = Node("")
        self.levels: list[Node] = []
        self.number = len(scope.compilation.shapes)
        scope.compilation.shapes.append((self.shape, self.levels))

    def children(self, focus: Value) -> list[Value]:
        """What each path yields at a node."""
        found = []
        for path in self.paths:
            try:
                with at_path(f"{self.where}", path):
                    tree = parse(path)
                value = evaluate(self.scope.at(focus), tree)
            except PathError as error:
                self.errors.setdefault(path, error)
                continue
            self.resolved.add(path)
            if value.kind != "empty":
                self._same_type(value)
                found.append(value)
        return found

    def _same_type(self, value: Value) -> None:
        if value.kind != "complex" or value.type == "Resource":
            fail(self.where, f"follows elements that have parts, not a {value.type}")
        self.type = self.type or value.type
        self.shape.type = self.type
        self.element_path = self.element_path or value.path
        if value.type != self.type:
            fail(self.where, f"mixes nodes of type {self.type} and {value.type}")

    def visit(self, focus: Value, level: int) -> str:
        """The nodes below a node, each followed by those below it."""
        found = [self.scope.each(value, lambda item: self._node(item, level)).sql for value in self.children(focus)]
        return f"concat({', '.join(f'coalesce({nodes}, array())' for nodes in found)})" if found else "array()"

    def _node(self, item: Value, level: int) -> Value:
        assert item.node is not None
        self.levels.append(item.node)
        nodes = f"array(\x00SHAPE{self.number}:{item.sql}\x00)"
        if level < self.scope.compilation.depth:
            below = self.visit(item, level + 1)
            nodes = nodes if below == "array()" else f"concat({nodes}, {below})"
        return Value(f"CASE WHEN {item.sql} IS NOT NULL THEN {nodes} END", self.type, many=True)

    def depth(self, focus: Value, level: int) -> str:
        """How many levels there are below a node; counting stops one beyond the compiled depth."""
        if level > self.scope.compilation.depth + 1:
            return "0"
        found = []
        for value in self.children(focus):
            deeper = self.scope.each(value, lambda item: Value(f"1 + {self.depth(item, level + 1)}", "integer"))
            found.append(f"coalesce(array_max({as_array(deeper)}), 0)")
        return f"array_max(array({', '.join(found)}))" if found else "0"

    def finish(self) -> str:
        """The type of the nodes, once all levels are known."""
        for path in self.paths:
            if path not in self.resolved:
                with at_path(self.where, path):
                    raise self.errors[path]
        return self.type or "empty"


def reshaped(shape: Node, sql: str, depth: int = 0) -> str:
    """A node of any level in the shape that all levels have in common."""
    fields = []
    for name, child in shape.children.items():
        field = f"{sql}.`{name}`"
        if child.type not in elements.KINDS and child.type != "Resource":
            item = f"__s{depth}"
            one = item if child.is_list else field
            inner = f"CASE WHEN {one} IS NOT NULL THEN {reshaped(child, one, depth + 1)} END"
            field = f"transform({field}, {item} -> {inner})" if child.is_list else inner
        fields.append(f"{name!r}, {field}")
    return f"named_struct({', '.join(fields) or NO_FIELDS})"
