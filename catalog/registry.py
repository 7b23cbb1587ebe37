"""All tables by name, in layer order; an unknown reference or a duplicate is an error at import."""

from types import ModuleType

from catalog.model import InvalidTable, Table
from catalog.tables import bronze, gold, ops, silver


def collect(*modules: ModuleType) -> dict[str, Table]:
    """The Table constants of these modules in reading order; a duplicate or unknown reference raises InvalidTable."""
    tables: dict[str, Table] = {}
    for module in modules:
        for table in vars(module).values():
            if isinstance(table, Table) and tables.setdefault(table.name, table) is not table:
                raise InvalidTable(f"{table.name}: declared twice")
    for table in tables.values():
        for column in table.columns:
            if column.ref is not None and column.ref not in tables:
                raise InvalidTable(f"{table.name}.{column.name}: refers to {column.ref}, which is not declared")
    return tables


TABLES: dict[str, Table] = collect(bronze, silver, gold, ops)
