"""Silver: what is planned for people."""

from catalog.model import CLINICAL_RECORD, FREE_TEXT, LINKING, OPERATIONAL, Column, Table, fail, warn
from catalog.tables.record import RECORD
from catalog.tables.silver_parts import (
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

PLAN_STATUSES = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
PLAN_INTENTS = ("proposal", "plan", "order", "option")


def _ids(name: str, doc: str) -> Column:
    return Column(name, array(Text), doc=doc, null=True, tag=LINKING)


CARE_PLAN = Table(
    "silver.care_plan",
    doc="One plan of how a person is to be cared for.",
    grain="one row per source care plan; its activities in lists",
    columns=(
        Column("care_plan_id", Text, doc="Logical id in the source.", tag=LINKING),
        *patient_columns(),
        *encounter_columns("The encounter in which it was made"),
        status(PLAN_STATUSES),
        Column("intent", Text, doc="Proposal, plan, order or option.", values=PLAN_INTENTS, tag=OPERATIONAL),
        Column(
            "is_withdrawn",
            Boolean,
            doc="True if revoked or entered in error: such rows must not be followed.",
            tag=OPERATIONAL,
        ),
        codings("category_codes", "Kind of plan, all codings."),
        Column("category_texts", array(Text), doc="Kind of plan in words.", null=True, tag=FREE_TEXT),
        Column("title", Text, doc="Title, as written.", null=True, tag=FREE_TEXT),
        Column("description", Text, doc="What it is about, as written.", null=True, tag=FREE_TEXT),
        instant("started_at", "Start of the time that it covers"),
        precision("started_at"),
        instant("ended_at", "End of the time that it covers; null while open"),
        precision("ended_at"),
        instant("created_at", "When it was first recorded"),
        precision("created_at"),
        *reference_columns("author", "The practitioner responsible for it"),
        npi_column("author_npi", "the author"),
        _ids("addressed_condition_ids", "Conditions that it is for."),
        _ids(
            "addressed_references",
            "Conditions that it is for and that are not named by id: the reference as written, or `system|value`.",
        ),
        _ids("goal_ids", "Goals that it is to reach."),
        _ids("care_team_ids", "Care teams that take part."),
        codings("activity_codes", "What is to be done: all codings of activities that are described in the plan."),
        codings("avoided_activity_codes", "What must not be done: the same for activities marked so."),
        Column("activity_texts", array(Text), doc="What is to be done, in words.", null=True, tag=FREE_TEXT),
        Column("avoided_activity_texts", array(Text), doc="What must not be done, in words.", null=True, tag=FREE_TEXT),
        _ids("activity_references", "Activities that are records of their own: references as written."),
        codings("activity_outcome_codes", "What activities led to, all codings."),
        _ids("part_of_care_plan_ids", "Plans that it is part of."),
        _ids("replaced_care_plan_ids", "Plans that it takes the place of."),
        *RECORD,
    ),
    key=("care_plan_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("care_plan_id"),
        patient_is_named(),
        is_known("status", PLAN_STATUSES),
        is_known("intent", PLAN_INTENTS),
        in_order("started_at", "ended_at"),
        not_before_birth("started_at"),
        not_before_birth("created_at"),
        # A plan may well lie in the future; one that has been carried out does not.
        fail.that(
            "started_at_not_in_the_future",
            "started_at < date_add(:as_of, 2) or status <> 'completed'",
            "A completed plan had begun by the end of the run's day (UTC), give or take a day for time zones.",
        ),
        not_in_the_future("created_at"),
        warn.that("category_is_given", "size(category_codes) > 0", "It is said what kind of plan it is."),
        warn.that("started_at_is_known", "started_at is not null", "It is said from when on it holds."),
        warn.that(
            "active_plan_has_not_ended",
            "status <> 'active' or _ended_latest >= :as_of",
            "A plan that is called active has not ended before the run's day.",
        ),
        warn.that("author_npi_is_valid", "_author_npi_ok", "The NPI has ten digits and the right check digit."),
        warn.that(
            "conditions_are_named_by_id", "size(addressed_references) = 0", "Conditions are referred to by their id."
        ),
        warn.reference("patient_id"),
        warn.reference("encounter_id"),
        fail.volume(0.5),
    ),
)
