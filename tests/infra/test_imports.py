"""The catalog needs nothing but Python, so that docs, access rules and editors can load it anywhere."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _imported(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_catalog_imports_only_the_standard_library() -> None:
    allowed = sys.stdlib_module_names | {"catalog"}
    foreign = {str(file.relative_to(ROOT)): _imported(file) - allowed for file in (ROOT / "catalog").rglob("*.py")}
    assert {name: modules for name, modules in foreign.items() if modules} == {}
