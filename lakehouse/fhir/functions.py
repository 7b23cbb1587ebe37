"""The FHIRPath functions that a view may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lakehouse.fhir import elements, navigate, references
from lakehouse.fhir.boundaries import boundary
from lakehouse.fhir.parser import Call, Literal, Member, Node, PathError, This
from lakehouse.fhir.values import Scope, Value, as_array, exists, pick

Evaluate = Callable[[Scope, Node], Value]
Function = Callable[[Scope, Value, Call, Evaluate], Value]


def _criteria(scope: Scope, node: Node, evaluate: Evaluate, name: str) -> str:
    found = evaluate(scope, node)
    if found.kind == "empty":
        return "false"
    if found.kind != "boolean":
        raise PathError(f"the criteria of {name}() have to be boolean, not {found.type}", node.position)
    return scope.single(found, f"criteria of {name}()").sql


def _where(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    if base.kind == "empty":
        return base
    _chosen(base, node)
    if not base.many:
        test = _criteria(scope.at(base), node.arguments[0], evaluate, node.name)
        return replace(base, sql=f"CASE WHEN {test} THEN {base.sql} END", text=None, extension=None)
    item = scope.compilation.fresh()
    with scope.inside(base.sql, item):
        one = replace(base, sql=item, many=False, text=None, extension=None)
        test = _criteria(scope.at(one), node.arguments[0], evaluate, node.name)
    return replace(base, sql=f"filter({base.sql}, {item} -> {test})", text=None, extension=None)


def _chosen(base: Value, node: Call) -> None:
    if base.choice is not None:
        raise PathError(f"choose a type first: {base.choice[1]}.ofType(...).{node.name}(...)", node.position)


def _is_there(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> str:
    if base.kind == "empty":
        return "false"
    if node.arguments:
        base = _where(scope, base, node, evaluate)
    if base.choice is not None:
        return "(" + " OR ".join(exists(value) for value in navigate.choices(scope, base)) + ")"
    return exists(base)


def _exists(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    return Value(_is_there(scope, base, node, evaluate), "boolean", path=base.path)


def _empty(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    return Value(f"(NOT {_is_there(scope, base, node, evaluate)})", "boolean", path=base.path)


def _first(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    return replace(pick(base, "0"), extension=None) if base.many and base.choice is None else base


def _not(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    if base.kind == "empty":
        return Value("CAST(NULL AS BOOLEAN)", "boolean")
    if base.kind != "boolean":
        raise PathError(f"not() needs a boolean, not a {base.type}", node.position)
    return Value(f"(NOT {scope.single(base, 'not()').sql})", "boolean", path=base.path)


def _extension(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    return navigate.extension(scope, base, _text_argument(scope, node, evaluate), node.position)


def _text_argument(scope: Scope, node: Call, evaluate: Evaluate) -> str:
    """A string that is known before any data is read: a literal or a constant."""
    argument = node.arguments[0]
    if isinstance(argument, Literal) and argument.type == "string":
        return argument.text
    found = evaluate(scope, argument)
    if found.kind == "string" and found.path is None and found.constant is not None:
        return found.constant
    raise PathError(f"{node.name}() needs a string literal or a constant", argument.position)


def _of_type(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    return navigate.of_type(scope, base, type_argument(node.arguments[0]), node.position)


def _join(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    """Nothing joined is the empty string, as in the published tests of the specification."""
    if base.kind == "empty":
        return Value("''", "string")
    _chosen(base, node)
    if base.kind != "string":
        raise PathError(f"join() needs strings, not {base.type}", node.position)
    separator = "''"
    if node.arguments:
        found = evaluate(scope, node.arguments[0])
        if found.kind != "string" or found.many:
            raise PathError("the separator of join() has to be a string", node.arguments[0].position)
        separator = found.sql
    return Value(f"array_join({as_array(base)}, {separator})", "string", path=base.path)


def _boundary(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    _chosen(base, node)
    return boundary(scope.single(base, f"{node.name}()"), node.name == "lowBoundary", node.position)


def _resource_key(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    if base.sql != scope.root.sql:
        raise PathError("getResourceKey() is for the resource itself, not for what is inside it", node.position)
    return references.resource_key(scope)


def _reference_key(scope: Scope, base: Value, node: Call, evaluate: Evaluate) -> Value:
    wanted = type_argument(node.arguments[0]) if node.arguments else None
    if wanted is not None and not elements.is_resource(wanted):
        hint = elements.nearest_resource(wanted)
        raise PathError(f"{wanted!r} is not a resource type{hint}", node.position)
    if base.type != "Reference":
        raise PathError(f"getReferenceKey() needs a Reference, not a {base.type}", node.position)
    return references.reference_key(scope, base, wanted)


def type_argument(node: Node) -> str:
    """A type given as an argument: `Patient`, `FHIR.Patient` or `System.String`."""
    match node:
        case Member(base=This(), name=name):
            return name
        case Member(base=Member(base=This(), name="FHIR"), name=name):
            return name
        case Member(base=Member(base=This(), name="System"), name=name):
            return name[:1].lower() + name[1:]
    raise PathError("expected the name of a type", node.position)


# Name to the least and the greatest number of arguments and what it does.
FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "where": (1, 1, _where),
    "exists": (0, 1, _exists),
    "empty": (0, 0, _empty),
    "first": (0, 0, _first),
    "not": (0, 0, _not),
    "extension": (1, 1, _extension),
    "ofType": (1, 1, _of_type),
    "join": (0, 1, _join),
    "lowBoundary": (0, 0, _boundary),
    "highBoundary": (0, 0, _boundary),
    "getResourceKey": (0, 0, _resource_key),
    "getReferenceKey": (0, 1, _reference_key),
}
