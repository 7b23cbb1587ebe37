"""Silver: what was reported about people."""

from catalog.model import CLINICAL, CLINICAL_RECORD, FREE_TEXT, LINKING, OPERATIONAL, Column, Table, fail, warn, year
from catalog.tables.record import RECORD
from catalog.tables.silver_parts import (
    code,
    codings,
    encounter_columns,
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
    status,
)
from catalog.types import Boolean, Text, array

REPORT_STATUSES = (
    "registered",
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
)


def _ids(name: str, doc: str) -> Column:
    return Column(name, array(Text), doc=doc, null=True, tag=LINKING)


DIAGNOSTIC_REPORT = Table(
    "silver.diagnostic_report",
    doc="One report of tests, images or findings; its values are rows of lab_result and vital_sign.",
    grain="one row per source diagnostic report",
    columns=(
        Column("diagnostic_report_id", Text, doc="Logical id in the source.", tag=LINKING),
        *patient_columns(),
        *encounter_columns("The encounter in which it was asked for"),
        status(REPORT_STATUSES),
        Column(
            "is_withdrawn",
            Boolean,
            doc="True if cancelled or entered in error: such rows must not be used.",
            tag=OPERATIONAL,
        ),
        codings("category_codes", "Laboratory, radiology, notes …, all codings."),
        code("category_code", "First of category_codes."),
        codings("codes", "What kind of report: all codings as written."),
        Column("code_text", Text, doc="What kind of report, in the source's words.", null=True, tag=CLINICAL),
        code("loinc_code", "First LOINC code of codes."),
        instant("effective_at", "When its findings hold: the time, or the start of the period"),
        precision("effective_at"),
        instant("effective_ended_at", "End of the period; null for a single time"),
        precision("effective_ended_at"),
        instant("issued_at", "When this version was made available"),
        *reference_columns("performer", "The practitioner responsible for it, first one"),
        npi_column("performer_npi", "the performer"),
        *reference_columns("interpreter", "The practitioner who interpreted the results, first one"),
        npi_column("interpreter_npi", "the interpreter"),
        _ids("service_request_ids", "Orders that it answers."),
        _ids("specimen_ids", "Specimens that it is based on."),
        _ids("result_observation_ids", "Observations that are part of it."),
        _ids(
            "result_references",
            "Observations that are part of it and are not named by id: the reference as written, or `system|value`.",
        ),
        _ids("imaging_study_ids", "Imaging studies that it is about."),
        Column("conclusion_text", Text, doc="The conclusion in words.", null=True, tag=FREE_TEXT),
        codings("conclusion_codes", "The conclusion, all codings."),
        Column(
            "has_presented_form",
            Boolean,
            doc="True if the whole report is attached; the attachment itself stays in bronze.",
            tag=OPERATIONAL,
        ),
        Column(
            "presented_form_types",
            array(Text),
            doc="Media types of the attached reports, as written.",
            null=True,
            tag=OPERATIONAL,
        ),
        *RECORD,
    ),
    key=("diagnostic_report_id",),
    partition=(year("effective_at"),),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("diagnostic_report_id"),
        patient_is_named(),
        is_known("status", REPORT_STATUSES),
        in_order("effective_at", "effective_ended_at"),
        not_before_birth("effective_at"),
        not_before_birth("issued_at"),
        fail.that(
            "effective_at_not_in_the_future",
            "effective_at < date_add(:as_of, 2) or status in ('registered', 'cancelled')",
            "What is reported had been found by the end of the run's day (UTC), give or take a day for time zones.",
        ),
        not_in_the_future("issued_at"),
        warn.that("code_is_given", "size(codes) > 0 or code_text is not null", "It is said what kind of report it is."),
        warn.that("loinc_code_is_valid", "_loinc_ok", "The LOINC code is a term with the right check digit."),
        warn.that("effective_at_is_known", "effective_at is not null", "It is said when the findings hold."),
        warn.that(
            "issued_at_not_before_effective_at",
            "_issued_latest >= _effective_earliest",
            "A report comes after its findings, however partial dates are read.",
        ),
        warn.that(
            "something_is_reported",
            "is_withdrawn or status = 'registered' or has_presented_form or conclusion_text is not null "
            "or size(result_observation_ids) + size(result_references) + size(conclusion_codes) "
            "+ size(imaging_study_ids) > 0",
            "There are results, images, a conclusion or an attached report.",
        ),
        warn.that("results_are_named_by_id", "size(result_references) = 0", "Results are referred to by their id."),
        warn.that("performer_npi_is_valid", "_performer_npi_ok", "The NPI has ten digits and the right check digit."),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        fail.volume(0.5),
    ),
)
