"""An invalid view is refused before any data is read, with the element and what is wrong in the message."""

from typing import Any

import pytest

from lakehouse.fhir import ViewError, compile_view
from lakehouse.fhir.selects import COLLECTED


def patient(*columns: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"resource": "Patient", "select": [{"column": list(columns)}], **rest}


def column(path: str, **rest: Any) -> dict[str, Any]:
    return {"name": "v", "path": path, **rest}


def collected_as(name: str | None, **rest: Any) -> dict[str, Any]:
    return {"modifierExtension": [{"url": COLLECTED, "valueString": name}], **rest}


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ([], "view: has to be an object"),
        ({"select": []}, "resource: is missing"),
        ({"resource": "Patiant", "select": []}, "'Patiant' is not a resource type of FHIR R4; did you mean Patient?"),
        ({"resource": "Quantity", "select": []}, "'Quantity' is not a resource type"),
        ({"resource": "Patient"}, "select: has to be a list with at least one item"),
        ({"resource": "Patient", "select": [{}]}, "select: has no column"),
        ({"resource": "Patient", "select": ["id"]}, "select[0]: has to be an object"),
        ({"resource": "Patient", "select": [{"columns": []}]}, "select[0].columns: is not part of a select"),
        ({"resource": "Patient", "name": "1st", "select": []}, "name: has to match"),
        (patient({"path": "id"}), "select[0].column[0].name: has to match"),
        (patient(column("id", name="_v")), "select[0].column[0].name: has to match"),
        (patient({"name": "v"}), "select[0].column[0].path: has to be a FHIRPath expression"),
        (patient(column("id"), column("active")), "select: column v is defined twice"),
        (patient(column("id"), column("active", name="V")), "select: column V is defined twice"),
        (patient(column("id", collection="yes")), "select[0].column[0].collection: has to be true or false"),
        (patient(column("id", tpye="id")), "select[0].column[0].tpye: is not part of a column"),
        (patient(column("nane.family")), "Patient has no element 'nane'; did you mean name? (character 1 of"),
        (patient(column("name.family.foo")), "string has no element 'foo'"),
        (patient(column("deceasedBoolean")), "write deceased.ofType(boolean)"),
        (patient(column("deceased")), "choose one by deceased.ofType(...)"),
        (patient(column("deceased.foo")), "choose a type first: deceased.ofType(...).foo"),
        (patient(column("deceased.ofType(Foo)")), "FHIR has no type 'Foo'"),
        (patient(column("name.upper()")), "unknown function upper() (there are where, exists,"),
        (patient(column("name.first(1)")), "first() takes 0 arguments, not 1"),
        (patient(column("name")), "yields a HumanName, which is no column: select its elements (such as family"),
        (patient(column("name.where(family)")), "the criteria of where() have to be boolean, not string"),
        (patient(column("active + 1")), "'+' does not take a boolean and a integer"),
        (patient(column("active = 'x'")), "'=' does not compare a boolean with a string"),
        (patient(column("active < true")), "'<' does not order"),
        (patient(column("name = name")), "'=' does not compare a HumanName with a HumanName"),
        (patient(column("gender and active")), "operand of and has to be boolean, not string"),
        (patient(column("name['a']")), "an index is an integer, not a string"),
        (patient(column("99999999999")), "99999999999 is beyond a 32-bit integer"),
        (patient(column("1.1234567890123456789")), "more than 20 digits before or 18 after the point"),
        (patient(column("(1 + 1.5).lowBoundary()")), "a computed number has no precision"),
        (patient(column("gender.lowBoundary()")), "lowBoundary() takes a decimal, date, dateTime or time"),
        (patient(column("name.getResourceKey()")), "getResourceKey() is for the resource itself"),
        (patient(column("name.getReferenceKey()")), "getReferenceKey() needs a Reference, not a HumanName"),
        (patient(column("managingOrganization.getReferenceKey(Org)")), "'Org' is not a resource type"),
        (patient(column("active.join()")), "join() needs strings, not boolean"),
        (patient(column("extension(gender)")), "extension() needs a string literal or a constant"),
        (patient(column("name.given.first().extension('u')")), "has to stand directly after the element's name"),
        (patient(column("active", type="integer")), "type: is integer, but the path yields boolean"),
        (patient(column("birthDate", type="instant")), "type: is instant, but the path yields date"),
        (patient(column("id", type="HumanName")), "'HumanName' is not a type that a column can have"),
        (patient(column("active", tag=[{"name": "ansi/type", "value": "DATE"}])), "a boolean cannot become one"),
        (patient(column("id", tag=[{"name": "ansi/type", "value": "MONEY"}])), "ansi/type 'MONEY' is unknown"),
        (patient(column("id", tag={"name": "ansi/type"})), "tag: has to be a list"),
        (patient(column("id"), where=[{"path": "name.family"}]), "where[0].path: the path has to be boolean"),
        (patient(column("id"), where={"path": "active"}), "where: has to be a list"),
        (patient(column("id"), where=[{"path": "'x"}]), "where[0].path: a string is not closed (character 1 of"),
    ],
)
def test_invalid_view_is_refused_with_the_element(view: Any, message: str) -> None:
    with pytest.raises(ViewError) as error:
        compile_view(view)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("constant", "message"),
    [
        ({"name": "c"}, "constant[0]: needs exactly one value[x] and has 0"),
        ({"name": "c", "valueString": "a", "valueInteger": 1}, "constant[0]: needs exactly one value[x] and has 2"),
        ({"name": "_c", "valueString": "a"}, "constant[0].name: has to match"),
        ({"name": "c", "valueQuantity": {}}, "constant[0].valueQuantity: is not a type of constant"),
        ({"name": "c", "valueInteger": "1a"}, "constant[0].valueInteger: is not a integer"),
        ({"name": "c", "valueBoolean": "true"}, "constant[0].valueBoolean: has to be true or false"),
        ({"name": "c", "valueDate": 2020}, "constant[0].valueDate: has to be a string"),
        ({"name": "d", "valueString": "a"}, "%c is not defined (there are %d, %resource, %context, %rowIndex)"),
    ],
)
def test_wrong_constant_is_refused(constant: dict[str, Any], message: str) -> None:
    with pytest.raises(ViewError) as error:
        compile_view(patient(column("gender = %c"), constant=[constant]))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"forEach": "name", "forEachOrNull": "name"}, "has both forEach and forEachOrNull; at most one is allowed"),
        ({"forEach": "name", "repeat": ["contact"]}, "has both forEach and repeat"),
        ({"forEach": 1}, "select[0].forEach: has to be a FHIRPath expression in a string"),
        ({"forEach": "nane"}, "select[0].forEach: Patient has no element 'nane'"),
        ({"repeat": "item"}, "select[0].repeat: has to be a list"),
        ({"repeat": ["item"]}, "select[0].repeat: Patient has no element 'item'"),
        ({"repeat": ["gender"]}, "follows elements that have parts"),
        ({"repeat": ["name", "contact"]}, "mixes nodes of type HumanName and PatientContact"),
        ({"unionAll": []}, "select[0].unionAll: has to be a list with at least one item"),
        ({"select": {}}, "select[0].select: has to be a list"),
        ({"column": {}}, "select[0].column: has to be a list"),
        (collected_as("names"), "select[0].modifierExtension: collects rows of forEach only"),
        (collected_as("1st", forEach="name"), "select[0].modifierExtension: has to match"),
        (collected_as(None, forEach="name"), "has to name the column once, in valueString"),
        (collected_as("names", forEach="name", column=[column("use"), column("text")]), "column v is defined twice"),
        (
            {"modifierExtension": {"url": COLLECTED}},
            "select[0].modifierExtension: has to be a list of objects with url and value",
        ),
        (
            {"unionAll": [collected_as("names", forEach="name", column=[column("use")])]},
            "select[0].unionAll: cannot hold a select whose rows are collected",
        ),
    ],
)
def test_wrong_select_is_refused(select: dict[str, Any], message: str) -> None:
    with pytest.raises(ViewError) as error:
        compile_view({"resource": "Patient", "select": [{"column": [column("$this.id.first()")], **select}]})
    assert message in str(error.value)


def test_selects_that_are_nested_too_deeply_are_refused() -> None:
    select: dict[str, Any] = {"column": [column("id")]}
    for _ in range(20):
        select = {"forEach": "$this", "select": [select]}
    with pytest.raises(ViewError, match="select: is nested deeper than 12 levels"):
        compile_view({"resource": "Patient", "select": [select]})
    for _ in range(2000):
        select = {"select": [select]}
    with pytest.raises(ViewError, match="select: is nested deeper than 12 levels"):
        compile_view({"resource": "Patient", "select": [select]})


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ([column("active")], "column v is a boolean where the first branch has a string"),
        ([column("id", collection=True)], "column v is a collection of array<string>"),
        ([column("id", name="w")], "has the columns w where the first branch has v"),
        ([column("id"), column("id", name="w")], "has the columns v, w where the first branch has v"),
    ],
)
def test_branches_of_a_union_have_to_agree(second: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ViewError) as error:
        compile_view(
            {"resource": "Patient", "select": [{"unionAll": [{"column": [column("id")]}, {"column": second}]}]}
        )
    assert str(error.value).startswith("select[0].unionAll[1]: ")
    assert message in str(error.value)
