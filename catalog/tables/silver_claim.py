"""Silver: what was billed for whose care, as claims and their lines.

Amounts are exact decimals with four digits after the point (the most that a currency of ISO 4217 has), each with its
currency beside it; nothing is converted.
"""

from catalog.model import (
    CLINICAL,
    CLINICAL_RECORD,
    LINKING,
    OPERATIONAL,
    QUASI,
    Check,
    Column,
    Table,
    fail,
    warn,
    year,
)
from catalog.tables.record import RECORD
from catalog.tables.silver_coverage import FINANCIAL_STATUSES
from catalog.tables.silver_parts import (
    code,
    codings,
    encounter_columns,
    icd10cm_exists,
    identifiers_column,
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
from catalog.types import Boolean, Double, Integer, Text, array, decimal

CLAIM_USES = ("claim", "preauthorization", "predetermination")
AMOUNT = decimal(18, 4)


def money(name: str, doc: str) -> tuple[Column, ...]:
    """`<name>_amount` and `<name>_currency`; `doc` is a phrase without a full stop."""
    return (
        Column(
            f"{name}_amount",
            AMOUNT,
            doc=f"{doc}, rounded half up to four digits after the point.",
            null=True,
            unit=f"[{name}_currency]",
            tag=CLINICAL,
        ),
        Column(f"{name}_currency", Text, doc=f"Currency of {name}_amount, ISO 4217.", null=True, tag=OPERATIONAL),
    )


def has_currency(name: str) -> Check:
    """A number of money without its currency says little."""
    return warn.that(
        f"{name}_has_currency",
        f"{name}_amount is null or coalesce({name}_currency rlike '^[A-Z]{{3}}$', false)",
        "An amount comes with a currency of three letters.",
    )


def amounts_fit() -> Check:
    """An amount that the column cannot hold would else become null."""
    return fail.that("amounts_fit", "_amounts_fit", "Amounts have at most 14 digits before the point.")


def _use() -> Column:
    return Column(
        "claim_use",
        Text,
        doc="claim: for what was done; preauthorization and predetermination: for what is planned.",
        values=CLAIM_USES,
        tag=OPERATIONAL,
    )


CLAIM = Table(
    "silver.claim",
    doc="One claim for payment, or the question what would be paid; the payer's answer is not part of it.",
    grain="one row per source claim; its lines are rows of silver.claim_line",
    columns=(
        Column("claim_id", Text, doc="Logical id in the source.", tag=LINKING),
        identifiers_column(LINKING),
        *patient_columns(),
        status(FINANCIAL_STATUSES),
        _use(),
        codings("type_codes", "institutional, professional, pharmacy, oral or vision, all codings."),
        code("type_code", "First of type_codes."),
        codings("sub_type_codes", "Finer kind, such as a bill type, all codings."),
        instant("billable_started_at", "Start of the time in which the services were given"),
        precision("billable_started_at"),
        instant("billable_ended_at", "End of the time in which the services were given"),
        precision("billable_ended_at"),
        instant("created_at", "When it was made"),
        precision("created_at"),
        *reference_columns("insurer", "The organization that is asked to pay", ref="silver.organization"),
        Column(
            "provider_organization_id",
            Text,
            doc="Who asks to be paid, where that is an organization given by id; else null.",
            null=True,
            ref="silver.organization",
            tag=LINKING,
        ),
        Column(
            "provider_practitioner_id",
            Text,
            doc="Who asks to be paid, where that is a practitioner given by id; else null.",
            null=True,
            ref="silver.practitioner",
            tag=LINKING,
        ),
        Column(
            "provider_reference",
            Text,
            doc="Who asks to be paid: the reference as written, or `system|value`, where it is no such id; else null.",
            null=True,
            tag=LINKING,
        ),
        npi_column("provider_npi", "who asks to be paid"),
        *reference_columns("location", "The facility where services were given", ref="silver.location"),
        code("priority_code", "How soon it is to be processed: stat, normal or deferred."),
        *money("total", "Sum of the claim, as the source states it"),
        *reference_columns("coverage", "The coverage to be used first: the focal one", ref="silver.coverage"),
        Column("coverage_text", Text, doc="That coverage in the source's words.", null=True, tag=QUASI),
        Column("coverage_count", Integer, doc="How many coverages the claim names.", tag=OPERATIONAL),
        *encounter_columns("The encounter of the first line that has one"),
        codings("diagnosis_codes", "Diagnoses given as codes, all codings in the claim's order."),
        Column(
            "diagnosis_condition_ids",
            array(Text),
            doc="Diagnoses given as conditions, by id.",
            null=True,
            tag=LINKING,
        ),
        code("icd10cm_code", "ICD-10-CM code of the principal diagnosis, else of the first, with its dot."),
        codings("package_codes", "Packages such as DRGs that diagnoses are billed by, all codings."),
        codings("procedure_codes", "Procedures given as codes, all codings."),
        Column("related_claim_ids", array(Text), doc="Earlier or related claims, by id.", null=True, tag=LINKING),
        *RECORD,
    ),
    key=("claim_id",),
    partition=(year("created_at"),),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("claim_id"),
        patient_is_named(),
        is_known("status", FINANCIAL_STATUSES),
        is_known("claim_use", CLAIM_USES),
        in_order("billable_started_at", "billable_ended_at"),
        not_before_birth("billable_started_at"),
        not_in_the_future("created_at"),
        amounts_fit(),
        warn.that(
            "billable_started_at_not_in_the_future",
            "billable_started_at < date_add(:as_of, 2) or claim_use <> 'claim'",
            "What is claimed had begun by the end of the run's day (UTC); rents may be billed ahead.",
        ),
        warn.that("created_at_is_known", "created_at is not null", "It is said when the claim was made."),
        warn.that("total_not_negative", "total_amount >= 0", "The sum is not negative; reversals are."),
        has_currency("total"),
        warn.that(
            "provider_is_given",
            "coalesce(provider_organization_id, provider_practitioner_id, provider_reference) is not null",
            "It is said who asks to be paid.",
        ),
        warn.that(
            "coverage_is_given",
            "coalesce(coverage_id, coverage_reference, coverage_text) is not null",
            "It is said which coverage is to pay.",
        ),
        warn.that("provider_npi_is_valid", "_provider_npi_ok", "The NPI has ten digits and the right check digit."),
        icd10cm_exists(),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        warn.reference("insurer_id"),
        warn.reference("provider_organization_id"),
        warn.reference("provider_practitioner_id"),
        warn.reference("location_id"),
        warn.reference("coverage_id"),
        fail.volume(0.5),
    ),
)

CLAIM_LINE = Table(
    "silver.claim_line",
    doc="One line of a claim: a product, a service, or a group of them.",
    grain="one row per item of a claim; details below an item stay in bronze, an item's amounts include them",
    columns=(
        Column("claim_id", Text, doc="Logical id of the claim in the source.", tag=LINKING),
        Column("line_number", Integer, doc="Place of the line in the claim, from 1.", tag=OPERATIONAL),
        Column(
            "sequence",
            Integer,
            doc="The source's own number of the line, which answers to the claim refer to.",
            null=True,
            tag=OPERATIONAL,
        ),
        *patient_columns(),
        status(FINANCIAL_STATUSES, doc="Status of the claim"),
        _use(),
        code("category_code", "Kind of benefit, first coding."),
        codings("codes", "The product or service: all codings as written."),
        Column("code_text", Text, doc="The product or service in the source's words.", null=True, tag=CLINICAL),
        code("cpt_code", "First CPT code of codes."),
        code("hcpcs_code", "First HCPCS level II code of codes."),
        code("ndc_code", "First National Drug Code of codes, as written."),
        codings("modifier_codes", "Modifiers, all codings in order."),
        codings("revenue_codes", "Revenue centre, all codings."),
        code("revenue_code", "First of revenue_codes."),
        Column("quantity", Double, doc="How many or how much.", null=True, unit="[quantity_unit]", tag=CLINICAL),
        code("quantity_unit", "Unit of quantity: its code, else as written; null for a mere count."),
        *money("unit_price", "Price of one"),
        Column("factor", Double, doc="Multiplier of the price, such as a discount.", null=True, unit="1", tag=CLINICAL),
        *money("net", "Amount of the line"),
        instant("serviced_at", "The day of the service, or the start of its period"),
        precision("serviced_at"),
        instant("serviced_ended_at", "End of the period; null for a single day"),
        precision("serviced_ended_at"),
        codings("place_codes", "Place of service given as a code, all codings."),
        code("place_code", "First of place_codes."),
        *reference_columns("location", "The place of service, where it is a record of its own", ref="silver.location"),
        Column("place_state", Text, doc="State, where the place is an address.", null=True, tag=QUASI),
        Column("place_postal_code", Text, doc="Postal code, where it is an address.", null=True, tag=QUASI),
        *encounter_columns("The first encounter of the line"),
        Column("encounter_ids", array(Text), doc="All encounters of the line, by id.", null=True, tag=LINKING),
        Column(
            "diagnosis_sequences",
            array(Integer),
            doc="Which of the claim's diagnoses the line is for, by their sequence.",
            null=True,
            tag=CLINICAL,
        ),
        Column(
            "icd10cm_codes",
            array(Text),
            doc="ICD-10-CM codes of those diagnoses, with dot, in the claim's order; null where diagnoses are given as "
            "conditions or have several such codes.",
            null=True,
            tag=CLINICAL,
        ),
        Column(
            "procedure_sequences",
            array(Integer),
            doc="Which of the claim's procedures the line is for, by their sequence.",
            null=True,
            tag=CLINICAL,
        ),
        code("body_site_code", "Where on the body, first coding."),
        Column("has_details", Boolean, doc="True if there are details below the line.", tag=OPERATIONAL),
        *RECORD,
    ),
    key=("claim_id", "line_number"),
    partition=(year("serviced_at"),),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("claim_id", "line_number"),
        patient_is_named(),
        is_known("status", FINANCIAL_STATUSES),
        is_known("claim_use", CLAIM_USES),
        in_order("serviced_at", "serviced_ended_at"),
        not_before_birth("serviced_at"),
        amounts_fit(),
        warn.that(
            "sequence_is_unique",
            "coalesce(_is_sequence_unique, false)",
            "The source's number of the line is given, once in the claim.",
        ),
        warn.that(
            "code_is_given", "size(codes) > 0 or code_text is not null", "It is said which product or service it is."
        ),
        warn.that(
            "serviced_at_not_in_the_future",
            "serviced_at < date_add(:as_of, 2) or claim_use <> 'claim'",
            "What is claimed was given by the end of the run's day (UTC); rents may be billed ahead.",
        ),
        warn.that("quantity_not_negative", "quantity >= 0", "A quantity is not negative; reversals may be."),
        warn.that("net_not_negative", "net_amount >= 0", "The amount is not negative; reversals and discounts are."),
        has_currency("unit_price"),
        has_currency("net"),
        warn.that(
            "net_is_price_times_quantity",
            "has_details or not (unit_price_currency <=> net_currency) "
            "or abs(net_amount - unit_price_amount * quantity * coalesce(factor, 1)) < 0.01",
            "The amount is quantity times price (times factor), to the hundredth.",
        ),
        warn.that(
            "diagnosis_sequences_exist",
            "size(array_except(diagnosis_sequences, _diagnosis_sequences)) = 0",
            "The claim has the diagnoses that the line points to.",
        ),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        warn.reference("location_id"),
        fail.volume(0.5),
    ),
)
