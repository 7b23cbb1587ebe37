"""The floor of line coverage is at least 90 % and never falls."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / "infra" / "coverage_floor.py"))
TEXT = "[tool.coverage.report]\nprecision = 1\nfail_under = 92\n"


def test_floor_is_at_least_90() -> None:
    assert SCRIPT["recorded"]((ROOT / "pyproject.toml").read_text(encoding="utf-8")) >= 90


def test_floor_is_raised_to_whole_points_and_never_lowered() -> None:
    assert SCRIPT["raised"](TEXT, 94.9) == TEXT.replace("92", "94")
    assert SCRIPT["raised"](TEXT, 91.0) == TEXT
