"""How grave a finding is, and whether an acknowledgement covers it."""

from datetime import date
from typing import Any

import pytest

from lakehouse.errors import InputError
from lakehouse.findings import Acceptance, Finding, findings, rule_named
from lakehouse.severity import Facts, Severity, severity

TODAY = date(2026, 1, 15)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts("fail"), Severity.CRITICAL),
        (Facts("fail", share=0.001), Severity.CRITICAL),
        (Facts("error"), Severity.HIGH),
        (Facts("fail", held_back=1, share=0.01), Severity.HIGH),
        (Facts("fail", held_back=1, share=0.0099), Severity.MEDIUM),
        (Facts("fail", held_back=1), Severity.MEDIUM),
        (Facts("warn", share=0.05), Severity.MEDIUM),
        (Facts("warn", share=0.0499), Severity.LOW),
        (Facts("warn"), Severity.LOW),
    ],
)
def test_severity_follows_its_rules(facts: Facts, expected: Severity) -> None:
    assert severity(facts) is expected


def result(**given: Any) -> dict[str, Any]:
    row = {
        "table_name": "silver.claim", "check_name": "location_id_resolves", "level": "warn", "outcome": "warn",
        "value": 10.0, "value_since_full": 10.0, "doc": "d", "sample_keys": "[]", "state": "published",
        "live_rows": 200, "since": "2026-01-10", "since_full": "2026-01-10",
    }  # fmt: skip
    return row | given


def only(*results: dict[str, Any], accepted: tuple[dict[str, Any], ...] = ()) -> Finding:
    found = findings(results, (), (), accepted, TODAY)
    assert len(found) == 1
    return found[0]


def test_a_warning_of_silver_stays_a_finding_when_the_newest_run_looked_at_nothing_of_it() -> None:
    quiet = {"check_name": "provider_is_given", "outcome": "pass", "value": 0.0, "since": None}
    assert findings([result(**quiet, value_since_full=0.0)], (), (), (), TODAY) == []
    found = only(result(**quiet, value_since_full=30.0))
    assert (found.value, found.share, found.severity) == (30.0, 0.15, Severity.MEDIUM)


def test_a_check_that_could_not_be_run_is_high_and_has_no_share() -> None:
    found = only(result(outcome="error", value=None, value_since_full=None, state="gate_failed"))
    assert (found.severity, found.value, found.share, found.is_publish_held) == (Severity.HIGH, None, None, True)


def test_a_figure_of_the_whole_table_has_no_share() -> None:
    found = only(result(check_name="volume_not_fallen", level="fail", outcome="fail", value=3.0, state="gate_failed"))
    assert (found.severity, found.share, found.is_publish_held) == (Severity.CRITICAL, None, True)


def test_a_share_is_never_more_than_all() -> None:
    assert only(result(check_name="provider_is_given", value_since_full=900.0)).share == 1.0


def test_the_gravest_finding_comes_first() -> None:
    held = {"stage": "landing", "reason_code": "missing_id", "records": 2, "since": "2026-01-10", "reason": "No id."}
    records = {"stage": "landing", "accepted": 98, "held_back": 2}
    found = findings([result(value=1.0)], [held], [records], (), TODAY)
    assert [(f.table, f.severity) for f in found] == [("landing", Severity.HIGH), ("silver.claim", Severity.LOW)]
    assert "No id." in found[0].doc


@pytest.mark.parametrize(
    ("value", "today", "holds"),
    [
        (10.0, TODAY, True),
        (9.0, TODAY, True),
        (11.0, TODAY, False),
        (None, TODAY, False),
        (10.0, date(2026, 1, 20), True),
        (10.0, date(2026, 1, 21), False),
    ],
)
def test_an_acknowledgement_holds_until_its_day_or_a_worse_value(value: float | None, today: date, holds: bool) -> None:
    assert Acceptance("ada", "", date(2026, 1, 20), "n", 10.0).covers(value, today) is holds


def test_fewer_rows_are_worse_where_a_table_must_not_shrink() -> None:
    accepted = Acceptance("ada", "", date(2026, 1, 20), "n", 10.0)
    assert accepted.covers(11.0, TODAY, is_worse_lower=True)
    assert not accepted.covers(9.0, TODAY, is_worse_lower=True)


def test_a_finding_that_got_worse_is_open_again() -> None:
    row = {"table_name": "silver.claim", "check_name": "location_id_resolves", "note": "n", "who": "ada", "at": ""}
    said = {**row, "until_on": "2026-02-01", "value": 10.0}
    assert only(result(), accepted=(said,)).state == "acknowledged"
    assert only(result(value=11.0), accepted=(said,)).state == "open again"
    assert only(result()).state == "open"


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(InputError, match="no check of that name"):
        rule_named("silver.claim", "x'; drop table runs")
    with pytest.raises(InputError, match="no table of that name"):
        rule_named("silver.nothing", "location_id_resolves")
