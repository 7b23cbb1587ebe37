"""Values of columns in the types that a tag asks for; what does not fit is a problem and not a null."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

UTC = dt.UTC


def asked(path: str, kind: str, **rest: Any) -> dict[str, Any]:
    return {"name": "v", "path": path, "tag": [{"name": "ansi/type", "value": kind}], **rest}


def view(*columns: dict[str, Any], resource: str = "Observation") -> dict[str, Any]:
    named = [{**column, "name": f"v{at}"} for at, column in enumerate(columns)]
    return {"resource": resource, "select": [{"column": named}]}


def at(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "day", "moment"),
    [
        ("2020", dt.date(2020, 1, 1), at(2020, 1, 1)),
        ("2020-05", dt.date(2020, 5, 1), at(2020, 5, 1)),
        ("2020-05-06", dt.date(2020, 5, 6), at(2020, 5, 6)),
        ("2020-05-06T23:30:00-05:00", dt.date(2020, 5, 6), at(2020, 5, 7, 4, 30)),
        ("2020-05-06T10:00Z", dt.date(2020, 5, 6), at(2020, 5, 6, 10)),
        ("2020-05-06T10:00:00.123Z", dt.date(2020, 5, 6), at(2020, 5, 6, 10, 0, 0, 123000)),
        ("2020-05-06T10:00:00", dt.date(2020, 5, 6), at(2020, 5, 6, 10)),
    ],
)
def test_partial_dates_widen_to_their_start_and_offsets_are_kept(
    projected, written: str, day: dt.date, moment: dt.datetime
) -> None:
    path = "effective.ofType(dateTime)"
    columns = view(asked(path, "DATE"), asked(path, "TIMESTAMP WITH TIME ZONE"), {"path": path})
    row = projected(columns, [{"resourceType": "Observation", "effectiveDateTime": written}])[0]
    assert (row["problems"], row["v0"], row["v2"]) == ([], day, written)
    assert row["v1"].astimezone(UTC) == moment


@pytest.mark.parametrize(
    "written",
    ["today", "2020-13-01", "2020-02-30", "20200101", "2020-1-1", "", "2020-05-06T25:00:00Z", "2020-05-06 10:00:00Z",
     "2020-05-06T10:00:00Europe/Paris"],
)  # fmt: skip
def test_what_is_no_time_is_a_problem_that_names_the_column(projected, written: str) -> None:
    columns = view(asked("effective.ofType(dateTime)", "TIMESTAMP"))
    row = projected(columns, [{"resourceType": "Observation", "effectiveDateTime": written}])[0]
    assert (row["v0"], row["problems"]) == (None, ["column v0: a value is not a timestamp"])


def test_numbers_are_converted_only_where_they_fit(projected) -> None:
    value = "value.ofType(Quantity).value"
    columns = view(
        asked(value, "DOUBLE"),
        asked(value, "DECIMAL(10,2)"),
        asked(value, "VARCHAR"),
        asked(value, "BIGINT"),
        {"path": value},
    )
    good = '{"resourceType": "Observation", "valueQuantity": {"value": 250}}'
    bad = '{"resourceType": "Observation", "valueQuantity": {"value": 1.125}}'
    rows = projected(columns, [good, bad])
    assert [rows[0][f"v{at}"] for at in (0, 1, 3, 4)] == [250.0, Decimal("250.00"), 250, Decimal(250)]
    assert rows[1]["problems"] == ["column v1: a value is not a decimal(10,2)", "column v3: a value is not a bigint"]


def test_each_value_of_a_collection_is_converted(projected) -> None:
    columns = view(asked("name.period.start", "DATE", collection=True), resource="Patient")
    good, bad = (
        {"resourceType": "Patient", "name": [{"period": {"start": "2020"}}, {"period": {"start": start}}]}
        for start in ("2021-02", "x")
    )
    rows = projected(columns, [good, bad])
    assert rows[0]["v0"] == [dt.date(2020, 1, 1), dt.date(2021, 2, 1)]
    assert rows[1]["problems"] == ["column v0: a value is not a date"]


def test_coding_columns_hold_system_code_and_display(projected) -> None:
    columns = view({"path": "code.coding", "collection": True}, {"path": "code.coding.first()"})
    coding = [{"system": "s", "code": "1", "display": "One"}, {"code": "2"}]
    row = projected(columns, [{"resourceType": "Observation", "code": {"coding": coding}}])[0]
    assert row["v0"] == [
        {"system": "s", "code": "1", "display": "One"},
        {"system": None, "code": "2", "display": None},
    ]
    assert row["v1"] == row["v0"][0]
