"""Findings: the checks that are not met now, how grave that is, and whether people have accepted it. Pure.

They are made of the answers of the queries `dashboard/quality_…`, so that pages and commands see the same ones.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from catalog.derive.rules import Counts, Rule, rules_of
from catalog.registry import TABLES
from lakehouse.errors import InputError
from lakehouse.severity import Facts, Severity, severity

LANDING = "landing"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Acceptance:
    """That people know of a finding and accept it, up to a value and until a day."""

    who: str
    at: str
    until: date
    note: str
    value: float | None

    def covers(self, value: float | None, today: date, *, is_worse_lower: bool = False) -> bool:
        """Whether it holds for this value on this day: not for one that is worse, nor for one that was not measured."""
        if today > self.until or (value is None) != (self.value is None):
            return False
        if value is None or self.value is None:
            return True
        return value >= self.value if is_worse_lower else value <= self.value


@dataclass(frozen=True)
class Finding:
    """A check that is not met. `table` is `landing` for what could not land; `rule` is null where none is declared.

    `value` is a number of records, of rows, or a figure (see `Rule.counts`), null if it could not be measured; `seen`
    is how many there are, null for a figure. `is_held_back` says that records are in quarantine for it,
    `is_publish_held` that readers see an earlier state for it.
    """

    table: str
    check: str
    rule: Rule | None
    doc: str
    severity: Severity
    value: float | None
    seen: int | None
    since: str
    is_held_back: bool = False
    is_publish_held: bool = False
    sample_keys: str = "[]"
    acceptance: Acceptance | None = None
    is_accepted: bool = False

    @property
    def share(self) -> float | None:
        """The part of what was seen, 0 to 1."""
        return share_of(self.value, self.seen)

    @property
    def state(self) -> str:
        """`open`, `acknowledged`, or `open again` where an acknowledgement no longer holds."""
        if self.is_accepted:
            return "acknowledged"
        return "open again" if self.acceptance else "open"


def share_of(value: float | None, seen: int | None) -> float | None:
    """The part, at most 1: a record that came again counts again, and the rows that it replaced are gone."""
    return None if value is None or not seen else min(value / seen, 1.0)


@cache
def rules() -> dict[str, dict[str, Rule]]:
    """All rules by table and name."""
    return {name: found for name, table in TABLES.items() if (found := rules_of(table, TABLES))}


def rule_named(table: str, check: str) -> Rule:
    """The rule; InputError if none is declared under these names."""
    if table not in rules():
        raise InputError("there is no table of that name with checks; `lake tables` lists the tables.")
    if check not in rules()[table]:
        raise InputError(f"{table} has no check of that name; `lake tables {table}` lists its checks.")
    return rules()[table][check]


def findings(
    results: Iterable[Row], held: Iterable[Row], records: Iterable[Row], accepted: Iterable[Row], today: date
) -> list[Finding]:
    """The findings, gravest first. The rows are those of quality_results, quality_held_back, quality_records and
    quality_acknowledged."""
    seen = {row["stage"]: int(row["accepted"] + row["held_back"]) for row in records}
    acceptances = {(row["table_name"], row["check_name"]): _acceptance(row) for row in accepted}
    found = [f for f in map(_of_result, results) if f is not None]
    found += [_of_held(row, seen.get(row["stage"])) for row in held]
    told = [_with_acceptance(f, acceptances.get((f.table, f.check)), today) for f in found]
    return sorted(told, key=lambda f: (-f.severity, -(f.share or 0.0), f.table, f.check))


def read_findings(rows: Callable[[str], Sequence[Row]], today: date, *, has_quarantine: bool) -> list[Finding]:
    """The findings as of now; `rows` gives the answer of a query by its name."""
    held = rows("quality_held_back") if has_quarantine else []
    return findings(rows("quality_results"), held, rows("quality_records"), rows("quality_acknowledged"), today)


def measured(row: Row) -> float | None:
    """What a result says, for showing: a warning that is counted on accepted rows is summed since the last full run."""
    value = row["value_since_full"] if _is_summed(row) else row["value"]
    return None if value is None or value != value else float(value)


def _is_summed(row: Row) -> bool:
    rule = rules().get(row["table_name"], {}).get(row["check_name"])
    return rule is not None and rule.counts is Counts.ACCEPTED and row["outcome"] != "error"


def _of_result(row: Row) -> Finding | None:
    """The finding that a check's newest result is; null if it is met."""
    value, is_summed = measured(row), _is_summed(row)
    if not value if is_summed else row["outcome"] == "pass":
        return None
    rule = rules().get(row["table_name"], {}).get(row["check_name"])
    is_figure = rule is not None and rule.counts is Counts.FIGURE
    seen = None if is_figure or row["live_rows"] != row["live_rows"] else row["live_rows"]
    outcome = "warn" if is_summed else row["outcome"]
    return Finding(
        row["table_name"], row["check_name"], rule, rule.doc if rule else row["doc"],
        severity(Facts(outcome, share=share_of(value, seen))),
        value, None if seen is None else int(seen), str(row["since_full" if is_summed else "since"]),
        is_publish_held=row["state"] == "gate_failed" and outcome in ("fail", "error"),
        sample_keys=row["sample_keys"],
    )  # fmt: skip


def _of_held(row: Row, seen: int | None) -> Finding:
    """The finding that records are held back for this reason."""
    rule = rules().get(row["stage"], {}).get(row["reason_code"])
    records = int(row["records"])
    share = share_of(records, seen)
    grave = severity(Facts("fail", held_back=records, share=share))
    doc = rule.doc if rule else _general(row)
    since = str(row["since"])
    return Finding(row["stage"], row["reason_code"], rule, doc, grave, records, seen, since, is_held_back=True)


def _general(row: Row) -> str:
    """What is true of good data where no rule is declared, and what is wrong."""
    good = "Every record can land." if row["stage"] == LANDING else "Every record has the form that the view reads."
    return f"{good} Here: {row.get('reason', '')}"


def _with_acceptance(finding: Finding, acceptance: Acceptance | None, today: date) -> Finding:
    if acceptance is None:
        return finding
    is_worse_lower = finding.rule is not None and finding.rule.is_worse_lower
    holds = acceptance.covers(finding.value, today, is_worse_lower=is_worse_lower)
    return Finding(**{**vars(finding), "acceptance": acceptance, "is_accepted": holds})


def _acceptance(row: Row) -> Acceptance:
    value = row["value"]
    value = None if value is None or value != value else float(value)
    return Acceptance(row["who"], row["at"], date.fromisoformat(row["until_on"]), row["note"], value)
