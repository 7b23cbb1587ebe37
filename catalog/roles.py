"""Who sees what: the roles of people, and for each kind of content what a role sees of it. The only place that says so.

Nobody but the lakehouse's own jobs writes: every role reads. Rules of Trino and the page docs/access.md are derived
from here and from the tags of the columns; infra/decisions/roles.md has the reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from catalog.model import Column, InvalidTable, Table, Tag


class Content(Enum):
    """What a column holds, as far as it decides who sees it: its tag, told apart where a tag covers unlike things."""

    PERSON_ID = "id of a person"
    RECORD_ID = "id of a record, of a file or of a provider"
    IDENTIFIER = "name, street, phone, number of a person"
    BIRTH = "birth date"
    AGE = "age in years"
    POSTAL_CODE = "postal code"
    PLACE = "city or district of a person"
    REGION = "state or country"
    DEMOGRAPHIC = "sex, race, ethnicity, language, marital status"
    SITE = "name and place of an organization or ward"
    PLAN = "insurance plan and group"
    PRODUCT = "lot or model number of a device"
    DATE = "instant or day of care"
    PRECISION = "how exact a date is"
    CLINICAL = "code, value or finding"
    WORDS = "name of a code in the source's own words"
    FREE_TEXT = "text that people wrote"
    RAW = "whole source record"
    OPERATIONAL = "the lakehouse's bookkeeping"
    ARRIVAL = "which ingestion or run, and so when a record came"


class How(Enum):
    """What is left of a value."""

    WHOLE = "as it is"
    PSEUDONYM = "pseudonym"  # keyed hash: the same value has the same one in all tables
    YEAR = "year"
    BIRTH_YEAR = "year, none beyond 90 years ago"
    AGE_90 = "90 stands for 90 and more"
    POSTAL_3 = "first 3 digits"
    WHILE_OPEN = "as it is while the record is held back"
    NULL = "null"
    NOTHING = "refused"


_W, _P, _N, _X = How.WHOLE, How.PSEUDONYM, How.NULL, How.NOTHING
_Y, _B, _A, _3 = How.YEAR, How.BIRTH_YEAR, How.AGE_90, How.POSTAL_3

_ROLES = ("administrator", "compliance_officer", "engineer", "analyst", "clinician", "operations", "researcher")
# fmt: off
MATRIX: dict[Content, dict[str, How]] = {
    content: dict(zip(_ROLES, hows, strict=True)) for content, hows in {
    #                     admin compl engin analy clini opera resea
    Content.PERSON_ID:   (_X,   _W,   _W,   _P,   _W,   _P,   _P),
    Content.RECORD_ID:   (_X,   _W,   _W,   _P,   _W,   _P,   _P),
    Content.IDENTIFIER:  (_X,   _W,   _N,   _N,   _W,   _N,   _N),
    Content.BIRTH:       (_X,   _W,   _Y,   _Y,   _W,   _N,   _B),
    Content.AGE:         (_X,   _W,   _W,   _W,   _W,   _W,   _A),
    Content.POSTAL_CODE: (_X,   _W,   _3,   _3,   _W,   _N,   _3),
    Content.PLACE:       (_X,   _W,   _N,   _N,   _W,   _N,   _N),
    Content.REGION:      (_X,   _W,   _W,   _W,   _W,   _W,   _W),
    Content.DEMOGRAPHIC: (_X,   _W,   _W,   _W,   _W,   _W,   _W),
    Content.SITE:        (_W,   _W,   _W,   _W,   _W,   _W,   _N),
    Content.PLAN:        (_X,   _W,   _W,   _W,   _W,   _W,   _N),
    Content.PRODUCT:     (_X,   _W,   _W,   _W,   _W,   _N,   _N),
    Content.DATE:        (_X,   _W,   _W,   _W,   _W,   _W,   _Y),
    Content.PRECISION:   (_X,   _W,   _W,   _W,   _W,   _W,   _W),
    Content.CLINICAL:    (_X,   _W,   _W,   _W,   _W,   _W,   _W),
    Content.WORDS:       (_X,   _W,   _W,   _W,   _W,   _N,   _N),
    Content.FREE_TEXT:   (_X,   _W,   _N,   _N,   _W,   _N,   _N),
    Content.RAW:         (_X,   _W,   _X,   _X,   _X,   _X,   _X),
    Content.OPERATIONAL: (_W,   _W,   _W,   _W,   _W,   _W,   _W),
    Content.ARRIVAL:     (_W,   _W,   _W,   _W,   _W,   _W,   _N),
}.items()}
# fmt: on

EXCEPTIONS: dict[tuple[str, str, str], How] = {("engineer", "ops.quarantine", "raw"): How.WHILE_OPEN}
"""By role, table and column: whoever mends a pipeline needs the bytes that did not get through, and no others."""

_CONTROL = (
    "runs", "run_inputs", "run_counts", "quality_results", "files", "extracts", "extract_resources", "lineage_edges",
    "upkeep",
)  # fmt: skip
COMMANDS = ("commands", "acknowledgements")


@dataclass(frozen=True)
class Role:
    """What people in one role may read: layers or tables of `lake`, tables of `control`, deleted rows or not."""

    name: str
    doc: str
    reads: tuple[str, ...]
    control: tuple[str, ...] = _CONTROL
    sees_deleted: bool = False
    sees_queries: bool = False
    """Of other people: their SQL may hold values of patients."""
    stops_queries: bool = False

    def may_read(self, table: str) -> bool:
        """Whether the role may ask that table of the lake at all."""
        return table in self.reads or table.split(".")[0] in self.reads

    def how(self, content: Content) -> How:
        """What is left of such content."""
        return MATRIX[content][self.name]


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role(
            "administrator",
            "Runs servers and accounts: sees how much there is, when it came and who asks what; nothing about people.",
            reads=("bronze", "silver", "gold", "ops"),
            control=_CONTROL + COMMANDS,
            sees_deleted=True,
            sees_queries=True,
            stops_queries=True,
        ),
        Role(
            "compliance_officer",
            "Answers for privacy and records: sees all, deleted and raw records included, and who asked what.",
            reads=("bronze", "silver", "gold", "ops"),
            control=_CONTROL + COMMANDS,
            sees_deleted=True,
            sees_queries=True,
        ),
        Role(
            "engineer",
            "Mends pipelines record by record: ids, dates, codes and values whole; no names, no free text, raw bytes "
            "only while they are held back.",
            reads=("bronze", "silver", "gold", "ops"),
            control=_CONTROL + COMMANDS,
            sees_deleted=True,
            stops_queries=True,
        ),
        Role(
            "analyst",
            "Counts and compares: clinical data and dates under pseudonyms, a limited data set with birth years.",
            reads=("silver", "gold", "ops"),
            control=_CONTROL + COMMANDS,
        ),
        Role(
            "clinician",
            "Treats people: sees the whole record of each, but no deleted rows and no source records.",
            reads=("silver", "gold", "ops"),
            control=_CONTROL + COMMANDS,
        ),
        Role(
            "operations",
            "Runs wards and beds and leads quality: gold and encounters under pseudonyms, with the names of "
            "organizations and wards.",
            reads=("gold", "ops", "silver.organization", "silver.location", "silver.appointment", "silver.encounter"),
            control=_CONTROL + COMMANDS,
        ),
        Role(
            "researcher",
            "Works with de-identified data as of HIPAA's Safe Harbor: pseudonyms, years, states, no texts.",
            reads=("silver", "gold"),
        ),
    )
}

_QUASI: dict[str, Content] = {"birth_on": Content.BIRTH} | {
    name: content
    for content, names in {
        Content.POSTAL_CODE: "postal_code place_postal_code",
        Content.PLACE: "city district",
        Content.REGION: "state place_state country",
        Content.DEMOGRAPHIC: "birth_precision gender birth_sex sex_code race_codes race ethnicity_codes ethnicity "
        "marital_status_code language_code",
        Content.PLAN: "type_text payor_text coverage_text is_self_paid group_value group_name subgroup_value "
        "subgroup_name plan_value plan_name subplan_value subplan_name rx_bin rx_pcn rx_group network",
        Content.PRODUCT: "udi_device_identifier lot_number",
        Content.WORDS: "qualification_text",
    }.items()
    for name in names.split()
}
_ARRIVAL = ("run_id", "batch_id", "arrived_at", "arrived_on", "committed_at", "quarantined_at", "resolved_by")
_SITES = ("silver.organization", "silver.location")
_BY_TAG = {
    Tag.SUBJECT: Content.PERSON_ID,
    Tag.LINKING: Content.RECORD_ID,
    Tag.IDENTIFYING: Content.IDENTIFIER,
    Tag.CLINICAL: Content.CLINICAL,
    Tag.FREE_TEXT: Content.FREE_TEXT,
    Tag.RAW: Content.RAW,
    Tag.OPERATIONAL: Content.OPERATIONAL,
}

_C, _O, _R = Content.CLINICAL, Content.OPERATIONAL, Content.RECORD_ID
PARTS: dict[str, dict[str, Content]] = {
    "identifiers": {"system": _O, "value": _R},
    "diagnoses": {"condition_id": _R, "condition_reference": _R, "use_code": _C, "use_codes": _C, "rank": _C},
    "locations": {"location_id": _R, "location_reference": _R, "status": _O}
    | {"started_at": Content.DATE, "started_precision": Content.PRECISION}
    | {"ended_at": Content.DATE, "ended_precision": Content.PRECISION},
    "wards": {"location_key": _R, "started_on": Content.DATE, "started_at": Content.DATE},
    "last_lab_results": dict.fromkeys(("code_system", "code", "display", "comparator", "value", "unit"), _C)
    | {"measured_at": Content.DATE},
    "reactions": dict.fromkeys(("system", "code", "display", "severity"), _C),
}
"""What stands in columns that hold several things a row, by column and part, in declared order."""


def content_of(table: Table, column: Column) -> Content:
    """What a column holds; raises InvalidTable where its tag and name do not decide it, for there is no default."""
    is_text = column.type.name == "text"
    match column.tag:
        case Tag.QUASI if table.name in _SITES:
            return Content.SITE
        case Tag.QUASI if column.unit == "a":
            return Content.AGE
        case Tag.QUASI if column.name in _QUASI:
            return _QUASI[column.name]
        case Tag.DATE if column.type.name in ("date", "timestamp"):
            return Content.DATE
        case Tag.DATE if is_text and column.name.endswith("_precision"):
            return Content.PRECISION
        case Tag.CLINICAL if column.unit == "a":
            return Content.AGE
        case Tag.CLINICAL if is_text and column.name.endswith("_text"):
            return Content.WORDS
        case Tag.OPERATIONAL if column.name in _ARRIVAL:
            return Content.ARRIVAL
        case Tag.OPERATIONAL if column.name == "time_zone":
            return Content.SITE  # some zones are smaller than a state
        case Tag.OPERATIONAL if column.name.endswith("_text"):
            return Content.FREE_TEXT
        case tag if tag in _BY_TAG:
            return _BY_TAG[tag]
    raise InvalidTable(
        f"{table.name}.{column.name}: its tag {column.tag.value} does not decide who sees it; say in catalog/roles.py "
        f"what it holds"
    )


def parts_of(table: Table, column: Column) -> dict[str, Content] | None:
    """What the parts of a column with several things hold; null where it holds one kind of thing.

    Raises InvalidTable for records with parts that nobody decided on.
    """
    coding = "struct<system: text, code: text, display: text>"
    if "struct<" not in column.type.name or column.type.name in (coding, f"array<{coding}>"):
        return None
    if column.tag not in (Tag.LINKING, Tag.CLINICAL):
        return None  # one decision for all of it
    if column.name not in PARTS:
        raise InvalidTable(f"{table.name}.{column.name}: say in catalog/roles.py what its parts hold")
    return PARTS[column.name]


def how_of(role: Role, table: Table, column: Column) -> How:
    """What a role sees of a column, its parts aside; refused where it may not read the table."""
    if not role.may_read(table.name):
        return How.NOTHING
    exception = EXCEPTIONS.get((role.name, table.name, column.name))
    return exception or role.how(content_of(table, column))


def _holds(operational: str, **others: str) -> dict[str, Content]:
    """Columns of a table by what they hold: names that are parted by blanks."""
    said = dict.fromkeys(operational.split(), Content.OPERATIONAL)
    return said | {name: Content[content] for content, names in others.items() for name in names.split()}


CONTROL: Mapping[str, Mapping[str, Content]] = {
    "runs": _holds(
        "run_id job table_name run_key basis mode state as_of base_snapshot_id snapshot_id live_rows message "
        "started_at ended_at"
    ),
    "run_inputs": _holds("run_id table_name snapshot_id"),
    "run_counts": _holds("run_id batch_id status records", RECORD_ID="source_file"),
    # sample_keys are hashes of keys, without a secret: whoever knows an id can tell whether it is among them
    "quality_results": _holds(
        "run_id check_name table_name level outcome value doc checked_at", IDENTIFIER="sample_keys"
    ),
    "files": _holds("batch_id bytes lines blank landed contained quarantined landed_at", RECORD_ID="sha256 path"),
    "extracts": _holds(
        "batch_id mapping mapping_version bytes rows translated value_table no_value quarantined blank landed_at",
        RECORD_ID="path sha256",
    ),
    "extract_resources": _holds("batch_id resource_type resources", RECORD_ID="path"),
    "lineage_edges": _holds(
        "basis version output_table output_column input_table input_column element kind subtype masking"
    ),
    "upkeep": _holds("upkeep_id table_name step why started_at ended_at done before after"),
    "commands": _holds("command_id at who command arguments outcome message ended_at"),
    "acknowledgements": _holds("command_id table_name check_name note until_on value withdrawn_at"),
}
"""The tables of `control` with what each column holds; a test holds them against the database."""
