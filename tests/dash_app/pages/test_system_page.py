"""The page on the system tells of now, and says it where something is wrong."""

from collections.abc import Callable
from typing import Any

from dash_app.page import Alert, Stat, View
from dash_app.pages.system import PAGE
from lakehouse.settings import Settings
from tests.dash_app.lakes import ask_on
from tests.lakehouse.watch.test_metrics import BRONZE, RECORDS, RESOURCES

LakeOf = Callable[..., Settings]
HELD = {"run_id": "r1", "stage": "landing", "reason_code": "truncated_json", "reason": "Cut.", "part": 0}


def shown(settings: Settings) -> View:
    ask = ask_on(settings)
    return PAGE.build(ask, PAGE.values(ask, {}))


def number(view: View, label: str) -> Any:
    return next(b.value for b in view.blocks if isinstance(b, Stat) and b.label == label)


def test_numbers_are_those_of_the_metrics(lake_of: LakeOf) -> None:
    view = shown(lake_of({BRONZE: RESOURCES, "ops.quarantine": [HELD]}, control=RECORDS))
    assert not [b for b in view.blocks if isinstance(b, Alert)]
    assert (number(view, "Parts that answer"), number(view, "Unaccounted records")) == (5, 0)
    assert (number(view, "Held back now"), number(view, "Unfinished runs")) == (1, 1)
    assert view.card("accounting").summary == "Every record is accounted for."
    assert view.card("services").summary == "All 5 parts answer."
    last = view.card("last-runs").frame.set_index("stage")
    assert (last.wrong["Landing"], last.wrong["Silver"]) == (1, 1)


def test_a_loss_is_said(lake_of: LakeOf) -> None:
    view = shown(lake_of({BRONZE: RESOURCES[:1], "ops.quarantine": [HELD]}, control=RECORDS))
    assert number(view, "Unaccounted records") == 1
    assert view.card("accounting").summary == "1 stage does not add up."


def test_a_part_that_does_not_answer_is_said_at_the_next_drawing(lake_of: LakeOf) -> None:
    settings = lake_of({BRONZE: RESOURCES}, control=RECORDS)
    ask = ask_on(settings)
    PAGE.build(ask, PAGE.values(ask, {}))
    settings.control_db.rename(settings.control_db.with_suffix(".aside"))
    view = PAGE.build(ask, PAGE.values(ask, {}))
    alert = next(b for b in view.blocks if isinstance(b, Alert))
    assert (alert.level, alert.text[:37]) == ("critical", "The control database does not answer.")
    assert number(view, "Unaccounted records") is None
    assert "no answer" in view.card("services").summary
