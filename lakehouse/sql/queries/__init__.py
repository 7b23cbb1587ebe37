"""Queries that come with Carelake, one `.sql` file each, in Trino's dialect; the first comment says what it answers.

Those of the folder itself are for analysts and take no parameters; those of `dashboard/` are what its pages ask.
"""

import difflib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from lakehouse.errors import InputError

DASHBOARD = "dashboard"


def query_names() -> list[str]:
    """The names of the queries for analysts, in alphabetical order."""
    return sorted(name for name in _texts() if "/" not in name)


def dashboard_names() -> list[str]:
    """The names of the queries of pages, `dashboard/…`, in alphabetical order."""
    return sorted(name for name in _texts() if "/" in name)


def named_query(name: str) -> str:
    """The text of the query of that name; raises InputError with the nearest name if there is none."""
    if name not in _texts():  # a name from the list cannot be a path out of this folder
        near = difflib.get_close_matches(name, _texts(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(query_names()) or 'none yet'}."
        raise InputError(f"there is no query of that name; {hint}")
    return _texts()[name]


@lru_cache(maxsize=1)
def _texts() -> dict[str, str]:
    here = files(__name__)
    return _of(here) | {f"{DASHBOARD}/{name}": text for name, text in _of(here / DASHBOARD).items()}


def _of(folder: Traversable) -> dict[str, str]:
    return {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }
