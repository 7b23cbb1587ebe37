"""Jars come from the lock, once, with the right bytes, or not at all."""

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lakehouse.errors import EnvironmentFailed
from lakehouse.jars import ATTEMPTS, Jar, ensure_jars, read_lock

ONE, TWO = b"first jar" * 50_000, b"second jar"


def _jar(artifact: str, content: bytes) -> Jar:
    return Jar("org.example", artifact, "1.0", hashlib.sha256(content).hexdigest(), len(content))


LOCK = {"g": (_jar("one", ONE), _jar("two", TWO))}


@dataclass
class Repository:
    """A Maven repository on this machine: its files, the answers it gives first, and who asked for what."""

    url: str
    files: dict[str, bytes]
    failures: dict[str, list[int | bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    authorization: set[str | None] = field(default_factory=set)


@pytest.fixture
def repository() -> Iterator[Repository]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rsplit("/", 1)[-1]
            repo.asked.append(name)
            repo.authorization.add(self.headers["Authorization"])
            if failure := repo.failures.get(name):
                answer = failure.pop(0)
                if isinstance(answer, int):
                    return self.send_error(answer)
                return self._send(answer, len(repo.files[self.path]))
            if self.path not in repo.files:
                return self.send_error(404)
            self._send(repo.files[self.path], len(repo.files[self.path]))

        def _send(self, body: bytes, length: int) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}/m2"
    repo = Repository(url, {f"/m2/{jar.path}": body for jar, body in zip(LOCK["g"], (ONE, TWO), strict=True)})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield repo
    server.shutdown()
    server.server_close()


def _ensure(repository: Repository, cache: Path) -> list[Path]:
    return ensure_jars("g", cache, repository.url, lock=LOCK, pause_seconds=0)


def test_jars_arrive_whole_and_in_the_order_of_the_lock(repository: Repository, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    paths = ensure_jars("g", tmp_path / "c", repository.url, lambda done, total: calls.append((done, total)), lock=LOCK)
    assert [path.name for path in paths] == ["one-1.0.jar", "two-1.0.jar"]
    assert [path.read_bytes() for path in paths] == [ONE, TWO]
    assert calls[-1] == (len(ONE) + len(TWO),) * 2
    assert sorted(calls) == calls


def test_jars_are_fetched_only_once(repository: Repository, tmp_path: Path) -> None:
    assert _ensure(repository, tmp_path) == _ensure(repository, tmp_path)
    assert sorted(repository.asked) == ["one-1.0.jar", "two-1.0.jar"]


@pytest.mark.parametrize("damage", [ONE[:-1], b"X" + ONE[1:]], ids=["truncated", "same size, other bytes"])
def test_damaged_jar_is_fetched_again(repository: Repository, tmp_path: Path, damage: bytes) -> None:
    first, _ = _ensure(repository, tmp_path)
    before = first.stat()
    first.write_bytes(damage)
    if len(damage) < len(ONE):  # a copy that was cut short may carry the time of the whole file
        os.utime(first, ns=(before.st_atime_ns, before.st_mtime_ns))
    _ensure(repository, tmp_path)
    assert first.read_bytes() == ONE
    assert repository.asked.count("one-1.0.jar") == 2
    assert repository.asked.count("two-1.0.jar") == 1


@pytest.mark.parametrize("marker", [None, b"", b"{}", b"[1"], ids=["gone", "empty", "of another jar", "half"])
def test_lost_marker_costs_a_hash_and_no_download(repository: Repository, tmp_path: Path, marker: bytes | None) -> None:
    _ensure(repository, tmp_path)
    path = tmp_path / "one-1.0.jar.verified"
    path.unlink() if marker is None else path.write_bytes(marker)
    _ensure(repository, tmp_path)
    assert len(repository.asked) == 2
    assert path.read_bytes() not in (b"", b"{}", b"[1")


def test_passing_failures_are_tried_again(repository: Repository, tmp_path: Path) -> None:
    repository.failures = {"one-1.0.jar": [503, ONE[:100], 429]}
    assert [path.read_bytes() for path in _ensure(repository, tmp_path)] == [ONE, TWO]


def test_lasting_failure_names_the_jar_and_leaves_no_pieces(repository: Repository, tmp_path: Path) -> None:
    repository.failures = {"one-1.0.jar": [503] * ATTEMPTS}
    with pytest.raises(EnvironmentFailed, match=r"one-1\.0\.jar could not be fetched .*HTTP 503.*LAKE_MAVEN_URL"):
        _ensure(repository, tmp_path)
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "one-1.0.jar").exists()
    assert repository.asked.count("one-1.0.jar") == ATTEMPTS


def test_jar_with_other_bytes_is_refused_at_once(repository: Repository, tmp_path: Path) -> None:
    repository.failures = {"two-1.0.jar": [b"evil bytes"]}
    with pytest.raises(EnvironmentFailed, match=r"two-1\.0\.jar .* another SHA-256"):
        _ensure(repository, tmp_path)
    assert not (tmp_path / "two-1.0.jar").exists()
    assert repository.asked.count("two-1.0.jar") == 1


def test_jar_that_the_mirror_lacks_is_not_asked_for_again(repository: Repository, tmp_path: Path) -> None:
    repository.files.clear()
    with pytest.raises(EnvironmentFailed, match=r"is not to be had from .*HTTP 404.*LAKE_MAVEN_URL"):
        _ensure(repository, tmp_path)
    assert len(repository.asked) == len(set(repository.asked))


def test_password_of_a_mirror_is_sent_and_never_shown(repository: Repository, tmp_path: Path) -> None:
    url = repository.url.replace("//", "//me:s%40cret@")
    ensure_jars("g", tmp_path, url, lock=LOCK)
    assert repository.authorization == {"Basic bWU6c0BjcmV0"}
    repository.files.clear()
    with pytest.raises(EnvironmentFailed) as caught:
        ensure_jars("g", tmp_path / "other", url, lock=LOCK)
    assert "cret" not in str(caught.value)


def test_folder_serves_as_a_mirror_without_network(tmp_path: Path) -> None:
    for jar, body in zip(LOCK["g"], (ONE, TWO), strict=True):
        target = tmp_path / "m2" / jar.path
        target.parent.mkdir(parents=True)
        target.write_bytes(body)
    paths = ensure_jars("g", tmp_path / "cache", (tmp_path / "m2").as_uri(), lock=LOCK)
    assert [path.read_bytes() for path in paths] == [ONE, TWO]


def test_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="LAKE_MAVEN_URL must start with"):
        ensure_jars("g", tmp_path, "ftp://example.org", lock=LOCK)


def test_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed, match="LAKE_CACHE"):
        ensure_jars("g", tmp_path / "file", "https://unused.invalid", lock=LOCK)


def test_shipped_lock_pins_every_jar_by_hash_and_size() -> None:
    lock = read_lock()
    assert [jar.artifact for jar in lock["spark"]] == [
        "delta-spark_2.12",
        "delta-storage",
        "iceberg-spark-runtime-3.5_2.12",
        "sqlite-jdbc",
    ]
    assert "org.mitre.synthea:synthea:3.3.0" in {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in lock["synthea"]}
    assert len(lock["synthea"]) == 144
    for jars in lock.values():
        assert len({jar.file_name for jar in jars}) == len(jars)
        assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
