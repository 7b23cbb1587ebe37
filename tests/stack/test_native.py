"""The servers start, say what is wrong, come back after a kill, let only their own in, and stop."""

import getpass
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests
import trino
import yaml
from minio import Minio
from minio.error import S3Error
from trino.auth import BasicAuthentication

from infra.monitoring import configure, dashboards
from infra.native.processes import family, is_alive
from infra.native.report import status
from infra.native.runner import down, pid_file, running, up
from infra.native.services import all_services, choose, named
from infra.native.stack import Address, Stack
from lakehouse.control import open_control
from lakehouse.doctor import stack_findings
from lakehouse.errors import EnvironmentFailed
from lakehouse.java import find_java
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings

SERVERS = ("postgres", "minio", "trino")
RULES = configure.HERE / "alerts.yml"
pytestmark = pytest.mark.stack


def quiet(_: str) -> None:
    """Progress is of no interest here."""


def _up(settings: Settings, *names: str) -> list[str]:
    said: list[str] = []
    own = Stack(settings)
    up(own, choose(all_services(own), names or SERVERS), said.append)
    return said


def _states(settings: Settings) -> dict[str, str]:
    own = Stack(settings)
    return {row.service: row.state for row in status(own, choose(all_services(own), SERVERS))}


def _connect(settings: Settings, user: str, password: str, database: str = "lake_control") -> "psycopg.Connection":
    host, _, port = settings.postgres.partition(":")
    return psycopg.connect(
        host=host, port=int(port), user=user, password=password, dbname=database, connect_timeout=5, autocommit=True
    )


def _as(settings: Settings, user: str, database: str = "lake_control") -> "psycopg.Connection":
    return _connect(settings, user, read_secret(settings, f"postgres-{user}"), database)


def _store(settings: Settings, user: str, password: str) -> Minio:
    return Minio(
        endpoint=str(Stack(settings).s3), access_key=user, secret_key=password, secure=False, region="us-east-1"
    )


def _ask_trino(settings: Settings, user: str, password: str, query: str) -> list[list[object]]:
    address, session = Stack(settings).trino, requests.Session()
    session.verify = str(settings.trino_ca_file)
    session.trust_env = False  # REQUESTS_CA_BUNDLE would take the place of the stack's own authority
    with trino.dbapi.connect(
        host=address.host,
        port=address.port,
        http_scheme="https",
        auth=BasicAuthentication(user, password),
        http_session=session,
        user=user,
        max_attempts=1,
    ) as connection:
        return connection.cursor().execute(query).fetchall()


@pytest.fixture
def control_table(stack: Settings) -> Iterator[str]:
    """A table in the control database, made as jobs make theirs."""
    with _as(stack, "lake_etl") as etl:
        etl.execute("CREATE TABLE made_later (n int)")
        etl.execute("INSERT INTO made_later VALUES (7)")
    yield "made_later"
    with _as(stack, "lake_etl") as etl:
        etl.execute("DROP TABLE made_later")


def test_all_servers_are_ready_once_up_has_ended(stack: Settings) -> None:
    assert _states(stack) == dict.fromkeys(SERVERS, "ready")
    assert all(finding.ok for finding in stack_findings(stack)[: len(SERVERS)])


def test_up_starts_nothing_that_runs(stack: Settings) -> None:
    own = Stack(stack)
    before = {s.name: running(own, s) for s in all_services(own)}
    assert "all were up already" in _up(stack)[-1]
    assert {s.name: running(own, s) for s in all_services(own)} == before


@pytest.mark.parametrize("name", ["minio", "postgres"])
def test_killed_server_is_told_and_comes_back(stack: Settings, name: str) -> None:
    own = Stack(stack)
    (service,) = (s for s in all_services(own) if s.name == name)
    process = running(own, service)
    assert process
    for member in family(process):
        os.kill(member.pid, signal.SIGKILL)
    os.waitpid(process.pid, 0)
    assert _states(stack)[name] == "down"
    _up(stack)
    assert _states(stack) == dict.fromkeys(SERVERS, "ready")


def test_taken_port_is_told_with_who_has_it(stack: Settings, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        moved = stack.model_copy(update={"home": tmp_path, "secrets": None, "s3": f"http://127.0.0.1:{port}"})
        with pytest.raises(
            EnvironmentFailed, match=rf"Port {port} for minio is taken by .+\(pid {os.getpid()}\).*LAKE_S3"
        ):
            _up(moved, "minio")
    assert not running(Stack(moved), choose(all_services(Stack(moved)), ("minio",))[0])


def test_secrets_are_for_their_owner_alone(stack: Settings) -> None:
    assert stat.S_IMODE(stack.secrets_dir.stat().st_mode) == 0o700
    files = list(stack.secrets_dir.iterdir())
    assert {f.name for f in files} >= {"postgres-lake_etl", "minio-lake_etl", "minio-root", "trino-lake_dashboard"}
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}


def test_no_secret_is_in_a_command_a_log_or_the_status(stack: Settings) -> None:
    own = Stack(stack)
    texts = [repr(status(own, all_services(own)))]
    for service in choose(all_services(own), SERVERS):
        process = running(own, service)
        assert process
        texts += [Path(f"/proc/{p.pid}/cmdline").read_text(errors="replace") for p in family(process)]
        texts.append((own.logs / f"{service.name}.log").read_text(errors="replace"))
    for file in stack.secrets_dir.iterdir():
        assert not any(file.read_text() in text for text in texts), file.name


def test_no_default_password_opens_a_server(stack: Settings) -> None:
    with pytest.raises(S3Error, match=r"InvalidAccessKeyId|SignatureDoesNotMatch"):
        _store(stack, "minioadmin", "minioadmin").list_buckets()
    for user in ("postgres", "lake_admin", "lake_etl"):
        for password in ("", "postgres", user):
            with pytest.raises(psycopg.OperationalError):
                _connect(stack, user, password, "postgres")
    with pytest.raises(trino.exceptions.HttpError, match="401"):
        _ask_trino(stack, getpass.getuser(), "admin", "SELECT 1")


def test_trino_and_dashboard_read_what_jobs_make_later_and_write_nothing(stack: Settings, control_table: str) -> None:
    for user in ("lake_trino", "lake_dashboard"):
        with _as(stack, user) as connection:
            assert connection.execute(f"SELECT n FROM {control_table}").fetchall() == [(7,)]
            connection.execute("SET default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"INSERT INTO {control_table} VALUES (8)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE own (n int)")


def test_dashboard_writes_the_two_tables_of_what_people_do(stack: Settings) -> None:
    with _as(stack, "lake_etl") as etl, _as(stack, "lake_dashboard") as dashboard:
        open_control(stack)._engine.dispose()  # as jobs make its tables
        dashboard.execute(
            "INSERT INTO acknowledgements (command_id, table_name, check_name, note, until_on) "
            "VALUES ('c', 't', 'c', 'n', '2026-01-01')"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            dashboard.execute("DELETE FROM acknowledgements")
        etl.execute("DELETE FROM acknowledgements")


def test_object_store_lets_only_jobs_write_and_keeps_old_versions(stack: Settings, tmp_path: Path) -> None:
    file = tmp_path / "part"
    file.write_bytes(b"rows")
    etl = _store(stack, "lake_etl", read_secret(stack, "minio-lake_etl"))
    reader = _store(stack, "lake_trino", read_secret(stack, "minio-lake_trino"))
    place = {"bucket_name": "lake", "object_name": "warehouse/part"}
    version = etl.fput_object(file_path=str(file), **place).version_id
    assert reader.get_object(**place).read() == b"rows"
    for forbidden in (
        lambda: reader.fput_object(file_path=str(file), **place),
        lambda: reader.remove_object(**place),
        lambda: etl.remove_object(version_id=version, **place),
        lambda: etl.delete_bucket_lifecycle(bucket_name="lake"),
    ):
        with pytest.raises(S3Error, match="AccessDenied"):
            forbidden()
    etl.remove_object(**place)
    root = _store(stack, "lake_root", read_secret(stack, "minio-root"))
    assert root.get_object(version_id=version, **place).read() == b"rows"
    lifecycle = root.get_bucket_lifecycle(bucket_name="lake")
    assert lifecycle
    assert lifecycle.rules[0].noncurrent_version_expiration.noncurrent_days == 7


def test_trino_answers_the_operator_over_tls(stack: Settings, control_table: str) -> None:
    user = getpass.getuser()
    password = read_secret(stack, f"trino-{user}")
    assert _ask_trino(stack, user, password, "SELECT 1") == [[1]]
    with pytest.raises(trino.exceptions.TrinoUserError, match="Access Denied"):
        _ask_trino(stack, user, password, f"DELETE FROM control.public.{control_table}")


_SUM = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
print("sum", spark.sparkContext.parallelize(range(10), 4).map(lambda n: n * 2).sum())
"""


def _driver(own: Stack, conf: Path) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "JAVA_HOME": str(find_java().home),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONF_DIR": str(conf),
        "PYSPARK_SUBMIT_ARGS": f"--master spark://{own.spark} --conf spark.driver.host=127.0.0.1 "
        "--conf spark.executor.memory=512m pyspark-shell",
    }
    return subprocess.Popen(
        [sys.executable, "-c", _SUM],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_workers_compute_for_who_shows_the_secret(spark_cluster: Settings) -> None:
    own = Stack(spark_cluster)
    assert {row.state for row in status(own, all_services(own))} == {"ready"}
    said, _ = _driver(own, own.state("spark") / "conf").communicate(timeout=120)
    assert "sum 90" in said


def test_cluster_tells_what_alerts_and_dashboards_ask_of_it(spark_cluster: Settings) -> None:
    asked = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    asked += [query for _, panels in dashboards.DASHBOARDS.values() for panel in panels for query, _ in panel.queries]
    names = {name for query in asked for name in re.findall(r"metrics_\w+", query)}
    assert names
    told = ""
    for job in yaml.safe_load(configure.configuration(spark_cluster, "127.0.0.1:1"))["scrape_configs"]:
        for target in job["static_configs"][0]["targets"] if job["job_name"].startswith("spark") else []:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"http://{target}{job['metrics_path']}", timeout=10
            ) as answer:
                told += answer.read().decode()
    assert {name for name in names if f"\n{name}{{" not in f"\n{told}"} == set()
    assert re.search(r"^metrics_master_aliveWorkers_Value\{.*\} 2$", told, re.MULTILINE)


def test_cluster_refuses_who_does_not_show_the_secret(spark_cluster: Settings, tmp_path: Path) -> None:
    driver = _driver(Stack(spark_cluster), tmp_path)
    try:  # it would try again for a minute
        assert driver.stdout
        assert any("SaslMessage" in line for line in driver.stdout)
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.wait()
        driver.stdout.close()


def test_one_server_stops_alone(stack: Settings) -> None:
    own = Stack(stack)
    down(own, named(all_services(own), ("minio",)), quiet)
    assert _states(stack) == dict.fromkeys(SERVERS, "ready") | {"minio": "down"}
    _up(stack)
    assert _states(stack) == dict.fromkeys(SERVERS, "ready")


def test_down_leaves_no_process_and_what_was_stored_is_there_after_up(stack: Settings) -> None:
    own = Stack(stack)
    with _as(stack, "lake_etl") as etl:
        etl.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    services = all_services(own)
    members = [m for s in services if (p := running(own, s)) for m in family(p)]
    assert members
    down(own, services, quiet)
    assert not any(is_alive(member) for member in members)
    assert not any(pid_file(own, service).exists() for service in services)
    assert set(_states(stack).values()) == {"down"}
    assert not any(finding.ok for finding in stack_findings(stack))
    for service in services:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(_pair(service.ports[0]))
    _up(stack)
    with _as(stack, "lake_etl") as etl:
        assert etl.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        etl.execute("DROP TABLE kept")


def _pair(address: Address) -> tuple[str, int]:
    return address.host, address.port
