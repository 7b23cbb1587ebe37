"""Spark's JVM is started with an archive of classes only where one was written to its end and is as it was written."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse import classes
from lakehouse.errors import EnvironmentFailed
from lakehouse.java import find_java
from lakehouse.session import build_session
from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
WHOLE = b"\xa8\xab\x0b\xf0 and all that follows"


@pytest.fixture
def java(tmp_path: Path) -> Path:
    """The folder of a Java that has an archive of its own classes, which others build upon."""
    base = tmp_path / "java" / "lib" / "server" / "classes.jsa"
    base.parent.mkdir(parents=True)
    base.touch()
    return tmp_path / "java"


def _settings(folder: Path) -> Settings:
    return Settings(home=folder / "lake", cache=folder / 'a "quoted" cache')


def _archive(said: str) -> Path:
    found = re.search(r'"-XX:\w+=(.*\.jsa)"', said)
    assert found
    return Path(found[1].replace('\\"', '"'))


def _write(archive: Path, content: bytes, *, seconds_ago: float = 3600) -> None:
    archive.write_bytes(content)
    os.utime(archive, (time.time() - seconds_ago,) * 2)


def test_the_first_start_writes_and_the_next_one_uses(tmp_path: Path, java: Path) -> None:
    first = classes.options(_settings(tmp_path), java)
    assert "ArchiveClassesAtExit" in first
    _write(_archive(first), WHOLE)
    later = classes.options(_settings(tmp_path), java)
    assert "SharedArchiveFile" in later
    assert _archive(later) == _archive(first)


def test_one_that_is_being_written_is_left_alone_and_one_that_was_given_up_is_written_anew(
    tmp_path: Path, java: Path
) -> None:
    archive = _archive(classes.options(_settings(tmp_path), java))
    _write(archive, b"\0" * 100, seconds_ago=1)
    assert classes.options(_settings(tmp_path), java) == ""
    _write(archive, b"\0" * 100)
    assert "ArchiveClassesAtExit" in classes.options(_settings(tmp_path), java)


def test_one_that_lost_its_end_is_written_anew(tmp_path: Path, java: Path) -> None:
    archive = _archive(classes.options(_settings(tmp_path), java))
    _write(archive, WHOLE)
    assert "SharedArchiveFile" in classes.options(_settings(tmp_path), java)
    _write(archive, WHOLE[:-5])
    assert "ArchiveClassesAtExit" in classes.options(_settings(tmp_path), java)
    _write(archive, WHOLE + b" and more")
    assert "SharedArchiveFile" in classes.options(_settings(tmp_path), java)


def test_another_java_has_another_archive(tmp_path: Path, java: Path) -> None:
    first = _archive(classes.options(_settings(tmp_path), java))
    os.utime(java / "lib" / "server" / "classes.jsa", (1, 1))
    assert _archive(classes.options(_settings(tmp_path), java)) != first


def test_a_java_without_an_archive_or_a_cache_that_can_not_be_made_is_no_fault(tmp_path: Path, java: Path) -> None:
    assert classes.options(_settings(tmp_path), tmp_path) == ""
    (tmp_path / "file").touch()
    assert classes.options(Settings(home=tmp_path, cache=tmp_path / "file"), java) == ""


def test_one_that_can_not_be_deleted_is_no_fault_of_its_own(
    tmp_path: Path, java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(_archive(classes.options(_settings(tmp_path), java)), WHOLE)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", refuse)
        assert not classes.forget(_settings(tmp_path), java)
    assert classes.forget(_settings(tmp_path), java)
    assert not classes.forget(_settings(tmp_path), java)


def test_a_spark_that_does_not_start_is_tried_once_without_the_archive_and_then_told(
    tmp_path: Path, java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(tmp_path)
    archive = _archive(classes.options(settings, java))
    _write(archive, WHOLE)
    tried = []

    def fail(builder: SparkSession.Builder) -> None:
        tried.append(builder._options["spark.driver.extraJavaOptions"])
        _write(archive, WHOLE)  # as each JVM does that ends
        raise OSError

    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", fail)
    for name in ("JAVA_HOME", "SPARK_LOCAL_IP", "PYSPARK_PYTHON"):
        monkeypatch.setenv(name, "")  # put back at the end
    with pytest.raises(EnvironmentFailed, match="Spark did not start"):
        build_session(settings, java, [])
    assert [classes.USED in options for options in tried] == [True, False]


_START = """
from lakehouse.java import find_java
from lakehouse.session import build_session, spark_jars
from lakehouse.settings import Settings

settings = Settings()
spark = build_session(settings, find_java().home, spark_jars(Settings(cache=%r)))
management = spark.sparkContext._jvm.java.lang.management.ManagementFactory
pid = management.getRuntimeMXBean().getPid()
with open(f"/proc/{pid}/maps") as maps:
    print(any(settings.cache_dir.joinpath("classes").as_posix() in line for line in maps))
print(spark.range(3).count())
"""


@pytest.mark.slow
def test_a_second_spark_starts_with_what_the_first_one_kept_unless_that_is_damaged(tmp_path: Path) -> None:
    java = find_java().home
    if not (java / "lib" / "server" / "classes.jsa").exists():
        pytest.skip(f"the Java in {java} came without an archive of its own classes")
    place = {"LAKE_HOME": str(tmp_path / "lake"), "LAKE_CACHE": str(tmp_path / "a cache"), "JAVA_HOME": str(java)}

    def start() -> list[str]:
        command = [sys.executable, "-c", _START % str(Settings().cache_dir)]
        # It ends when the JVM does, which holds its output too.
        done = subprocess.run(
            command,
            env=os.environ | place | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        return done.stdout.splitlines()

    assert start() == ["False", "3"], "no archive in the JVM's memory yet, and not a word about what it can't keep"
    assert start() == ["True", "3"]
    (archive,) = (tmp_path / "a cache" / "classes").glob("*.jsa")
    size = archive.stat().st_size
    archive.chmod(0o600)
    with archive.open("rb+") as file:
        file.truncate(size // 2)
    archive.with_suffix(".size").write_text(str(size // 2), encoding="utf-8")
    assert start()[-1] == "3", "an archive that no JVM can use is thrown away, and Spark starts without"
    assert archive.stat().st_size > size // 2, "and writes another"
