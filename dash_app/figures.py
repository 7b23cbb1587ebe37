"""Charts as Plotly's JSON, made of frames. Pure: the same rows give the same figure. Null values leave gaps."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dash_app.theme import AXIS, BLUE, GREY, GRID, LAYOUT, SEQUENTIAL, SERIES

Figure = dict[str, Any]
_FEW_BARS = 8
MOST_POINTS = 5000  # a trace with more says no more, and makes the page heavy


def bars(
    frame: pd.DataFrame,
    x: str,
    y: str | Sequence[str],
    *,
    names: Mapping[str, str] = {},
    stacked: bool = False,
    horizontal: bool = False,
    unit: str = "",
) -> Figure:
    """One bar a row; several columns `y` stand side by side or `stacked`. `names` says how people read the columns."""
    columns = [y] if isinstance(y, str) else list(y)
    traces = []
    for place, column in enumerate(columns):
        ends = {"x": values(frame[column]), "y": values(frame[x])} if horizontal else _xy(frame, x, column)
        traces.append(
            {
                "type": "bar",
                "orientation": "h" if horizontal else "v",
                "name": names.get(column, column),
                "marker": {"color": SERIES[place % len(SERIES)]},
                "hovertemplate": f"%{{{'y' if horizontal else 'x'}}}<br>%{{{'x' if horizontal else 'y'}:,}} {unit}",
                **ends,
            }
        )
    figure = _figure(traces, legend=len(columns) > 1, barmode="stack" if stacked else "group")
    if len(frame) <= _FEW_BARS:  # one or two days would be drawn as wide as the card, with hours below them
        figure["layout"]["bargap"] = 1 - len(frame) / (_FEW_BARS + 2)
        figure["layout"]["xaxis"]["type"] = "-" if horizontal else "category"
    if horizontal:
        figure["layout"]["yaxis"] |= {"autorange": "reversed", "showgrid": False, "type": "category"}
        figure["layout"]["xaxis"] |= GRID
    return figure


def lines(
    frame: pd.DataFrame,
    x: str,
    y: str | Sequence[str],
    *,
    names: Mapping[str, str] = {},
    unit: str = "",
    markers: bool = False,
    steps: bool = False,
) -> Figure:
    """One line a column of `y` over `x`."""
    columns = [y] if isinstance(y, str) else list(y)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers" if markers else "lines",
            "name": names.get(column, column),
            "line": {"color": SERIES[place % len(SERIES)], "width": 2, "shape": "hv" if steps else "linear"},
            "hovertemplate": f"%{{x}}<br>%{{y:,}} {unit}",
            **_xy(frame, x, column),
        }
        for place, column in enumerate(columns)
    ]
    return _figure(traces, legend=len(columns) > 1)


def heat(
    frame: pd.DataFrame, x: str, y: str, value: str, *, x_order: Sequence[Any], y_order: Sequence[Any], unit: str = ""
) -> Figure:
    """A cell for each pair of `x` and `y` in the given orders; a pair without a row is empty."""
    found = {(row[x], row[y]): row[value] for row in frame[[x, y, value]].to_dict("records")}
    cells = [[_plain(found.get((across, down))) for across in x_order] for down in y_order]
    trace = {
        "type": "heatmap",
        "x": [str(v) for v in x_order],
        "y": [str(v) for v in y_order],
        "z": cells,
        "colorscale": [list(stop) for stop in SEQUENTIAL],
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"thickness": 10, "outlinewidth": 0},
        "hovertemplate": f"%{{y}}, %{{x}}<br>%{{z:,}} {unit}<extra></extra>",
    }
    figure = _figure([trace])
    figure["layout"]["xaxis"] |= {"type": "category", "showgrid": False}
    figure["layout"]["yaxis"] |= {"type": "category", "showgrid": False, "autorange": "reversed"}
    return figure


def spans(
    frame: pd.DataFrame, label: str, start: str, seconds: str, group: str, *, marked: Sequence[str] = ()
) -> Figure:
    """One bar a row from `start` for so many seconds, in the line of its `label`; one colour a `group`.

    Groups that are `marked` are hatched too.
    """
    traces = []
    for place, (name, rows) in enumerate(frame.groupby(group, sort=False)):
        hatch = {"pattern": {"shape": "/", "solidity": 0.5}} if name in marked else {}
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": str(name),
                "y": values(rows[label]),
                "base": values(rows[start]),
                "x": [1000 * s for s in values(rows[seconds])],  # a time axis counts milliseconds
                "customdata": values(rows[seconds]),
                "marker": {"color": SERIES[place % len(SERIES)], **hatch},
                "hovertemplate": "%{y}<br>%{base}, %{customdata:.1f} s",
            }
        )
    figure = _figure(traces, legend=len(traces) > 1, barmode="overlay")
    rows_down = list(dict.fromkeys(values(frame[label])))
    figure["layout"]["yaxis"] |= {"autorange": "reversed", "showgrid": False, "type": "category"}
    figure["layout"]["yaxis"] |= {"categoryorder": "array", "categoryarray": rows_down}
    figure["layout"]["xaxis"] |= {**GRID, "type": "date"}
    return figure


def intervals(frame: pd.DataFrame, label: str, value: str, low: str, high: str, *, hollow: str = "") -> Figure:
    """A point with its interval a row, in per cent, the first row on top; hollow where `hollow` has a text."""
    rows = frame.to_dict("records")
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": values(frame[value]),
        "y": values(frame[label]),
        "marker": {
            "color": BLUE,
            "size": 9,
            "line": {"color": BLUE, "width": 2},
            "symbol": ["circle-open" if hollow and row[hollow] else "circle" for row in rows],
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [_plain(row[high] - row[value]) for row in rows],
            "arrayminus": [_plain(row[value] - row[low]) for row in rows],
            "color": GREY,
            "thickness": 1.5,
            "width": 4,
        },
        "cliponaxis": False,
        "customdata": [[_plain(row[low]), _plain(row[high])] for row in rows],
        "hovertemplate": "%{y}<br>%{x:.1f} % (%{customdata[0]:.1f} to %{customdata[1]:.1f} %)<extra></extra>",
    }
    figure = _figure([trace])
    figure["layout"]["xaxis"] |= {**GRID, "rangemode": "tozero", "ticksuffix": " %"}
    upright = {"autorange": "reversed", "showgrid": False, "type": "category", "ticklabelstandoff": 8}
    figure["layout"]["yaxis"] |= upright
    return figure


def parts(names: Sequence[str], starts: Sequence[float], amounts: Sequence[float], colors: Sequence[str]) -> Figure:
    """Bars from top to bottom that begin where others end, so that parts are seen to add up to their whole."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": list(amounts),
        "y": list(names),
        "base": list(starts),
        "marker": {"color": list(colors)},
        "text": [f"{amount:,}" for amount in amounts],
        "textposition": "outside",
        "cliponaxis": False,
        "hovertemplate": "%{y}: %{text}<extra></extra>",
    }
    figure = _figure([trace])
    longest = max((start + amount for start, amount in zip(starts, amounts, strict=True)), default=0)
    figure["layout"]["xaxis"] |= {**GRID, "range": [0, longest * 1.1 or 1]}  # room for the number beside the longest
    figure["layout"]["yaxis"] |= {"autorange": "reversed", "showgrid": False, "type": "category"}
    return figure


def flow(sources: Sequence[int], targets: Sequence[int], amounts: Sequence[float], labels: Sequence[str]) -> Figure:
    """A Sankey diagram: from node to node, by place in `labels`, as wide as the amount."""
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "domain": {"x": [0.01, 0.99], "y": [0.02, 0.98]},
        "node": {
            "label": list(labels),
            "pad": 18,
            "thickness": 14,
            "color": [SERIES[i % len(SERIES)] for i in range(len(labels))],
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,} records<extra></extra>",
        },
        "link": {
            "source": list(sources),
            "target": list(targets),
            "value": list(amounts),
            "color": "rgba(127,136,148,0.35)",
            "hovertemplate": "%{source.label} → %{target.label}: %{value:,} records<extra></extra>",
        },
    }
    return _figure([trace])


def labels(texts: Sequence[str], most: int = 34) -> list[str]:
    """Texts as labels of an axis: cut, never read as markup, and each its own even where two are cut to the same."""
    found: list[str] = []
    for text in texts:
        short = (text if len(text) <= most else f"{text[: most - 1].rstrip()}…").replace("<", "&lt;")
        while short in found:
            short += "\u200b"  # takes no room
        found.append(short)
    return found


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows by column name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def values(column: "pd.Series[Any]") -> list[Any]:
    """A column as JSON holds it: instants and days as ISO texts, not a number as null."""
    return [_plain(v) for v in column.tolist()]


def _xy(frame: pd.DataFrame, x: str, y: str) -> dict[str, list[Any]]:
    if len(frame) > MOST_POINTS:
        raise ValueError(f"a trace of {len(frame)} points: aggregate in the query")
    return {"x": values(frame[x]), "y": values(frame[y])}


def _plain(value: Any) -> Any:
    if value is None or value is pd.NaT or value != value:
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def _figure(traces: list[Figure], *, legend: bool = False, **layout: Any) -> Figure:
    return {
        "data": traces,
        "layout": {
            **LAYOUT,
            "showlegend": legend,
            "xaxis": {**AXIS, "showgrid": False},
            "yaxis": {**AXIS, **GRID, "rangemode": "tozero"},
            **layout,
        },
    }
