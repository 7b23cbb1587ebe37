"""The lock file is what the script that makes it would write."""

import runpy
from pathlib import Path

import pytest

from lakehouse.jars import LOCK_FILE, Jar, read_lock

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "infra" / "relock_jars.py"))


def test_writing_the_lock_again_changes_nothing() -> None:
    text = (ROOT / "lakehouse" / LOCK_FILE).read_text(encoding="utf-8")
    assert SCRIPT["lock_text"](read_lock(text)) == text


def test_list_that_maven_wrote_is_read() -> None:
    text = """
The following files have been resolved:
   org.b:two:jar:2.0-rc1:runtime
   org.a:one_2.12:jar:1.0:compile -- module one (auto)
   org.c:test-only:jar:1.0:test
"""
    assert SCRIPT["maven_list"](text) == [
        Jar("org.a", "one_2.12", "1.0", "", 0),
        Jar("org.b", "two", "2.0-rc1", "", 0),
    ]


def test_jar_that_differs_from_its_published_sum_stops_the_lock(tmp_path: Path) -> None:
    jar = Jar("org.a", "one", "1.0", "", 0)
    file = tmp_path / jar.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"abc")
    beside = file.with_name(file.name + ".sha1")
    beside.write_text("a9993e364706816aba3e25717850c26c9cd0d89d\n")
    assert SCRIPT["pinned"](jar, tmp_path.as_uri()).size == 3
    beside.write_text("0" * 40)
    with pytest.raises(SystemExit, match="nothing was written"):
        SCRIPT["pinned"](jar, tmp_path.as_uri())
