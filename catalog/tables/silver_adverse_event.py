"""Silver: what harmed people or nearly did."""

from catalog.model import CLINICAL, CLINICAL_RECORD, FREE_TEXT, LINKING, Column, Table, fail, warn
from catalog.tables.record import RECORD
from catalog.tables.silver_parts import (
    code,
    codings,
    encounter_columns,
    icd10cm_exists,
    in_order,
    instant,
    is_known,
    not_before_birth,
    not_in_the_future,
    npi_column,
    patient_columns,
    patient_is_named,
    precision,
    reference_columns,
)
from catalog.types import Boolean, Text, array

SEVERITIES = ("mild", "moderate", "severe")
ACTUALITIES = ("actual", "potential")
EVENT_OUTCOMES = ("resolved", "recovering", "ongoing", "resolvedWithSequelae", "fatal", "unknown")


def _ids(name: str, doc: str) -> Column:
    return Column(name, array(Text), doc=doc, null=True, tag=LINKING)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


ADVERSE_EVENT = Table(
    "silver.adverse_event",
    doc="One harm that came of care, or that nearly did.",
    grain="one row per source adverse event; what is suspected in lists",
    columns=(
        Column("adverse_event_id", Text, doc="Logical id in the source.", tag=LINKING),
        *patient_columns(),
        *encounter_columns("The encounter in which it happened"),
        Column(
            "actuality",
            Text,
            doc="`actual`: it happened; `potential`: it nearly did, and must not be counted as harm.",
            values=ACTUALITIES,
            tag=CLINICAL,
        ),
        codings("category_codes", "Product problem, medication mishap, fall …, all codings."),
        codings("codes", "What happened: all codings as written."),
        Column("code_text", Text, doc="What happened, in the source's words.", null=True, tag=FREE_TEXT),
        code("meddra_code", "First MedDRA code."),
        code("snomed_code", "First SNOMED CT code."),
        code("icd10cm_code", "First ICD-10-CM code, upper case with its dot."),
        instant("occurred_at", "When it happened"),
        precision("occurred_at"),
        instant("detected_at", "When it was noticed"),
        precision("detected_at"),
        instant("recorded_at", "When it was recorded"),
        precision("recorded_at"),
        codings("seriousness_codes", "Seriousness, all codings."),
        code("seriousness_code", "Seriousness in FHIR's own system, else the first coding."),
        Column(
            "is_serious",
            Boolean,
            doc="Whether it is serious (death, danger to life, hospital stay …); null if not said in FHIR's system.",
            null=True,
            tag=CLINICAL,
        ),
        codings("severity_codes", "Severity, all codings."),
        code("severity_code", "mild, moderate or severe in FHIR's own system, else the first coding."),
        codings("outcome_codes", "Outcome, all codings."),
        code("outcome_code", "Outcome in FHIR's own system, else the first coding."),
        _ids("suspect_medication_ids", "Medicines that may have caused it."),
        _ids("suspect_medication_administration_ids", "Administrations of medicines that may have caused it."),
        _ids("suspect_immunization_ids", "Vaccinations that may have caused it."),
        _ids("suspect_procedure_ids", "Procedures that may have caused it."),
        _ids("suspect_device_ids", "Devices that may have caused it."),
        _ids(
            "suspect_references",
            "What else may have caused it: the reference as written, or `system|value`. "
            "A reference that does not say of which type its target is stands here.",
        ),
        Column("suspect_texts", array(Text), doc="Suspects in words.", null=True, tag=FREE_TEXT),
        codings("causality_codes", "How sure it is that a suspect caused it, all codings of all suspects."),
        _ids("resulting_condition_ids", "Conditions that it led to."),
        *reference_columns("location", "Where it happened"),
        *reference_columns("recorder", "The practitioner who recorded it"),
        npi_column("recorder_npi", "the recorder"),
        _ids("study_ids", "Research studies that it is part of."),
        *RECORD,
    ),
    key=("adverse_event_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("adverse_event_id"),
        patient_is_named(),
        is_known("actuality", ACTUALITIES),
        in_order("occurred_at", "detected_at"),
        in_order("occurred_at", "recorded_at"),
        not_before_birth("occurred_at"),
        not_before_birth("detected_at"),
        not_before_birth("recorded_at"),
        not_in_the_future("occurred_at"),
        not_in_the_future("detected_at"),
        not_in_the_future("recorded_at"),
        warn.that("code_is_given", "size(codes) > 0 or code_text is not null", "It is said what happened."),
        warn.that(
            "time_is_given",
            "coalesce(occurred_at, detected_at, recorded_at) is not null",
            "It is said when it happened, was noticed or was recorded.",
        ),
        # FHIR requires these codes; sources grade by other scales (CTCAE), and such an event is too important to hold.
        warn.that(
            "severity_code_is_known",
            f"severity_code in ({_listed(SEVERITIES)})",
            "The severity is one of FHIR R4's.",
        ),
        warn.that(
            "outcome_code_is_known",
            f"outcome_code in ({_listed(EVENT_OUTCOMES)})",
            "The outcome is one of FHIR R4's.",
        ),
        warn.that(
            "fatal_is_serious",
            "outcome_code <> 'fatal' or is_serious",
            "An event that a person died of is serious.",
        ),
        icd10cm_exists(),
        warn.that("recorder_npi_is_valid", "_recorder_npi_ok", "The NPI has ten digits and the right check digit."),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        fail.volume(0.5),
    ),
)
