"""silver.patient: names, identifiers, dates, death, US Core extensions."""

from datetime import UTC, date, datetime

import pytest
from conforming import Made, Resource, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.patient import patient

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"


def omb(kind: str, *codings: Resource, text: str | None = None) -> Resource:
    parts: list[Resource] = [{"url": "ombCategory", "valueCoding": c} for c in codings]
    if text is not None:
        parts.append({"url": "text", "valueString": text})
    return {"url": US_CORE + kind, "extension": parts}


BASE: Resource = {"resourceType": "Patient"}
WHITE, ASIAN = coding(None, "2106-3", "White"), coding(None, "2028-9", "Asian")
CASES: dict[str, Resource] = {
    "full": {
        **BASE,
        "active": True,
        "identifier": [
            {"system": "urn:a", "value": "1"},
            {"system": "urn:mrn", "value": "77", "type": concept(coding(V2, "MR"))},
            {"value": "bare"},
            {"system": "urn:empty"},
        ],
        "name": [
            {"use": "old", "family": "Shaw", "given": ["Amy"]},
            {"use": "usual", "family": "Baxter", "given": ["Amy", "V."]},
        ],
        "gender": "female",
        "birthDate": "1987-02-20",
        "extension": [
            omb("race", WHITE, text="White"),
            omb("ethnicity", coding(None, "2186-5", "Not Hispanic or Latino"), text="No"),
            {"url": US_CORE + "birthsex", "valueCode": "F"},
            {"url": US_CORE + "individual-sex", "valueCoding": coding("http://snomed.info/sct", "248152002")},
        ],
        "address": [
            {"use": "old", "city": "Mounds", "postalCode": "74047"},
            {"line": ["183 Mountain View"], "city": "Tulsa", "state": "OK", "postalCode": "74048", "country": "US"},
        ],
        "telecom": [
            {"system": "phone", "use": "old", "value": "000"},
            {"system": "phone", "value": "555"},
            {"system": "email", "value": "a@example.org"},
        ],
        "communication": [
            {"language": concept(coding("urn:ietf:bcp:47", "en"))},
            {"language": concept(coding("urn:ietf:bcp:47", "es")), "preferred": True},
        ],
        "maritalStatus": concept(coding(None, "M")),
        "managingOrganization": {"reference": "Organization/o1"},
    },
    "official": {**BASE, "name": [{"text": "Usual Name"}, {"use": "official", "family": "Right", "given": ["A"]}]},
    "only-old": {**BASE, "name": [{"use": "old", "family": "Once"}]},
    "year": {**BASE, "birthDate": "1950"},
    "month": {**BASE, "birthDate": "1950-07"},
    "races": {**BASE, "extension": [omb("race", WHITE, ASIAN, text="Mixed")]},
    "race-in-words": {**BASE, "extension": [omb("race", text="Declined")]},
    "died-at": {**BASE, "birthDate": "1937-10-21", "deceasedDateTime": "2022-07-22"},
    "died": {**BASE, "deceasedBoolean": True},
    "alive": {**BASE, "deceasedBoolean": False},
    "merged": {
        **BASE,
        "active": False,
        "link": [
            {"other": {"reference": "Patient/full"}, "type": "replaced-by"},
            {"other": {"reference": "RelatedPerson/aunt"}, "type": "seealso"},
            {"other": {"reference": "Patient/twin"}, "type": "seealso"},
        ],
    },
    "logical-organization": {**BASE, "managingOrganization": {"identifier": {"system": "urn:o", "value": "9"}}},
    "unborn": {**BASE, "birthDate": "2026-01-20"},
    "born-tomorrow": {**BASE, "birthDate": "2026-01-16"},
    "died-unborn": {**BASE, "birthDate": "2000-05-10", "deceasedDateTime": "2000-05-08T00:00:00Z"},
    "died-in-birth-year": {**BASE, "birthDate": "2000-05-10", "deceasedDateTime": "2000"},
    "will-die": {**BASE, "birthDate": "2000-05-10", "deceasedDateTime": "2027-01-01"},
    "too-old": {**BASE, "birthDate": "1850-01-01"},
    "gender": {**BASE, "gender": "Male"},
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, patient, dumps(CASES))


def test_all_of_a_patient_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "patient_id": "full",
        "mrn": "77",
        "identifiers": [
            {"system": "urn:a", "value": "1"},
            {"system": "urn:mrn", "value": "77"},
            {"system": None, "value": "bare"},
        ],
        "family_name": "Baxter",
        "given_names": ["Amy", "V."],
        "name_text": None,
        "birth_on": date(1987, 2, 20),
        "birth_precision": "day",
        "gender": "female",
        "birth_sex": "F",
        "sex_code": "248152002",
        "race": "White",
        "ethnicity": "Not Hispanic or Latino",
        "is_deceased": False,
        "marital_status_code": "M",
        "address_lines": ["183 Mountain View"],
        "city": "Tulsa",
        "state": "OK",
        "postal_code": "74048",
        "phone": "555",
        "email": "a@example.org",
        "language_code": "es",
        "organization_id": "o1",
        "organization_reference": None,
        "is_active": True,
    }
    assert {name: found[name] for name in expected} == expected
    assert found.failed == set()
    assert found.warned == set()


def test_an_official_name_wins_whole_and_an_old_one_is_the_last_resort(made: dict[str, list[Made]]) -> None:
    official = one(made, "official")
    assert (official["family_name"], official["given_names"], official["name_text"]) == ("Right", ["A"], None)
    assert one(made, "only-old")["family_name"] == "Once"


@pytest.mark.parametrize(
    ("ident", "day", "precision"),
    [("year", date(1950, 1, 1), "year"), ("month", date(1950, 7, 1), "month"), ("alive", None, None)],
)
def test_a_partial_birth_date_is_its_first_day_and_says_so(
    made: dict[str, list[Made]], ident: str, day: date | None, precision: str | None
) -> None:
    found = one(made, ident)
    assert (found["birth_on"], found["birth_precision"]) == (day, precision)
    assert ("birth_on_is_known" in found.warned) == (day is None)


def test_several_races_are_said_to_be_several_and_all_kept(made: dict[str, list[Made]]) -> None:
    several = one(made, "races")
    assert several["race"] == "Two or more races"
    assert [c["code"] for c in several["race_codes"]] == ["2106-3", "2028-9"]
    assert one(made, "race-in-words")["race"] == "Declined"
    assert one(made, "alive")["race"] is None


def test_death_is_known_with_or_without_its_time(made: dict[str, list[Made]]) -> None:
    dated = one(made, "died-at")
    assert dated["is_deceased"] is True
    assert dated["deceased_at"].replace(tzinfo=UTC) == datetime(2022, 7, 22, tzinfo=UTC)
    assert dated["deceased_precision"] == "day"
    assert (one(made, "died")["is_deceased"], one(made, "died")["deceased_at"]) == (True, None)
    assert one(made, "alive")["is_deceased"] is False
    assert one(made, "year")["is_deceased"] is False


def test_a_merged_record_points_to_the_one_that_stands(made: dict[str, list[Made]]) -> None:
    merged = one(made, "merged")
    assert (merged["replaced_by_patient_id"], merged["linked_patient_ids"]) == ("full", ["full", "twin"])
    assert one(made, "alive")["linked_patient_ids"] == []


def test_a_logical_reference_is_kept_as_text(made: dict[str, list[Made]]) -> None:
    found = one(made, "logical-organization")
    assert (found["organization_id"], found["organization_reference"]) == (None, "urn:o|9")


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("unborn", {"birth_on_not_in_the_future"}),
        ("born-tomorrow", set()),
        ("died-unborn", {"deceased_at_not_before_birth"}),
        ("died-in-birth-year", set()),
        ("will-die", {"deceased_at_not_in_the_future"}),
        ("gender", {"gender_is_known"}),
        ("too-old", set()),
    ],
)
def test_wrong_patients_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed


def test_an_age_that_nobody_reached_is_a_warning(made: dict[str, list[Made]]) -> None:
    assert "age_is_plausible" in one(made, "too-old").warned
