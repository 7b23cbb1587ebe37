"""Rows: iterations, cross joins, unions, positions, and what an empty iteration leaves."""

from datetime import datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.errors import ViewError
from lakehouse.fhir import compile_view, record_told, run_view
from lakehouse.fhir.selects import COLLECTED

PATIENTS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "a",
        "name": [{"family": "F", "given": ["1", "2"]}, {"family": "G", "given": ["3"]}],
        "telecom": [{"value": "t"}, {"value": "u"}],
    },
    {"resourceType": "Patient", "id": "b"},
]


def column(name: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **rest}


def listed(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for row in found), key=repr)


def test_nested_iterations_number_their_own_level(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [
            {"column": [column("id", "id"), column("top", "%rowIndex")]},
            {
                "forEach": "name",
                "column": [column("n", "%rowIndex"), column("odd", "%rowIndex = 1")],
                "select": [{"forEach": "given", "column": [column("g", "%rowIndex"), column("given", "$this")]}],
            },
        ],
    }
    assert listed(rows(view, PATIENTS)) == [
        ("a", 0, 0, False, 0, "1"),
        ("a", 0, 0, False, 1, "2"),
        ("a", 0, 1, True, 0, "3"),
    ]


def test_branch_without_iteration_inherits_the_position(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [
            {
                "forEach": "name",
                "unionAll": [
                    {"column": [column("v", "family"), column("i", "%rowIndex")]},
                    {"forEach": "given", "column": [column("v", "$this"), column("i", "%rowIndex")]},
                ],
            }
        ],
    }
    assert listed(rows(view, PATIENTS)) == [("1", 0), ("2", 1), ("3", 0), ("F", 0), ("G", 1)]


def test_siblings_are_cross_joined_on_every_level(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [
            {
                "forEach": "name",
                "column": [column("f", "family")],
                "select": [{"forEach": "given", "column": [column("g", "$this")]}],
            },
            {"forEach": "telecom", "column": [column("t", "value")]},
            {"forEachOrNull": "contact", "column": [column("c", "gender")]},
        ],
    }
    assert listed(rows(view, PATIENTS)) == [
        (f, g, t, None) for f, g in (("F", "1"), ("F", "2"), ("G", "3")) for t in ("t", "u")
    ]


def test_empty_for_each_or_null_is_one_row_of_nulls_at_position_0(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [
            {"column": [column("id", "id")]},
            {
                "forEachOrNull": "telecom",
                "column": [
                    column("v", "value"), column("c", "'constant'"), column("i", "%rowIndex"),
                    column("s", "value", collection=True),
                ],
                "unionAll": [{"column": [column("u", "'x'")]}, {"column": [column("u", "'y'")]}],
            },
        ],
    }  # fmt: skip
    found = rows(view, PATIENTS)
    assert len(found) == 5
    assert [row for row in found if row["id"] == "b"] == [
        {"id": "b", "v": None, "c": None, "i": 0, "s": None, "u": None}
    ]


def test_for_each_takes_single_elements_and_filtered_paths(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [
            {"forEach": "name.where(family = 'F').given", "column": [column("v", "$this")]},
            {"forEach": "id", "column": [column("w", "$this + '!'")]},
        ],
    }
    assert listed(rows(view, PATIENTS)) == [("1", "a!"), ("2", "a!")]


def test_union_keeps_duplicates_and_mixes_single_with_possible_several(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [
            {
                "unionAll": [
                    {"column": [column("v", "id")]},
                    {"column": [column("v", "name.where(family = 'F').family")]},
                    {
                        "unionAll": [
                            {"forEach": "telecom", "column": [column("v", "value")]},
                            {"column": [column("v", "id")]},
                        ]
                    },
                ]
            }
        ],
    }
    assert listed(rows(view, PATIENTS)) == sorted(
        [("a",), ("F",), ("t",), ("u",), ("a",), ("b",), (None,), ("b",)], key=repr
    )


def test_select_without_columns_still_multiplies_rows(rows) -> None:
    view = {"resource": "Patient", "select": [{"column": [column("id", "id")]}, {"forEach": "name"}]}
    assert listed(rows(view, PATIENTS)) == [("a",), ("a",)]


def test_where_conditions_all_have_to_be_true(rows) -> None:
    view = {
        "resource": "Patient",
        "select": [{"column": [column("id", "id")]}],
        "where": [{"path": "name.exists()"}, {"path": "active"}],
    }
    assert rows(view, PATIENTS) == []
    assert rows({**view, "where": view["where"][:1]}, PATIENTS) == [{"id": "a"}]


TIMESTAMP = {"tag": [{"name": "ansi/type", "value": "TIMESTAMP WITH TIME ZONE"}]}
NAMES = {
    "modifierExtension": [{"url": COLLECTED, "valueString": "names"}],
    "forEach": "name",
    "column": [
        column("family", "family"),
        column("given", "given", collection=True),
        column("since", "period.start", **TIMESTAMP),
        column("at", "%rowIndex"),
    ],
}


def test_rows_that_are_collected_stay_together_in_one_column_of_the_record(rows) -> None:
    """What a name lacks is null in its place, so that the parts of each stay together; a record stays one row."""
    view = {"resource": "Patient", "select": [{"column": [column("id", "id")]}, NAMES, {"column": [column("b", "id")]}]}
    dated = {"resourceType": "Patient", "id": "c", "name": [{"period": {"start": "2020-01-01T10:00:00Z"}}]}
    found = {row["id"]: row for row in rows(view, [*PATIENTS, dated])}
    assert found == {
        "a": {
            "id": "a",
            "names": [
                {"family": "F", "given": ["1", "2"], "since": None, "at": 0},
                {"family": "G", "given": ["3"], "since": None, "at": 1},
            ],
            "b": "a",
        },
        "b": {"id": "b", "names": [], "b": "b"},
        "c": {
            "id": "c",
            "names": [{"family": None, "given": [], "since": datetime(2020, 1, 1, 10), "at": 0}],
            "b": "c",
        },
    }


def test_collected_rows_can_stand_in_an_iteration_and_iterate_themselves(rows) -> None:
    inner = {
        "modifierExtension": [{"url": COLLECTED, "valueString": "each"}],
        "forEach": "given",
        "column": [column("given", "$this")],
    }
    each_name = {"forEach": "name", "column": [column("f", "family")], "select": [inner]}
    outer = {"resource": "Patient", "select": [each_name]}
    assert listed(rows(outer, PATIENTS)) == [("F", [{"given": "1"}, {"given": "2"}]), ("G", [{"given": "3"}])]
    nested = {"resource": "Patient", "select": [{**NAMES, "column": NAMES["column"][:1], "select": [inner]}]}
    assert rows(nested, PATIENTS[:1])[0]["names"] == [
        {"family": "F", "each": [{"given": "1"}, {"given": "2"}]},
        {"family": "G", "each": [{"given": "3"}]},
    ]


def test_a_collected_value_that_does_not_fit_is_a_problem_of_the_record(frame) -> None:
    several = {**NAMES, "column": [column("given", "given"), column("since", "period.start", **TIMESTAMP)]}
    view = compile_view({"resource": "Patient", "select": [{"column": [column("id", "id")]}, several]})
    bad = {"resourceType": "Patient", "id": "c", "name": [{}, {"period": {"start": "yesterday"}}]}
    found = view.project(frame([*PATIENTS, bad])).collect()
    assert sorted((row.names or [], list(row.problems)) for row in found) == [
        ([], []),
        ([], ["column given: several values where one is allowed"]),
        ([], ["column since: a value is not a timestamp"]),
    ]


def test_a_record_that_breaks_a_view_is_told_in_a_sentence(spark: SparkSession, frame) -> None:
    view = {"name": "people", "resource": "Patient", "select": [{"column": [column("family", "name.family")]}]}
    rows = run_view(spark, view, frame(PATIENTS))
    said = "^A record does not fit the view people: column family: several values where one is allowed.$"
    for compute in (DataFrame.collect, DataFrame.toPandas, DataFrame.show, DataFrame.first):
        with pytest.raises(ViewError, match=said):
            getattr(rows, compute.__name__)()
    with pytest.raises(ViewError, match=said), record_told("people"):
        rows.groupBy("family").count().collect()
    assert run_view(spark, view, frame(PATIENTS[1:])).collect() == [(None,)]
