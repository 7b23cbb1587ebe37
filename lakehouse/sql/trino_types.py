"""From the names of Trino's types to Arrow's."""

import re

import pyarrow as pa

_SIMPLE = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varbinary": pa.binary(),
    "unknown": pa.null(),
}
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a Trino type such as `array(row(system varchar, code varchar))`; text for all others."""
    name = name.strip()
    if name in _SIMPLE:
        return _SIMPLE[name]
    if found := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(found[1]), int(found[2]))
    if name.startswith("timestamp"):
        return pa.timestamp("us", "UTC" if name.endswith("with time zone") else None)
    head, _, rest = name.partition("(")
    inside = rest.removesuffix(")")
    if head == "array":
        return pa.list_(arrow_type(inside))
    if head == "map":
        key, value = _parts(inside)
        return pa.map_(arrow_type(key), arrow_type(value))
    if head == "row":
        return pa.struct([_field(part, place) for place, part in enumerate(_parts(inside))])
    return pa.string()


def _field(text: str, place: int) -> pa.Field:
    """A field of a row: `"a name" varchar`, `code varchar`, or a type alone where it has no name."""
    found = re.fullmatch(r'(?:"((?:[^"]|"")*)"|([A-Za-z_][\w]*)) (?!with time zone$)(.+)', text.strip())
    if found is None or (found[2] or "").startswith("timestamp"):
        return pa.field(f"field{place}", arrow_type(text))
    return pa.field((found[1] or found[2]).replace('""', '"'), arrow_type(found[3]))


def _parts(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and no quotes."""
    parts, depth, quoted, begun = [], 0, False, 0
    for at, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif not quoted and depth == 0 and letter == ",":
            parts.append(text[begun:at].strip())
            begun = at + 1
    return [*parts, text[begun:].strip()]
