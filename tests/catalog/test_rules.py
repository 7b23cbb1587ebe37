"""The rules of a table as people read them."""

from catalog.derive.rules import Counts, rules_of
from catalog.model import Level
from catalog.registry import TABLES


def test_a_rule_says_what_its_value_counts() -> None:
    encounter = rules_of(TABLES["silver.encounter"], TABLES)
    assert encounter["ended_at_not_before_started_at"].counts is Counts.HELD_BACK
    assert encounter["started_at_is_known"].counts is Counts.ACCEPTED
    assert encounter["patient_id_resolves"].counts is Counts.ROWS
    assert encounter["volume_not_fallen"].counts is Counts.FIGURE
    assert encounter["volume_not_fallen"].is_worse_lower
    assert rules_of(TABLES["gold.readmission"], TABLES)["index_or_excluded"].counts is Counts.ROWS


def test_every_declared_check_and_every_gate_check_is_a_rule_with_a_condition() -> None:
    for table in TABLES.values():
        found = rules_of(table, TABLES)
        assert {check.name for check in table.checks} <= set(found)
        assert all(rule.condition and rule.doc and rule.table == table.name for rule in found.values())


def test_a_rule_is_told_with_its_condition_on_one_line() -> None:
    rule = rules_of(TABLES["silver.encounter"], TABLES)["started_at_is_known"]
    assert rule.words == "started at is known"
    assert rule.level is Level.WARN
    assert "\n" not in rule.condition
