"""silver.survey_response: answers at any depth, every type of answer, who answered, and what is held back."""

from datetime import datetime

import pytest
from conforming import LOINC, Made, Resource, births, coding, conform, dumps, one, quantity
from pyspark.sql import SparkSession

from spark_jobs.conform.survey_response import survey_response

URI = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-extension-questionnaire-uri"
BASE: Resource = {
    "resourceType": "QuestionnaireResponse",
    "status": "completed",
    "questionnaire": "http://q.example/phq9|2.1",
    "subject": {"reference": "Patient/p"},
    "authored": "2025-03-01T08:00:00Z",
}


def answered(link: str | None, *answers: Resource, **more: object) -> Resource:
    item: Resource = {"answer": list(answers), **more}
    return item if link is None else {"linkId": link, **item}


def group(link: str, *items: Resource) -> Resource:
    return {"linkId": link, "item": list(items)}


def of(*items: Resource, **more: object) -> Resource:
    found = {**BASE, "item": list(items), **more}
    return {name: value for name, value in found.items() if value is not None}


def plain(**more: object) -> Resource:
    return of(answered("1", {"valueString": "x"}), **more)


TYPES: dict[str, tuple[Resource, dict[str, object]]] = {
    "boolean": ({"valueBoolean": False}, {"value_boolean": False}),
    "decimal": ({"valueDecimal": 2.5}, {"value": 2.5, "value_unit": None}),
    "integer": ({"valueInteger": 3}, {"value": 3.0}),
    "date": ({"valueDate": "2020-05"}, {"value_at": datetime(2020, 5, 1), "value_precision": "month"}),
    "dateTime": (
        {"valueDateTime": "2020-05-01T10:00:00+02:00"},
        {"value_at": datetime(2020, 5, 1, 8), "value_precision": "second"},
    ),
    "time": ({"valueTime": "08:30:00"}, {"value_time": "08:30:00"}),
    "string": ({"valueString": "none"}, {"value_text": "none"}),
    "uri": ({"valueUri": "urn:x"}, {"value_uri": "urn:x"}),
    "Attachment": (
        {"valueAttachment": {"contentType": "image/png", "title": "Rash", "url": "https://ehr.example/1"}},
        {
            "attachment_content_type": "image/png",
            "attachment_title": "Rash",
            "attachment_url": "https://ehr.example/1",
        },
    ),
    "Coding": (
        {"valueCoding": coding(LOINC, "LA6568-5", "Not at all")},
        {
            "value_code": "LA6568-5",
            "value_display": "Not at all",
            "value_codes": [{"system": LOINC, "code": "LA6568-5", "display": "Not at all"}],
        },
    ),
    "Quantity": (
        {"valueQuantity": quantity(70, "kg", comparator="<")},
        {"value": 70.0, "value_unit": "kg", "value_comparator": "<"},
    ),
    "Reference": (
        {"valueReference": {"identifier": {"system": "urn:o", "value": "7"}}},
        {"value_reference": "urn:o|7"},
    ),
}
CASES: dict[str, Resource] = {
    "deep": of(
        group("1", answered("1.1", {"valueInteger": 1}, text="How often?"), group("1.2")),
        answered(
            "2",
            {"valueInteger": 2},
            {"valueInteger": 3, "item": [answered("2.a", {"valueInteger": 4, "item": [group("2.a.1")]})]},
            item=[answered("2.1", {"valueInteger": 5})],
            definition="http://d.example/2",
        ),
        encounter={"reference": "Encounter/e"},
        author={"reference": "Practitioner/dr"},
    ),
    **{name: of(answered("1", answer)) for name, (answer, _) in TYPES.items()},
    "no-answer": of(group("1", group("1.1"))),
    "no-item": of(item=None),
    "empty-answer": of(answered("1", {"item": [answered("1.1", {"valueBoolean": True})]})),
    "no-link": of(answered(None, {"valueBoolean": True})),
    "pdf-form": plain(
        questionnaire=None, _questionnaire={"extension": [{"url": URI, "valueUri": "https://f.example"}]}
    ),
    "own-answers": plain(source={"reference": "Patient/p"}, author={"reference": "Practitioner/dr"}),
    "mother": plain(source={"reference": "RelatedPerson/m"}, author={"reference": "Patient/p"}),
    "own-author": plain(author={"reference": "https://ehr.example/Patient/p"}),
    "their-author": plain(author={"reference": "Practitioner/dr"}),
    "someone": plain(source={"reference": "Patient/q"}),
    "anonymous": plain(subject=None, source={"reference": "Patient/p"}, questionnaire=None),
    "partial": plain(authored="1980"),
    "before-birth": plain(authored="1978"),
    "future": plain(authored="2026-02"),
    "undated": plain(authored=None),
    "bad-status": plain(status="final"),
    "error": plain(status="entered-in-error"),
    "odd-comparator": of(answered("1", {"valueQuantity": quantity(1, "kg", comparator="~")})),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, survey_response, dumps(CASES), patients=births(spark, {"p": "1980-01-01"}))


def test_answers_at_any_depth_are_rows_by_the_place_of_their_question(made: dict[str, list[Made]]) -> None:
    rows = made["deep"]
    # Depth first: 1, 1.1, 1.2, 2, 2.1, then what stands below the answers to 2.
    assert [(r["item_index"], r["answer_index"], r["link_id"], r["value"]) for r in rows] == [
        (1, 0, "1.1", 1.0),
        (3, 0, "2", 2.0),
        (3, 1, "2", 3.0),
        (4, 0, "2.1", 5.0),
        (5, 0, "2.a", 4.0),
    ]
    assert (rows[0]["item_text"], rows[1]["definition"]) == ("How often?", "http://d.example/2")
    for row in rows:
        assert (row["survey_response_id"], row["patient_id"], row["encounter_id"]) == ("deep", "p", "e")
        assert (row["questionnaire"], row["questionnaire_version"]) == ("http://q.example/phq9", "2.1")
        assert (row["authored_at"], row["authored_precision"]) == (datetime(2025, 3, 1, 8), "second")
        assert (row["author_id"], row["author_reference"], row["status"]) == ("dr", None, "completed")
        assert row.failed | row.warned == set()


@pytest.mark.parametrize("name", TYPES)
def test_every_type_of_answer_has_its_column(made: dict[str, list[Made]], name: str) -> None:
    found = one(made, name)
    expected = TYPES[name][1]
    assert found["value_type"] == name
    assert {column: found[column] for column in expected} == expected
    filled = {c for c, v in found.row.items() if c.startswith(("value", "attachment")) and v not in (None, [])}
    assert filled == {c for c, v in expected.items() if v is not None} | {"value_type"}
    assert found.failed | found.warned == set()


@pytest.mark.parametrize("ident", ["no-answer", "no-item"])
def test_a_response_without_answers_has_no_row(made: dict[str, list[Made]], ident: str) -> None:
    found = one(made, ident)
    assert (found.is_selected, found.problems) == (False, ())


def test_an_answer_that_has_only_questions_below_it_is_a_warning(made: dict[str, list[Made]]) -> None:
    above, below = made["empty-answer"]
    assert (above["value_type"], above.warned) == (None, {"value_is_given"})
    assert (below["link_id"], below["value_boolean"], below.warned) == ("1.1", True, set())


def test_a_questionnaire_that_is_no_fhir_one_is_named_by_its_address(made: dict[str, list[Made]]) -> None:
    found = one(made, "pdf-form")
    assert (found["questionnaire"], found["questionnaire_version"]) == ("https://f.example", None)
    assert found.warned == set()


@pytest.mark.parametrize(
    ("ident", "is_self_reported"),
    [
        ("own-answers", True),
        ("mother", False),
        ("own-author", True),
        ("their-author", None),
        ("someone", False),
        ("anonymous", None),
        ("string", None),
    ],
)
def test_it_is_told_whether_the_person_answered(
    made: dict[str, list[Made]], ident: str, is_self_reported: bool | None
) -> None:
    assert one(made, ident)["is_self_reported"] is is_self_reported


def test_who_answered_and_who_wrote_are_kept_apart(made: dict[str, list[Made]]) -> None:
    mother = one(made, "mother")
    assert (mother["source_id"], mother["source_reference"]) == ("m", None)
    assert (mother["author_id"], mother["author_reference"]) == (None, "Patient/p")


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("partial", set()),
        ("before-birth", {"authored_at_not_before_birth"}),
        ("future", {"authored_at_not_in_the_future"}),
        ("bad-status", {"status_is_known"}),
        ("odd-comparator", {"value_comparator_is_known"}),
        ("error", set()),
        ("undated", set()),
        ("anonymous", set()),
        ("no-link", set()),
    ],
)
def test_wrong_answers_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed


@pytest.mark.parametrize(
    ("ident", "warned"),
    [
        ("anonymous", {"patient_is_named", "questionnaire_is_named"}),
        ("no-link", {"link_id_is_given"}),
        ("undated", {"authored_at_is_known"}),
        ("error", set()),
    ],
)
def test_doubtful_answers_are_warned_of(made: dict[str, list[Made]], ident: str, warned: set[str]) -> None:
    assert one(made, ident).warned == warned


def test_what_was_entered_in_error_is_marked(made: dict[str, list[Made]]) -> None:
    assert (one(made, "error")["is_withdrawn"], one(made, "undated")["is_withdrawn"]) == (True, False)
