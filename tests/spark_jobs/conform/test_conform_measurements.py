"""The table of measurements: sound in itself, and units convert to what one computes by hand."""

import json
from collections import Counter

import pytest

from spark_jobs.conform.lab_result import lab_result
from spark_jobs.conform.measurements import LAB_RESULTS, MEASUREMENTS, VITAL_SIGNS
from spark_jobs.conform.observation import observation
from spark_jobs.conform.vital_sign import vital_sign

BY_NAME = {m.name: m for m in MEASUREMENTS}


@pytest.mark.parametrize(
    ("name", "unit", "written", "declared"),
    [
        ("body_temperature", "[degF]", 98.6, 37.0),
        ("body_temperature", "°F", 32.0, 0.0),
        ("body_temperature", "K", 310.15, 37.0),
        ("body_temperature", "Cel", 36.6, 36.6),
        ("body_weight", "[lb_av]", 150.0, 68.0388555),
        ("body_weight", "g", 3400.0, 3.4),
        ("body_weight", "[oz_av]", 16.0, 0.45359237),
        ("body_height", "[in_i]", 70.0, 177.8),
        ("body_height", "m", 1.78, 178.0),
        ("systolic_blood_pressure", "kPa", 16.0, 120.00984),
        ("oxygen_saturation", "1", 0.97, 97.0),
        ("heart_rate", "bpm", 72.0, 72.0),
        ("glucose", "mmol/L", 5.5, 99.0858),
        ("glucose", "mmol/l", 5.5, 99.0858),
        ("glucose", "g/L", 0.9, 90.0),
        ("creatinine", "umol/L", 88.4, 0.99998),
        ("creatinine", "µmol/L", 88.4, 0.99998),
        ("urea_nitrogen", "mmol/L", 5.0, 14.0067),
        ("total_cholesterol", "mmol/L", 5.0, 193.325),
        ("triglycerides", "mmol/L", 1.7, 150.5231),
        ("calcium", "mmol/L", 2.5, 10.0195),
        ("calcium", "mEq/L", 5.0, 10.0195),
        ("magnesium", "meq/L", 2.0, 2.4305),
        ("phosphate", "mmol/L", 1.0, 3.0974),
        ("total_bilirubin", "umol/L", 17.1, 0.9997686),
        ("sodium", "mEq/L", 140.0, 140.0),
        ("lactate", "mg/dL", 9.008, 1.0),
        ("hemoglobin", "g/L", 140.0, 14.0),
        ("hemoglobin", "mmol/L", 8.7, 14.01918),
        ("hematocrit", "L/L", 0.45, 45.0),
        ("leukocytes", "/uL", 7500.0, 7.5),
        ("leukocytes", "10*9/L", 7.5, 7.5),
        ("platelets", "K/uL", 250.0, 250.0),
        ("alkaline_phosphatase", "ukat/L", 1.5, 90.0),
        ("alanine_aminotransferase", "[iU]/L", 40.0, 40.0),
        ("hemoglobin_a1c", "mmol/mol", 53.0, 7.00044),
        ("thyrotropin", "uIU/mL", 2.5, 2.5),
        ("c_reactive_protein", "mg/dL", 1.2, 12.0),
        ("troponin_i", "ng/mL", 0.04, 40.0),
        ("carbon_dioxide_pressure", "kPa", 5.3, 39.7532595),
        ("iron", "umol/L", 10.0, 55.845),
        ("urine_albumin_creatinine_ratio", "mg/mmol", 3.4, 30.056),
        ("blood_ph", "", 7.4, 7.4),
    ],
)
def test_units_convert_to_what_one_computes_by_hand(name: str, unit: str, written: float, declared: float) -> None:
    factor, offset = BY_NAME[name].units[unit]
    assert written * factor + offset == pytest.approx(declared, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda m: m.name)
def test_a_measurement_is_sound(measurement: object) -> None:
    m = BY_NAME[measurement.name]  # type: ignore[attr-defined]
    assert m.low < m.high
    assert m.units[m.unit] == (1.0, 0.0)
    assert all(factor > 0 for factor, _ in m.units.values())
    # A unit that differs in nothing but the case of a letter must not mean another amount.
    meanings: dict[str, set[tuple[float, float]]] = {}
    for unit, conversion in m.units.items():
        meanings.setdefault(unit.lower(), set()).add(conversion)
    assert all(len(found) == 1 for found in meanings.values())


def test_a_code_belongs_to_one_measurement_and_is_a_code() -> None:
    counts = Counter(code for m in MEASUREMENTS for code in m.codes)
    assert [code for code, count in counts.items() if count > 1] == []
    for code in counts:
        number, _, check = code.partition("-")
        assert number.isdigit()
        if check:
            assert int(check) == _luhn(number), code
        else:
            assert len(code) in (5, 6), "an item of MIMIC-IV"


def _luhn(number: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def test_the_view_selects_every_vital_sign_that_the_table_knows() -> None:
    (where,) = vital_sign.view["where"]
    missing = [code for m in VITAL_SIGNS for code in m.codes if f"code = '{code}'" not in where["path"]]
    assert missing == []


def test_all_views_of_observations_read_the_same_of_a_value() -> None:
    assert json.dumps(vital_sign.view["select"][1]) == json.dumps(lab_result.view["select"][1])
    assert json.dumps(observation.view["select"][1]) == json.dumps(lab_result.view["select"][1])
    assert not {m.name for m in VITAL_SIGNS} & {m.name for m in LAB_RESULTS}
