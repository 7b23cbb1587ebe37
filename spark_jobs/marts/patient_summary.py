"""gold.patient_summary from silver and gold.encounter_fact."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from catalog.tables.gold import ENCOUNTER_FACT, PATIENT_SUMMARY, PERSON
from catalog.tables.gold_patient import LAST_VITAL_SIGNS
from catalog.tables.silver import CONDITION, LAB_RESULT, MEDICATION_REQUEST, PATIENT, VITAL_SIGN
from spark_jobs.mart import Source, builds
from spark_jobs.marts import comorbidity
from spark_jobs.marts.measured import MEASURED, in_order, measured
from spark_jobs.marts.parts import completed_years, finish, preferred_coding

_PATIENT = (
    "patient_id",
    "gender",
    "birth_on",
    "race",
    "ethnicity",
    "state",
    "is_deceased",
    "deceased_at",
    "replaced_by_patient_id",
)
_CONDITION = (
    "patient_id",
    "is_asserted",
    "clinical_status",
    "abated_at",
    "codes",
    "icd10cm_code",
    "icd10_code",
)
_ENCOUNTER = (
    "patient_id",
    "has_taken_place",
    "is_inpatient",
    "is_emergency",
    "is_within_stay",
    "started_at",
    "started_on",
)
_ORDER = ("patient_id", "status", "is_not_to_be_given", "codes", "code_text")


@builds(
    writes=PATIENT_SUMMARY,
    reads=(
        Source("patients", PATIENT, _PATIENT),
        Source("people", PERSON, ("patient_id", "person_id")),
        Source("conditions", CONDITION, _CONDITION),
        Source("encounters", ENCOUNTER_FACT, _ENCOUNTER),
        Source("vital_signs", VITAL_SIGN, MEASURED),
        Source("lab_results", LAB_RESULT, MEASURED),
        Source("orders", MEDICATION_REQUEST, _ORDER),
    ),
    by="patient_id",
    uses=("as_of",),
)
def patient_summary(
    patients: DataFrame,
    people: DataFrame,
    conditions: DataFrame,
    encounters: DataFrame,
    vital_signs: DataFrame,
    lab_results: DataFrame,
    orders: DataFrame,
    *,
    as_of: str,
) -> DataFrame:
    """One row a patient record."""
    today = F.lit(as_of).cast("date")
    rows = patients
    for part in (
        people,
        _conditions(conditions),
        _use_of_care(encounters, today),
        _last_vital_signs(vital_signs),
        _last_lab_results(lab_results),
        _medicines(orders),
    ):
        rows = rows.join(part, "patient_id", "left")
    rows = rows.withColumns({name: F.coalesce(name, F.lit(0)) for name in _COUNTS} | _comorbidity(rows))
    lived_until = F.when(F.col("is_deceased"), F.to_date("deceased_at")).otherwise(today)
    rows = rows.withColumns(
        {
            "person_id": F.coalesce("person_id", "patient_id"),
            "as_of_on": today,
            "age_years": completed_years(F.col("birth_on"), lived_until),
            **{name: F.coalesce(name, F.array()) for name in ("active_condition_codes", "last_lab_results")},
            "has_many_emergency_visits": F.col("emergency_visits_last_12_months") >= 4,
            "has_many_inpatient_stays": F.col("inpatient_stays_last_12_months") >= 2,
            "has_polypharmacy": F.col("active_medicines") >= 5,
            "has_high_comorbidity": F.col("charlson_index") >= 3,
            "has_high_blood_pressure": _high_pressure(today),
        }
    )
    return finish(rows, PATIENT_SUMMARY)


_COUNTS = (
    "active_conditions",
    "conditions_without_icd10",
    "encounters_last_12_months",
    "inpatient_stays_last_12_months",
    "emergency_visits_last_12_months",
    "active_medicines",
)


def _conditions(conditions: DataFrame) -> DataFrame:
    """Of each person what is active, and which diseases of the Charlson index were ever stated."""
    asserted = conditions.where("is_asserted")
    no_end = F.col("clinical_status").isNull() & F.col("abated_at").isNull()
    active = F.coalesce(F.col("clinical_status").isin("active", "recurrence", "relapse"), no_end)
    icd10 = F.coalesce("icd10cm_code", "icd10_code")
    coding = preferred_coding(F.col("codes"))
    known = F.struct(*(coding[name].alias(name) for name in ("system", "code", "display")))
    return asserted.groupBy("patient_id").agg(
        F.count_if(active).alias("active_conditions"),
        _each_once(F.collect_set(F.when(active & coding.isNotNull(), known))).alias("active_condition_codes"),
        F.count(F.lit(1)).alias("_asserted"),
        F.count_if(icd10.isNull()).alias("conditions_without_icd10"),
        F.collect_set(comorbidity.category(icd10)).alias("_categories"),
    )


def _each_once(codings: Column) -> Column:
    """Codings in order, of those that differ in their display only the first."""
    ordered = F.array_sort(codings)

    def is_first(coding: Column, at: Column) -> Column:
        before = F.get(ordered, at - 1)
        return (at == 0) | ~(before["system"].eqNullSafe(coding["system"]) & (before["code"] == coding["code"]))

    return F.filter(ordered, is_first)


def _comorbidity(rows: DataFrame) -> dict[str, Column]:
    asserted = F.coalesce(rows["_asserted"], F.lit(0))
    missing = F.when(asserted == 0, "no_diagnoses").when(rows["conditions_without_icd10"] == asserted, "no_icd10_codes")
    categories = F.when(missing.isNull(), comorbidity.counted(rows["_categories"]))
    return {
        "charlson_missing_reason": missing,
        "charlson_categories": categories,
        "charlson_index": F.when(missing.isNull(), comorbidity.index(categories)),
    }


def _use_of_care(encounters: DataFrame, today: Column) -> DataFrame:
    recent = (F.col("started_on") > F.add_months(today, -12)) & (F.col("started_on") <= today)
    return (
        encounters.where("has_taken_place")
        .groupBy("patient_id")
        .agg(
            F.max("started_at").alias("last_encounter_at"),
            F.count_if(recent).alias("encounters_last_12_months"),
            F.count_if(recent & F.col("is_inpatient") & ~F.col("is_within_stay")).alias(
                "inpatient_stays_last_12_months"
            ),
            F.count_if(recent & F.col("is_emergency")).alias("emergency_visits_last_12_months"),
        )
    )


def _last_vital_signs(vital_signs: DataFrame) -> DataFrame:
    last = []
    for measurement, name, _ in LAST_VITAL_SIGNS:
        of_this = F.when(F.col("measurement") == measurement, in_order())
        last.append(F.max_by("value", of_this).alias(f"last_{name}"))
        last.append(F.max_by("effective_at", of_this).alias(f"last_{measurement}_at"))
    return measured(vital_signs).where("measurement is not null").groupBy("patient_id").agg(*last)


def _last_lab_results(lab_results: DataFrame) -> DataFrame:
    result = F.struct(
        "code_system", "code", "display", "comparator", "value", "unit", F.col("effective_at").alias("measured_at")
    )
    last = (
        measured(lab_results)
        .groupBy("patient_id", "code_system", "code")
        .agg(F.max_by(result, in_order()).alias("_last"))
    )
    return last.groupBy("patient_id").agg(F.array_sort(F.collect_list("_last")).alias("last_lab_results"))


def _medicines(orders: DataFrame) -> DataFrame:
    active = orders.where("status = 'active' and not is_not_to_be_given")
    medicine = F.coalesce(preferred_coding(F.col("codes"))["code"], F.col("code_text"))
    return active.groupBy("patient_id").agg(F.count_distinct(medicine).alias("active_medicines"))


def _high_pressure(today: Column) -> Column:
    def is_high(measurement: str, name: str, limit: int) -> Column:
        recent = F.to_date(f"last_{measurement}_at") > F.add_months(today, -12)
        return F.when(recent, F.col(f"last_{name}") >= limit)

    systolic = is_high("systolic_blood_pressure", "systolic_mmhg", 140)
    diastolic = is_high("diastolic_blood_pressure", "diastolic_mmhg", 90)
    return F.coalesce(systolic | diastolic, systolic, diastolic)
