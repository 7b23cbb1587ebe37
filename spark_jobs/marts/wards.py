"""Where a person was during an encounter: one ward at a time, by the places and times that the source tells."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_jobs.marts.parts import UNKNOWN

_NOT_THERE = ("planned", "reserved")
_TOLD = ("second", "day")
_STEP = "array<struct<at:timestamp,key:string>>"


def with_wards(rows: DataFrame) -> DataFrame:
    """Encounters with `wards`, an array of location_key, started_on and started_at in order of time.

    At each instant the person is where the place says that began last of those that cover it (of several at once, the
    first listed), and stays there while none does. A place without times is for the whole encounter. Places that are
    planned or reserved, and those with a time that is less exact than a day, do not count. Null where the encounter's
    start is less exact than a day. `rows` have time_zone, location_key and started_on beside what silver tells.
    """
    zone = F.col("time_zone")
    listed = F.filter(F.coalesce("locations", F.array()), _counts)
    places = F.transform(listed, lambda place, at: _place(place, at, zone))
    start = _instant(F.col("started_at"), F.col("started_precision"), zone)
    next_day = F.when(F.col("ended_precision") == "day", F.col("ended_at") + F.expr("interval 1 day"))
    end = _instant(F.coalesce(next_day, "ended_at"), F.col("ended_precision"), zone)
    timed = rows.withColumns({"_places": places, "_start": start, "_end": end})
    stepped = timed.withColumn("_steps", _changes(_steps(F.col("_places"), F.col("_start"), F.col("_end"))))
    only = F.array(_ward(F.col("location_key"), F.col("started_on"), F.col("_start")))
    made = F.transform("_steps", lambda step, at: _told(step, at, zone))
    known = F.when(F.size("_steps") > 0, made).otherwise(only)
    return stepped.withColumn("wards", F.when(F.col("_start").isNotNull(), known))


def _counts(place: Column) -> Column:
    def is_told(name: str) -> Column:
        return place[f"{name}_at"].isNull() | place[f"{name}_precision"].isin(*_TOLD)

    return ~F.coalesce(place["status"].isin(*_NOT_THERE), F.lit(False)) & is_told("started") & is_told("ended")


def _instant(at: Column, precision: Column, zone: Column) -> Column:
    """When it was; a date without a time is its midnight in the facility's time zone. Null for less than a day."""
    return F.when(precision == "second", at).when(precision == "day", F.to_utc_timestamp(at, zone))


def _place(place: Column, at: Column, zone: Column) -> Column:
    always = F.lit("0001-01-01").cast("timestamp")
    return F.struct(
        F.coalesce(_instant(place["started_at"], place["started_precision"], zone), always).alias("since"),
        _instant(place["ended_at"], place["ended_precision"], zone).alias("until"),
        (-at).alias("order"),
        F.coalesce(place["location_id"], place["location_reference"], F.lit(UNKNOWN)).alias("key"),
    )


def _steps(places: Column, start: Column, end: Column) -> Column:
    """At the start, and at each time until the end at which a place begins or ends, where the person is."""
    begins, ends = F.transform(places, lambda p: p["since"]), F.transform(places, lambda p: p["until"])
    times = F.array_compact(F.concat(begins, ends))
    inside = F.filter(times, lambda t: (t > start) & F.coalesce(t < end, F.lit(True)))
    every = F.array_sort(F.array_distinct(F.concat(F.array(start), inside)))
    steps = F.transform(every, lambda t: F.struct(t.alias("at"), _where(places, t).alias("key")))
    return F.filter(steps, lambda step: step["key"].isNotNull())


def _where(places: Column, t: Column) -> Column:
    covering = F.filter(places, lambda p: (p["since"] <= t) & F.coalesce(t < p["until"], F.lit(True)))
    return F.array_max(F.transform(covering, lambda p: F.struct(p["since"], p["order"], p["key"])))["key"]


def _changes(steps: Column) -> Column:
    """The steps that lead somewhere else."""

    def add(found: Column, step: Column) -> Column:
        last = F.try_element_at(found, F.lit(-1))["key"]
        return F.when(last.eqNullSafe(step["key"]), found).otherwise(F.concat(found, F.array(step)))

    return F.aggregate(steps, F.array().cast(_STEP), add)


def _told(step: Column, at: Column, zone: Column) -> Column:
    """The first place is where the person came in, also where it is only said to begin later."""
    day = F.to_date(F.from_utc_timestamp(step["at"], zone))
    came_in = at == 0
    return _ward(
        step["key"],
        F.when(came_in, F.col("started_on")).otherwise(day),
        F.when(came_in, F.col("_start")).otherwise(step["at"]),
    )


def _ward(key: Column, started_on: Column, started_at: Column) -> Column:
    return F.struct(key.alias("location_key"), started_on.alias("started_on"), started_at.alias("started_at"))
