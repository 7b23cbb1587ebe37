"""silver.device: unique device identifiers, names, dates, whose it is, and what is held back."""

from datetime import datetime

import pytest
from conforming import Made, Resource, coding, concept, conform, dumps, one
from pyspark.sql import SparkSession

from spark_jobs.conform.device import device

SCT = "http://snomed.info/sct"
BASE: Resource = {"resourceType": "Device", "type": concept(coding(SCT, "109228008"))}
HRF = "(01)00812345678901(11)240115(10)LOT7(21)SN1"


def of(**more: object) -> Resource:
    return {name: value for name, value in {**BASE, **more}.items() if value is not None}


def carrier(hrf: str | None, identifier: str | None = "00812345678901", **more: object) -> dict[str, object]:
    found = {"deviceIdentifier": identifier, "carrierHRF": hrf, **more}
    return {name: value for name, value in found.items() if value is not None}


def name(text: str, kind: str) -> Resource:
    return {"name": text, "type": kind}


CASES: dict[str, Resource] = {
    "full": of(
        status="active",
        statusReason=[concept(coding(None, "online"))],
        patient={"reference": "Patient/p"},
        type=concept(coding("urn:own", "KNEE"), coding(SCT, "109228008"), text="Knee prosthesis"),
        udiCarrier=[
            carrier(HRF, issuer="http://hl7.org/fhir/NamingSystem/gs1-di", carrierAIDC="QUJD", entryType="barcode"),
            carrier("(01)9", "9"),
        ],
        distinctIdentifier="D-1",
        manufacturer="ACME",
        modelNumber="M1",
        partNumber="P1",
        version=[{"value": "1.0"}, {"value": "2.0"}],
        lotNumber="LOT7",
        serialNumber="SN1",
        deviceName=[name("Acme K", "manufacturer-name"), name("Knee", "user-friendly-name")],
        manufactureDate="2024-01-15T07:25:35+02:00",
        expirationDate="2034-01",
        safety=[concept(coding("urn:safety", "mr-safe"))],
        owner={"reference": "Organization/o"},
        location={"reference": "Location?identifier=urn:l|9"},
        parent={"reference": "Device/whole"},
        note=[{"text": "Left knee"}],
    ),
    "ward": of(status="inactive", deviceName=[name("Pump", "model-name"), name("IP-2000", "udi-label-name")]),
    "words": of(type={"text": "Walker"}, deviceName=[name("Basic", "other")]),
    "nothing": of(type=None),
    "other-identifier": of(udiCarrier=[carrier(HRF, "00899999999999")]),
    "not-gs1": of(udiCarrier=[carrier("+H123PARTNO1234567890120", "H123PARTNO1")]),
    "carrier-alone": of(udiCarrier=[carrier(HRF, None)]),
    "logical": of(patient={"identifier": {"system": "urn:mrn", "value": "1"}}, parent={"reference": "#whole"}),
    "expired": of(manufactureDate="2001-05-01", expirationDate="2005"),
    "backwards": of(manufactureDate="2024-02", expirationDate="2023-12-31"),
    "same-year": of(manufactureDate="2024-02-01", expirationDate="2024"),
    "from-tomorrow": of(manufactureDate="2026-02"),
    "bad-status": of(status="implanted"),
    "bad-entry": of(udiCarrier=[carrier(HRF, entryType="guess")]),
    "error": of(status="entered-in-error"),
}


@pytest.fixture(scope="module")
def made(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, device, dumps(CASES))


def test_all_of_a_device_is_there(made: dict[str, list[Made]]) -> None:
    found = one(made, "full")
    expected = {
        "device_id": "full",
        "patient_id": "p",
        "patient_reference": None,
        "status": "active",
        "is_withdrawn": False,
        "type_text": "Knee prosthesis",
        "snomed_code": "109228008",
        "device_name": "Knee",
        "device_names": ["Acme K", "Knee"],
        "udi_device_identifier": "00812345678901",
        "udi_issuer": "http://hl7.org/fhir/NamingSystem/gs1-di",
        "udi_carrier_hrf": HRF,
        "udi_carrier_aidc": "QUJD",
        "udi_entry_type": "barcode",
        "udi_carrier_hrfs": [HRF, "(01)9"],
        "distinct_identifier": "D-1",
        "manufacturer": "ACME",
        "model_number": "M1",
        "part_number": "P1",
        "version_values": ["1.0", "2.0"],
        "lot_number": "LOT7",
        "serial_number": "SN1",
        "manufactured_at": datetime(2024, 1, 15, 5, 25, 35),
        "manufactured_precision": "second",
        "expires_at": datetime(2034, 1, 1),
        "expires_precision": "month",
        "owner_id": "o",
        "location_id": None,
        "location_reference": "Location?identifier=urn:l|9",
        "parent_device_id": "whole",
        "note_texts": ["Left knee"],
    }
    assert {column: found[column] for column in expected} == expected
    assert [c["code"] for c in found["type_codes"]] == ["KNEE", "109228008"]
    assert [c["code"] for c in found["safety_codes"]] == ["mr-safe"]
    assert found.failed | found.warned == set()


@pytest.mark.parametrize(("ident", "device_name"), [("ward", "IP-2000"), ("words", "Basic"), ("nothing", None)])
def test_a_device_has_the_best_of_its_names(made: dict[str, list[Made]], ident: str, device_name: str | None) -> None:
    assert one(made, ident)["device_name"] == device_name


def test_a_device_of_no_person_is_fine(made: dict[str, list[Made]]) -> None:
    found = one(made, "ward")
    assert (found["patient_id"], found["patient_reference"]) == (None, None)
    assert found.failed | found.warned == set()


def test_references_that_are_no_ids_are_kept(made: dict[str, list[Made]]) -> None:
    found = one(made, "logical")
    assert (found["patient_id"], found["patient_reference"]) == (None, "urn:mrn|1")
    assert found["parent_device_id"] == "Device/logical#whole"


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("expired", set()),
        ("backwards", {"expires_at_not_before_manufactured_at"}),
        ("same-year", set()),
        ("from-tomorrow", {"manufactured_at_not_in_the_future"}),
        ("bad-status", {"status_is_known"}),
        ("bad-entry", {"udi_entry_type_is_known"}),
        ("error", set()),
        ("nothing", set()),
    ],
)
def test_wrong_devices_are_held_back_and_doubtful_ones_are_not(
    made: dict[str, list[Made]], ident: str, failed: set[str]
) -> None:
    assert one(made, ident).failed == failed


@pytest.mark.parametrize(
    ("ident", "warned"),
    [
        ("nothing", {"type_is_given"}),
        ("words", set()),
        ("other-identifier", {"udi_carrier_agrees"}),
        ("not-gs1", set()),
        ("carrier-alone", set()),
    ],
)
def test_doubtful_devices_are_warned_of(made: dict[str, list[Made]], ident: str, warned: set[str]) -> None:
    assert one(made, ident).warned == warned


def test_what_was_entered_in_error_is_marked(made: dict[str, list[Made]]) -> None:
    assert one(made, "error")["is_withdrawn"] is True
