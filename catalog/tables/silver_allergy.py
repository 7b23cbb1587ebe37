"""Silver: what people do not tolerate."""

from catalog.model import CLINICAL, CLINICAL_RECORD, FREE_TEXT, LINKING, OPERATIONAL, Column, Table, fail, warn
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
)
from catalog.types import Boolean, Double, Text, array, struct

ALLERGY_STATUSES = ("active", "inactive", "resolved")
ALLERGY_VERIFICATION_STATUSES = ("unconfirmed", "confirmed", "refuted", "entered-in-error")
ALLERGY_TYPES = ("allergy", "intolerance")
ALLERGY_CATEGORIES = ("food", "medication", "environment", "biologic")
CRITICALITIES = ("low", "high", "unable-to-assess")
SEVERITIES = ("mild", "moderate", "severe")


def _age(name: str, doc: str) -> Column:
    return Column(name, Double, doc=doc, null=True, unit="a", tag=CLINICAL)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


ALLERGY = Table(
    "silver.allergy",
    doc="One allergy or intolerance of a person, or the statement that none is known.",
    grain="one row per source allergy; its reactions in a list",
    columns=(
        Column("allergy_id", Text, doc="Logical id in the source.", tag=LINKING),
        *patient_columns(),
        *encounter_columns("The encounter in which it was stated"),
        Column(
            "clinical_status",
            Text,
            doc="Whether it is still there; null if the source does not say.",
            null=True,
            values=ALLERGY_STATUSES,
            tag=CLINICAL,
        ),
        Column(
            "verification_status",
            Text,
            doc="How sure it is; `refuted` and `entered-in-error` mean that it is not so. Null if not said.",
            null=True,
            values=ALLERGY_VERIFICATION_STATUSES,
            tag=CLINICAL,
        ),
        Column(
            "is_withdrawn",
            Boolean,
            doc="True if refuted or entered in error: such rows must not be counted as allergies.",
            tag=OPERATIONAL,
        ),
        Column(
            "is_none_known",
            Boolean,
            doc="True if it is coded as no known allergy (of a kind): no allergy, but someone asked.",
            tag=CLINICAL,
        ),
        Column(
            "allergy_type",
            Text,
            doc="Allergy (of the immune system) or intolerance; null if not said.",
            null=True,
            values=ALLERGY_TYPES,
            tag=CLINICAL,
        ),
        Column("categories", array(Text), doc="Food, medication, environment, biologic.", null=True, tag=CLINICAL),
        Column(
            "criticality",
            Text,
            doc="How dangerous a future reaction may be; null if not said.",
            null=True,
            values=CRITICALITIES,
            tag=CLINICAL,
        ),
        codings("codes", "The substance or the allergy to it: all codings as written."),
        Column("code_text", Text, doc="The same in the source's words.", null=True, tag=FREE_TEXT),
        code("rxnorm_code", "First RxNorm code."),
        code("ndc_code", "First National Drug Code, as written."),
        code("snomed_code", "First SNOMED CT code."),
        instant("onset_at", "When it began: the date, or the start of the period"),
        precision("onset_at"),
        _age("onset_age_years", "Age at onset where the source gives an age; the lower end of a range."),
        _age("onset_age_high_years", "Upper end of a range of ages at onset."),
        Column("onset_text", Text, doc="Onset in words.", null=True, tag=FREE_TEXT),
        instant("last_occurred_at", "When the last known reaction was"),
        precision("last_occurred_at"),
        instant("recorded_at", "When it was recorded"),
        precision("recorded_at"),
        *reference_columns("recorder", "The practitioner who recorded it"),
        npi_column("recorder_npi", "the recorder"),
        *reference_columns("asserter", "The practitioner who stated it (a person or relative: in the reference)"),
        Column(
            "reactions",
            array(struct(system=Text, code=Text, display=Text, severity=Text)),
            doc="All codings of how it showed, each with the severity of its reaction (null if not said), worst first.",
            null=True,
            tag=CLINICAL,
        ),
        Column(
            "reaction_severity",
            Text,
            doc="The worst severity of all reactions.",
            null=True,
            values=SEVERITIES,
            tag=CLINICAL,
        ),
        codings("reaction_substance_codes", "What exactly caused the reactions, all codings."),
        Column(
            "reaction_texts",
            array(Text),
            doc="Reactions in words: how they showed, then descriptions.",
            null=True,
            tag=FREE_TEXT,
        ),
        *RECORD,
    ),
    key=("allergy_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("allergy_id"),
        patient_is_named(),
        is_known("clinical_status", ALLERGY_STATUSES, required=False),
        is_known("verification_status", ALLERGY_VERIFICATION_STATUSES, required=False),
        is_known("allergy_type", ALLERGY_TYPES, required=False),
        fail.that(
            "categories_are_known",
            f"forall(categories, c -> c in ({_listed(ALLERGY_CATEGORIES)}))",
            "Each category is one that FHIR R4 allows.",
        ),
        is_known("criticality", CRITICALITIES, required=False),
        fail.that(
            "reaction_severities_are_known",
            f"forall(_severities, s -> s in ({_listed(SEVERITIES)}))",
            "Each severity of a reaction is one that FHIR R4 allows.",
        ),
        in_order("onset_at", "last_occurred_at"),
        not_before_birth("onset_at"),
        not_before_birth("last_occurred_at"),
        not_before_birth("recorded_at"),
        not_in_the_future("onset_at"),
        not_in_the_future("last_occurred_at"),
        not_in_the_future("recorded_at"),
        fail.that(
            "onset_age_is_plausible",
            "onset_age_years between 0 and 125 and coalesce(onset_age_high_years >= onset_age_years, true)",
            "An age lies between 0 and 125 years, and a range is in order.",
        ),
        warn.that(
            "code_is_given",
            "size(codes) > 0 or code_text is not null or size(reaction_substance_codes) > 0",
            "It is said what is not tolerated.",
        ),
        warn.that(
            "clinical_status_is_given",
            "clinical_status is not null or is_withdrawn",
            "It is said whether the allergy is still there.",
        ),
        warn.that(
            "none_known_has_no_reaction",
            "not is_none_known or size(reactions) = 0",
            "Who has no known allergy has no reaction to one.",
        ),
        warn.that("recorder_npi_is_valid", "_recorder_npi_ok", "The NPI has ten digits and the right check digit."),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        fail.volume(0.5),
    ),
)
