"""Writes `catalog/docs` (a page a table) and `docs/access.md` (who sees what) from the declarations (`make docs`)."""

from pathlib import Path

from catalog.derive.access_page import page as access_page
from catalog.derive.docs import index, page
from catalog.registry import TABLES

ROOT = Path(__file__).resolve().parents[1]
FOLDER, ACCESS = ROOT / "catalog" / "docs", ROOT / "docs" / "access.md"


def pages() -> dict[str, str]:
    """Text of each page by file name."""
    return {"README.md": index(TABLES)} | {f"{table.name}.md": page(table) for table in TABLES.values()}


def main() -> None:
    """Write every page and remove those of tables that are gone."""
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for file in FOLDER.glob("*.md"):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    ACCESS.write_text(access_page(), encoding="utf-8")
    print(f"{FOLDER}: {len(wanted)} pages")


if __name__ == "__main__":
    main()
