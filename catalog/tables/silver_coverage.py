"""Silver: who pays for whose care, and when."""

from catalog.model import (
    CLINICAL_RECORD,
    IDENTIFYING,
    LINKING,
    OPERATIONAL,
    QUASI,
    SUBJECT,
    Column,
    Table,
    fail,
    warn,
)
from catalog.tables.record import RECORD
from catalog.tables.silver_parts import (
    code,
    codings,
    identifiers_column,
    in_order,
    instant,
    is_known,
    patient_columns,
    patient_is_named,
    precision,
    status,
)
from catalog.types import Boolean, Integer, Text, array

FINANCIAL_STATUSES = ("active", "cancelled", "draft", "entered-in-error")


def _class(name: str, doc: str) -> Column:
    """An employer's group or a plan is small enough to single somebody out in combination."""
    return Column(name, Text, doc=f"{doc}; null if not given.", null=True, tag=QUASI)


COVERAGE = Table(
    "silver.coverage",
    doc="One insurance policy, programme or promise to pay for a person's care.",
    grain="one row per source coverage, contained ones included under the id of their container",
    columns=(
        Column(
            "coverage_id",
            Text,
            doc="Logical id in the source; `Type/id#contained` for a contained one.",
            tag=LINKING,
        ),
        identifiers_column(IDENTIFYING),
        *patient_columns(),
        status(FINANCIAL_STATUSES),
        codings("type_codes", "Kind of coverage, all codings."),
        code("type_code", "First of type_codes."),
        Column("type_text", Text, doc="Kind of coverage in the source's words.", null=True, tag=QUASI),
        Column("subscriber_id", Text, doc="The subscriber's number at the payer.", null=True, tag=IDENTIFYING),
        Column(
            "subscriber_patient_id",
            Text,
            doc="Who signed the contract, where that is a patient given by id; else null.",
            null=True,
            ref="silver.patient",
            tag=SUBJECT,
        ),
        Column(
            "subscriber_reference",
            Text,
            doc="Who signed the contract: the reference as written, or `system|value`, where it is no id of a patient.",
            null=True,
            tag=IDENTIFYING,
        ),
        Column("dependent_number", Text, doc="Number of a dependent under it.", null=True, tag=IDENTIFYING),
        codings("relationship_codes", "What the beneficiary is to the subscriber, all codings."),
        code("relationship_code", "First of relationship_codes: self, spouse, child …."),
        instant("started_at", "Start; null if open"),
        precision("started_at"),
        instant("ended_at", "End; null if open"),
        precision("ended_at"),
        Column(
            "payor_id",
            Text,
            doc="The first payer that is an organization given by id; else null.",
            null=True,
            ref="silver.organization",
            tag=LINKING,
        ),
        Column(
            "payor_reference",
            Text,
            doc="Without payor_id: the first payer as written, or `system|value`; it may be a person.",
            null=True,
            tag=IDENTIFYING,
        ),
        Column("payor_ids", array(Text), doc="All payers that are organizations, by id.", null=True, tag=LINKING),
        Column(
            "payor_references",
            array(Text),
            doc="All payers as written, persons included.",
            null=True,
            tag=IDENTIFYING,
        ),
        Column("payor_text", Text, doc="The first payer in the source's words.", null=True, tag=QUASI),
        Column("is_self_paid", Boolean, doc="True if a patient is among the payers.", tag=QUASI),
        _class("group_value", "Number of the employer's or other group"),
        _class("group_name", "Name of the group"),
        _class("subgroup_value", "Number of the part of the group"),
        _class("subgroup_name", "Name of the part of the group"),
        _class("plan_value", "Code of the plan"),
        _class("plan_name", "Name of the plan"),
        _class("subplan_value", "Code of the part of the plan"),
        _class("subplan_name", "Name of the part of the plan"),
        _class("rx_bin", "Pharmacy: issuer number (BIN)"),
        _class("rx_pcn", "Pharmacy: processor control number (PCN)"),
        _class("rx_group", "Pharmacy: group"),
        Column("rx_id", Text, doc="Pharmacy: the member's number.", null=True, tag=IDENTIFYING),
        Column(
            "coverage_order",
            Integer,
            doc="Which coverage pays first: 1, then 2 …; null if not said.",
            null=True,
            tag=OPERATIONAL,
        ),
        Column("network", Text, doc="The insurer's network, as written.", null=True, tag=QUASI),
        Column(
            "is_subrogated",
            Boolean,
            doc="True if the payer may claim the costs from another; null if not said.",
            null=True,
            tag=OPERATIONAL,
        ),
        *RECORD,
    ),
    key=("coverage_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("coverage_id"),
        patient_is_named(),
        is_known("status", FINANCIAL_STATUSES),
        in_order("started_at", "ended_at"),
        fail.that("coverage_order_is_positive", "coverage_order > 0", "The order of payment counts from 1."),
        warn.that("started_at_is_known", "started_at is not null", "It is said when the coverage began."),
        warn.that(
            "payor_is_given",
            "size(payor_ids) > 0 or size(payor_references) > 0 or payor_reference is not null "
            "or payor_text is not null",
            "It is said who pays.",
        ),
        warn.that("type_is_given", "size(type_codes) > 0 or type_text is not null", "It is said what kind it is."),
        warn.reference("patient_id"),
        warn.reference("payor_id"),
        fail.volume(0.5),
    ),
)
