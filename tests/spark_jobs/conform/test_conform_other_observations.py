"""silver.observation: what is neither a laboratory result nor a vital sign, and that no Observation is missed."""

import re
from datetime import datetime
from itertools import combinations, product

import pytest
from conforming import LOINC, Made, Resource, births, coding, concept, conform, dumps, one, quantity
from pyspark.sql import SparkSession

from lakehouse.fhir import compile_view
from spark_jobs.conform.lab_result import lab_result
from spark_jobs.conform.observation import observation
from spark_jobs.conform.vital_sign import vital_sign
from spark_jobs.job import Job

SCT = "http://snomed.info/sct"
NPI = "http://hl7.org/fhir/sid/us-npi"
VIEWS = (lab_result, vital_sign, observation)
LABORATORY = {"laboratory", "LAB"}
VITAL = {"vital-signs", "Routine Vital Signs"}
VITAL_CODES = ("85354-9", "8867-4", "220045", "8287-5")


def of(code: Resource, kind: str | None, **more: object) -> Resource:
    base: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2025-03-01T08:00:00Z",
    }
    return {**base, **({} if kind is None else {"category": [concept(coding(None, kind))]}), **more}


def loinc(code: str, kind: str | None, **more: object) -> Resource:
    return of(concept(coding(LOINC, code)), kind, **more)


def part(code: str, **value: object) -> Resource:
    return {"code": concept(coding(LOINC, code)), **value}


CASES: dict[str, Resource] = {
    "smoking": of(
        concept(coding(LOINC, "72166-2", "Tobacco smoking status"), coding(SCT, "229819007"), text="Smoking"),
        "social-history",
        encounter={"reference": "https://ehr.example/fhir/Encounter/e/_history/2"},
        performer=[{"reference": f"Practitioner?identifier={NPI}|9999972299"}, {"reference": "Practitioner/second"}],
        valueCodeableConcept=concept(coding(SCT, "8517006", "Ex-smoker")),
        note=[{"text": "Stopped in May."}, {"text": "Asked again."}],
    ),
    "score": loinc(
        "44261-6",
        "survey",
        valueInteger=17,
        derivedFrom=[{"reference": "QuestionnaireResponse/q"}, {"reference": "Observation/answer"}],
    ),
    "group": loinc("44249-1", "survey", hasMember=[{"reference": "Observation/a"}, {"reference": "Observation/b"}]),
    "nothing": loinc("44249-1", "survey"),
    "finding": loinc(
        "59776-5",
        "imaging",
        component=[
            part("33728-7", valueQuantity=quantity(12, "mm")),
            part("8480-6", valueQuantity=quantity(16, "kPa")),
        ],
        bodySite=concept(coding(SCT, "39607008")),
        device={"reference": "Device/scanner"},
        specimen={"identifier": {"system": "urn:s", "value": "7"}},
        effectiveDateTime=None,
        effectivePeriod={"start": "2024", "end": "2024-06-01T10:00:00Z"},
    ),
    "uncategorised": loinc("2345-7", None, valueQuantity=quantity(5.5, "mmol/L")),
    "no-unit": loinc("2345-7", None, valueQuantity={"value": 5.5}),
    "pulse": loinc("8867-4", None, valueQuantity=quantity(70, "/min")),
    "contained": loinc("72166-2", "social-history", valueString="x", device={"reference": "#d"}),
    "before-birth": loinc("72166-2", "social-history", valueString="x", effectiveDateTime="1978"),
    "birth-year": loinc("72166-2", "social-history", valueString="x", effectiveDateTime="1980"),
    "future": loinc("72166-2", "social-history", valueString="x", effectiveDateTime="2026-02"),
    "bad-status": loinc("72166-2", "social-history", valueString="x", status="done"),
    "error": loinc("72166-2", "social-history", status="entered-in-error"),
    "no-patient": loinc("72166-2", "social-history", valueString="x", subject=None),
    "logical": loinc(
        "72166-2", "social-history", valueString="x", subject={"identifier": {"system": "urn:mrn", "value": "1"}}
    ),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    cases = {k: {n: v for n, v in case.items() if v is not None} for k, case in CASES.items()}
    return conform(spark, observation, dumps(cases), patients=births(spark, {"p": "1980-01-01"}))


def combined() -> dict[str, tuple[Resource, str]]:
    """Many categories with many codes, with and without components, each with the table that it belongs to."""
    kinds = ["laboratory", "LAB", "vital-signs", "Routine Vital Signs", "survey", "Vital-Signs", None]
    categories = [c for n in range(3) for c in combinations(kinds, n)]
    codes = [(), ("2345-7",), ("9271-8",), (None,), ("9271-8", "8867-4"), *((c,) for c in VITAL_CODES)]
    found = {}
    for number, (category, code) in enumerate(product(categories, codes)):
        shape = number % 3
        resource: Resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        if category:
            # Both codings in one concept, or one concept each.
            items = [{"system": "urn:c"} if kind is None else coding(None, kind) for kind in category]
            resource["category"] = [concept(*items)] if shape else [concept(item) for item in items]
        if code:
            resource["code"] = concept(*({"display": "x"} if c is None else coding(LOINC, c) for c in code))
        if shape:
            resource["component"] = [part("8867-4", valueInteger=1)]
        if shape == 2:
            resource["valueInteger"] = 1
        is_vital, is_lab = bool(VITAL & set(category)), bool(LABORATORY & set(category))
        has_code = bool(set(VITAL_CODES) & set(code))
        name = "vital_sign" if is_vital else "lab_result" if is_lab else "vital_sign" if has_code else "observation"
        found[str(number)] = (resource, name)
    return found


def selected(spark: SparkSession, job: Job, payloads: list[str]) -> set[str]:
    """Ids of the records that the job's view selects: its `where` and iterations, with as few columns as may be."""
    first, second = job.view["select"]
    rows_of = [{"forEach": branch["forEach"], "column": branch["column"][:1]} for branch in second["unionAll"]]
    view = compile_view({**job.view, "select": [{"column": first["column"][:1]}, {"unionAll": rows_of}]})
    records = spark.createDataFrame([(payload,) for payload in payloads], "payload string")
    rows = view.project(records).where("is_selected").select("observation_id", "problems").collect()
    assert [row.problems for row in rows if row.problems] == []
    return {row.observation_id for row in rows}


def test_each_observation_stands_in_exactly_one_of_the_three_tables(spark: SparkSession) -> None:
    cases = combined()
    payloads = dumps({ident: resource for ident, (resource, _) in cases.items()})
    found = {job.name: selected(spark, job, payloads) for job in VIEWS}
    assert found == {job.name: {i for i, (_, name) in cases.items() if name == job.name} for job in VIEWS}
    assert all(found.values())
    assert sum(map(len, found.values())) == len(cases)


def test_the_views_of_observations_name_the_same_codes() -> None:
    def named(job: Job) -> list[str]:
        (where,) = job.view["where"]
        return re.findall(r"code = '([^']+)'", where["path"].split("code.coding.where", 2)[-1])

    assert named(observation) == named(vital_sign)
    assert len(named(observation)) > 50


def test_all_of_an_observation_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "smoking")
    expected = {
        "observation_id": "smoking",
        "component_index": 0,
        "patient_id": "p",
        "encounter_id": "e",
        "category_code": "social-history",
        "loinc_code": "72166-2",
        "code_text": "Smoking",
        "value_code": "8517006",
        "effective_at": datetime(2025, 3, 1, 8),
        "effective_precision": "second",
        "performer_id": None,
        "performer_reference": f"Practitioner?identifier={NPI}|9999972299",
        "performer_npi": "9999972299",
        "note_texts": ["Stopped in May.", "Asked again."],
        "measurement": None,
        "is_withdrawn": False,
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["codes"]] == ["72166-2", "229819007"]
    assert found.failed | found.warned == set()


def test_a_score_leads_to_what_it_was_made_of(made: dict[str, list[Made]]) -> None:
    found = one(made, "score")
    assert (found["value"], found["source_survey_response_ids"], found["source_observation_ids"]) == (
        17.0,
        ["q"],
        ["answer"],
    )


def test_a_group_needs_no_value_of_its_own_but_an_empty_observation_is_a_warning(made: dict[str, list[Made]]) -> None:
    group = one(made, "group")
    assert (group["member_observation_ids"], group.warned) == (["a", "b"], set())
    assert one(made, "nothing").warned == {"value_or_reason_is_given"}


def test_components_are_rows_and_known_measurements_are_in_their_unit(made: dict[str, list[Made]]) -> None:
    rows = made["finding"]
    assert [(r["component_index"], r["measurement"], r["value"], r["value_unit"]) for r in rows] == [
        (1, None, 12.0, "mm"),
        (2, "systolic_blood_pressure", pytest.approx(120.00984), "mm[Hg]"),
    ]
    for row in rows:
        assert [c["code"] for c in row["panel_codes"]] == ["59776-5"]
        assert [c["code"] for c in row["body_site_codes"]] == ["39607008"]
        assert (row["device_id"], row["specimen_id"], row["specimen_reference"]) == ("scanner", None, "urn:s|7")
        assert (row["effective_at"], row["effective_precision"]) == (datetime(2024, 1, 1), "year")
        assert row["effective_ended_at"] == datetime(2024, 6, 1, 10)
    glucose = one(made, "uncategorised")
    assert (glucose["measurement"], glucose["value"]) == ("glucose", pytest.approx(99.0858))


def test_what_is_not_given_by_id_is_kept_as_written(made: dict[str, list[Made]]) -> None:
    logical = one(made, "logical")
    assert (logical["patient_id"], logical["patient_reference"], logical.failed) == (None, "urn:mrn|1", set())
    assert one(made, "contained")["device_id"] == "Observation/contained#d"


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("before-birth", {"effective_at_not_before_birth"}),
        ("birth-year", set()),
        ("future", {"effective_at_not_in_the_future"}),
        ("bad-status", {"status_is_known"}),
        ("no-patient", {"patient_is_named"}),
        ("no-unit", {"unit_is_known"}),
        ("error", set()),
        ("nothing", set()),
    ],
)
def test_wrong_observations_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed


def test_what_was_entered_in_error_is_marked(made: dict[str, list[Made]]) -> None:
    assert one(made, "error")["is_withdrawn"] is True


def test_a_pulse_without_a_category_is_none_of_them(made: dict[str, list[Made]]) -> None:
    assert one(made, "pulse").is_selected is False
