"""A run of tests that has to end says which tests it did not begin, and the next one begins at another."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOME = "tests/infra/test_coverage_floor.py"
WHAT = "at_least_90", "raised_to_whole_points_and_never_lowered"
FAR = 4_000_000_000


def run(*options: str) -> str:
    """What pytest says of two quick tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", SOME, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("workers", ["0", "1"])
def test_what_was_not_begun_is_named_and_written_down(tmp_path: Path, workers: str) -> None:
    left = tmp_path / "left"
    said = run("--until", "1", "--left", str(left), "-n", workers)
    names = left.read_text().splitlines()
    assert [name.partition("::")[0] for name in names] == [SOME] * 2
    assert "2 tests did not begin, for time: " + ", ".join(names) in said
    assert "did not begin" not in run("--until", str(FAR), "--left", str(left), "-n", workers)
    assert left.read_text() == ""


def test_another_run_begins_at_another_test() -> None:
    first, second = (run("--until", str(FAR + n), "--collect-only", "-v").splitlines()[0] for n in range(2))
    assert {first, second} == {f"{SOME}::test_floor_is_{what}" for what in WHAT}
