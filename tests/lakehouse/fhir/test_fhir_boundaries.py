"""lowBoundary and highBoundary follow the precision that was written."""

from decimal import Decimal

import pytest


@pytest.mark.parametrize(
    ("token", "low", "high"),
    [
        ("1.0", "0.95", "1.05"),
        ("1.00", "0.995", "1.005"),
        ("1e2", "50", "150"),
        ("1.5E-3", "0.00145", "0.00155"),
        ("-1.0", "-1.05", "-0.95"),
        ("0", "-0.5", "0.5"),
        ("100", "99.5", "100.5"),
        ("1.12345678901234567", "1.123456789012345665", "1.123456789012345675"),
    ],
)
def test_decimal_boundary_is_half_a_unit_of_the_last_digit(answers, token: str, low: str, high: str) -> None:
    # The text says "value": 9 in a string too, which must stay as it is.
    record = f'{{"resourceType": "Observation", "valueQuantity": {{"unit": "\\"value\\": 9", "value" : {token}}}}}'
    value = "value.ofType(Quantity).value"
    found = answers(record, [f"{value}.lowBoundary()", f"{value}.highBoundary()", value, "value.ofType(Quantity).unit"])
    assert list(found.values()) == [Decimal(low), Decimal(high), Decimal(token), '"value": 9']


def test_boundary_beyond_18_decimals_is_empty(answers) -> None:
    record = '{"resourceType": "Observation", "valueQuantity": {"value": 1.123456789012345678}}'
    assert answers(record, ["value.ofType(Quantity).value.lowBoundary()"]).popitem()[1] is None


def test_boundaries_of_dates_and_times_are_the_ends_of_their_period(answers) -> None:
    patient = {
        "resourceType": "Patient",
        "birthDate": "2020-02",
        "name": [{"period": {"start": "2010-10-10", "end": "2011-01-01T10:30+01:00"}}],
        "deceasedDateTime": "2012",
        "meta": {"lastUpdated": "2015-01-01T10:00:00Z"},
    }
    expected = {
        "birthDate.lowBoundary()": "2020-02-01",
        "birthDate.highBoundary()": "2020-02-29",
        "name.period.start.lowBoundary()": "2010-10-10T00:00:00.000+14:00",
        "name.period.start.highBoundary()": "2010-10-10T23:59:59.999-12:00",
        "name.period.end.lowBoundary()": "2011-01-01T10:30:00.000+01:00",
        "name.period.end.highBoundary()": "2011-01-01T10:30:59.999+01:00",
        "deceased.ofType(dateTime).lowBoundary()": "2012-01-01T00:00:00.000+14:00",
        "deceased.ofType(dateTime).highBoundary()": "2012-12-31T23:59:59.999-12:00",
        "meta.lastUpdated.highBoundary()": "2015-01-01T10:00:00.999Z",
        "@T12.highBoundary()": "12:59:59.999",
        "@T12:34.lowBoundary()": "12:34:00.000",
        "@2010.highBoundary()": "2010-12-31",
        "1.50.lowBoundary()": Decimal("1.495"),
        "contact.period.start.lowBoundary()": None,
    }
    assert answers(patient, list(expected)) == expected
