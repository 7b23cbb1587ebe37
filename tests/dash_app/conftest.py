"""Lakes made by hand, as fixtures."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dash_app.data import Ask
from lakehouse.settings import Settings
from tests.dash_app.lakes import NONE, Rows, ask_on, fill

LakeOf = Callable[..., Settings]


@pytest.fixture
def lake_of(tmp_path: Path) -> LakeOf:
    """Makes a lake: `lake_of({"gold.readmission": [{…}]}, control={"runs": [{…}]})`; returns its settings.

    Every declared table is there. Columns that a row leaves out are null; tables that are not named are empty.
    """
    count = 0

    def make(rows: Rows = NONE, *, control: Rows = NONE) -> Settings:
        nonlocal count
        count += 1
        settings = Settings(home=tmp_path / f"lake{count}", as_of="2026-01-15")
        fill(settings, rows, control)
        return settings

    return make


@pytest.fixture
def ask_of(lake_of: LakeOf) -> Callable[..., Ask]:
    """Makes a lake and gives what pages ask it with."""
    return lambda rows=NONE, control=NONE: ask_on(lake_of(rows, control=control))


@pytest.fixture(scope="session")
def ask_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ask]:
    """Like `ask_of`, for tests that read only: a lake of the same name is made once, `ask_once("stays", {…})`."""
    made: dict[str, Ask] = {}

    def make(name: str, rows: Rows = NONE, control: Rows = NONE) -> Ask:
        if name not in made:
            settings = Settings(home=tmp_path_factory.mktemp("lake"), as_of="2026-01-15")
            fill(settings, rows, control)
            made[name] = ask_on(settings)
        return made[name]

    return make
