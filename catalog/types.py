"""Logical column types and their name in each engine. One line a type; nothing else in the tree spells a type name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Type:
    """A logical type and what each engine calls it; `spark` doubles as the DDL of Iceberg tables made by Spark."""

    name: str
    spark: str
    iceberg: str
    trino: str
    duckdb: str
    openlineage: str


Text = Type("text", "string", "string", "varchar", "VARCHAR", "string")
Boolean = Type("boolean", "boolean", "boolean", "boolean", "BOOLEAN", "boolean")
Integer = Type("integer", "int", "int", "integer", "INTEGER", "int")
Long = Type("long", "bigint", "long", "bigint", "BIGINT", "long")
Double = Type("double", "double", "double", "double", "DOUBLE", "double")
Date = Type("date", "date", "date", "date", "DATE", "date")
Timestamp = Type(
    "timestamp",
    "timestamp",
    "timestamptz",
    "timestamp(6) with time zone",
    "TIMESTAMP WITH TIME ZONE",
    "timestamp",
)
Binary = Type("binary", "binary", "binary", "varbinary", "BLOB", "binary")


def decimal(precision: int, scale: int) -> Type:
    """An exact number with `precision` digits, `scale` of them after the point."""
    sql = f"decimal({precision},{scale})"
    return Type(sql, sql, f"decimal({precision}, {scale})", sql, sql.upper(), sql)


def array(element: Type) -> Type:
    """A list of `element`; null elements do not occur."""
    return Type(
        f"array<{element.name}>",
        f"array<{element.spark}>",
        f"list<{element.iceberg}>",
        f"array({element.trino})",
        f"{element.duckdb}[]",
        f"array<{element.openlineage}>",
    )


def struct(**fields: Type) -> Type:
    """A record with named fields, in order."""

    def join(form: str, engine: str) -> str:
        return ", ".join(form.format(name, getattr(t, engine)) for name, t in fields.items())

    spark = ",".join(f"{name}:{t.spark}" for name, t in fields.items())
    return Type(
        f"struct<{join('{}: {}', 'name')}>",
        f"struct<{spark}>",
        f"struct<{join('{}: {}', 'iceberg')}>",
        f"row({join('{} {}', 'trino')})",
        f"STRUCT({join('{} {}', 'duckdb')})",
        f"struct<{spark}>",
    )


Coding = struct(system=Text, code=Text, display=Text)
Codings = array(Coding)
