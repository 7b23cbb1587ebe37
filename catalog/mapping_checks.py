"""What has to hold of a mapping before it is used, each as a sentence."""

import codecs
import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from catalog.mapping import KINDS, CsvMapping, FileKind, Reference, Template, ValueTable, number_reference, parts

_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_ID_PART = re.compile(r"[A-Za-z0-9.-]*")
_ID_KINDS = ("id", "number", "integer", "minutes", "date")


def problems(mapping: CsvMapping) -> Iterator[str]:
    """Sentences without a full stop; none if the mapping can be used."""
    yield from _outside(mapping)
    for table in mapping.tables:
        yield from _table(mapping, table)
    for kind in mapping.kinds:
        yield from _columns(kind)
        if kind.key and kind.key not in kind.names:
            yield f"files.{kind.name}: the key {kind.key!r} is none of its columns"
        if not kind.key and not kind.templates:
            yield f"files.{kind.name} has neither resources nor, for a value table, a key"
        for number, template in enumerate(kind.templates):
            where = f"files.{kind.name}.resources[{number}] ({template.resource.get('resourceType')})"
            yield from (f"{where}: {said}" for said in _template(mapping, kind, template))


def _outside(mapping: CsvMapping) -> Iterator[str]:
    if not mapping.kinds:
        yield "it has no files"
    if len(mapping.delimiter) != 1 or mapping.delimiter in '"\r\n':
        yield "the delimiter is one character, and neither a quote nor a line feed"
    try:
        encoding = codecs.lookup(mapping.encoding).name
    except LookupError:
        yield f"there is no encoding {mapping.encoding!r}"
    else:
        if encoding.startswith(("utf-16", "utf-32", "utf-7")):
            yield f"lines can't be told apart in {mapping.encoding}; convert the files to UTF-8"
    headers = [frozenset(k.names) for k in mapping.kinds]
    if len(set(headers)) < len(headers):
        yield "two kinds of files have the same columns, so a header does not tell them apart"


def _columns(kind: FileKind) -> Iterator[str]:
    for column in kind.columns:
        where = f"files.{kind.name}.columns.{column.name}"
        if column.kind not in KINDS:
            yield f"{where}: there is no type {column.kind!r}; there are {', '.join(KINDS)}"
        if column.kind in ("date", "datetime") and not column.format:
            yield f"{where}: a {column.kind} needs its format, such as M/d/yyyy"
        if not _is_zone(column.zone):
            yield f"{where}: there is no time zone {column.zone!r}"
        if re.search(r"[{}?!:\[\]<>]", column.name):
            yield f"{where}: a template can't refer to a column with one of {{}}?!:[]<> in its name"


def _is_zone(name: str) -> bool:
    try:
        return name == str(UTC) or bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        return False


def _table(mapping: CsvMapping, table: ValueTable) -> Iterator[str]:
    where = f"tables.{table.name}"
    users = [k for k in mapping.kinds if not k.key and table.column in k.names]
    if not users:
        yield f"{where}: no kind of file has the column {table.column!r}"
    if bool(table.entries) == bool(table.file):
        yield f"{where}: it has either entries or a file"
    if table.file and not any(k.name == table.file and k.key for k in mapping.kinds):
        yield f"{where}: {table.file!r} is no kind of file with a key"
    for kind in users:
        yield from (f"{where}: there is no column {c!r} in {kind.name}" for c in table.where if c not in kind.names)
    if not all(isinstance(v, str) for entry in table.entries.values() for v in entry.values()):
        yield f"{where}: every field of an entry is a text"


def _template(mapping: CsvMapping, kind: FileKind, template: Template) -> Iterator[str]:
    resource = template.resource
    if not _RESOURCE_TYPE.fullmatch(str(resource.get("resourceType", ""))):
        yield "it has no resourceType"
    try:
        references = template.references
        identity = parts(str(resource["id"]))
        broken = list(_broken_numbers(resource))
    except ValueError as error:
        yield f"a text is no template: {error}"
        return
    yield from broken
    for reference in references:
        if not _exists(mapping, kind, reference.name):
            yield f"{{{reference.name}}} is no column, no constant and no field of a value table"
    yield from (
        f"there is no column {c!r} in {kind.name}" for c in (*template.where, *template.group) if c not in kind.names
    )
    named = [p for p in identity if isinstance(p, Reference)]
    if not named:
        yield "the id names no column, so all rows would make the same resource"
    if any(isinstance(p, str) and not _ID_PART.fullmatch(p) for p in identity):
        yield "the id has characters that no FHIR id can have"
    for part in named:
        if not _fits_id(mapping, kind, part.name):
            yield f"{{{part.name}}} in the id has to be of type {', '.join(_ID_KINDS)} or a closed list of values"
    for name in template.group:
        if name not in [p.name for p in named]:
            yield f"the id does not name {name!r}, by which it is grouped"


def _broken_numbers(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _broken_numbers(value)
    elif isinstance(node, list):
        for value in node:
            yield from _broken_numbers(value)
    elif isinstance(node, str) and node.startswith("#{") and number_reference(node) is None:
        yield f"{node!r}: a number is one reference, as in #{{column}}"


def _exists(mapping: CsvMapping, kind: FileKind, name: str) -> bool:
    if name in kind.names or name in mapping.constants:
        return True
    table, _, field = name.partition(".")
    return any(t.name == table and field in fields_of(mapping, t) for t in mapping.tables_of(kind))


def fields_of(mapping: CsvMapping, table: ValueTable) -> list[str]:
    """The fields that entries of a table may have, sorted."""
    if table.file:
        return sorted(mapping.kind(table.file).names)
    return sorted({f for entry in table.entries.values() for f in entry})


def _fits_id(mapping: CsvMapping, kind: FileKind, name: str) -> bool:
    for column in kind.columns:
        if column.name == name:
            allowed = column.values or tuple(
                v for t in mapping.tables if t.column == name and t.is_closed and not t.where for v in t.entries
            )
            return column.kind in _ID_KINDS or (bool(allowed) and all(_ID_PART.fullmatch(v) for v in allowed))
    return False
