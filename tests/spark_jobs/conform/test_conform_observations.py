"""silver.vital_sign and silver.lab_result: which observations, one row a value, units, limits, every kind of value."""

from datetime import datetime

import pytest
from conforming import LOINC, Made, Resource, births, coding, concept, conform, dumps, one, quantity
from pyspark.sql import SparkSession

from spark_jobs.conform.lab_result import lab_result
from spark_jobs.conform.vital_sign import vital_sign

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
MIMIC = "http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-"


def observation(code: str | Resource, kind: str | None, **more: object) -> Resource:
    found: Resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": concept(coding(LOINC, code)) if isinstance(code, str) else code,
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2025-03-01T08:00:00Z",
    }
    if kind is not None:
        found["category"] = [concept(coding(CATEGORY, kind))]
    return {name: value for name, value in {**found, **more}.items() if value is not None}


def vital(code: str | Resource, value: float, unit: str | None, **more: object) -> Resource:
    return observation(code, "vital-signs", valueQuantity=quantity(value, unit), **more)


def lab(code: str | Resource = "2345-7", **more: object) -> Resource:
    return observation(code, "laboratory", **more)


def component(code: str, **value: object) -> Resource:
    return {"code": concept(coding(LOINC, code)), **value}


def since_start(minutes: float, unit: str = "min", relation: str = "after", of: str = "e") -> dict[str, object]:
    """An effective time that is only known from the start of encounter `of`, for an observation of encounter e."""
    offset = {"value": minutes, "system": "http://unitsofmeasure.org", "code": unit}
    parts = [
        {"url": "target", "valueReference": {"reference": f"Encounter/{of}"}},
        {"url": "targetPath", "valueString": "period.start"},
        {"url": "relationship", "valueCode": relation},
        {"url": "offset", "valueDuration": offset},
    ]
    relative = {"url": "http://hl7.org/fhir/StructureDefinition/cqf-relativeDateTime", "extension": parts}
    written = {"effectiveDateTime": None, "_effectiveDateTime": {"extension": [relative]}}
    return {"encounter": {"reference": "Encounter/e"}, **written}


PANEL = concept(coding(LOINC, "85354-9"))
PRESSURE = [
    component("8480-6", valueQuantity=quantity(109, "mm[Hg]")),
    component("8462-4", valueQuantity=quantity(44, "mm[Hg]")),
]
VITALS: dict[str, Resource] = {
    "since": vital("8867-4", 72, "/min", **since_start(90)),
    "since-before": vital("8867-4", 72, "/min", **since_start(2, "h", "before-start")),
    "since-another": vital("8867-4", 72, "/min", **since_start(90, of="f")),
    "panel": observation(PANEL, "vital-signs", component=PRESSURE, encounter={"reference": "Encounter/e"}),
    "half-absent": observation(
        PANEL,
        "vital-signs",
        component=[PRESSURE[0], component("8462-4", dataAbsentReason=concept(coding(None, "not-performed")))],
    ),
    "own-and-component": vital("59408-5", 95, "%", component=[component("3151-8", valueQuantity=quantity(6, "L/min"))]),
    "fahrenheit": vital("8310-5", 98.6, "[degF]"),
    "uncategorised": observation("8867-4", None, valueQuantity=quantity(72, "/min")),
    "laboratory": observation("2708-6", "laboratory", valueQuantity=quantity(97, "%")),
    "survey": observation("9271-8", "survey", valueQuantity=quantity(10, "1")),
    "mimic": observation(
        concept(coding(MIMIC + "chartevents-d-items", "223761", "Temperature Fahrenheit")),
        None,
        category=[concept(coding(MIMIC + "observation-category", "Routine Vital Signs"))],
        valueQuantity={"value": 99.5, "unit": "°F", "code": "°F", "system": MIMIC + "units"},
    ),
    "unknown-measurement": vital("8289-1", 82, "%"),
    "no-unit": vital("29463-7", 70, None),
    "strange-unit": vital("29463-7", 11, "[stone_av]"),
    "unit-in-words": observation("29463-7", "vital-signs", valueQuantity={"value": 70, "unit": "kg"}),
    "fast-heart": vital("8867-4", 900, "/min"),
    "fast-heart-error": vital("8867-4", 900, "/min", status="entered-in-error"),
    "no-pulse": vital("8867-4", 0, "/min"),
    "cold-kelvin": vital("8310-5", 200, "K"),
    "heavy-pounds": vital("29463-7", 1400, "[lb_av]"),
    "heaviest-pounds": vital("29463-7", 1440, "[lb_av]"),
    "before-birth": vital("8867-4", 60, "/min", effectiveDateTime="1978"),
    "future": vital("8867-4", 60, "/min", effectiveDateTime="2026-02"),
    "bad-status": vital("8867-4", 60, "/min", status="ok"),
    "bad-loinc": vital("8867-5", 60, "/min"),
}
LABS: dict[str, Resource] = {
    "converted": lab(
        valueQuantity=quantity(5.5, "mmol/L", comparator="<"),
        interpretation=[concept(coding(None, "N"))],
        referenceRange=[{"low": quantity(3.9, "mmol/L"), "high": {"value": 5.6}, "text": "fasting"}],
        specimen={"reference": "Specimen/s"},
        issued="2025-03-01T09:30:00.123+01:00",
    ),
    "mimic": lab(
        concept(coding(MIMIC + "d-labitems", "50912", "Creatinine")),
        valueQuantity={"value": 1.3, "unit": "mg/dL", "code": "mg/dL", "system": MIMIC + "units"},
    ),
    "v2-category": observation("883-9", None, category=[concept(coding(None, "LAB"))], valueString="A"),
    "also-vital": observation(
        "2708-6", None, category=[concept(coding(None, "laboratory")), concept(coding(None, "vital-signs"))]
    ),
    "unknown": lab("20405-7", valueQuantity=quantity(0.3, "mg/dL")),
    "concept": lab("5778-6", valueCodeableConcept=concept(coding(LOINC, "LA33-6", "Yes"), text="Yellow")),
    "string": lab("5778-6", valueString="Yellow"),
    "boolean": lab("5778-6", valueBoolean=False),
    "integer": lab("32623-1", valueInteger=3),
    "integer-ph": lab("2744-1", valueInteger=7),
    "range": lab(valueRange={"low": quantity(4, "mmol/L"), "high": quantity(5, "mmol/L")}),
    "range-backwards": lab(valueRange={"low": quantity(5, "mmol/L"), "high": quantity(4, "mmol/L")}),
    "range-strange": lab(valueRange={"low": quantity(5, "{x}")}),
    "ratio": lab("5334-8", valueRatio={"numerator": {"value": 1}, "denominator": {"value": 128}}),
    "date-time": lab("5778-6", valueDateTime="2025-02"),
    "time": lab("5778-6", valueTime="08:30:00"),
    "period": lab("5778-6", valuePeriod={"start": "2025-02", "end": "2025-03"}),
    "absent": lab(dataAbsentReason=concept(coding(None, "unknown"))),
    "nothing": lab(),
    "registered": lab(status="registered"),
    "period-effective": lab(
        effectiveDateTime=None, effectivePeriod={"start": "2025-01-01", "end": "2025-01-02T10:00:00Z"}
    ),
    "period-backwards": lab(
        effectiveDateTime=None, effectivePeriod={"start": "2025-01-03", "end": "2025-01-01T10:00:00Z"}
    ),
    "instant": lab(effectiveDateTime=None, effectiveInstant="2025-01-01T10:00:00.5Z"),
    "negative": lab("18262-6", valueQuantity=quantity(-16.33, "mg/dL")),
    "negative-anion-gap": lab("33037-3", valueQuantity=quantity(-2, "mmol/L")),
    "spelled-otherwise": lab("2160-0", valueQuantity=quantity(88.4, "µmol/l")),
    "bad-comparator": lab(valueQuantity=quantity(5, "mmol/L", comparator="~")),
    "no-patient": {k: v for k, v in lab().items() if k != "subject"},
}


def cleaned(cases: dict[str, Resource]) -> list[str]:
    return dumps({k: {n: v for n, v in case.items() if v is not None} for k, case in cases.items()})


@pytest.fixture(scope="module")
def vitals(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, vital_sign, cleaned(VITALS), patients=births(spark, {"p": "1980-01-01"}))


@pytest.fixture(scope="module")
def labs(spark: SparkSession) -> dict[str, list[Made]]:
    return conform(spark, lab_result, cleaned(LABS), patients=births(spark, {"p": "1980-01-01"}))


def test_a_pressure_panel_becomes_a_row_for_each_component(vitals: dict[str, list[Made]]) -> None:
    rows = vitals["panel"]
    measured = [(r["component_index"], r["measurement"], r["value"], r["value_unit"]) for r in rows]
    assert measured == [
        (1, "systolic_blood_pressure", 109.0, "mm[Hg]"),
        (2, "diastolic_blood_pressure", 44.0, "mm[Hg]"),
    ]
    for row in rows:
        assert (row["observation_id"], row["patient_id"], row["encounter_id"]) == ("panel", "p", "e")
        assert [c["code"] for c in row["panel_codes"]] == ["85354-9"]
        assert row["effective_at"] == datetime(2025, 3, 1, 8)
        assert row.failed | row.warned == set()


def test_an_absent_component_says_why(vitals: dict[str, list[Made]]) -> None:
    absent = vitals["half-absent"][1]
    assert (absent["value"], absent["value_unit"], absent["absent_reason_code"]) == (None, None, "not-performed")
    assert absent.failed | absent.warned == set()


def test_an_own_value_and_components_are_rows_side_by_side(vitals: dict[str, list[Made]]) -> None:
    rows = vitals["own-and-component"]
    assert [(r["component_index"], r["measurement"]) for r in rows] == [
        (0, "oxygen_saturation"),
        (1, "inspired_oxygen_flow"),
    ]
    assert rows[0]["panel_codes"] is None


@pytest.mark.parametrize(
    ("ident", "is_selected"),
    [("fahrenheit", True), ("uncategorised", True), ("mimic", True), ("laboratory", False), ("survey", False)],
)
def test_vital_signs_are_found_by_category_or_code(
    vitals: dict[str, list[Made]], ident: str, is_selected: bool
) -> None:
    assert one(vitals, ident).is_selected is is_selected


@pytest.mark.parametrize(("ident", "is_selected"), [("mimic", True), ("v2-category", True), ("also-vital", False)])
def test_laboratory_results_are_found_by_category(labs: dict[str, list[Made]], ident: str, is_selected: bool) -> None:
    assert one(labs, ident).is_selected is is_selected


def test_a_value_is_converted_and_its_original_kept(vitals: dict[str, list[Made]], labs: dict[str, list[Made]]) -> None:
    warm = one(vitals, "fahrenheit")
    assert (warm["value"], warm["value_unit"]) == (pytest.approx(37.0), "Cel")
    assert (warm["source_value"], warm["source_unit"], warm["source_unit_code"]) == (98.6, "[degF]", "[degF]")
    glucose = one(labs, "converted")
    assert (glucose["value"], glucose["value_unit"]) == (pytest.approx(99.0858), "mg/dL")
    assert (glucose["value_comparator"], glucose["source_value"]) == ("<", 5.5)
    assert (glucose["reference_low"], glucose["reference_high"]) == (
        pytest.approx(70.26084),
        pytest.approx(100.88736),  # its unit is not written: that of the value
    )
    assert (glucose["interpretation_code"], glucose["reference_text"], glucose["specimen_id"]) == ("N", "fasting", "s")
    assert glucose["issued_at"] == datetime(2025, 3, 1, 8, 30, 0, 123000)
    assert one(labs, "spelled-otherwise")["value"] == pytest.approx(0.99998, rel=1e-4)


def test_items_of_mimic_are_measurements_too(vitals: dict[str, list[Made]], labs: dict[str, list[Made]]) -> None:
    warm = one(vitals, "mimic")
    assert (warm["measurement"], warm["value"], warm["loinc_code"]) == ("body_temperature", pytest.approx(37.5), None)
    creatinine = one(labs, "mimic")
    assert (creatinine["measurement"], creatinine["value"]) == ("creatinine", 1.3)
    assert warm.failed | creatinine.failed == set()


def test_a_measurement_that_is_not_in_the_table_stays_in_its_own_unit(
    vitals: dict[str, list[Made]], labs: dict[str, list[Made]]
) -> None:
    for row, value, unit in ((one(vitals, "unknown-measurement"), 82.0, "%"), (one(labs, "unknown"), 0.3, "mg/dL")):
        assert (row["measurement"], row["value"], row["value_unit"]) == (None, value, unit)
        assert row.failed == set()


@pytest.mark.parametrize(
    ("ident", "column", "value"),
    [
        ("concept", "value_code", "LA33-6"),
        ("concept", "value_text", "Yellow"),
        ("string", "value_text", "Yellow"),
        ("boolean", "value_boolean", False),
        ("integer", "value", 3.0),
        ("integer-ph", "value", 7.0),
        ("range", "value_low", pytest.approx(72.0624)),
        ("range", "value_high", pytest.approx(90.078)),
        ("range", "value_unit", "mg/dL"),
        ("ratio", "value_text", "1:128"),
        ("date-time", "value_text", "2025-02"),
        ("time", "value_text", "08:30:00"),
        ("period", "value_text", "2025-02/2025-03"),
        ("absent", "absent_reason_code", "unknown"),
    ],
)
def test_every_kind_of_value_has_its_column(
    labs: dict[str, list[Made]], ident: str, column: str, value: object
) -> None:
    found = one(labs, ident)
    assert found[column] == value
    assert found.failed | found.warned == set()


@pytest.mark.parametrize(
    ("ident", "at", "ended_at", "precision"),
    [
        ("period-effective", datetime(2025, 1, 1), datetime(2025, 1, 2, 10), "day"),
        ("instant", datetime(2025, 1, 1, 10, 0, 0, 500000), None, "second"),
        ("string", datetime(2025, 3, 1, 8), None, "second"),
    ],
)
def test_every_kind_of_effective_time_is_read(
    labs: dict[str, list[Made]], ident: str, at: datetime, ended_at: datetime | None, precision: str
) -> None:
    found = one(labs, ident)
    assert (found["effective_at"], found["effective_ended_at"], found["effective_precision"]) == (
        at,
        ended_at,
        precision,
    )


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("no-unit", {"unit_is_known"}),
        ("strange-unit", {"unit_is_known"}),
        ("unit-in-words", set()),
        ("fast-heart", {"value_within_limits"}),
        ("fast-heart-error", set()),
        ("no-pulse", set()),
        ("cold-kelvin", {"value_within_limits"}),
        ("heavy-pounds", set()),
        ("heaviest-pounds", {"value_within_limits"}),
        ("before-birth", {"effective_at_not_before_birth"}),
        ("future", {"effective_at_not_in_the_future"}),
        ("bad-status", {"status_is_known"}),
        ("bad-loinc", set()),
    ],
)
def test_wrong_vital_signs_are_held_back(vitals: dict[str, list[Made]], ident: str, failed: set[str]) -> None:
    assert one(vitals, ident).failed == failed


@pytest.mark.parametrize(
    ("ident", "failed"),
    [
        ("negative", {"value_within_limits"}),
        ("negative-anion-gap", set()),
        ("range-backwards", {"range_is_in_order"}),
        ("range-strange", {"unit_is_known"}),
        ("period-backwards", {"effective_ended_at_not_before_effective_at"}),
        ("period-effective", set()),
        ("bad-comparator", {"value_comparator_is_known"}),
        ("no-patient", {"patient_is_named"}),
    ],
)
def test_wrong_laboratory_results_are_held_back(labs: dict[str, list[Made]], ident: str, failed: set[str]) -> None:
    assert one(labs, ident).failed == failed


@pytest.mark.parametrize(
    ("ident", "minutes"), [("since", 90), ("since-before", -120), ("since-another", None), ("fahrenheit", None)]
)
def test_a_time_from_the_start_of_the_encounter_is_an_offset_and_no_date(
    vitals: dict[str, list[Made]], ident: str, minutes: float | None
) -> None:
    made = one(vitals, ident)
    assert made["effective_offset_minutes"] == minutes
    assert (made["effective_at"] is None) == ident.startswith("since")
    assert ("effective_at_is_known" in made.warned) == (ident == "since-another")


def test_doubtful_observations_are_warned_of(vitals: dict[str, list[Made]], labs: dict[str, list[Made]]) -> None:
    assert one(vitals, "bad-loinc").warned == {"loinc_code_is_valid"}
    assert "value_or_reason_is_given" in one(labs, "nothing").warned
    assert "value_or_reason_is_given" not in one(labs, "registered").warned


def test_what_was_entered_in_error_is_kept_and_marked(vitals: dict[str, list[Made]]) -> None:
    assert one(vitals, "fast-heart-error")["is_withdrawn"] is True
    assert one(vitals, "fast-heart")["is_withdrawn"] is False
