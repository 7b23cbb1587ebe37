"""A template of a FHIR resource to a native Spark column of JSON text.

JSON is put together from text, not by `to_json` of structs: the items of a FHIR list differ in shape, which an array of
structs can't, and a number stays as it was written (7.40, not 7.4).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from catalog.mapping import Reference, number_reference, parts

if TYPE_CHECKING:
    from pyspark.sql import Column


@dataclass(frozen=True)
class Value:
    """What a reference stands for: a column of text, null where nothing is said.

    `is_plain` says that no quote, backslash or control character is in it, so that it needs no escaping.
    """

    column: Column
    is_plain: bool


Lookup = Callable[[str], Value | str]
"""A reference's name to its value; a constant is given as text."""


@dataclass(frozen=True)
class _Piece:
    """A part of the JSON: `text` where it is always the same, else `column`, null where it is left out.

    `needed` are columns without which what it stands in is left out too.
    """

    text: str = ""
    column: Column | None = None
    needed: tuple[Column, ...] = ()


def json_of(resource: Mapping[str, Any], lookup: Lookup) -> Column:
    """The resource as JSON; null where a text or number that stands directly in it refers to nothing.

    An object is left out when a text or number of its own refers to nothing (unless marked `?`), or all that changes
    in it is left out; a list without items is left out.
    """
    from pyspark.sql import functions as F

    piece = _object(resource, lookup)
    return piece.column if piece.column is not None else F.lit(piece.text)


def text_of(template: str, lookup: Lookup) -> Column:
    """A template's text as it is, not as JSON; null where a reference is null."""
    from pyspark.sql import functions as F

    found = [lookup(part.name) if isinstance(part, Reference) else part for part in parts(template)]
    return F.concat(*(value.column if isinstance(value, Value) else F.lit(value) for value in found))


def is_made(resource: Mapping[str, Any], needs: Sequence[str], lookup: Lookup) -> Column:
    """Whether the resource is made of a row at all: nothing that it needs is null."""
    own = (value for value in resource.values() if isinstance(value, str))
    names = [r.name for text in own for r in _references(text) if not r.is_optional]
    found = [lookup(name) for name in dict.fromkeys([*names, *needs])]
    return _all([value.column for value in found if isinstance(value, Value)])


def _references(text: str) -> list[Reference]:
    number = number_reference(text)
    return [number] if number else [p for p in parts(text) if isinstance(p, Reference)]


def _all(columns: Sequence[Column]) -> Column:
    from pyspark.sql import functions as F

    return reduce(lambda a, b: a & b, (c.isNotNull() for c in columns), F.lit(True))


def _render(node: Any, lookup: Lookup) -> _Piece:
    if isinstance(node, Mapping):
        return _object(node, lookup)
    if isinstance(node, list):
        return _list(node, lookup)
    if isinstance(node, str):
        return _text(node, lookup)
    return _Piece(json.dumps(node))


def _object(node: Mapping[str, Any], lookup: Lookup) -> _Piece:
    from pyspark.sql import functions as F

    members = [(json.dumps(name) + ":", _render(value, lookup)) for name, value in node.items()]
    moving = [piece.column for _, piece in members if piece.column is not None]
    if not moving:
        return _Piece("{" + ",".join(name + piece.text for name, piece in members) + "}")
    needed = [column for _, piece in members for column in piece.needed]
    said = [
        F.lit(name + piece.text) if piece.column is None else F.concat(F.lit(name), piece.column)
        for name, piece in members
    ]
    there = _all(needed) if needed else reduce(lambda a, b: a | b, (column.isNotNull() for column in moving))
    return _Piece(column=F.when(there, F.concat(F.lit("{"), F.concat_ws(",", *said), F.lit("}"))))


def _list(node: list[Any], lookup: Lookup) -> _Piece:
    from pyspark.sql import functions as F

    items = [_render(item, lookup) for item in node]
    moving = [piece.column for piece in items if piece.column is not None]
    if not moving:
        return _Piece("[" + ",".join(piece.text for piece in items) + "]")
    said = [F.lit(piece.text) if piece.column is None else piece.column for piece in items]
    whole = F.concat(F.lit("["), F.concat_ws(",", *said), F.lit("]"))
    if len(moving) < len(items):
        return _Piece(column=whole)
    return _Piece(column=F.when(reduce(lambda a, b: a | b, (column.isNotNull() for column in moving)), whole))


def _text(node: str, lookup: Lookup) -> _Piece:
    from pyspark.sql import functions as F

    number = number_reference(node)
    if number is not None:
        value = lookup(number.name)
        if isinstance(value, str):
            return _Piece(value)
        return _Piece(column=value.column, needed=() if number.is_optional else (value.column,))
    found: list[str | Value] = []
    needed: list[Column] = []
    for part in parts(node):
        value = lookup(part.name) if isinstance(part, Reference) else part
        found.append(value)
        if isinstance(part, Reference) and isinstance(value, Value) and not part.is_optional:
            needed.append(value.column)
    values = [value for value in found if isinstance(value, Value)]
    if not values:
        return _Piece(json.dumps("".join(str(part) for part in found), ensure_ascii=False))
    columns = [value.column if isinstance(value, Value) else F.lit(_plain(value)) for value in found]
    if all(value.is_plain for value in values):
        return _Piece(column=F.concat(F.lit('"'), *columns, F.lit('"')), needed=tuple(needed))
    # the text in an array as Spark writes it, less the brackets: escaped as JSON wants it
    written = F.to_json(
        F.array(F.concat(*(c if isinstance(v, Value) else F.lit(v) for c, v in zip(columns, found, strict=True))))
    )
    whole = F.concat(*columns)
    return _Piece(column=F.when(whole.isNotNull(), F.regexp_replace(written, r"^\[|\]$", "")), needed=tuple(needed))


def _plain(text: str) -> str:
    """The inside of the text's JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
