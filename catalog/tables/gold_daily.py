"""Gold: what a day looks like, of a ward and of a person. A day is one of the facility's time zone."""

from catalog.model import CLINICAL, CLINICAL_RECORD, Column, Table, fail, year
from catalog.tables.gold_parts import (
    count,
    day,
    facility_key,
    location_key,
    moment,
    patient_id,
    text,
    time_zone,
)
from catalog.tables.record import CHANGED_BY
from catalog.types import Double, Text

DAILY_CENSUS = Table(
    "gold.daily_census",
    doc="How many people were in each ward at midnight, and who came, went and moved that day, by the moves that the "
    "source tells (gold.encounter_fact.wards). Inpatient encounters that have taken place count, those that are part "
    "of another stay do not; those without a whole date of start or end cannot. Encounters of one person that overlap "
    "in one ward count once, under whichever patient record they stand; a person who is in two wards at once counts in "
    "both. A stay without an end lasts until the day before the run's clock, the last day that is told.",
    grain="one row per day, facility, location and class on which anyone was there; no row means nobody",
    columns=(
        day("census_on", "The day.", null=False),
        facility_key(),
        location_key("Ward or other location"),
        Column("class_code", Text, doc="Class of the encounters, such as IMP.", tag=CLINICAL),
        time_zone(),
        count("census_before", "People there at the midnight that begins the day.", null=True),
        count("arrivals", "Stays that began there on the day."),
        count("transfers_in", "Moves into the ward on the day, from another one within a stay.", null=True),
        count("transfers_out", "Moves out of the ward on the day, into another one within a stay.", null=True),
        count("departures", "Stays that ended there on the day by anything but death."),
        count("deaths", "Stays that ended there on the day with the person's death (see gold.encounter_fact)."),
        count("census", "People there at the midnight that ends the day."),
        CHANGED_BY,
    ),
    key=("census_on", "facility_key", "location_key", "class_code"),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("census_on", "facility_key", "location_key", "class_code"),
        fail.that(
            "counts_not_negative",
            "least(census_before, arrivals, transfers_in, transfers_out, departures, deaths, census) >= 0",
            "Counts are not negative.",
        ),
        # They may be null for `lake evolve` alone, which adds them to rows that were made before they were there.
        fail.that(
            "moves_are_told",
            "census_before is not null and transfers_in is not null and transfers_out is not null",
            "It is told who was there before, and who moved in and out.",
        ),
        fail.that(
            "census_follows_from_the_day_before",
            "census = census_before + arrivals + transfers_in - transfers_out - departures - deaths",
            "Who is there at midnight was there the midnight before or came since, and did not leave.",
        ),
        fail.that(
            "somebody_was_there",
            "census + arrivals + transfers_in + transfers_out + departures + deaths > 0",
            "A row stands for at least one person who was there, came, moved or went.",
        ),
        fail.that("day_is_over", "census_on < :as_of", "Only days that are over are told."),
        fail.volume(0.5),
    ),
)

OBSERVATION_DAILY = Table(
    "gold.observation_daily",
    doc="What was measured of a person on a day: laboratory results and vital signs, one row a code and unit. "
    "Withdrawn values and those without a number, a code, a person or a whole date are left out.",
    grain="one row per person, day, code and unit",
    columns=(
        patient_id(),
        day(
            "observed_on",
            "The day, in the time zone of the facility of the encounter, else the default one.",
            null=False,
        ),
        Column("code_system", Text, doc="Code system of code; `unknown` where the source names none.", tag=CLINICAL),
        Column("code", Text, doc="What was measured: the LOINC code, else the first coding.", tag=CLINICAL),
        Column("unit", Text, doc="UCUM unit of the numbers; `unknown` where the source gives none.", tag=CLINICAL),
        text("measurement", "Name of the measurement that has a declared unit; null for all others."),
        text("display", "What was measured in words: the least of what the source wrote that day."),
        time_zone(),
        count("measured", "How many values there are."),
        count("measured_as_bound", "How many of them are bounds (`<5` counts as 5 in all figures)."),
        *(
            Column(f"value_{name}", Double, doc=doc, unit="[unit]", tag=CLINICAL)
            for name, doc in (
                ("min", "The least value."),
                ("max", "The greatest value."),
                ("mean", "The mean value."),
                ("first", "The first value; of several at one instant, the one of the least observation id."),
                ("last", "The last value; of several at one instant, the one of the greatest observation id."),
            )
        ),
        moment("first_at", "When the first value was measured"),
        moment("last_at", "When the last value was measured"),
        CHANGED_BY,
    ),
    key=("patient_id", "observed_on", "code_system", "code", "unit"),
    partition=(year("observed_on"),),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("patient_id", "observed_on", "code_system", "code", "unit"),
        fail.that("something_was_measured", "measured >= 1", "There is at least one value."),
        fail.that(
            "bounds_are_a_part",
            "measured_as_bound between 0 and measured",
            "Bounds are some of the values that there are.",
        ),
        fail.that(
            "values_are_in_order",
            "value_first between value_min and value_max and value_last between value_min and value_max",
            "The first and the last value lie between the least and the greatest.",
        ),
        fail.that(
            "first_not_after_last", "first_at <= last_at", "The first value was not measured after the last one."
        ),
        fail.volume(0.5),
    ),
)
