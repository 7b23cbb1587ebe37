"""What Trino and the line to it say becomes a sentence, and repeats no value of a query or a row."""

from pathlib import Path
from typing import Any

import pytest
import requests
from trino import exceptions

from lakehouse.errors import EnvironmentFailed, InputError, LakeError
from lakehouse.settings import Settings
from lakehouse.sql.trino_problems import NoRight, explained


def told(error: Exception, *literals: str) -> LakeError:
    with pytest.raises(LakeError) as caught, explained(Settings(home=Path("here")), "ann", literals):
        raise error
    assert caught.value.__cause__ is None  # a trace would show what Trino said
    return caught.value


def of_query(name: str, message: str, kind: str = "USER_ERROR", place: tuple[int, int] | None = None) -> Exception:
    body: dict[str, Any] = {"errorName": name, "errorType": kind, "message": message}
    if place:
        body["errorLocation"] = {"lineNumber": place[0], "columnNumber": place[1]}
    return exceptions.TrinoQueryError(body, "20261125_1")


def test_what_is_wrong_with_the_text_is_told_by_place_without_its_values() -> None:
    said = told(of_query("COLUMN_NOT_FOUND", "line 2:8: Column 'Ann Lee' cannot be resolved", place=(2, 8)), "Ann Lee")
    assert str(said) == "line 2, column 8: Column '…' cannot be resolved; DESCRIBE lists the columns of a table."
    long = told(of_query("SYNTAX_ERROR", "line 1:1: mismatched input " + "x " * 400, place=(1, 1)))
    assert len(str(long)) < 400


def test_what_is_wrong_with_a_row_names_the_kind_alone() -> None:
    said = told(of_query("INVALID_CAST_ARGUMENT", "Cannot cast 'Ann Lee' to INT"))
    assert isinstance(said, InputError)
    assert "Ann" not in str(said)
    assert "try_cast" in str(said)
    assert "Ann" not in str(told(of_query("GENERIC_USER_ERROR", "bad value Ann")))
    assert "more memory" in str(told(of_query("EXCEEDED_LOCAL_MEMORY_LIMIT", "x", "INSUFFICIENT_RESOURCES")))


def test_no_right_is_told_from_what_is_not_there() -> None:
    refused = told(of_query("PERMISSION_DENIED", "Access Denied: Cannot select from table bronze.fhir"))
    assert isinstance(refused, NoRight)
    assert "ann may not ask this" in str(refused)
    empty = told(of_query("ICEBERG_CATALOG_ERROR", "check and eventually update SQL schema", "EXTERNAL"))
    assert "there is no lake yet" in str(empty)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (of_query("QUERY_QUEUE_FULL", "too many", "INSUFFICIENT_RESOURCES"), "try again in a minute"),
        (of_query("SERVER_SHUTTING_DOWN", "bye", "INTERNAL_ERROR"), "does not answer"),
        (of_query("GENERIC_INTERNAL_ERROR", "NullPointer of Ann", "INTERNAL_ERROR"), "20261125_1"),
        (exceptions.HttpError("error 401: Unauthorized"), "does not let ann in"),
        (exceptions.HttpError("error 502: Bad Gateway"), "does not answer"),
        (requests.exceptions.SSLError("self-signed"), "LAKE_TRINO_CA"),
        (requests.exceptions.ConnectionError("refused"), "`make stack-up` starts it"),
    ],
)
def test_what_is_wrong_with_the_server_is_not_the_fault_of_who_asks(error: Exception, words: str) -> None:
    said = told(error)
    assert isinstance(said, EnvironmentFailed)
    assert words in str(said)
    assert "Ann" not in str(said)


def test_what_the_driver_cannot_send_is_the_fault_of_the_parameters() -> None:
    assert "check its parameters" in str(told(exceptions.NotSupportedError("object of Ann")))
    kept = InputError("already a sentence.")
    assert told(kept) is kept
