"""Code systems: preferred codes, check digits against codes known to be right and wrong, ICD-10-CM."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from lakehouse.terminology import (
    ICD10CM,
    KNOWN_WRONG_LOINC,
    LOINC,
    icd10_dotted,
    icd10cm_codes,
    loinc_answer_check_digit_ok,
    loinc_check_digit_ok,
    npi_check_digit_ok,
    preferred,
    with_icd10cm_known,
)

Told = dict[str | None, object]


def tell(spark: SparkSession, rule: "type[Column] | object", texts: list[str | None]) -> Told:
    rows = spark.createDataFrame([(text,) for text in texts], "code string")
    told = rows.select("code", rule(F.col("code")).alias("told"))  # type: ignore[operator]
    return {row.code: row.told for row in told.collect()}


def test_loinc_terms_have_their_check_digit(spark: SparkSession) -> None:
    # 12345-5 is the worked example of the LOINC Users' Guide.
    right = ["12345-5", "2345-7", "718-7", "8480-6", "85354-9", "10834-0", "2160-0", "33914-3", "98979-8", "105045-9"]
    wrong = ["2345-8", "12345-4", "2345", "2345-77", "-7", "2345-", "LA33-6", "X9999-2", "abc", "", "23 5-7", "٢345-7"]
    told = tell(spark, loinc_check_digit_ok, [*right, *KNOWN_WRONG_LOINC, *wrong, None])
    assert [code for code in (*right, *KNOWN_WRONG_LOINC) if told[code] is not True] == []
    assert [code for code in wrong if told[code] is not False] == []
    assert told[None] is None


def test_loinc_answers_have_a_check_digit_of_their_own(spark: SparkSession) -> None:
    # Answers as LOINC publishes them: Yes, No, Never, Not at all, Several days; an odd and an even number of digits.
    right = ["LA33-6", "LA32-8", "LA6270-8", "LA6568-5", "LA6569-3", "LA13834-9"]
    wrong = ["LA33-7", "LA6270-9", "33-6", "LP33-6", "LA-6", "LA", "6270-8"]
    told = tell(spark, loinc_answer_check_digit_ok, [*right, *wrong])
    assert [code for code in right if told[code] is not True] == []
    assert [code for code in wrong if told[code] is not False] == []


def test_npis_have_their_check_digit(spark: SparkSession) -> None:
    # 1234567893 is the worked example of CMS's rule for the NPI check digit.
    right = ["1234567893", "1245319599", "1497758544"]
    wrong = ["1234567890", "123456789", "12345678933", "123456789X", "", "１234567893"]
    told = tell(spark, npi_check_digit_ok, [*right, *wrong, None])
    assert [code for code in right if told[code] is not True] == []
    assert [code for code in wrong if told[code] is not False] == []
    assert told[None] is None


@given(st.integers(min_value=1, max_value=99_999_999))
def test_each_loinc_number_has_exactly_one_right_digit_in_python(number: int) -> None:
    assert sum(_luhn(str(number)) == digit for digit in range(10)) == 1


def test_native_check_digits_agree_with_plain_python(spark: SparkSession) -> None:
    numbers = [str(n) for n in (1, 9, 10, 55, 99, 101, 909, 5555, 99999, 123456, 7654321, 99999999)]
    codes: list[str | None] = [f"{number}-{digit}" for number in numbers for digit in range(10)]
    told = tell(spark, loinc_check_digit_ok, codes)
    expected = {code: code.endswith(f"-{_luhn(code.split('-')[0])}") for code in codes if code is not None}
    assert told == expected


def _luhn(number: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def test_icd10_codes_get_their_dot_and_upper_case(spark: SparkSession) -> None:
    dotted = {"e119": "E11.9", "E11.9": "E11.9", " i10 ": "I10", "S72001A": "S72.001A", "t20.21": "T20.21", "A": "A"}
    assert tell(spark, icd10_dotted, [*dotted, None]) == {**dotted, None: None}


@pytest.mark.parametrize(
    ("codings", "code"),
    [
        ([("http://hl7.org/fhir/sid/icd-10-cm", "I10")], "I10"),
        ([("urn:oid:2.16.840.1.113883.6.90", "I10")], "I10"),
        ([("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd10", "I10")], "I10"),
        ([("http://fhir.mimic.mit.edu/CodeSystem/diagnosis-icd10", "I10")], "I10"),
        ([("http://snomed.info/sct", "1"), ("http://hl7.org/fhir/sid/icd-10-cm", "A"), (ICD10CM[0], "B")], "A"),
        ([(ICD10CM[0], None), (ICD10CM[0], "B")], "B"),
        ([("http://hl7.org/fhir/sid/icd-10", "I10")], None),
        ([(None, "I10")], None),
        ([], None),
        (None, None),
    ],
)
def test_the_first_code_of_a_system_is_preferred(
    spark: SparkSession, codings: list[tuple[str | None, str | None]] | None, code: str | None
) -> None:
    filled = None if codings is None else [(system, value, None) for system, value in codings]
    rows = spark.createDataFrame([(filled,)], "codes array<struct<system:string,code:string,display:string>>")
    assert rows.select(preferred(rows["codes"], ICD10CM)).collect()[0][0] == code
    assert rows.select(preferred(rows["codes"], LOINC)).collect()[0][0] is None


def test_icd10cm_knows_codes_and_categories_but_no_chapters_or_blocks() -> None:
    codes = set(icd10cm_codes())
    assert {"E11.9", "I10", "T20.21", "Z38.00", "S72.001A"} <= codes
    assert not {"1", "A00-A09", "E119", "XYZ", "E11.99"} & codes


def test_icd10cm_codes_are_those_of_the_package() -> None:
    import simple_icd_10_cm

    listed = {code for code in simple_icd_10_cm.get_all_codes(with_dots=True) if "-" not in code and code[0].isalpha()}
    assert set(icd10cm_codes()) == listed


def test_looking_codes_up_keeps_every_row(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("E11.9",), ("E11.9",), ("E11.99",), (None,)], "icd10cm_code string")
    told = [(row.icd10cm_code, row._icd10cm_known) for row in with_icd10cm_known(rows).collect()]
    assert sorted(told, key=str) == [("E11.9", True), ("E11.9", True), ("E11.99", False), (None, None)]
