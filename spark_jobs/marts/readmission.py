"""gold.readmission from gold.encounter_fact and silver.procedure: a 30-day measure in the shape of CMS's.

Encounters become stays, stays are judged as index admissions, and each is compared with the person's next stay,
whichever of the person's patient records it stands under.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from catalog.tables.gold import ENCOUNTER_FACT, READMISSION
from catalog.tables.silver import PROCEDURE
from spark_jobs.mart import Source, builds
from spark_jobs.marts.parts import finish
from spark_jobs.marts.planned import PlannedCodes

WITHIN_DAYS = 30
_AGAINST_ADVICE = ("aadvice", "07", "7")
_FACT = (
    "encounter_id",
    "patient_id",
    "person_id",
    "has_taken_place",
    "is_inpatient",
    "is_within_stay",
    "facility_key",
    "started_at",
    "ended_at",
    "started_on",
    "ended_on",
    "primary_diagnosis_system",
    "primary_diagnosis_code",
    "discharge_disposition_code",
    "died_in_hospital",
)


@builds(
    writes=READMISSION,
    reads=(
        Source("encounters", ENCOUNTER_FACT, _FACT),
        Source("procedures", PROCEDURE, ("patient_id", "encounter_id", "is_done", "icd10pcs_code")),
    ),
    uses=("planned_codes",),
)
def readmission(encounters: DataFrame, procedures: DataFrame, *, planned_codes: PlannedCodes) -> DataFrame:
    """One row a stay."""
    happened = encounters.where("has_taken_place")
    told_until = happened.agg(F.max(F.greatest("started_on", "ended_on")).alias("_told_until"))
    inpatient = happened.where(
        "is_inpatient and not is_within_stay and person_id is not null and started_on is not null"
    )
    stays = _judged(_stays(inpatient, _planned_procedures(procedures, planned_codes)), planned_codes)
    compared = _with_next(stays.crossJoin(told_until))
    return finish(_followed(_excluded(compared, planned_codes)), READMISSION)


def _planned_procedures(procedures: DataFrame, codes: PlannedCodes) -> DataFrame:
    """By encounter whether an always or a potentially planned procedure was done."""
    done = procedures.where("is_done and encounter_id is not null and icd10pcs_code is not null")
    kinds = ("always_planned_procedure", "potentially_planned_procedure")
    return done.groupBy("encounter_id", "patient_id").agg(
        *(F.bool_or(codes.procedure(kind, F.col("icd10pcs_code"))).alias(f"_{kind}") for kind in kinds)
    )


def _stays(encounters: DataFrame, procedures: DataFrame) -> DataFrame:
    """Encounters that are one stay made into one row: first start, last end, diagnosis and disposition of the last."""
    rows = encounters.join(procedures, ["encounter_id", "patient_id"], "left")
    order = Window.partitionBy("person_id").orderBy("started_at", F.asc_nulls_last("ended_at"), "encounter_id")
    before = order.rowsBetween(Window.unboundedPreceding, -1)
    until_now = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)

    def last(name: str) -> Column:
        return F.lag(name).over(order)

    lasts = F.max(F.coalesce("ended_at", F.lit("9999-12-31").cast("timestamp"))).over(before)
    overlaps = F.col("started_at") < lasts
    diagnosis = ("primary_diagnosis_system", "primary_diagnosis_code")
    returns = (F.col("started_on") == last("ended_on")) & (F.col(diagnosis[1]) == last(diagnosis[1]))
    returns = returns & F.col(diagnosis[0]).eqNullSafe(last(diagnosis[0]))
    goes_on = F.coalesce((F.col("facility_key") == last("facility_key")) & (overlaps | returns), F.lit(False))
    numbered = rows.withColumns({"_at": F.row_number().over(order), "_begins": (~goes_on).cast("int")})
    numbered = numbered.withColumn("_stay", F.sum("_begins").over(until_now))
    final = ("died_in_hospital", "discharge_disposition_code", *diagnosis)
    is_open = F.count_if(F.col("ended_at").isNull()) > 0
    day_is_missing = F.count_if(F.col("ended_on").isNull()) > 0
    return numbered.groupBy("person_id", "_stay").agg(
        F.min_by("encounter_id", "_at").alias("encounter_id"),
        F.transform(
            F.array_sort(F.collect_list(F.struct("_at", "encounter_id"))), lambda each: each["encounter_id"]
        ).alias("encounter_ids"),
        *(F.min_by(name, "_at").alias(name) for name in ("patient_id", "facility_key")),
        F.min("_at").alias("_at"),
        F.min("started_at").alias("started_at"),
        F.min("started_on").alias("started_on"),
        F.when(~is_open, F.max("ended_at")).alias("ended_at"),
        F.when(~day_is_missing, F.max("ended_on")).alias("discharged_on"),
        *(F.max_by(F.struct(name), "_at")[name].alias(name) for name in final),
        *(
            F.coalesce(F.bool_or(name), F.lit(False)).alias(name)
            for name in ("_always_planned_procedure", "_potentially_planned_procedure")
        ),
    )


def _judged(stays: DataFrame, codes: PlannedCodes) -> DataFrame:
    """Stays with `is_planned` and `planned_reason`."""

    def is_of(kind: str) -> Column:
        return codes.diagnosis(kind, F.col("primary_diagnosis_system"), F.col("primary_diagnosis_code"))

    known = F.col("primary_diagnosis_code").isNotNull()
    reason = (
        F.when(F.col("_always_planned_procedure"), "always_planned_procedure")
        .when(is_of("always_planned_diagnosis"), "always_planned_diagnosis")
        .when(
            F.col("_potentially_planned_procedure") & known & ~is_of("acute_diagnosis"), "potentially_planned_procedure"
        )
    )
    return stays.withColumns({"planned_reason": reason, "is_planned": reason.isNotNull()})


def _with_next(stays: DataFrame) -> DataFrame:
    """Stays with `_next`, the person's next stay, and `_days` from this discharge to it."""
    order = Window.partitionBy("person_id").orderBy("_at")
    following = F.struct("encounter_id", "facility_key", "started_on", "is_planned")
    rows = stays.withColumn("_next", F.lead(following).over(order))
    return rows.withColumn("_days", F.datediff("_next.started_on", "discharged_on"))


def _excluded(stays: DataFrame, codes: PlannedCodes) -> DataFrame:
    def is_of(kind: str) -> Column:
        return codes.diagnosis(kind, F.col("primary_diagnosis_system"), F.col("primary_diagnosis_code"))

    reason = (
        F.when(F.col("ended_at").isNull(), "not_discharged")
        .when(F.col("discharged_on").isNull(), "day_not_known")
        .when(F.col("died_in_hospital"), "died")
        .when(F.col("discharge_disposition_code").isin(*_AGAINST_ADVICE), "left_against_advice")
        .when((F.col("_next.facility_key") != F.col("facility_key")) & (F.col("_days") <= 1), "transferred")
    )
    for kind in ("cancer_treatment", "rehabilitation", "psychiatric"):
        reason = reason.when(is_of(kind), kind)
    follow_up = F.datediff("_told_until", "discharged_on")
    reason = reason.when(follow_up < WITHIN_DAYS, "short_follow_up")
    return stays.withColumns({"exclusion_reason": reason, "is_index": reason.isNull()})


def _followed(stays: DataFrame) -> DataFrame:
    """Stays with their readmission: the next stay, if it is not planned and soon enough."""
    soon = F.coalesce(F.col("_days") <= WITHIN_DAYS, F.lit(False))
    readmitted = F.when(F.col("is_index"), soon & ~F.coalesce("_next.is_planned", F.lit(False)))
    return stays.withColumns(
        {
            "is_readmitted": readmitted,
            "readmission_encounter_id": F.when(readmitted, F.col("_next.encounter_id")),
            "days_to_readmission": F.when(readmitted, F.col("_days")),
        }
    )
