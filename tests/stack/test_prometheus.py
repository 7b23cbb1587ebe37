"""A real Prometheus reads a real lake: each query of the alert rules and dashboards names metrics that exist."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.monitoring import configure, dashboards
from lakehouse.settings import Settings
from lakehouse.watch.server import open_server
from tests.dash_app.conftest import lake_of  # noqa: F401  # the same fixture
from tests.lakehouse.watch.test_metrics import BRONZE, RECORDS, RESOURCES

pytestmark = pytest.mark.stack
RULES = Path(configure.HERE) / "alerts.yml"
UPKEEP = {"upkeep_id": "u1", "table_name": BRONZE, "step": "expire", "why": "w", "before": "{}",
          "started_at": "2026-01-10T08:00:00+00:00", "ended_at": "2026-01-10T08:00:04+00:00"}  # fmt: skip


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def prometheus(lake_of: Callable[..., Settings], tmp_path: Path) -> Iterator[str]:  # noqa: F811
    """Its address, once it has read the metrics of a small lake."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("there is no prometheus: install it (Debian, Ubuntu: apt install prometheus)")
    held = {"run_id": "r1", "stage": "landing", "reason_code": "truncated_json", "reason": "Cut.", "part": 0}
    check = {"run_id": "r3", "check_name": "volume_not_fallen", "table_name": "silver.encounter", "level": "fail",
             "outcome": "fail", "value": 1.0, "doc": "d", "sample_keys": "[]",
             "checked_at": "2026-01-10T08:00:00+00:00"}  # fmt: skip
    records = {**RECORDS, "upkeep": [UPKEEP], "quality_results": [check]}
    lake = lake_of({BRONZE: RESOURCES, "ops.quarantine": [held]}, control=records)
    target, own = free_port(), free_port()
    config = configure.write(lake, f"127.0.0.1:{target}")
    config.write_text(config.read_text().replace("scrape_interval: 30s", "scrape_interval: 1s")
                      .replace("scrape_timeout: 10s", "scrape_timeout: 1s"))  # fmt: skip
    server = open_server(lake, "127.0.0.1", target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    urllib_get(f"http://127.0.0.1:{target}/live")
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
               f"--web.listen-address=127.0.0.1:{own}", "--log.level=error"]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: ask(f"http://127.0.0.1:{own}", "carelake_build_info"), process)
        yield f"http://127.0.0.1:{own}"
    finally:
        process.terminate()
        process.wait(20)
        server.shutdown()
        server.server_close()


def urllib_get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def ask(base: str, expression: str) -> list[Any]:
    """What an expression gives; an error of the parser is one of the test."""
    url = f"{base}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    result: list[Any] = json.loads(urllib_get(url))["data"]["result"]
    return result


def wait_until(happened: Callable[[], Any], process: "subprocess.Popen[bytes]") -> None:
    """Ask until it has: a minute at most."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            if happened():
                return
        except OSError:
            pass
        time.sleep(0.2)  # between two tries; nothing is asserted on how long it takes
    pytest.fail("Prometheus did not read the metrics")


def test_each_query_parses_and_names_metrics_that_exist(prometheus: str) -> None:
    names = set(json.loads(urllib_get(f"{prometheus}/api/v1/label/__name__/values"))["data"])
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    panels = [query for _, found in dashboards.DASHBOARDS.values() for panel in found for query, _ in panel.queries]
    for expression in (*rules, *panels):
        ask(prometheus, expression)
        unknown = set(re.findall(r"carelake_\w+", expression)) - names
        assert not unknown, f"{expression} names {unknown}, which no lake tells of"


def test_a_gate_that_failed_is_an_alert_of_a_real_prometheus(prometheus: str) -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rule = next(r for group in groups for r in group["rules"] if r["alert"] == "GateFailed")
    found = ask(prometheus, rule["expr"])
    assert [r["metric"]["table"] for r in found] == ["silver.encounter"]
