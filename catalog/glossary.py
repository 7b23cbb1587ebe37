"""Words that pages, tables and messages use, each told in a sentence or two."""

from dataclasses import dataclass

from catalog.model import CLINICAL_RECORD, OPERATIONS, SOURCE_COPY, Retention, Tag


@dataclass(frozen=True)
class Term:
    """A word and what it means here. `group` is what it belongs to; `tables` are where it can be seen."""

    name: str
    meaning: str
    group: str
    tables: tuple[str, ...] = ()


_DATA, _LAKE, _TRUST = "Care", "Lakehouse", "Trust"
TAGS, RETENTION = "Sensitivity tag", "Retention class"

_TERMS = (
    Term(
        "encounter",
        "One contact between a person and a provider: a visit, a stay, a call.",
        _DATA,
        ("silver.encounter", "gold.encounter_fact"),
    ),
    Term("stay", "An inpatient encounter, or several that count as one.", _DATA, ("gold.readmission",)),
    Term(
        "index admission",
        "A stay that a readmission could follow: the person was discharged alive, and nothing excludes it.",
        _DATA,
        ("gold.readmission",),
    ),
    Term(
        "readmission",
        "A stay that begins within 30 days of the discharge from an index admission and was not planned.",
        _DATA,
        ("gold.readmission",),
    ),
    Term("census", "How many people were in a ward at midnight.", _DATA, ("gold.daily_census",)),
    Term(
        "person",
        "Patient records that are of one human being, as identifiers or the source say.",
        _DATA,
        ("gold.person",),
    ),
    Term(
        "coding",
        "A code with the system that it is of and the words for it; one thing may have several.",
        _DATA,
        ("silver.condition", "silver.lab_result"),
    ),
    Term(
        "FHIR",
        "HL7's standard for the exchange of health records; each record is a resource of a type such as Encounter.",
        _DATA,
        ("bronze.fhir_resource",),
    ),
    Term(
        "FHIR element",
        "A part of a FHIR resource by its path, such as Encounter.period.start.",
        _DATA,
        ("bronze.fhir_resource",),
    ),
    Term(
        "bronze",
        "The layer that holds what arrived, byte for byte, with its place of origin.",
        _LAKE,
        ("bronze.fhir_resource", "bronze.csv_row", "bronze.delta_row"),
    ),
    Term(
        "silver",
        "The layer with one clean row an entity: typed, coded, checked, in its latest good version.",
        _LAKE,
        ("silver.patient", "silver.encounter"),
    ),
    Term(
        "gold",
        "The layer that analysts ask: facts, summaries and measures made of silver.",
        _LAKE,
        ("gold.encounter_fact", "gold.patient_summary"),
    ),
    Term("ops", "The layer of the lakehouse's own records.", _LAKE, ("ops.quarantine",)),
    Term(
        "table",
        "Rows of one grain, declared once: columns with type, meaning and sensitivity tag, key, checks, owner.",
        _LAKE,
    ),
    Term("grain", "What one row of a table stands for.", _LAKE),
    Term("key", "The columns that tell the rows of a table apart: no two rows agree in all of them.", _LAKE),
    Term(
        "partition",
        "How the files of a table are divided, so that a question about a year need not read the others.",
        _LAKE,
    ),
    Term("snapshot", "A table as it stood after one publish; every answer is of one snapshot of each table.", _LAKE),
    Term("run", "One job that reads pinned snapshots and brings one table up to date, or one ingestion.", _LAKE),
    Term("batch", "One ingestion: the files or versions that were landed together.", _LAKE, ("bronze.fhir_resource",)),
    Term(
        "publish",
        "The step by which readers begin to see what a run has written; before it they see the earlier snapshot.",
        _LAKE,
    ),
    Term(
        "view", "A SQL-on-FHIR ViewDefinition: it says which elements of a FHIR resource become which columns.", _LAKE
    ),
    Term("upkeep", "Work that changes no row: files are put together, old snapshots are let go.", _LAKE),
    Term("lineage", "Which columns and FHIR elements a column is made of, read off what ran.", _TRUST),
    Term(
        "row rule",
        "A condition that each good row meets; a row that breaks it is held back, or counted if it only warns.",
        _TRUST,
        ("ops.quarantine",),
    ),
    Term(
        "gate",
        "Checks of a whole table before it is published; if one fails, readers keep the earlier snapshot.",
        _TRUST,
    ),
    Term(
        "quarantine",
        "Where records that were held back stand with their reason and place, until they are replayed.",
        _TRUST,
        ("ops.quarantine",),
    ),
    Term(
        "replay",
        "To try again what was held back, after a fix of code, rules or encoding.",
        _TRUST,
        ("ops.quarantine",),
    ),
    Term("accepted", "A record whose rows stand in the table, or would if nothing newer did.", _TRUST),
    Term("superseded", "A record that is not the newest of its id: a newer one stands in the table.", _TRUST),
    Term("not selected", "A record that is not for this table: the view's condition leaves it to another.", _TRUST),
    Term(
        "held back",
        "A record that breaks a rule that fails, and so is in quarantine and in no silver table.",
        _TRUST,
        ("ops.quarantine",),
    ),
    Term("freshness", "How long ago a table last changed.", _TRUST),
    Term("volume", "How many rows a table has, from run to run.", _TRUST),
    Term(
        "control chart",
        "Numbers in order with the limits of their usual variation: only what breaks out calls for a reason.",
        _TRUST,
    ),
)

_OF_TAGS: dict[Tag, str] = {
    Tag.SUBJECT: "The person's logical id: shared only as a pseudonym, and the handle of an erasure.",
    Tag.LINKING: "The id of a record or a file: it can lead back to the person.",
    Tag.IDENTIFYING: "Name, address, phone, national identifier: it says by itself who somebody is.",
    Tag.QUASI: "Birth date, postal code, sex: harmless alone, it can identify in combination.",
    Tag.DATE: "An instant or a day of care.",
    Tag.CLINICAL: "A finding, a code, a value: what is true of the person's health or care.",
    Tag.FREE_TEXT: "Written by people: it may hold anything, names too.",
    Tag.RAW: "A whole source record, with everything in it.",
    Tag.OPERATIONAL: "The lakehouse's own bookkeeping; no person stands behind it.",
}


def _retention(kept: Retention) -> Term:
    return Term(kept.name, kept.doc, RETENTION)


TERMS: dict[str, Term] = {
    term.name: term
    for term in (
        *_TERMS,
        *(Term(tag.value, _OF_TAGS[tag], TAGS) for tag in Tag),
        *(_retention(kept) for kept in (CLINICAL_RECORD, SOURCE_COPY, OPERATIONS)),
    )
}
