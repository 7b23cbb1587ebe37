"""Each dependency has a reason, and each decision can be found."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = ROOT / "infra" / "decisions"


def test_every_dependency_has_a_reason_and_its_locked_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    locked = {package["name"]: package["version"] for package in lock["package"]}
    names = {re.split(r"[\[<>=~! ]", each)[0] for each in wanted}
    rows = re.findall(
        r"^\| ([\w-]+) \| ([^|]+) \| ([^|]+) \| ([\w.]+) \| (\d{4}-\d\d-\d\d) \|$",
        (DECISIONS / "dependencies.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert {name: version for name, _, _, version, _ in rows} == {name: locked[name] for name in names}


def test_every_decision_is_listed() -> None:
    listed = set(re.findall(r"\]\((.+?\.md)\)", (DECISIONS / "README.md").read_text(encoding="utf-8")))
    assert listed == {file.name for file in DECISIONS.glob("*.md")} - {"README.md"}
