"""gold.patient_summary, worked out by hand; the run's clock is 15 January 2026."""

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest

from spark_jobs.marts.comorbidity import GRAVER, comorbidities
from spark_jobs.marts.patient_summary import patient_summary
from tests.spark_jobs.marts.making import AS_OF, Row, at, by, icd, make, on, snomed
from tests.spark_jobs.marts.test_observation_daily import value

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Made = dict[str, Row]


def condition(patient: str, coding: Row, status: str | None = "active", **more: Any) -> Row:
    code = coding["code"] if "icd" in coding["system"] else None
    given = {"is_asserted": True, "codes": [coding], "icd10cm_code": code, "clinical_status": status}
    return {**given, "patient_id": patient, **more}


def encounter(patient: str, day: str, **more: Any) -> Row:
    flags = {"has_taken_place": True, "is_inpatient": False, "is_emergency": False, "is_within_stay": False}
    return {**flags, "patient_id": patient, "started_at": at(f"{day}T08:00"), "started_on": on(day), **more}


def pressure(ident: str, time: str, number: float, which: str = "systolic") -> Row:
    measured = f"{which}_blood_pressure"
    return value(ident, time, number, patient_id="ill", measurement=measured, loinc_code=which, value_unit="mm[Hg]")


CONDITIONS = [
    # 1 (heart attack) + 2 (diabetes with complications; the plain form no longer counts) + 2 (kidney) + 6 (metastases;
    # the tumour no longer counts) = 11. Resolved ones count, refuted ones do not.
    condition("ill", icd("I21.9"), "resolved"),
    condition("ill", icd("E11.9")),
    condition("ill", icd("E11.22")),
    condition("ill", icd("N18.30")),
    condition("ill", icd("C50.911")),
    condition("ill", icd("C78.00")),
    condition("ill", icd("C78.00", "spelled otherwise"), "recurrence"),
    condition("ill", icd("B20"), is_asserted=False),
    condition("ill", snomed("38341003"), None),
    condition("ill", snomed("444814009"), None, abated_at=at("2020-01-01T00:00")),
    condition("snomed", snomed("22298006")),
    condition("hay-fever", icd("J30.9")),
]
EMERGENCY, STAY = {"is_emergency": True}, {"is_inpatient": True}
ENCOUNTERS = [
    # The twelve months up to 15 January 2026 begin on 16 January 2025.
    encounter("ill", "2025-01-15", **EMERGENCY),
    encounter("ill", "2025-01-16", **EMERGENCY),
    *(encounter("ill", f"2025-06-0{day}", **EMERGENCY) for day in (1, 2, 3)),
    encounter("ill", "2025-07-01", **STAY),
    encounter("ill", "2025-07-02", **STAY, **{"is_within_stay": True}),
    encounter("ill", "2026-01-15"),
    encounter("ill", "2026-01-16", has_taken_place=False),
]
ORDERS = [
    {"patient_id": "ill", "status": s, "is_not_to_be_given": no, "codes": [], "code_text": text}
    for text, s, no in [
        *((f"m{n}", "active", False) for n in (1, 1, 2, 3, 4)),
        ("m5", "stopped", False),
        ("m6", "active", True),
    ]
]


@pytest.fixture(scope="module")
def made(spark: "SparkSession") -> Made:
    """By patient id."""
    patients = [
        {"patient_id": "ill", "birth_on": on("1960-01-15"), "is_deceased": False},
        {"patient_id": "snomed", "birth_on": on("1960-01-16"), "is_deceased": False},
        {
            "patient_id": "hay-fever",
            "birth_on": on("1940-07-01"),
            "is_deceased": True,
            "deceased_at": at("2020-06-30T00:00"),
        },
        {"patient_id": "well", "is_deceased": False},
    ]
    rows = make(
        spark,
        patient_summary,
        {"as_of": AS_OF},
        patients=patients,
        people=[{"patient_id": "well", "person_id": "ill"}],
        conditions=CONDITIONS,
        encounters=ENCOUNTERS,
        vital_signs=[
            pressure("a", "2025-12-01T08:00", 150.0),
            pressure("b", "2025-12-02T08:00", 130.0),
            pressure("c", "2025-12-02T08:00", 95.0, "diastolic"),
        ],
        lab_results=[
            value("a", "2025-12-01T08:00", 100.0, patient_id="ill"),
            value("b", "2025-12-03T08:00", 5.0, patient_id="ill", value_comparator="<"),
            value("c", "2025-12-02T08:00", 120.0, patient_id="ill"),
            value("d", "2020-12-02T08:00", 1.1, patient_id="ill", loinc_code="2160-0", value_unit="mg/dL"),
        ],
        orders=ORDERS,
    )
    return by(rows, "patient_id")


def test_everybody_has_a_row_and_an_age_where_it_is_known(made: Made) -> None:
    # 66 on the birthday, 65 the day before it; 79 at death, the day before the 80th birthday.
    assert {p: row["age_years"] for p, row in made.items()} == {"ill": 66, "snomed": 65, "hay-fever": 79, "well": None}


def test_each_record_names_its_person_and_one_record_of_each_stands_for_the_person(made: Made) -> None:
    assert {p: row["person_id"] for p, row in made.items()} == {
        "ill": "ill",
        "snomed": "snomed",
        "hay-fever": "hay-fever",
        "well": "ill",
    }


def test_the_charlson_index_is_a_number_or_a_reason_and_never_0_for_want_of_codes(made: Made) -> None:
    found = {p: (row["charlson_index"], row["charlson_missing_reason"]) for p, row in made.items()}
    assert found == {
        "ill": (11, None),
        "snomed": (None, "no_icd10_codes"),
        "hay-fever": (0, None),
        "well": (None, "no_diagnoses"),
    }
    assert made["ill"]["charlson_categories"] == [
        "diabetes_with_complication",
        "metastatic_solid_tumor",
        "myocardial_infarction",
        "renal_disease",
    ]
    assert [made[p]["conditions_without_icd10"] for p in ("ill", "snomed", "well")] == [2, 1, 0]
    assert [made[p]["has_high_comorbidity"] for p in ("ill", "snomed", "hay-fever")] == [True, None, False]


def test_active_conditions_are_counted_and_their_codes_listed_once(made: Made) -> None:
    # Of the asserted ones all but the heart attack (resolved) and the one with an end.
    assert made["ill"]["active_conditions"] == 7
    codes = [coding["code"] for coding in made["ill"]["active_condition_codes"]]
    assert codes == ["C50.911", "C78.00", "E11.22", "E11.9", "N18.30", "38341003"]
    assert (made["well"]["active_conditions"], made["well"]["active_condition_codes"]) == (0, [])


def test_last_measurements(made: Made) -> None:
    ill = made["ill"]
    assert (ill["last_systolic_mmhg"], ill["last_diastolic_mmhg"], ill["last_heart_rate_per_min"]) == (
        130.0,
        95.0,
        None,
    )
    assert ill["last_systolic_blood_pressure_at"].replace(tzinfo=UTC) == at("2025-12-02T08:00")
    assert ill["has_high_blood_pressure"], "the diastolic one is"
    assert made["well"]["has_high_blood_pressure"] is None
    last = {result["code"]: (result["comparator"], result["value"]) for result in ill["last_lab_results"]}
    assert last == {"2160-0": (None, 1.1), "2345-7": ("<", 5.0)}
    assert made["well"]["last_lab_results"] == []


def test_use_of_care_in_the_last_twelve_months(made: Made) -> None:
    names = ("encounters", "inpatient_stays", "emergency_visits")
    ill = made["ill"]
    assert [ill[f"{name}_last_12_months"] for name in names] == [7, 1, 4]
    assert (ill["has_many_emergency_visits"], ill["has_many_inpatient_stays"]) == (True, False)
    assert (ill["active_medicines"], ill["has_polypharmacy"]) == (4, False)
    assert [made["well"][f"{name}_last_12_months"] for name in names] == [0, 0, 0]


def test_a_code_stands_for_one_disease_of_the_index_only() -> None:
    table = comorbidities()
    assert (len(table), {each.weight for each in table}) == (17, {1, 2, 3, 6})
    pairs = [(each.category, prefix) for each in table for prefix in each.prefixes]
    clashes = [(a, b) for a in pairs for b in pairs if a != b and a[1].startswith(b[1])]
    assert clashes == []
    assert GRAVER.keys() | GRAVER.values() <= {each.category for each in table}
