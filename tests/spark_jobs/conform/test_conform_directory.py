"""silver.organization, silver.practitioner, silver.location: names, identifiers, addresses, hierarchies, positions."""

import pytest
from conforming import Made, Resource, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.location import location
from spark_jobs.conform.organization import organization
from spark_jobs.conform.practitioner import practitioner

NPI = "http://hl7.org/fhir/sid/us-npi"
NPI_OID = "urn:oid:2.16.840.1.113883.4.6"
KIND = "http://terminology.hl7.org/CodeSystem/organization-type"


def has_npi(value: str, system: str = NPI) -> Resource:
    return {"identifier": [{"system": system, "value": value}]}


ORGANIZATION: Resource = {"resourceType": "Organization", "name": "Acme Clinic"}
ORGANIZATIONS: dict[str, Resource] = {
    "full": {
        **ORGANIZATION,
        "active": True,
        "identifier": [
            {"value": "bare"},
            {"system": "urn:tin", "value": "12-3"},
            {"system": NPI, "value": "1234567893"},
            {"system": "urn:empty"},
        ],
        "alias": ["Acme", "Old Acme"],
        "type": [
            concept(coding(KIND, "prov"), text="Provider"),
            concept(coding("urn:own", "7"), coding("urn:own", "8")),
        ],
        "telecom": [
            {"system": "phone", "use": "old", "value": "000"},
            {"system": "phone", "value": "555"},
            {"system": "email", "value": "hq@example.org"},
        ],
        "address": [
            {"use": "old", "city": "Mounds"},
            {"line": ["1 Main St", "Floor 2"], "city": "Tulsa", "district": "Tulsa County", "state": "OK"},
        ],
        "partOf": {"reference": "https://server/fhir/Organization/parent/_history/2"},
    },
    "npi-oid": {**ORGANIZATION, **has_npi("1407071236", NPI_OID)},
    "npi-wrong": {**ORGANIZATION, **has_npi("1234567890")},
    "conditional": {**ORGANIZATION, "partOf": {"reference": "Organization?identifier=urn:x|9"}},
    "logical": {**ORGANIZATION, "partOf": {"identifier": {"system": "urn:x", "value": "9"}}},
    "contained": {**ORGANIZATION, "partOf": {"reference": "#above"}},
    "in-words": {**ORGANIZATION, "partOf": {"display": "Health Level Seven"}},
    "loop": {**ORGANIZATION, "partOf": {"reference": "Organization/loop"}},
    "numbered": {"resourceType": "Organization", "identifier": [{"value": "1"}]},
    "nameless": {"resourceType": "Organization", "active": False},
}
PRACTITIONER: Resource = {"resourceType": "Practitioner"}
PRACTITIONERS: dict[str, Resource] = {
    "full": {
        **PRACTITIONER,
        "active": False,
        **has_npi("1245319599"),
        "name": [{"text": "Ron"}, {"use": "official", "family": "Bone", "given": ["Ronald", "A."], "prefix": ["Dr"]}],
        "gender": "male",
        "qualification": [
            {"code": concept(coding("urn:q", "MD"), text="Doctor of Medicine"), "period": {"start": "1990"}},
            {"code": concept(coding("urn:q", "PHD"))},
        ],
        "address": [
            {"use": "home", "line": ["9 Private Rd"], "city": "Home", "postalCode": "11111"},
            {"use": "work", "line": ["1003 Healthcare Dr"], "city": "Amherst", "state": "MA", "postalCode": "01002"},
        ],
        "telecom": [
            {"system": "phone", "use": "home", "value": "private"},
            {"system": "phone", "use": "mobile", "value": "555"},
            {"system": "email", "value": "ron@example.org"},
        ],
    },
    "only-at-home": {**PRACTITIONER, "name": [{"family": "Home"}], "address": [{"use": "home", "city": "Home"}]},
    "only-old": {**PRACTITIONER, "name": [{"use": "old", "family": "Once"}]},
    "npi-wrong": {**PRACTITIONER, **has_npi("1245319598")},
    "bad-gender": {**PRACTITIONER, "name": [{"text": "X"}], "gender": "M"},
}
LOCATION: Resource = {"resourceType": "Location", "name": "Ward"}
PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"


def at(latitude: float | None, longitude: float | None) -> Resource:
    position = {k: v for k, v in (("latitude", latitude), ("longitude", longitude)) if v is not None}
    return {**LOCATION, "position": position}


LOCATIONS: dict[str, Resource] = {
    "full": {
        **LOCATION,
        "status": "active",
        "mode": "instance",
        "alias": ["West"],
        "description": "Second floor",
        "identifier": [{"system": "urn:loc", "value": "29"}],
        "operationalStatus": coding("http://terminology.hl7.org/CodeSystem/v2-0116", "O"),
        "type": [concept(coding("urn:t", "HU")), concept(coding("urn:t", "HOSP"))],
        "physicalType": concept(coding(PHYSICAL, "wa", "Ward")),
        "telecom": [{"system": "phone", "value": "555"}],
        "address": {"line": ["70 East St"], "city": "Methuen", "state": "MA", "postalCode": "01844", "country": "US"},
        "position": {"longitude": -72.519854, "latitude": 42.373222},
        "managingOrganization": {"reference": "Organization/o"},
        "partOf": {"reference": "Location/house"},
    },
    "synthea": {**LOCATION, "managingOrganization": {"identifier": {"system": "urn:s", "value": "74ab"}}},
    "poles": at(-90, 180),
    "too-far-north": at(90.5, 0),
    "too-far-west": at(0, -181),
    "null-island": at(0, 0),
    "equator": at(0, 12.5),
    "half": at(42.3, None),
    "loop": {**LOCATION, "partOf": {"reference": "Location/loop"}},
    "bad-status": {**LOCATION, "status": "closed"},
    "bad-mode": {**LOCATION, "mode": "virtual"},
    "nameless": {"resourceType": "Location", "status": "inactive"},
}


@pytest.fixture(scope="module")
def organizations(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, organization, dumps(ORGANIZATIONS))


@pytest.fixture(scope="module")
def practitioners(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, practitioner, dumps(PRACTITIONERS))


@pytest.fixture(scope="module")
def locations(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, location, dumps(LOCATIONS))


def test_all_of_an_organization_is_there(organizations: dict[str, list[Made]]) -> None:
    found = one(organizations, "full")
    expected = {
        "organization_id": "full",
        "identifiers": [
            {"system": "urn:tin", "value": "12-3"},
            {"system": NPI, "value": "1234567893"},
            {"system": None, "value": "bare"},
        ],
        "npi": "1234567893",
        "name": "Acme Clinic",
        "aliases": ["Acme", "Old Acme"],
        "type_code": "prov",
        "type_text": "Provider",
        "is_active": True,
        "address_lines": ["1 Main St", "Floor 2"],
        "city": "Tulsa",
        "district": "Tulsa County",
        "state": "OK",
        "postal_code": None,
        "phone": "555",
        "email": "hq@example.org",
        "part_of_organization_id": "parent",
        "part_of_organization_reference": None,
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["type_codes"]] == ["prov", "7", "8"]
    assert (found.failed, found.warned) == (set(), set())


@pytest.mark.parametrize(
    ("ident", "key", "reference"),
    [
        ("conditional", None, "Organization?identifier=urn:x|9"),
        ("logical", None, "urn:x|9"),
        ("contained", "Organization/contained#above", None),
        ("in-words", None, None),
    ],
)
def test_the_organization_above_is_an_id_or_kept_as_text(
    organizations: dict[str, list[Made]], ident: str, key: str | None, reference: str | None
) -> None:
    found = one(organizations, ident)
    assert (found["part_of_organization_id"], found["part_of_organization_reference"]) == (key, reference)


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("npi-oid", set(), set()),
        ("npi-wrong", set(), {"npi_is_valid"}),
        ("loop", {"is_not_part_of_itself"}, set()),
        ("numbered", set(), set()),
        ("nameless", set(), {"name_or_identifier_is_given"}),
    ],
)
def test_wrong_organizations_are_held_back_and_doubtful_ones_are_not(
    organizations: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(organizations, ident)
    assert (found.failed, found.warned) == (failed, warned)


def test_all_of_a_practitioner_is_there(practitioners: dict[str, list[Made]]) -> None:
    found = one(practitioners, "full")
    expected = {
        "practitioner_id": "full",
        "npi": "1245319599",
        "family_name": "Bone",
        "given_names": ["Ronald", "A."],
        "name_text": None,
        "is_active": False,
        "gender": "male",
        "qualification_code": "MD",
        "qualification_text": "Doctor of Medicine",
        "address_lines": ["1003 Healthcare Dr"],
        "city": "Amherst",
        "postal_code": "01002",
        "phone": "555",
        "email": "ron@example.org",
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["qualification_codes"]] == ["MD", "PHD"]
    assert (found.failed, found.warned) == (set(), set())


def test_where_a_practitioner_lives_is_not_taken(practitioners: dict[str, list[Made]]) -> None:
    found = one(practitioners, "only-at-home")
    assert (found["city"], found["address_lines"], found["family_name"]) == (None, [], "Home")


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("only-old", set(), set()),
        ("npi-wrong", set(), {"npi_is_valid", "name_is_given"}),
        ("bad-gender", {"gender_is_known"}, set()),
    ],
)
def test_wrong_practitioners_are_held_back_and_doubtful_ones_are_not(
    practitioners: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(practitioners, ident)
    assert (found.failed, found.warned) == (failed, warned)


def test_all_of_a_place_is_there(locations: dict[str, list[Made]]) -> None:
    found = one(locations, "full")
    expected = {
        "location_id": "full",
        "identifiers": [{"system": "urn:loc", "value": "29"}],
        "npi": None,
        "name": "Ward",
        "aliases": ["West"],
        "description": "Second floor",
        "status": "active",
        "mode": "instance",
        "operational_status_code": "O",
        "type_code": "HU",
        "physical_type_code": "wa",
        "address_lines": ["70 East St"],
        "city": "Methuen",
        "country": "US",
        "latitude": 42.373222,
        "longitude": -72.519854,
        "phone": "555",
        "organization_id": "o",
        "organization_reference": None,
        "part_of_location_id": "house",
        "part_of_location_reference": None,
    }
    assert {name: found[name] for name in expected} == expected
    assert [c["code"] for c in found["type_codes"]] == ["HU", "HOSP"]
    assert (found.failed, found.warned) == (set(), set())


def test_a_place_keeps_a_logical_reference_as_text(locations: dict[str, list[Made]]) -> None:
    found = one(locations, "synthea")
    assert (found["organization_id"], found["organization_reference"]) == (None, "urn:s|74ab")


@pytest.mark.parametrize(
    ("ident", "failed", "warned"),
    [
        ("poles", set(), set()),
        ("too-far-north", {"position_is_on_earth"}, set()),
        ("too-far-west", {"position_is_on_earth"}, set()),
        ("null-island", set(), {"position_is_whole"}),
        ("equator", set(), set()),
        ("half", set(), {"position_is_whole"}),
        ("loop", {"is_not_part_of_itself"}, set()),
        ("bad-status", {"status_is_known"}, set()),
        ("bad-mode", {"mode_is_known"}, set()),
        ("nameless", set(), {"name_is_given"}),
    ],
)
def test_wrong_places_are_held_back_and_doubtful_ones_are_not(
    locations: dict[str, list[Made]], ident: str, failed: set[str], warned: set[str]
) -> None:
    found = one(locations, ident)
    assert (found.failed, found.warned) == (failed, warned)
