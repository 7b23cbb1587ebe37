"""One slice of JSON to the records in it, or to the reason why there are none.

The JSON is checked whole but decoded only where a field is needed; payloads are slices of the input, byte for byte.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime

import msgspec
import pyarrow as pa

from spark_jobs.ingest.heads import (
    NONE,
    Head,
    Meta,
    RefusedError,
    bundle_time,
    check_text,
    decode_head,
    instant,
    syntax_error,
)
from spark_jobs.ingest.model import Item, Record, Rejection, Split
from spark_jobs.ingest.resource_types import R4_TYPES
from spark_jobs.ingest.shapes import has_fhir_shape

MAX_BUNDLE_DEPTH = 3
_ID = re.compile(r"[^\s/#?|\x00-\x1f\x7f]+")
_TYPE_NAME = re.compile(r"[A-Za-z]{1,64}")
_LITERAL = re.compile(r"(?:.*/)?(?P<type>[A-Za-z]{1,64})/(?P<id>[^\s/#?|]+)(?:/_history/(?P<version>[^\s/#?|]+))?")
_ETAG = re.compile(r'(?:W/)?"([^"]+)"')


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a slice stands: line (from 1), first byte, and for a Bundle entry its position and its Bundle's time."""

    line: int
    byte_offset: int
    entry: int | None = None
    bundle_time: datetime | None = None
    depth: int = 0


class _Bundle(msgspec.Struct, gc=False):
    meta: msgspec.Raw = NONE
    timestamp: msgspec.Raw = NONE
    entry: list[msgspec.Raw] = []


class _Request(msgspec.Struct, gc=False):
    method: str = ""
    url: str = ""


class _Response(msgspec.Struct, gc=False):
    etag: str = ""
    lastModified: str = ""  # noqa: N815


class _Entry(msgspec.Struct, gc=False):
    fullUrl: str = ""  # noqa: N815
    resource: msgspec.Raw = NONE
    request: _Request | None = None
    response: _Response | None = None


_bundle = msgspec.json.Decoder(_Bundle).decode
_entry = msgspec.json.Decoder(_Entry).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode


def resource_items(raw: bytes, place: Place) -> list[Item]:
    """What a line or a whole JSON object holds: a resource with its contained ones, a Bundle's entries, a rejection.

    A rejection carries `raw` as it is; a payload comes without white space around it.
    """
    try:
        check_text(raw)
        text = raw if raw[:1] == b"{" and raw[-1:] == b"}" else raw.strip(b" \t\r\n")
        head = decode_head(text)
        if head.resourceType == "Bundle":
            return _bundle_items(text, place)
        return _resource_items(head, text, place)
    except RefusedError as refused:
        return [_rejection(refused, raw, place)]


def entry_items(raw: bytes, place: Place) -> list[Item]:
    """What one Bundle entry (the object with `resource` and `request`) holds: a resource, a deletion, a rejection."""
    try:
        check_text(raw)
        return _entry_items(raw, place)
    except RefusedError as refused:
        return [_rejection(refused, raw, place)]


def _resource_items(
    head: Head, text: bytes, place: Place, full_url: str = "", response: _Response | None = None
) -> list[Item]:
    resource_type = head.resourceType
    _check_type(resource_type)
    resource_id = head.id or _id_of_url(full_url, resource_type)
    if not resource_id:
        raise RefusedError("missing_id", "The resource has no id.", resource_type)
    if not _ID.fullmatch(resource_id):
        raise RefusedError(
            "invalid_id", "The resource's id has characters that no FHIR id can have.", resource_type, resource_id
        )
    meta = head.meta or Meta()
    record = Record(
        resource_type,
        resource_id,
        text,
        hashlib.sha256(text).hexdigest(),
        place.line,
        place.byte_offset,
        place.entry,
        None,
        meta.versionId or None,
        instant(meta.lastUpdated) if meta.lastUpdated else None,
        has_fhir_shape=has_fhir_shape(resource_type, text),
    )
    if response:  # a history or searchset entry may say what the resource itself does not
        record.version_id = record.version_id or _version_of(response)
        record.last_updated = record.last_updated or instant(response.lastModified)
    if head.contained is NONE:
        return [record]
    return [record, *_contained(head.contained, record)]


def _check_type(resource_type: str) -> None:
    if resource_type in R4_TYPES:
        return
    if not resource_type:
        raise RefusedError("not_fhir", "The record is not a FHIR resource (no resourceType).")
    shown = f" '{resource_type}'" if _TYPE_NAME.fullmatch(resource_type) else ""
    raise RefusedError("unknown_resource_type", f"The resource type{shown} is not one of FHIR R4.")


def _contained(raw: msgspec.Raw, container: Record) -> Iterator[Record]:
    """Contained resources of a known type with an id; the others stay findable in their container's payload only."""
    container_id = f"{container.resource_type}/{container.resource_id}"
    seen = set()
    try:
        slices = _raws(raw)
    except msgspec.DecodeError:
        return
    for piece in slices:
        try:
            head = decode_head(bytes(piece))
        except RefusedError:
            continue
        local = head.id.removeprefix("#")
        if head.resourceType not in R4_TYPES or not _ID.fullmatch(local) or (head.resourceType, local) in seen:
            continue
        seen.add((head.resourceType, local))
        payload = bytes(piece)
        yield msgspec.structs.replace(
            container,
            resource_type=head.resourceType,
            resource_id=f"{container_id}#{local}",
            container_id=container_id,
            payload=payload,
            payload_sha256=hashlib.sha256(payload).hexdigest(),
            has_fhir_shape=has_fhir_shape(head.resourceType, payload),
        )


def _bundle_items(text: bytes, place: Place) -> list[Item]:
    if place.depth >= MAX_BUNDLE_DEPTH:
        raise RefusedError("bundle_nested_too_deep", f"More than {MAX_BUNDLE_DEPTH} Bundles lie within each other.")
    try:
        bundle = _bundle(text)
    except msgspec.ValidationError:
        raise RefusedError("invalid_bundle", "The Bundle's entry is not a list.", "Bundle") from None
    time = bundle_time(bytes(bundle.meta), bytes(bundle.timestamp)) or place.bundle_time
    items: list[Item] = [Split(len(bundle.entry))]
    # Raw is a view of the text, so addresses tell where each entry stands; searching could find an equal one elsewhere.
    base = pa.py_buffer(text).address - place.byte_offset
    for position, entry in enumerate(bundle.entry):
        at = Place(place.line, pa.py_buffer(entry).address - base, position, time, place.depth + 1)
        raw = bytes(entry)
        try:
            items += _entry_items(raw, at)
        except RefusedError as refused:
            items.append(_rejection(refused, raw, at))
    return items


def _entry_items(raw: bytes, place: Place) -> list[Item]:
    try:
        entry = _entry(raw)
    except msgspec.ValidationError:
        raise RefusedError("invalid_bundle_entry", "The Bundle entry is not an object as FHIR has it.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise syntax_error(error, raw) from None
    method = entry.request.method if entry.request else ""
    if entry.request and method == "DELETE":
        return [_tombstone(entry, entry.request.url, place)]
    if method == "PATCH":
        raise RefusedError("bundle_entry_patch", "The Bundle entry is a PATCH, which is no version of a resource.")
    payload = bytes(entry.resource)
    if payload == b"null":
        raise RefusedError("bundle_entry_without_resource", "The Bundle entry has no resource.")
    head = decode_head(payload)
    if head.resourceType == "Bundle":
        inside = pa.py_buffer(entry.resource).address - pa.py_buffer(raw).address
        return _bundle_items(payload, msgspec.structs.replace(place, byte_offset=place.byte_offset + inside))
    return _resource_items(head, payload, place, entry.fullUrl, entry.response)


def _tombstone(entry: _Entry, url: str, place: Place) -> Record:
    if "?" in url:
        raise RefusedError(
            "conditional_delete", "The deletion names a search and not a resource; delete by id instead."
        )
    match = _LITERAL.fullmatch(url)
    if not match:
        raise RefusedError("delete_without_id", "The deletion's request.url is not `Type/id`.")
    _check_type(match["type"])
    response = entry.response or _Response()
    return Record(
        match["type"],
        match["id"],
        None,
        hashlib.sha256(url.encode()).hexdigest(),
        place.line,
        place.byte_offset,
        place.entry,
        version_id=_version_of(response),
        last_updated=instant(response.lastModified) or place.bundle_time,
        is_deleted=True,
    )


def _version_of(response: _Response) -> str | None:
    match = _ETAG.fullmatch(response.etag)
    return match[1] if match else response.etag or None


def _id_of_url(url: str, resource_type: str) -> str:
    """The id in an entry's fullUrl: `urn:uuid:X`, or an absolute URL that ends in `Type/X`; "" if there is none."""
    if url.startswith(("urn:uuid:", "urn:oid:")):
        return url.split(":", 2)[2]
    match = _LITERAL.fullmatch(url)
    return match["id"] if match and match["type"] == resource_type else ""


def _rejection(refused: RefusedError, raw: bytes, place: Place) -> Rejection:
    return Rejection(
        refused.code,
        refused.reason,
        raw,
        place.line,
        place.byte_offset,
        place.entry,
        refused.resource_type,
        refused.resource_id,
    )
