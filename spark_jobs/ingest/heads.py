"""The few fields of a resource that landing needs, read while the whole JSON is checked."""

import re
from datetime import UTC, datetime

import msgspec

from spark_jobs.ingest.resource_types import R4_TYPES

NONE = msgspec.Raw(b"null")
_LONE_SURROGATE = re.compile(rb"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|[c-fC-F])")
_AT_BYTE = re.compile(r"\(byte (\d+)\)")


class RefusedError(Exception):
    """Why a slice has no record: reason code and sentence."""

    def __init__(self, code: str, reason: str, resource_type: str | None = None, resource_id: str | None = None):
        super().__init__(code, reason)
        self.code, self.reason = code, reason
        self.resource_type, self.resource_id = resource_type, resource_id


class Meta(msgspec.Struct, gc=False):
    lastUpdated: str = ""  # noqa: N815
    versionId: str = ""  # noqa: N815


class Head(msgspec.Struct, gc=False):
    resourceType: str = ""  # noqa: N815
    id: str = ""
    meta: Meta | None = None
    contained: msgspec.Raw = NONE


class _LooseHead(msgspec.Struct, gc=False):
    resourceType: msgspec.Raw = NONE  # noqa: N815
    id: msgspec.Raw = NONE
    meta: msgspec.Raw = NONE
    contained: msgspec.Raw = NONE


class _LooseMeta(msgspec.Struct, gc=False):
    lastUpdated: msgspec.Raw = NONE  # noqa: N815
    versionId: msgspec.Raw = NONE  # noqa: N815


_head = msgspec.json.Decoder(Head).decode
_loose_head = msgspec.json.Decoder(_LooseHead).decode
_loose_meta = msgspec.json.Decoder(_LooseMeta).decode
_string = msgspec.json.Decoder(str).decode


def check_text(raw: bytes) -> None:
    """Refuse bytes that are not UTF-8: msgspec does not look at what it skips, and readers of Iceberg choke on it."""
    if raw.isascii():
        return
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(
            "invalid_utf8",
            f"The record is not UTF-8 (byte {error.start}); replay it with `lake replay --encoding latin-1` "
            "if that is what it is.",
        ) from None


def decode_head(text: bytes) -> Head:
    try:
        return _head(text)
    except msgspec.ValidationError:
        return _decode_loosely(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise syntax_error(error, text) from None


def _decode_loosely(text: bytes) -> Head:
    """The head of a resource some of whose fields have the wrong JSON type; only a wrong id refuses it."""
    try:
        loose = _loose_head(text)
    except msgspec.ValidationError:
        raise RefusedError("not_fhir", "The record is not a FHIR resource (no JSON object).") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise syntax_error(error, text) from None
    resource_type = text_of(loose.resourceType)
    if resource_type and loose.id is not NONE and not text_of(loose.id):
        shown = resource_type if resource_type in R4_TYPES else None
        raise RefusedError("invalid_id", "The resource's id is not a string with at least one character.", shown)
    try:
        meta = _loose_meta(loose.meta)
    except msgspec.DecodeError:
        return Head(resource_type, text_of(loose.id), None, loose.contained)
    version = text_of(meta.versionId) or bytes(meta.versionId).decode()
    version = version if version != "null" and version[:1] not in ("{", "[") else ""
    return Head(resource_type, text_of(loose.id), Meta(text_of(meta.lastUpdated), version), loose.contained)


def text_of(raw: msgspec.Raw | bytes) -> str:
    """A JSON string's text, "" for anything else."""
    try:
        return _string(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def syntax_error(error: Exception, text: bytes) -> RefusedError:
    if isinstance(error, RecursionError):
        return RefusedError("invalid_json", "The JSON is nested too deeply.")
    if _LONE_SURROGATE.search(text):
        return RefusedError("unpaired_surrogate", "The JSON has half a surrogate pair, which is no character.")
    if "truncated" in str(error):
        return RefusedError("truncated_json", "The JSON ends too early.")
    at = _AT_BYTE.search(str(error))
    return RefusedError("invalid_json", f"The JSON is invalid{f' at byte {at[1]} of the record' if at else ''}.")


def instant(text: str) -> datetime | None:
    """A FHIR instant in UTC, to the microsecond; None for what is none (no zone, no time of day, out of range)."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def bundle_time(meta: bytes, timestamp: bytes) -> datetime | None:
    """When a Bundle says it was made: `meta.lastUpdated`, else `timestamp`; both as raw JSON, empty if absent."""
    try:
        text = text_of(_loose_meta(meta).lastUpdated) if meta else ""
    except msgspec.DecodeError:
        text = ""
    return instant(text) or instant(text_of(timestamp))
