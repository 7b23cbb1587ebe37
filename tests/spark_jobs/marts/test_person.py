"""gold.identifier, gold.reference and gold.person, worked out by hand."""

import random
from typing import TYPE_CHECKING

import pytest

from spark_jobs.marts.identifier import identifier
from spark_jobs.marts.person import MOST_RECORDS, person
from spark_jobs.marts.reference import reference
from tests.spark_jobs.marts.making import Row, by, make, on

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MRN, SSN = "urn:oid:1.2.3", "http://hl7.org/fhir/sid/us-ssn"
NPI = "http://hl7.org/fhir/sid/us-npi"
VISIT = "urn:visit-number"


def carries(*values: str, system: str | None = MRN) -> list[Row]:
    return [{"system": system, "value": value} for value in values]


def patient(patient_id: str, *values: str, born: str | None = "1980-05-01", **more: object) -> Row:
    birth = on(born) if born else None
    return {"patient_id": patient_id, "identifiers": carries(*values), "birth_on": birth, **more}


PATIENTS = [
    patient("alone", "1"),
    # One identifier of two is shared by each neighbour: a chain is one person.
    patient("chain-1", "a", "b"),
    patient("chain-2", "b", "c"),
    patient("chain-3", "c"),
    # The source merged old into new: the record that stands names the person, though its id is greater.
    patient("merged-a-old", replaced_by_patient_id="merged-b-new", linked_patient_ids=["merged-b-new"]),
    patient("merged-b-new"),
    # A birth date that is not known contradicts nothing; two that differ do.
    patient("unknown-1", "u", born=None),
    patient("unknown-2", "u"),
    patient("twin-1", "t", born="1990-01-01"),
    patient("twin-2", "t", born="1990-01-02"),
    # What the source says counts, whatever the birth dates; a link to a record that is not there links nobody.
    patient("said-1", born="1970-01-01", linked_patient_ids=["said-2", "not-here"]),
    patient("said-2", born="1970-01-02"),
    # The same value of another system, and a value without a system, agree with nothing.
    {**patient("other-system"), "identifiers": carries("1", system=SSN)},
    {**patient("no-system"), "identifiers": carries("1", system=None)},
    # A placeholder.
    *(patient(f"placeholder-{n:02}", "000-00-0000") for n in range(MOST_RECORDS + 1)),
]


@pytest.fixture(scope="module")
def people(spark: "SparkSession") -> dict[str, Row]:
    shuffled = random.Random(7).sample(PATIENTS, len(PATIENTS))
    found: dict[str, Row] = by(make(spark, person, patients=shuffled), "patient_id")
    return found


@pytest.mark.parametrize(
    ("records", "person_id", "is_contradicted"),
    [
        (["alone"], "alone", False),
        (["chain-1", "chain-2", "chain-3"], "chain-1", False),
        (["merged-a-old", "merged-b-new"], "merged-b-new", False),
        (["unknown-1", "unknown-2"], "unknown-1", False),
        (["twin-1"], "twin-1", True),
        (["twin-2"], "twin-2", True),
        (["said-1", "said-2"], "said-1", True),
        (["other-system"], "other-system", False),
        (["no-system"], "no-system", False),
        (["placeholder-00"], "placeholder-00", True),
    ],
)
def test_records_of_one_person_are_linked_and_others_are_not(
    people: dict[str, Row], records: list[str], person_id: str, is_contradicted: bool
) -> None:
    for record in records:
        assert people[record] == {
            "patient_id": record,
            "person_id": person_id,
            "records": len(records),
            "is_linked": len(records) > 1,
            "is_contradicted": is_contradicted,
        }


def test_each_patient_record_is_of_one_person(people: dict[str, Row]) -> None:
    assert len(people) == len(PATIENTS)


def test_nobody_is_linked_where_nothing_is_shared(spark: "SparkSession") -> None:
    assert [row["person_id"] for row in make(spark, person, patients=[patient("only", "1")])] == ["only"]


def test_an_identifier_names_a_record_only_if_one_alone_carries_it(spark: "SparkSession") -> None:
    made = make(
        spark,
        identifier,
        patients=[
            {"patient_id": "p1", "identifiers": carries("a", "b")},
            {"patient_id": "p2", "identifiers": carries("b", "b")},
        ],
        practitioners=[{"practitioner_id": "d1", "identifiers": carries("a", system=NPI)}],
        organizations=[{"organization_id": "o1", "identifiers": carries("a", system=None)}],
        encounters=[{"encounter_id": "e1", "identifiers": carries("v", system=VISIT)}],
    )
    found = by(made, "resource_type", "system", "value")
    assert {key: (row["record_id"], row["records"]) for key, row in found.items()} == {
        ("Patient", MRN, "a"): ("p1", 1),
        ("Patient", MRN, "b"): (None, 2),
        ("Practitioner", NPI, "a"): ("d1", 1),
        ("Encounter", VISIT, "v"): ("e1", 1),
    }


def carried_by(resource_type: str, system: str, value: str, record_id: str | None) -> Row:
    return {"resource_type": resource_type, "system": system, "value": value, "record_id": record_id}


def test_references_by_identifier_lead_to_the_record_that_carries_it(spark: "SparkSession") -> None:
    made = make(
        spark,
        reference,
        identifiers=[
            carried_by("Practitioner", NPI, "99", "d1"),
            carried_by("Organization", NPI, "99", "o1"),
            carried_by("Patient", MRN, "a", "p1"),
            carried_by("Patient", MRN, "b", None),
            carried_by("Encounter", VISIT, "7", "e1"),
        ],
        encounter=[
            {
                "encounter_id": "e1",
                "patient_reference": f"{MRN}|a",
                "practitioner_reference": f"Practitioner?identifier={NPI}|99",
                "organization_reference": f"https://ehr.example/fhir/Organization?identifier={NPI}%7C99",
                "location_references": [f"Location?identifier={NPI}|99", "https://elsewhere.example/Location/1"],
            },
            {"encounter_id": "e2", "patient_reference": f"{MRN}|b", "practitioner_reference": f"{NPI}|99"},
        ],
        condition=[
            {"condition_id": "c1", "recorder_reference": "Practitioner?name=Who"},
            {"condition_id": "c2", "encounter_reference": f"Encounter?identifier={VISIT}|7"},
            {"condition_id": "c3", "encounter_reference": f"{VISIT}|7"},
            {"condition_id": "c4", "encounter_reference": f"{VISIT}|8"},
        ],
        location=[{"location_id": "l1", "organization_reference": f"{NPI}|99"}],
    )
    found = {
        key: (row["resource_type"], row["target_type"], row["target_id"])
        for key, row in by(made, "table_name", "row_id", "column_name").items()
    }
    assert found == {
        ("silver.encounter", "e1", "patient_reference"): ("Patient", "Patient", "p1"),
        ("silver.encounter", "e1", "practitioner_reference"): ("Practitioner", "Practitioner", "d1"),
        ("silver.encounter", "e1", "organization_reference"): ("Organization", "Organization", "o1"),
        # No location carries it.
        ("silver.encounter", "e1", "location_references"): ("Location", None, None),
        # Two records do, and neither the reference nor the column says which type it means.
        ("silver.encounter", "e2", "practitioner_reference"): (None, None, None),
        # A practitioner carries it too, but the column is one for organizations.
        ("silver.location", "l1", "organization_reference"): ("Organization", "Organization", "o1"),
        # By a conditional reference, and by an identifier alone, which in this column is that of an encounter.
        ("silver.condition", "c2", "encounter_reference"): ("Encounter", "Encounter", "e1"),
        ("silver.condition", "c3", "encounter_reference"): ("Encounter", "Encounter", "e1"),
        ("silver.condition", "c4", "encounter_reference"): ("Encounter", None, None),
        # Several patients carry it.
        ("silver.encounter", "e2", "patient_reference"): ("Patient", None, None),
    }
