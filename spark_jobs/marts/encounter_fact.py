"""gold.encounter_fact from silver.encounter and what refers to it."""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold import ENCOUNTER_FACT, PERSON
from catalog.tables.silver import (
    CONDITION,
    ENCOUNTER,
    LAB_RESULT,
    MEDICATION_ADMINISTRATION,
    MEDICATION_REQUEST,
    PATIENT,
    PROCEDURE,
    VITAL_SIGN,
)
from spark_jobs.mart import Source, TimeZones, builds
from spark_jobs.marts.diagnosis import with_diagnoses
from spark_jobs.marts.parts import (
    UNKNOWN,
    completed_years,
    facility_key,
    finish,
    has_taken_place,
    is_emergency,
    is_inpatient,
    local_day,
    of_same_record,
)
from spark_jobs.marts.wards import with_wards

_EXPIRED = ("exp", "20", "40", "41", "42")
_ORDERS = ("order", "original-order", "reflex-order", "filler-order", "instance-order")
_OWNER = ("patient_id", "encounter_id")


@builds(
    writes=ENCOUNTER_FACT,
    reads=(
        Source(
            "encounters",
            ENCOUNTER,
            (
                "encounter_id",
                "patient_id",
                "status",
                "class_code",
                "part_of_encounter_id",
                "organization_id",
                "organization_reference",
                "location_id",
                "location_reference",
                "locations",
                "started_at",
                "started_precision",
                "ended_at",
                "ended_precision",
                "reason_codes",
                "reason_condition_ids",
                "diagnoses",
                "admit_source_code",
                "discharge_disposition_code",
            ),
        ),
        Source(
            "patients",
            PATIENT,
            ("patient_id", "birth_on", "gender", "is_deceased", "deceased_at", "deceased_precision"),
        ),
        Source("people", PERSON, ("patient_id", "person_id")),
        Source("conditions", CONDITION, ("condition_id", *_OWNER, "is_asserted", "category_codes", "codes")),
        Source("procedures", PROCEDURE, ("procedure_id", *_OWNER, "is_done")),
        Source("lab_results", LAB_RESULT, ("observation_id", *_OWNER, "is_withdrawn")),
        Source("vital_signs", VITAL_SIGN, ("observation_id", *_OWNER, "is_withdrawn")),
        Source(
            "medication_requests",
            MEDICATION_REQUEST,
            ("medication_request_id", *_OWNER, "status", "intent", "is_not_to_be_given"),
        ),
        Source(
            "medication_administrations",
            MEDICATION_ADMINISTRATION,
            ("medication_administration_id", *_OWNER, "is_done"),
        ),
    ),
    by="patient_id",
    uses=("time_zones",),
)
def encounter_fact(
    encounters: DataFrame,
    patients: DataFrame,
    people: DataFrame,
    conditions: DataFrame,
    *,
    time_zones: TimeZones,
    **events: DataFrame,
) -> DataFrame:
    """One row an encounter; what refers to it counts if it is of the same patient record."""
    counts = _counts(**events)
    stays = encounters.select(
        F.col("patient_id"),
        F.col("encounter_id").alias("part_of_encounter_id"),
        is_inpatient(F.col("class_code")).alias("_parent_is_inpatient"),
    )
    rows = of_same_record(encounters, patients, "patient_id")
    rows = of_same_record(rows, people, "patient_id")
    rows = of_same_record(rows, stays, "part_of_encounter_id")
    rows = with_diagnoses(rows, conditions)
    rows = of_same_record(rows, counts, "encounter_id")
    zoned = rows.withColumns(
        {"facility_key": facility_key(rows), "class_is_inpatient": is_inpatient(rows["class_code"])}
    ).withColumn("time_zone", time_zones.of(F.col("facility_key")))
    days = zoned.withColumns(
        {f"{name}_on": _day(name) for name in ("started", "ended", "deceased")}
        | {"is_inpatient": F.col("class_is_inpatient"), "is_emergency": is_emergency(F.col("class_code"))}
    )
    hours = (F.unix_micros("ended_at") - F.unix_micros("started_at")) / F.lit(3_600_000_000)
    exact = (F.col("started_precision") == "second") & (F.col("ended_precision") == "second")
    named = days.withColumn("location_key", F.coalesce("location_id", "location_reference", F.lit(UNKNOWN)))
    made = with_wards(named).withColumns(
        {
            "person_id": F.coalesce("person_id", "patient_id"),
            "has_taken_place": has_taken_place(F.col("status")),
            "is_within_stay": F.coalesce("_parent_is_inpatient", F.lit(False)),
            "length_of_stay_hours": F.when(exact, hours),
            "length_of_stay_days": hours / 24,
            "age_at_start_years": completed_years(F.col("birth_on"), F.coalesce("started_on", F.to_date("started_at"))),
            "died_in_hospital": _died(),
            **{name: F.coalesce(name, F.lit(0)) for name in counts.columns if name not in _OWNER},
        }
    )
    return finish(made, ENCOUNTER_FACT)


def _day(name: str) -> Column:
    return local_day(F.col(f"{name}_at"), F.col(f"{name}_precision"), F.col("time_zone"))


def _died() -> Column:
    """Whether the encounter ended with the person's death; null where that cannot be told, or is not asked."""
    where = F.col("is_inpatient") | F.col("is_emergency")
    disposition = F.col("discharge_disposition_code")
    exact = reduce(
        lambda one, other: one & other,
        (F.col(f"{name}_precision") == "second" for name in ("started", "ended", "deceased")),
    )
    apart = (F.col("deceased_on") < F.col("started_on")) | (F.col("deceased_on") > F.col("ended_on"))
    return (
        F.when(~where, F.lit(None))
        .when(disposition.isin(*_EXPIRED), True)
        .when(disposition.isNotNull(), False)
        .when(~F.col("is_deceased"), False)
        .when(exact, F.col("deceased_at").between(F.col("started_at"), F.col("ended_at")))
        .when(apart, False)
    )


def _counts(
    procedures: DataFrame,
    lab_results: DataFrame,
    vital_signs: DataFrame,
    medication_requests: DataFrame,
    medication_administrations: DataFrame,
) -> DataFrame:
    """How many of each there are by person and encounter; one aggregation over all of them."""
    ordered = F.col("intent").isin(*_ORDERS) & ~F.col("status").isin("draft", "entered-in-error", "cancelled")
    kinds = {
        "procedures": (procedures.where("is_done"), "procedure_id"),
        "lab_results": (lab_results.where("not is_withdrawn"), "observation_id"),
        "vital_signs": (vital_signs.where("not is_withdrawn"), "observation_id"),
        "medication_orders": (
            medication_requests.where(ordered & ~F.col("is_not_to_be_given")),
            "medication_request_id",
        ),
        "medication_administrations": (medication_administrations.where("is_done"), "medication_administration_id"),
    }
    nothing = F.lit(None).cast("string")
    parts = [
        rows.where("encounter_id is not null").select(
            *_OWNER, *((F.col(key) if name == kind else nothing).alias(name) for name in kinds)
        )
        for kind, (rows, key) in kinds.items()
    ]
    together = reduce(lambda one, other: one.unionAll(other), parts)
    return together.groupBy(*_OWNER).agg(*(F.count(name).alias(name) for name in kinds))
