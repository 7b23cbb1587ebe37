"""The parts of the stack that need no server: versions, templates, addresses, processes, certificates, compose."""

import json
import os
import re
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from infra.native import processes
from infra.native.compose import configure
from infra.native.fetch import build_minio, minio_program
from infra.native.jdk import find_jdk
from infra.native.ports import check_free
from infra.native.postgres import scram
from infra.native.runner import fetch
from infra.native.service import Say, Service
from infra.native.services import all_services, choose
from infra.native.stack import SHARED, Address, Stack, parse_address, read_env
from infra.native.tls import ensure_certificates
from infra.native.trino_files import matches, write_people
from lakehouse.accounts import trino_hash
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def own(tmp_path: Path) -> Stack:
    return Stack(Settings(home=tmp_path, profile="stack", trino_user="ada"))


def test_spark_of_the_stack_is_the_one_of_the_lock(own: Stack) -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    assert own.versions["SPARK_VERSION"] in {p["version"] for p in lock["package"] if p["name"] == "pyspark"}


def test_line_that_is_no_pair_is_refused() -> None:
    assert read_env("# why\nA_1=x=y\n\n") == {"A_1": "x=y"}
    with pytest.raises(InputError, match="Line 2"):
        read_env("A=1\nB = 2\n")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1:15432", Address("127.0.0.1", 15432)),
        ("https://lake.example.org:8443", Address("lake.example.org", 8443)),
        ("spark://127.0.0.1:7077", Address("127.0.0.1", 7077)),
        ("[::1]:15432", Address("::1", 15432)),
    ],
)
def test_address_is_read_and_written_again(text: str, wanted: Address) -> None:
    assert parse_address(text, "LAKE_X") == wanted
    assert parse_address(str(wanted), "LAKE_X") == wanted


def test_address_without_port_is_refused_by_the_name_of_its_setting() -> None:
    with pytest.raises(InputError, match=r"LAKE_S3=http://127\.0\.0\.1"):
        parse_address("http://127.0.0.1", "LAKE_S3")


def test_only_trino_may_listen_beyond_loopback(own: Stack) -> None:
    there = own.settings.model_copy(update={"trino": "https://192.0.2.1:8443"})
    assert all_services(Stack(there))
    with pytest.raises(EnvironmentFailed, match="LAKE_POSTGRES"):
        all_services(Stack(there.model_copy(update={"postgres": "192.0.2.1:5432"})))


def test_named_service_brings_what_it_needs(own: Stack) -> None:
    assert [s.name for s in choose(all_services(own), ("trino",))] == ["postgres", "minio", "trino"]
    with pytest.raises(InputError, match="no service kafka"):
        choose(all_services(own), ("kafka",))


def test_pid_that_another_process_got_is_not_taken_for_ours(tmp_path: Path) -> None:
    me = processes.look(os.getpid())
    assert me
    assert processes.is_alive(me)
    for other in (replace(me, ticks=me.ticks - 1), replace(me, boot="before")):
        assert not processes.is_alive(other)
        file = tmp_path / "pid.json"
        file.write_text(json.dumps(other.__dict__))
        assert processes.read(file) is None


def test_ended_process_is_not_alive() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        process = processes.look(child.pid)
        assert process
        child.kill()
        child.wait()
        assert not processes.is_alive(process)


def test_free_port_passes() -> None:
    check_free("minio", Address("127.0.0.1", 0), "LAKE_S3")


def test_java_that_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match=r"No JDK 24 .*TRINO_JAVA_HOME=/nowhere: there is no"):
        find_jdk(24, {"TRINO_JAVA_HOME": "/nowhere", "PATH": ""}, tmp_path)


def test_certificate_is_kept_until_it_ends_or_a_host_is_new(tmp_path: Path) -> None:
    server = tmp_path / "server.pem"
    ensure_certificates(tmp_path, ["127.0.0.1"])
    first = server.read_bytes()
    ensure_certificates(tmp_path, ["127.0.0.1"])
    assert server.read_bytes() == first
    ensure_certificates(tmp_path, ["lake.example.org"])
    second = server.read_bytes()
    names = x509.load_pem_x509_certificate(second).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert x509.DNSName("lake.example.org") in names.value
    ensure_certificates(tmp_path, [], now=datetime.now(UTC) + timedelta(days=380))
    assert server.read_bytes() != second
    assert x509.load_pem_x509_certificate(second).issuer == x509.load_pem_x509_certificate(server.read_bytes()).issuer
    assert {f.name: f.stat().st_mode & 0o777 for f in tmp_path.iterdir()} == {
        "ca.key": 0o600,
        "ca.pem": 0o644,
        "server.pem": 0o600,
    }


def test_scram_verifier_does_not_hold_the_password() -> None:
    said = scram("correct horse")
    assert re.fullmatch(r"SCRAM-SHA-256\$4096:[\w+/=]+\$[\w+/=]+:[\w+/=]+", said)
    assert said != scram("correct horse")


def test_trino_users_of_others_stay(own: Stack, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "password.db").write_text("grace:$2y$10$x\n")
    (etc / "group.txt").write_text("analyst:grace\n")
    write_people(own, etc)
    assert (etc / "group.txt").read_text().splitlines() == ["analyst:grace", "administrator:ada"]
    lines = (etc / "password.db").read_text()
    assert lines.startswith("grace:$2y$10$x\n")
    write_people(own, etc)
    assert (etc / "password.db").read_text() == lines
    assert matches("secret", trino_hash("secret"))
    assert not matches("other", trino_hash("secret"))


def test_what_two_homes_need_of_one_cache_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    # Stands for the real one, which takes minutes: it is done only once somebody waits for it.
    script = f"""#!/bin/sh
        echo "$*" >> {tmp_path}/asked
        mkdir -p "$GOBIN"
        timeout 20 head -n 1 {tmp_path}/end
        touch "$GOBIN/minio"
    """
    go.write_text(script)
    go.chmod(0o755)
    os.mkfifo(tmp_path / "end")
    monkeypatch.setenv("PATH", str(go.parent), prepend=":")
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "waiting" in text:
            (tmp_path / "end").write_text("now\n")

    homes = [Stack(Settings(home=tmp_path / name, cache=tmp_path / "cache", profile="stack")) for name in "ab"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda stack: build_minio(stack, say), homes))
    assert minio_program(homes[0]).exists()
    assert len((tmp_path / "asked").read_text().splitlines()) == 1
    assert said[-1] == "another command makes it: waiting"
    left = {p.name for p in homes[0].cache.iterdir() if not p.name.endswith(".lock")}
    assert left == {minio_program(homes[0]).parent.name}


def test_what_can_be_fetched_is_fetched_where_something_else_can_not(own: Stack) -> None:
    installed = []

    def fail(say: Say) -> None:
        raise EnvironmentFailed("no network")

    def install(say: Say) -> None:
        installed.append("trino")
        say("unpacking")

    said: list[str] = []
    never = partial(Service, ports=(), prepare=fail, is_ready=fail)
    both = [never("minio", install=fail), never("trino", install=install)]
    with pytest.raises(EnvironmentFailed, match="no network"):
        fetch(own, both, said.append)
    assert installed == ["trino"]
    fetch(own, both[1:], said.append)
    assert said[-2:] == ["trino           unpacking", "All that the stack needs is here."]


def test_compose_has_the_versions_and_configuration_that_native_has(own: Stack, tmp_path: Path) -> None:
    configure(own)
    folder = own.folder / "compose"
    known = {**own.versions, **own.sizes, **read_env((folder / ".env").read_text())}
    text = (ROOT / "infra" / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+)", text)) <= known.keys()
    compose = yaml.safe_load(text)
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["healthcheck"]
    templates = {p.relative_to(SHARED / "templates" / "trino") for p in (SHARED / "templates" / "trino").rglob("*.*")}
    written = {p.relative_to(folder / "trino") for p in (folder / "trino").rglob("*") if p.is_file()}
    assert written == templates | {Path("rules.json"), Path("password.db"), Path("group.txt")}
    assert "jdbc:postgresql://postgres:5432/lake_catalog" in (folder / "trino/catalog/lake.properties").read_text()
    assert not any("$" in p.read_text().replace("${USER}", "") for p in (folder / "trino").rglob("*.properties"))
