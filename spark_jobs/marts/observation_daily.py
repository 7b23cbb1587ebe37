"""gold.observation_daily from silver.lab_result and silver.vital_sign."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold import OBSERVATION_DAILY
from catalog.tables.silver import ENCOUNTER, LAB_RESULT, VITAL_SIGN
from spark_jobs.mart import Source, TimeZones, builds
from spark_jobs.marts.measured import MEASURED, in_order, measured
from spark_jobs.marts.parts import UNKNOWN, facility_key, finish, local_day


@builds(
    writes=OBSERVATION_DAILY,
    reads=(
        Source("lab_results", LAB_RESULT, MEASURED),
        Source("vital_signs", VITAL_SIGN, MEASURED),
        Source("encounters", ENCOUNTER, ("encounter_id", "patient_id", "organization_id", "organization_reference")),
    ),
    by="patient_id",
    uses=("time_zones",),
)
def observation_daily(
    lab_results: DataFrame, vital_signs: DataFrame, encounters: DataFrame, *, time_zones: TimeZones
) -> DataFrame:
    """One row a person, day, code and unit."""
    values = measured(lab_results).unionByName(measured(vital_signs))
    facilities = encounters.select("encounter_id", "patient_id", facility_key(encounters).alias("facility_key"))
    placed = values.join(facilities, ["encounter_id", "patient_id"], "left")
    zoned = placed.withColumn("time_zone", time_zones.of(F.col("facility_key")))
    day = local_day(F.col("effective_at"), F.col("effective_precision"), F.col("time_zone"))
    rows = zoned.withColumn("observed_on", day).where("observed_on is not null")
    key = ("patient_id", "observed_on", "code_system", "code", "unit")
    made = (
        rows.withColumn("unit", F.coalesce("unit", F.lit(UNKNOWN)))
        .groupBy(*key)
        .agg(
            F.min("measurement").alias("measurement"),
            F.min("display").alias("display"),
            F.min_by("time_zone", in_order()).alias("time_zone"),
            F.count(F.lit(1)).alias("measured"),
            F.count("comparator").alias("measured_as_bound"),
            F.min("value").alias("value_min"),
            F.max("value").alias("value_max"),
            F.avg("value").alias("value_mean"),
            F.min_by("value", in_order()).alias("value_first"),
            F.max_by("value", in_order()).alias("value_last"),
            F.min("effective_at").alias("first_at"),
            F.max("effective_at").alias("last_at"),
        )
    )
    return finish(made, OBSERVATION_DAILY)
