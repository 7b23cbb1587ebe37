"""Rows become the FHIR resources that the mappings say, value by value; what can't be translated says why."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from catalog.mapping import CsvMapping, load_mapping, read_mapping
from spark_jobs.ingest.extract.translate import (
    Entries,
    Rows,
    group_resources,
    group_rows,
    row_resources,
    statuses,
    typed_rows,
)
from tests.plans import optimized

Made = dict[str, dict[str, Any]]
UCI = "https://doi.org/10.24432/C5230J"
PHYSIONET = "https://physionet.org/content/challenge-2012/1.0.0/"
UCUM = "http://unitsofmeasure.org"


@pytest.fixture(scope="module", autouse=True)
def interpreted(spark: SparkSession) -> Iterator[None]:
    """Spark's interpreter in place of generated code, which takes longer to compile than ten rows are worth."""
    names = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    before = {name: spark.conf.get(name) for name in names}
    for name, value in names.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, str(value))


def landed(spark: SparkSession, kind: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> DataFrame:
    """Rows of bronze.csv_row, as far as translating reads them; a row's line is its number and one more."""
    cells = [
        (kind, "f.csv", n + 2, n, "x" * 64, "b", json.dumps(dict(zip(header, r, strict=True))))
        for n, r in enumerate(rows)
    ]
    place = "file_kind string, source_file string, line long, byte_offset long, payload_sha256 string, batch_id string"
    return spark.createDataFrame(cells, place + ", payload string")


def translated(rows: Rows) -> tuple[Made, list[tuple[str, str | None]]]:
    """Resources by `Type/id` and status of each row in order, with the code of its problem."""
    good = group_rows(rows)
    frames = [frame for frame in (row_resources(rows),) if frame is not None]
    frames += group_resources(good, rows) if good is not None else []
    made = {f"{r.resource_type}/{r.resource_id}": json.loads(r.payload) for frame in frames for r in frame.collect()}
    for name, resource in made.items():
        assert f"{resource['resourceType']}/{resource['id']}" == name
    judged = statuses(rows).orderBy("byte_offset").collect()
    return made, [(r.status, r.problem[0] if r.problem else None) for r in judged]


def translate(spark: SparkSession, name: str, kind: str, text: str, loaded: dict[str, Entries] | None = None) -> Any:
    """`translated` of CSV text by a mapping that ships."""
    header, *rows = list(csv.reader(io.StringIO(text)))
    mapping = load_mapping(name)
    return translated(typed_rows(landed(spark, kind, header, rows), mapping, mapping.kind(kind), loaded or {}))


def uci_row(**changes: str) -> list[str]:
    """The cells of an encounter of UCI's set, in the mapping's order: a woman of 70 to 80 with two diagnoses."""
    columns = load_mapping("uci_diabetes130").kind("encounters").columns
    cells = {c.name: "No" if "No" in c.values else "0" if c.kind == "integer" else "?" for c in columns}
    cells |= {"encounter_id": "77", "patient_nbr": "5", "race": "Caucasian", "gender": "Female", "age": "[70-80)"}
    cells |= {"admission_type_id": "1", "discharge_disposition_id": "11", "admission_source_id": "7"}
    cells |= {"time_in_hospital": "3", "diag_1": "250.83", "diag_2": "V27", "A1Cresult": ">8", "max_glu_serum": "None"}
    cells |= {"num_medications": "18", "insulin": "Up", "glipizide-metformin": "Steady", "diabetesMed": "Yes"}
    return list((cells | {"readmitted": "<30"} | changes).values())


WRONG = (
    {"encounter_id": "?"},
    {"patient_nbr": "5/6"},
    {"time_in_hospital": "3.5"},
    {"gender": "Woman"},
    {"insulin": "Sideways"},
    {"discharge_disposition_id": "12"},
)


@pytest.fixture(scope="module")
def uci(spark: SparkSession) -> tuple[Made, list[tuple[str, str | None]]]:
    """A good row, the wrong ones and one that says little, translated in one go; the names of two codes are at hand."""
    mapping = load_mapping("uci_diabetes130")
    kind = mapping.kind("encounters")
    loaded = {
        "admission_type": {"1": {"admission_type_id": "1", "description": "Emergency"}},
        "discharge_disposition": {"11": {"discharge_disposition_id": "11", "description": "Expired"}},
    }
    little = uci_row(encounter_id="78", patient_nbr="6", race="?", gender="Unknown/Invalid")
    rows = [uci_row(), *(uci_row(**changes) for changes in WRONG), little]
    return translated(typed_rows(landed(spark, kind.name, kind.names, rows), mapping, kind, loaded))


def test_an_encounter_of_uci_becomes_what_its_row_says_and_no_more(uci: Any) -> None:
    made = {name: r for name, r in uci[0].items() if "-78" not in name and name != "Patient/uci-diabetes130-6"}
    encounter = made.pop("Encounter/uci-diabetes130-77")
    assert encounter["class"]["code"] == "IMP"
    assert encounter["type"] == [
        {"coding": [{"system": f"{UCI}#admission_type_id", "code": "1", "display": "Emergency"}]}
    ]
    assert encounter["length"] == {"value": 3, "unit": "d", "system": UCUM, "code": "d"}
    assert [c["code"] for c in encounter["hospitalization"]["dischargeDisposition"]["coding"]] == ["11", "exp"]
    assert encounter["hospitalization"]["admitSource"]["coding"] == [
        {"system": f"{UCI}#admission_source_id", "code": "7"}  # no table came for it: a code without a name
    ]
    assert "period" not in encounter
    assert "serviceType" not in encounter
    patient = made.pop("Patient/uci-diabetes130-5")
    assert (patient["gender"], "birthDate" in patient) == ("female", False)
    assert patient["extension"][0]["extension"][0]["valueCoding"]["code"] == "2106-3"
    assert len(patient["extension"]) == 1
    conditions = {n: made.pop(f"Condition/uci-diabetes130-77-dx{n}")["code"]["coding"] for n in (1, 2)}
    assert conditions == {
        n: [{"system": "http://hl7.org/fhir/sid/icd-9-cm", "code": code}] for n, code in ((1, "250.83"), (2, "V27"))
    }
    insulin = made.pop("MedicationRequest/uci-diabetes130-77-insulin")
    assert (insulin["status"], insulin["medicationCodeableConcept"]["text"]) == ("unknown", "insulin")
    assert insulin["dosageInstruction"] == [{"text": "Up"}]
    assert made.pop("MedicationRequest/uci-diabetes130-77-glipizide-metformin")
    a1c = made.pop("Observation/uci-diabetes130-77-A1Cresult")
    assert a1c["code"]["coding"][0]["code"] == "4548-4"
    assert a1c["valueCodeableConcept"]["text"] == ">8"
    age = made.pop("Observation/uci-diabetes130-77-age")["valueRange"]
    assert (age["low"]["value"], age["high"]["value"], age["low"]["code"]) == (70, 80, "a")
    assert made.pop("Observation/uci-diabetes130-77-readmitted")["valueCodeableConcept"]["text"] == "<30"
    summary = made.pop("Observation/uci-diabetes130-77-summary")["component"]
    values = {c["code"]["coding"][0]["code"]: c.get("valueInteger", c.get("valueCodeableConcept")) for c in summary}
    assert values["num_medications"] == 18
    assert values["diabetesMed"]["text"] == "Yes"
    assert "payer_code" not in values
    assert not made


def test_uci_rows_that_cannot_be_translated_are_held_with_the_first_reason(uci: Any) -> None:
    made, judged = uci
    assert judged == [
        ("translated", None),
        ("quarantined", "missing_key"),
        ("quarantined", "invalid_key"),
        ("quarantined", "not_an_integer"),
        ("quarantined", "unknown_code"),
        ("quarantined", "unknown_code"),
        ("quarantined", "unknown_code"),
        ("translated", None),
    ]
    assert made["Patient/uci-diabetes130-6"]["gender"] == "unknown"
    assert "extension" not in made["Patient/uci-diabetes130-6"]


def test_measurements_of_physionet_keep_their_time_from_the_start_of_the_stay(spark: SparkSession) -> None:
    text = """RecordID,Time,Parameter,Value
132539,00:00,RecordID,132539
132539,00:00,Gender,0
132539,00:00,Height,-1
132539,27:37,Temp,37.10
132539,00:07,FiO2,0.5
132539,00:07,MechVent,1
132539,00:09,Colour,1
132539,0009,HR,80
132539,00:09,HR,fast
7,00:00,RecordID,7
7,00:00,Gender,-1
7,01:00,AST,1.843e+04
"""
    made, judged = translate(spark, "physionet2012", "measurements", text)
    temperature = made.pop("Observation/physionet2012-132539-1657-Temp-37.10")
    quantity = {"value": 37.1, "unit": "Cel", "system": UCUM, "code": "Cel"}
    assert temperature["valueQuantity"] == quantity
    assert temperature["code"]["coding"][0]["code"] == "8310-5"
    assert "effectiveDateTime" not in temperature
    relative = temperature["_effectiveDateTime"]["extension"][0]
    assert relative["url"] == "http://hl7.org/fhir/StructureDefinition/cqf-relativeDateTime"
    assert {e["url"]: next(v for k, v in e.items() if k != "url") for e in relative["extension"]} == {
        "target": {"reference": "Encounter/physionet2012-132539-icu"},
        "targetPath": "period.start",
        "relationship": "after",
        "offset": {"value": 1657, "unit": "min", "system": UCUM, "code": "min"},
    }
    assert made.pop("Observation/physionet2012-7-60-AST-1.843e04")["valueQuantity"]["value"] == 18_430
    assert made.pop("Observation/physionet2012-132539-7-FiO2-0.5")["valueQuantity"]["code"] == "{fraction}"
    assert made.pop("Observation/physionet2012-132539-7-MechVent-1")["valueBoolean"] is True
    assert made.pop("Patient/physionet2012-132539")["gender"] == "female"
    assert "gender" not in made.pop("Patient/physionet2012-7")
    stay = made.pop("Encounter/physionet2012-132539-icu")
    assert stay["partOf"] == {"reference": "Encounter/physionet2012-132539"}
    assert len(stay["type"]) == 1
    del made["Encounter/physionet2012-7-icu"]
    assert not made
    assert judged == [
        *[("translated", None)] * 2,
        ("no_value", None),
        *[("translated", None)] * 3,
        ("quarantined", "unknown_code"),
        ("quarantined", "not_a_time"),
        ("quarantined", "not_a_number"),
        *[("translated", None)] * 3,
    ]


def test_outcomes_of_physionet_are_observations_of_the_stay(spark: SparkSession) -> None:
    text = "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n1,-1,8,19,-1,0\n2,21,11,3,3,1\n"
    made, _ = translate(spark, "physionet2012", "outcomes", text)
    assert "hospitalization" not in made["Encounter/physionet2012-1"]
    died = made["Encounter/physionet2012-2"]["hospitalization"]["dischargeDisposition"]["coding"]
    assert [c["code"] for c in died] == ["exp"]
    of_first = {
        n.removeprefix("Observation/physionet2012-1-") for n in made if n.startswith("Observation/") and "-1-" in n
    }
    assert of_first == {"SOFA", "length-of-stay", "in-hospital-death"}
    assert made["Observation/physionet2012-1-length-of-stay"]["valueQuantity"]["value"] == 19
    assert made["Observation/physionet2012-2-survival"]["valueQuantity"]["value"] == 3
    assert made["Observation/physionet2012-2-in-hospital-death"]["valueBoolean"] is True


def visits() -> CsvMapping:
    """A mapping with dates, times with a zone, free text and numbers."""
    resource = {
        "resourceType": "Observation",
        "id": "{id}",
        "note": [{"text": "{note?}"}],
        "effectiveDateTime": "{at?}",
        "valueQuantity": {"value": "#{value}", "unit": "{{score}} of {of}"},
        "issued": "{on?}",
    }
    columns = {
        "id": {"type": "id"},
        "on": {"type": "date", "format": "d.M.yyyy"},
        "at": {"type": "datetime", "format": "MM/dd/yyyy HH:mm", "zone": "America/New_York"},
        "note": {},
        "value": {"type": "number"},
        "of": {},
    }
    files = {"visits": {"columns": columns, "resources": [{"resource": resource}]}}
    return read_mapping("visits", json.dumps({"title": "Visits", "files": files}))


def test_dates_texts_and_numbers_become_what_json_and_fhir_ask_for(spark: SparkSession) -> None:
    mapping = visits()
    rows = [
        ["a", "1.2.2020", "07/04/2021 09:30", 'said "no"\\\n\tÄ]', "7.40", "x"],
        ["b", "", "", "", "", "y"],
        ["c", "31.2.x", "", "", "", ""],
    ]
    kind = mapping.kinds[0]
    typed = typed_rows(landed(spark, kind.name, kind.names, rows), mapping, kind, {})
    frame = row_resources(typed)
    assert frame is not None
    payloads = {r.resource_id: r.payload for r in frame.collect()}
    assert '"value":7.40,' in payloads["visits-a"]
    assert json.loads(payloads["visits-a"]) == {
        "resourceType": "Observation",
        "id": "visits-a",
        "note": [{"text": 'said "no"\\\n\tÄ]'}],
        "effectiveDateTime": "2021-07-04T13:30:00Z",
        "valueQuantity": {"value": 7.4, "unit": "{score} of x"},
        "issued": "2020-02-01",
    }
    assert json.loads(payloads["visits-b"]) == {"resourceType": "Observation", "id": "visits-b"}
    assert [r.problem[0] for r in statuses(typed).where("problem is not null").collect()] == ["not_a_date"]


def test_a_row_is_parsed_once(spark: SparkSession) -> None:
    """Spark copies expressions into filters that follow unless it is kept from it: then every cell parses the row."""
    mapping = visits()
    kind = mapping.kinds[0]
    frame = row_resources(typed_rows(landed(spark, kind.name, kind.names, []), mapping, kind, {}))
    assert frame is not None
    assert optimized(frame).count("from_json(StructField") == 1
