"""What is left of a column, as an expression in Trino's SQL.

A pseudonym is a keyed hash whose key is asked from a table that only the masks may read: a key in the expression itself
would stand in every EXPLAIN.
"""

from collections.abc import Mapping

from catalog.model import Column
from catalog.roles import Content, How, Role

MASK_USER = "lake_masks"
"""Whose rights masks have; nobody can log in as this user, or act for it."""
KEY = ("masks", "pseudonym", "key")
"""Schema, table and column of `control` that hold the key."""
_KEY = f"(SELECT {KEY[2]} FROM control.{KEY[0]}.{KEY[1]})"
_HEX_DIGITS = 32

# Areas of three digits with 20,000 people or fewer (census of 2000), as the guidance on 45 CFR 164.514(b) names them.
_FEW_PEOPLE = (
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878", "879", "884", "890",
    "893",
)  # fmt: skip


def mask(column: Column, how: How, parts: Mapping[str, Content] | None, role: Role) -> str | None:
    """The expression that stands for the column; null where it is shown as it is. Ask by `how` of NOTHING nothing."""
    if how in (How.NULL, How.NOTHING):
        return f"CAST(NULL AS {column.type.trino})"
    if how is How.WHILE_OPEN:
        return f"CASE WHEN resolved_by IS NULL THEN {column.name} END"
    if parts is not None:
        return _of_parts(column, {name: role.how(content) for name, content in parts.items()})
    if how is How.WHOLE:
        return None
    if how is How.PSEUDONYM and column.type.name == "array<text>":
        return f"zip_with({column.name}, {_keys(column.name)}, (x, k) -> {_hash('x', 'k')})"
    if column.type.name.startswith(("array", "struct")):
        raise ValueError(f"{column.name}: {how.value} is not made of {column.type.name}")
    return _scalar(column.name, how, _KEY)


def needs_key(expression: str) -> bool:
    """Whether the expression asks for the key."""
    return _KEY in expression


def _of_parts(column: Column, hows: Mapping[str, How]) -> str | None:
    """The same records with each part as the role sees it."""
    if all(how is How.WHOLE for how in hows.values()):
        return None
    parts = ", ".join(_scalar(f"x.{name}", how, "k") for name, how in hows.items())
    if How.PSEUDONYM in hows.values():
        made = f"zip_with({column.name}, {_keys(column.name)}, (x, k) -> ROW({parts}))"
    else:
        made = f"transform({column.name}, x -> ROW({parts}))"
    return f"CAST({made} AS {column.type.trino})"


def _scalar(value: str, how: How, key: str) -> str:
    match how:
        case How.WHOLE:
            return value
        case How.PSEUDONYM:
            return _hash(value, key)
        case How.YEAR:
            return f"date_trunc('year', {value})"
        case How.BIRTH_YEAR:
            return f"greatest(date_trunc('year', {value}), date_trunc('year', current_date - INTERVAL '90' YEAR))"
        case How.AGE_90:
            return f"least({value}, 90)"
        case How.POSTAL_3:
            few = ", ".join(f"'{area}'" for area in _FEW_PEOPLE)
            area = f"substr({value}, 1, 3)"
            return (
                f"CASE WHEN regexp_like({value}, '^[0-9]{{5}}(-?[0-9]{{4}})?$') "
                f"THEN IF({area} IN ({few}), '000', {area}) END"
            )
    return "NULL"


def _hash(value: str, key: str) -> str:
    return f"substr(lower(to_hex(hmac_sha256(to_utf8({value}), {key}))), 1, {_HEX_DIGITS})"


def _keys(column: str) -> str:
    """As many keys as the array has elements: a lambda cannot ask a table itself."""
    return f"repeat({_KEY}, CAST(cardinality({column}) AS integer))"
