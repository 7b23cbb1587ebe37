"""The data of the demo is small, whole, invented, and has in it what the demo wants to show."""

import gzip
import json
import runpy
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_jobs.demo.faults import FAULTS

SAMPLE = Path(__file__).resolve().parents[2] / "infra" / "sample"
SYNTHEA_TYPES = """AllergyIntolerance CarePlan CareTeam Claim Condition Device DiagnosticReport DocumentReference
Encounter ExplanationOfBenefit ImagingStudy Immunization Location Medication MedicationAdministration
MedicationRequest Observation Organization Patient Practitioner PractitionerRole Procedure Provenance SupplyDelivery"""


def _text(source: str) -> str:
    files = sorted((SAMPLE / source).glob("*.ndjson.gz"))
    assert files, f"nothing in {source}"
    return "".join(gzip.decompress(file.read_bytes()).decode() for file in files)


@pytest.fixture(scope="module")
def synthea() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text("synthea").splitlines()]


@pytest.fixture(scope="module")
def clinosim() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text("clinosim").splitlines()]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("reference"), str):
            yield reference
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _references(item)


def _targets(resources: list[dict[str, Any]]) -> set[str]:
    """What a reference may say: Type/id, or Type?identifier=system|value."""
    targets = {f"{each['resourceType']}/{each['id']}" for each in resources}
    for each in resources:
        names = each.get("identifier", [])
        for name in names if isinstance(names, list) else [names]:
            targets.add(f"{each['resourceType']}?identifier={name.get('system')}|{name.get('value')}")
    return targets


def test_sample_takes_at_most_5_mb() -> None:
    assert sum(file.stat().st_size for file in SAMPLE.rglob("*") if file.is_file()) <= 5_000_000


def test_synthea_part_has_all_its_resource_types_some_dead_and_hospital_stays(synthea: list[dict[str, Any]]) -> None:
    assert {each["resourceType"] for each in synthea} == set(SYNTHEA_TYPES.split())
    patients = [each for each in synthea if each["resourceType"] == "Patient"]
    assert 0 < sum("deceasedDateTime" in each for each in patients) < len(patients)
    encounters = [each for each in synthea if each["resourceType"] == "Encounter"]
    assert sum(each["class"]["code"] == "IMP" for each in encounters) >= 3


def test_clinosim_part_has_diagnoses_in_icd_10_cm(clinosim: list[dict[str, Any]]) -> None:
    conditions = [each for each in clinosim if each["resourceType"] == "Condition"]
    systems = {coding["system"] for each in conditions for coding in each["code"]["coding"]}
    assert "http://hl7.org/fhir/sid/icd-10-cm" in systems


def test_references_are_whole(synthea: list[dict[str, Any]], clinosim: list[dict[str, Any]]) -> None:
    for resources in (synthea, clinosim):
        pointed = {each for each in _references(resources) if not each.startswith("#")}
        assert pointed
        assert pointed - _targets(resources) == set()


def test_no_code_of_cpt_is_shipped() -> None:
    for source in ("synthea", "clinosim"):
        assert "ama-assn" not in _text(source)


def test_codings_of_cpt_go_and_the_text_stays() -> None:
    without_cpt = runpy.run_path(str(SAMPLE / "make_sample.py"))["without_cpt"]
    cpt = {"system": "http://www.ama-assn.org/go/cpt", "code": "1"}
    other = {"system": "urn:x", "code": "2"}
    assert without_cpt({"code": {"coding": [cpt], "text": "ecg"}, "empty": []}) == {
        "code": {"text": "ecg"},
        "empty": [],
    }
    assert without_cpt([{"coding": [cpt, other]}]) == [{"coding": [other]}]


def test_planted_faults_are_as_declared() -> None:
    shipped = {file.name: file.read_bytes() for file in (SAMPLE / "faults").iterdir()}
    assert shipped == {fault.file_name: fault.content for fault in FAULTS}


def test_every_planted_fault_is_explained_in_the_readme() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for fault in FAULTS:
        assert f"| `{fault.file_name}` | {fault.what} | {fault.outcome} |" in readme


def test_compressed_fault_breaks_in_its_third_line() -> None:
    content = next(fault.content for fault in FAULTS if fault.file_name == "truncated.ndjson.gz")
    with pytest.raises(EOFError):
        gzip.decompress(content)
    *whole_lines, rest = zlib.decompressobj(wbits=31).decompress(content).splitlines()
    assert [json.loads(line)["id"] for line in whole_lines] == ["fault-gzip-0", "fault-gzip-1"]
    assert rest
