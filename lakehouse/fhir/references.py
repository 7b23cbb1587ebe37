"""getResourceKey and getReferenceKey: the id of a resource, and the id that a literal reference points to.

Understood are relative (`Patient/1`), absolute (`https://…/Patient/1`) and versioned (`…/_history/2`) references,
`urn:uuid:` and `urn:oid:`, and `#id` where contained resources have records of their own. Conditional references
(`Patient?identifier=…`) and logical ones (an identifier alone) name no record and are empty.
"""

from __future__ import annotations

from lakehouse.fhir import elements
from lakehouse.fhir.values import CONTAINED, KEY, Scope, Value, quote

_STRING = elements.Element("reference", "string", False)
_ID = elements.Element("id", "id", False)
_TYPE = elements.Element("type", "uri", False)


def resource_key(scope: Scope) -> Value:
    """The key of the resource: its id, or what the caller says that it is."""
    scope.compilation.root.child(_ID, False)
    return Value(KEY, "string", path=f"{scope.compilation.resource}.id")


def reference_key(scope: Scope, base: Value, wanted: str | None) -> Value:
    """The key of the resource that a reference points to; empty when the type differs or it names no record."""
    assert base.node is not None
    for element in (_STRING, _TYPE):
        base.node.child(element, False)
    scope.compilation.root.child(_ID, False)
    pattern = f"^(?:[^?#]*/)?{wanted or '[A-Za-z]+'}/([^/?#]+)(?:/_history/[^/?#]+)?$"

    def key(item: Value) -> Value:
        text, declared = f"{item.sql}.`reference`", f"{item.sql}.`type`"
        agrees = f"coalesce({declared} = {quote(wanted)}, true) AND " if wanted else ""
        sql = (
            f"CASE WHEN {_relative(text, wanted)} "
            f"WHEN startswith({text}, 'urn:uuid:') OR startswith({text}, 'urn:oid:') "
            f"THEN CASE WHEN {agrees}true THEN nullif(substring_index({text}, ':', -1), '') END "
            f"WHEN startswith({text}, '#') "
            f"THEN CASE WHEN {agrees}length({text}) > 1 THEN concat({CONTAINED}, {text}) END "
            f"ELSE nullif(regexp_extract({text}, {quote(pattern)}, 1), '') END"
        )
        return Value(sql, "string")

    found = scope.each(base, key)
    return Value(found.sql, "string", found.many, path=f"{base.path}.reference" if base.path else None)


def _relative(text: str, wanted: str | None) -> str:
    """The common form, `Patient/1`, without a pattern."""
    if wanted is None:
        return "false THEN NULL"
    rest = f"substr({text}, {len(wanted) + 2})"
    plain = " AND ".join(f"instr({rest}, '{mark}') = 0" for mark in "/?#")
    return f"startswith({text}, '{wanted}/') AND length({text}) > {len(wanted) + 1} AND {plain} THEN {rest}"


def bind(sql: str, resource: str, key: str, has_contained: bool) -> str:
    """Puts the key's SQL into a compiled expression; without records for contained resources `#id` is empty."""
    owner = f"concat({quote(resource + '/')}, {key})" if has_contained else "CAST(NULL AS STRING)"
    return sql.replace(CONTAINED, owner).replace(KEY, key)
