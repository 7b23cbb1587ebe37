"""Tells when the line coverage of the last test run is a whole point above the recorded floor, and records it.

The floor is `fail_under` in pyproject.toml; pytest fails below it. It only goes up: ``--raise`` writes the
measured figure, rounded down, and a reviewer sees the line change.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def recorded(text: str) -> int:
    """The floor in per cent, as pyproject.toml has it."""
    return int(tomllib.loads(text)["tool"]["coverage"]["report"]["fail_under"])


def raised(text: str, measured: float) -> str:
    """pyproject.toml with the floor at `measured` rounded down, or unchanged where that would be lower."""
    floor = max(recorded(text), int(measured))
    return re.sub(r"^fail_under = \d+$", f"fail_under = {floor}", text, flags=re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Compare the last run with the floor; 1 when it is below, 0 otherwise."""
    command = [sys.executable, "-m", "coverage", "report", "--format=total", "--precision=4", "--fail-under=0"]
    measured = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    text = PYPROJECT.read_text(encoding="utf-8")
    floor = recorded(text)
    if measured < floor:
        print(f"Line coverage is {measured:.1f} %, below the floor of {floor} %: test what you added.")
        return 1
    if "--raise" in arguments:
        PYPROJECT.write_text(raised(text, measured), encoding="utf-8")
        print(f"The floor of line coverage is now {int(measured)} %.")
    elif int(measured) > floor:
        print(
            f"Line coverage is {measured:.1f} % and its floor {floor} %: "
            "record it with `.venv/bin/python infra/coverage_floor.py --raise`."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
