"""What the columns of a plan are made of, node by node, computed from Spark's JSON of an analysed plan."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.lineage import FILTER, GROUP_BY, JOIN, SORT, Node
from lakehouse.lineage.value import NOTHING, ROWS, Environment, Value, aligned, evaluated, made_of, merged, short_class

_CATALOG = "lake"
# Rows of these come from the code, not from a table.
_LITERAL_ROWS = {"LocalRelation", "OneRowRelation", "Range", "LogicalRDD"}


@dataclass(frozen=True)
class Column:
    """An output column of a plan node."""

    id: int
    name: str
    value: Value


@dataclass(frozen=True)
class Relation:
    """Columns in order, what decides which rows there are, and the tables that the rows come from."""

    columns: tuple[Column, ...] = ()
    rows: Value = NOTHING
    datasets: frozenset[str] = frozenset()

    def named(self) -> dict[str, Value]:
        """The columns by name."""
        return {column.name: column.value for column in self.columns}

    def decided_by(self, *values: Value) -> "Relation":
        """The same columns, of rows that these values decide on as well."""
        return replace(self, rows=merged([self.rows, *values]))


Leaves = Mapping[str, Mapping[str, Value]]


def trace(plan: list[dict[str, Any]], leaves: Leaves | None = None) -> Relation:
    """The columns of an analysed plan, down to the tables of the catalog.

    `leaves` says what the columns below an alias of that name are made of; nothing below such an alias is looked at.
    Where Spark's plan has a node that is not known here, each of its columns is taken to depend on all that it reads.
    """
    return _Tracer(leaves or {}).relation(plan)


@dataclass(frozen=True)
class _Tree:
    node: dict[str, Any]
    children: list["_Tree"]


def _tree(plan: list[dict[str, Any]]) -> _Tree:
    stack: list[_Tree] = []
    for node in reversed(plan):
        stack.append(_Tree(node, [stack.pop() for _ in range(node["num-children"])]))
    return stack.pop()


class _Tracer:
    """One plan being traced; it keeps what common table expressions and outer queries stand for."""

    def __init__(self, leaves: Leaves, outer: Environment | None = None) -> None:
        self._leaves = leaves
        self._outer = dict(outer or {})
        self._shared: dict[int, Relation] = {}

    def relation(self, plan: list[dict[str, Any]]) -> Relation:
        return self._visit(_tree(plan))

    def _visit(self, tree: _Tree) -> Relation:
        node, name = tree.node, short_class(tree.node)
        if name == "SubqueryAlias":
            return self._alias(tree)
        if name == "CTERelationDef":
            self._shared[node["id"]] = found = self._visit(tree.children[0])
            return found
        children = [self._visit(child) for child in tree.children]
        if not children:
            return self._leaf(node, name)
        rule: Callable[[dict[str, Any], list[Relation]], Relation] | None = getattr(self, f"_{name.lower()}", None)
        if rule is not None:
            return rule(node, children)
        return self._other(node, children)

    # leaves

    def _alias(self, tree: _Tree) -> Relation:
        identifier = tree.node["identifier"]
        alias, qualifier = identifier["name"], _qualifier(identifier["qualifier"])
        bound = self._leaves.get(alias) if not qualifier else None
        child = self._visit(tree.children[0])
        if bound is None:
            if qualifier[:1] != [_CATALOG] or tree.children[0].children:
                return child
            dataset = ".".join([*qualifier[1:], alias])
            bound = {column.name: made_of(Node(dataset, column.name)) for column in child.columns}
        columns = tuple(replace(c, value=bound.get(c.name, Value(is_known=False))) for c in child.columns)
        datasets = frozenset(way.source.dataset for value in bound.values() for way in value.ways)
        return Relation(columns, datasets=datasets)

    def _leaf(self, node: dict[str, Any], name: str) -> Relation:
        if name == "CTERelationRef":
            shared = self._shared.get(node["cteId"], Relation())
            pairs = zip(_attributes(node["output"]), shared.columns, strict=True)
            return replace(shared, columns=tuple(Column(i, n, column.value) for (i, n), column in pairs))
        known = name in _LITERAL_ROWS
        output = _attributes(node.get("output") or [])
        return Relation(tuple(Column(i, n, Value(is_known=known)) for i, n in output))

    # nodes that compute columns

    def _project(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        return replace(children[0], columns=self._columns(node["projectList"], children))

    def _aggregate(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        groups = (self._value(e, children).deciding(GROUP_BY) for e in node["groupingExpressions"])
        columns = self._columns(node["aggregateExpressions"], children)
        return replace(children[0], columns=columns).decided_by(*groups)

    def _window(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        added = self._columns(node["windowExpressions"], children)
        return replace(children[0], columns=children[0].columns + added)

    def _generate(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        generated = self._value(node["generator"], children)
        added = tuple(Column(i, n, generated) for i, n in _attributes(node["generatorOutput"]))
        return replace(children[0], columns=children[0].columns + added)

    def _expand(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        """Grouping sets: each column passes, or is null; Spark adds a number that tells the sets apart."""
        by_id = {column.id: column.value for column in children[0].columns}
        by_name = children[0].named()
        output = _attributes(node["output"])
        columns = (Column(i, n, by_id.get(i, by_name.get(n, NOTHING).through())) for i, n in output)
        return replace(children[0], columns=tuple(columns))

    # nodes that decide which rows there are

    def _filter(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        return children[0].decided_by(self._value(node["condition"], children).deciding(FILTER))

    def _sort(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        return children[0].decided_by(*(self._value(e, children).deciding(SORT) for e in node["order"]))

    def _deduplicate(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        return children[0].decided_by(*(self._value(e, children).deciding(GROUP_BY) for e in node["keys"]))

    def _distinct(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        return children[0].decided_by(*(column.value.deciding(GROUP_BY) for column in children[0].columns))

    def _join(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        left, right = children
        kind = str(node["joinType"].get("object", "")).rsplit(".", 1)[-1]
        condition = node.get("condition")
        decided = [left.rows, right.rows]
        if condition:
            decided.append(self._value(condition, children).deciding(JOIN))
        only_left = kind in ("LeftSemi$", "LeftAnti$")
        columns = left.columns if only_left else left.columns + right.columns
        return Relation(columns, merged(decided), left.datasets | (frozenset() if only_left else right.datasets))

    def _union(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        together = zip(*(child.columns for child in children), strict=True)
        columns = tuple(replace(same[0], value=aligned(column.value for column in same)) for same in together)
        return Relation(columns, merged(child.rows for child in children), _datasets(children))

    def _intersect(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        left, right = children
        compared = (column.value.deciding(FILTER) for column in (*left.columns, *right.columns))
        return replace(left, rows=merged([left.rows, right.rows, *compared]))

    _except = _intersect

    def _withcte(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        return children[-1]

    def _other(self, node: dict[str, Any], children: list[Relation]) -> Relation:
        output = node.get("output")
        if not output:
            return children[0]
        # Such as a Python function on whole batches: what it does inside is not seen.
        everything = merged(column.value.through() for child in children for column in child.columns)
        columns = tuple(Column(i, n, everything) for i, n in _attributes(output))
        return Relation(columns, merged(child.rows for child in children), _datasets(children))

    # expressions

    def _columns(self, expressions: list[list[dict[str, Any]]], children: Sequence[Relation]) -> tuple[Column, ...]:
        """Named expressions: aliases, and attributes that pass."""
        environment = self._environment(children)
        return tuple(
            Column(e[0]["exprId"]["id"], e[0]["name"], evaluated(e, environment, self._subquery(environment)))
            for e in expressions
        )

    def _value(self, expression: list[dict[str, Any]], children: Sequence[Relation]) -> Value:
        environment = self._environment(children)
        return evaluated(expression, environment, self._subquery(environment))

    def _environment(self, children: Sequence[Relation]) -> dict[int, Value]:
        found = {column.id: column.value for child in children for column in child.columns}
        rows = made_of(*(Node(dataset) for dataset in sorted(_datasets(children))))
        return {**self._outer, **found, ROWS: rows}

    def _subquery(self, environment: Environment) -> Callable[[list[Any]], tuple[list[Value], Value]]:
        def inner(plan: list[Any]) -> tuple[list[Value], Value]:
            tracer = _Tracer(self._leaves, environment)
            tracer._shared = self._shared
            found = tracer.relation(plan)
            return [column.value for column in found.columns], found.rows

        return inner


def _attributes(output: Iterable[list[dict[str, Any]]]) -> list[tuple[int, str]]:
    return [(expression[0]["exprId"]["id"], expression[0]["name"]) for expression in output]


def _datasets(relations: Iterable[Relation]) -> frozenset[str]:
    return frozenset[str]().union(*(relation.datasets for relation in relations))


def _qualifier(written: Any) -> list[str]:
    """A list, or the text that Spark makes of one: `[lake, silver]`."""
    if isinstance(written, str):
        return [part.strip() for part in written.strip("[]").split(",") if part.strip()]
    return list(written)
