"""From what a person wrote to what Trino is asked: one reading statement, its parameters by place.

The text itself goes to Trino as it is: which tables and columns somebody may read is for Trino's access rules to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from lakehouse.errors import InputError
from lakehouse.sql.show import show_query

_ONLY = "only queries can be run here (SELECT, WITH, VALUES, TABLE, SHOW, DESCRIBE, EXPLAIN)"
_QUERIES = ("SELECT", "WITH", "VALUES", "TABLE", "(")
_LISTS = ("SHOW", "DESCRIBE", "DESC")


class _Tokenizer(Trino.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()  # without it, what follows SHOW, EXPLAIN and CALL is one piece of text


@dataclass(frozen=True)
class Statement:
    """What Trino is asked. `places` names the parameter of each `?`; `literals` are the values that the text holds.

    Every character stands where it stood in the text, so that Trino's line and column are those of the text.
    """

    sql: str
    places: tuple[str, ...] = ()
    is_description: bool = False
    literals: frozenset[str] = frozenset()

    @property
    def parameters(self) -> frozenset[str]:
        """The names that the text leaves open."""
        return frozenset(self.places)

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """The value for each place."""
        return [parameters[name] for name in self.places]


@lru_cache(maxsize=256)
def statement(sql: str) -> Statement:
    """Check and convert; InputError for several statements or anything that does not only read."""
    try:
        tokens = _Tokenizer().tokenize(sql)
    except SqlglotError:
        raise InputError("the query cannot be read: a quote or a comment is not closed.") from None
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        sql = sql[: tokens.pop().start]
    if not tokens:
        raise InputError(f"there is no statement in the text: {_ONLY}.")
    if any(token.token_type == TokenType.SEMICOLON for token in tokens):
        raise InputError("one statement at a time: this text holds several.")
    _check(tokens)
    if _lists_all_tables(tokens):
        # Trino's listing of a whole Iceberg catalog has each table twice.
        listing = show_query(tokens[1:])
        listing.set("distinct", exp.Distinct())
        return Statement(listing.sql("trino"))
    text, places = _placed(sql, tokens)
    return Statement(text, places, _word(tokens[0]) in ("DESCRIBE", "DESC"), _literals(tokens))


def _check(tokens: list[Token]) -> None:
    """What Trino would carry out must begin like something that reads: it has no statement that reads and writes."""
    rest = tokens
    if _word(rest[0]) == "EXPLAIN":  # EXPLAIN ANALYZE carries out what follows
        rest = rest[1:]
        while rest and _word(rest[0]) in ("ANALYZE", "VERBOSE"):
            rest = rest[1:]
        if len(rest) > 1 and rest[0].text == "(" and _word(rest[1]) in ("TYPE", "FORMAT"):
            end = next((i for i, token in enumerate(rest) if token.text == ")"), len(rest) - 1)
            rest = rest[end + 1 :]
        if not rest or _word(rest[0]) not in _QUERIES:
            raise InputError("EXPLAIN must be followed by a SELECT, WITH or VALUES query.")
    elif _word(rest[0]) not in (*_QUERIES, *_LISTS):
        word = _word(rest[0])
        kind = word if word.isascii() and word.isalpha() and len(word) < 20 else "something else"
        article = "" if kind == "something else" else "an " if kind[0] in "AEIOU" else "a "
        raise InputError(f"{_ONLY}: this statement is {article}{kind}.")


def _word(token: Token) -> str:
    quoted = token.token_type in (TokenType.IDENTIFIER, TokenType.STRING)
    return "" if quoted else token.text.upper()


def _lists_all_tables(tokens: list[Token]) -> bool:
    """`SHOW TABLES` of the whole lake, for which Trino would want a schema."""
    words = [_word(token) for token in tokens[:3]]
    return words[:2] == ["SHOW", "TABLES"] and words[2:] in ([], ["LIKE"])


def _placed(sql: str, tokens: list[Token]) -> tuple[str, tuple[str, ...]]:
    """`?` for each `:name`. A colon with a blank behind it is none: JSON_OBJECT has those."""
    pieces, places, done = [], [], 0
    for colon, name in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if colon.token_type == TokenType.PLACEHOLDER:
            raise InputError("a parameter has a name here: write :name instead of ?.")
        if colon.token_type != TokenType.COLON or name.start != colon.end + 1 or not name.text.isidentifier():
            continue
        if name.token_type in (TokenType.IDENTIFIER, TokenType.STRING):
            continue
        pieces += [sql[done : colon.start], "?".ljust(name.end + 1 - colon.start)]
        places.append(name.text)
        done = name.end + 1
    return "".join([*pieces, sql[done:]]), tuple(places)


def _literals(tokens: list[Token]) -> frozenset[str]:
    """The values in the text, and names in quotes that do not look like names: they may be values, too."""
    texts = {t.text for t in tokens if t.token_type in (TokenType.STRING, TokenType.UNICODE_STRING)}
    texts |= {t.text for t in tokens if t.token_type == TokenType.NUMBER and len(t.text) > 2}
    texts |= {t.text for t in tokens if t.token_type == TokenType.IDENTIFIER and not t.text.isidentifier()}
    return frozenset(text for text in texts if len(text) > 1)
