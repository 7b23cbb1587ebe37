"""Who gets in: accounts, sessions, and what is served to whom before a login."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from dash_app.app import create_app
from dash_app.security import _inside
from lakehouse.accounts import open_accounts
from lakehouse.settings import Settings


@pytest.fixture
def lake(lake_of: Callable[..., Settings]) -> Settings:
    """A lake without rows."""
    return lake_of()


def test_beyond_this_machine_nothing_is_served_before_the_login(lake: Settings) -> None:
    accounts = open_accounts(lake)
    accounts.put("ada", "correct horse battery")
    app = create_app(lake, accounts, hosts=("localhost", "lake.example"), https=True)
    client = app.server.test_client()
    at = {"base_url": "https://localhost"}
    for path in ("/_dash-layout", "/_dash-dependencies", "/csv/tables", "/assets/lake.js"):
        assert client.get(path, **at).status_code == 401  # type: ignore[arg-type]
    first = client.get("/?a=b", **at)  # type: ignore[arg-type]
    assert first.status_code == 302
    assert first.headers["Location"].startswith("/login?next=/?a%3Db")
    assert client.get("/live", **at).text == "ok\n"  # type: ignore[arg-type]

    def log_in(password: str, target: str = "/") -> Any:
        page = client.get(f"/login?next={target}", **at)  # type: ignore[arg-type]
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        data = {"name": "ada", "password": password, "csrf_token": token}
        headers = {"Referer": "https://localhost/login"}
        return client.post(f"/login?next={target}", data=data, headers=headers, **at)  # type: ignore[arg-type]

    wrong = log_in("wrong")
    assert wrong.status_code == 401
    assert "do not fit" in wrong.text
    assert log_in("correct horse battery", "//evil.example").headers["Location"] == "/"
    cookie = client.get_cookie("lake_session")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only, cookie.same_site) == (True, True, "Strict")
    assert client.get("/_dash-layout", **at).status_code == 200  # type: ignore[arg-type]
    # A new password ends the session, and so does logging out, for every copy of its cookie.
    accounts.put("ada", "another good password")
    assert client.get("/_dash-layout", **at).status_code == 401  # type: ignore[arg-type]
    assert log_in("another good password").status_code == 302
    kept = client.get_cookie("lake_session")
    assert kept is not None
    out = client.get("/logout", **at)  # type: ignore[arg-type]
    assert out.headers["Clear-Site-Data"] == '"storage"'
    client.set_cookie("lake_session", kept.value)
    assert client.get("/_dash-layout", **at).status_code == 401  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example",
                                    "https://evil.example", "", "/ /evil.example", "/é"])  # fmt: skip
def test_a_login_leads_to_this_site_alone(target: str) -> None:
    assert _inside(target) == "/"
    assert _inside("/runs?table=silver.patient&since=2026-01-01") == "/runs?table=silver.patient&since=2026-01-01"


def test_a_session_ends_after_eight_hours_of_use(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = open_accounts(lake)
    accounts.put("ada", "correct horse battery")
    client = create_app(lake, accounts).server.test_client()
    page = client.get("/login", headers={"Host": "localhost"})
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    data = {"name": "ada", "password": "correct horse battery", "csrf_token": token}
    assert client.post("/login", data=data, headers={"Host": "localhost"}).status_code == 302
    now = time.time()
    for hours, status in ((7.9, 200), (8.1, 302)):
        monkeypatch.setattr("dash_app.security.time.time", lambda hours=hours: now + hours * 3600)
        assert client.get("/", headers={"Host": "localhost"}).status_code == status


def test_another_host_is_refused_before_the_login_too(lake: Settings) -> None:
    accounts = open_accounts(lake)
    accounts.put("ada", "correct horse battery")
    got = create_app(lake, accounts).server.test_client().get("/", headers={"Host": "evil.example"})
    assert got.status_code == 400


def test_the_login_itself_can_not_be_forged(lake: Settings) -> None:
    accounts = open_accounts(lake)
    accounts.put("ada", "correct horse battery")
    client = create_app(lake, accounts).server.test_client()
    got = client.post(
        "/login", data={"name": "ada", "password": "correct horse battery"}, headers={"Host": "localhost"}
    )
    assert got.status_code == 400


def test_where_there_are_accounts_they_count_on_this_machine_too(lake: Settings) -> None:
    from dash_app.server import Address, _Server

    client = _Server(lake, Address()).load().test_client()
    assert client.get("/", headers={"Host": "localhost"}).status_code == 200
    open_accounts(lake).put("ada", "correct horse battery")  # the server goes on as it is
    assert client.get("/", headers={"Host": "localhost"}).status_code == 302


def test_what_is_done_is_done_by_the_account_or_by_the_one_who_needs_none(lake: Settings) -> None:
    from dash_app.security import actor
    from lakehouse.errors import InputError

    accounts = open_accounts(lake)
    server = create_app(lake, accounts, without_accounts=True).server
    with server.test_request_context("/", headers={"Host": "localhost"}):
        assert server.preprocess_request() is None
        assert actor() == "local"
    accounts.put("ada", "correct horse battery")
    with server.test_request_context("/", headers={"Host": "localhost"}):
        assert server.preprocess_request() is not None
        with pytest.raises(InputError, match="log in first"):
            actor()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "0.0.0.0"}, "add an account first"),
        ({"host": "0.0.0.0", "account": True}, "passwords need TLS"),
        ({"behind_proxy": True, "account": True}, "by which name"),
    ],
)
def test_beyond_this_machine_it_starts_with_login_tls_and_a_name_only(lake: Settings, given: Any, said: str) -> None:
    from dash_app.server import Address, check
    from lakehouse.errors import InputError

    if given.pop("account", False):
        open_accounts(lake).put("ada", "correct horse battery")
    with pytest.raises(InputError, match=said):
        check(lake, Address(**given))
