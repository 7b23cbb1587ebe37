"""What an expression is made of, computed from Spark's JSON of it.

Spark writes an expression as the list of its nodes in preorder, each with the number of its children. Read from the
end, every node finds what its children are made of on a stack.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

from catalog.lineage import (
    AGGREGATION,
    CONDITIONAL,
    DIRECT,
    IDENTITY,
    INDIRECT,
    TRANSFORMATION,
    WINDOW,
    Node,
)

_STRENGTH = (IDENTITY, TRANSFORMATION, AGGREGATION)
_MASKING = {"Md5", "Sha1", "Sha2", "Crc32", "Murmur3Hash", "XxHash64", "HiveHash", "Mask", "Count"}
_CARRIERS = {"Alias", "PromotePrecision", "KnownNotNull", "KnownNullable"}


class Way(NamedTuple):
    """A source and how it comes in."""

    source: Node
    kind: str
    subtype: str
    masking: bool = False

    def through(self, subtype: str, masking: bool) -> "Way":
        """The same source one computation later: the stronger kind of the two."""
        if self.kind == DIRECT:
            subtype = max(self.subtype, subtype, key=_STRENGTH.index)
            return Way(self.source, DIRECT, subtype, self.masking or masking)
        return self._replace(masking=self.masking or masking)


@dataclass(frozen=True)
class Value:
    """What a column or expression is made of; of a struct also each field, by position.

    Known and made of nothing is a constant.
    """

    ways: frozenset[Way] = frozenset()
    fields: tuple["Value", ...] = ()
    is_known: bool = True

    def through(self, subtype: str = TRANSFORMATION, masking: bool = False) -> "Value":
        """This value after one more computation."""
        return Value(frozenset(way.through(subtype, masking) for way in self.ways), (), self.is_known)

    def deciding(self, subtype: str) -> "Value":
        """This value where it only decides about another."""
        return Value(frozenset(Way(w.source, INDIRECT, subtype, w.masking) for w in self.ways), (), self.is_known)


NOTHING = Value()


def made_of(*sources: Node, subtype: str = IDENTITY) -> Value:
    """A value that is made of these columns or elements."""
    return Value(frozenset(Way(source, DIRECT, subtype) for source in sources))


def merged(values: Iterable[Value]) -> Value:
    """All that several values are made of."""
    given = list(values)
    ways = frozenset[Way]().union(*(value.ways for value in given))
    return Value(ways, (), all(value.is_known for value in given))


def aligned(values: Iterable[Value]) -> Value:
    """A value that is one of several, such as a column of a union; fields of structs stay apart."""
    return reduce(_aligned, values)


def _aligned(one: Value, other: Value) -> Value:
    fields: tuple[Value, ...] = ()
    if len(one.fields) == len(other.fields):
        fields = tuple(_aligned(a, b) for a, b in zip(one.fields, other.fields, strict=True))
    return replace(merged([one, other]), fields=fields)


def stand_in(whole: Value, path: str = "") -> Value:
    """A value of the same shape that is made of itself: what is traced on it holds for any value of that shape."""
    fields = tuple(stand_in(each, f"{path}/{position}") for position, each in enumerate(whole.fields))
    return replace(made_of(Node("", path or "/")), fields=fields)


def put_in(value: Value, whole: Value) -> Value:
    """A value that was traced on the stand-in of `whole`, made of what `whole` is made of."""
    return merged(_followed(way, _part(whole, way.source.column)) for way in value.ways)


def _part(whole: Value, path: str) -> Value:
    for position in path.split("/")[1:]:
        whole = whole.fields[int(position)] if position else whole
    return whole


def _followed(way: Way, value: Value) -> Value:
    later = value.through(IDENTITY if way.kind == INDIRECT else way.subtype, way.masking)
    return later.deciding(way.subtype) if way.kind == INDIRECT else later


ROWS = -1
Environment = Mapping[int, Value]
"""What each attribute is made of, by expression id; ROWS stands for the rows themselves, as in `count(*)`."""
Subquery = Callable[[list[Any]], tuple[list[Value], Value]]
"""Given a subquery's plan, its columns and what decides its rows."""


def short_class(node: Mapping[str, Any]) -> str:
    """The name of the node's class without its package."""
    return str(node["class"]).rsplit(".", 1)[-1]


def evaluated(nodes: list[dict[str, Any]], environment: Environment, subquery: Subquery) -> Value:
    """What the expression is made of, given what each attribute is made of."""
    stack: list[Value] = []
    for node in reversed(nodes):
        children = [stack.pop() for _ in range(node["num-children"])]
        stack.append(_node(node, children, environment, subquery))
    return stack.pop()


def _node(node: dict[str, Any], children: list[Value], environment: Environment, subquery: Subquery) -> Value:
    name = short_class(node)
    match name:
        case "AttributeReference":
            return environment.get(node["exprId"]["id"], Value(is_known=False))
        case "OuterReference":
            return evaluated(node["e"], environment, subquery)
        case "CreateNamedStruct":
            return _struct(children)
        case "GetStructField":
            position = node["ordinal"]
            fields = children[0].fields
            return fields[position] if position < len(fields) else children[0].through()
        case "CaseWhen":
            pairs = len(children) // 2
            chosen = [children[2 * i + 1] for i in range(pairs)] + children[2 * pairs :]
            return _choice([children[2 * i] for i in range(pairs)], chosen)
        case "If":
            return _choice(children[:1], children[1:])
        case "AggregateExpression":
            given = children[0] if children[0].ways else environment.get(ROWS, NOTHING).through(masking=True)
            return merged([given.through(AGGREGATION), *(c.deciding(CONDITIONAL) for c in children[1:])])
        case "WindowExpression":
            return merged([children[0].through(), children[1].deciding(WINDOW)])
        case _ if name in _CARRIERS:
            return children[0]
    if "plan" in node:
        columns, rows = subquery(node["plan"])
        decided = merged([rows, *children]).deciding(CONDITIONAL)
        return merged([*(column.through() for column in columns), decided])
    return merged(child.through(TRANSFORMATION, name in _MASKING) for child in children)


def _choice(conditions: list[Value], chosen: list[Value]) -> Value:
    return merged([*(c.deciding(CONDITIONAL) for c in conditions), *(c.through() for c in chosen)])


def _struct(children: list[Value]) -> Value:
    """A struct keeps its fields apart: who reads one of them depends on that one only."""
    values = tuple(children[1::2])
    return replace(merged(value.through() for value in values), fields=values)
