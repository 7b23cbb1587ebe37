"""silver.diagnostic_report: results, conclusion and attached reports, what is held back and what is doubtful."""

from datetime import datetime

import pytest
from conforming import LOINC, Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.diagnostic_report import diagnostic_report

NPI = "http://hl7.org/fhir/sid/us-npi"
REPORT: Resource = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "code": concept(coding(LOINC, "24325-3", "Hepatic function panel")),
    "subject": {"reference": "Patient/p"},
    "effectiveDateTime": "2020-02-01T10:19:00Z",
    "issued": "2020-02-01T11:00:00.123+00:00",
    "result": [{"reference": "Observation/o1"}],
}
EMPTY: Resource = {k: v for k, v in REPORT.items() if k != "result"}
REPORTS: dict[str, Resource] = {
    "full": {
        **REPORT,
        "category": [concept(coding("urn:v2", "LAB"), coding(LOINC, "LP29708-2"))],
        "code": concept(coding("urn:local", "lft"), coding(LOINC, "24325-3"), text="Liver"),
        "encounter": {"reference": "Encounter/e"},
        "effectivePeriod": {"start": "2020-02-01T10:19:00Z", "end": "2020-02-02"},
        "effectiveDateTime": None,
        "issued": "2020-02-03T01:00:00.5+01:00",
        "performer": [{"reference": "Practitioner/dr"}, {"reference": "Organization/lab"}],
        "resultsInterpreter": [{"identifier": {"system": NPI, "value": "1234567893"}}],
        "basedOn": [{"reference": "ServiceRequest/s"}, {"reference": "CarePlan/x"}],
        "specimen": [{"reference": "Specimen/sp"}],
        "result": [{"reference": "Observation/o1"}, {"reference": "#o2"}, {"reference": "Observation?identifier=u|3"}],
        "imagingStudy": [{"reference": "ImagingStudy/i"}],
        "conclusion": "All well.",
        "conclusionCode": [concept(coding(None, "17621005"))],
        "presentedForm": [{"contentType": "application/pdf", "data": "JVBERi0="}, {"url": "https://x.org/r"}],
    },
    "form-without-type": {**EMPTY, "presentedForm": [{"url": "https://x.org/r"}]},
    "cancelled": {**EMPTY, "status": "cancelled", "effectiveDateTime": "2026-03-01"},
    "registered": {**EMPTY, "status": "registered", "effectiveDateTime": "2026-03-01", "issued": None},
    "empty": EMPTY,
    "issued-first": {**REPORT, "issued": "2020-02-01T00:00:00Z"},
    "wrong-loinc": {**REPORT, "code": concept(coding(LOINC, "24325-4"))},
    "year": {**REPORT, "effectiveDateTime": "2020"},
    "backwards": {
        **REPORT,
        "effectiveDateTime": None,
        "effectivePeriod": {"start": "2020-02-01", "end": "2020-01-15"},
        "issued": None,
    },
    "before-birth": {**REPORT, "effectiveDateTime": "1979-05-05"},
    "future": {**REPORT, "effectiveDateTime": "2026-03-01", "issued": None},
    "issued-in-future": {**REPORT, "issued": "2026-03-01T00:00:00Z"},
    "odd-status": {**REPORT, "status": "done"},
    "nobody": {k: v for k, v in REPORT.items() if k != "subject"},
}

Rows = dict[str, list[Made]]


def there(resources: dict[str, Resource]) -> dict[str, Resource]:
    """Without the elements that a case takes away from its base."""
    return {ident: {k: v for k, v in r.items() if v is not None} for ident, r in resources.items()}


@pytest.fixture(scope="module")
def reports(spark: SparkSession) -> Rows:
    return conform(spark, diagnostic_report, dumps(there(REPORTS)), patients=births(spark, {"p": "1980-08-20"}))


def test_a_cancelled_report_is_marked(reports: Rows) -> None:
    assert one(reports, "cancelled")["is_withdrawn"] is True


def test_all_of_a_report_is_there(reports: Rows) -> None:
    found = one(reports, "full")
    expected = {
        "diagnostic_report_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "status": "final",
        "is_withdrawn": False,
        "category_code": "LAB",
        "code_text": "Liver",
        "loinc_code": "24325-3",
        "effective_at": datetime(2020, 2, 1, 10, 19),
        "effective_precision": "second",
        "effective_ended_at": datetime(2020, 2, 2),
        "effective_ended_precision": "day",
        "issued_at": datetime(2020, 2, 3, 0, 0, 0, 500_000),
        "performer_id": "dr",
        "interpreter_id": None,
        "interpreter_npi": "1234567893",
        "service_request_ids": ["s"],
        "specimen_ids": ["sp"],
        "result_observation_ids": ["o1", "DiagnosticReport/full#o2"],
        "result_references": ["Observation?identifier=u|3"],
        "imaging_study_ids": ["i"],
        "conclusion_text": "All well.",
        "has_presented_form": True,
        "presented_form_types": ["application/pdf"],
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["codes"]] == ["lft", "24325-3"]
    assert [c["code"] for c in found["conclusion_codes"]] == ["17621005"]
    assert (found.failed, found.warned) == (set(), {"results_are_named_by_id"})


@pytest.mark.parametrize(("ident", "has_form"), [("form-without-type", True), ("empty", False)])
def test_an_attached_report_is_seen_whatever_it_says_of_itself(reports: Rows, ident: str, has_form: bool) -> None:
    assert one(reports, ident)["has_presented_form"] is has_form


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("form-without-type", set(), set()),
        ("cancelled", set(), {"issued_at_not_before_effective_at"}),
        ("registered", set(), set()),
        ("empty", set(), {"something_is_reported"}),
        ("issued-first", set(), {"issued_at_not_before_effective_at"}),
        ("wrong-loinc", set(), {"loinc_code_is_valid"}),
        ("year", set(), set()),
        ("backwards", {"effective_ended_at_not_before_effective_at"}, set()),
        ("before-birth", {"effective_at_not_before_birth"}, set()),
        ("future", {"effective_at_not_in_the_future"}, set()),
        ("issued-in-future", {"issued_at_not_in_the_future"}, set()),
        ("odd-status", {"status_is_known"}, set()),
        ("nobody", {"patient_is_named"}, set()),
    ],
)
def test_wrong_reports_are_held_back_and_doubtful_ones_are_warnings(
    reports: Rows, ident: str, failed: set[str], warned: set[str]
) -> None:
    assert (one(reports, ident).failed, one(reports, ident).warned) == (failed, warned)
