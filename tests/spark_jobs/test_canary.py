"""Nothing of any person gets into metrics, probes, logs or lineage events, whether their records are good or bad."""

import json
import logging
from pathlib import Path

import pytest

from dash_app.app import create_app
from spark_jobs.conform.encounter import encounter
from spark_jobs.conform.patient import patient
from spark_jobs.lake import Lake

pytestmark = pytest.mark.slow
CANARIES = ("canaryname", "canarygiven", "canaryid", "canarynote", "canarystreet", "canaryfile", "canarymrn")


def bundle() -> dict[str, object]:
    """Two people, one of them with a birth date that no rule lets pass, and encounters of both."""

    def person(number: int, **more: object) -> dict[str, object]:
        return {
            "resourceType": "Patient", "id": f"canaryid{number}", "gender": "female", "birthDate": "1950-01-01",
            "name": [{"family": "Canaryname", "given": ["Canarygiven"]}], "address": [{"line": ["Canarystreet 1"]}],
            "identifier": [{"system": "urn:mrn", "value": f"CANARYMRN{number}"}],
            "text": {"status": "generated", "div": "<div>Canarynote</div>"}, **more,
        }  # fmt: skip

    def visit(number: int, **more: object) -> dict[str, object]:
        return {
            "resourceType": "Encounter", "id": f"canaryidvisit{number}", "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": f"Patient/canaryid{number}", "display": "Canaryname"},
            "period": {"start": "2020-01-02T08:00:00Z", "end": "2020-01-02T09:00:00Z"},
            "reasonCode": [{"text": "Canarynote"}], **more,
        }  # fmt: skip

    bad = {"period": {"start": "2020-01-02T08:00:00Z", "end": "2019-01-02T09:00:00Z"}}
    found = [person(1), person(2, birthDate="2999-01-01"), person(3, gender=["canarynote"]), visit(1), visit(2, **bad)]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in found]}


def test_no_canary_is_in_metrics_probes_logs_or_events(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "lakehouse")
    caplog.set_level(logging.DEBUG, "dash_app")
    caplog.set_level(logging.DEBUG, "spark_jobs")
    events = tmp_path / "events.jsonl"
    own = Lake(lake.spark, lake.control, lake.settings.model_copy(update={"openlineage": str(events)}))
    came = tmp_path / "came"
    came.mkdir()
    (came / "canaryfile.json").write_text(json.dumps(bundle()))
    (came / "canaryfile.ndjson").write_text(
        '{"resourceType":"Basic","id":"canaryid9"}\n{"resourceType":"Patient","id":"canaryid4","name":[{"family":"Cana'
    )
    landing = own.land([str(came)], lambda what, done, total: None)
    assert landing.counts.landed == 6
    assert landing.counts.rejected == 1
    results, failures = own.run([patient, encounter])
    errors = [failure.sentence for failure in failures]
    held = sum(result.records.get("quarantined", 0) for result in results)
    assert held >= 1, "bad records are a part of this"

    client = create_app(own.settings).server.test_client()
    at = {"headers": {"Host": "localhost"}}
    said = {path: client.get(path, **at).text for path in ("/metrics", "/health", "/ready", "/live")}
    assert 'carelake_unaccounted_records{stage="landing",table="bronze.fhir_resource"} 0.0' in said["/metrics"]
    assert 'carelake_unaccounted_records{stage="conforming",table="silver.patient"} 0.0' in said["/metrics"]
    out, err = capfd.readouterr()
    said |= {"events": events.read_text(), "log": caplog.text, "out": out, "err": err, "errors": " ".join(errors)}
    assert "silver.patient" in said["events"]
    for place, text in said.items():
        for canary in CANARIES:
            assert canary not in text.lower(), f"{canary} is in {place}"
