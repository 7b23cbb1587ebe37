"""A mapping is refused with a sentence that says what is wrong; those that ship are not."""

import json
from typing import Any

import pytest

from catalog.mapping import InvalidMapping, Reference, available, load_mapping, parts, read_mapping


def mapping(**changes: Any) -> dict[str, Any]:
    """A small mapping that is right, with some of its parts replaced."""
    good: dict[str, Any] = {
        "title": "Ten beds",
        "files": {
            "stays": {
                "columns": {"stay": {"type": "id"}, "ward": {}, "admitted": {"type": "date", "format": "dd.MM.yyyy"}},
                "resources": [{"resource": {"resourceType": "Encounter", "id": "{stay}", "status": "finished"}}],
            }
        },
    }
    return {**good, **changes}


def stays(**changes: Any) -> dict[str, Any]:
    """The same with parts of its only kind of file replaced."""
    whole = mapping()
    return {**whole, "files": {"stays": {**whole["files"]["stays"], **changes}}}


def resource(**changes: Any) -> dict[str, Any]:
    """The same with parts of its only resource replaced."""
    return stays(resources=[{"resource": {"resourceType": "Encounter", "id": "{stay}", **changes}}])


def test_the_mappings_that_ship_are_valid() -> None:
    assert available() == ["physionet2012", "uci_diabetes130"]
    for name in available():
        assert load_mapping(name).kinds


def test_ids_and_references_begin_with_the_mappings_name() -> None:
    whole = read_mapping("ten_beds", json.dumps(resource(subject={"reference": "Patient/{stay}"})))
    made = whole.kinds[0].templates[0].resource
    assert (made["id"], made["subject"]["reference"]) == ("ten-beds-{stay}", "Patient/ten-beds-{stay}")


def test_another_text_is_another_version() -> None:
    one, other = (read_mapping("ten_beds", json.dumps(mapping(title=t))) for t in ("a", "b"))
    assert one.version != other.version


def test_a_file_is_of_the_kind_whose_columns_its_header_has_in_any_order() -> None:
    whole = read_mapping("ten_beds", json.dumps(mapping()))
    kind = whole.kind_of(["more", "ward", "admitted", "stay"])
    assert kind is not None
    assert kind.name == "stays"
    assert whole.kind_of(["stay", "ward"]) is None


def test_doubled_braces_are_braces() -> None:
    *literal, reference = parts("{{score}} {a?}")
    assert ("".join(map(str, literal)), reference) == ("{score} ", Reference("a", is_optional=True))


def test_a_template_is_repeated_for_each_item() -> None:
    each = [{"column": "ward"}, {"column": "admitted"}]
    spec = {"each": each, "needs": ["<column>"], "resource": {"resourceType": "Basic", "id": "{stay}-<column>"}}
    whole = read_mapping("ten_beds", json.dumps(stays(resources=[spec])))
    assert [(t.resource["id"], t.needs) for t in whole.kinds[0].templates] == [
        ("ten-beds-{stay}-ward", ("ward",)),
        ("ten-beds-{stay}-admitted", ("admitted",)),
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (mapping(files={}), "it has no files"),
        (mapping(delimiter=";;"), "the delimiter is one character"),
        (mapping(encoding="latin-99"), "there is no encoding 'latin-99'"),
        (mapping(encoding="utf-16"), "lines can't be told apart"),
        (stays(columns={"stay": {"type": "key"}}), "files.stays.columns.stay: there is no type 'key'"),
        (stays(columns={"stay": {"type": "id"}, "on": {"type": "date"}}), "a date needs its format"),
        (resource(status="{state}"), "{state} is no column, no constant and no field of a value table"),
        (resource(id="all"), "the id names no column"),
        (resource(id="{stay}-{ward}"), "{ward} in the id has to be of type"),
        (resource(id="{stay}/1"), "the id has characters that no FHIR id can have"),
        (resource(resourceType=""), "it has no resourceType"),
        (resource(length={"value": "#{stay} d"}), "a number is one reference"),
        (stays(resources=[]), "has neither resources nor, for a value table, a key"),
        (mapping(tables={"wards": {"column": "wrd", "entries": {"1": {}}}}), "no kind of file has the column 'wrd'"),
        (mapping(tables={"wards": {"column": "ward"}}), "tables.wards: it has either entries or a file"),
        (mapping(tables={"wards": {"column": "ward", "file": "stays"}}), "'stays' is no kind of file with a key"),
        ({"files": {}}, "is not built as a mapping is"),
    ],
)
def test_what_is_wrong_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidMapping) as error:
        read_mapping("ten_beds", json.dumps(wrong))
    assert said in str(error.value)
    assert "ten_beds" in str(error.value)


def test_a_missing_mapping_is_told_with_those_that_there_are() -> None:
    with pytest.raises(InvalidMapping, match="physionet2012, uci_diabetes130"):
        load_mapping("../secret")
