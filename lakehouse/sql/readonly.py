"""From a text in Trino's dialect to one checked, read-only statement for the embedded engine.

Everything is decided on the parse tree by what is allowed, never by looking for bad words: see functions.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token

from lakehouse.errors import InputError
from lakehouse.sql.dialect import to_duckdb
from lakehouse.sql.functions import ALLOWED_NAMES, ALLOWED_NODES
from lakehouse.sql.show import columns_query, show_query

CATALOGS = ("lake", "control")
_BINDABLE = (bool, int, float, str, bytes, Decimal, date, datetime, type(None))
LISTING = "listing"  # what `<catalog>.information_schema.<view>` is called inside the engine: listing.<catalog>.<view>
_LISTED = ("tables", "columns", "schemata")
_ONLY = "only queries can be run here (SELECT, WITH, VALUES, TABLE, SHOW, DESCRIBE, EXPLAIN)"
_STATEMENTS = (exp.DML, exp.DDL, exp.Command, exp.Copy, exp.Set, exp.Pragma, exp.Attach, exp.Use, exp.Drop, exp.Alter)


@dataclass(frozen=True, order=True)
class TableName:
    """A table by its three names, in small letters."""

    catalog: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.name}"


@dataclass(frozen=True)
class Query:
    """A checked statement: `sql` for DuckDB, the tables it reads, and the names of its parameters."""

    sql: str
    tables: frozenset[TableName]
    parameters: frozenset[str]


def translate(sql: str) -> str:
    """DuckDB's text of one read-only Trino statement; bound parameters `:name` become `$name`.

    Raises InputError for several statements, anything but a query, a function or clause that is not on the list, and a
    table outside the catalogs `lake` and `control`.
    """
    return prepare(sql).sql


def prepare(sql: str) -> Query:
    """Parse, check and translate; the same errors as `translate`."""
    try:
        return _prepare(sql)
    except ParseError as error:
        where = error.errors[0] if error.errors else {}
        place = f" at line {where['line']}, column {where['col']}" if where.get("line") else ""
        raise InputError(f"the query cannot be read{place}: check commas, brackets and keywords there.") from None
    except TokenError:
        raise InputError("the query cannot be read: a quote or a comment is not closed.") from None
    except RecursionError:
        raise InputError("the query is nested too deeply: split it with WITH.") from None
    except SqlglotError:
        raise InputError(
            "a part of the query has no counterpart on the embedded engine: write it differently."
        ) from None


def check_parameters(names: frozenset[str], parameters: Mapping[str, object]) -> None:
    """Each named parameter has a value that can be bound, and no other is given; InputError if not."""
    if missing := sorted(names - parameters.keys()):
        raise InputError(f"the query's parameter :{missing[0]} has no value: give one.")
    if unused := sorted(parameters.keys() - names):
        raise InputError(f"the query has no parameter :{unused[0]}: remove the value or name it in the text.")
    for name, value in parameters.items():
        if not isinstance(value, _BINDABLE):
            raise InputError(f"the parameter :{name} must be a text, number, date, instant, true/false, bytes or null.")


def _prepare(sql: str) -> Query:
    tokens = sqlglot.tokenize(sql, read="trino")
    explain = ""
    if tokens and tokens[0].text.upper() == "EXPLAIN":
        explain, tokens = _explained(tokens)
    tree = _parse(tokens, sql)
    described: set[TableName] = set()
    if isinstance(tree, exp.Describe):
        name = _described(tree)
        tree = columns_query(name)
        described.add(TableName(*[part.lower() for part in (["lake", *name])[-3:]]))
    _check(tree)
    _name_columns(tree)
    tables = {found for table in tree.find_all(exp.Table) if (found := _resolve(table))}
    names = frozenset(str(placeholder.this) for placeholder in tree.find_all(exp.Placeholder))
    return Query(explain + to_duckdb(tree), frozenset(tables | described), names)


def _explained(tokens: list[Token]) -> tuple[str, list[Token]]:
    rest = sqlglot.tokenize(tokens[1].text, read="trino") if len(tokens) > 1 else []
    prefix = "EXPLAIN "
    if rest and rest[0].text.upper() == "ANALYZE":
        prefix, rest = "EXPLAIN ANALYZE ", rest[1:]
    if len(rest) > 1 and rest[0].text == "(" and rest[1].text.upper() in ("TYPE", "FORMAT"):
        raise InputError("EXPLAIN takes no options here: write EXPLAIN and the query.")
    if rest and rest[0].text.upper() in ("SHOW", "DESCRIBE", "DESC", "EXPLAIN"):
        raise InputError("EXPLAIN must be followed by a SELECT, WITH or VALUES query.")
    return prefix, rest


def _parse(tokens: list[Token], sql: str) -> exp.Expr:
    """The only statement of the text, as a query or a DESCRIBE."""
    if tokens and tokens[0].text.upper() == "SHOW":
        rest = tokens[1:-1] if tokens[-1].text == ";" else tokens[1:]
        return show_query(sqlglot.tokenize(rest[0].text, read="trino") if len(rest) == 1 else rest)
    dialect = Dialect.get_or_raise("trino")
    statements = [tree for tree in dialect.parser(error_level=ErrorLevel.IMMEDIATE).parse(tokens, sql) if tree]
    if not statements:
        raise InputError(f"there is no statement in the text: {_ONLY}.")
    if len(statements) > 1:
        raise InputError(f"one statement at a time: this text holds {len(statements)}.")
    tree = statements[0]
    if not isinstance(tree, exp.Query | exp.Values | exp.Describe):
        raise InputError(f"{_ONLY}: this statement is {_article(_statement_name(tree, tokens[0]))}.")
    return tree


def _statement_name(tree: exp.Expr, first: Token) -> str:
    word = tree.key if isinstance(tree, exp.DML | exp.DDL) else first.text
    return word.upper() if word.isalpha() and len(word) < 20 else "something else"


def _article(name: str) -> str:
    return name if name == "something else" else f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _described(tree: exp.Describe) -> list[str]:
    table = tree.this
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        raise InputError("DESCRIBE takes the name of a table, such as lake.silver.patient.")
    return [part.name for part in table.parts]


def _name_columns(tree: exp.Expr) -> None:
    """Columns without a name are `_col0`, `_col1`, as in Trino: DuckDB would show their text, literals included."""
    first = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    if isinstance(first, exp.Select):
        named = exp.Alias | exp.Column | exp.Dot | exp.Star
        columns = first.expressions
        first.set(
            "expressions",
            [c if isinstance(c, named) else exp.alias_(c, f"_col{i}", copy=False) for i, c in enumerate(columns)],
        )


def _check(tree: exp.Expr) -> None:
    """Every node must be on the list; raises InputError for the first that is not."""
    for node in tree.walk():
        kind = type(node).__name__
        if isinstance(node, exp.Anonymous):
            if not isinstance(node.this, str) or node.name.lower() not in ALLOWED_NAMES:
                raise InputError(_function_refused(str(node.name)))
        elif isinstance(node, exp.Placeholder):
            if not isinstance(node.this, str) or not node.this.isidentifier():
                raise InputError("a parameter has a name here: write :name instead of ?.")
        elif isinstance(node, exp.Version):
            raise InputError("earlier versions cannot be read here: FOR VERSION and FOR TIMESTAMP need Trino or Spark.")
        elif kind not in ALLOWED_NODES:
            if isinstance(node, _STATEMENTS):
                raise InputError(f"{_ONLY}: a part of this one is {_article(node.key.upper())}.")
            if isinstance(node, exp.Func):
                raise InputError(_function_refused(node.sql_name()))
            raise InputError(f"{node.key.upper()} cannot be used in a query here.")
        elif isinstance(node, exp.Lateral) and not isinstance(node.this, exp.Subquery | exp.Unnest):
            raise InputError("LATERAL must be followed by a query in brackets.")


def _function_refused(name: str) -> str:
    shown = name.lower() if name.replace("_", "").isalnum() and name.isascii() and len(name) < 40 else "of this name"
    hint = "; write date_format(t, '%Y-%m') instead" if shown == "format_datetime" else ""
    return f"the function {shown} cannot be used here: it is none of Trino's that the embedded engine offers{hint}."


def _resolve(table: exp.Table) -> TableName | None:
    """Check a table's name, write it out with three parts, and return it; None for a WITH query or a listing."""
    parts = table.parts
    if not all(isinstance(part, exp.Identifier) for part in parts) or table.args.get("joins"):
        raise InputError(
            "FROM takes tables, queries in brackets, UNNEST and VALUES: functions that make tables are not."
        )
    names = [part.name.lower() for part in parts]
    if len(names) == 1:
        if _is_with_query(table, names[0]):
            return None
        raise InputError("write a table's whole name, such as lake.silver.patient; a file cannot be read.")
    name = TableName(*(["lake", *names])[-3:])
    if len(names) > 3 or name.catalog not in CATALOGS:
        raise InputError(
            "tables are in the catalogs lake and control: write lake.silver.patient or control.public.runs."
        )
    listing = name.schema == "information_schema"
    if listing and name.name not in _LISTED:
        raise InputError(f"information_schema has these tables here: {', '.join(_LISTED)}.")
    catalog, schema = (LISTING, name.catalog) if listing else (name.catalog, name.schema)
    table.set("catalog", exp.to_identifier(catalog, quoted=True))
    table.set("db", exp.to_identifier(schema, quoted=True))
    table.set("this", exp.to_identifier(name.name, quoted=True))
    return name


def _is_with_query(table: exp.Table, name: str) -> bool:
    """Whether a WITH that is in scope at this place defines the name: the engine would look up any other in its own
    catalog, where settings and secrets are."""
    child: exp.Expr = table
    while (parent := child.parent) is not None:
        ctes = parent.expressions if isinstance(parent, exp.With) else []
        if isinstance(parent, exp.With):
            place = next(i for i, cte in enumerate(ctes) if cte is child)
            ctes = ctes[: place + 1] if parent.args.get("recursive") else ctes[:place]
        elif isinstance(parent, exp.Query) and not isinstance(child, exp.With):
            ctes = parent.ctes
        if any(cte.alias.lower() == name for cte in ctes):
            return True
        child = parent
    return False
