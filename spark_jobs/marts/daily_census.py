"""gold.daily_census from gold.encounter_fact."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold import DAILY_CENSUS, ENCOUNTER_FACT
from spark_jobs.mart import Source, builds
from spark_jobs.marts.parts import finish


@builds(
    writes=DAILY_CENSUS,
    reads=(
        Source(
            "encounters",
            ENCOUNTER_FACT,
            (
                "has_taken_place",
                "is_inpatient",
                "is_within_stay",
                "class_code",
                "facility_key",
                "location_key",
                "time_zone",
                "started_on",
                "ended_at",
                "ended_on",
                "died_in_hospital",
            ),
        ),
    ),
    uses=("as_of",),
)
def daily_census(encounters: DataFrame, *, as_of: str) -> DataFrame:
    """One row a day, facility, location and class; a stay is on its first day, its last, and all between."""
    last_told = F.date_sub(F.lit(as_of).cast("date"), 1)
    dated = F.col("started_on").isNotNull() & (F.col("ended_at").isNull() | F.col("ended_on").isNotNull())
    stays = encounters.where("has_taken_place and is_inpatient and not is_within_stay").where(
        dated & (F.col("started_on") <= last_told) & F.coalesce(F.col("ended_on") >= F.col("started_on"), F.lit(True))
    )
    days = stays.withColumn(
        "census_on", F.explode(F.sequence("started_on", F.least(F.coalesce("ended_on", last_told), last_told)))
    )
    ends = F.coalesce(F.col("census_on") == F.col("ended_on"), F.lit(False))
    died = F.coalesce("died_in_hospital", F.lit(False))
    rows = days.groupBy("census_on", "facility_key", "location_key", "class_code", "time_zone").agg(
        F.count_if(~ends).alias("census"),
        F.count_if(F.col("census_on") == F.col("started_on")).alias("arrivals"),
        F.count_if(ends & ~died).alias("departures"),
        F.count_if(ends & died).alias("deaths"),
    )
    return finish(rows, DAILY_CENSUS)
