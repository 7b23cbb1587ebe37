"""What machines ask the dashboard."""

import json
from collections.abc import Callable

import pytest

from dash_app.app import create_app
from lakehouse.accounts import open_accounts
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings
from lakehouse.watch import answers

LakeOf = Callable[..., Settings]
AT = {"headers": {"Host": "localhost"}}


@pytest.fixture
def lake(lake_of: LakeOf) -> Settings:
    """A lake without rows."""
    return lake_of()


def test_probes_turn_red_at_once_and_green_again(lake: Settings) -> None:
    client = create_app(lake).server.test_client()
    assert (client.get("/live", **AT).status_code, client.get("/ready", **AT).status_code) == (200, 200)
    assert json.loads(client.get("/health", **AT).data)["status"] == "ok"
    aside = lake.control_db.with_suffix(".aside")
    lake.control_db.rename(aside)
    ready, health = client.get("/ready", **AT), client.get("/health", **AT)
    assert (ready.status_code, health.status_code, client.get("/live", **AT).status_code) == (503, 503, 200)
    assert "The control database does not answer." in ready.text
    assert json.loads(health.data)["parts"]["control"] == "The control database does not answer."
    assert json.loads(health.data)["parts"]["catalog"] == "ok"
    assert str(lake.root) not in health.text + ready.text, "nobody learns where things are"
    aside.rename(lake.control_db)
    assert client.get("/ready", **AT).status_code == 200


def test_metrics_are_for_who_has_the_token_once_people_log_in(lake: Settings) -> None:
    accounts = open_accounts(lake)
    client = create_app(lake, accounts, without_accounts=True).server.test_client()
    assert client.get("/metrics", **AT).status_code == 200, "on loopback, while there is no account"
    accounts.put("ada", "correct horse battery")
    assert client.get("/metrics", **AT).status_code == 401
    answers.ensure_token(lake)
    token = read_secret(lake, answers.TOKEN)
    for given, status in ((f"Bearer {token}", 200), (f"Bearer {token}x", 401), ("Bearer ", 401), (token, 401)):
        got = client.get("/metrics", headers={"Host": "localhost", "Authorization": given})
        assert got.status_code == status
    got = client.get("/metrics", headers={"Host": "localhost", "Authorization": f"Bearer {token}"})
    assert "carelake_service_up" in got.text
    assert "Set-Cookie" not in got.headers
    assert client.get("/health", **AT).status_code == 200


def test_another_host_gets_no_metrics(lake: Settings) -> None:
    client = create_app(lake).server.test_client()
    assert client.get("/metrics", headers={"Host": "evil.example"}).status_code == 400
