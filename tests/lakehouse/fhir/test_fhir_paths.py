"""What FHIRPath expressions yield: navigation, collections, logic, comparison, arithmetic, strings, extensions."""

import json
from decimal import Decimal
from typing import Any

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "gender": "female",
    "birthDate": "1980-05",
    "_birthDate": {"extension": [{"url": "http://x/time", "valueDateTime": "1980-05-04T10:00:00Z"}]},
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "name": [
        {"use": "official", "family": "Å’Neill", "given": ["Ann", None, "Bea"], "_given": [None, {"id": "g"}, None]},
        {"use": "old", "given": ["C"]},
    ],
    "extension": [
        {"url": "http://x/race", "extension": [{"url": "text", "valueString": "mixed"}]},
        {"url": "http://x/code", "valueCode": "a"},
        {"url": "http://x/sum", "valueInteger": 7},
    ],
    "contained": [
        {"resourceType": "Organization", "id": "o", "name": "Org"},
        {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Doc"}]},
        {"resourceType": "Medication", "id": "m", "amount": {"numerator": {"value": "@"}}},
    ],
}


def test_paths_yield_what_the_record_holds(answers) -> None:
    assert answers(
        PATIENT,
        [
            "id", "Patient.gender", "$this.gender", "%resource.id", "%context.id", "name[1].use", "name[5].use",
            "name[-1].use", "id[0]", "id[1]", "name.where(use = 'old').given", "name.given.first()",
            "deceased.ofType(boolean)", "deceased.ofType(dateTime)", "multipleBirth.ofType(integer)",
            "name.first().family", "{}", "name.where($this.use = 'official').family", "name.where(false).family",
        ],
    ) == {
        "id": "p1", "Patient.gender": "female", "$this.gender": "female", "%resource.id": "p1", "%context.id": "p1",
        "name[1].use": "old", "name[5].use": None, "name[-1].use": None, "id[0]": "p1", "id[1]": None,
        "name.where(use = 'old').given": "C", "name.given.first()": "Ann", "deceased.ofType(boolean)": False,
        "deceased.ofType(dateTime)": None, "multipleBirth.ofType(integer)": 2, "name.first().family": "Å’Neill",
        "{}": None, "name.where($this.use = 'official').family": "Å’Neill", "name.where(false).family": None,
    }  # fmt: skip


def test_collections_are_flat_without_nulls_and_empty_when_nothing_is_there(answers) -> None:
    assert answers(PATIENT, ["name.given", "name.period.start", "gender", "contact.name.given"], many=True) == {
        "name.given": ["Ann", "Bea", "C"],
        "name.period.start": [],
        "gender": ["female"],
        "contact.name.given": [],
    }


def test_exists_and_empty_answer_for_all_kinds_of_elements(answers) -> None:
    yes = [
        "name.exists()", "deceased.exists()", "birthDate.exists()", "name.exists(use = 'old')", "photo.empty()",
        "multipleBirth.exists()", "name.where(use = 'x').empty()", "{}.empty()", "contact.name.empty()",
        "maritalStatus.empty()", "name.given.exists($this = 'Bea')",
    ]  # fmt: skip
    no = ["name.empty()", "deceased.empty()", "photo.exists()", "name.exists(use = 'x')", "{}.exists()", "id.empty()"]
    assert answers(PATIENT, yes + no) == dict.fromkeys(yes, True) | dict.fromkeys(no, False)


def test_logic_has_three_values(answers) -> None:
    assert answers(
        PATIENT,
        [
            "true and {}", "false and {}", "true or {}", "false or {}", "{}.not()", "active.not()", "{} = {}",
            "contact.gender = 'male'", "(contact.gender = 'male') or active", "1 != {}",
        ],
    ) == {
        "true and {}": None, "false and {}": False, "true or {}": True, "false or {}": None, "{}.not()": None,
        "active.not()": False, "{} = {}": None, "contact.gender = 'male'": None,
        "(contact.gender = 'male') or active": True, "1 != {}": None,
    }  # fmt: skip


def test_list_of_codes_may_be_long(answers) -> None:
    codes = " or ".join(f"gender = '{code}'" for code in [*range(1500), "female"])
    assert answers({"resourceType": "Patient", "gender": "female"}, [codes]) == {codes: True}


def test_text_of_a_view_is_never_taken_for_a_setting(answers) -> None:
    secret = "${env:PATH} ${spark.app.name} $${x}"
    constants = [{"name": "secret", "valueString": secret}]
    found = answers({"resourceType": "Patient"}, [f"'{secret}'", "%secret"], constant=constants)
    assert set(found.values()) == {secret}


def test_equality_compares_collections_item_by_item(answers) -> None:
    true = ["name.given = name.given", "1 = 1.0", "name.use.first() = 'official'", "gender != 'male'", "1.0 = 1.00"]
    false = ["name.given = 'Ann'", "name.given = name.use", "name.given != name.given", "1 = 1.01"]
    assert answers(PATIENT, true + false) == dict.fromkeys(true, True) | dict.fromkeys(false, False)


def test_dates_are_compared_by_the_time_that_they_stand_for(answers) -> None:
    observation = {
        "resourceType": "Observation",
        "effectiveDateTime": "2020-01-01T01:30:00+02:00",
        "issued": "2020-01-01T00:00:00Z",
        "valueTime": "10:30",
    }
    true = [
        "effective.ofType(dateTime) < issued", "effective.ofType(dateTime) = @2019-12-31T23:30:00Z", "issued >= @2019",
        "effective.ofType(dateTime) = @2019-12-31T23:30:00.000Z", "@2020-01 < @2020-02-01", "@2019 != @2020-05",
        "@2020-01-01 <= @2020-01-01", "value.ofType(time) > @T10:29:59", "value.ofType(time) = @T10:30",
        "issued = '2020-01-01T00:00:00Z'", "@2020 <= @2020",
    ]  # fmt: skip
    false = ["issued < effective.ofType(dateTime)", "@2020-02 = @2020-03", "@2021 < @2020-12-31", "@2020 < @2020"]
    empty = [
        "@2020 = @2020-05",
        "@2020-01-01 < @2020-01-01T10:00:00Z",
        "value.ofType(time) < @T10:30:20",
        "issued > @2020",
    ]
    expected = dict.fromkeys(true, True) | dict.fromkeys(false, False) | dict.fromkeys(empty, None)
    assert answers(observation, [*true, *false, *empty]) == expected


def test_arithmetic_is_exact_and_empty_where_there_is_no_result(answers) -> None:
    assert answers(
        '{"resourceType": "Observation", "valueQuantity": {"value": 12345678901234567890.123456789012345678},'
        ' "referenceRange": [{"low": {"value": 2}, "high": {"value": 3}}]}',
        [
            "1 + 2 * 3", "7 / 2", "1 / 3.0", "1 / 0", "1.5 / 0", "2147483647 + 1", "-(1 + 2)", "+1", "0.1 + 0.2",
            "referenceRange.low.value * referenceRange.high.value", "referenceRange.low.value - 0.000000000000000001",
            "value.ofType(Quantity).value", "value.ofType(Quantity).value + 1", "1 + {}", "0.000000001 * 0.000000001",
            "'a' + 'b'", "'a' + {}", "referenceRange.low.value > 1 + 0.5",
        ],
    ) == {
        "1 + 2 * 3": 7, "7 / 2": Decimal("3.5"), "1 / 3.0": Decimal("0.333333333333333333"), "1 / 0": None,
        "1.5 / 0": None, "2147483647 + 1": None, "-(1 + 2)": -3, "+1": 1, "0.1 + 0.2": Decimal("0.3"),
        "referenceRange.low.value * referenceRange.high.value": 6,
        "referenceRange.low.value - 0.000000000000000001": Decimal("1.999999999999999999"),
        "value.ofType(Quantity).value": Decimal("12345678901234567890.123456789012345678"),
        "value.ofType(Quantity).value + 1": None, "1 + {}": None, "0.000000001 * 0.000000001": Decimal("1E-18"),
        "'a' + 'b'": "ab", "'a' + {}": None, "referenceRange.low.value > 1 + 0.5": True,
    }  # fmt: skip


def test_join_puts_strings_together(answers) -> None:
    assert answers(PATIENT, ["name.given.join('; ')", "name.given.join()", "contact.name.family.join(',')"]) == {
        "name.given.join('; ')": "Ann; Bea; C",
        "name.given.join()": "AnnBeaC",
        "contact.name.family.join(',')": "",
    }


def test_extensions_of_resources_and_of_primitives_are_read(answers) -> None:
    assert answers(
        PATIENT,
        [
            "extension('http://x/race').extension('text').value.ofType(string)",
            "extension('http://x/code').value.ofType(code)",
            "extension(%sum).value.ofType(integer) + 1",
            "extension('none').value.ofType(string)",
            "birthDate.extension('http://x/time').value.ofType(dateTime)",
            "gender.extension('http://x/time').exists()",
            "name.given.extension('u').exists()",
        ],
        constant=[{"name": "sum", "valueUrl": "http://x/sum"}],
    ) == {
        "extension('http://x/race').extension('text').value.ofType(string)": "mixed",
        "extension('http://x/code').value.ofType(code)": "a",
        "extension(%sum).value.ofType(integer) + 1": 8,
        "extension('none').value.ofType(string)": None,
        "birthDate.extension('http://x/time').value.ofType(dateTime)": "1980-05-04T10:00:00Z",
        "gender.extension('http://x/time').exists()": False,
        "name.given.extension('u').exists()": False,
    }


def test_contained_resources_are_read_by_their_type(answers) -> None:
    """Organization and Practitioner give `name` different shapes; numbers keep all their digits."""
    medication = "contained.ofType(Medication).amount.numerator.value"
    record = json.dumps(PATIENT).replace('"@"', "1.12345678901234567")
    assert answers(
        record,
        [
            "contained.ofType(Practitioner).name.family",
            "contained.ofType(Organization).name",
            medication,
            "contained[1].id",
        ],
    ) == {
        "contained.ofType(Practitioner).name.family": "Doc",
        "contained.ofType(Organization).name": "Org",
        medication: Decimal("1.12345678901234567"),
        "contained[1].id": "d",
    }


def test_every_type_of_constant_compares_with_its_element(answers) -> None:
    kinds: dict[str, tuple[str, Any]] = {
        "base64Binary": ("aGk=", "aGk="), "boolean": (True, True), "canonical": ("http://c", "http://c"),
        "code": ("c", "c"), "date": ("2020-01-02", "2020-01-02"), "dateTime": ("2020-01", "2020-01"),
        "decimal": (1.5, 1.50), "id": ("i", "i"), "instant": ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        "integer": (-3, -3), "integer64": ("9223372036854775807", "9223372036854775807"), 
        "oid": ("urn:oid:1", "urn:oid:1"),
        "string": ("it's \\ \"x\"", "it's \\ \"x\""), "positiveInt": (1, 1), "time": ("10:00:00", "10:00:00"),
        "unsignedInt": (0, 0), "uri": ("u:1", "u:1"), "url": ("http://u", "http://u"),
        "uuid": ("urn:uuid:1", "urn:uuid:1"),
    }  # fmt: skip
    cased = {kind: kind[0].upper() + kind[1:] for kind in kinds}
    resource = {
        "resourceType": "Patient",
        "extension": [{"url": kind, f"value{cased[kind]}": held} for kind, (held, _) in kinds.items()],
    }
    constants = [{"name": f"c_{kind}", f"value{cased[kind]}": given} for kind, (_, given) in kinds.items()]
    paths = [f"extension('{kind}').value.ofType({kind}) = %c_{kind}" for kind in kinds]
    assert answers(resource, paths, constant=constants) == dict.fromkeys(paths, True)
