"""silver.imaging_study: identifiers, modalities and counts over the series, references, and what is held back."""

from datetime import datetime

import pytest
from conforming import LOINC, Made, Resource, births, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.imaging_study import imaging_study

DCM = "http://dicom.nema.org/resources/ontology/DCM"
SCT = "http://snomed.info/sct"
NPI = "http://hl7.org/fhir/sid/us-npi"
CT, SR = coding(DCM, "CT"), coding(DCM, "SR")
BASE: Resource = {
    "resourceType": "ImagingStudy",
    "status": "available",
    "subject": {"reference": "Patient/p"},
    "modality": [CT],
    "started": "2025-03-01T08:00:00Z",
}


def series(uid: str, modality: Resource, count: int | None = None, **more: object) -> Resource:
    found: Resource = {"uid": uid, "modality": modality, **more}
    return found if count is None else {**found, "numberOfInstances": count}


def uid(value: str, system: str = "urn:dicom:uid") -> Resource:
    return {"identifier": [{"system": system, "value": value}]}


def of(**more: object) -> Resource:
    return {name: value for name, value in {**BASE, **more}.items() if value is not None}


TWO = [series("1.2.1", CT, 30), series("1.2.2", SR, 1)]
CASES: dict[str, Resource] = {
    "full": of(
        identifier=[
            {"system": "urn:ietf:rfc:3986", "value": "urn:oid:9.9"},
            {"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.99"},
            {"type": concept(coding(None, "ACSN")), "value": "A-17"},
        ],
        encounter={"reference": "Encounter/e"},
        numberOfSeries=2,
        numberOfInstances=31,
        procedureCode=[concept(coding(SCT, "169069000"), coding(LOINC, "24627-2"), text="CT chest")],
        procedureReference={"reference": "Procedure/x"},
        reasonCode=[concept(coding(SCT, "267036007")), {"text": "Short of breath"}],
        reasonReference=[{"reference": "Condition/c"}, {"reference": "Observation/o"}],
        description="CT chest without contrast",
        referrer={"reference": f"Practitioner?identifier={NPI}|9999972299"},
        interpreter=[{"identifier": {"system": NPI, "value": "9999972298"}}],
        location={"reference": "Location/l"},
        series=[
            series("1.2.1", CT, 30, bodySite=coding(SCT, "51185008"), description="Axial"),
            series("1.2.2", SR, 1, bodySite=coding(SCT, "51185008"), laterality=coding(SCT, "7771000")),
        ],
        note=[{"text": "Breathing artefacts"}],
    ),
    "listed": of(series=TWO),
    "half-listed": of(series=[series("1.2.1", CT, 30), series("1.2.2", SR)]),
    "counts-differ": of(numberOfSeries=3, numberOfInstances=30, series=TWO),
    "counts-alone": of(numberOfSeries=3, numberOfInstances=30),
    "negative": of(numberOfInstances=-1),
    "old-uid": of(**uid("urn:oid:1.2.3", "urn:ietf:rfc:3986")),
    "uuid": of(**uid("urn:uuid:1f0e", "urn:ietf:rfc:3986")),
    "zero-uid": of(**uid("1.02.3")),
    "long-uid": of(**uid("1." + "2" * 63)),
    "longest-uid": of(**uid("1." + "2" * 62)),
    "no-modality": of(modality=None),
    "partial": of(started="1980"),
    "undated": of(started=None),
    "before-birth": of(started="1979-06"),
    "future": of(started="2026-02"),
    "scheduled": of(started="2026-02", status="registered"),
    "cancelled": of(started="2026-02", status="cancelled"),
    "bad-status": of(status="final"),
    "no-patient": of(subject=None),
    "versioned": of(subject={"reference": "https://ehr.example/fhir/Patient/p/_history/3"}),
    "conditional": of(subject={"reference": "Patient?identifier=urn:mrn|1"}),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, imaging_study, dumps(CASES), patients=births(spark, {"p": "1980-01-01"}))


def codes(made: Made, column: str) -> list[str]:
    return [c["code"] for c in made[column]]


def test_all_of_a_study_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "imaging_study_id": "full",
        "patient_id": "p",
        "encounter_id": "e",
        "status": "available",
        "is_withdrawn": False,
        "study_uid": "1.2.840.99",
        "accession_number": "A-17",
        "started_at": datetime(2025, 3, 1, 8),
        "started_precision": "second",
        "description": "CT chest without contrast",
        "modality_code": "CT",
        "procedure_text": "CT chest",
        "snomed_code": "169069000",
        "loinc_code": "24627-2",
        "cpt_code": None,
        "procedure_id": "x",
        "reason_texts": ["Short of breath"],
        "reason_condition_ids": ["c"],
        "series_count": 2,
        "instance_count": 31,
        "series_uids": ["1.2.1", "1.2.2"],
        "series_modality_codes": ["CT", "SR"],
        "series_descriptions": ["Axial"],
        "referrer_id": None,
        "referrer_npi": "9999972299",
        "interpreter_reference": f"{NPI}|9999972298",
        "location_id": "l",
        "note_texts": ["Breathing artefacts"],
    }
    assert {name: found[name] for name in expected} == expected
    assert codes(found, "modality_codes") == ["CT", "SR"]
    assert codes(found, "procedure_codes") == ["169069000", "24627-2"]
    assert codes(found, "reason_codes") == ["267036007"]
    assert codes(found, "body_site_codes") == ["51185008"]
    assert codes(found, "laterality_codes") == ["7771000"]
    assert (found.failed, found.warned) == (set(), {"interpreter_npi_is_valid"})


@pytest.mark.parametrize(
    ("ident", "series_count", "instance_count", "warned"),
    [
        ("listed", 2, 31, set()),
        ("half-listed", 2, None, set()),
        ("counts-alone", 3, 30, set()),
        ("counts-differ", 3, 30, {"series_count_agrees", "instance_count_agrees"}),
    ],
)
def test_series_and_images_are_counted_where_the_source_does_not(
    made: dict[str, list[Made]], ident: str, series_count: int, instance_count: int | None, warned: set[str]
) -> None:
    found = one(made, ident)
    assert (found["series_count"], found["instance_count"], found.warned) == (series_count, instance_count, warned)


@pytest.mark.parametrize(
    ("ident", "study_uid", "warned"),
    [
        ("old-uid", "1.2.3", set()),
        ("uuid", None, set()),
        ("zero-uid", "1.02.3", {"study_uid_is_valid"}),
        ("long-uid", "1." + "2" * 63, {"study_uid_is_valid"}),
        ("longest-uid", "1." + "2" * 62, set()),
    ],
)
def test_the_uid_of_a_study_is_found_and_judged(
    made: dict[str, list[Made]], ident: str, study_uid: str | None, warned: set[str]
) -> None:
    found = one(made, ident)
    assert (found["study_uid"], found.warned, found.failed) == (study_uid, warned, set())


def test_the_person_is_found_by_any_reference(made: dict[str, list[Made]]) -> None:
    assert one(made, "versioned")["patient_id"] == "p"
    conditional = one(made, "conditional")
    assert (conditional["patient_id"], conditional["patient_reference"]) == (None, "Patient?identifier=urn:mrn|1")
    assert conditional.failed == set()


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("partial", set()),
        ("undated", set()),
        ("before-birth", {"started_at_not_before_birth"}),
        ("future", {"started_at_not_in_the_future"}),
        ("scheduled", set()),
        ("cancelled", set()),
        ("negative", {"counts_are_not_negative"}),
        ("bad-status", {"status_is_known"}),
        ("no-patient", {"patient_is_named"}),
        ("no-modality", set()),
    ],
)
def test_wrong_studies_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed


def test_doubtful_studies_are_warned_of(made: dict[str, list[Made]]) -> None:
    assert one(made, "undated").warned == {"started_at_is_known"}
    assert one(made, "no-modality").warned == {"modality_is_given"}


def test_a_cancelled_study_is_marked(made: dict[str, list[Made]]) -> None:
    assert (one(made, "cancelled")["is_withdrawn"], one(made, "scheduled")["is_withdrawn"]) == (True, False)
