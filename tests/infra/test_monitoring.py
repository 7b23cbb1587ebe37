"""Alert rules, dashboards and runbook belong together; promtool says that the rules hold."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.monitoring import configure, dashboards
from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "infra" / "monitoring"
ALERT_TESTS = sorted((MONITORING / "tests").glob("*_test.yml"))
RULES = [rule for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def promtool(*arguments: str) -> None:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is missing: install it (Debian, Ubuntu: apt install prometheus)")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, cwd=MONITORING / "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_alert_rules_hold() -> None:
    promtool("check", "rules", "../alerts.yml")
    promtool("test", "rules", *(file.name for file in ALERT_TESTS))


def test_each_alert_has_a_severity_words_and_a_section_in_the_runbook() -> None:
    runbook = (ROOT / "infra" / "runbooks" / "alerts.md").read_text(encoding="utf-8")
    sections = {re.sub(r"\W", "", title.lower()) for title in re.findall(r"^## (.+)$", runbook, re.MULTILINE)}
    tested = "".join(file.read_text(encoding="utf-8") for file in ALERT_TESTS)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("info", "warning", "critical", "emergency")
        assert {"summary", "description", "runbook_url"} <= rule["annotations"].keys()
        assert rule["annotations"]["runbook_url"].partition("#")[2] in sections
        assert rule["alert"] in tested, f"{rule['alert']} is in no unit test"
    assert sections == {rule["alert"].lower() for rule in RULES}


def test_dashboards_are_fresh() -> None:
    shipped = {f.name: f.read_text(encoding="utf-8") for f in (MONITORING / "grafana").glob("*.json")}
    assert shipped == dashboards.files(), "run `python -m infra.monitoring.dashboards`"
    assert all(json.loads(text)["panels"] for text in shipped.values())


def test_prometheus_is_configured_without_a_secret_in_the_text(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    path = configure.write(settings, "127.0.0.1:8050")
    assert (settings.secrets_dir / "metrics-prometheus").read_text() not in path.read_text()
    promtool("check", "config", str(path))
    stack = settings.model_copy(update={"profile": "stack"})
    jobs = yaml.safe_load(configure.configuration(stack, "127.0.0.1:8050"))["scrape_configs"]
    assert [job["job_name"] for job in jobs] == ["carelake", "minio", "trino"]
    cluster = stack.model_copy(update={"spark_master": "spark://127.0.0.1:7077"})
    jobs = yaml.safe_load(configure.configuration(cluster, "127.0.0.1:8050"))["scrape_configs"]
    asked = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    assert asked["spark-master"] == ["127.0.0.1:7078"]
    assert asked["spark-workers"] == ["127.0.0.1:7079", "127.0.0.1:7080"]
