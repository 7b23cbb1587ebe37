"""FHIRPath text to a tree: precedence, escapes, and errors that point at the character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.fhir.parser import Binary, Index, Literal, Member, Negation, PathError, This, parse


def shown(node: object) -> str:
    """The tree in brackets."""
    match node:
        case Binary(operator, left, right):
            return f"({shown(left)} {operator} {shown(right)})"
        case Literal(_, text):
            return text
        case Negation(operand):
            return f"-{shown(operand)}"
        case Member(This(), name):
            return name
        case Member(base, name):
            return f"{shown(base)}.{name}"
        case Index(base, index):
            return f"{shown(base)}[{shown(index)}]"
    return repr(node)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a or b and c", "(a or (b and c))"),
        ("a = b < c", "(a = (b < c))"),
        ("a and b = c + 1", "(a and (b = (c + 1)))"),
        ("-1 + a.b[0]", "(-1 + a.b[0])"),
        ("a // note\n + /* more */ b", "(a + b)"),
        ("`div`.`or`", "div.or"),
    ],
)
def test_operators_bind_as_fhirpath_says(text: str, tree: str) -> None:
    assert shown(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "content"),
    [(r"'it\'s'", "it's"), (r"'a\\b'", "a\\b"), (r"'\u00e9\n'", "é\n"), ("'ß ☃ 😀'", "ß ☃ 😀"), (r"'\/'", "/")],
)
def test_escapes_in_strings_are_replaced(text: str, content: str) -> None:
    assert parse(text) == Literal("string", content, 0)


@pytest.mark.parametrize(
    ("text", "type_name", "content"),
    [
        ("@2020", "date", "2020"),
        ("@2020-05-01", "date", "2020-05-01"),
        ("@2020T", "dateTime", "2020"),
        ("@2020-05-01T10:00:00.5+02:00", "dateTime", "2020-05-01T10:00:00.5+02:00"),
        ("@T10:30", "time", "10:30"),
        ("1.50", "decimal", "1.50"),
        ("true", "boolean", "true"),
        ("{}", "empty", ""),
    ],
)
def test_literals_keep_what_was_written(text: str, type_name: str, content: str) -> None:
    assert parse(text) == Literal(type_name, content, 0)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("name.where(use = 'x", 17, "a string is not closed"),
        ("@@", 0, "not a date or time"),
        ("", 0, "the expression is empty"),
        ("a.", 2, "expected the name of an element or a function, found the end"),
        ("a b", 2, "expected an operator or the end, found 'b'"),
        ("(a", 2, "expected ')', found the end"),
        ("a[0", 3, "expected ']', found the end"),
        ("f(a, ", 5, "expected a path, a literal or '(', found the end"),
        ("a | b", 2, "operator '|' is not supported"),
        ("a is Patient", 2, "operator 'is' is not supported"),
        (r"'\q'", 1, r"unknown escape \q"),
        ("$total", 0, "$total is not supported"),
        ("a ? b", 2, "'?' is not FHIRPath"),
        ("(" * 300 + "a", 200, "nested deeper than 200 levels"),
        ("-" * 3000 + "1", 199, "nested deeper than 200 levels"),
        ("a" + ".not()" * 3000, 17696, "more than 50 steps and operators on one another"),
        (" + ".join("1" * 3000), 11800, "more than 50 steps and operators on one another"),
    ],
)
def test_error_points_at_the_character(text: str, position: int, message: str) -> None:
    with pytest.raises(PathError) as error:
        parse(text)
    assert error.value.position == position
    assert message in error.value.message


@given(st.text(alphabet="ab.()[]'`%$@=<>+-*/ \\0129{},|&~\n", max_size=40))
def test_any_text_parses_or_is_a_path_error(text: str) -> None:
    position = 0
    try:
        parse(text)
    except PathError as error:
        position = error.position
    assert 0 <= position <= len(text)
