"""What people can do on the page on data quality: acknowledge a finding, take that back, replay what is held back."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import dash_mantine_components as dmc
import pandas as pd
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dash_app import security
from dash_app.data import Reader
from lakehouse import commands
from lakehouse.errors import LakeError

WATCH_MS = 3_000


def acknowledge_form() -> Component:
    """Why and until when a finding is accepted; for the rule that the address names."""
    today = datetime.now(UTC).date()
    return html.Form(
        [
            dmc.Textarea(
                id="quality-note",
                label="Why is it accepted?",
                autosize=True,
                minRows=2,
                inputProps={"maxLength": commands.MOST_LETTERS},
                description="A sentence for those who look next. No names, no ids, nothing about a person.",
                w=420,
            ),
            dmc.DateInput(
                id="quality-until",
                label="Until",
                value=(today + timedelta(days=30)).isoformat(),
                minDate=today.isoformat(),
                maxDate=(today + timedelta(days=commands.MOST_DAYS)).isoformat(),
                valueFormat="YYYY-MM-DD",
                w=170,
            ),
            _button("Acknowledge", "quality-acknowledge"),
        ],
        className="form",
        **{"aria-label": "Acknowledge"},
    )


def withdraw_form() -> Component:
    """Take the acknowledgement back."""
    return html.Form([_button("Take it back", "quality-withdraw")], className="form", **{"aria-label": "Take back"})


def replay_form(stages: Sequence[str], replays: pd.DataFrame) -> Component:
    """Which stage to try again; while a replay runs, the page looks for its end."""
    is_running = len(replays) > 0 and replays.outcome.iloc[0] == "begun"
    if is_running:
        said = html.P(
            f"A replay of {replays.stage.iloc[0]} is running; this page shows when it has ended.", className="note"
        )
        return html.Div([said, dcc.Interval(id="quality-watch", interval=WATCH_MS)])
    if not stages:
        return html.Div()
    choice = dmc.Select(
        id="quality-stage",
        label="Try again what is held back at",
        data=list(stages),
        value=stages[0],
        allowDeselect=False,
        w=280,
    )
    return html.Form([choice, _button("Replay", "quality-replay")], className="form", **{"aria-label": "Replay"})


def _button(words: str, name: str) -> Component:
    return html.Button(words, id=name, n_clicks=0, type="button", className="action")


def register(app: Dash, reader: Reader) -> None:
    """The callbacks. What comes from a browser is checked by the commands."""
    said = Output("said", "children", allow_duplicate=True)
    changed = Output("changed", "data", allow_duplicate=True)
    settings = reader.settings

    @app.callback(
        said,
        changed,
        Input("quality-acknowledge", "n_clicks"),
        State("quality-note", "value"),
        State("quality-until", "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def acknowledge(clicks: int, note: str | None, until: str | None, search: str | None) -> Any:
        table, check = _rule(search)
        return _done(
            reader,
            clicks,
            lambda who: commands.acknowledge(settings, who, table, check, note=_text(note), until=_text(until)[:10]),
        )

    @app.callback(
        said, changed, Input("quality-withdraw", "n_clicks"), State("url", "search"), prevent_initial_call=True
    )
    def withdraw(clicks: int, search: str | None) -> Any:
        table, check = _rule(search)
        return _done(reader, clicks, lambda who: commands.withdraw(settings, who, table, check))

    @app.callback(
        said, changed, Input("quality-replay", "n_clicks"), State("quality-stage", "value"), prevent_initial_call=True
    )
    def replay(clicks: int, stage: str | None) -> Any:
        return _done(reader, clicks, lambda who: commands.replay(settings, who, _text(stage)))

    @app.callback(said, changed, Input("quality-watch", "n_intervals"), prevent_initial_call=True)
    def watch(ticks: int) -> Any:
        if not ticks or commands.replay_runs(settings):
            return no_update, no_update
        reader.look_again()
        return "The replay has ended: the list of replays says how.", _instant()


def _done(reader: Reader, clicks: int, command: Callable[[str], str]) -> Any:
    """What a command said, and that the page is to be drawn anew; or why it was refused."""
    if not clicks:
        return no_update, no_update
    try:
        said = command(security.actor())
    except LakeError as error:
        return f"Not done: {error}", no_update
    reader.look_again()
    return said, _instant()


def _rule(search: str | None) -> tuple[str, str]:
    said = parse_qs((search or "").lstrip("?")[:4096])
    return said.get("table", [""])[0], said.get("check", [""])[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _instant() -> str:
    return datetime.now(UTC).isoformat()
