"""The Spark schema of a table, as the DDL text that `StructType.fromDDL` reads (this package imports no Spark)."""

from collections.abc import Iterable

from catalog.model import Column


def spark_schema(columns: Iterable[Column]) -> str:
    """`name type [NOT NULL]`, in order, separated by commas."""
    return ", ".join(f"{c.name} {c.type.spark}{'' if c.null else ' NOT NULL'}" for c in columns)
