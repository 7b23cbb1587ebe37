"""What is derived from a declaration agrees with it."""

import re

import pytest
import yaml

from catalog.derive.ddl import column_comment, create_table, quote, table_properties
from catalog.derive.diff import Change, LiveColumn, Step, diff
from catalog.derive.sodacl import scan_checks, scan_columns, scan_variables, scan_yaml
from catalog.model import CLINICAL_RECORD, IDENTIFYING, OPERATIONAL, SUBJECT, Column, Level, Table, fail, month, warn
from catalog.registry import TABLES
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.types import Integer, Long, Text, Timestamp, decimal

PERSON = Table(
    "silver.person",
    (
        Column("person_id", Text, doc="Whose it's.", tag=SUBJECT),
        Column("name", Text, doc="Name.", tag=IDENTIFYING, null=True),
        Column("mother_id", Text, doc="Mother.", tag=SUBJECT, null=True, ref="silver.person"),
        Column("kind", Text, doc="Kind.", tag=OPERATIONAL, values=("a", "b")),
        Column("seen_at", Timestamp, doc="Seen.", tag=OPERATIONAL, null=True),
    ),
    doc="A person.",
    grain="one row a person",
    key=("person_id",),
    partition=(month("seen_at"),),
    retention=CLINICAL_RECORD,
    checks=(fail.unique("person_id"), warn.reference("mother_id"), fail.volume(0.5), warn.fresh("seen_at", 2)),
)


def live(table: Table, **changes: LiveColumn | None) -> dict[str, LiveColumn]:
    columns = {c.name: LiveColumn(c.type.spark, c.null, column_comment(c)) for c in table.columns}
    return {n: c for n, c in {**columns, **changes}.items() if c is not None}


def test_ddl_quotes_text_and_hides_bounds_of_identifying_columns() -> None:
    ddl = create_table(PERSON)
    assert "Whose it\\'s. [subject]" in ddl
    assert "PARTITIONED BY (months(seen_at))" in ddl
    assert table_properties(PERSON)["write.metadata.metrics.column.name"] == "none"
    assert "write.metadata.metrics.column.kind" not in table_properties(PERSON)
    assert table_properties(FHIR_RESOURCE)["write.metadata.metrics.column.payload"] == "none"


def test_quoting_leaves_no_way_out_of_the_literal() -> None:
    assert quote("a'b\\") == "'a\\'b\\\\'"


def test_a_live_table_as_declared_has_no_differences() -> None:
    assert diff(PERSON, live(PERSON)) == []


def test_a_table_that_is_not_there_is_to_be_made() -> None:
    assert [c.step for c in diff(PERSON, {})] == [Step.CREATE]


@pytest.mark.parametrize(
    ("changes", "step", "column"),
    [
        ({"name": None}, Step.ADD, "name"),
        ({"kind": None}, Step.REFUSE, "kind"),
        ({"name": LiveColumn("string", False, "Name. [identifying]")}, Step.RELAX, "name"),
        ({"kind": LiveColumn("string", True, "Kind. [operational]")}, Step.REFUSE, "kind"),
        ({"name": LiveColumn("int", True, "Name. [identifying]")}, Step.REFUSE, "name"),
        ({"name": LiveColumn("string", True, "Old words.")}, Step.COMMENT, "name"),
        ({"extra": LiveColumn("string", True)}, Step.REFUSE, "extra"),
    ],
)
def test_each_difference_is_told_and_only_additive_ones_have_sql(
    changes: dict[str, LiveColumn | None], step: Step, column: str
) -> None:
    (change,) = diff(PERSON, live(PERSON, **changes))
    assert (change.step, change.column) == (step, column)
    assert bool(change.sql) == (step is not Step.REFUSE)


@pytest.mark.parametrize(
    ("declared", "now", "step"),
    [
        (Long, "int", Step.WIDEN),
        (Integer, "bigint", Step.REFUSE),
        (decimal(12, 2), "decimal(10,2)", Step.WIDEN),
        (decimal(12, 3), "decimal(10,2)", Step.REFUSE),
    ],
)
def test_types_widen_and_never_narrow(declared: object, now: str, step: Step) -> None:
    column = Column("n", declared, doc="N.", tag=OPERATIONAL)  # type: ignore[arg-type]
    table = Table("gold.n", (column,), doc="N.", grain="n", key=("n",), retention=CLINICAL_RECORD)
    changes: list[Change] = diff(table, {"n": LiveColumn(now, False, column_comment(column))})
    assert [c.step for c in changes] == [step]


def test_the_scan_holds_a_check_for_each_promise_of_the_declaration() -> None:
    checks = scan_checks(PERSON, {"silver.person": PERSON})
    assert [(c.name, c.level) for c in checks] == [
        ("person_id_is_complete", Level.FAIL),
        ("kind_is_complete", Level.FAIL),
        ("kind_is_valid", Level.FAIL),
        ("unique_person_id", Level.FAIL),
        ("mother_id_resolves", Level.WARN),
        ("volume_not_fallen", Level.FAIL),
        ("seen_at_is_fresh", Level.WARN),
    ]
    parsed = yaml.safe_load(scan_yaml(PERSON, checks))
    assert len(parsed["checks for silver_person"]) == len(checks)
    assert scan_variables(PERSON, 11, "2026-01-15") == {"as_of": "2026-01-15", "least_rows_volume_not_fallen": "5"}


def test_a_reference_that_is_no_id_counts_as_unresolved() -> None:
    (check,) = [c for c in scan_checks(TABLES["silver.encounter"], TABLES) if c.name == "patient_id_resolves"]
    assert "s.patient_id IS NOT NULL OR s.patient_reference IS NOT NULL" in check.failing
    assert check.failing.split("FROM", 1)[1] in check.yaml


def test_every_declared_scan_is_well_formed_yaml() -> None:
    for table in TABLES.values():
        checks = scan_checks(table, TABLES)
        assert len(next(iter(yaml.safe_load(scan_yaml(table, checks)).values()))) == len(checks)


def test_the_columns_of_a_scan_are_all_that_its_checks_name() -> None:
    assert scan_columns(PERSON) == ["person_id", "mother_id", "kind", "seen_at"]
    for table in TABLES.values():
        names = {c.name for c in table.columns}
        said = " ".join(f"{check.yaml} {check.failing}".replace("name:", "") for check in scan_checks(table, TABLES))
        assert set(re.findall(r"\w+", said)) & names <= {*scan_columns(table), "is_deleted"}, table.name
