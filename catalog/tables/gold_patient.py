"""Gold: what there is to know about a person at a glance."""

from catalog.model import CLINICAL, CLINICAL_RECORD, OPERATIONAL, QUASI, SUBJECT, Column, Table, fail, warn
from catalog.tables.gold_parts import age_years, count, day, flag, moment, number, patient_id, person_id, text
from catalog.tables.record import CHANGED_BY
from catalog.tables.silver_patient import GENDERS
from catalog.types import Codings, Double, Integer, Text, Timestamp, array, struct

LAST_VITAL_SIGNS = (
    ("systolic_blood_pressure", "systolic_mmhg", "mm[Hg]"),
    ("diastolic_blood_pressure", "diastolic_mmhg", "mm[Hg]"),
    ("heart_rate", "heart_rate_per_min", "/min"),
    ("respiratory_rate", "respiratory_rate_per_min", "/min"),
    ("body_temperature", "body_temperature_cel", "Cel"),
    ("oxygen_saturation", "oxygen_saturation_pct", "%"),
    ("body_weight", "body_weight_kg", "kg"),
    ("body_height", "body_height_cm", "cm"),
    ("body_mass_index", "body_mass_index_kg_m2", "kg/m2"),
)
"""Measurement of silver.vital_sign, the column's name after `last_`, and the declared unit."""

CHARLSON_MISSING = ("no_diagnoses", "no_icd10_codes")

PATIENT_SUMMARY = Table(
    "gold.patient_summary",
    doc="One person at the run's clock: who, which conditions, last measurements, use of care, risk flags.",
    grain="one row per patient of silver.patient, living or dead; the records of one person, merged duplicates among "
    "them, have a row each with what is recorded under it (count people where patient_id = person_id)",
    columns=(
        patient_id(),
        person_id(),
        day("as_of_on", "The day that age, the last 12 months and flags are told of.", null=False, tag=OPERATIONAL),
        Column("gender", Text, doc="Administrative gender.", null=True, values=GENDERS, tag=QUASI),
        day("birth_on", "Birth date; a partial one is its first day.", tag=QUASI),
        age_years(
            "age_years", "Completed years at as_of_on, or at death; null if birth or time of death is not known."
        ),
        text("race", "As in silver.patient.", QUASI),
        text("ethnicity", "As in silver.patient.", QUASI),
        text("state", "State or province of the address.", QUASI),
        flag("is_deceased", "True if the source says dead or when."),
        moment("deceased_at", "Time of death; null if alive or not known"),
        Column(
            "replaced_by_patient_id",
            Text,
            doc="The patient record that replaces this one after a merge; null for one that stands.",
            null=True,
            ref="silver.patient",
            tag=SUBJECT,
        ),
        count(
            "active_conditions",
            "Conditions that are there: asserted, and of clinical status active, recurrence or relapse, or of none and "
            "without an end.",
        ),
        Column(
            "active_condition_codes",
            Codings,
            doc="Their codes, each once, in order: of each condition ICD-10-CM, else ICD-10, else its first coding.",
            tag=CLINICAL,
        ),
        Column(
            "charlson_index",
            Integer,
            doc="Charlson comorbidity index with the weights of Charlson 1987 (J Chronic Dis 40:373), by the ICD-10 "
            "codes of Quan 2005 (Med Care 43:1130; spark_jobs/marts/charlson.csv) over all asserted conditions on "
            "record, active or not; of diabetes, liver disease and tumours the graver form counts. Age is not added. "
            "Null where it cannot be told (charlson_missing_reason), never 0 for want of codes.",
            null=True,
            unit="{score}",
            tag=CLINICAL,
        ),
        text(
            "charlson_missing_reason",
            "Why there is no index: no asserted condition is on record, or none has an ICD-10 code.",
            OPERATIONAL,
            CHARLSON_MISSING,
        ),
        Column(
            "charlson_categories",
            array(Text),
            doc="The comorbidities that were found, in order; null where the index is.",
            null=True,
            tag=CLINICAL,
        ),
        count(
            "conditions_without_icd10",
            "Asserted conditions that the index cannot see, for they have no ICD-10 code: with many, it is a lower "
            "bound.",
        ),
        *(
            column
            for measurement, name, unit in LAST_VITAL_SIGNS
            for column in (
                number(f"last_{name}", f"Last {measurement.replace('_', ' ')}.", unit),
                moment(f"last_{measurement}_at", f"When the last {measurement.replace('_', ' ')} was measured"),
            )
        ),
        Column(
            "last_lab_results",
            array(
                struct(
                    code_system=Text,
                    code=Text,
                    display=Text,
                    comparator=Text,
                    value=Double,
                    unit=Text,
                    measured_at=Timestamp,
                )
            ),
            doc="The last number of each laboratory test, by code (LOINC, else the first coding), in order of code.",
            tag=CLINICAL,
        ),
        moment("last_encounter_at", "Start of the last encounter that has taken place"),
        count(
            "encounters_last_12_months", "Encounters that have taken place and started in the 12 months up to as_of_on."
        ),
        count("inpatient_stays_last_12_months", "Those that are inpatient and not part of another stay."),
        count("emergency_visits_last_12_months", "Those of class EMER."),
        count("active_medicines", "Different medicines (by code, else by text) with an active order to give them."),
        flag("has_many_emergency_visits", "Rule: 4 or more emergency visits in the last 12 months."),
        flag("has_many_inpatient_stays", "Rule: 2 or more inpatient stays in the last 12 months."),
        flag("has_polypharmacy", "Rule: 5 or more active medicines."),
        flag("has_high_comorbidity", "Rule: a Charlson index of 3 or more; null where there is no index.", null=True),
        flag(
            "has_high_blood_pressure",
            "Rule: the last systolic pressure is 140 mm[Hg] or more or the last diastolic one 90 or more, each of the "
            "last 12 months; null if neither was measured in them.",
            null=True,
        ),
        CHANGED_BY,
    ),
    key=("patient_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("patient_id"),
        fail.that("person_is_told", "person_id is not null", "Each patient record is of a person."),
        fail.that(
            "charlson_index_or_reason",
            "(charlson_index is null) = (charlson_missing_reason is not null)",
            "There is a Charlson index, or a reason why not.",
        ),
        fail.that("charlson_index_in_range", "charlson_index between 0 and 29", "The index lies between 0 and 29."),
        fail.that(
            "parts_not_more_than_whole",
            "greatest(inpatient_stays_last_12_months, emergency_visits_last_12_months) <= encounters_last_12_months",
            "Stays and visits are some of the encounters.",
        ),
        fail.that(
            "codes_not_more_than_conditions",
            "size(active_condition_codes) <= active_conditions",
            "Each code belongs to a condition.",
        ),
        warn.that("age_is_plausible", "age_years between 0 and 125", "An age is within 0 to 125 years."),
        fail.volume(0.5),
    ),
)
