"""Faults planted in the demo's data, each in a file of its own, so that its checks have something true to show.

All people here are invented by hand. One thing is wrong with each file and everything else about it is right, so that
what the lakehouse says about a file is about that one thing.
"""

import gzip
import json
from dataclasses import dataclass
from typing import Any

Resource = dict[str, Any]
_SUBJECT = {"reference": "Patient/fault-person"}
_LOINC = "http://loinc.org"
_UCUM = "http://unitsofmeasure.org"
_ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@dataclass(frozen=True, slots=True)
class Fault:
    """A file with one thing wrong: its name, what is wrong, what should come of it, its bytes."""

    file_name: str
    what: str
    outcome: str
    content: bytes


def _line(resource: Resource) -> bytes:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _lines(*resources: Resource) -> bytes:
    return b"".join(map(_line, resources))


def _patient(key: str, **more: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": f"fault-{key}",
        "identifier": [{"system": "urn:carelake:planted", "value": key}],
        "name": [{"family": "Planted", "given": ["Robin"]}],
        "gender": "other",
        "birthDate": "1961-05-14",
        **more,
    }


def _observation(key: str, category: str, code: str, text: str, value: float, unit: str) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"fault-{key}",
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": _LOINC, "code": code}], "text": text},
        "subject": _SUBJECT,
        "effectiveDateTime": "2025-03-02T09:30:00Z",
        "valueQuantity": {"value": value, "unit": unit, "system": _UCUM, "code": unit},
    }


def _condition(key: str, code: str, text: str, **more: Any) -> Resource:
    return {
        "resourceType": "Condition",
        "id": f"fault-{key}",
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "code": {"coding": [{"system": _ICD10, "code": code}], "text": text},
        "subject": _SUBJECT,
        "onsetDateTime": "2025-03-02",
        **more,
    }


def _heart_rate(key: str, value: float = 72) -> Resource:
    return _observation(key, "vital-signs", "8867-4", "Heart rate", value, "/min")


_BACKWARDS: Resource = {
    "resourceType": "Encounter",
    "id": "fault-backwards",
    "status": "finished",
    "class": {"system": _ACT, "code": "IMP"},
    "subject": _SUBJECT,
    "period": {"start": "2025-03-04T10:00:00Z", "end": "2025-03-01T10:00:00Z"},
}

_DELETION: Resource = {
    "resourceType": "Bundle",
    "type": "transaction",
    "timestamp": "2025-06-01T00:00:00Z",
    "entry": [{"request": {"method": "DELETE", "url": "Patient/fault-gone"}}],
}


def _truncated_gzip() -> bytes:
    # Stored, not packed: the break then falls in the third of five lines whatever the version of zlib.
    lines = [_line(_heart_rate(f"gzip-{number}")) for number in range(5)]
    whole = gzip.compress(b"".join(lines), compresslevel=0, mtime=0)
    return whole[: 15 + len(lines[0]) + len(lines[1]) + len(lines[2]) // 2]


def _versions() -> bytes:
    def lives_in(city: str, version: str, updated: str) -> Resource:
        meta = {"versionId": version, "lastUpdated": updated}
        return _patient("moved", meta=meta, address=[{"city": city}])

    return _lines(lives_in("New Town", "2", "2025-06-01T00:00:00Z"), lives_in("Old Town", "1", "2024-06-01T00:00:00Z"))


FAULTS: tuple[Fault, ...] = (
    Fault("person.ndjson", "nothing: the others refer to this person", "lands, accepted", _line(_patient("person"))),
    # Files that cannot be read whole: what can, lands; the rest goes to quarantine as it is.
    Fault(
        "truncated-line.ndjson",
        "the second line ends in the middle",
        "line 1 lands; line 2 is quarantined at landing",
        _line(_heart_rate("line-1")) + _line(_heart_rate("line-2"))[:120],
    ),
    Fault(
        "truncated.ndjson.gz",
        "the compressed file ends in the middle of its third line",
        "lines 1 and 2 land; the rest is quarantined at landing",
        _truncated_gzip(),
    ),
    Fault(
        "latin-1.ndjson",
        "a name is written in Latin-1, not UTF-8",
        "quarantined at landing",
        _line(_patient("latin", name=[{"family": "Müller"}])).decode().encode("latin-1"),
    ),
    Fault(
        "unknown-type.ndjson",
        "the resource type does not exist in FHIR R4",
        "quarantined at landing",
        _line({"resourceType": "Pulse", "id": "fault-type", "status": "final"}),
    ),
    Fault(
        "missing-id.ndjson",
        "the resource has no id",
        "quarantined at landing",
        _line({name: value for name, value in _patient("id").items() if name != "id"}),
    ),
    Fault(
        "parameters.json",
        "the request that Synthea leaves beside its bulk export: FHIR, but no record",
        "quarantined at landing",
        _line({"resourceType": "Parameters", "parameter": [{"name": "inputFormat", "valueString": "ndjson"}]}),
    ),
    # Versions: all land, one counts.
    Fault(
        "duplicate.ndjson",
        "the same line twice",
        "both land; one is accepted, one superseded",
        _line(_heart_rate("twice")) * 2,
    ),
    Fault(
        "older-version.ndjson",
        "version 1 of a patient comes after version 2",
        "both land; the patient lives in New Town",
        _versions(),
    ),
    Fault(
        "deleted-1.ndjson",
        "nothing: a patient who is deleted in the next file",
        "lands; superseded by the deletion",
        _line(_patient("gone", meta={"lastUpdated": "2025-01-01T00:00:00Z"})),
    ),
    Fault(
        "deleted-2.json",
        "nothing: a Bundle that deletes the patient of the file before",
        "lands as a tombstone; the patient is marked as deleted",
        _line(_DELETION),
    ),
    # Values that cannot be: the row is quarantined.
    Fault(
        "backwards-encounter.ndjson",
        "the encounter ends three days before it starts",
        "lands; its silver row is quarantined",
        _line(_BACKWARDS),
    ),
    Fault(
        "born-in-the-future.ndjson",
        "the date of birth is a hundred years ahead",
        "lands; its silver row is quarantined",
        _line(_patient("unborn", birthDate="2126-05-14")),
    ),
    Fault(
        "heart-rate-900.ndjson",
        "a heart rate of 900 a minute",
        "lands; its silver row is quarantined",
        _line(_heart_rate("racing", 900)),
    ),
    Fault(
        "weight-in-bags.ndjson",
        "a body weight in a unit that UCUM does not know",
        "lands; its silver row is quarantined",
        _line(_observation("bags", "vital-signs", "29463-7", "Body weight", 80, "bags")),
    ),
    # Doubts: the row is accepted, and counted as a warning.
    Fault(
        "unknown-icd-10.ndjson",
        "a diagnosis code that ICD-10-CM does not have",
        "accepted with a warning",
        _line(_condition("code", "E11.ZZ", "Diabetes")),
    ),
    Fault(
        "loinc-check-digit.ndjson",
        "a LOINC code whose check digit is wrong (2345-7 is right)",
        "accepted with a warning",
        _line(_observation("loinc", "laboratory", "2345-8", "Glucose", 96, "mg/dL")),
    ),
    Fault(
        "unresolved-reference.ndjson",
        "a diagnosis that refers to an encounter which never came",
        "accepted with a warning",
        _line(_condition("lost", "E11.9", "Diabetes", encounter={"reference": "Encounter/fault-never-came"})),
    ),
)
"""In the order of the README: landing, versions, row rules, warnings."""
