"""Colours and the look of charts. Text and lines of charts follow the page's scheme by CSS; marks use colours that keep
a contrast of 3:1 on both the light and the dark page (WCAG 2.2, 1.4.11), so a figure is the same in both."""

from typing import Any

BLUE, ORANGE, GREEN, PURPLE = "#3b7dd8", "#d0700f", "#2a9560", "#9567d3"
RED, TEAL, GREY, PINK = "#dc5050", "#128f94", "#7f8894", "#d1538f"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, TEAL, PINK, RED, GREY)
# From nothing to much, for heat maps: one hue, so that lightness alone carries the meaning.
SEQUENTIAL = ((0.0, "#e8f0fb"), (0.25, "#b5d0f3"), (0.5, "#74a7e6"), (0.75, "#3b7dd8"), (1.0, "#1d4f96"))

# Plotly's own defaults are replaced by CSS in assets/charts.css where it draws text and grid lines.
LAYOUT: dict[str, Any] = {
    "template": None,
    "autosize": True,
    "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "colorway": list(SERIES),
    "font": {"family": "inherit", "size": 12},
    "hoverlabel": {"font": {"size": 12}},
    "showlegend": False,
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "bargap": 0.25,
    "dragmode": False,
}
AXIS: dict[str, Any] = {"automargin": True, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
GRID: dict[str, Any] = {"showgrid": True, "gridcolor": "#888", "gridwidth": 1}

MANTINE: dict[str, Any] = {
    "primaryColor": "blue",
    "primaryShade": {"light": 7, "dark": 4},
    "autoContrast": True,
    "defaultRadius": "md",
    "cursorType": "pointer",
    "respectReducedMotion": True,
}
