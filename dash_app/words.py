"""How numbers, instants and cells are written for people."""

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode


def number(value: float | int | str | None, unit: str = "") -> str:
    """`12,345`, `3.4 %`, or a dash for null."""
    if value is None or value != value:
        return "–"
    if isinstance(value, str):
        text = value
    elif isinstance(value, float) and not value.is_integer():
        text = f"{value:,.1f}" if abs(value) >= 1 else f"{value:.2g}"
    else:
        text = f"{int(value):,}"
    return f"{text} {unit}" if unit else text


def cell(value: Any) -> str:
    """A cell of a table; null is a dash, an instant is cut to the minute and in UTC."""
    if hasattr(value, "tolist") and not isinstance(value, float | int):
        value = value.tolist()
    if isinstance(value, list):
        return ", ".join(cell(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(v)}" for name, v in value.items() if v is not None)
    if value is None or value != value:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return number(value)
    return str(value)


def size(count: float | int | None) -> str:
    """Bytes as `12.3 MB`."""
    if count is None or count != count:
        return "–"
    for name in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {name}" if name == "B" else f"{count:.1f} {name}"
        count /= 1000
    return f"{count:.1f} TB"


def many(count: int, one: str, more: str = "") -> str:
    """`1 patient`, `12 patients`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def share(part: float, whole: float) -> str:
    """`12.3 %`, or a dash where the whole is nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def at(page: str, **said: str) -> str:
    """The address of a page with what it is to show: `/catalog?table=silver.encounter`."""
    return f"/{page}?{urlencode(said)}"
