"""Steps along a path: elements, choices, primitive extensions, and resources inside a resource."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.fhir import elements
from lakehouse.fhir.parser import PathError
from lakehouse.fhir.values import DECIMAL, Node, Problem, Scope, Value, quote

_EXTENSIONS = elements.Element("extension", "Extension", True)


def step(scope: Scope, base: Value, name: str, position: int) -> Value:
    """The element of the base with that name; PathError for an element that FHIR R4 does not know there."""
    if base.kind == "empty":
        return base
    if base.type == "Resource":
        base = resources(scope, base, "Resource")
    if base.choice is not None:
        raise PathError(f"choose a type first: {base.choice[1]}.ofType(...).{name}", position)
    known = elements.table(base.type)
    path = f"{base.path}.{name}" if base.path else None
    if name in known.choices:
        return Value("", "choice", base.many, path=path, choice=(base, name))
    element = known.elements.get(name)
    if element is None:
        raise PathError(f"{base.type} has no element {name!r}{_hint(known, name)}", position)
    return read(scope, base, element, path)


def _hint(known: elements.TypeTable, name: str) -> str:
    for group, choices in known.choices.items():
        for type_name, element in choices.items():
            if element.json == name:
                return f"; write {group}.ofType({type_name})"
    return elements.nearest(name, [*known.elements, *known.choices])


def read(scope: Scope, base: Value, element: elements.Element, path: str | None) -> Value:
    """Reads an element of the base from JSON, which adds it to what is parsed."""
    if base.node is None:
        raise AssertionError("only what is read from JSON has elements")
    node = base.node.child(element, scope.compilation.numbers_as_text)
    found = scope.each(base, lambda item: _field(item, element, node))
    if node.type in elements.KINDS:
        sibling = elements.Element("_" + element.json, "Element", element.is_list)
        found = replace(found, extension=lambda: read(scope, base, sibling, path))
    return replace(found, path=path)


def _field(item: Value, element: elements.Element, node: Node) -> Value:
    """A primitive list may hold nulls beside extensions: they are no values."""
    sql = f"{item.sql}.`{element.json}`"
    if element.is_list and element.type in elements.KINDS:
        sql = f"array_compact({sql})"
    target = {"integer64": "BIGINT"}.get(element.type)
    if node.as_text:
        target = DECIMAL if element.type == "decimal" else "INT"
    typed = sql
    if target and element.is_list:
        typed = f"transform({sql}, t -> try_cast(t AS {target}))"
    elif target:
        typed = f"try_cast({sql} AS {target})"
    text = sql if node.as_text else None
    return Value(typed, element.type, element.is_list, node, text=text)


def of_type(scope: Scope, value: Value, wanted: str, position: int) -> Value:
    """The items of a type: of a choice element, of resources inside a resource, or of what is of that type anyway."""
    if value.kind == "empty":
        return value
    if not elements.is_known(wanted):
        raise PathError(f"FHIR has no type {wanted!r}{elements.nearest_resource(wanted)}", position)
    path = f"{value.path}.ofType({wanted})" if value.path else None
    if value.choice is not None:
        base, group = value.choice
        element = elements.choice(base.type, group, wanted)
        if element is None:
            raise PathError(f"{group} is never a {wanted}", position)
        return read(scope, base, element, path)
    if value.type == "Resource":
        return replace(resources(scope, value, wanted), path=path)
    if value.type == wanted or value.kind == elements.KINDS.get(wanted):
        return value
    return Value("NULL", "empty")


def choices(scope: Scope, value: Value) -> list[Value]:
    """All the elements that a choice can be, for a question that does not need the type."""
    assert value.choice is not None
    base, group = value.choice
    return [read(scope, base, element, value.path) for element in elements.table(base.type).choices[group].values()]


def resources(scope: Scope, value: Value, wanted: str) -> Value:
    """Resources inside a resource, parsed as one type.

    They are held as JSON text and parsed again: two types may give one element name different shapes.
    """
    node = Node(wanted)
    texts = scope.compilation.texts
    texts.append(node)
    parse = f"\x00PARSE{len(texts) - 1}\x00"
    is_wanted = "true" if wanted == "Resource" else f"get_json_object(%s, '$.resourceType') = {quote(wanted)}"

    def parsed(item: Value) -> Value:
        text = f"CASE WHEN {is_wanted.replace('%s', item.sql)} THEN {item.sql} END"
        call = f"from_json({text}, {parse})"
        message = f"element {value.path}: a {wanted} in it does not have the shape that FHIR gives it"
        scope.problems.append(Problem(f"({call}.`__corrupt` IS NOT NULL)", message))
        return Value(f"CASE WHEN {text} IS NOT NULL THEN {call} END", wanted, node=node)

    return replace(scope.each(value, parsed), path=value.path)


def extension(scope: Scope, value: Value, url: str, position: int) -> Value:
    """The extensions with a URL, of an element or of a primitive (which stand in `_element`)."""
    if value.kind == "empty":
        return value
    if value.choice is not None:
        raise PathError("choose a type first: ofType(...)", position)
    if value.kind != "complex":
        if value.extension is None:
            raise PathError("extension() on a primitive has to stand directly after the element's name", position)
        value = value.extension()
    found = read(scope, value, _EXTENSIONS, f"{value.path}.extension({quote(url)})" if value.path else None)
    node = found.node
    assert node is not None
    node.child(elements.Element("url", "uri", False), False)
    item = scope.compilation.fresh()
    return replace(found, sql=f"filter({found.sql}, {item} -> {item}.`url` = {quote(url)})")
