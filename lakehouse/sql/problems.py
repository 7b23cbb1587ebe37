"""DuckDB's errors as one sentence. Their text may quote values of rows, so only names and types are taken over."""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from lakehouse.errors import InputError, LakeError

_COLUMN = re.compile(r'column "([^"]*)" not found|does not have a column named "([^"]*)"')
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")
_NO_FUNCTION = re.compile(r"given name and argument types '([A-Za-z_0-9]+)\(")
_GROUPED = re.compile(r'column "([^"]*)" must appear in the GROUP BY clause')
_TYPES_MEET = "values of different types meet in the query: cast one of them."
_AMBIGUOUS = re.compile(r'Ambiguous reference to column name "([^"]*)"')


@contextmanager
def explained() -> Iterator[None]:
    """Turns what DuckDB raises into InputError."""
    try:
        yield
    except LakeError:
        raise
    except duckdb.Error as error:
        raise InputError(sentence(error)) from None


def sentence(error: duckdb.Error) -> str:
    """What was wrong with the query and what to do, without any value of a row or of the text."""
    text = str(error)
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
        return _name_problem(text)
    if isinstance(error, duckdb.ConversionException):
        if "Unimplemented type for cast" in text:
            return _TYPES_MEET
        return "a value cannot be turned into the type that the query asks for: try_cast gives null for such values."
    if isinstance(error, duckdb.OutOfRangeException):
        return "a number is too large for its type: cast it to double or decimal first."
    if isinstance(error, duckdb.OutOfMemoryException):
        return "the query needs more memory or temporary disk space than there is: select fewer columns or rows."
    if isinstance(error, duckdb.IOException | duckdb.PermissionException):
        return "a file of a table cannot be read: run the query again, and if that fails see `lake doctor`."
    if isinstance(error, duckdb.InterruptException):
        return "the query was interrupted."
    if isinstance(error, duckdb.ParserException):
        return "the embedded engine cannot read the translated query: write it more simply."
    return "the embedded engine cannot compute this query: check the functions and the types of their arguments."


def shown(name: str) -> str:
    """A name as it may be shown: what does not look like one may be a value that was put into the wrong quotes."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]{0,99}", name) else "of this name (texts take single quotes)"


def nearest(name: str, known: list[str], otherwise: str) -> str:
    """`did you mean x?` for the known name most like it, or the other hint."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else otherwise


def _name_problem(text: str) -> str:
    if match := _COLUMN.search(text):
        name = match.group(1) or match.group(2) or ""
        candidates = _CANDIDATES.search(text)
        known = re.findall(r'"([^"]*)"', candidates.group(1)) if candidates else []
        return f"there is no column {shown(name)}; {nearest(name, known, 'DESCRIBE lists the columns of a table.')}"
    if match := _NO_FUNCTION.search(text):
        return f"the function {match.group(1)} does not take arguments of these types: cast them first."
    if match := _GROUPED.search(text):
        return f"the column {shown(match.group(1))} must be in GROUP BY or inside an aggregate such as max."
    if match := _AMBIGUOUS.search(text):
        return f"the column {shown(match.group(1))} is in several tables: write the table's name before it."
    if "Referenced table" in text:
        return "a column names a table that is not in FROM: check the aliases."
    if "aggregate" in text.lower() and "WHERE" in text:
        return "WHERE cannot hold aggregates: use HAVING."
    if "Cannot compare values" in text or "Cannot mix values" in text or "explicit cast" in text.lower():
        return _TYPES_MEET
    return (
        "the names or types of the query do not fit together: check columns with DESCRIBE, and cast where types differ."
    )
