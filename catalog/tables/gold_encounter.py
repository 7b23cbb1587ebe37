"""Gold: contacts with providers, and which stays were followed by another."""

from catalog.model import (
    CLINICAL,
    CLINICAL_RECORD,
    LINKING,
    OPERATIONAL,
    QUASI,
    SUBJECT,
    Column,
    Table,
    fail,
    warn,
    year,
)
from catalog.tables.gold_parts import (
    age_years,
    count,
    day,
    facility_key,
    flag,
    location_key,
    moment,
    number,
    patient_id,
    person_id,
    text,
    time_zone,
)
from catalog.tables.record import CHANGED_BY
from catalog.tables.silver_patient import ENCOUNTER_STATUSES, GENDERS
from catalog.types import Date, Integer, Text, Timestamp, array, struct

DIAGNOSIS_SOURCES = ("principal_diagnosis", "reason_condition", "reason_code", "encounter_diagnosis")
PRINCIPAL_USES = ("billing", "DD")
EXCLUSIONS = (
    "not_discharged",
    "day_not_known",
    "died",
    "left_against_advice",
    "transferred",
    "cancer_treatment",
    "rehabilitation",
    "psychiatric",
    "short_follow_up",
)
PLANNED_REASONS = ("always_planned_procedure", "always_planned_diagnosis", "potentially_planned_procedure")

ENCOUNTER_FACT = Table(
    "gold.encounter_fact",
    doc="One contact between a person and a provider, with who, why, how long, how much was done and how it ended. "
    "Amounts of money are not here: silver.claim and silver.claim_line have them, by claim.",
    grain="one row per encounter of silver.encounter, planned and cancelled ones included",
    columns=(
        Column("encounter_id", Text, doc="Logical id in the source.", ref="silver.encounter", tag=LINKING),
        patient_id(null=True),
        person_id(missing="null where patient_id is"),
        Column("status", Text, doc="Status as FHIR R4 names it.", values=ENCOUNTER_STATUSES, tag=OPERATIONAL),
        flag("has_taken_place", "False if planned, cancelled or entered in error: such rows must not be counted."),
        text("class_code", "Class of contact: AMB, IMP, EMER … in v3-ActCode, or the source's own."),
        flag("is_inpatient", "True for the classes IMP, ACUTE and NONAC of v3-ActCode: a stay."),
        flag("is_emergency", "True for the class EMER of v3-ActCode."),
        Column(
            "part_of_encounter_id",
            Text,
            doc="The encounter that it is part of.",
            null=True,
            ref="silver.encounter",
            tag=LINKING,
        ),
        flag(
            "is_within_stay", "True if it is part of an inpatient encounter: counting both would count one stay twice."
        ),
        facility_key(),
        location_key("Ward or other first location of the encounter"),
        Column(
            "wards",
            array(struct(location_key=Text, started_on=Date, started_at=Timestamp)),
            doc="Where the person was, one ward or other location after the other, and since when (the day in the "
            "facility's time zone, the instant in UTC), by silver.encounter.locations: at each time the one that "
            "began last of those that cover it, of several at once the first listed; a location without times is for "
            "the whole encounter; planned and reserved ones and those without a whole date do not count. One element, "
            "location_key, where the source tells no moves. Null where the start has no whole date.",
            null=True,
            tag=LINKING,
        ),
        time_zone(),
        moment("started_at", "Start"),
        moment("ended_at", "End; null while open"),
        day("started_on", "Day of the start in the facility's time zone; null where the source gives no whole date."),
        day("ended_on", "Day of the end in the facility's time zone; null while open or without a whole date."),
        number("length_of_stay_hours", "From start to end, where both are given to the second.", "h"),
        number("length_of_stay_days", "From start to end in days of 24 hours, partial dates as they stand.", "d"),
        age_years("age_at_start_years", "Completed years at the start; null if birth or start is not known."),
        Column("gender", Text, doc="Administrative gender.", null=True, values=GENDERS, tag=QUASI),
        Column(
            "principal_condition_id",
            Text,
            doc="The principal diagnosis as the source ranks it: of silver.encounter.diagnoses the condition of rank 1 "
            "for billing, else the one of rank 1 at discharge (DD). Null where neither is told, or several conditions "
            "are first: other roles and diagnoses without a rank do not count.",
            null=True,
            ref="silver.condition",
            tag=LINKING,
        ),
        text(
            "principal_diagnosis_use_code",
            "For what it is the first: `billing` or `DD`, at discharge.",
            values=PRINCIPAL_USES,
        ),
        text(
            "principal_diagnosis_system",
            "Code system of the principal diagnosis: that of ICD-10-CM or ICD-10 first. Null where the condition is "
            "not in silver, is another patient record's, was refuted or has no code.",
        ),
        text("principal_diagnosis_code", "Code of the principal diagnosis."),
        text("principal_diagnosis_display", "Name of that code as the source gives it."),
        text(
            "primary_diagnosis_source",
            "Where the primary diagnosis is from: `principal_diagnosis` where there is one with a code; else "
            "`reason_condition`, the first condition named as the reason of the encounter; else `reason_code`, its "
            "first coded reason; else `encounter_diagnosis`, the only condition recorded for it as an encounter "
            "diagnosis. Null: there is none.",
            OPERATIONAL,
            DIAGNOSIS_SOURCES,
        ),
        text("primary_diagnosis_system", "Code system of the primary diagnosis: that of ICD-10-CM or ICD-10 first."),
        text("primary_diagnosis_code", "Code of the primary diagnosis; null if it has none."),
        text("primary_diagnosis_display", "Name of that code as the source gives it."),
        count("procedures", "Procedures done in it."),
        count("lab_results", "Laboratory results of it, withdrawn ones left out."),
        count("vital_signs", "Vital signs measured in it, withdrawn ones left out."),
        count("medication_orders", "Orders of medicines written in it; proposals, plans and errors left out."),
        count("medication_administrations", "Medicines given in it."),
        text("admit_source_code", "Where the person was admitted from, first coding."),
        text("discharge_disposition_code", "Where the person went to, first coding; null if the source does not say."),
        flag(
            "died_in_hospital",
            "Of inpatient and emergency encounters only. True if the disposition says expired (`exp`; 20, 40, 41 or 42 "
            "of NUBC), false if it says anything else. Without one: true if the time of death, given to the second, "
            "lies within the encounter; false if the person is alive or died on another day; null if that cannot be "
            "told.",
            null=True,
        ),
        CHANGED_BY,
    ),
    key=("encounter_id",),
    partition=(year("started_at"),),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("encounter_id"),
        fail.that("length_of_stay_not_negative", "length_of_stay_hours >= 0", "A length is not negative."),
        fail.that(
            "counts_not_negative",
            "least(procedures, lab_results, vital_signs, medication_orders, medication_administrations) >= 0",
            "Counts are not negative.",
        ),
        warn.that("age_is_plausible", "age_at_start_years between 0 and 125", "An age is within 0 to 125 years."),
        warn.that(
            "stay_has_a_diagnosis",
            "not is_inpatient or not has_taken_place or primary_diagnosis_code is not null",
            "A stay has a coded primary diagnosis.",
        ),
        warn.that(
            "ended_stay_has_a_disposition",
            "not is_inpatient or ended_at is null or discharge_disposition_code is not null",
            "It is said where the person went after a stay.",
        ),
        fail.volume(0.5),
    ),
)

READMISSION = Table(
    "gold.readmission",
    doc="Acute inpatient stays as index admissions of a 30-day readmission measure in the shape of CMS's: which "
    "count, why the others do not, and what followed. Age is not restricted, and the shipped code lists are short: "
    "numbers are not those of CMS.",
    grain="one row per stay: an inpatient encounter, or several that count as one",
    columns=(
        Column("encounter_id", Text, doc="The stay's first encounter.", ref="gold.encounter_fact", tag=LINKING),
        Column(
            "patient_id",
            Text,
            doc="Whom it is about: the patient record of the stay's first encounter.",
            ref="silver.patient",
            tag=SUBJECT,
        ),
        person_id(),
        Column(
            "encounter_ids",
            array(Text),
            doc="All encounters of the stay, in order, under any of the person's patient records: a return on the "
            "day of discharge to the same hospital for the same primary diagnosis is the same stay, and so is one that "
            "begins at the same hospital before the earlier one ended. Where a diagnosis is missing, a return is not "
            "known to be for the same condition.",
            tag=LINKING,
        ),
        facility_key(),
        moment("started_at", "Start of the stay"),
        moment("ended_at", "End of the stay; null while open"),
        day("started_on", "Day of admission in the facility's time zone."),
        day("discharged_on", "Day of discharge in the facility's time zone."),
        text("primary_diagnosis_system", "Code system of the primary diagnosis of the stay's last encounter."),
        text("primary_diagnosis_code", "Primary diagnosis of the stay's last encounter."),
        text("discharge_disposition_code", "Where the person went to; null if the source does not say."),
        flag("is_index", "True if the stay counts as an index admission: there is no reason to exclude it."),
        text(
            "exclusion_reason",
            "Why it is no index admission, the first that holds: not yet discharged; a day is not known; died; left "
            "against advice (`aadvice`, or 07 of NUBC: not known where the source gives no disposition); transferred, "
            "that is another hospital's stay began by the next day; treatment of cancer; rehabilitation; psychiatric "
            "(by primary diagnosis, spark_jobs/marts/planned.csv); fewer than 30 days from discharge to the last day "
            "on which any encounter in the data starts or ends. Null for an index admission.",
            OPERATIONAL,
            EXCLUSIONS,
        ),
        flag(
            "is_planned",
            "True if the stay is known to be planned: an always planned procedure or diagnosis, or a potentially "
            "planned procedure with a primary diagnosis that is not acute (spark_jobs/marts/planned.csv; ICD-10 codes "
            "only). False also where codes are missing.",
        ),
        text("planned_reason", "Which rule makes it planned; null if none does.", OPERATIONAL, PLANNED_REASONS),
        flag(
            "is_readmitted",
            "Of index admissions: true if the person's next stay, anywhere in the data and under any of the person's "
            "patient records, starts within 30 days of discharge and is not planned. A planned one that comes first "
            "blocks later ones. Null if no index admission.",
            null=True,
        ),
        Column(
            "readmission_encounter_id",
            Text,
            doc="First encounter of the readmission; it can be an index admission in its own row.",
            null=True,
            ref="gold.encounter_fact",
            tag=LINKING,
        ),
        Column(
            "days_to_readmission",
            Integer,
            doc="Days from discharge to readmission, by the facilities' calendars; 0 is the day of discharge.",
            null=True,
            unit="d",
            tag=CLINICAL,
        ),
        CHANGED_BY,
    ),
    key=("encounter_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("encounter_id"),
        fail.that("person_is_told", "person_id is not null", "Each stay is of a person."),
        fail.that(
            "index_or_excluded",
            "is_index = (exclusion_reason is null)",
            "A stay is an index admission, or there is a reason why not.",
        ),
        fail.that(
            "readmission_is_told_of_index_admissions",
            "is_index = (is_readmitted is not null)",
            "It is said of each index admission, and of no other stay, whether a readmission followed.",
        ),
        fail.that(
            "readmission_has_its_stay",
            "coalesce(is_readmitted, false) = (readmission_encounter_id is not null)",
            "A readmission names its stay, and only a readmission does.",
        ),
        fail.that(
            "days_to_readmission_within_30",
            "days_to_readmission between 0 and 30",
            "A readmission starts within 30 days of discharge.",
        ),
        warn.that(
            "disposition_is_known",
            "discharge_disposition_code is not null or ended_at is null",
            "It is said where the person went: without, leaving against advice is not known.",
        ),
        fail.volume(0.5),
    ),
)
