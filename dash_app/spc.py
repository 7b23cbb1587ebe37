"""Control charts in the form that the NHS programme Making Data Count uses: limits, special causes, and two icons.

p chart (a share of cases): p̄ ± 3·√(p̄(1−p̄)/nᵢ). XmR chart (a number a period): mean ± 2.66 · mean moving range.
Special causes: a point outside the limits; seven in a row on one side of the mean; seven in a row rising or falling;
two of three in the outer third of the limits, on one side. Fewer than ten points give no limits.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

from dash_app.theme import AXIS, BLUE, GREY, GRID, LAYOUT, ORANGE

LEAST_POINTS = 10
_RUN = 7


@dataclass(frozen=True)
class Control:
    """One point each: value (null where there were no cases), limits, and what makes it special (empty: nothing)."""

    values: tuple[float | None, ...]
    mean: float
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    causes: tuple[str, ...]


def p_chart(events: Sequence[int], cases: Sequence[int]) -> Control | None:
    """Limits of a share, in per cent; null with fewer than ten points that have cases, or without any event."""
    known = [(e, n) for e, n in zip(events, cases, strict=True) if n]
    total = sum(n for _, n in known)
    if len(known) < LEAST_POINTS or not sum(e for e, _ in known):
        return None
    mean = sum(e for e, _ in known) / total
    widths = [3 * sqrt(mean * (1 - mean) / n) if n else 0.0 for n in cases]
    values = [100 * e / n if n else None for e, n in zip(events, cases, strict=True)]
    lower = [100 * max(mean - w, 0.0) for w in widths]
    upper = [100 * min(mean + w, 1.0) for w in widths]
    return _control(values, 100 * mean, lower, upper)


def xmr_chart(values: Sequence[float]) -> Control | None:
    """Limits of a number a period; null with fewer than ten."""
    if len(values) < LEAST_POINTS:
        return None
    mean = sum(values) / len(values)
    spread = 2.66 * sum(abs(b - a) for a, b in pairwise(values)) / (len(values) - 1)
    count = len(values)
    return _control(list(values), mean, [mean - spread] * count, [mean + spread] * count)


def _control(values: list[float | None], mean: float, lower: list[float], upper: list[float]) -> Control:
    causes = [""] * len(values)
    known = [i for i, v in enumerate(values) if v is not None]
    found = [values[i] or 0.0 for i in known]
    # In the order of Making Data Count, the weightiest last, so that it stays.
    for start in range(len(found) - _RUN + 1):
        run = found[start : start + _RUN]
        if all(v > mean for v in run) or all(v < mean for v in run):
            _mark(causes, known[start : start + _RUN], "seven in a row on one side of the mean")
    for start in range(len(found) - 2):
        places = known[start : start + 3]
        for above in (True, False):
            outer = [i for i in places if _in_outer_third(values[i] or 0.0, mean, lower[i], upper[i], above=above)]
            if len(outer) >= 2:
                _mark(causes, outer, "two of three near a limit")
    for start in range(len(found) - _RUN + 1):
        steps = [b - a for a, b in zip(found[start:], found[start + 1 : start + _RUN], strict=False)]
        if all(s > 0 for s in steps) or all(s < 0 for s in steps):
            _mark(causes, known[start : start + _RUN], "seven in a row rising or falling")
    for i in known:
        if not lower[i] <= (values[i] or 0.0) <= upper[i]:
            causes[i] = "outside the limits"
    return Control(tuple(values), mean, tuple(lower), tuple(upper), tuple(causes))


def _mark(causes: list[str], places: Sequence[int], cause: str) -> None:
    for place in places:
        causes[place] = cause


def _in_outer_third(value: float, mean: float, lower: float, upper: float, *, above: bool) -> bool:
    return value > mean + (upper - mean) * 2 / 3 if above else value < mean - (mean - lower) * 2 / 3


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
    low, high = control.lower[-1], control.upper[-1]
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
    layout = {**LAYOUT, "xaxis": {**AXIS, "showgrid": False}, "yaxis": {**AXIS, **GRID, "rangemode": "tozero"}}
    return {"data": traces, "layout": layout}
