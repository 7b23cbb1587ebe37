"""Queries that come with Carelake, one `.sql` file each, in Trino's dialect; the first comment says what it answers."""

import difflib
from importlib.resources import files

from lakehouse.errors import InputError


def query_names() -> list[str]:
    """The names of all queries, in alphabetical order."""
    return sorted(entry.name.removesuffix(".sql") for entry in files(__name__).iterdir() if entry.name.endswith(".sql"))


def named_query(name: str) -> str:
    """The text of the query of that name; raises InputError with the nearest name if there is none."""
    names = query_names()
    if name not in names:  # a name from the list cannot be a path out of this folder
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none yet'}."
        raise InputError(f"there is no query of that name; {hint}")
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
