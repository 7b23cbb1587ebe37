"""Where a Trino expression, carried over by sqlglot word for word, would give another answer on DuckDB."""

from sqlglot import exp
from sqlglot.errors import ErrorLevel

from lakehouse.errors import InputError
from lakehouse.sql.functions import ALLOWED_NAMES

_DAYS_AND_MORE = ("day", "week", "month", "quarter", "year")


def to_duckdb(query: exp.Expr) -> str:
    """DuckDB's text of a checked Trino query; every identifier is quoted, comments are gone.

    Quoting is part of the defence: `$$x$$` is a name in Trino and a string in DuckDB.
    """
    tree = query.copy()
    for node in reversed(list(tree.walk(bfs=False))):  # children first: a rewritten call may hold another
        replacement = _rewrite(node)
        if replacement is not node:
            node.replace(replacement)
    return tree.sql("duckdb", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)


def _rewrite(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.DateDiff):
        return _whole_units(node)
    if isinstance(node, exp.DateTrunc | exp.TimestampTrunc):
        unit = exp.Literal.string(node.args["unit"].name.lower())
        return _of_type(exp.Anonymous(this="date_trunc", expressions=[unit, node.this.copy()]), node.this)
    if isinstance(node, exp.DateAdd) and node.args["unit"].name.lower() in _DAYS_AND_MORE:
        return _of_type(node.copy(), node.this)
    if isinstance(node, exp.Add | exp.Sub):
        return _plus_interval(node)
    if isinstance(node, exp.FromISO8601Timestamp):  # Trino's has thousandths of a second
        instant = exp.cast(node.this.copy(), "timestamptz")
        return exp.Anonymous(this="date_trunc", expressions=[exp.Literal.string("millisecond"), instant])
    if isinstance(node, exp.CountIf):
        return _counted(node)
    if isinstance(node, exp.Anonymous):
        return _renamed(node)
    if isinstance(node, exp.Unnest) and node.find_ancestor(exp.From, exp.Join):
        return _rows_as_columns(node)
    return node


def _whole_units(node: exp.DateDiff) -> exp.Expr:
    """Trino counts completed units (a birthday to come does not count), DuckDB's date_diff counts boundaries."""
    unit = exp.Literal.string(str(node.args["unit"].name).lower())
    return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])


def _of_type(result: exp.Expr, value: exp.Expr) -> exp.Expr:
    """With Trino a date stays a date where DuckDB makes an instant of it."""
    return exp.Anonymous(this="cast_to_type", expressions=[result, value.copy()])


def _plus_interval(node: exp.Add | exp.Sub) -> exp.Expr:
    value, period = node.this, node.expression
    if isinstance(value, exp.Interval):
        value, period = period, value
    unit = period.args.get("unit") if isinstance(period, exp.Interval) else None
    if isinstance(value, exp.Interval) or unit is None or unit.name.lower() not in _DAYS_AND_MORE:
        return node
    return _of_type(node.copy(), value)


def _counted(node: exp.CountIf) -> exp.Expr:
    """Of no rows, Trino counts 0, where DuckDB's count_if gives null."""
    return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))]))


def _renamed(node: exp.Anonymous) -> exp.Expr:
    name, arguments = node.name.lower(), node.expressions
    if name in ("any_match", "all_match", "none_match"):
        if len(arguments) != 2 or not isinstance(arguments[1], exp.Lambda):
            raise InputError(f"{name} takes an array and a condition, such as {name}(codings, c -> c.code = 'x').")
        condition = arguments[1].copy()
        if name == "all_match":
            condition.set("this", exp.Not(this=exp.Paren(this=condition.this)))
        count = exp.ArraySize(this=exp.ArrayFilter(this=arguments[0].copy(), expression=condition))
        return (exp.GT if name == "any_match" else exp.EQ)(this=count, expression=exp.Literal.number(0))
    if name == "at_timezone" and len(arguments) == 2:
        return exp.Paren(this=exp.AtTimeZone(this=arguments[0].copy(), zone=arguments[1].copy()))
    node.set("this", ALLOWED_NAMES[name])
    return node


def _rows_as_columns(node: exp.Unnest) -> exp.Expr:
    """Trino spreads an array of rows over several columns and walks several arrays side by side; DuckDB does neither
    in FROM, but does both in a select list."""
    arrays, alias = node.expressions, node.args.get("alias")
    names = [column.copy() for column in alias.columns] if alias else []
    if len(arrays) == 1 and len(names) <= 1:
        return node
    if len(arrays) > 1 and len(names) != len(arrays):
        raise InputError("UNNEST of several arrays needs one column name each: UNNEST(a, b) AS t(x, y).")
    columns: list[exp.Expr] = []
    for array in arrays:
        spread = exp.Anonymous(this="unnest", expressions=[array.copy()])
        if len(arrays) == 1:
            depth = exp.PropertyEQ(this=exp.to_identifier("max_depth"), expression=exp.Literal.number(2))
            spread.append("expressions", depth)
        columns.append(spread)
    if ordinal := node.args.get("offset"):
        one = exp.Literal.number(1)
        columns.append(exp.Anonymous(this="generate_subscripts", expressions=[arrays[0].copy(), one]))
        names.append(ordinal.copy() if isinstance(ordinal, exp.Identifier) else exp.to_identifier("ordinality"))
    table_alias = exp.TableAlias(this=alias.this.copy() if alias and alias.this else None, columns=names)
    return exp.Lateral(this=exp.Subquery(this=exp.Select(expressions=columns)), alias=table_alias)
