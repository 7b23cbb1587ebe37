"""One person's care over time as a Plotly figure: contacts, conditions and medicines in lanes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from dash_app.figures import labels
from dash_app.theme import AXIS, BLUE, GREEN, GRID, LAYOUT, ORANGE

MOST_LANES = 12  # of conditions, and as many of medicines
_LEAST_BAR = timedelta(hours=6)
_LANES = (("Stays", "is_inpatient"), ("Emergency visits", "is_emergency"), ("Other visits", None))


@dataclass(frozen=True)
class Timeline:
    """The figure, how many lanes it has, and how many conditions and medicines did not find room."""

    figure: dict[str, Any]
    lanes: int
    conditions_left_out: int
    medicines_left_out: int
    days: int


def timeline(contacts: pd.DataFrame, conditions: pd.DataFrame, orders: pd.DataFrame, now: datetime) -> Timeline:
    """Contacts as bars and marks, conditions from onset to abatement (open ones until `now`), orders as marks.

    The frames are those of the queries patient_encounters, patient_conditions and patient_medications. What has no day
    cannot be shown.
    """
    dated = conditions[conditions["onset_at"].notna()]
    ordered = orders[orders["authored_at"].notna()]
    ill, more_ill = _lanes(dated["name"].tolist())
    medicines, more_medicines = _lanes(ordered["name"].tolist())
    visits = [name for name, _ in _LANES if len(_of_lane(contacts, name))]
    lanes = [("contact", n) for n in visits] + [("condition", n) for n in ill] + [("medicine", n) for n in medicines]
    texts = labels([name for _, name in lanes], 24)
    places = dict(zip(lanes, texts, strict=True))
    traces = [
        *_contacts(contacts, places, now),
        _conditions(dated[dated["name"].isin(ill)], places, now),
        _orders(ordered[ordered["name"].isin(medicines)], places),
    ]
    traces = [trace for trace in traces if trace["y"]]
    starts = [s for column in (contacts["started_at"], dated["onset_at"], ordered["authored_at"]) for s in column]
    days = (now - min(starts)).days if starts else 0
    layout = {
        **LAYOUT, "showlegend": True, "barmode": "overlay", "bargap": 0.35,
        "xaxis": {**AXIS, **GRID, "type": "date"},
        "yaxis": {**AXIS, "showgrid": False, "type": "category", "autorange": "reversed", "categoryorder": "array",
                  "categoryarray": texts},
    }  # fmt: skip
    return Timeline({"data": traces, "layout": layout}, len(texts), more_ill, more_medicines, days)


def _lanes(names: Sequence[str]) -> tuple[list[str], int]:
    """The first names, each once, and how many more there are."""
    each = list(dict.fromkeys(names))
    return each[:MOST_LANES], max(len(each) - MOST_LANES, 0)


def _of_lane(contacts: pd.DataFrame, lane: str) -> pd.DataFrame:
    column = dict(_LANES)[lane]
    if column:
        return contacts[contacts[column]]
    return contacts[~contacts["is_inpatient"] & ~contacts["is_emergency"]]


def _contacts(contacts: pd.DataFrame, places: dict[tuple[str, str], str], now: datetime) -> list[dict[str, Any]]:
    """Long ones as bars; each begins with a mark, for a visit of an hour would not be seen among years."""
    lanes = [
        (places["contact", lane], row) for lane, _ in _LANES for row in _of_lane(contacts, lane).to_dict("records")
    ]  # fmt: skip
    long = [(lane, row, _end(row["ended_at"], now)) for lane, row in lanes]
    long = [(lane, row, end) for lane, row, end in long if end - row["started_at"] >= _LEAST_BAR]
    bars = {
        "type": "bar", "orientation": "h", "name": "Contacts", "legendgroup": "contacts", "showlegend": False,
        "y": [lane for lane, *_ in long],
        "base": [_minute(row["started_at"]) for _, row, _ in long],
        "x": [_milliseconds(row["started_at"], end) for _, row, end in long],
        "marker": {"color": BLUE}, "hoverinfo": "skip",
    }  # fmt: skip
    marks = {
        "type": "scatter", "mode": "markers", "name": "Contacts", "legendgroup": "contacts",
        "x": [_minute(row["started_at"]) for _, row in lanes],
        "y": [lane for lane, _ in lanes],
        "text": [str(row["diagnosis"] or row["type_text"] or "").replace("<", "&lt;")[:40] for _, row in lanes],
        "marker": {"color": BLUE, "symbol": "line-ns-open", "size": 11, "line": {"width": 2}},
        "hovertemplate": "%{x}<br>%{text}<extra></extra>",
    }  # fmt: skip
    return [bars, marks]


def _conditions(rows: pd.DataFrame, places: dict[tuple[str, str], str], now: datetime) -> dict[str, Any]:
    found = rows.to_dict("records")
    ends = [now if row["is_active"] else _end(row["abated_at"], row["onset_at"]) for row in found]
    return {
        "type": "bar", "orientation": "h", "name": "Conditions, onset to end",
        "y": [places["condition", row["name"]] for row in found],
        "base": [_minute(row["onset_at"]) for row in found],
        "x": [max(_milliseconds(row["onset_at"], end), 86_400_000) for row, end in zip(found, ends, strict=True)],
        "text": ["still there" if row["is_active"] else f"until {end:%Y-%m-%d}" if end > row["onset_at"] else
                 "its end is not told" for row, end in zip(found, ends, strict=True)],
        "textposition": "none",
        "marker": {"color": ORANGE},
        "hovertemplate": "%{y}<br>from %{base|%Y-%m-%d}, %{text}<extra></extra>",
    }  # fmt: skip


def _orders(rows: pd.DataFrame, places: dict[tuple[str, str], str]) -> dict[str, Any]:
    found = rows.to_dict("records")
    return {
        "type": "scatter", "mode": "markers", "name": "Orders of medicines (filled: active)",
        "x": [_minute(row["authored_at"]) for row in found],
        "y": [places["medicine", row["name"]] for row in found],
        "text": [row["status"] for row in found],
        "marker": {"color": GREEN, "size": 9, "line": {"width": 2, "color": GREEN},
                   "symbol": ["diamond" if row["is_active"] else "diamond-open" for row in found]},
        "hovertemplate": "%{y}<br>%{x}, %{text}<extra></extra>",
    }  # fmt: skip


def _end(value: Any, otherwise: datetime) -> datetime:
    return otherwise if value is None or value is pd.NaT else value


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _milliseconds(start: datetime, end: datetime) -> int:
    return max(int((end - start).total_seconds() * 1000), 0)
