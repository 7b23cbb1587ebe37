"""Trino's errors as one sentence.

What Trino says of a text that it could not understand is taken over, with its line and column and without the values
that the text holds. What it says of a computation may quote values of rows, so only the kind is told.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import requests
from trino import exceptions

from lakehouse.errors import EnvironmentFailed, InputError, LakeError
from lakehouse.settings import Settings

_PLACE = re.compile(r"^line (\d+):(\d+): ")
_LONGEST = 300
_COMPUTED = {
    "DIVISION_BY_ZERO": "a number is divided by zero: nullif(x, 0) makes that null.",
    "INVALID_CAST_ARGUMENT": "a value cannot be turned into the type that the query asks for: "
    "try_cast gives null for such values.",
    "NUMERIC_VALUE_OUT_OF_RANGE": "a number is too large for its type: cast it to double or decimal first.",
    "SUBQUERY_MULTIPLE_ROWS": "a query in brackets that stands for one value gives several rows: use max or LIMIT 1.",
    "EXCEEDED_TIME_LIMIT": "the query took longer than the server allows: ask for fewer rows or tables.",
    "EXCEEDED_CPU_LIMIT": "the query needed more computing time than the server allows: ask for fewer rows or tables.",
    "EXCEEDED_SCAN_LIMIT": "the query reads more than the server allows: ask for fewer columns or rows.",
    "ADMINISTRATIVELY_KILLED": "an administrator stopped the query.",
    "ADMINISTRATIVELY_PREEMPTED": "the server stopped the query for a more urgent one: run it again later.",
    "USER_CANCELED": "the query was interrupted.",
}
_HINTS = {
    "COLUMN_NOT_FOUND": "DESCRIBE lists the columns of a table",
    "TABLE_NOT_FOUND": "SHOW TABLES lists what there is",
    "SCHEMA_NOT_FOUND": "SHOW SCHEMAS lists what there is",
    "CATALOG_NOT_FOUND": "tables are in the catalogs lake and control",
    "MISSING_SCHEMA_NAME": "write a table's whole name, such as lake.silver.patient",
    "TYPE_MISMATCH": "cast one of the sides",
}


class NoRight(InputError):
    """Who asks may not read what the query names."""


@contextmanager
def explained(settings: Settings, user: str, literals: Collection[str]) -> Iterator[None]:
    """Turns what the driver raises into InputError or EnvironmentFailed; `literals` are never repeated."""
    try:
        yield
    except LakeError:
        raise
    except exceptions.TrinoQueryError as error:
        raise _of_query(settings, user, error, literals) from None
    except exceptions.HttpError as error:
        raise _of_http(settings, user, str(error)) from None
    except requests.exceptions.SSLError:
        raise EnvironmentFailed(
            f"Trino at {settings.trino} shows a certificate that {settings.trino_ca_file} did not sign, or one for "
            "another name: LAKE_TRINO_CA names the authority to trust."
        ) from None
    except (requests.exceptions.RequestException, exceptions.OperationalError, OSError):
        raise _silent(settings) from None
    except exceptions.Error:
        raise InputError("the query cannot be sent to Trino: check its parameters.") from None


def _of_query(settings: Settings, user: str, error: exceptions.TrinoQueryError, literals: Collection[str]) -> LakeError:
    name, kind, place = str(error.error_name), error.error_type, error.error_location
    said = _without(_PLACE.sub("", error.message), literals)
    if name == "PERMISSION_DENIED":
        if "cannot impersonate" in said:
            return NoRight(
                f"pages show nothing to {user}: on servers they ask for people with a role other than administrator "
                "(`lake account list`), and as the user that may ask for them (LAKE_TRINO_USER)."
            )
        what = said.removeprefix("Access Denied: ").rstrip(".")
        return NoRight(f"this is not for {user} ({what}): an administrator can say which role may see it.")
    if name in ("QUERY_QUEUE_FULL", "QUERY_REJECTED"):
        return EnvironmentFailed("too many queries wait for Trino already: try again in a minute.")
    if name in ("SERVER_STARTING_UP", "SERVER_SHUTTING_DOWN", "NO_NODES_AVAILABLE"):
        return _silent(settings)
    if "check and eventually update SQL schema" in error.message:  # of the Iceberg catalog, that it may only read
        return InputError("there is no lake yet: run `make demo` or `lake ingest` first.")
    if name in _COMPUTED:
        return InputError(_COMPUTED[name])
    if kind == "USER_ERROR" and place is not None:
        hint = f"; {_HINTS[name]}." if name in _HINTS else "."
        return InputError(f"line {place[0]}, column {place[1]}: {said}{hint}")
    if kind == "USER_ERROR":
        return InputError(
            f"Trino cannot compute this query ({_words(name)}): check the functions and the values that they are given."
        )
    if kind == "INSUFFICIENT_RESOURCES":
        return InputError("the query needs more memory than Trino gives one: select fewer columns or rows.")
    return EnvironmentFailed(
        f"Trino failed at this query ({_words(name)}): run it again, and if that fails look with `make stack-status` "
        f"and for {error.query_id} in Trino's log."
    )


def _of_http(settings: Settings, user: str, said: str) -> LakeError:
    if said.startswith(("error 401", "error 403")):
        return EnvironmentFailed(
            f"Trino does not let {user} in: the password in LAKE_TRINO_PASSWORD or the file trino-{user} of "
            f"{settings.secrets_dir} is wrong, or there is no such user (LAKE_TRINO_USER)."
        )
    return _silent(settings)


def _silent(settings: Settings) -> EnvironmentFailed:
    return EnvironmentFailed(
        f"Trino at {settings.trino} does not answer (LAKE_TRINO): `make stack-status` shows what runs, "
        "`make stack-up` starts it."
    )


def _without(message: str, literals: Collection[str]) -> str:
    """The message on one line, each value of the query's text left out of it."""
    text = " ".join(message.split())
    for literal in sorted(literals, key=len, reverse=True):
        shown = " ".join(literal.split())
        if shown:
            text = re.sub(rf"(?<!\w){re.escape(shown)}(?!\w)", "…", text, flags=re.IGNORECASE)
    text = text.split(". Expecting: ")[0]
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _words(name: str) -> str:
    return name.lower().replace("_", " ")
