"""Silver: what was measured, one row a measured value, in one declared unit a measurement.

Numbers are double: an analyst's arithmetic, not the source's written precision, which stays in bronze.
"""

from catalog.model import (
    CLINICAL,
    CLINICAL_RECORD,
    FREE_TEXT,
    IDENTIFYING,
    LINKING,
    OPERATIONAL,
    Check,
    Column,
    Table,
    fail,
    warn,
    year,
)
from catalog.tables.record import RECORD
from catalog.tables.silver_parts import (
    code,
    codings,
    encounter_columns,
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
from catalog.types import Boolean, Double, Integer, Text, array

OBSERVATION_STATUSES = (
    "registered",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "cancelled",
    "entered-in-error",
    "unknown",
)


def _number(name: str, doc: str, unit: str | None = None) -> Column:
    return Column(name, Double, doc=doc, null=True, unit=unit, tag=CLINICAL)


def _what() -> tuple[Column, ...]:
    return (
        Column("observation_id", Text, doc="Logical id of the Observation in the source.", tag=LINKING),
        Column(
            "component_index",
            Integer,
            doc="0: the observation's own value; n: its n-th component (systolic and diastolic of a pressure).",
            tag=OPERATIONAL,
        ),
        *patient_columns(),
        *encounter_columns("The encounter in which it was made"),
        status(OBSERVATION_STATUSES),
        Column(
            "is_withdrawn",
            Boolean,
            doc="True if cancelled or entered in error: such rows must not be used as values; limits do not apply.",
            tag=OPERATIONAL,
        ),
        codings("codes", "What was measured: all codings as written."),
        Column("code_text", Text, doc="What was measured, in the source's words.", null=True, tag=CLINICAL),
        code("loinc_code", "First LOINC code of codes."),
        codings("panel_codes", "For a component: what the whole observation is; else null."),
        code("measurement", "Name of the measurement that has a declared unit; null for all others."),
        instant("effective_at", "When it holds: the time, or the start of the period"),
        precision("effective_at"),
        instant("effective_ended_at", "End of the period; null for a single time"),
        _number(
            "effective_offset_minutes",
            "When it holds, counted from the start of its encounter (before it: negative), where the source says only "
            "that (cqf-relativeDateTime).",
            "min",
        ),
        instant("issued_at", "When it was made available"),
    )


def _value() -> tuple[Column, ...]:
    return (
        _number(
            "value",
            "The number in value_unit: converted for a known measurement, else as written.",
            "[value_unit]",
        ),
        Column(
            "value_unit",
            Text,
            doc="UCUM unit of value: the measurement's declared one, else the source's code or text.",
            null=True,
            tag=CLINICAL,
        ),
        Column(
            "value_comparator",
            Text,
            doc="<, <=, >= or >: the true value lies beyond value. Null: it is value.",
            null=True,
            values=("<", "<=", ">=", ">"),
            tag=CLINICAL,
        ),
        _number("source_value", "The number as the source gives it.", "[source_unit]"),
        Column("source_unit", Text, doc="Unit in the source's words, else its code.", null=True, tag=CLINICAL),
        code("source_unit_code", "Unit code in the source."),
        code("source_unit_system", "System of the source's unit code."),
        codings("value_codes", "A coded value: all codings as written."),
        code("value_code", "First code of value_codes."),
        Column(
            "value_text",
            Text,
            doc="A value in words; titres as `1:128`, times as written, periods as `start/end`.",
            null=True,
            tag=FREE_TEXT,
        ),
        Column("value_boolean", Boolean, doc="A yes-or-no value.", null=True, tag=CLINICAL),
        _number("value_low", "Lower end where the value is a range.", "[value_unit]"),
        _number("value_high", "Upper end where the value is a range.", "[value_unit]"),
        code("absent_reason_code", "Why there is no value, if the source says so."),
        code("interpretation_code", "First interpretation, such as H, L, N or A."),
        _number("reference_low", "Lower end of the first reference range.", "[value_unit]"),
        _number("reference_high", "Upper end of the first reference range.", "[value_unit]"),
        Column("reference_text", Text, doc="First reference range in words.", null=True, tag=FREE_TEXT),
    )


def _checks(or_else: str = "") -> tuple[Check, ...]:
    """The checks that all observations share; `or_else` (`or …`) is what else may stand in the place of a value."""
    return (
        fail.unique("observation_id", "component_index"),
        patient_is_named(),
        is_known("status", OBSERVATION_STATUSES),
        is_known("value_comparator", ("<", "<=", ">=", ">"), required=False),
        fail.that(
            "effective_ended_at_not_before_effective_at",
            "effective_ended_at >= _effective_earliest",
            "The period ends after it starts, however partial dates are read.",
        ),
        not_before_birth("effective_at"),
        not_in_the_future("effective_at"),
        fail.that(
            "unit_is_known",
            "is_withdrawn or _unit_is_known",
            "A number of a known measurement comes with a unit that can be converted to the declared one.",
        ),
        fail.that(
            "value_within_limits",
            "is_withdrawn or value between _limit_low and _limit_high",
            "The value is one that a living person can have (limits by measurement, far outside normal ranges).",
        ),
        fail.that(
            "range_is_in_order",
            "is_withdrawn or value_low <= value_high",
            "A value that is a range is in order.",
        ),
        warn.that(
            "effective_at_is_known",
            "effective_at is not null or effective_offset_minutes is not null",
            "It is said when the value holds, by date or from the start of the encounter.",
        ),
        warn.that(
            "value_or_reason_is_given",
            "is_withdrawn or status = 'registered' or absent_reason_code is not null "
            f"{or_else}or coalesce(cast(source_value as string), cast(value_boolean as string), value_text, "
            "value_code, cast(value_low as string), cast(value_high as string)) is not null",
            "There is a value, or a reason why there is none.",
        ),
        warn.that("code_is_given", "size(codes) > 0 or code_text is not null", "It is said what was measured."),
        warn.that("loinc_code_is_valid", "_loinc_ok", "The LOINC code is a term with the right check digit."),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        fail.volume(0.5),
    )


VITAL_SIGN = Table(
    "silver.vital_sign",
    doc="One measured vital sign or body measure.",
    grain="one row per value: an observation's own, and one per component; a panel without a value has none of its own",
    columns=(
        *_what(),
        *_value(),
        code("body_site_code", "Where it was measured, first coding."),
        code("method_code", "How it was measured, first coding."),
        *reference_columns("device", "The device that measured"),
        *RECORD,
    ),
    key=("observation_id", "component_index"),
    partition=(year("effective_at"),),
    retention=CLINICAL_RECORD,
    checks=_checks(),
)

LAB_RESULT = Table(
    "silver.lab_result",
    doc="One laboratory result.",
    grain="one row per value: an observation's own, and one per component; a panel without a value has none of its own",
    columns=(
        *_what(),
        *_value(),
        code("method_code", "How it was measured, first coding."),
        *reference_columns("specimen", "The specimen that was tested"),
        *RECORD,
    ),
    key=("observation_id", "component_index"),
    partition=(year("effective_at"),),
    retention=CLINICAL_RECORD,
    checks=_checks(),
)

OBSERVATION = Table(
    "silver.observation",
    doc="One observation that is neither a laboratory result nor a vital sign: social history, survey scores, exams, "
    "imaging findings. Every Observation stands in this table, in silver.lab_result or in silver.vital_sign.",
    grain="one row per value: an observation's own, and one per component; a panel without a value has none of its own",
    columns=(
        *_what(),
        codings("category_codes", "social-history, survey, exam, imaging, procedure …, all codings."),
        code("category_code", "First code of category_codes."),
        *_value(),
        codings("body_site_codes", "Where in the body, all codings."),
        code("method_code", "How it was observed, first coding."),
        *reference_columns("performer", "The practitioner who observed, first one", reference_tag=IDENTIFYING),
        npi_column("performer_npi", "the performer"),
        *reference_columns("device", "The device that measured", ref="silver.device"),
        *reference_columns("specimen", "The specimen that was examined"),
        Column(
            "member_observation_ids",
            array(Text),
            doc="Observations that it groups, in any of the three tables of observations.",
            null=True,
            tag=LINKING,
        ),
        Column(
            "source_observation_ids",
            array(Text),
            doc="Observations that it was derived from, such as the answers behind a score.",
            null=True,
            tag=LINKING,
        ),
        Column(
            "source_survey_response_ids",
            array(Text),
            doc="Responses to questionnaires (silver.survey_response) that it was derived from.",
            null=True,
            tag=LINKING,
        ),
        Column("note_texts", array(Text), doc="Comments, in order.", null=True, tag=FREE_TEXT),
        *RECORD,
    ),
    key=("observation_id", "component_index"),
    partition=(year("effective_at"),),
    retention=CLINICAL_RECORD,
    checks=(
        *_checks(or_else="or size(member_observation_ids) > 0 "),
        warn.that("performer_npi_is_valid", "_performer_npi_ok", "The NPI has ten digits and the right check digit."),
    ),
)
