"""FHIRPath text to a syntax tree, for the subset that SQL on FHIR v2 asks of a runner.

A Pratt parser: each operator has a binding strength, and nothing else is needed for precedence. Every node knows its
position, so that an error can point at the character that is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn


class PathError(Exception):
    """An expression is wrong at a position; the view compiler turns it into a ViewError naming the element."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True)
class Literal:
    """A value written in the expression; `type` is string, integer, decimal, boolean, date, dateTime, time or empty."""

    type: str
    text: str
    position: int


@dataclass(frozen=True)
class This:
    """`$this`, or the implicit focus of a path."""

    position: int


@dataclass(frozen=True)
class Variable:
    """`%name`: a constant of the view or an environment variable."""

    name: str
    position: int


@dataclass(frozen=True)
class Member:
    """An element of the base, by name."""

    base: Node
    name: str
    position: int


@dataclass(frozen=True)
class Call:
    """A function on the base."""

    base: Node
    name: str
    arguments: tuple[Node, ...]
    position: int


@dataclass(frozen=True)
class Index:
    """The item of the base at a zero-based position."""

    base: Node
    index: Node
    position: int


@dataclass(frozen=True)
class Binary:
    """An operator between two expressions."""

    operator: str
    left: Node
    right: Node
    position: int


@dataclass(frozen=True)
class Negation:
    """A minus sign before an expression."""

    operand: Node
    position: int


Node = Literal | This | Variable | Member | Call | Index | Binary | Negation


@dataclass(frozen=True)
class Token:
    """A piece of the text: kind, content and the position of its first character."""

    kind: str
    text: str
    position: int


_DATE = r"\d{4}(?:-\d{2}(?:-\d{2})?)?"
_TIME = r"\d{2}(?::\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_TOKENS = re.compile(
    rf"""(?P<space>\s+|//[^\n]*|/\*(?s:.*?)\*/)
    |(?P<dateTime>@{_DATE}T(?:{_TIME}(?:Z|[+-]\d{{2}}:\d{{2}})?)?)
    |(?P<date>@{_DATE})
    |(?P<time>@T{_TIME})
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<quoted>`(?:[^`\\]|\\.)*`)
    |(?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
    |(?P<special>\$[A-Za-z]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<operator><=|>=|!=|!~|[-+*/=<>|&~().,\[\]{{}}])""",
    re.VERBOSE | re.DOTALL,
)
_OPENERS = {"'": "a string is not closed", "`": "a quoted name is not closed", "@": "not a date or time"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)

# FHIRPath's precedence, weakest first; the keyword operators that are not listed are refused by name.
_STRENGTH = {
    "or": 1, "and": 2, "=": 4, "!=": 4, "<": 5, "<=": 5, ">": 5, ">=": 5, "+": 7, "-": 7, "*": 8, "/": 8,
}  # fmt: skip
_REFUSED = {"|", "&", "~", "!~", "implies", "xor", "in", "contains", "div", "mod", "is", "as"}
_DEEPEST_BRACKETS = 200
_DEEPEST = 50  # steps and operators on one another; from twice as many on, Spark's stack overflows


def tokenize(text: str) -> list[Token]:
    """The tokens of an expression, without space and comments; PathError at the first character that fits none."""
    tokens, position = [], 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            reason = _OPENERS.get(text[position], f"{text[position]!r} is not FHIRPath")
            raise PathError(reason, position)
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(Token(kind, match.group(), position))
        position = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def unescape(text: str, position: int) -> str:
    """The content of a quoted string or name, its escapes replaced; PathError for an escape that FHIRPath lacks."""

    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if len(code) == 5:
            return chr(int(code[1:], 16))
        if code not in "'\"`\\/nrtf":
            raise PathError(f"unknown escape \\{code}", position + 1 + match.start())
        return _ESCAPES.get(code, code)

    return _ESCAPE.sub(replace, text[1:-1])


def parse(text: str) -> Node:
    """The syntax tree of one expression; PathError with the position of what is wrong."""
    node = _Parser(tokenize(text)).whole()
    _check_depth(node)
    return node


def operands(node: Binary) -> list[tuple[Node, int]]:
    """All operands of a chain of one operator, first to last, each with the position of its operator."""
    found: list[tuple[Node, int]] = []
    while isinstance(node.left, Binary) and node.left.operator == node.operator:
        found.append((node.right, node.position))
        node = node.left
    return [(node.left, node.position), (node.right, node.position), *reversed(found)]


def _check_depth(root: Node) -> None:
    """Refuse a tree that is too deep. A chain of `and` or of `or` is one level, however long: lists of codes are."""
    open_nodes: list[tuple[Node, int]] = [(root, 1)]
    while open_nodes:
        node, depth = open_nodes.pop()
        if depth > _DEEPEST:
            raise PathError(f"more than {_DEEPEST} steps and operators on one another", node.position)
        match node:
            case Binary(operator="and" | "or"):
                open_nodes += [(operand, depth + 1) for operand, _ in operands(node)]
            case Binary():
                open_nodes += [(node.left, depth + 1), (node.right, depth + 1)]
            case Negation():
                open_nodes.append((node.operand, depth + 1))
            case Index():
                open_nodes += [(node.base, depth + 1), (node.index, depth + 1)]
            case Call():
                open_nodes += [(part, depth + 1) for part in (node.base, *node.arguments)]
            case Member():
                open_nodes.append((node.base, depth + 1))


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.here
        self.at += 1
        return token

    def fail(self, wanted: str) -> NoReturn:
        found = "the end" if self.here.kind == "end" else f"{self.here.text!r}"
        raise PathError(f"expected {wanted}, found {found}", self.here.position)

    def expect(self, text: str) -> None:
        if self.here.text != text or self.here.kind == "string":
            self.fail(f"{text!r}")
        self.at += 1

    def whole(self) -> Node:
        if self.here.kind == "end":
            raise PathError("the expression is empty", 0)
        node = self.expression(0)
        if self.here.kind != "end":
            self.fail("an operator or the end")
        return node

    def expression(self, strength: int) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST_BRACKETS:
            raise PathError(f"nested deeper than {_DEEPEST_BRACKETS} levels", self.here.position)
        left = self.postfix(self.prefix())
        while self.here.kind in ("operator", "name"):
            token = self.here
            if token.text in _REFUSED:
                raise PathError(
                    f"operator {token.text!r} is not supported (there are {', '.join(_STRENGTH)})",
                    token.position,
                )
            binding = _STRENGTH.get(token.text, -1)
            if binding <= strength:
                break
            self.at += 1
            left = Binary(token.text, left, self.expression(binding), token.position)
        self.depth -= 1
        return left

    def prefix(self) -> Node:
        token = self.take()
        match token.kind, token.text:
            case "number", text:
                return Literal("decimal" if "." in text else "integer", text, token.position)
            case "string", text:
                return Literal("string", unescape(text, token.position), token.position)
            case (("date" | "dateTime" | "time"), text):
                return Literal(token.kind, text.lstrip("@").lstrip("T").rstrip("T"), token.position)
            case "variable", text:
                name = text[1:]
                return Variable(unescape(name, token.position) if name[0] in "`'" else name, token.position)
            case "special", "$this":
                return This(token.position)
            case "name", ("true" | "false"):
                return Literal("boolean", token.text, token.position)
            case (("name" | "quoted"), _):
                self.at -= 1
                return self.member(This(token.position))
            case "operator", "(":
                node = self.expression(0)
                self.expect(")")
                return node
            case "operator", "{":
                self.expect("}")
                return Literal("empty", "", token.position)
            case "operator", ("-" | "+"):
                self.depth += 1
                if self.depth > _DEEPEST_BRACKETS:
                    raise PathError(f"nested deeper than {_DEEPEST_BRACKETS} levels", token.position)
                operand = self.postfix(self.prefix())
                self.depth -= 1
                return Negation(operand, token.position) if token.text == "-" else operand
        self.at -= 1
        if token.kind == "special":
            raise PathError(f"{token.text} is not supported (there is $this)", token.position)
        self.fail("a path, a literal or '('")

    def postfix(self, base: Node) -> Node:
        while self.here.kind == "operator" and self.here.text in (".", "["):
            token = self.take()
            if token.text == ".":
                base = self.member(base)
            else:
                base = Index(base, self.expression(0), token.position)
                self.expect("]")
        return base

    def member(self, base: Node) -> Node:
        token = self.take()
        if token.kind not in ("name", "quoted"):
            self.at -= 1
            self.fail("the name of an element or a function")
        name = unescape(token.text, token.position) if token.kind == "quoted" else token.text
        if self.here.text != "(" or self.here.kind == "string":
            return Member(base, name, token.position)
        self.at += 1
        arguments = []
        while self.here.text != ")" or self.here.kind != "operator":
            arguments.append(self.expression(0))
            if self.here.text == ",":
                self.at += 1
            elif self.here.text != ")":
                self.fail("',' or ')'")
        self.expect(")")
        return Call(base, name, tuple(arguments), token.position)
