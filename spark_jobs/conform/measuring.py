"""Observations to measured values: the value in its declared unit, limits, and what stays as written.

The table of measurements travels as one constant in the plan (code to measurement and its units): no join, no UDF.
"""

import json
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lakehouse.terminology import LOINC, MIMIC_CHART_ITEMS, MIMIC_LAB_ITEMS, first_code, loinc_check_digit_ok, preferred
from spark_jobs.conform.measurements import Measurement
from spark_jobs.conform.parts import earliest, latest, minutes, precision, reference_text

HELPERS = (
    "_birth_on",
    "_effective_earliest",
    "_effective_latest",
    "_unit_is_known",
    "_limit_low",
    "_limit_high",
    "_loinc_ok",
)
"""Columns for the row rules, in the order in which a job appends them."""

_TABLE = (
    "map<string,struct<name:string,unit:string,low:double,high:double,units:map<string,struct<f:double,o:double>>>>"
)
_WITHDRAWN = ("cancelled", "entered-in-error")


def _constant(measurements: Sequence[Measurement]) -> Column:
    """Code to measurement, as one constant: Spark folds the parsing away when it plans.

    Spark looks a key up by going through them, so the first (most frequent) code of each measurement stands before all
    second ones, and so on.
    """
    by_rank = sorted(((rank, code, m) for m in measurements for rank, code in enumerate(m.codes)), key=lambda r: r[0])
    table = {
        code: {
            "name": m.name,
            "unit": m.unit,
            "low": m.low,
            "high": m.high,
            "units": {unit: {"f": factor, "o": offset} for unit, (factor, offset) in m.units.items()},
        }
        for _, code, m in by_rank
    }
    return F.from_json(F.lit(json.dumps(table)), _TABLE)


def _conversion(code: Column, unit: Column, if_none: str | None = None) -> Column:
    """(factor, offset) by the unit's code, else by its text; null for a unit that the measurement does not know.

    `if_none` is what a missing unit counts as: the empty unit stands in the table for pH and ratios only.
    """
    written = F.coalesce(code, unit) if if_none is None else F.coalesce(code, unit, F.lit(if_none))
    return F.coalesce(F.col("_known.units")[written], F.col("_known.units")[unit])


def _converted(value: Column, conversion: Column) -> Column:
    """The number in the declared unit; as written where there is no measurement."""
    return F.when(F.col("_known").isNull(), value).otherwise(value * conversion["f"] + conversion["o"])


def _plain(number: Column) -> Column:
    return F.when(number == F.floor(number), number.cast("bigint").cast("string")).otherwise(number.cast("string"))


def _words(rows: DataFrame) -> Column:
    """Values that are neither numbers, codes nor yes-or-no, as text."""
    ratio = F.concat(_plain(rows["numerator"]), F.lit(":"), _plain(rows["denominator"]))
    none = F.lit("")
    is_period = rows["period_start"].isNotNull() | rows["period_end"].isNotNull()
    bounds = (F.coalesce(rows["period_start"], none), F.coalesce(rows["period_end"], none))
    period = F.when(is_period, F.concat_ws("/", *bounds))
    return F.coalesce(
        rows["value_string"], rows["concept_text"], ratio, rows["value_date_time"], rows["value_time"], period
    )


def with_measured(rows: DataFrame, measurements: Sequence[Measurement]) -> DataFrame:
    """`rows` of an Observation view with the columns that lab_result and vital_sign share; row count unchanged."""
    items = preferred(rows["codes"], MIMIC_LAB_ITEMS + MIMIC_CHART_ITEMS)
    loinc = preferred(rows["codes"], LOINC)
    known = rows.withColumn("loinc_code", loinc).withColumn(
        "_known", _constant(measurements)[F.coalesce(F.col("loinc_code"), items)]
    )
    number = F.coalesce(F.col("quantity"), F.col("value_integer").cast("double"))
    converting = known.withColumn("_by", _conversion(F.col("unit_code"), F.col("unit"), if_none=""))
    return converting.withColumns({**_times(converting), **_references(converting), **_values(converting, number)})


def _times(rows: DataFrame) -> dict[str, Column]:
    effective = F.coalesce(rows["effective_date_time"], rows["effective_start"], rows["effective_instant"])
    written = F.coalesce(rows["effective_date_time_text"], rows["effective_start_text"])
    exact = F.when(rows["effective_instant"].isNotNull(), "second")
    bounded = written.isNotNull()
    return {
        "effective_at": effective,
        "effective_precision": F.coalesce(precision(written), exact),
        "effective_ended_at": rows["effective_end"],
        "effective_offset_minutes": _offset(rows),
        "_effective_earliest": F.when(bounded, earliest(effective, written)).otherwise(effective),
        "_effective_latest": F.when(bounded, latest(effective, written)).otherwise(effective),
    }


def _offset(rows: DataFrame) -> Column:
    """Minutes from the start of the observation's own encounter; null where the offset is from anything else."""
    offset = minutes(rows["relative_offset"], rows["relative_offset_code"], rows["relative_offset_unit"])
    from_start = (rows["relative_to_encounter_id"] == rows["encounter_id"]) & (
        rows["relative_to_path"] == "period.start"
    )
    after = F.when(rows["relative_relation"].isin("after", "after-start"), offset)
    return F.when(from_start, after.when(rows["relative_relation"].isin("before", "before-start"), -offset))


def _references(rows: DataFrame) -> dict[str, Column]:
    return {
        "patient_reference": reference_text(rows, "patient"),
        "encounter_reference": reference_text(rows, "encounter"),
        "panel_codes": F.when(rows["component_index"] > 0, rows["panel_codes"]),
    }


def _values(rows: DataFrame, number: Column) -> dict[str, Column]:
    is_known = F.col("_known").isNotNull()
    by = F.col("_by")
    has_number = number.isNotNull() | F.col("range_low").isNotNull() | F.col("range_high").isNotNull()
    range_by = _conversion(F.col("range_code"), F.col("range_unit"))
    low_by = F.coalesce(_conversion(F.col("reference_low_code"), F.col("reference_low_unit")), by)
    high_by = F.coalesce(_conversion(F.col("reference_high_code"), F.col("reference_high_unit")), by)
    unit_known = F.when(number.isNotNull(), by.isNotNull()).otherwise(range_by.isNotNull())
    return {
        "is_withdrawn": F.coalesce(F.col("status").isin(*_WITHDRAWN), F.lit(False)),
        "measurement": F.col("_known.name"),
        "value": _converted(number, by),
        "value_unit": F.when(
            has_number,
            F.when(is_known, F.col("_known.unit")).otherwise(
                F.coalesce(F.col("unit_code"), F.col("unit"), F.col("range_code"), F.col("range_unit"))
            ),
        ),
        "value_comparator": F.col("comparator"),
        "source_value": number,
        "source_unit": F.coalesce(F.col("unit"), F.col("unit_code"), F.col("range_unit"), F.col("range_code")),
        "source_unit_code": F.col("unit_code"),
        "source_unit_system": F.col("unit_system"),
        "value_code": first_code(F.col("value_codes")),
        "value_text": _words(rows),
        "value_low": _converted(F.col("range_low"), range_by),
        "value_high": _converted(F.col("range_high"), range_by),
        "reference_low": _converted(F.col("reference_low"), low_by),
        "reference_high": _converted(F.col("reference_high"), high_by),
        "_unit_is_known": F.when(is_known & has_number, unit_known),
        "_limit_low": F.col("_known.low"),
        "_limit_high": F.col("_known.high"),
        "_loinc_ok": loinc_check_digit_ok(F.col("loinc_code")),
    }
