"""gold.observation_daily, worked out by hand."""

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.terminology import LOINC
from spark_jobs.marts.observation_daily import observation_daily
from tests.spark_jobs.marts.making import NEW_YORK, Row, at, by, make, on

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def value(ident: str, time: str, number: float | None, **more: Any) -> Row:
    given = {
        "component_index": 0,
        "patient_id": "p",
        "is_withdrawn": False,
        "codes": [{"system": LOINC[0], "code": "2345-7", "display": "Glucose"}],
        "code_text": "Glucose",
        "loinc_code": "2345-7",
        "measurement": "glucose",
        "effective_precision": "second",
        "value_unit": "mg/dL",
    }
    return {**given, "observation_id": ident, "effective_at": at(time), "value": number, **more}


LOCAL = [{"system": None, "code": "GLU", "display": "Sugar"}]
LABS = [
    # In New York 9 March 23:30 and 10 March 00:30.
    value("a", "2024-03-10T04:30", 100.0, encounter_id="ny"),
    value("b", "2024-03-10T05:30", 110.0, encounter_id="ny"),
    value("c", "2024-03-10T05:30", 90.0, encounter_id="ny"),
    value("d", "2024-03-10T20:00", 95.0, encounter_id="ny", value_comparator="<"),
    # Without an encounter the default zone holds: one day, though the same instants.
    value("e", "2024-03-10T04:30", 1.0, patient_id="q"),
    value("f", "2024-03-10T05:30", 2.0, patient_id="q"),
    value("g", "2024-03-10T06:00", 4.0, patient_id="q", value_unit="mmol/L"),
    value("h", "2024-03-10T06:00", 5.0, patient_id="q", value_unit=None),
    value("i", "2024-03-10T06:00", 6.0, patient_id="q", loinc_code=None, codes=LOCAL, code_text=None, measurement=None),
    # Not counted.
    value("j", "2024-03-10T06:00", 999.0, patient_id="q", is_withdrawn=True),
    value("k", "2024-03-01T00:00", 999.0, patient_id="q", effective_precision="month"),
    value("l", "2024-03-10T06:00", None, patient_id="q"),
    value("m", "2024-03-10T06:00", 999.0, patient_id="q", loinc_code=None, codes=[]),
    # A date alone is that date, wherever the person was.
    value("n", "2024-03-20T00:00", 7.0, encounter_id="ny", effective_precision="day"),
]
VITALS = [value("v", "2024-03-10T06:00", 70.0, patient_id="q", loinc_code="8867-4", measurement="heart_rate")]
ENCOUNTERS = [
    {"encounter_id": "ny", "patient_id": "p", "organization_id": "new-york"},
    {"encounter_id": "ny", "patient_id": "q", "organization_id": "elsewhere"},
]

Made = dict[tuple[str, str, str, str], Row]


@pytest.fixture(scope="module")
def made(spark: "SparkSession") -> Made:
    """By person, day, code and unit."""
    given = {"time_zones": NEW_YORK}
    rows = make(spark, observation_daily, given, lab_results=LABS, vital_signs=VITALS, encounters=ENCOUNTERS)
    return by(
        [{**row, "observed_on": str(row["observed_on"])} for row in rows], "patient_id", "observed_on", "code", "unit"
    )


def test_days_codes_and_units_are_kept_apart(made: Made) -> None:
    assert sorted(made) == [
        ("p", "2024-03-09", "2345-7", "mg/dL"),
        ("p", "2024-03-10", "2345-7", "mg/dL"),
        ("p", "2024-03-20", "2345-7", "mg/dL"),
        ("q", "2024-03-10", "2345-7", "mg/dL"),
        ("q", "2024-03-10", "2345-7", "mmol/L"),
        ("q", "2024-03-10", "2345-7", "unknown"),
        ("q", "2024-03-10", "8867-4", "mg/dL"),
        ("q", "2024-03-10", "GLU", "mg/dL"),
    ]
    assert on("2024-03-09") < on("2024-03-10")


def test_figures_of_a_day(made: Made) -> None:
    # 110 and 90 at one instant: the lesser observation id is first. (110 + 90 + 95) / 3 = 98.33…
    day = made["p", "2024-03-10", "2345-7", "mg/dL"]
    assert (day["measured"], day["measured_as_bound"]) == (3, 1)
    assert (day["value_min"], day["value_max"], day["value_mean"]) == (90.0, 110.0, pytest.approx(295 / 3))
    assert (day["value_first"], day["value_last"]) == (110.0, 95.0)
    assert day["last_at"].replace(tzinfo=UTC) == at("2024-03-10T20:00")
    assert (day["time_zone"], day["measurement"], day["display"]) == ("America/New_York", "glucose", "Glucose")


def test_codes_without_a_system_are_said_to_be_of_an_unknown_one(made: Made) -> None:
    local = made["q", "2024-03-10", "GLU", "mg/dL"]
    assert (local["code_system"], local["display"], local["measurement"]) == ("unknown", "Sugar", None)
