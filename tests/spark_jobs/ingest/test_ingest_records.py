"""What becomes a record, a tombstone, a contained record or a rejection."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_reading import bundle, resource

from spark_jobs.ingest.heads import instant
from spark_jobs.ingest.model import Record, Rejection, Split
from spark_jobs.ingest.records import Place, entry_items, resource_items
from spark_jobs.ingest.resource_types import R4_TYPES

HERE = Place(7, 100)


def only_record(raw: bytes) -> Record:
    (item,) = resource_items(raw, HERE)
    assert isinstance(item, Record), item
    return item


def only_rejection(raw: bytes) -> Rejection:
    (item,) = resource_items(raw, HERE)
    assert isinstance(item, Rejection), item
    assert (item.raw, item.line, item.byte_offset) == (raw, 7, 100)
    return item


def only_entry(**entry: Any) -> Record | Rejection:
    (item,) = entry_items(json.dumps(entry).encode(), HERE)
    assert not isinstance(item, Split)
    return item


def test_a_resource_lands_with_its_bytes_as_written() -> None:
    raw = (
        b' {"resourceType": "Observation",\t"id":"o-1","meta":{"versionId":"3",'
        b'"lastUpdated":"2024-02-29T23:30:00.1234567-05:00"},"valueQuantity":{"value":1.00,"x":"\xc3\xa9\\u00e9"}} '
    )
    record = only_record(raw)
    assert record.payload == raw.strip()
    assert record.payload_sha256 == hashlib.sha256(raw.strip()).hexdigest()
    assert (record.resource_type, record.resource_id, record.version_id) == ("Observation", "o-1", "3")
    assert record.last_updated == datetime(2024, 3, 1, 4, 30, 0, 123456, UTC)
    assert (record.line, record.byte_offset, record.entry, record.is_deleted) == (7, 100, None, False)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"resourceType":"Patient","id":"a",}', "invalid_json"),
        (b'{"resourceType":"Patient","id":"a","x":01}', "invalid_json"),
        (b'{"resourceType":"Patient","id":"a"} {"resourceType":"Patient"}', "invalid_json"),
        (b'{"resourceType":"Patient","id":"a","x":' + b"[" * 5000 + b"]" * 5000 + b"}", "invalid_json"),
        (b'{"resourceType":"Patient","id":"a\0"}', "invalid_json"),
        (b'{"resourceType":"Patient","id":"a","x":"', "truncated_json"),
        (b'{"resourceType":"Patient","id":"a"', "truncated_json"),
        (b'{"resourceType":"Patient","id":"a","x":"M\xfcller"}', "invalid_utf8"),
        (b'{"resourceType":"Patient","id":"a","x":"\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"resourceType":"Patient","id":"a","x":"\\ud800 and more text"}', "unpaired_surrogate"),
        (b'{"resourceType":"Patient","id":"a","x":"\\udc00"}', "unpaired_surrogate"),
        (b'{"id":"a"}', "not_fhir"),
        (b'{"resourceType":3,"id":"a"}', "not_fhir"),
        (b'[{"resourceType":"Patient","id":"a"}]', "not_fhir"),
        (b'"Patient"', "not_fhir"),
        (b"null", "not_fhir"),
        (b'{"resourceType":"Foo","id":"a"}', "unknown_resource_type"),
        (b'{"resourceType":"patient","id":"a"}', "unknown_resource_type"),
        (b'{"resourceType":"Patient"}', "missing_id"),
        (b'{"resourceType":"Patient","id":12}', "invalid_id"),
        (b'{"resourceType":"Patient","id":""}', "missing_id"),
        (b'{"resourceType":"Patient","id":null}', "invalid_id"),
        (b'{"resourceType":"Patient","id":"Patient/a"}', "invalid_id"),
        (b'{"resourceType":"Patient","id":"a\\u0000"}', "invalid_id"),
        (b'{"resourceType":"Bundle","entry":{}}', "invalid_bundle"),
    ],
)
def test_what_cannot_land_says_why(raw: bytes, code: str) -> None:
    assert only_rejection(raw).reason_code == code


def test_reasons_point_at_the_place_and_carry_no_data() -> None:
    assert only_rejection(b'{"resourceType":"Patient","x":"M\xfcller"}').reason.startswith(
        "The record is not UTF-8 (byte 32)"
    )
    assert only_rejection(b'{"id":"a",}').reason == "The JSON is invalid at byte 10 of the record."
    assert "'Foo'" in only_rejection(b'{"resourceType":"Foo"}').reason
    for secret in (b"Jane Doe", b"J" * 65):
        rejection = only_rejection(b'{"resourceType":"%s","id":"a"}' % secret)
        assert rejection.reason_code == "unknown_resource_type"
        assert secret.decode() not in rejection.reason


def test_a_paired_surrogate_escape_is_a_character() -> None:
    assert only_record(b'{"resourceType":"Patient","id":"a","x":"\\ud83d\\ude00"}').resource_id == "a"


@pytest.mark.parametrize(
    ("meta", "version", "updated"),
    [
        ("{}", None, None),
        ('"none"', None, None),
        ("null", None, None),
        ('{"versionId":4}', "4", None),
        ('{"versionId":[4],"lastUpdated":5}', None, None),
        ('{"versionId":4,"lastUpdated":"2024-01-01T00:00:00Z"}', "4", datetime(2024, 1, 1, tzinfo=UTC)),
        ('{"versionId":"1","lastUpdated":"yesterday"}', "1", None),
    ],
)
def test_a_strange_meta_never_keeps_a_resource_from_landing(
    meta: str, version: str | None, updated: datetime | None
) -> None:
    record = only_record(b'{"resourceType":"Patient","id":"a","meta":%s}' % meta.encode())
    assert (record.version_id, record.last_updated) == (version, updated)


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_any_instant_is_read_to_the_microsecond(moment: datetime) -> None:
    if 2 < moment.year < 9998 and moment.utcoffset() == moment.astimezone(UTC).astimezone(moment.tzinfo).utcoffset():
        assert instant(moment.isoformat()) == moment.astimezone(UTC)


@pytest.mark.parametrize(
    "text", ["", "2024", "2024-01-01", "2024-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00"]
)
def test_what_is_no_instant_has_no_time(text: str) -> None:
    assert instant(text) is None


def test_contained_resources_with_an_id_are_records_beside_their_container() -> None:
    inner = b'{"resourceType":"Medication","id":"m1","code":{"x":2.50}}'
    raw = (
        b'{"resourceType":"MedicationRequest","id":"r","meta":{"versionId":"2","lastUpdated":"2024-01-01T00:00:00Z"},'
        b'"contained":[' + inner + b',{"resourceType":"Patient"},' + inner + b',{"resourceType":"Foo","id":"x"},7,'
        b'{"resourceType":"Patient","id":"#p"}]}'
    )
    container, medication, patient = resource_items(raw, HERE)
    assert isinstance(container, Record)
    assert isinstance(medication, Record)
    assert isinstance(patient, Record)
    assert (container.container_id, container.payload) == (None, raw)
    assert (medication.resource_id, medication.container_id) == ("MedicationRequest/r#m1", "MedicationRequest/r")
    assert (medication.payload, medication.version_id, medication.line) == (inner, "2", 7)
    assert medication.last_updated == container.last_updated
    assert patient.resource_id == "MedicationRequest/r#p"


@pytest.mark.parametrize("kind", ["collection", "transaction", "batch", "history", "searchset", "message", "document"])
def test_a_bundle_line_of_any_type_gives_its_entries_with_position_and_offset(kind: str) -> None:
    raw = bundle({"resource": json.loads(resource("Patient/a"))}, {"resource": {"resourceType": "Foo"}}, type=kind)
    split, patient, rejection = resource_items(raw, HERE)
    assert split == Split(2)
    assert isinstance(patient, Record)
    assert isinstance(rejection, Rejection)
    assert (patient.resource_id, patient.entry, patient.line) == ("a", 0, 7)
    assert raw[patient.byte_offset - 100 :].startswith(b'{"resource": {"resourceType": "Patient"')
    assert (rejection.reason_code, rejection.entry) == ("unknown_resource_type", 1)
    assert (rejection.byte_offset or 0) - 100 == raw.index(rejection.raw)


def test_a_missing_id_is_taken_from_the_full_url() -> None:
    patient = {"resourceType": "Patient"}
    for url, expected in (
        ("urn:uuid:0f1c", "0f1c"),
        ("http://example.org/fhir/Patient/p1", "p1"),
        ("http://example.org/fhir/Patient/p1/_history/4", "p1"),
    ):
        item = only_entry(fullUrl=url, resource=patient)
        assert isinstance(item, Record)
        assert item.resource_id == expected
    for url in ("http://example.org/fhir/Group/p1", "http://example.org/", ""):
        item = only_entry(fullUrl=url, resource=patient)
        assert isinstance(item, Rejection)
        assert item.reason_code == "missing_id"


def test_a_deletion_is_a_tombstone_with_the_best_known_time() -> None:
    request = {"method": "DELETE", "url": "Patient/p1"}
    meta = {"lastUpdated": "2024-05-01T00:00:00Z"}
    response = {"lastModified": "2024-06-01T00:00:00Z", "etag": 'W/"3"'}
    stamp = {"timestamp": "2020-01-01T00:00:00Z"}
    for entry, fields, updated, version in (
        ({"request": request, "response": response}, {"meta": meta}, datetime(2024, 6, 1, tzinfo=UTC), "3"),
        (
            {"request": request},
            {"meta": meta, "timestamp": "2020-01-01T00:00:00Z"},
            datetime(2024, 5, 1, tzinfo=UTC),
            None,
        ),
        ({"request": request}, stamp, datetime(2020, 1, 1, tzinfo=UTC), None),
        ({"request": request}, {}, None, None),
    ):
        _, item = resource_items(bundle(entry, type="transaction", **fields), HERE)
        assert isinstance(item, Record)
        assert (item.resource_type, item.resource_id, item.is_deleted, item.payload) == ("Patient", "p1", True, None)
        assert (item.last_updated, item.version_id) == (updated, version)
        assert item.payload_sha256 == hashlib.sha256(b"Patient/p1").hexdigest()


def test_a_deletion_in_a_nested_bundle_takes_the_time_of_the_nearest_one() -> None:
    deletion = {"request": {"method": "DELETE", "url": "Patient/p1"}}
    inner = json.loads(bundle(deletion))
    for fields, day in (({}, 1), ({"timestamp": "2024-01-02T00:00:00Z"}, 2)):
        raw = bundle({"resource": {**inner, **fields}}, timestamp="2024-01-01T00:00:00Z")
        *_, item = resource_items(raw, HERE)
        assert isinstance(item, Record)
        assert item.last_updated == datetime(2024, 1, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"request": {"method": "DELETE", "url": "Patient?identifier=1"}}, "conditional_delete"),
        ({"request": {"method": "DELETE", "url": "Patient"}}, "delete_without_id"),
        ({"request": {"method": "DELETE"}}, "delete_without_id"),
        ({"request": {"method": "DELETE", "url": "Foo/1"}}, "unknown_resource_type"),
        ({"request": {"method": "GET", "url": "Patient/1"}}, "bundle_entry_without_resource"),
        ({"resource": None}, "bundle_entry_without_resource"),
        ({"response": {"status": "204"}}, "bundle_entry_without_resource"),
        ({"request": {"method": "PATCH", "url": "Patient/1"}, "resource": {}}, "bundle_entry_patch"),
        ({"resource": {"resourceType": "Patient", "id": 5}}, "invalid_id"),
        ({"resource": "text"}, "not_fhir"),
        ({"fullUrl": 7}, "invalid_bundle_entry"),
    ],
)
def test_an_entry_that_cannot_land_says_why(entry: dict[str, Any], code: str) -> None:
    item = only_entry(**entry)
    assert isinstance(item, Rejection)
    assert item.reason_code == code


def test_an_absolute_delete_url_and_a_version_in_it_name_the_resource() -> None:
    item = only_entry(request={"method": "DELETE", "url": "https://example.org/r4/Encounter/e9/_history/2"})
    assert isinstance(item, Record)
    assert (item.resource_type, item.resource_id) == ("Encounter", "e9")


def test_a_history_entry_dates_a_resource_that_has_no_meta() -> None:
    item = only_entry(
        resource={"resourceType": "Patient", "id": "a"},
        response={"etag": 'W/"8"', "lastModified": "2024-01-01T00:00:00Z"},
    )
    assert isinstance(item, Record)
    assert (item.version_id, item.last_updated) == ("8", datetime(2024, 1, 1, tzinfo=UTC))


def test_search_outcomes_land_like_any_resource() -> None:
    item = only_entry(search={"mode": "outcome"}, resource={"resourceType": "OperationOutcome", "id": "o"})
    assert isinstance(item, Record)


def test_bundles_within_bundles_are_split_to_a_depth() -> None:
    inner: dict[str, Any] = {"resourceType": "Patient", "id": "a"}
    for depth in range(1, 6):
        inner = {"resourceType": "Bundle", "entry": [{"resource": inner}]}
        raw = json.dumps(inner).encode()
        items = resource_items(raw, HERE)
        last = items[-1]
        if depth <= 3:
            assert isinstance(last, Record)
            assert len([item for item in items if isinstance(item, Split)]) == depth
            assert raw[last.byte_offset - 100 :].startswith(b'{"resource": {"resourceType": "Patient"')
        else:
            assert isinstance(last, Rejection)
            assert last.reason_code == "bundle_nested_too_deep"


def test_the_resource_types_are_those_of_fhirclient() -> None:
    import importlib
    import inspect
    import pkgutil

    import fhirclient.models
    from fhirclient.models.resource import Resource

    found = set()
    for module in pkgutil.iter_modules(fhirclient.models.__path__):
        if not module.name.endswith(("_test", "_tests")):
            members = inspect.getmembers(importlib.import_module(f"fhirclient.models.{module.name}"), inspect.isclass)
            found |= {kind.resource_type for _, kind in members if issubclass(kind, Resource)}
    assert found - {"Resource", "DomainResource"} == R4_TYPES
