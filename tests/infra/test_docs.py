"""The pages of the tables say what the declarations say."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_pages_of_all_tables_are_fresh() -> None:
    wanted = runpy.run_path(str(ROOT / "infra" / "make_docs.py"))["pages"]()
    shipped = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "catalog" / "docs").glob("*.md")}
    stale = sorted(name for name in wanted.keys() | shipped.keys() if wanted.get(name) != shipped.get(name))
    assert not stale, f"run `make docs`: {', '.join(stale)} differ from the declarations"


def test_page_of_roles_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "infra" / "make_docs.py"))
    assert made["ACCESS"].read_text(encoding="utf-8") == made["access_page"](), "run `make docs`"
