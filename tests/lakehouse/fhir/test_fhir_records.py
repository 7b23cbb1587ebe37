"""Records as they come: what is wrong with one is told, and the others go on."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lakehouse.fhir import ViewError, compile_view, run_view

VIEW: dict[str, Any] = {
    "resource": "Patient",
    "name": "people",
    "select": [
        {
            "column": [
                {"name": "id", "path": "id"},
                {"name": "active", "path": "active"},
                {"name": "family", "path": "name.family"},
                {"name": "births", "path": "multipleBirth.ofType(integer)"},
            ]
        }
    ],
}
NOT_AN_INTEGER = "element multipleBirthInteger: expected an integer"


def problems(found: list[dict[str, Any]]) -> list[str]:
    assert all(len(row["problems"]) <= 1 for row in found)
    return ["".join(row["problems"]) for row in found]


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (None, "the record is null"),
        ("", "not valid JSON: a record is one object"),
        ("null", "not valid JSON: a record is one object"),
        ("12", "not valid JSON: a record is one object"),
        ('"text"', "not valid JSON: a record is one object"),
        ('[{"resourceType": "Patient"}]', "not valid JSON: a record is one object"),
        ('{"resourceType": "Patient", "id": "a"', "not valid JSON"),
        ("{'resourceType': 'Patient'}", "not valid JSON"),
        ('{"resourceType": "Patient", "multipleBirthInteger": NaN}', "not valid JSON"),
        ('{"resourceType": "Patient", "name": {"family": "F"}}', "element name: expected a list (HumanName)"),
        ('{"resourceType": "Patient", "name": "F"}', "element name: expected a list (HumanName)"),
        ('{"resourceType": "Patient", "name": ["F"]}', "element name: expected a list (HumanName)"),
        ('{"resourceType": "Patient", "name": [{"family": ["F"]}]}', "element name.family: expected a string"),
        ('{"resourceType": "Patient", "name": [{"family": {"a": 1}}]}', "element name.family: expected a string"),
        ('{"resourceType": "Patient", "name": [{"family": 12.50}]}', "element name.family: expected a string"),
        ('{"resourceType": "Patient", "id": 7}', "element id: expected a string"),
        ('{"resourceType": "Patient", "id": true}', "element id: expected a string"),
        ('{"resourceType": "Patient", "active": "true"}', "element active: expected true or false"),
        ('{"resourceType": "Patient", "multipleBirthInteger": 1.5}', NOT_AN_INTEGER),
        ('{"resourceType": "Patient", "multipleBirthInteger": "1"}', NOT_AN_INTEGER),
        ('{"resourceType": "Patient", "multipleBirthInteger": 3000000000}', NOT_AN_INTEGER),
        ('{"resourceType": "Patient", "name": [{"family": "F"}, {"family": "G"}]}',
         "column family: several values where one is allowed"),
    ],
)  # fmt: skip
def test_record_that_is_wrong_is_one_row_with_its_problem(projected, record: str | None, problem: str) -> None:
    good = {"resourceType": "Patient", "id": "ok", "name": [{"family": "F"}]}
    found = projected(VIEW, [record, good])
    assert problems(found) == [problem, ""]
    assert [found[0][name] for name in ("id", "active", "family", "births")] == [None] * 4
    assert (found[0]["is_selected"], found[1]["is_selected"], found[1]["id"]) == (True, True, "ok")


@pytest.mark.parametrize(
    "text", ["12", "true", "[degF]", "[1]", '{"a": 1}', '{"a": "\\"q\\""}', "tab\t☃ 😀 \\ end", "-1.50", "[]", "{}", ""]
)
def test_strings_that_look_like_other_tokens_are_fine(projected, text: str) -> None:
    row = projected(VIEW, [{"resourceType": "Patient", "id": text, "name": [{"family": text}]}])[0]
    assert (row["problems"], row["id"], row["family"]) == ([], text, text)


def test_resources_of_other_types_are_not_judged_by_this_ones_shape(projected) -> None:
    others = [{"resourceType": "Organization", "name": "Org"}, {"id": "no type"}, {"resourceType": 5}]
    found = projected(VIEW, others)
    assert [(row["is_selected"], row["problems"], row["id"]) for row in found] == [(False, [], None)] * 3


def test_a_wide_view_judges_no_more_than_its_where_asks_of_records_that_it_leaves_out(frame, projected) -> None:
    names = ("family", "text", "use", "period.start", "period.end", "id")
    columns = [
        {"path": f"{element}[{at}].{name}"} for at in range(2) for element in ("name", "contact.name") for name in names
    ]
    more = ("birthDate", "gender", "language", "implicitRules", "deceased.ofType(boolean)", "maritalStatus.text")
    more += ("managingOrganization.reference", "managingOrganization.display", "address.city.first()")
    more += ("address.state.first()", "address.country.first()", "telecom.value.first()", "telecom.system.first()")
    columns += [{"path": path} for path in more]
    columns = [{**column, "name": f"c{at}"} for at, column in enumerate(columns)]
    view = {"resource": "Patient", "select": [{"column": columns}], "where": [{"path": "active"}]}
    wrong = {"resourceType": "Patient", "gender": 5}
    found = projected(view, [wrong, {**wrong, "active": True}, {**wrong, "active": "yes"}, {"active": True, **wrong}])
    assert [(row["is_selected"], row["problems"]) for row in found] == [
        (False, []),
        (True, ["element gender: expected a string"]),
        (True, ["element active: expected true or false"]),
        (True, ["element gender: expected a string"]),
    ]
    records = frame([wrong]).selectExpr("payload", "7 AS `odd.name`")
    assert [row["odd.name"] for row in compile_view(view).project(records, keep=["odd.name"]).collect()] == [7]


def test_where_and_empty_iterations_leave_one_row_that_is_not_selected(projected) -> None:
    view = {
        "resource": "Patient",
        "select": [{"column": [{"name": "id", "path": "id"}]},
            {"forEach": "name", "column": [{"name": "f", "path": "family"}]},
        ],
        "where": [{"path": "active"}],
    }  # fmt: skip
    names = [{"family": "F"}, {"family": "G"}]
    found = projected(
        view,
        [
            {"resourceType": "Patient", "id": "a", "active": True, "name": names},
            {"resourceType": "Patient", "id": "b", "active": True},
            {"resourceType": "Patient", "id": "c", "name": names},
        ],
    )
    assert [(row["id"], row["f"], row["is_selected"], row["is_first"]) for row in found] == [
        ("a", "F", True, True), ("a", "G", True, False), (None, None, False, True), (None, None, False, True),
    ]  # fmt: skip


def test_several_values_for_an_operator_are_a_problem(projected) -> None:
    column = {"name": "v", "path": "name.family + '!'"}
    nested = {"forEach": "contact", "column": [{"name": "w", "path": "telecom.rank > 1"}]}
    view = {"resource": "Patient", "select": [{"column": [column]}, nested]}
    telecom = [{"rank": 1}, {"rank": 2}]
    found = projected(
        view,
        [{"resourceType": "Patient", "name": [{"family": "F"}, {"family": "G"}], "contact": [{"telecom": telecom}]}],
    )
    assert [row["problems"] for row in found] == [
        ["operand of +: several values where one is allowed", "operand of >: several values where one is allowed"]
    ]


def test_run_view_raises_a_readable_error_without_patient_data(spark: SparkSession, frame) -> None:
    resource = {"resourceType": "Patient", "id": "secret", "name": [{"family": "Secret"}, {"family": "Hidden"}]}
    with pytest.raises(Exception) as error:  # noqa: PT011  (Spark's own error, whose class depends on the reader)
        run_view(spark, VIEW, frame([resource])).count()
    text = str(error.value)
    assert "view people: column family: several values where one is allowed" in text
    assert not any(word in text for word in ("secret", "Secret", "Hidden"))


def test_columns_to_keep_pass_unchanged_and_may_not_hide_output(frame) -> None:
    view = compile_view(VIEW)
    records = frame([{"resourceType": "Patient", "id": "a"}, "{"]).selectExpr("payload", "7 AS `odd name`", "1 AS id")
    found = view.project(records, keep=["odd name"])
    assert found.columns == ["odd name", "id", "active", "family", "births", "is_selected", "problems", "is_first"]
    assert [row["odd name"] for row in found.collect()] == [7, 7]
    with pytest.raises(ViewError, match="keep: the output of the view has a column id"):
        view.project(records, keep=["id"])


def test_long_strings_and_deep_nesting_are_read(projected) -> None:
    long = "x" * 21_000_000
    deep = (
        '{"resourceType": "Patient", "id": "deep", "extension": ' + '[{"extension": ' * 1500 + "[]" + "}]" * 1500 + "}"
    )
    found = projected(VIEW, [json.dumps({"resourceType": "Patient", "id": long}), deep])
    assert [len(row["id"]) for row in found] == [len(long), 4]
    assert problems(found) == ["", ""]


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5))
_NAMES = st.sampled_from(["family", "given", "period", "start", "extension", "x"])
_ANY = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=6
)
_KEYS = st.sampled_from(["id", "active", "name", "birthDate", "multipleBirthInteger", "contact", "link", "extension"])
_RECORDS = (
    st.dictionaries(_KEYS, _ANY, max_size=5).map(lambda fields: {"resourceType": "Patient", **fields}).map(json.dumps)
)
_EDITS = st.tuples(_RECORDS, st.integers(0, 60), st.text(max_size=2))
_MUTATED = _EDITS.map(lambda edit: edit[0][: edit[1]] + edit[2] + edit[0][edit[1] + 1 :])
LAW = {
    "resource": "Patient",
    "select": [
        {
            "column": [
                {"name": "id", "path": "id"},
                {"name": "born", "path": "birthDate", "tag": [{"name": "ansi/type", "value": "DATE"}]},
                {"name": "twin", "path": "multipleBirth.ofType(integer) + 1"},
                {"name": "active", "path": "active and name.exists()"},
                {"name": "race", "path": "extension('x').value.ofType(string)"},
            ]
        },
        {
            "forEachOrNull": "name",
            "column": [{"name": "given", "path": "given"}, {"name": "from", "path": "period.start"}],
        },
        {"forEach": "id", "column": [{"name": "again", "path": "$this"}]},
    ],
    "where": [{"path": "contact.empty()"}],
}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(_RECORDS, _MUTATED, st.text(max_size=20), st.none()), min_size=1, max_size=60))
def test_every_record_yields_a_row_and_none_raises(frame, records: list[str | None]) -> None:
    """Half a surrogate pair is no text that could arrive, so records with one are left out."""
    sendable = [r for r in records if r is None or not any("\ud800" <= character <= "\udfff" for character in r)]
    numbered = frame(sendable).selectExpr("payload", "monotonically_increasing_id() AS number")
    found = compile_view(LAW).project(numbered, keep=["number"]).collect()
    assert len({row["number"] for row in found}) == len(sendable)
    for row in found:
        if row["problems"] or not row["is_selected"]:
            assert [row[name] for name in ("id", "born", "twin", "active", "race", "given", "from", "again")] == [
                None
            ] * 8
    assert sum(row["is_first"] for row in found) == len(sendable)
