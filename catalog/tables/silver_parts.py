"""Columns and row rules that several silver tables share, so that they read alike everywhere.

What a row rule knows besides the table's columns: `:as_of` (the day of the run's clock), `_birth_on` (the person's
birth date) and, for an instant `x_at`, `_x_earliest` and `_x_latest`: the bounds of what the source may have meant. A
partial date covers its whole year, month or day, in any time zone (+14:00 to -12:00), so a record is held back only
when no reading of its dates makes it right. Data whose dates were shifted into a later century (MIMIC) needs a run
clock in that century.
"""

from catalog.model import (
    CLINICAL,
    DATE,
    IDENTIFYING,
    LINKING,
    OPERATIONAL,
    SUBJECT,
    Check,
    Column,
    Tag,
    fail,
    warn,
)
from catalog.types import Codings, Text, Timestamp, array, struct

PRECISIONS = ("year", "month", "day", "second")


def patient_columns() -> tuple[Column, ...]:
    """Whom a record is about: the resolved id, or what was written in its place."""
    return (
        Column(
            "patient_id",
            Text,
            doc="Whom it is about; null where the source names no patient by id.",
            null=True,
            ref="silver.patient",
            tag=SUBJECT,
        ),
        Column(
            "patient_reference",
            Text,
            doc="The reference as written, or `system|value`, where it is no id of a patient; else null.",
            null=True,
            tag=IDENTIFYING,
        ),
    )


def encounter_columns(doc: str = "The encounter that it belongs to") -> tuple[Column, ...]:
    """The encounter that a record belongs to."""
    return reference_columns("encounter", doc, ref="silver.encounter")


def reference_columns(name: str, doc: str, ref: str | None = None, reference_tag: Tag = LINKING) -> tuple[Column, ...]:
    """`<name>_id` and `<name>_reference`; `doc` is a phrase without a full stop.

    `reference_tag` is IDENTIFYING where the reference as written may name the person.
    """
    return (
        Column(f"{name}_id", Text, doc=f"{doc}; null if not given by id.", null=True, ref=ref, tag=LINKING),
        Column(
            f"{name}_reference",
            Text,
            doc=f"{doc}: the reference as written, or `system|value`, where it is no such id; else null.",
            null=True,
            tag=reference_tag,
        ),
    )


def identifiers_column(tag: Tag) -> Column:
    """All business identifiers of a record."""
    return Column(
        "identifiers",
        array(struct(system=Text, value=Text)),
        doc="All identifiers with a value; system is null where the source names none.",
        null=True,
        tag=tag,
    )


def npi_column(name: str, doc: str) -> Column:
    """A US National Provider Identifier taken out of a conditional or logical reference."""
    return Column(name, Text, doc=f"NPI of {doc}, where the reference carries one.", null=True, tag=LINKING)


def instant(name: str, doc: str) -> Column:
    """An instant in UTC; a partial date stands for the start of its period, in UTC."""
    return Column(name, Timestamp, doc=f"{doc}, UTC.", null=True, tag=DATE)


def precision(of: str) -> Column:
    """How much of an instant or day the source wrote: year, month, day or second."""
    name = of.removesuffix("_at").removesuffix("_on") + "_precision"
    return Column(
        name,
        Text,
        doc=f"How exact {of} is: a partial date was widened to the start of its period.",
        null=True,
        values=PRECISIONS,
        tag=DATE,
    )


def codings(name: str, doc: str) -> Column:
    """All codings of a concept, as written."""
    return Column(name, Codings, doc=doc, null=True, tag=CLINICAL)


def code(name: str, doc: str) -> Column:
    """One code; null if there is none."""
    return Column(name, Text, doc=doc, null=True, tag=CLINICAL)


def status(values: tuple[str, ...], doc: str = "Status in the source's workflow") -> Column:
    """A status code of FHIR R4's required binding."""
    return Column("status", Text, doc=f"{doc}, as FHIR R4 names it.", values=values, tag=OPERATIONAL)


def patient_is_named() -> Check:
    """Each row says whom it is about, in some form."""
    return fail.that(
        "patient_is_named",
        "patient_id is not null or patient_reference is not null",
        "The record says whom it is about, by id or by any other reference.",
    )


def is_known(column: str, values: tuple[str, ...], required: bool = True) -> Check:
    """The column holds one of FHIR's codes; `required` refuses a missing value too."""
    listed = ", ".join(f"'{value}'" for value in values)
    condition = f"{column} in ({listed})"
    return fail.that(
        f"{column}_is_known",
        f"coalesce({condition}, false)" if required else condition,
        f"The code is one that FHIR R4 allows for {column}.",
    )


def not_in_the_future(column: str) -> Check:
    """The instant or day had come when the run looked: end of the run's day in UTC, and a day for time zones."""
    return fail.that(
        f"{column}_not_in_the_future",
        f"{column} < date_add(:as_of, 2)",
        "It had happened by the end of the run's day (UTC), give or take a day for time zones.",
    )


def not_before_birth(column: str) -> Check:
    """The instant does not lie before the person's birth, with a day of tolerance for time zones."""
    return fail.that(
        f"{column}_not_before_birth",
        f"_{column.removesuffix('_at')}_latest >= date_sub(_birth_on, 1)",
        "It did not happen before the person was born, give or take a day for time zones and partial dates.",
    )


def in_order(earlier: str, later: str) -> Check:
    """`later` does not lie before `earlier` in any reading of partial dates."""
    return fail.that(
        f"{later}_not_before_{earlier}",
        f"_{later.removesuffix('_at')}_latest >= _{earlier.removesuffix('_at')}_earliest",
        f"{later} is not before {earlier}, however partial dates are read.",
    )


def icd10cm_exists() -> Check:
    """The ICD-10-CM code is in the classification (categories included)."""
    return warn.that("icd10cm_code_exists", "_icd10cm_known", "The code is in the ICD-10-CM release that is installed.")
