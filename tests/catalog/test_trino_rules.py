"""Trino's rules are derived from the tags: every column is decided on, for every role."""

import re
from typing import Any

import pytest

from catalog.derive.trino_masks import MASK_USER
from catalog.derive.trino_rules import trino_rules
from catalog.model import CLINICAL, CLINICAL_RECORD, DATE, LINKING, QUASI, Column, InvalidTable, Table, Tag
from catalog.registry import TABLES
from catalog.roles import CONTROL, MATRIX, ROLES, Content, How, content_of, how_of, parts_of
from catalog.types import Text, array, struct
from lakehouse.control import metadata

RULES = trino_rules(people={"ann": "analyst", "b.b": "administrator"})


def _matching(role: str, catalog: str, schema: str, table: str, user: str = "ann") -> dict[str, Any] | None:
    """The rule for a table that Trino would take: the first that fits."""
    asked = {"user": user, "group": role, "catalog": catalog, "schema": schema, "table": table}
    for rule in RULES["tables"]:
        if all(re.fullmatch(rule[name], said) for name, said in asked.items() if name in rule):
            return rule
    return None


def _table(*columns: Column) -> Table:
    key = Column("x_id", Text, doc="Id.", tag=LINKING)
    return Table("silver.x", (key, *columns), doc="X.", grain="one", key=("x_id",), retention=CLINICAL_RECORD)


def test_every_kind_of_content_is_decided_for_every_role() -> None:
    assert set(MATRIX) == set(Content)
    assert all(set(hows) == set(ROLES) for hows in MATRIX.values())


@pytest.mark.parametrize("role", ROLES)
def test_every_column_of_every_table_is_decided(role: str) -> None:
    for table in TABLES.values():
        rule = _matching(role, "lake", table.schema_name, table.short_name)
        assert rule is not None
        if not ROLES[role].may_read(table.name):
            assert rule["privileges"] == []
            continue
        assert rule["privileges"] == ["SELECT"]
        assert rule["group"] == role
        limits = {column["name"]: column for column in rule["columns"]}
        for column in table.columns:
            how, limit = how_of(ROLES[role], table, column), limits.get(column.name, {})
            assert (limit.get("allow") is False) == (how is How.NOTHING), column.name
            assert ("mask" in limit) or how in (How.WHOLE, How.NOTHING), column.name


def test_parts_are_those_of_the_declared_type_in_order() -> None:
    for table in TABLES.values():
        for column in table.columns:
            parts = parts_of(table, column)
            if parts is not None:
                assert re.findall(r"(\w+): ", _flat(column.type.name)) == list(parts), column.name


def _flat(name: str) -> str:
    """The type without the fields of codings inside."""
    return name.replace("struct<system: text, code: text, display: text>", "coding")


def test_a_column_that_nobody_decided_on_is_an_error() -> None:
    for column in (
        Column("shoe_size", Text, doc="Size.", tag=QUASI),
        Column("seen_somehow", Text, doc="When.", tag=DATE),
        Column("things", array(struct(a=Text)), doc="Things.", tag=CLINICAL),
    ):
        with pytest.raises(InvalidTable, match=column.name):
            trino_rules({"silver.x": _table(column)})


def test_an_identifying_column_is_whole_for_compliance_and_clinicians_alone() -> None:
    for table in TABLES.values():
        for column in table.columns:
            if column.tag in (Tag.IDENTIFYING, Tag.FREE_TEXT):
                seen = {name for name, role in ROLES.items() if how_of(role, table, column) is How.WHOLE}
                assert seen <= {"compliance_officer", "clinician"}


def test_undeclared_tables_and_metadata_with_bounds_match_no_rule_that_allows() -> None:
    names = ["unknown", "patient$files", "patient$partitions", "patient$entries", "patient$manifests", "patient2"]
    for role in ROLES:
        for name in names:
            rule = _matching(role, "lake", "silver", name)
            assert rule is None or rule["privileges"] == [], (role, name)
    assert _matching("analyst", "lake", "silver", "patient$snapshots") == {"privileges": []}
    for schema in ("pg_catalog", "masks"):
        assert _matching("compliance_officer", "control", schema, "pseudonym") == {"privileges": []}


def test_a_column_without_a_declaration_is_refused_to_all() -> None:
    rules = trino_rules(undeclared={"silver.patient": ["nickname"]})["tables"]
    found = [r for r in rules if r.get("table") == "patient" and "columns" in r]
    assert {r["group"] for r in found} == {name for name, role in ROLES.items() if role.may_read("silver.patient")}
    assert all({"name": "nickname", "allow": False} in r["columns"] for r in found)


def test_deleted_rows_are_for_those_who_answer_for_them() -> None:
    filtered = {r["group"] for r in RULES["tables"] if r.get("table") == "patient" and "filter" in r}
    assert filtered == {"analyst", "clinician", "researcher"}


def test_only_masks_read_the_key_and_nobody_becomes_them() -> None:
    assert _matching("administrator", "control", "masks", "pseudonym", MASK_USER)["privileges"] == ["SELECT"]  # type: ignore[index]
    people, nobody = RULES["impersonation"]
    assert people == {"original_user": "lake_dashboard", "new_user": "ann", "allow": True}
    assert nobody["allow"] is False
    assert trino_rules()["impersonation"] == [nobody]
    assert re.fullmatch(RULES["system_information"][0]["user"], "b.b")
    assert not re.fullmatch(RULES["system_information"][0]["user"], "bxb")


def test_nothing_allows_to_write_and_every_list_ends_by_refusing() -> None:
    assert {p for rule in RULES["tables"] for p in rule["privileges"]} == {"SELECT"}
    assert {rule["allow"] for rule in RULES["catalogs"]} == {"read-only", "none"}
    assert RULES["schemas"] == [{"owner": False}]
    for name in ("tables", "functions", "procedures"):
        assert RULES[name][-1] == {"privileges": []}


def test_control_tables_are_those_of_the_database() -> None:
    live = {table.name: set(table.columns.keys()) for table in metadata.sorted_tables}
    assert {name: set(columns) for name, columns in CONTROL.items()} == live
    assert all(set(role.control) <= set(CONTROL) for role in ROLES.values())


def test_ages_dates_and_zones_in_unlikely_places_are_found() -> None:
    def of(table: str, column: str) -> Content:
        return content_of(TABLES[table], TABLES[table].column(column))

    assert of("silver.condition", "onset_age_years") is Content.AGE
    assert of("gold.encounter_fact", "time_zone") is Content.SITE
    assert of("silver.appointment", "cancellation_reason_text") is Content.FREE_TEXT
    assert parts_of(TABLES["gold.patient_summary"], TABLES["gold.patient_summary"].column("last_lab_results")) == {
        **dict.fromkeys(("code_system", "code", "display", "comparator", "value", "unit"), Content.CLINICAL),
        "measured_at": Content.DATE,
    }
