"""`repeat` follows the data to its end, depth first."""

from typing import Any

from lakehouse.fhir import compile_view
from lakehouse.fhir import view as view_module


def column(name: str, path: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **rest}


def item(link: str, *items: Any, answers: Any = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"linkId": link}
    if items:
        found["item"] = list(items)
    if answers:
        found["answer"] = [{"valueString": text, "item": list(below)} for text, below in answers]
    return found


def response(*items: Any) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "id": "q", "item": list(items)}


def view(select: dict[str, Any]) -> dict[str, Any]:
    return {"resource": "QuestionnaireResponse", "select": [{"column": [column("id", "id")]}, select]}


TREE = response(
    item("1", item("1.1", item("1.1.1")), item("1.2")),
    item("2", answers=[("yes", [item("2.a", item("2.a.1"))]), ("no", [])]),
)


def test_repeat_yields_every_level_depth_first(rows) -> None:
    select = {"repeat": ["item"], "column": [column("link", "linkId"), column("i", "%rowIndex")]}
    found = sorted((row["i"], row["link"]) for row in rows(view(select), [TREE]))
    assert found == [(0, "1"), (1, "1.1"), (2, "1.1.1"), (3, "1.2"), (4, "2")]


def test_repeat_follows_all_of_its_paths(rows) -> None:
    select = {"repeat": ["item", "answer.item"], "column": [column("link", "linkId"), column("i", "%rowIndex")]}
    found = [row["link"] for row in sorted(rows(view(select), [TREE]), key=lambda row: row["i"])]
    assert found == ["1", "1.1", "1.1.1", "1.2", "2", "2.a", "2.a.1"]


def test_repeat_combines_with_iterations_and_unions(rows) -> None:
    select = {
        "repeat": ["item", "answer.item"],
        "column": [column("link", "linkId"), column("children", "item.linkId", collection=True)],
        "select": [{"forEachOrNull": "answer", "column": [column("text", "value.ofType(string)")]}],
        "unionAll": [{"column": [column("u", "'x'")]}, {"forEach": "item", "column": [column("u", "linkId")]}],
    }
    found = {(row["link"], tuple(row["children"]), row["text"], row["u"]) for row in rows(view(select), [TREE])}
    assert found == {
        ("1", ("1.1", "1.2"), None, "x"), ("1", ("1.1", "1.2"), None, "1.1"), ("1", ("1.1", "1.2"), None, "1.2"),
        ("1.1", ("1.1.1",), None, "x"), ("1.1", ("1.1.1",), None, "1.1.1"), ("1.1.1", (), None, "x"),
        ("1.2", (), None, "x"), ("2", (), "yes", "x"), ("2", (), "no", "x"),
        ("2.a", ("2.a.1",), None, "x"), ("2.a", ("2.a.1",), None, "2.a.1"), ("2.a.1", (), None, "x"),
    }  # fmt: skip


def test_repeat_inside_a_repeat_and_a_for_each(rows) -> None:
    inner = {"repeat": ["item"], "column": [column("below", "linkId")]}
    select = {
        "forEach": "item",
        "select": [{"repeat": ["item"], "column": [column("link", "linkId")], "select": [inner]}],
    }
    assert [(row["link"], row["below"]) for row in rows(view(select), [TREE])] == [("1.1", "1.1.1")]


def test_nothing_is_cut_off_however_deep_the_data_goes(rows) -> None:
    deep = item("20")
    for level in range(19, 0, -1):
        deep = item(str(level), deep)
    select = {"repeat": ["item"], "column": [column("link", "linkId")]}
    found = rows(view(select), [response(deep), response(item("x")), {"resourceType": "Patient", "id": "p"}])
    assert sorted(row["link"] for row in found) == sorted([*(str(level) for level in range(1, 21)), "x"])


def test_record_deeper_than_a_view_can_go_is_a_problem_and_not_cut_off(frame, monkeypatch) -> None:
    monkeypatch.setattr(view_module, "_FIRST_DEPTH", 2)
    monkeypatch.setattr(view_module, "_DEEPEST", 2)
    select = {"repeat": ["item"], "column": [column("link", "linkId")]}
    records = frame([response(item("1", item("2", item("3")))), response(item("1", item("2")))])
    found = compile_view(view(select)).project(records).collect()
    assert [(row["link"], row["problems"]) for row in found if row["problems"]] == [
        (None, ["repeat: nested deeper than 2 levels"])
    ]
    assert sorted(row["link"] for row in found if not row["problems"]) == ["1", "2"]


def test_two_paths_that_lead_too_deep_are_a_problem_of_the_record_and_not_of_the_lake(frame) -> None:
    """The plan doubles with each level: without an end, one such record would take all memory."""
    deep = item("6")
    for level in range(5, 0, -1):
        deep = item(str(level), deep)
    select = {"repeat": ["item", "answer.item"], "column": [column("link", "linkId")]}
    four = item("a", answers=[("x", [item("b", item("c", item("d")))])])
    found = compile_view(view(select)).project(frame([response(deep), response(four)])).collect()
    assert [row["problems"] for row in found if row["problems"]] == [["repeat: nested deeper than 4 levels"]]
    assert sorted(row["link"] for row in found if not row["problems"]) == ["a", "b", "c", "d"]


def test_view_without_repeat_reads_nothing_when_it_is_planned(frame) -> None:
    broken = frame(["{}"]).selectExpr("raise_error('read') AS payload").selectExpr("CAST(payload AS STRING) AS payload")
    one = {"resource": "Patient", "select": [{"column": [column("id", "id")]}]}
    assert compile_view(one).project(broken).columns == ["id", "is_selected", "problems", "is_first"]
