"""The schema to parse JSON with, and the sentences for records that do not have the shape of FHIR.

Spark reads any token into a string and turns other mismatches into nulls. Here neither passes: mismatches that the
parser sees come from its corrupt-record column, and strings that look like the text of an object, a list, a number or
a boolean are looked up in the payload in quotes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lakehouse.fhir import elements
from lakehouse.fhir.values import DECIMAL, Node, quote

CORRUPT = "__corrupt"
_SQL_TYPES = {"boolean": "BOOLEAN", "integer": "INT", "decimal": DECIMAL}
_EXPECTED = {"boolean": "true or false", "integer": "an integer", "decimal": "a number"}
# Strings of any length are legal in FHIR; Spark's own limit is 20 MB, and longer ones would make the row null.
_OPTIONS = {
    "mode": "PERMISSIVE",
    "columnNameOfCorruptRecord": CORRUPT,
    "maxStringLen": "2147483647",
    "maxNestingDepth": "100000",
    "allowSingleQuotes": "false",
    "allowNonNumericNumbers": "false",
}
_MOST_LOCATED = 150
_MISSHAPEN = "an element does not have the shape that FHIR gives it"
# What the text of an object, a list, a number, true and false begins with and looks like.
_FIRSTS = ", ".join(str(ord(first)) for first in "{[-0123456789tf")
_NO_STRING = r"^(?:[{\[]|true$|false$|-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?$)"


def options() -> str:
    """The parser's options as a SQL map."""
    return f"map({', '.join(quote(text) for pair in _OPTIONS.items() for text in pair)})"


def schema(node: Node) -> str:
    """The DDL of what is read below a node, with the column that marks records of another shape."""
    fields = [f"`{name}` {_sql_type(child)}" for name, child in node.children.items()]
    return f"STRUCT<{', '.join([*fields, f'`{CORRUPT}` STRING'])}>"


def parse_arguments(node: Node) -> str:
    """The arguments of `from_json` after the text."""
    return f"{quote(schema(node))}, {options()}"


def size(node: Node) -> int:
    """How many elements are read below a node."""
    return sum(1 + size(child) for child in node.children.values())


def _sql_type(node: Node) -> str:
    one = "STRING"
    if node.type not in elements.KINDS and node.type != "Resource":
        one = f"STRUCT<{', '.join(f'`{name}` {_sql_type(child)}' for name, child in node.children.items())}>"
    elif not node.as_text:
        one = _SQL_TYPES.get(elements.KINDS.get(node.type, ""), "STRING")
    return f"ARRAY<{one}>" if node.is_list else one


def problem(root: Node, parsed: str, payload: str, *, is_shaped: bool) -> str:
    """SQL for the first problem with the shape of a record: a sentence, or null when there is none.

    `is_shaped`: all records are known to have the shape of FHIR R4, and only what R4 does not know is looked at.
    """
    mistaken = " ".join(each.branch for each in _suspicions(root, parsed, payload, is_shaped))
    if is_shaped:
        return (
            f"CASE WHEN {payload} IS NULL THEN 'the record is null' "
            f"WHEN {parsed}.`{CORRUPT}` IS NOT NULL THEN {quote(_MISSHAPEN)} {mistaken} END"
        )
    return (
        f"CASE WHEN {payload} IS NULL THEN 'the record is null' "
        # Spark reads the first object of a list as the record.
        f"WHEN NOT startswith({payload}, '{{') AND {payload} NOT RLIKE '^[ \\\\t\\\\r\\\\n]*[{{]' "
        f"THEN 'not valid JSON: a record is one object' "
        f"WHEN {parsed}.`{CORRUPT}` IS NOT NULL THEN {_locate(root, payload)} "
        f"{mistaken} END"
    )


def _locate(root: Node, payload: str) -> str:
    """Parses one element at a time to name the one that is wrong; inside a lambda, to keep generated code small."""
    tests = ["CASE WHEN from_json(p, %s).`%s` IS NOT NULL THEN 'not valid JSON' END" % (  # noqa: UP031
        parse_arguments(Node(root.type)), CORRUPT)]  # fmt: skip
    for path, single in list(_single(root))[:_MOST_LOCATED]:
        leaf = single
        for name in path:
            leaf = leaf.children[name]
        # Any token reads as a string.
        if _sql_type(leaf) != "STRING":
            test = f"from_json(p, {parse_arguments(single)}).`{CORRUPT}` IS NOT NULL"
            message = f"element {'.'.join(path)}: expected {_expected(leaf)}"
            tests.append(f"CASE WHEN {test} THEN {quote(message)} END")
    tests.append(quote(_MISSHAPEN))
    return f"transform(array({payload}), p -> coalesce({', '.join(tests)}))[0]"


def _single(node: Node) -> Iterator[tuple[list[str], Node]]:
    """Every element with a schema that reads nothing else, parents before children."""
    for name, child in node.children.items():
        bare = Node(child.type, child.is_list, child.as_text)
        yield [name], Node(node.type, node.is_list, children={name: bare})
        for path, single in _single(child):
            yield [name, *path], Node(node.type, node.is_list, children={name: single})


def _expected(node: Node) -> str:
    one = _EXPECTED.get(elements.KINDS.get(node.type, ""), "a string" if node.type in elements.KINDS else "an object")
    return f"a list ({node.type})" if node.is_list else one


@dataclass(frozen=True)
class _Suspicion:
    """A condition that holds where a string or number was read from another token, and the same one by one to tell."""

    condition: str
    single: list[tuple[str, str]]

    @property
    def branch(self) -> str:
        """A branch of CASE; what only serves the message stands in a lambda, to keep generated code small."""
        if len(self.single) == 1:
            return f"WHEN {self.condition} THEN {quote(self.single[0][1])}"
        told = " ".join(f"WHEN {condition} THEN {quote(message)}" for condition, message in self.single)
        return f"WHEN {self.condition} THEN transform(array(1), p -> CASE {told} END)[0]"


def _suspicions(
    node: Node, sql: str, payload: str, is_shaped: bool, path: str = "", depth: int = 0
) -> list[_Suspicion]:
    """What can be mistaken below a node; a list is gone through once for all that its items hold."""
    found = []
    for name, child in node.children.items():
        if child.type == "Resource":
            continue
        item = f"`__m{depth}`" if child.is_list else f"{sql}.`{name}`"
        if child.type in elements.KINDS:
            is_told = is_shaped and not child.as_text and elements.is_element(node.type, name)
            test = "" if is_told else _mistaken(child, item, payload)
            below = [_Suspicion(test, [(test, f"element {path}{name}: expected {_expected(child)}")])] if test else []
        else:
            below = _suspicions(child, item, payload, is_shaped, f"{path}{name}.", depth + 1)
        if below and child.is_list:
            head = f"exists({sql}.`{name}`, {item} ->"
            single = [(f"{head} {test})", message) for each in below for test, message in each.single]
            below = [_Suspicion(f"{head} {' OR '.join(each.condition for each in below)})", single)]
        found += below
    return found


def _mistaken(node: Node, sql: str, payload: str) -> str:
    if node.as_text:
        target = DECIMAL if node.type == "decimal" else "INT"
        return f"({sql} IS NOT NULL AND try_cast({sql} AS {target}) IS NULL)"
    if elements.KINDS[node.type] in _SQL_TYPES:
        return ""
    escaped = f"replace(replace({sql}, '\\\\', '\\\\\\\\'), '\"', '\\\\\"')"
    unquoted = f"NOT contains({payload}, concat('\"', {escaped}, '\"'))"
    # The first character settles it for most strings with one look, and being in quotes for the rest: a parser's
    # exception, which costs more than the whole record, is left for the few that are neither.
    is_date = f"substr({sql}, 5, 1) = '-'" if elements.KINDS[node.type] == "dateTime" else "false"
    looks_like = f"ascii({sql}) IN ({_FIRSTS}) AND NOT {is_date} AND {sql} RLIKE {quote(_NO_STRING)}"
    is_json = (
        f"CASE WHEN startswith({sql}, '[') THEN json_array_length({sql}) IS NOT NULL "
        f"WHEN startswith({sql}, '{{') THEN json_object_keys({sql}) IS NOT NULL ELSE true END"
    )
    return f"({looks_like} AND {unquoted} AND {is_json})"


def quoted_numbers(roots: list[Node], payload: str) -> str:
    """The payload with the numbers of some elements in quotes, so that their written precision survives parsing.

    A key in quotes that a colon follows is never inside a string: there, its quotes would be escaped.
    """
    keys = sorted({name for root in roots for name, node in _all(root) if node.as_text})
    if not keys:
        return payload
    number = "-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?"
    pattern = f'(?<!\\\\)"({"|".join(keys)})"([ \\t\\r\\n]*:[ \\t\\r\\n]*)({number})'
    return f'regexp_replace({payload}, {quote(pattern)}, \'"$1"$2"$3"\')'


def _all(node: Node) -> Iterator[tuple[str, Node]]:
    for name, child in node.children.items():
        yield name, child
        yield from _all(child)
