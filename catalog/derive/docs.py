"""The docs page of a table, in Markdown."""

from catalog.model import Kind, Table


def page(table: Table) -> str:
    """One page: what it is, a row a column, what is checked."""
    lines = [
        f"# {table.name}",
        "",
        table.doc,
        "",
        f"- Grain: {table.grain}",
        f"- Key: {', '.join(f'`{k}`' for k in table.key)}",
        f"- Partitioned by: {', '.join(f'`{p.ddl()}`' for p in table.partition) or 'nothing'}",
        f"- Owner: {table.owner}",
        f"- Retention: {table.retention.name}. {table.retention.doc}",
        "",
        "| column | type | null | tag | meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    for c in table.columns:
        notes = [c.doc.replace("|", "\\|")]
        notes += [f"Unit: `{c.unit}`."] if c.unit else []
        notes += [f"Points to [{c.ref}]({c.ref}.md)."] if c.ref else []
        notes += ["One of: " + ", ".join(f"`{v}`" for v in c.values) + "."] if c.values else []
        lines.append(
            f"| {c.name} | `{c.type.name}` | {'yes' if c.null else 'no'} | {c.tag.value} | {' '.join(notes)} |"
        )
    if table.checks:
        lines += ["", "| check | level | what is true of good data |", "| --- | --- | --- |"]
        lines += [f"| {c.name} | {c.level.value} | {_what(c.doc, c.kind, c.sql)} |" for c in table.checks]
    return "\n".join(lines) + "\n"


def _what(doc: str, kind: Kind, sql: str) -> str:
    rule = f" `{' '.join(sql.split())}`" if kind is Kind.ROW else ""
    return (doc + rule).replace("|", "\\|")


def index(tables: dict[str, Table]) -> str:
    """The page that lists all tables."""
    lines = ["# Tables", "", "Generated from the declarations by `make docs`.", ""]
    lines += ["| table | what it holds | grain |", "| --- | --- | --- |"]
    lines += [f"| [{t.name}]({t.name}.md) | {t.doc} | {t.grain} |" for t in tables.values()]
    return "\n".join(lines) + "\n"
