"""How a view's columns become identifiers, one name out of several, and a reference of one type or another."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_IDENTIFIERS = "array<struct<system:string,value:string>>"


def identifiers(rows: DataFrame, key: str) -> Column:
    """All identifiers with a value, those without a system last; null in the row of a record without values.

    The view gives `identifier_systems` and `identifier_values` side by side, and `bare_identifiers`.
    """
    named = F.zip_with(
        rows["identifier_systems"],
        rows["identifier_values"],
        lambda system, value: F.struct(system.alias("system"), value.alias("value")),
    )
    bare = F.transform(
        rows["bare_identifiers"], lambda v: F.struct(F.lit(None).cast("string").alias("system"), v.alias("value"))
    )
    none = F.array().cast(_IDENTIFIERS)
    return F.when(rows[key].isNotNull(), F.concat(F.coalesce(named, none), F.coalesce(bare, none)))


def name_part(rows: DataFrame, part: str) -> Column:
    """A part of one name: the official one, else the usual one, else the first; never mixed from several."""
    choice = F.lit(None).cast(rows.schema[f"first_{part}"].dataType)
    for kind in ("first", "usual", "official"):
        given = F.coalesce(F.size(f"{kind}_given") > 0, F.lit(False))
        there = rows[f"{kind}_family"].isNotNull() | given | rows[f"{kind}_text"].isNotNull()
        choice = F.when(there, rows[f"{kind}_{part}"]).otherwise(choice)
    return choice


def told_apart(key: Column, other: Column) -> Column:
    """The id in a reference that may point to one of two types; null where it says neither.

    `#id` and `urn:` references without a type read as an id of both.
    """
    return F.when(~key.eqNullSafe(other), key)


def first_written(references: Column, kind: str) -> Column:
    """The first of several references as written that names the resource type `kind`, given by a pattern; else null.

    It may be conditional: `Patient?identifier=…`.
    """
    return F.get(F.filter(references, lambda r: F.rlike(r, F.lit(f"^([^?#]*/)?{kind}[/?]"))), F.lit(0))
