"""What each role is promised to see, by tag and in words of its own: nothing here comes from the matrix."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

from catalog.model import Column, Table, Tag
from tests.stack.canaries import CARE, GONE, OPEN, World, canary, is_refused, value

ALL_LAYERS = {"bronze", "silver", "gold", "ops"}
LAYERS = {
    "administrator": ALL_LAYERS, "compliance_officer": ALL_LAYERS, "engineer": ALL_LAYERS,
    "analyst": {"silver", "gold", "ops"}, "clinician": {"silver", "gold", "ops"},
    "operations": {"gold", "ops"}, "researcher": {"silver", "gold"},
}  # fmt: skip
OF_OPERATIONS = {"silver.organization", "silver.location", "silver.appointment", "silver.encounter"}
NEVER = {  # tags whose values a role never sees, in any answer whatever
    "administrator": {"subject", "linking", "identifying", "free_text", "raw", "clinical"},
    "compliance_officer": set(),
    "engineer": {"identifying", "free_text"},
    "analyst": {"subject", "linking", "identifying", "free_text", "raw"},
    "clinician": {"raw"},
    "operations": {"subject", "linking", "identifying", "free_text", "raw"},
    "researcher": {"subject", "linking", "identifying", "free_text", "raw"},
}
SEE_DELETED = {"administrator", "compliance_officer", "engineer"}
WORKING, PLAIN = ("engineer", "analyst"), ("clinical", "date")
SITE_TABLES = ("silver.organization", "silver.location")


def may_read(role: str, table: Table) -> bool:
    return table.schema_name in LAYERS[role] or (role == "operations" and table.name in OF_OPERATIONS)


def found(role: str, answer: Any) -> list[str]:
    """Canaries in an answer that the role may never see; the texts that it may see are not among them."""
    text = answer if isinstance(answer, str) else repr(answer)
    return [tag for tag in NEVER[role] if f"CANARY-{tag}-" in text or f"CANARY-{tag}-".encode().hex() in text.lower()]


def columns_of(world: World, role: str, table: Table) -> dict[str, list[Any] | None]:
    """What the role gets of each column, asked one by one where all at once is refused; null: refused."""
    names = [c.name for c in table.columns]
    order = f"from lake.{table.name}"
    whole = world.ask(f"one.{role}", f"select {', '.join(names)} {order}")
    if not isinstance(whole, str):
        return {name: [row[place] for row in whole] for place, name in enumerate(names)}
    assert is_refused(whole), whole
    if role != "administrator" and "raw" not in {c.tag.value for c in table.columns}:
        return dict.fromkeys(names)
    with ThreadPoolExecutor(4) as asking:  # an answer is mostly waited for
        each = asking.map(lambda n: world.ask(f"one.{role}", f"explain (type validate) select {n} {order}"), names)
    refused = [name for name, answer in zip(names, each, strict=True) if is_refused(answer)]
    seen = [name for name in names if name not in refused]
    rows = world.ask(f"one.{role}", f"select {', '.join(seen)} {order}")
    return dict.fromkeys(refused) | {name: [row[place] for row in rows] for place, name in enumerate(seen)}


def problem(role: str, table: Table, column: Column, answer: list[Any] | None) -> str | None:
    """What is wrong with the answer; null where it is as promised."""
    tag, is_struct = column.tag.value, "struct<" in column.type.name
    if answer is not None and (said := found(role, answer)):
        return f"shows {said}"
    deleted_too = role in SEE_DELETED or not table.has("is_deleted")
    if answer is not None and len(answer) != (2 if deleted_too else 1):
        return "rows that were deleted"
    if role == "administrator":
        is_bookkeeping = tag == "operational" and not column.name.endswith("_text")
        allowed = is_bookkeeping or (tag == "quasi" and table.name in SITE_TABLES)
        return None if (answer is None) == (not allowed) else "not as promised"
    if tag == "raw":
        return _raw(role, table, answer)
    if answer is None:
        return "refused"
    if role in ("compliance_officer", "clinician") or (role in WORKING and tag in PLAIN):
        return None if all(_is_whole(table, column, v) for v in answer if v is not None) else "not whole"
    if role == "researcher":
        return _researcher(table, column, answer)
    if tag in ("subject", "linking") and role in ("analyst", "operations") and not is_struct:
        flat = [x for v in answer for x in (v if isinstance(v, list) else [v])]
        return None if all(isinstance(x, str) and len(x) == 32 for x in flat) else "no pseudonym"
    if tag in ("identifying", "free_text"):
        return None if all(v is None for v in answer) else "not null"
    return None


def _raw(role: str, table: Table, answer: list[Any] | None) -> str | None:
    if role == "compliance_officer":
        return None if answer and all(v is not None for v in answer) else "not whole"
    if role == "engineer" and table.name == "ops.quarantine":
        shown = sorted(bytes(v).decode() for v in answer or [] if v is not None)
        return None if len(shown) == 1 and shown[0].endswith(OPEN) else "not the open one alone"
    return None if answer is None else "raw records"


def _is_whole(table: Table, column: Column, shown: Any) -> bool:
    wanted = [value(column.type.name, canary(table, column, row), column) for row in (OPEN, GONE)]
    return repr(_plain(shown)) in [repr(_plain(w)) for w in wanted]


def _plain(v: Any) -> Any:
    """The same for what Trino and what Python calls a record."""
    if isinstance(v, dict):
        return [_plain(x) for x in v.values()]
    if isinstance(v, datetime):
        return v.astimezone(UTC).isoformat()
    return [_plain(x) for x in v] if isinstance(v, list | tuple) else v


def _researcher(table: Table, column: Column, answer: list[Any]) -> str | None:
    """Safe Harbor: years, no ages beyond 90, three digits of a postal code, no places, no texts."""
    flat = repr(_plain(answer))
    if CARE.date().isoformat() in flat and column.tag is not Tag.OPERATIONAL:
        return "a day of care"
    if "datetime.date(2021, 5, 17)" in flat and column.tag is not Tag.OPERATIONAL:
        return "a day of care"
    if column.unit == "a":
        return None if set(answer) == {90} else "an age beyond 90"
    if column.name == "birth_on":
        earliest = date(datetime.now(UTC).year - 90, 1, 1)
        return None if set(answer) == {earliest} else "a birth year beyond 90 years"
    if column.name.endswith("postal_code") and table.name not in SITE_TABLES:
        return None if set(answer) == {"902"} else "no first three digits"
    if column.name in ("city", "district", "run_id", "batch_id", "time_zone", "lot_number") or (
        column.name.endswith("_text") and column.tag is not Tag.OPERATIONAL
    ):
        kept = column.tag is Tag.LINKING  # a pseudonym
        return None if kept or all(v is None for v in answer) else "not null"
    return None
