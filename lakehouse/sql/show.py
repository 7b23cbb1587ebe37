"""SHOW and DESCRIBE as queries over the information schema, so that they take the same checked path."""

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from lakehouse.errors import InputError

_NAME_TOKENS = (TokenType.IDENTIFIER, TokenType.VAR)
_HELP = "SHOW CATALOGS, SHOW SCHEMAS [FROM lake], SHOW TABLES [FROM lake.silver] [LIKE '…'], SHOW COLUMNS FROM table"


def show_query(tokens: list[Token]) -> exp.Expr:
    """What answers the statement `SHOW <tokens>`: a SELECT with Trino's column names, or the DESCRIBE of a table.

    Raises InputError for every other kind.
    """
    words = [token.text.upper() for token in tokens]
    kind = words[0] if words else ""
    if kind == "CATALOGS" and len(words) == 1:
        rows = exp.values([("control",), ("lake",)], alias="c", columns=["Catalog"])
        return exp.select(exp.Star()).from_(rows)
    if kind in ("SCHEMAS", "TABLES", "COLUMNS"):
        name, pattern = _name_and_pattern(tokens[1:])
        if kind == "SCHEMAS" and len(name) <= 1:
            return _schemas(name[0] if name else "lake", pattern)
        if kind == "TABLES" and len(name) <= 2:
            return _tables(name, pattern)
        if kind == "COLUMNS" and name and pattern is None:
            catalog, db, table = ([None, None, *name])[-3:]
            return exp.Describe(this=exp.table_(str(table), db=db, catalog=catalog, quoted=True))
    raise InputError(f"only these can be shown: {_HELP}.")


def columns_query(name: list[str]) -> exp.Expr:
    """The SELECT behind DESCRIBE: one row a column, in order. `name` is `[schema, table]` or has the catalog before."""
    if len(name) not in (2, 3):
        raise InputError("write the table's whole name, such as lake.silver.patient.")
    catalog, schema, table = (["lake", *name])[-3:]
    return (
        exp.select(
            exp.column("column_name").as_("Column", quoted=True),
            exp.column("data_type").as_("Type", quoted=True),
            exp.column("comment").as_("Comment", quoted=True),
        )
        .from_(_listing(catalog, "columns"))
        .where(exp.column("table_schema").eq(schema.lower()), exp.column("table_name").eq(table.lower()))
        .order_by("ordinal_position")
    )


def _schemas(catalog: str, pattern: str | None) -> exp.Select:
    query = exp.select(exp.column("schema_name").as_("Schema", quoted=True)).from_(_listing(catalog, "schemata"))
    return _like(query, "schema_name", pattern).order_by("schema_name")


def _tables(name: list[str], pattern: str | None) -> exp.Select:
    """Tables of `[schema]` or `[catalog, schema]`; without a name those of all schemas of the lake, schema first."""
    catalog = name[0] if len(name) == 2 else "lake"
    query = exp.select(exp.column("table_name").as_("Table", quoted=True)).from_(_listing(catalog, "tables"))
    if name:
        query = query.where(exp.column("table_schema").eq(name[-1].lower()))
    else:
        query = query.select(exp.column("table_schema").as_("Schema", quoted=True))
        query.set("expressions", query.expressions[::-1])
    return _like(query, "table_name", pattern).order_by("table_schema", "table_name")


def _listing(catalog: str, view: str) -> exp.Table:
    return exp.table_(view, db="information_schema", catalog=catalog.lower())


def _like(query: exp.Select, column: str, pattern: str | None) -> exp.Select:
    return query if pattern is None else query.where(exp.column(column).like(pattern))


def _name_and_pattern(tokens: list[Token]) -> tuple[list[str], str | None]:
    """What follows the kind: `[FROM|IN a.b.c] [LIKE 'pattern']`."""
    rest, name, pattern = list(tokens), [], None
    if rest and rest[0].text.upper() in ("FROM", "IN"):
        rest.pop(0)
        while rest:
            part = rest.pop(0)
            if part.token_type not in _NAME_TOKENS and not part.text.isidentifier():
                raise InputError(f"this is not a name that can be shown; what can be: {_HELP}.")
            name.append(part.text)
            if not rest or rest[0].token_type != TokenType.DOT:
                break
            rest.pop(0)
        if not name:
            raise InputError(f"a name is missing after FROM; what can be shown: {_HELP}.")
    if len(rest) == 2 and rest[0].text.upper() == "LIKE" and rest[1].token_type == TokenType.STRING:
        pattern, rest = rest[1].text, []
    if rest:
        raise InputError(f"only these can be shown: {_HELP}.")
    return name, pattern
