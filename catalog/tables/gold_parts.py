"""Columns that several gold tables share, so that they read alike everywhere."""

from catalog.model import CLINICAL, DATE, LINKING, OPERATIONAL, QUASI, SUBJECT, Column, Tag
from catalog.types import Boolean, Date, Double, Integer, Text, Timestamp


def patient_id(*, null: bool = False) -> Column:
    """Whom a row is about."""
    missing = "; null where the source names no patient by id" if null else ""
    return Column("patient_id", Text, doc=f"Whom it is about{missing}.", null=null, ref="silver.patient", tag=SUBJECT)


def person_id(*, missing: str = "") -> Column:
    """The person behind the patient record that a row is about; `missing` says what null means, by default nothing.

    It may be null in every table, for `lake evolve` adds it to tables whose rows were made before it was there.
    """
    return Column(
        "person_id",
        Text,
        doc="The person whose record patient_id is, as gold.person links records; patient_id itself where the record "
        f"is not in silver.patient{missing and '; ' + missing}. Count people by it: it is the same in all records of "
        "one person, and one of their ids.",
        null=True,
        ref="silver.patient",
        tag=SUBJECT,
    )


def facility_key() -> Column:
    """The organization responsible, in the form in which the source names it."""
    return Column(
        "facility_key",
        Text,
        doc="The organization responsible: its id, else the reference as written, else `unknown`. Where a source names "
        "departments, each counts as a facility.",
        tag=LINKING,
    )


def location_key(doc: str) -> Column:
    """The ward or other location, in the form in which the source names it; `doc` is a phrase without a full stop."""
    return Column(
        "location_key", Text, doc=f"{doc}: its id, else the reference as written, else `unknown`.", tag=LINKING
    )


def time_zone() -> Column:
    """The zone in which days are told."""
    return Column(
        "time_zone",
        Text,
        doc="IANA name of the facility's time zone (LAKE_TIME_ZONE, LAKE_FACILITY_TIME_ZONES) that days are told in.",
        tag=OPERATIONAL,
    )


def count(name: str, doc: str, *, null: bool = False) -> Column:
    """How many."""
    return Column(name, Integer, doc=doc, null=null, tag=CLINICAL)


def flag(name: str, doc: str, *, null: bool = False) -> Column:
    """True or false; with `null`, or not known."""
    return Column(name, Boolean, doc=doc, null=null, tag=CLINICAL)


def number(name: str, doc: str, unit: str) -> Column:
    """A measured or computed number that may not be known."""
    return Column(name, Double, doc=doc, null=True, unit=unit, tag=CLINICAL)


def text(name: str, doc: str, tag: Tag = CLINICAL, values: tuple[str, ...] = ()) -> Column:
    """A code or word that may not be known."""
    return Column(name, Text, doc=doc, null=True, values=values, tag=tag)


def moment(name: str, doc: str) -> Column:
    """An instant in UTC that may not be known."""
    return Column(name, Timestamp, doc=f"{doc}, UTC.", null=True, tag=DATE)


def day(name: str, doc: str, *, null: bool = True, tag: Tag = DATE) -> Column:
    """A day, in the facility's time zone where it is one of care."""
    return Column(name, Date, doc=doc, null=null, tag=tag)


def age_years(name: str, doc: str) -> Column:
    """Completed years of life."""
    return Column(name, Integer, doc=doc, null=True, unit="a", tag=QUASI)
