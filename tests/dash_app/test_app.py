"""The app as browsers meet it: pages, tables and CSV from addresses, and doors that stay closed."""

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from dash_app.app import Drawn, create_app, find_pages
from dash_app.data import Kept
from dash_app.page import Card, Page, Sealed, Stat, View
from lakehouse.settings import Settings
from tests.dash_app.lakes import ask_on

LakeOf = Callable[..., Settings]
RUN = {"run_id": "r1", "job": "patient", "table_name": "silver.patient", "run_key": "k", "basis": "b", "mode": "full",
       "state": "published", "as_of": "2026-01-15", "live_rows": 2, "message": "",
       "started_at": "2026-01-15T00:00:00+00:00", "ended_at": "2026-01-15T00:00:01+00:00"}  # fmt: skip
PEOPLE = {"silver.patient": [{"patient_id": "p1", "family_name": "=cmd()"}, {"patient_id": "p2"}]}


class Browser:
    """Asks as Dash's renderer does: with the cookie sent back in a header."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.headers = {"Host": "localhost"}

    def open(self, path: str = "/") -> Any:
        got = self.client.get(path, headers=self.headers)
        if cookie := self.client.get_cookie("_csrf_token"):
            self.headers["X-CSRFToken"] = cookie.value
        return got

    def show(self, path: str, search: str = "") -> Any:
        return self.callback(
            "..content.children...as-of-data.data..",
            [{"id": "content", "property": "children"}, {"id": "as-of-data", "property": "data"}],
            [
                {"id": "url", "property": "pathname", "value": path},
                {"id": "url", "property": "search", "value": search},
                {"id": "changed", "property": "data", "value": None},
            ],
        )

    def callback(self, output: str, outputs: Any, inputs: Any, state: Any = ()) -> Any:
        body = {"output": output, "outputs": outputs, "inputs": inputs, "state": list(state),
                "changedPropIds": [f"{i['id']}.{i['property']}" for i in inputs]}  # fmt: skip
        return self.client.post("/_dash-update-component", json=body, headers=self.headers)


@pytest.fixture
def lake(lake_of: LakeOf) -> Settings:
    """A lake with two people."""
    return lake_of(PEOPLE, control={"runs": [RUN]})


@pytest.fixture
def browser(lake: Settings) -> Browser:
    """A browser on this machine, where nobody logs in."""
    browser = Browser(create_app(lake, every_seconds=0).server.test_client())
    browser.open()
    return browser


def text_of(response: Any) -> str:
    """All that a callback answers, as text."""
    return json.dumps(json.loads(response.data), ensure_ascii=False)


def test_a_page_is_drawn_from_its_address_and_says_as_of_which_snapshot(browser: Browser, lake: Settings) -> None:
    shown = browser.show("/")
    state = ask_on(lake).moment.tables["silver.patient"]
    assert shown.status_code == 200
    assert "Overview" in text_of(shown)
    as_of = json.loads(shown.data)["response"]["as-of-data"]["data"]
    assert ["silver.patient", str(state.snapshot_id), state.committed_at.isoformat()] in as_of["tables"]  # type: ignore[union-attr]


@pytest.mark.parametrize("path", sorted(find_pages()))
def test_every_page_opens_on_any_lake(path: str, lake: Settings, lake_of: LakeOf) -> None:
    empty = lake_of()
    missing = Settings(home=empty.root / "nothing")
    for settings in (lake, empty, missing):
        browser = Browser(create_app(settings).server.test_client())
        browser.open()
        shown = browser.show(path)
        assert shown.status_code == 200
        assert "page-title" in text_of(shown)
        assert "was not foreseen" not in text_of(shown)
        assert len(shown.data) < 300_000


def test_what_leads_nowhere_says_so_and_leads_on(browser: Browser) -> None:
    assert "There is no such page" in text_of(browser.show("/nonsense"))
    assert browser.open("/csv/nonsense/x").status_code == 404
    assert browser.open("/csv/nonsense").status_code == 404


def test_rows_of_a_card_come_as_csv_that_no_spreadsheet_takes_for_a_formula(browser: Browser) -> None:
    got = browser.open("/csv/tables")
    assert got.status_code == 200
    assert got.mimetype == "text/csv"
    assert got.text.splitlines()[0] == "table,live,changed,doc"
    assert any(line.startswith("silver.patient,2,") for line in got.text.splitlines())


def test_scripts_come_from_here_alone(browser: Browser) -> None:
    got = browser.open("/")
    policy = got.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'sha256-" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert got.headers["X-Frame-Options"] == "DENY"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Cache-Control"] == "no-store"
    assert "https://" not in got.text.replace("https://dash.plotly.com", "")


def test_another_name_for_this_machine_gets_nothing(browser: Browser) -> None:
    got = browser.client.get("/", headers={"Host": "evil.example"})
    assert got.status_code == 400
    assert "Carelake" not in got.text


def test_a_request_without_the_token_is_refused(browser: Browser) -> None:
    del browser.headers["X-CSRFToken"]
    assert browser.show("/").status_code == 400


def test_there_is_no_endpoint_for_models(browser: Browser) -> None:
    rules = {rule.rule for rule in browser.client.application.url_map.iter_rules()}
    assert not [rule for rule in rules if "mcp" in rule]


def test_old_data_and_its_age_are_told_by_what_the_page_sends(browser: Browser, lake: Settings) -> None:
    newest = max(s.committed_at for s in ask_on(lake).moment.tables.values() if s.committed_at)
    assert json.loads(browser.show("/").data)["response"]["as-of-data"]["data"]["at"] == newest.isoformat()


def test_assets_carry_no_session(browser: Browser) -> None:
    assert "Set-Cookie" not in browser.client.get("/assets/lake.css", headers={"Host": "localhost"}).headers


def test_earlier_moments_are_let_go(lake: Settings) -> None:
    import gc
    import sqlite3

    from lakehouse.sql.moment_embedded import EmbeddedMoment

    def moments() -> int:
        gc.collect()
        return sum(isinstance(found, EmbeddedMoment) for found in gc.get_objects())

    browser = Browser(create_app(lake, every_seconds=0).server.test_client())
    browser.open()
    before = moments()
    for number in range(4):
        with sqlite3.connect(lake.control_db) as db:
            db.execute("UPDATE runs SET live_rows = ?", (number,))
        db.close()
        browser.show("/")
    assert moments() - before <= 2


def page_of(build: Any, **more: Any) -> Page:
    return Page("/x", "X", "Lake", "overview", "?", build, **more)


def test_many_that_wait_for_a_page_cause_one_computation(lake: Settings) -> None:
    begun, go = threading.Event(), threading.Event()
    built = []

    def build(ask: Any, filters: Any) -> View:
        built.append(1)
        begun.set()
        assert go.wait(20)
        return View([Stat("n", 1, "One.")])

    page = page_of(build)
    from dash_app.data import Reader
    from lakehouse.seal import open_seal
    from lakehouse.sql.engine import open_engine
    from lakehouse.sql.moment import open_moments

    drawn = Drawn({"/x": page}, Reader(open_moments(lake, 0), open_seal(lake), open_engine(lake)))
    sent: list[Any] = []
    threads = [threading.Thread(target=lambda: sent.append(drawn.send(page, {}))) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    go.set()
    for thread in threads:
        thread.join()
    assert len(sent) == 8
    assert built == [1]


def test_a_failed_computation_is_tried_again() -> None:
    kept = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 2) == 2
    assert kept.get("a", lambda: 3) == 2
    kept.get("b", lambda: 1)
    kept.get("c", lambda: 1)
    assert kept.get("a", lambda: 3) == 3  # the oldest went, for there is room for two


def test_an_error_that_nobody_foresaw_shows_and_logs_no_data(
    lake: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def build(ask: Any, filters: Any) -> View:
        raise ValueError("Jane Doe, born 1970-01-01")

    monkeypatch.setattr("dash_app.app.find_pages", lambda: {"/x": page_of(build)})
    browser = Browser(create_app(lake).server.test_client())
    browser.open()
    with caplog.at_level(logging.INFO):
        shown = browser.show("/x")
    assert "ValueError: this was not foreseen" in text_of(shown)
    assert "Doe" not in text_of(shown) + caplog.text
    assert "test_app.py" in caplog.text


def test_an_error_in_a_callback_or_route_shows_and_logs_no_data(
    lake: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def build(ask: Any, filters: Any) -> View:
        raise ValueError("Jane Doe, born 1970-01-01")

    monkeypatch.setattr("dash_app.app.find_pages", lambda: {"/x": page_of(build)})
    browser = Browser(create_app(lake).server.test_client())
    browser.open()
    got = browser.open("/csv/x/card")
    assert got.status_code == 500
    assert got.text == "ValueError: this was not foreseen. The log of the dashboard says where it happened."
    assert "Doe" not in caplog.text + "".join(capfd.readouterr())
    assert browser.callback("nothing.x", {"id": "nothing", "property": "x"}, []).status_code == 500


def test_a_port_that_is_taken_is_said_before_anything_starts(lake: Settings) -> None:
    import socket

    from dash_app.server import Address, check
    from lakehouse.errors import EnvironmentFailed

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(EnvironmentFailed, match="take another --port"):
            check(lake, Address(port=other.getsockname()[1]))


def test_an_id_stands_sealed_in_the_address_and_opens_on_this_lake_alone(lake: Settings, lake_of: LakeOf) -> None:
    ask, other = ask_on(lake), ask_on(lake_of())
    token = ask.seal("patient", "p1")
    assert "p1" not in token
    assert token == ask_on(lake).seal("patient", "p1")
    page = page_of(lambda ask, filters: View([]), filters=(Sealed("who", "patient"),))
    assert page.values(ask, {"who": token}) == {"who": "p1"}
    for ask_, text in ((other, token), (ask, token[:-2]), (ask, "p1"), (ask, ask.seal("encounter", "p1")), (ask, "é")):
        with pytest.raises(Exception, match="leads nowhere"):
            page.values(ask_, {"who": text})


def test_the_key_of_a_lake_is_for_its_owner_alone(lake: Settings) -> None:
    from lakehouse.errors import EnvironmentFailed
    from lakehouse.seal import open_seal

    path = lake.root / "dashboard.key"
    open_seal(lake)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(EnvironmentFailed, match="Others can read"):
        open_seal(lake)


def test_a_page_follows_the_lake(lake: Settings) -> None:
    import sqlite3

    browser = Browser(create_app(lake, every_seconds=0).server.test_client())
    browser.open()
    before = text_of(browser.show("/"))
    with sqlite3.connect(lake.control_db) as db:
        db.execute("UPDATE runs SET live_rows = 77123")
    db.close()
    after = text_of(browser.show("/"))
    assert "77,123" in after
    assert "77,123" not in before


def test_hostile_text_is_shown_as_text(lake: Settings) -> None:
    import pandas as pd

    from dash_app import render

    frame = pd.DataFrame({"a": ["<script>alert(1)</script>", "=1+1"], "n": [1.5, None]})
    card = Card("c", "T", "", frame, "d")
    shown = json.dumps(render.table(card).to_plotly_json(), default=lambda c: c.to_plotly_json())
    assert "<script>alert(1)</script>" in shown  # a text child, which React escapes
    assert "dangerously" not in shown
    assert render.as_csv(frame).splitlines()[2] == "'=1+1,"
