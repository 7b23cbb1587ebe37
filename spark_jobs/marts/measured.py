"""The numbers among laboratory results and vital signs, in one form for all marts."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.terminology import LOINC
from spark_jobs.marts.parts import UNKNOWN

MEASURED = (
    "observation_id",
    "component_index",
    "patient_id",
    "encounter_id",
    "is_withdrawn",
    "codes",
    "code_text",
    "loinc_code",
    "measurement",
    "effective_at",
    "effective_precision",
    "value",
    "value_unit",
    "value_comparator",
)
"""What is read of silver.lab_result and silver.vital_sign."""


def measured(rows: DataFrame) -> DataFrame:
    """Values that count: a number, not withdrawn, with a code, a person and a time.

    Columns: what places the value, then code_system, code, display, measurement, comparator, value and unit (null where
    the source gives none).
    """
    first = F.get(F.filter("codes", lambda coding: coding["code"].isNotNull()), F.lit(0))
    has_loinc = F.col("loinc_code").isNotNull()
    values = rows.where(
        "not is_withdrawn and value is not null and patient_id is not null and effective_at is not null"
    )
    return values.select(
        *("patient_id", "encounter_id", "observation_id", "component_index", "effective_at", "effective_precision"),
        F.when(has_loinc, LOINC[0]).otherwise(F.coalesce(first["system"], F.lit(UNKNOWN))).alias("code_system"),
        F.coalesce("loinc_code", first["code"]).alias("code"),
        F.coalesce("code_text", first["display"]).alias("display"),
        "measurement",
        F.col("value_comparator").alias("comparator"),
        "value",
        F.col("value_unit").alias("unit"),
    ).where("code is not null")


def in_order() -> Column:
    """What orders values in time, the same value never twice."""
    return F.struct("effective_at", "observation_id", "component_index")
