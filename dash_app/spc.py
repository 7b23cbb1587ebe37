"""Control charts in the form that the NHS programme Making Data Count uses: limits, special causes, and two icons.

p chart (a share of cases): p̄ ± 3·√(p̄(1−p̄)/nᵢ). XmR chart (a number a period): mean ± 2.66 · mean moving range.
Special causes: a point outside the limits; seven in a row on one side of the mean; seven in a row rising or falling;
two of three beyond two thirds of the way to a limit, on one side (for a share the whole way, before it is cut off at
0 or 100 %). Fewer than ten points give no limits.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isclose, sqrt
from typing import Any

from dash_app.theme import AXIS, BLUE, GREY, GRID, LAYOUT, ORANGE

LEAST_POINTS = 10
_RUN = 7


@dataclass(frozen=True)
class Control:
    """One point each: value and limits (null where there were no cases), and what makes it special (empty: nothing)."""

    values: tuple[float | None, ...]
    mean: float
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    causes: tuple[str, ...]


def p_chart(events: Sequence[int], cases: Sequence[int]) -> Control | None:
    """Limits of a share, in per cent; null with fewer than ten points that have cases, or without any event."""
    known = [(e, n) for e, n in zip(events, cases, strict=True) if n]
    total = sum(n for _, n in known)
    if len(known) < LEAST_POINTS or not sum(e for e, _ in known):
        return None
    mean = sum(e for e, _ in known) / total
    widths = [300 * sqrt(mean * (1 - mean) / n) if n else None for n in cases]
    values = [100 * e / n if n else None for e, n in zip(events, cases, strict=True)]
    return _control(values, 100 * mean, widths, least=0.0, most=100.0)


def xmr_chart(values: Sequence[float]) -> Control | None:
    """Limits of a number a period; null with fewer than ten."""
    if len(values) < LEAST_POINTS:
        return None
    mean = sum(values) / len(values)
    width = 2.66 * sum(abs(b - a) for a, b in pairwise(values)) / (len(values) - 1)
    return _control(list(values), mean, [width] * len(values))


def _control(
    values: Sequence[float | None],
    mean: float,
    widths: Sequence[float | None],
    least: float = float("-inf"),
    most: float = float("inf"),
) -> Control:
    """The chart of values whose limits are `widths` away from the mean, cut off at `least` and `most`."""
    causes = [""] * len(values)
    known = [i for i, v in enumerate(values) if v is not None]
    found = [(i, v, w) for i, (v, w) in enumerate(zip(values, widths, strict=True)) if v is not None and w is not None]
    # In the order of Making Data Count, the weightiest last, so that it stays.
    for start in range(len(found) - _RUN + 1):
        sides = {_side(v, mean) for _, v, _ in found[start : start + _RUN]}
        if sides in ({1}, {-1}):
            _mark(causes, known[start : start + _RUN], "seven in a row on one side of the mean")
    for start in range(len(found) - 2):
        for sign in (1, -1):
            outer = [i for i, v, w in found[start : start + 3] if _side(v, mean + sign * w * 2 / 3) == sign]
            if len(outer) >= 2:
                _mark(causes, outer, "two of three near a limit")
    for start in range(len(found) - _RUN + 1):
        steps = {_side(b[1], a[1]) for a, b in pairwise(found[start : start + _RUN])}
        if steps in ({1}, {-1}):
            _mark(causes, known[start : start + _RUN], "seven in a row rising or falling")
    for i, v, w in found:
        if _side(v, mean + w) > 0 or _side(v, mean - w) < 0:
            causes[i] = "outside the limits"
    lower = tuple(None if w is None else max(mean - w, least) for w in widths)
    upper = tuple(None if w is None else min(mean + w, most) for w in widths)
    return Control(tuple(values), mean, lower, upper, tuple(causes))


def _side(value: float, line: float) -> int:
    """1 above the line, -1 below, 0 on it: a share that equals the mean must not fall beside it by rounding."""
    return 0 if isclose(value, line, rel_tol=1e-9, abs_tol=1e-9) else 1 if value > line else -1


def _mark(causes: list[str], places: Sequence[int], cause: str) -> None:
    for place in places:
        causes[place] = cause


@dataclass(frozen=True)
class Icon:
    """A picture with the words that it stands for."""

    src: str
    text: str


def _icon(colour: str, glyph: str, text: str) -> Icon:
    """A ring with a sign in it: told by shape and letter, not by colour alone."""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="17" fill="#fff" '
        f'stroke="{colour}" stroke-width="4"/>{glyph}</svg>'
    )
    return Icon("data:image/svg+xml;base64," + b64encode(svg.encode()).decode(), text)


def _wave(colour: str, dots: str) -> str:
    return f'<path d="M8 22 L15 17 L21 24 L32 16" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'


def _letter(letter: str, colour: str) -> str:
    return (
        f'<text x="20" y="27" text-anchor="middle" font-family="sans-serif" font-weight="700" font-size="19" '
        f'fill="{colour}">{letter}</text>'
    )


_DARK_BLUE, _DARK_ORANGE, _DARK_GREY = "#1d5fae", "#b25a00", "#5c636d"
ICONS: dict[str, Icon] = {
    "common": _icon(_DARK_GREY, _wave(_DARK_GREY, ""), "Variation: common cause, no significant change"),
    "better_high": _icon(_DARK_BLUE, _letter("H", _DARK_BLUE), "Variation: special cause, improving, higher values"),
    "better_low": _icon(_DARK_BLUE, _letter("L", _DARK_BLUE), "Variation: special cause, improving, lower values"),
    "worse_high": _icon(
        _DARK_ORANGE, _letter("H", _DARK_ORANGE), "Variation: special cause, concerning, higher values"
    ),
    "worse_low": _icon(_DARK_ORANGE, _letter("L", _DARK_ORANGE), "Variation: special cause, concerning, lower values"),
    "neutral_high": _icon(_DARK_GREY, _letter("H", _DARK_GREY), "Variation: special cause, higher values"),
    "neutral_low": _icon(_DARK_GREY, _letter("L", _DARK_GREY), "Variation: special cause, lower values"),
    "passes": _icon(_DARK_BLUE, _letter("P", _DARK_BLUE), "Assurance: the process will consistently meet the target"),
    "fails": _icon(
        _DARK_ORANGE, _letter("F", _DARK_ORANGE), "Assurance: the process will consistently miss the target"
    ),
    "hit_or_miss": _icon(
        _DARK_GREY, _letter("?", _DARK_GREY), "Assurance: the target lies within the limits, hit or miss"
    ),
}  # fmt: skip


def variation(control: Control, better: str = "") -> str:
    """The name of the variation icon of the newest point; `better` says which way is good: `high`, `low`, neither."""
    known = [i for i, v in enumerate(control.values) if v is not None]
    last = known[-1]
    if not control.causes[last]:
        return "common"
    if control.causes[last].endswith("falling"):
        side = "high" if (control.values[last] or 0.0) > (control.values[known[-2]] or 0.0) else "low"
    else:
        side = "high" if (control.values[last] or 0.0) > control.mean else "low"
    if not better:
        return f"neutral_{side}"
    return f"{'better' if side == better else 'worse'}_{side}"


def assurance(control: Control, target: float, better: str) -> str:
    """The name of the assurance icon: whether the limits of the newest point lie wholly on one side of the target."""
    low, high = next(
        (a, b) for a, b in zip(reversed(control.lower), reversed(control.upper), strict=True)
        if a is not None and b is not None
    )  # fmt: skip
    if low <= target <= high:
        return "hit_or_miss"
    return "passes" if (low > target) == (better == "high") else "fails"


def chart(periods: Sequence[str], control: Control, *, unit: str = "", target: float | None = None) -> dict[str, Any]:
    """The control chart as a Plotly figure: points, mean, limits; special causes are large orange diamonds."""
    line = {"type": "scatter", "mode": "lines", "hoverinfo": "skip"}
    special = [bool(c) for c in control.causes]
    traces = [
        {**line, "x": list(periods), "y": list(control.upper), "name": "Upper limit",
         "line": {"color": GREY, "width": 1, "dash": "dash", "shape": "hvh"}},
        {**line, "x": list(periods), "y": list(control.lower), "name": "Lower limit",
         "line": {"color": GREY, "width": 1, "dash": "dash", "shape": "hvh"}},
        {**line, "x": list(periods), "y": [control.mean] * len(periods), "name": "Mean",
         "line": {"color": GREY, "width": 1}},
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": list(periods),
            "y": list(control.values),
            "name": "Value",
            "line": {"color": BLUE, "width": 2},
            "marker": {
                "color": [ORANGE if s else BLUE for s in special],
                "symbol": ["diamond" if s else "circle" for s in special],
                "size": [11 if s else 6 for s in special],
            },
            "text": [c or "common cause" for c in control.causes],
            "hovertemplate": f"%{{x}}<br>%{{y:.1f}} {unit}<br>%{{text}}<extra></extra>",
        },
    ]  # fmt: skip
    if target is not None:
        traces.append({**line, "x": list(periods), "y": [target] * len(periods), "name": "Target",
                       "line": {"color": ORANGE, "width": 1, "dash": "dot"}})  # fmt: skip
    layout = {**LAYOUT, "showlegend": True, "xaxis": {**AXIS, "showgrid": False, "type": "category", "nticks": 12},
              "yaxis": {**AXIS, **GRID, "rangemode": "tozero", "ticksuffix": f" {unit}" if unit else ""}}  # fmt: skip
    return {"data": traces, "layout": layout}
