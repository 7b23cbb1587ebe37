"""What the queries that ship are asked with in tests and in the benchmark, and when two answers are the same."""

import math
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lakehouse.sql.engine import Person, SqlEngine
from lakehouse.sql.queries import DASHBOARD, dashboard_names, named_query, query_names
from lakehouse.sql.readonly import prepare

ALL = Person("one.officer")
"""A compliance officer: every column as it is stored, deleted records among them."""
WINDOW = {"since": date(2015, 1, 1), "until": date(2026, 1, 15), "facility": None}
CENSUS = WINDOW | {"class": None, "locations": None}
STAYS = WINDOW | {"age": None}
OF_RUNS = {"table": None, "since": None}
ASKED: dict[str, dict[str, object]] = {
    "census_arrivals": CENSUS,
    "census_by_location": CENSUS | {"grain": "month"},
    "census_days": CENSUS,
    "quality_acknowledgements": {"table": "silver.encounter", "check": "started_at_is_known"},
    "quality_trend": {"table": "silver.encounter", "check": "started_at_is_known"},
    "readmission_counts": STAYS,
    "readmission_list": STAYS | {"outcome": "stays", "diagnosis": None},
    "runs_list": OF_RUNS | {"run": None},
    "table_checks": {"table": "silver.encounter"},
    "table_held_back": {"table": "silver.encounter"},
    "table_history": {"table": "silver.encounter"},
    "upkeep_steps": OF_RUNS,
}
"""What a page asks with; what needs a value of the lake is found there: see `found`."""
APPROXIMATE = {"commonest_lab_tests": "median_value", "length_of_stay": "median_days"}
"""Each engine estimates percentiles by a method of its own; of few values the estimates differ."""
NAMES = [*query_names(), *dashboard_names()]


def found(here: SqlEngine, name: str) -> dict[str, object]:
    """The parameters of a query; those of one person, run or reason are the first that the lake has rows for."""
    wanted = prepare(named_query(name)).parameters
    given = ASKED.get(name.removeprefix(f"{DASHBOARD}/"), {})

    def first(sql: str) -> Any:
        return here.query(sql).to_pylist()[0]

    if "patient" in wanted:
        table = {"allergies": "allergy", "conditions": "condition", "measures": "vital_sign"}.get(name.split("_")[-1])
        source = f"lake.silver.{table}" if table else "lake.gold.patient_summary"
        given = {"patient": first(f"SELECT min(patient_id) AS id FROM {source}")["id"]}
    elif "word1" in wanted:
        person = first(
            "SELECT family_name, birth_on FROM lake.silver.patient WHERE family_name IS NOT NULL ORDER BY 1, 2"
        )
        given = {"word1": person["family_name"][:3], "word2": None, "word3": None, "born": person["birth_on"]}
    elif "reason" in wanted:
        given = first("SELECT stage, reason_code AS reason FROM lake.ops.quarantine WHERE part = 0 ORDER BY 1, 2")
    elif wanted == {"run"}:
        given = {"run": first("SELECT max(run_id) AS id FROM control.public.run_counts")["id"]}
    return given


def assert_alike(expected: pa.Table, got: pa.Table) -> None:
    """The same rows in the same order; rows that compare as equal in what they are ordered by may change places."""
    one, other = ([tuple(plain(v) for v in row.values()) for row in t.to_pylist()] for t in (expected, got))
    if one != other:
        one, other = sorted(one, key=repr), sorted(other, key=repr)
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left == right


def plain(value: Any) -> Any:
    """A value without what engines may differ in: the kind of number, and the last digits of a computed one."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, float | Decimal) and not isinstance(value, bool):
        return float(f"{float(value):.9g}") if math.isfinite(value) else str(value)
    return value
