"""gold.reference from every table of silver that keeps references as written."""

from functools import partial, reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.model import Table
from catalog.registry import TABLES
from catalog.tables.gold import IDENTIFIER, REFERENCE
from catalog.types import Text
from spark_jobs.mart import Source, builds
from spark_jobs.marts.parts import finish

# `Practitioner?identifier=system|value`, at the source's server or without; the bar may be written %7C.
_CONDITIONAL = r"^(?:[^?#]*/)?([A-Z][A-Za-z]+)\?identifier=([^|&]+)\|([^|&]+)$"
_LOGICAL = r"^([^|?#]+)\|(.+)$"
_TYPES = {
    "silver.patient": "Patient",
    "silver.practitioner": "Practitioner",
    "silver.organization": "Organization",
    "silver.location": "Location",
    "silver.encounter": "Encounter",
}


def _references(table: Table) -> tuple[str, ...]:
    return tuple(c.name for c in table.columns if c.name.endswith(("_reference", "_references")))


_KEEPERS = tuple(t for t in TABLES.values() if t.schema_name == "silver" and _references(t))


def _named(name: str, expected: str | None, value: Column) -> Column:
    return F.struct(F.lit(name).alias("name"), F.lit(expected).cast("string").alias("expected"), value.alias("of"))


def _expected(table: Table, name: str) -> str | None:
    """The type that a column's references lead to, where the id beside it refers to one of these tables."""
    beside = name.removesuffix("_reference") + "_id"
    return next((_TYPES.get(c.ref or "") for c in table.columns if c.name == beside), None)


def _written(rows: DataFrame, table: Table) -> DataFrame:
    """Each reference of the table as written: table_name, row_id, column_name, expected (a type), reference."""
    each = []
    for name in _references(table):
        values = F.array(name) if table.column(name).type == Text else F.coalesce(name, F.array())
        each.append(F.transform(values, partial(_named, name, _expected(table, name))))
    one = F.explode(F.array_distinct(F.flatten(F.array(*each)))).alias("one")
    exploded = rows.select(F.lit(table.name).alias("table_name"), F.col(table.key[0]).alias("row_id"), one)
    return exploded.where("one.of is not null").select(
        "table_name",
        "row_id",
        F.col("one.name").alias("column_name"),
        "one.expected",
        F.col("one.of").alias("reference"),
    )


def _part(of: Column, conditional: int, logical: int | None) -> Column:
    found = F.regexp_extract(of, _CONDITIONAL, conditional)
    other = F.regexp_extract(of, _LOGICAL, logical) if logical else F.lit("")
    return F.nullif(F.when(found != "", found).otherwise(other), F.lit(""))


@builds(
    writes=REFERENCE,
    reads=(
        Source("identifiers", IDENTIFIER, ("resource_type", "system", "value", "record_id")),
        *(Source(t.short_name, t, (t.key[0], *_references(t))) for t in _KEEPERS),
    ),
)
def reference(identifiers: DataFrame, **keepers: DataFrame) -> DataFrame:
    """One row a table, record, column and reference by identifier.

    Many records refer to the same few places and people, so each text is taken apart and looked up once.
    """
    written = [_written(keepers[t.short_name], t) for t in _KEEPERS]
    every = reduce(lambda one, other: one.union(other), written)
    text = F.replace("reference", F.lit("%7C"), F.lit("|"))
    parsed = (
        every.select("reference", "expected")
        .distinct()
        .select(
            "*",
            F.coalesce(_part(text, 1, None), "expected").alias("resource_type"),
            _part(text, 2, 1).alias("system"),
            _part(text, 3, 2).alias("value"),
        )
        .where("system is not null and value is not null")
    )
    carriers = identifiers.where("record_id is not null").withColumnRenamed("resource_type", "target_type")
    fits = F.col("resource_type").isNull() | (F.col("resource_type") == F.col("target_type"))
    found = (
        parsed.join(carriers, ["system", "value"], "left")
        .groupBy("reference", "expected", "resource_type")
        .agg(F.collect_set(F.when(fits, F.struct("target_type", "record_id"))).alias("found"))
    )
    one = F.when(F.size("found") == 1, F.get("found", F.lit(0)))
    leads = found.select(
        F.col("reference").alias("_reference"),
        F.col("expected").alias("_expected"),
        "resource_type",
        one["target_type"].alias("target_type"),
        one["record_id"].alias("target_id"),
    )
    is_text = (F.col("reference") == F.col("_reference")) & F.col("expected").eqNullSafe(F.col("_expected"))
    rows = every.join(leads, is_text)
    return finish(rows, REFERENCE)
