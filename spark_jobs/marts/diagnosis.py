"""What an encounter was for: the principal diagnosis as the source ranks it, and the primary one, which is the best
that is told.
"""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold_encounter import PRINCIPAL_USES
from spark_jobs.marts.parts import of_same_record, preferred_coding

_CODING = ("system", "code", "display")


def with_diagnoses(rows: DataFrame, conditions: DataFrame) -> DataFrame:
    """Encounters with `principal_condition_id`, `principal_diagnosis_…`, `primary_diagnosis_source` and
    `primary_diagnosis_…`; a condition counts if it is of the same patient record and was not refuted."""
    known = conditions.where("is_asserted").withColumn("_coding", preferred_coding(F.col("codes")))
    principal = _principal(F.col("diagnoses"))
    rows = rows.withColumns(
        {
            "principal_condition_id": principal["condition_id"],
            "principal_diagnosis_use_code": principal["use_code"],
            "_reason_id": F.get("reason_condition_ids", F.lit(0)),
        }
    )
    for key, coding in (("principal_condition_id", "_principal"), ("_reason_id", "_reason_condition")):
        named = known.select("patient_id", F.col("condition_id").alias(key), F.col("_coding").alias(coding))
        rows = of_same_record(rows, named, key)
    rows = of_same_record(rows, _only_diagnosis(known), "encounter_id")
    reason = preferred_coding(F.col("reason_codes"))
    single = F.when(F.col("_diagnoses") == 1, F.col("_only"))
    source = (
        F.when(F.col("_principal").isNotNull(), "principal_diagnosis")
        .when(F.col("_reason_condition").isNotNull(), "reason_condition")
        .when(reason.isNotNull(), "reason_code")
        .when(single.isNotNull(), "encounter_diagnosis")
    )
    primary = F.coalesce("_principal", "_reason_condition", reason, single)
    return rows.withColumns(
        {
            "primary_diagnosis_source": source,
            **{f"primary_diagnosis_{field}": primary[field] for field in _CODING},
            **{f"principal_diagnosis_{field}": F.col("_principal")[field] for field in _CODING},
        }
    )


def _principal(diagnoses: Column) -> Column:
    """The diagnosis that is ranked first for billing, else for discharge: condition_id and use_code.

    Where several conditions are first, it is not told which; the same one named twice is one.
    """

    def first_of(use: str) -> Column:
        first = F.filter(diagnoses, lambda each: (each["use_code"] == use) & (each["rank"] == 1))
        ids = F.array_distinct(F.array_compact(F.transform(first, lambda each: each["condition_id"])))
        found = F.struct(F.get(ids, F.lit(0)).alias("condition_id"), F.lit(use).alias("use_code"))
        return F.when(F.size(ids) == 1, found)

    return F.coalesce(*(first_of(use) for use in PRINCIPAL_USES))


def _only_diagnosis(known: DataFrame) -> DataFrame:
    """By encounter how many conditions are recorded for it as an encounter diagnosis, and the code of an only one."""
    is_diagnosis = F.exists("category_codes", lambda coding: coding["code"] == "encounter-diagnosis")
    of_encounter = known.where(is_diagnosis & F.col("encounter_id").isNotNull()).groupBy("patient_id", "encounter_id")
    return of_encounter.agg(F.count(F.lit(1)).alias("_diagnoses"), F.min("_coding").alias("_only"))
