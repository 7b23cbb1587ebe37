"""Invented patients: the same each time, whole or not at all, told while they are made."""

import hashlib
from pathlib import Path

import pytest

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.java import JavaHome
from lakehouse.settings import Settings
from spark_jobs.demo import synthea
from spark_jobs.demo.synthea import Population, generate

WRITES_TWO = 'mkdir fhir\necho "1 -- A (9 y/o F)"\necho noise\necho "2 -- B (7 y/o M)"\necho {} > fhir/Patient.ndjson\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of a stand-in for Java, which notes its arguments; `play` says what it does."""
    monkeypatch.setattr(synthea, "find_java", lambda: JavaHome(tmp_path / "java", "17", "test"))
    monkeypatch.setattr(synthea, "ensure_jars", lambda *_: [Path("/jars/a.jar"), Path("/jars/b.jar")])
    return tmp_path


def _play(home: Path, script: str) -> None:
    java = home / "java" / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    java.write_text(f'#!/bin/sh\necho "$@" >> "{home}/called"\n{script}', encoding="utf-8")
    java.chmod(0o755)


def test_people_are_made_once_and_counted_while_they_are(home: Path) -> None:
    _play(home, WRITES_TWO)
    told: list[tuple[int, int]] = []
    for _ in range(2):
        folder = generate(Population(2), home / "out", Settings(home=home), lambda done, of: told.append((done, of)))
        assert (folder / "Patient.ndjson").read_text() == "{}\n"
    assert told == [(1, 2), (2, 2)]
    assert len((home / "called").read_text().splitlines()) == 1


def test_other_people_replace_those_that_are_there(home: Path) -> None:
    _play(home, WRITES_TWO)
    generate(Population(2), home / "out", Settings(home=home))
    (home / "out" / "fhir" / "Stray.ndjson").write_text("{}")
    folder = generate(Population(2, seed=7), home / "out", Settings(home=home))
    assert [file.name for file in folder.iterdir()] == ["Patient.ndjson"]
    assert "-s 7 -cs 7" in (home / "called").read_text()


def test_seed_date_zone_and_one_thread_are_fixed(home: Path) -> None:
    _play(home, WRITES_TWO)
    generate(Population(3, seed=5, years=2), home / "out", Settings(home=home))
    called = (home / "called").read_text()
    for part in ("-p 3", "-s 5", "-r 20260101", "-e 20260101", "years_of_history=2", "thread_pool_size=1"):
        assert part in called
    assert "-Duser.timezone=UTC" in called


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo "Exception: java.lang.OutOfMemoryError: heap"\nexit 1\n', "ran out of memory"),
        ("mkdir fhir\necho {} > fhir/Patient.ndjson\nexit 3\n", "exit code 3"),
        ("exit 0\n", "exit code 0 before it was done"),
    ],
)
def test_failure_says_why_and_leaves_what_was_there(home: Path, script: str, reason: str) -> None:
    (home / "out").mkdir()
    (home / "out" / "mine").write_text("kept")
    _play(home, script)
    with pytest.raises(EnvironmentFailed, match=reason):
        generate(Population(2), home / "out", Settings(home=home))
    assert (home / "out" / "mine").read_text() == "kept"
    assert not list(home.glob("*.part"))


def test_full_disk_is_seen_before_the_work(home: Path) -> None:
    _play(home, WRITES_TWO)
    with pytest.raises(EnvironmentFailed, match="GB are needed"):
        generate(Population(10**9), home / "out", Settings(home=home))
    assert not (home / "called").exists()


def test_no_patients_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="At least one"):
        generate(Population(0), tmp_path / "out", Settings(home=tmp_path))


@pytest.mark.slow
def test_same_population_gives_the_same_bytes(tmp_path: Path, settings: Settings) -> None:
    sums = []
    for name in ("one", "two"):
        folder = generate(Population(2, seed=3, years=1), tmp_path / name, settings)
        files = sorted(folder.iterdir())
        sums.append({file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files})
    assert {"Patient.ndjson", "Encounter.ndjson", "Observation.ndjson"} <= set(sums[0])
    assert sums[0] == sums[1]
