"""How a fault in a view is told: the element, what is wrong, and for a path the place in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lakehouse.errors import ViewError
from lakehouse.fhir.parser import PathError


def fail(where: str, what: str) -> NoReturn:
    """Raises ViewError for an element of the view, such as `select[0].column[1].name`."""
    raise ViewError(f"{where}: {what}.")


@contextmanager
def at_path(where: str, path: str) -> Iterator[None]:
    """Turns a PathError into a ViewError that names the element and the character."""
    try:
        yield
    except PathError as error:
        raise ViewError(f"{where}: {error.message} (character {error.position + 1} of {path!r}).") from None
