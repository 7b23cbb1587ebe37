"""What several conforming jobs do alike: references, partial dates, ages, the person behind a record."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.model import Table
from lakehouse.terminology import NPI
from spark_jobs.evaluate import own_columns
from spark_jobs.job import RECORD


def finish(rows: DataFrame, table: Table, *helpers: str) -> DataFrame:
    """The job's contract: the table's own columns in declared order, `record`, then helper columns for row rules."""
    return rows.select(*own_columns(table), RECORD, *helpers)


def reference_written(rows: DataFrame | Column, name: str) -> Column:
    """The reference `name` as written, or `system|value` of a logical one; null if there is none.

    It stands in the columns of `rows`, or in the fields of a struct.
    """
    system, value = rows[f"{name}_ref_system"], rows[f"{name}_ref_value"]
    return F.coalesce(rows[f"{name}_ref"], F.when(value.isNotNull(), F.concat_ws("|", system, value)))


def reference_text(rows: DataFrame | Column, name: str, resolved: str | None = None) -> Column:
    """The reference `name` as written, or `system|value`, where the id `<name>_id` is null; else null."""
    return F.when(rows[resolved or f"{name}_id"].isNull(), reference_written(rows, name))


def npi(rows: DataFrame, name: str) -> Column:
    """The NPI in the conditional (`Practitioner?identifier=…us-npi|…`) or logical reference `name`; else null."""
    reference = F.replace(rows[f"{name}_ref"], F.lit("%7C"), F.lit("|"))
    marker = f"identifier={NPI}|"
    conditional = F.when(F.contains(reference, F.lit(marker)), F.substring_index(reference, marker, -1))
    return F.coalesce(conditional, F.when(rows[f"{name}_ref_system"] == NPI, rows[f"{name}_ref_value"]))


def precision(written: Column) -> Column:
    """How exact a FHIR date or dateTime is, by the length of what was written: year, month, day or second."""
    size = F.length(written)
    return F.when(size == 4, "year").when(size == 7, "month").when(size == 10, "day").when(size > 10, "second")


def earliest(at: Column, written: Column) -> Column:
    """The first instant that a date or dateTime may mean: a partial one begins at +14:00, the easternmost zone."""
    return F.when(F.length(written) > 10, at).otherwise(at - F.expr("interval 14 hours"))


def latest(at: Column, written: Column) -> Column:
    """The end of what a date or dateTime may mean: a partial one ends with its period at -12:00."""
    size = F.length(written)
    end = (
        F.when(size == 10, at + F.expr("interval 1 day"))
        .when(size == 7, at + F.expr("interval 1 month"))
        .otherwise(at + F.expr("interval 1 year"))
    )
    return F.when(size > 10, at).otherwise(end + F.expr("interval 12 hours"))


def dated(name: str, at: Column, written: Column) -> dict[str, Column]:
    """`<name>_at` with its precision, and what row rules compare: `_<name>_earliest` and `_<name>_latest`."""
    return {
        f"{name}_at": at,
        f"{name}_precision": precision(written),
        f"_{name}_earliest": earliest(at, written),
        f"_{name}_latest": latest(at, written),
    }


def other_references(rows: DataFrame, name: str, types: tuple[str, ...], is_typed: bool = True) -> Column:
    """The references of the list `name` that are no id of a record of `types`: as written, or `system|value`.

    `urn:uuid:…` and `#contained` do not say of which type their target is: they count as ids where the element's type
    allows one type only (`is_typed`).
    """
    pattern = f"^(?:[^?#]*/)?(?:{'|'.join(types)})/[^/?#]+(?:/_history/[^/?#]+)?$"
    pattern = f"{pattern}|^urn:uuid:.|^urn:oid:.|^#." if is_typed else pattern
    written = F.filter(rows[f"{name}_refs"], lambda reference: ~reference.rlike(pattern))
    logical = F.zip_with(
        rows[f"{name}_systems"], rows[f"{name}_values"], lambda system, value: F.concat_ws("|", system, value)
    )
    return F.concat(written, logical, rows[f"{name}_bare"])


_YEARS = {"a": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25}
_MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0, "d": 1440.0, "wk": 10080.0, "mo": 43830.0, "a": 525960.0}


def _converted(value: Column, unit: Column, factors: dict[str, float]) -> Column:
    result = F.when(F.lit(False), value)
    for name, factor in factors.items():
        result = result.when(unit == name, value * F.lit(factor))
    return result


def years(value: Column, code: Column, unit: Column) -> Column:
    """An age in years (a mean year of 365.25 days, as UCUM's `a`); null for another unit."""
    return _converted(value, F.coalesce(code, unit), _YEARS)


def minutes(value: Column, code: Column, unit: Column) -> Column:
    """A duration in minutes, from UCUM's s, min, h, d, wk, mo and a; null for another unit."""
    return _converted(value, F.coalesce(code, unit), _MINUTES)


def with_birth(rows: DataFrame, patients: DataFrame) -> DataFrame:
    """`rows` with `_birth_on` of the person, null while the patient is not known; row count unchanged."""
    births = patients.select(F.col("patient_id"), F.col("birth_on").alias("_birth_on"))
    return rows.join(births, on="patient_id", how="left")
