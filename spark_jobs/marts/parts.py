"""What several marts do alike: which encounters count, what day it is at a facility, preferred codes, code prefixes."""

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.model import Table
from lakehouse.terminology import ICD10, ICD10CM
from spark_jobs.mart import made_columns

UNKNOWN = "unknown"
"""Stands where a key column has no value."""

_NOT_TAKEN_PLACE = ("planned", "cancelled", "entered-in-error")
_INPATIENT = ("IMP", "ACUTE", "NONAC")
_EMERGENCY = "EMER"


def finish(rows: DataFrame, table: Table) -> DataFrame:
    """The mart's contract: the table's columns in declared order, in their declared types."""
    made = {field.name: field.dataType.simpleString() for field in rows.schema}
    types = {c.name: c.type.spark for c in table.columns}
    return rows.select(
        *(F.col(n) if made[n] == types[n] else F.col(n).cast(types[n]).alias(n) for n in made_columns(table))
    )


def of_same_record(rows: DataFrame, others: DataFrame, key: str) -> DataFrame:
    """`rows` with the columns of the other row that agrees in `key` and is of the same patient record, or of none
    too.
    """
    renamed = others.withColumnRenamed("patient_id", "_patient")
    if key == "patient_id":
        return rows.join(renamed, rows["patient_id"] == renamed["_patient"], "left").drop("_patient")
    renamed = renamed.withColumnRenamed(key, "_key")
    same = rows["patient_id"].eqNullSafe(renamed["_patient"])
    return rows.join(renamed, (rows[key] == renamed["_key"]) & same, "left").drop("_patient", "_key")


def has_taken_place(status: Column) -> Column:
    """Whether an encounter of that status began at all."""
    return ~status.isin(*_NOT_TAKEN_PLACE)


def is_inpatient(class_code: Column) -> Column:
    """Whether the class of an encounter is a stay (v3-ActCode); false where it has none."""
    return F.coalesce(class_code.isin(*_INPATIENT), F.lit(False))


def is_emergency(class_code: Column) -> Column:
    """Whether the class of an encounter is an emergency visit (v3-ActCode); false where it has none."""
    return F.coalesce(class_code == _EMERGENCY, F.lit(False))


def facility_key(rows: DataFrame) -> Column:
    """The organization responsible: id, else reference as written, else `unknown`."""
    return F.coalesce(rows["organization_id"], rows["organization_reference"], F.lit(UNKNOWN))


def local_day(at: Column, precision: Column, zone: Column) -> Column:
    """The day of an instant in a time zone; a date without a time is that date everywhere. Null for less than a day."""
    return F.when(precision == "second", F.to_date(F.from_utc_timestamp(at, zone))).when(
        precision == "day", F.to_date(at)
    )


def completed_years(birth_on: Column, day: Column) -> Column:
    """Completed years from birth to a day; null before birth or where one of them is not known."""
    years = F.floor(F.months_between(day, birth_on) / 12).cast("int")
    return F.when(years >= 0, years)


def preferred_coding(codings: Column) -> Column:
    """One coding of a concept: of ICD-10-CM, else of ICD-10, else the first one with a code."""
    named = F.filter(codings, lambda coding: coding["code"].isNotNull())
    icd10cm = F.filter(named, lambda coding: coding["system"].isin(*ICD10CM))
    icd10 = F.filter(named, lambda coding: coding["system"].isin(*ICD10))
    return F.coalesce(*(F.get(some, F.lit(0)) for some in (icd10cm, icd10, named)))


def is_icd10(system: Column) -> Column:
    """Whether a code is one of ICD-10 in any edition."""
    return system.isin(*ICD10CM, *ICD10)


def begins_with(code: Column, prefixes: Iterable[str]) -> Column:
    """Whether a code, its dots left out, begins with one of these; false for no code."""
    bare = F.upper(F.replace(code, F.lit("."), F.lit("")))
    by_length: dict[int, list[str]] = {}
    for prefix in sorted(prefixes):
        by_length.setdefault(len(prefix), []).append(prefix)
    found = [F.substring(bare, 1, size).isin(*some) for size, some in sorted(by_length.items())]
    return F.coalesce(reduce(lambda one, other: one | other, found, F.lit(False)), F.lit(False))
