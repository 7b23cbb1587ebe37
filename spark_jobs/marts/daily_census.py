"""gold.daily_census from gold.encounter_fact.

Stays become presences: a person in a ward from the day of coming in to the day of leaving it, and how each began and
ended. A presence is on its first day, its last, and all between.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from catalog.tables.gold import DAILY_CENSUS, ENCOUNTER_FACT
from spark_jobs.mart import Source, builds
from spark_jobs.marts.parts import finish

_WARD = ("facility_key", "location_key", "class_code")


@builds(
    writes=DAILY_CENSUS,
    reads=(
        Source(
            "encounters",
            ENCOUNTER_FACT,
            (
                "encounter_id",
                "person_id",
                "has_taken_place",
                "is_inpatient",
                "is_within_stay",
                "class_code",
                "facility_key",
                "wards",
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
    """One row a day, facility, location and class."""
    last_told = F.date_sub(F.lit(as_of).cast("date"), 1)
    dated = F.col("started_on").isNotNull() & (F.col("ended_at").isNull() | F.col("ended_on").isNotNull())
    stays = encounters.where("has_taken_place and is_inpatient and not is_within_stay").where(
        dated & F.coalesce(F.col("ended_on") >= F.col("started_on"), F.lit(True))
    )
    presences = _as_people(_presences(stays)).where(F.col("entered_on") <= last_told)
    until = F.least(F.coalesce("left_on", last_told), last_told)
    days = presences.withColumn("census_on", F.explode(F.sequence("entered_on", until)))
    enters = F.col("census_on") == F.col("entered_on")
    leaves = F.coalesce(F.col("census_on") == F.col("left_on"), F.lit(False))
    moved_in, moved_on = F.col("how.is_moved_in"), F.col("how.is_moved_on")
    rows = days.groupBy("census_on", *_WARD, "time_zone").agg(
        F.count_if(~leaves).alias("census"),
        F.count_if(enters & ~moved_in).alias("arrivals"),
        F.count_if(enters & moved_in).alias("transfers_in"),
        F.count_if(leaves & moved_on).alias("transfers_out"),
        F.count_if(leaves & ~moved_on & ~F.col("how.has_died")).alias("departures"),
        F.count_if(leaves & ~moved_on & F.col("how.has_died")).alias("deaths"),
    )
    return finish(rows.withColumn("census_before", _census_before()), DAILY_CENSUS)


def _presences(stays: DataFrame) -> DataFrame:
    """One row a stay and ward: whose, entered_on, left_on (null while there) and `how` it began and ended."""
    each = stays.select("*", F.posexplode("wards").alias("_at", "_ward"))
    following = F.get("wards", F.col("_at") + 1)["started_on"]
    is_moved_on = F.col("_at") < F.size("wards") - 1
    return each.select(
        F.coalesce("person_id", "encounter_id").alias("whose"),
        "encounter_id",
        "facility_key",
        "_ward.location_key",
        "class_code",
        "time_zone",
        F.col("_ward.started_on").alias("entered_on"),
        F.when(is_moved_on, following).otherwise(F.col("ended_on")).alias("left_on"),
        F.struct(
            (F.col("_at") > 0).alias("is_moved_in"),
            is_moved_on.alias("is_moved_on"),
            F.coalesce("died_in_hospital", F.lit(False)).alias("has_died"),
        ).alias("how"),
    )


def _as_people(presences: DataFrame) -> DataFrame:
    """Presences of one person in one ward that overlap at a midnight made into one, with the first beginning and the
    last end. One that sees no midnight concerns nobody's census and stays as it is.
    """
    passes = F.coalesce(F.col("left_on") == F.col("entered_on"), F.lit(False))
    end = F.coalesce("left_on", F.lit("9999-12-31").cast("date"))
    owner = ("whose", *_WARD, "time_zone")
    order = Window.partitionBy(*owner).orderBy("entered_on", F.desc("_end"), "encounter_id")
    before = order.rowsBetween(Window.unboundedPreceding, -1)
    begins = F.coalesce(F.col("entered_on") >= F.max("_end").over(before), F.lit(True))
    numbered = presences.where(~passes).withColumn("_end", end).withColumn("_begins", begins.cast("int"))
    until_now = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    grouped = numbered.withColumns({"_number": F.sum("_begins").over(until_now), "_at": F.row_number().over(order)})
    last = F.struct("_end", "_at")
    merged = grouped.groupBy(*owner, "_number").agg(
        F.min("entered_on").alias("entered_on"),
        F.max_by(F.struct("left_on"), last)["left_on"].alias("left_on"),
        F.struct(
            F.min_by("how.is_moved_in", "_at").alias("is_moved_in"),
            F.max_by("how.is_moved_on", last).alias("is_moved_on"),
            F.max_by("how.has_died", last).alias("has_died"),
        ).alias("how"),
    )
    columns = (*owner, "entered_on", "left_on", "how")
    return merged.select(*columns).unionByName(presences.where(passes).select(*columns))


def _census_before() -> Column:
    """The census of the day before; 0 where nobody was there then, for that day has no row."""
    order = Window.partitionBy(*_WARD).orderBy("census_on")
    is_next = F.lag("census_on").over(order) == F.date_sub("census_on", 1)
    return F.coalesce(F.when(is_next, F.lag("census").over(order)), F.lit(0))
