"""A server dies: the next probe is red and says which part; once it is back probes are green again."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField

from lakehouse.control import open_control
from lakehouse.profile import iceberg_catalog
from lakehouse.settings import Settings
from lakehouse.watch.server import open_server
from tests.stack import servers

pytestmark = pytest.mark.stack
PARTS = {
    "postgres": ({"catalog", "control", "engine", "postgresql"}, {"files"}),
    "minio": ({"files", "minio"}, set()),
    "trino": ({"engine", "trino"}, set()),
}
"""Which parts no longer answer without a server, and which may not: files are found by the catalog."""


@pytest.fixture
def lake(stack: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A lake with one table on the servers of the tests, which are all up again at the end."""
    monkeypatch.delenv(servers.HOME, raising=False)
    own = stack.model_copy(update={"spark_master": ""})  # no cluster runs
    open_control(own)
    catalog = iceberg_catalog(own)
    catalog.create_namespace_if_not_exists("silver")
    catalog.create_table("silver.probed", Schema(NestedField(1, "n", LongType())))
    yield own
    for name in PARTS:
        servers.start(own, name)
    catalog = iceberg_catalog(own)
    catalog.drop_table("silver.probed")


@pytest.fixture
def address(lake: Settings) -> Iterator[str]:
    """Where the probes of the lake are served, as `lake metrics --listen` does."""
    server = open_server(lake, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def probe(address: str, path: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{address}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def down(address: str) -> set[str]:
    """The parts that /health says do not answer."""
    status, text = probe(address, "/health")
    found = {name for name, said in json.loads(text)["parts"].items() if said != "ok"}
    assert (status == 503) == bool(found)
    return found


@pytest.mark.parametrize("name", PARTS)
def test_the_first_probe_after_a_server_died_is_red(lake: Settings, address: str, name: str) -> None:
    assert down(address) == set()
    assert probe(address, "/ready") == (200, "ok\n")
    servers.kill(lake, name)
    status, said = probe(address, "/ready")
    assert status == 503
    assert said.endswith("does not answer.\n") or said.endswith("in time.\n")
    surely, perhaps = PARTS[name]
    assert surely <= down(address) <= surely | perhaps
    assert probe(address, "/live") == (200, "ok\n"), "the process that answers is well: restarting it mends nothing"
    figures = probe(address, "/metrics")[1]
    assert all(f'carelake_service_up{{service="{part}"}} 0.0' in figures for part in surely)
    servers.start(lake, name)
    # a server that has just started may take longer than a probe waits, where others use the machine
    assert any(probe(address, "/ready") == (200, "ok\n") for _ in range(20))
    assert down(address) == set()
