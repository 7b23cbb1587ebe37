"""Gold: which records carry an identifier, what references by identifier lead to, and who is one person."""

from catalog.model import CLINICAL_RECORD, IDENTIFYING, LINKING, OPERATIONAL, SUBJECT, Column, Table, fail, warn
from catalog.tables.gold_parts import count
from catalog.tables.record import CHANGED_BY
from catalog.types import Boolean, Integer, Text

IDENTIFIED_TYPES = ("Patient", "Practitioner", "Organization", "Location", "Encounter")


def _target(name: str, doc: str, *, null: bool) -> Column:
    return Column(name, Text, doc=doc, null=null, values=IDENTIFIED_TYPES, tag=OPERATIONAL)


IDENTIFIER = Table(
    "gold.identifier",
    doc="The identifiers with a system that people, practitioners, organizations, locations and encounters carry.",
    grain="one row per type of record, system and value",
    columns=(
        _target("resource_type", "FHIR type of the records that carry it.", null=False),
        Column("system", Text, doc="Namespace of the value, a URI.", tag=OPERATIONAL),
        Column("value", Text, doc="The identifier.", tag=IDENTIFYING),
        Column(
            "record_id",
            Text,
            doc="Id of the one record that carries it; null where several do, for then it names none.",
            null=True,
            tag=LINKING,
        ),
        Column("records", Integer, doc="How many records carry it.", tag=OPERATIONAL),
        CHANGED_BY,
    ),
    key=("resource_type", "system", "value"),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("resource_type", "system", "value"),
        fail.that("carried_by_a_record", "records >= 1", "At least one record carries the identifier."),
        fail.that(
            "names_one_record_or_none",
            "(records = 1) = (record_id is not null)",
            "An identifier names a record if, and only if, one alone carries it.",
        ),
    ),
)

REFERENCE = Table(
    "gold.reference",
    doc="References of silver tables that name a record by identifier, conditional (`Practitioner?identifier=…`) or "
    "logical (`system|value`), and the record that carries it, whatever came first. References by id are not here: "
    "they stand in the `…_id` columns.",
    grain="one row per table, record, column and reference as written",
    columns=(
        Column("table_name", Text, doc="The table that the reference stands in.", tag=OPERATIONAL),
        Column("row_id", Text, doc="The record there: the first column of that table's key.", tag=LINKING),
        Column("column_name", Text, doc="The column that holds it, such as practitioner_reference.", tag=OPERATIONAL),
        Column("reference", Text, doc="The reference as written, or `system|value`.", tag=IDENTIFYING),
        Column(
            "resource_type",
            Text,
            doc="FHIR type that it names, or that its column is for; null if neither says one.",
            null=True,
            tag=OPERATIONAL,
        ),
        _target("target_type", "FHIR type of the record that it leads to.", null=True),
        Column(
            "target_id",
            Text,
            doc="Id of the record that it leads to; null while no record, or more than one, carries the identifier.",
            null=True,
            tag=LINKING,
        ),
        CHANGED_BY,
    ),
    key=("table_name", "row_id", "column_name", "reference"),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("table_name", "row_id", "column_name", "reference"),
        fail.that(
            "leads_to_the_type_it_names",
            "resource_type is null or target_type is null or resource_type = target_type",
            "A reference leads to a record of the type that it names.",
        ),
        warn.that("is_resolved", "target_id is not null", "One record carries the identifier."),
    ),
)

PERSON = Table(
    "gold.person",
    doc="Which patient records are of one person: an identifier (system and value) agrees, or the source links them. "
    "An identifier links nobody where more than 10 records carry it, or where their birth dates differ.",
    grain="one row per patient record",
    columns=(
        Column("patient_id", Text, doc="The patient record.", ref="silver.patient", tag=SUBJECT),
        Column(
            "person_id",
            Text,
            doc="The person: the least id of those of the person's records that no other replaces, else of all. It "
            "may change when records are linked.",
            ref="silver.patient",
            tag=SUBJECT,
        ),
        count("records", "Patient records of the person."),
        Column("is_linked", Boolean, doc="True if the person has other records.", tag=OPERATIONAL),
        Column(
            "is_contradicted",
            Boolean,
            doc="True if an identifier of the record was left out of account, or the birth dates of the person's "
            "records differ: for a person to look at.",
            tag=OPERATIONAL,
        ),
        CHANGED_BY,
    ),
    key=("patient_id",),
    retention=CLINICAL_RECORD,
    checks=(
        fail.unique("patient_id"),
        fail.that("linked_if_several", "is_linked = (records > 1)", "Linked is who has several records."),
        warn.that("not_contradicted", "not is_contradicted", "What links the person's records does not contradict."),
    ),
)
