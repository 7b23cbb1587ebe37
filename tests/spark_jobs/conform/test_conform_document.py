"""silver.document: the text of notes by charset, what is no text, references, dates, and what is held back."""

import base64
import hashlib
from datetime import datetime

import pytest
from conforming import LOINC, Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.document import document

NPI = "http://hl7.org/fhir/sid/us-npi"
NOTE = "Größe 1,78 m"
BASE: Resource = {"resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p"}}


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def attached(content: bytes | str | None, kind: str | None = "text/plain", **more: object) -> Resource:
    data = b64(content) if isinstance(content, bytes) else content
    given = {"contentType": kind, "data": data, **more}
    return {"attachment": {name: value for name, value in given.items() if value is not None}}


def of(*contents: Resource, **more: object) -> Resource:
    found = {**BASE, "type": concept(coding(LOINC, "34117-2")), "content": list(contents), **more}
    return {name: value for name, value in found.items() if value is not None}


def note(encoding: str, kind: str | None, **more: object) -> Resource:
    return of(attached(NOTE.encode(encoding), kind, **more))


def dated(**more: object) -> Resource:
    return of(attached(b"x"), **more)


CASES: dict[str, Resource] = {
    "full": of(
        {
            **attached(
                b"Well.",
                language="en",
                title="Discharge",
                size=5,
                hash=b64(hashlib.sha1(b"Well.").digest()),
                creation="2024-05",
            ),
            "format": coding("urn:f", "f1"),
        },
        docStatus="final",
        type=concept(coding("urn:own", "DS"), coding(LOINC, "18842-5"), text="Discharge summary"),
        category=[concept(coding("urn:c", "clinical-note"))],
        date="2024-05-03T10:00:00.5+02:00",
        author=[{"reference": f"Practitioner?identifier={NPI}|9999972299"}, {"reference": "Organization/o"}],
        authenticator={"reference": "Practitioner/boss"},
        custodian={"reference": "https://ehr.example/fhir/Organization/hospital"},
        relatesTo=[
            {"code": "replaces", "target": {"reference": "DocumentReference/old"}},
            {"code": "appends", "target": {"reference": "DocumentReference/other"}},
        ],
        context={
            "encounter": [{"reference": "Encounter/e"}, {"reference": "Encounter/f"}],
            "period": {"start": "2024-05-01", "end": "2024-05-03T09:00:00Z"},
        },
        description="Pneumonia",
    ),
    "utf-8": note("utf-8", "text/plain; charset=utf-8"),
    "no-charset": note("utf-8", "Text/Plain"),
    "latin-1": note("latin-1", 'text/plain;charset="ISO-8859-1"'),
    "windows": of(attached("“Größe”".encode("cp1252"), "text/plain; charset=windows-1252")),
    "bom": of(attached(b"\xef\xbb\xbf" + NOTE.encode(), "text/plain")),
    "html": note("utf-8", "text/html; charset=UTF-8; level=1"),
    "wrapped": of(attached(f" {b64(NOTE.encode())[:8]}\n{b64(NOTE.encode())[8:]} ")),
    "not-utf-8": note("latin-1", "text/plain; charset=utf-8"),
    "not-said-latin": note("latin-1", "text/plain"),
    "odd-charset": note("utf-8", "text/plain; charset=klingon"),
    "no-base64": of(attached("%%%")),
    "pdf": of(attached(b"%PDF-1.7", "application/pdf")),
    "untyped": of(attached(b"hello", None)),
    "link": of(attached(None, "application/pdf", url="https://ehr.example/Binary/b", size=9)),
    "blank": of(attached("")),
    "several": of(attached(b"<p>Hi</p>", "text/html"), attached(b"%PDF", "application/pdf"), attached(b"Hi")),
    "none": of(),
    "wrong-size": of(attached(b"four", size=5)),
    "wrong-hash": of(attached(b"four", hash=b64(hashlib.sha1(b"five").digest()))),
    "error": dated(status="entered-in-error"),
    "text-error": dated(docStatus="entered-in-error"),
    "untitled": dated(type=None),
    "contained": dated(author=[{"reference": "#a"}], subject={"identifier": {"system": "urn:mrn", "value": "1"}}),
    "backwards": dated(context={"period": {"start": "2024-05-03", "end": "2024-04-30"}}),
    "same-month": dated(context={"period": {"start": "2024-05-03", "end": "2024-05"}}),
    "before-birth": dated(date="1979-12-01T00:00:00Z"),
    "future": dated(date="2026-01-18T00:00:00Z"),
    "tomorrow": dated(date="2026-01-16T23:00:00Z"),
    "bad-status": dated(status="final"),
    "bad-doc-status": dated(docStatus="current"),
    "no-patient": dated(subject=None),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, document, dumps(CASES), patients=births(spark, {"p": "1980-01-01"}))


def test_all_of_a_document_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "document_id": "full",
        "content_index": 0,
        "patient_id": "p",
        "encounter_id": "e",
        "encounter_ids": ["e", "f"],
        "status": "current",
        "doc_status": "final",
        "is_withdrawn": False,
        "type_text": "Discharge summary",
        "loinc_code": "18842-5",
        "category_code": "clinical-note",
        "recorded_at": datetime(2024, 5, 3, 8, 0, 0, 500000),
        "service_started_at": datetime(2024, 5, 1),
        "service_started_precision": "day",
        "service_ended_at": datetime(2024, 5, 3, 9),
        "service_ended_precision": "second",
        "author_id": None,
        "author_reference": f"Practitioner?identifier={NPI}|9999972299",
        "author_npi": "9999972299",
        "author_references": [f"Practitioner?identifier={NPI}|9999972299", "Organization/o"],
        "authenticator_id": "boss",
        "custodian_id": "hospital",
        "custodian_reference": None,
        "replaced_document_ids": ["old"],
        "description": "Pneumonia",
        "content_type": "text/plain",
        "language_code": "en",
        "title": "Discharge",
        "size_bytes": 5,
        "created_at": datetime(2024, 5, 1),
        "created_precision": "month",
        "format_code": "f1",
        "note_text": "Well.",
        "has_binary": False,
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["type_codes"]] == ["DS", "18842-5"]
    assert found.failed | found.warned == set()


@pytest.mark.parametrize(
    ("ident", "text"),
    [
        ("utf-8", NOTE),
        ("no-charset", NOTE),
        ("latin-1", NOTE),
        ("windows", "“Größe”"),
        ("bom", NOTE),
        ("html", NOTE),
        ("wrapped", NOTE),
    ],
)
def test_the_text_of_a_note_is_read_by_its_charset(made: dict[str, list[Made]], ident: str, text: str) -> None:
    found = one(made, ident)
    assert (found["note_text"], found["has_binary"]) == (text, False)
    assert found.failed | found.warned == set()


@pytest.mark.parametrize("ident", ["not-utf-8", "not-said-latin", "odd-charset", "no-base64"])
def test_text_that_cannot_be_decoded_is_never_guessed_but_warned_of(made: dict[str, list[Made]], ident: str) -> None:
    found = one(made, ident)
    assert (found["note_text"], found["has_binary"]) == (None, True)
    assert (found.failed, found.warned) == (set(), {"text_is_readable"})


@pytest.mark.parametrize(
    ("ident", "has_binary", "size", "warned"),
    [
        ("pdf", True, 8, set()),
        ("untyped", True, 5, set()),
        ("link", False, 9, set()),
        ("blank", False, None, {"content_is_given"}),
        ("none", False, None, {"content_is_given"}),
    ],
)
def test_what_is_no_text_has_none(
    made: dict[str, list[Made]], ident: str, has_binary: bool, size: int | None, warned: set[str]
) -> None:
    found = one(made, ident)
    assert (found["note_text"], found["has_binary"], found["size_bytes"]) == (None, has_binary, size)
    assert (found.failed, found.warned) == (set(), warned)


def test_each_content_is_a_row(made: dict[str, list[Made]]) -> None:
    assert [(r["content_index"], r["note_text"], r["has_binary"]) for r in made["several"]] == [
        (0, "<p>Hi</p>", False),
        (1, None, True),
        (2, "Hi", False),
    ]


@pytest.mark.parametrize(
    ("ident", "warned"),
    [
        ("wrong-size", {"size_is_that_of_the_data"}),
        ("wrong-hash", {"hash_is_that_of_the_data"}),
        ("untitled", {"type_is_given"}),
    ],
)
def test_doubtful_documents_are_warned_of(made: dict[str, list[Made]], ident: str, warned: set[str]) -> None:
    found = one(made, ident)
    assert (found.failed, found.warned) == (set(), warned)


@pytest.mark.parametrize("ident", ["error", "text-error"])
def test_what_was_entered_in_error_is_marked(made: dict[str, list[Made]], ident: str) -> None:
    found = one(made, ident)
    assert (found["is_withdrawn"], found.failed) == (True, set())


def test_references_that_are_no_ids_are_kept(made: dict[str, list[Made]]) -> None:
    found = one(made, "contained")
    assert (found["patient_id"], found["patient_reference"]) == (None, "urn:mrn|1")
    assert found["author_id"] == "DocumentReference/contained#a"


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("backwards", {"service_ended_at_not_before_service_started_at"}),
        ("same-month", set()),
        ("before-birth", {"recorded_at_not_before_birth"}),
        ("future", {"recorded_at_not_in_the_future"}),
        ("tomorrow", set()),
        ("bad-status", {"status_is_known"}),
        ("bad-doc-status", {"doc_status_is_known"}),
        ("no-patient", {"patient_is_named"}),
    ],
)
def test_wrong_documents_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed
