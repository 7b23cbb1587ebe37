"""A FHIRPath syntax tree to Spark SQL: paths, operators, literals and variables."""

from __future__ import annotations

from dataclasses import replace

from lakehouse.fhir import compare, navigate
from lakehouse.fhir.functions import FUNCTIONS
from lakehouse.fhir.parser import (
    Binary,
    Call,
    Index,
    Literal,
    Member,
    Negation,
    Node,
    PathError,
    This,
    Variable,
    operands,
    parse,
)
from lakehouse.fhir.values import DECIMAL, Scope, Value, pick, quote

_LARGEST = {"integer": 2**31, "integer64": 2**63}


def compile_path(scope: Scope, path: str) -> Value:
    """What an expression yields at the focus of the scope; PathError where it is wrong."""
    value = evaluate(scope, parse(path))
    if value.choice is not None:
        group = value.choice[1]
        raise PathError(f"{group} can be of several types: choose one by {group}.ofType(...)", 0)
    return value


def evaluate(scope: Scope, node: Node) -> Value:
    """Compiles one node of the tree."""
    match node:
        case Literal():
            return literal(node.type, node.text, node.position)
        case This():
            return scope.this
        case Variable():
            return _variable(scope, node)
        case Member(base=This(), name=name) if name == scope.this.type and scope.this is scope.root:
            return scope.root
        case Member():
            return navigate.step(scope, evaluate(scope, node.base), node.name, node.position)
        case Index():
            return _index(scope, node)
        case Call():
            return _call(scope, node)
        case Negation():
            return _negate(scope, node)
        case Binary():
            return _binary(scope, node)


def literal(type_name: str, text: str, position: int) -> Value:
    """A constant of a FHIR type as SQL; PathError when it does not fit the type."""
    match type_name:
        case "empty":
            return Value("NULL", "empty")
        case "boolean":
            return Value(text, "boolean")
        case "integer" | "positiveInt" | "unsignedInt":
            if abs(int(text)) >= _LARGEST["integer"]:
                raise PathError(f"{text} is beyond a 32-bit integer", position)
            return Value(f"CAST({text} AS INT)", type_name, text=quote(text))
        case "integer64":
            if abs(int(text)) >= _LARGEST["integer64"]:
                raise PathError(f"{text} is beyond a 64-bit integer", position)
            return Value(f"CAST({text} AS BIGINT)", type_name)
        case "decimal":
            whole, _, fraction = text.lstrip("-").partition(".")
            if len(whole) > 20 or len(fraction) > 18:
                raise PathError(f"{text} has more than 20 digits before or 18 after the point", position)
            return Value(f"CAST({quote(text)} AS {DECIMAL})", "decimal", text=quote(text))
    return Value(quote(text), type_name, constant=text)


def _variable(scope: Scope, node: Variable) -> Value:
    match node.name:
        case "resource" | "context" | "rootResource":
            return scope.root
        case "rowIndex":
            # Outside of an iteration it is always 0; inside it tells which of the elements this one is.
            path = None if scope.row_index == "0" else scope.this.path
            return Value(f"CAST({scope.row_index} AS INT)", "integer", path=path)
    constants = scope.compilation.constants
    if node.name not in constants:
        known = ", ".join(f"%{name}" for name in [*constants, "resource", "context", "rowIndex"])
        raise PathError(f"%{node.name} is not defined (there are {known})", node.position)
    return constants[node.name]


def _index(scope: Scope, node: Index) -> Value:
    base = evaluate(scope, node.base)
    index = scope.single(evaluate(scope, node.index), "index")
    if index.kind != "integer":
        raise PathError(f"an index is an integer, not a {index.type}", node.position)
    if base.many:
        # A negative index is beyond the collection, too.
        return pick(base, index.sql)
    return replace(base, sql=f"CASE WHEN {index.sql} = 0 THEN {base.sql} END")


def _negate(scope: Scope, node: Negation) -> Value:
    if isinstance(node.operand, Literal) and node.operand.type in ("integer", "decimal"):
        return literal(node.operand.type, f"-{node.operand.text}", node.position)
    zero = Value("CAST(0 AS INT)", "integer")
    return compare.arithmetic(scope, "-", zero, evaluate(scope, node.operand), node.position)


def _logic(scope: Scope, node: Binary) -> Value:
    """A chain of `and` or of `or` without brackets in it: Spark balances it, so that it may be long."""
    sides = [(evaluate(scope, operand), position) for operand, position in operands(node)]
    tests = [truth(scope, side, f"operand of {node.operator}", position) for side, position in sides]
    path = _paths(*(side for side, _ in sides))
    return Value(f"({f' {node.operator.upper()} '.join(tests)})", "boolean", path=path)


def _paths(*sides: Value) -> str | None:
    return ", ".join(dict.fromkeys(side.path for side in sides if side.path)) or None


def _binary(scope: Scope, node: Binary) -> Value:
    if node.operator in ("and", "or"):
        return _logic(scope, node)
    left, right = evaluate(scope, node.left), evaluate(scope, node.right)
    operator, position = node.operator, node.position
    match operator:
        case "=":
            found = Value(compare.equals(scope, left, right, position), "boolean")
        case "!=":
            found = Value(f"(NOT {compare.equals(scope, left, right, position)})", "boolean")
        case "<" | "<=" | ">" | ">=":
            found = Value(compare.compare(scope, operator, left, right, position), "boolean")
        case _:
            found = compare.arithmetic(scope, operator, left, right, position)
    return replace(found, path=_paths(left, right))


def truth(scope: Scope, value: Value, what: str, position: int) -> str:
    """A boolean operand as SQL; PathError for anything else."""
    if value.kind == "empty":
        return "CAST(NULL AS BOOLEAN)"
    if value.kind != "boolean":
        raise PathError(f"{what} has to be boolean, not {value.type}", position)
    return scope.single(value, what).sql


def _call(scope: Scope, node: Call) -> Value:
    if node.name not in FUNCTIONS:
        raise PathError(f"unknown function {node.name}() (there are {', '.join(FUNCTIONS)})", node.position)
    least, most, function = FUNCTIONS[node.name]
    if not least <= len(node.arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise PathError(f"{node.name}() takes {wanted} arguments, not {len(node.arguments)}", node.position)
    return function(scope, evaluate(scope, node.base), node, evaluate)
