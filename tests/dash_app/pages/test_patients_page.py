"""The page on patients: what it says of people, and what it never says of them where others can read it."""

import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app import render
from dash_app.app import create_app
from dash_app.data import Ask
from dash_app.page import Alert, Card, Stat, View
from dash_app.pages import patients
from dash_app.pages.patients import PAGE, found, parameters
from dash_app.patient import masked
from dash_app.timeline import timeline
from lakehouse.errors import InputError

AskOnce = Callable[..., Ask]
HOSTILE = "<script>alert(1)</script>"
PRIVATE = ("person-", "Lovelace", "ada", "MRN-")


def at(day: str, hour: int = 0) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def person(key: str, given: str | None, family: str | None, born: date | None, **more: Any) -> dict[str, Any]:
    return {
        "patient_id": key, "family_name": family, "given_names": [given] if given else None, "birth_on": born,
        "birth_precision": "day", "gender": "female", "is_deceased": False, "is_deleted": False,
    } | more  # fmt: skip


def summary(key: str, age: int | None, gender: str | None, **more: Any) -> dict[str, Any]:
    return {
        "patient_id": key, "person_id": key, "as_of_on": date(2026, 1, 15), "gender": gender, "age_years": age,
        "is_deceased": False, "encounters_last_12_months": 0, "inpatient_stays_last_12_months": 0,
        "emergency_visits_last_12_months": 0, "active_medicines": 0, "conditions_without_icd10": 0,
    } | more  # fmt: skip


def lab(n: int, value: float | None, on: str, **more: Any) -> dict[str, Any]:
    return {
        "observation_id": f"o{n}", "component_index": 0, "patient_id": "person-1", "is_withdrawn": False,
        "is_deleted": False, "loinc_code": "1920-8", "code_text": "AST", "effective_at": at(on), "value": value,
        "value_unit": "U/L",
    } | more  # fmt: skip


PEOPLE = [
    person("person-1", "Ada", "Lovelace", date(1960, 12, 10), mrn="MRN-12345678", birth_sex="F",
           identifiers=[{"system": "s", "value": "MRN-12345678"}, {"system": "t", "value": "77"}]),
    person("person-2", "ADAM", "Smith", date(1950, 1, 1), birth_precision="year", gender="male",
           is_deceased=True),
    person("person-3", None, None, None, name_text="100% Cotton", gender=None),
    person("person-4", "Ada", "Lovelace", date(1960, 12, 10), replaced_by_patient_id="person-1"),
    person("person-5", "Gone", "Away", date(1970, 1, 1), is_deleted=True),
    person("person-6", "Much", "Data", date(1970, 1, 1)),
    *(person(f"person-x{n}", f"N{n:02}", "Crowd", None) for n in range(52)),
]  # fmt: skip
# Of 14 tests 600 results each, and 700 contacts.
MANY_RESULTS = [
    lab(n, n / 7, "2020-01-01", patient_id="person-6", loinc_code=f"code-{n % 14:02}", code_text=f"Test {n % 14:02}",
        effective_at=at("2020-01-01") + timedelta(hours=n))
    for n in range(1000, 1000 + 14 * 600)
]  # fmt: skip
MANY_CONTACTS = [
    {"encounter_id": f"x{n}", "patient_id": "person-6", "has_taken_place": True, "is_inpatient": False,
     "is_emergency": False, "started_at": at("2020-01-01") + timedelta(days=n), "facility_key": "f",
     "primary_diagnosis_display": "Essential (primary) hypertension"}
    for n in range(700)
]  # fmt: skip
LAKE = {
    "silver.patient": PEOPLE,
    "gold.patient_summary": [
        summary("person-1", 65, "female", encounters_last_12_months=3, inpatient_stays_last_12_months=1,
                active_medicines=2, charlson_index=3, conditions_without_icd10=1, has_polypharmacy=False,
                has_high_comorbidity=True, last_encounter_at=at("2025-12-01", 9)),
        summary("person-2", 76, "male", is_deceased=True),
        summary("person-3", None, None),
        summary("person-4", 65, "female", person_id="person-1", replaced_by_patient_id="person-1"),
    ],
    "gold.person": [{"patient_id": "person-1", "person_id": "person-1", "records": 2}],
    "gold.encounter_fact": [
        {"encounter_id": key, "patient_id": "person-1", "has_taken_place": True, "is_inpatient": stay,
         "is_emergency": False, "class_code": code, "started_at": start, "ended_at": end, "facility_key": "f",
         "primary_diagnosis_display": HOSTILE}
        for key, stay, code, start, end in (
            ("e1", True, "IMP", at("2025-11-01", 6), at("2025-11-03", 6)),
            ("e2", False, "AMB", at("2025-12-01", 9), at("2025-12-01", 10)),
        )
    ] + MANY_CONTACTS,
    "silver.condition": [
        {"condition_id": f"c{n}", "patient_id": "person-1", "is_asserted": True, "is_deleted": False, **c}
        for n, c in enumerate((
            {"code_text": HOSTILE, "clinical_status": "active", "onset_at": at("2020-01-01"), "icd10cm_code": "J44.9"},
            {"code_text": "Flu", "clinical_status": "resolved", "onset_at": at("2024-01-01"),
             "abated_at": at("2024-01-11")},
            {"code_text": "Old", "abated_at": at("2001-01-01")},
            {"code_text": "Wrong", "clinical_status": "active", "is_asserted": False},
        ))
    ],
    "silver.medication_request": [
        {"medication_request_id": f"m{n}", "patient_id": "person-1", "is_deleted": False, "is_not_to_be_given": False,
         "intent": "order", "code_text": name, "status": status, "authored_at": at(on), "dosage_texts": ["5 mg"]}
        for n, (name, status, on) in enumerate((
            ("Aspirin", "active", "2025-01-01"), ("Aspirin", "active", "2025-06-01"),
            ("Statin", "completed", "2024-01-01"), ("Never", "cancelled", "2025-01-01"),
        ))
    ],
    "silver.allergy": [{"allergy_id": "a1", "patient_id": "person-1", "is_deleted": False, "is_withdrawn": False,
                        "is_none_known": True, "code_text": "No known allergies"}],
    "silver.lab_result": [
        lab(1, 30, "2025-01-01"), lab(2, 41.04, "2025-12-01", value_comparator=">", reference_low=10.0,
                                      reference_high=40.0, interpretation_code="H"),
        lab(3, 99, "2025-12-02", is_withdrawn=True), lab(4, 1, "2025-12-03", patient_id="person-2"),
        lab(5, None, "2025-12-01", loinc_code="5778-6", code_text="Color", value_text="yellow", value_unit=None),
        *MANY_RESULTS,
    ],
}  # fmt: skip


@pytest.fixture
def ask(ask_once: AskOnce) -> Ask:
    """A lake with a few people, one of whom has two records and one thousands of results."""
    return ask_once("people", LAKE)


def show(ask: Ask, patient: str = "") -> View:
    given = {"patient": ask.seal("patient", patient)} if patient else {}
    return PAGE.build(ask, PAGE.values(ask, given))


def stats(view: View) -> dict[str, Stat]:
    return {block.label: block for block in view.blocks if isinstance(block, Stat)}


def sent(component: Any) -> str:
    return json.dumps(json.loads(str(to_json_plotly(component))), ensure_ascii=False, separators=(",", ":"))


def page(view: View, **said: str) -> str:
    return sent(render.content(PAGE, view, said, []))


def test_before_a_search_the_page_tells_of_the_population_and_names_nobody(ask: Ask) -> None:
    view = show(ask)
    found = stats(view)
    assert (found["People"].value, found["Alive"].value, found["Seen in 12 months"].value) == (3, 2, 1)
    assert (found["Alive"].note, found["Seen in 12 months"].note) == ("66.7 %; 1 deceased", "33.3 %")
    card = view.card("pyramid")
    assert card.frame.iloc[6].to_dict() == {"age": "60–69", "female": 1, "male": 0, "other": 0, "unknown": 0, "all": 1}
    assert card.summary == (
        "1 of 1 living person (100.0 %) is female; the largest group is 60–69 years old (1). "
        "1 has no age: the birth date is not told."
    )
    assert not [word for word in PRIVATE if word in page(view)]


def names(ask: Ask, text: str) -> list[str]:
    return re.findall(r'"children":"([^"]*?)","href":"/patients\?patient=', sent(found(ask, text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ADA", ["Lovelace, Ada", "Lovelace, Ada", "Smith, ADAM"]),
        ("lovelace  ada", ["Lovelace, Ada", "Lovelace, Ada"]),
        ("Smith, Adam", ["Smith, ADAM"]),
        ("mrn-1234", ["Lovelace, Ada"]),
        ("77", ["Lovelace, Ada"]),
        ("345678", []),  # an identifier is found by its beginning
        ("1950-01-01", ["Smith, ADAM"]),
        ("00%", ["100% Cotton"]),
        ("a%a", []),  # no wildcard
        ("' OR 1=1 --", []),
        ("Gone", []),
    ],
)
def test_search_finds_by_words_of_the_name_identifier_or_birth_date(ask: Ask, text: str, expected: list[str]) -> None:
    assert names(ask, text) == expected


def test_results_are_addresses_that_show_no_id(ask: Ask) -> None:
    shown = sent(found(ask, "lovelace"))
    [first, second] = re.findall(r"/patients\?patient=([\w-]+)", shown)
    assert {ask.unseal("patient", first), ask.unseal("patient", second)} == {"person-1", "person-4"}
    assert "person-" not in shown
    assert "MRN" not in shown
    assert "replaced by another record" in shown
    assert "2025-12-01" in shown
    assert '"1950"' in sent(found(ask, "smith"))  # only the year is told


def test_too_little_or_too_much_is_said(ask: Ask) -> None:
    for text in ("", " a ", ","):
        assert "at least 2 letters" in sent(found(ask, text)) or parameters(text) is None
    assert "Nobody fits" in sent(found(ask, "zzz"))
    shown = sent(found(ask, "crowd"))
    assert len(re.findall(r"/patients\?patient=", shown)) == 50
    assert "The first 50; write more to find fewer." in shown


def test_header_masks_identifiers_and_says_what_is_not_told(ask: Ask) -> None:
    view = show(ask, "person-1")
    shown = page(view, patient="token")
    assert view.title == "Patient"  # a title goes to the browser's history
    assert "Lovelace, Ada" in shown
    assert "••••, ••••5678" in shown
    assert "MRN-12345678" not in shown
    assert "65 years on 2026-01-15" in shown
    assert "female (birth sex F)" in shown
    assert "1 other patient record in the lake is of the same person" in shown
    unknown = page(show(ask, "person-3"))
    assert unknown.count("not told") >= 4
    assert "at death" in page(show(ask, "person-2"))
    assert [masked("12345"), masked("1234"), masked("")] == ["••••2345", "••••", "••••"]


def test_use_of_care_and_flags_tell_null_from_none(ask: Ask) -> None:
    view = show(ask, "person-1")
    found = stats(view)
    assert [found[name].value for name in ("Contacts", "Inpatient stays", "Active medicines", "Charlson index")] == [
        3,
        1,
        2,
        3,
    ]
    assert found["Charlson index"].note == "at least: 1 condition has no ICD-10 code"
    flags = dict(zip(view.card("flags").frame["flag"], view.card("flags").frame["answer"], strict=True))
    assert (flags["Polypharmacy"], flags["High comorbidity"], flags["High blood pressure"]) == ("no", "yes", "not told")
    assert view.card("flags").summary == "1 of 5 rules holds; 3 can't be told."
    assert stats(show(ask, "person-2"))["Charlson index"].value is None


def test_conditions_medicines_and_allergies_are_those_that_hold_now(ask: Ask) -> None:
    view = show(ask, "person-1")
    assert view.card("conditions").frame["name"].tolist() == [HOSTILE]
    assert view.card("conditions").summary == "1 condition is there now, of 3 on record."
    assert view.card("medicines").frame["name"].tolist() == ["Aspirin"]
    assert view.card("medicines").summary == "1 medicine with 2 active orders; the newest order of each."
    assert view.card("medicines").frame["authored_at"].iloc[0] == at("2025-06-01")
    assert view.card("allergies").summary == "Somebody asked, and no allergy is known."
    nothing = show(ask, "person-3")
    assert nothing.card("allergies").frame.empty
    assert "Nothing is told" in nothing.card("allergies").empty


def test_timeline_has_contacts_conditions_and_orders_in_lanes(ask: Ask) -> None:
    card = show(ask, "person-1").card("timeline")
    assert card.figure is not None
    lanes = card.figure["layout"]["yaxis"]["categoryarray"]
    assert lanes[:2] == ["Stays", "Other visits"]
    assert lanes[3:] == ["Flu", "Aspirin", "Statin"]
    assert "<script" not in json.dumps(card.figure)
    bars, marks, ill, orders = card.figure["data"]
    assert (bars["y"], bars["base"], bars["x"]) == (["Stays"], ["2025-11-01 06:00"], [2 * 86_400_000])
    assert marks["x"] == ["2025-11-01 06:00", "2025-12-01 09:00"]
    assert ill["base"] == ["2020-01-01 00:00", "2024-01-01 00:00"]
    assert ill["x"] == [(date(2026, 1, 15) - date(2020, 1, 1)).days * 86_400_000, 10 * 86_400_000]
    assert ill["text"] == ["still there", "until 2024-01-11"]
    assert orders["marker"]["symbol"] == ["diamond", "diamond", "diamond-open"]
    assert card.summary == (
        "2 contacts, 3 different conditions and orders of 2 medicines over 6 years. "
        "1 record has no day and can't be drawn."
    )
    assert len(card.frame) == 2 + 3 + 3


def test_timeline_says_what_finds_no_room(ask: Ask) -> None:
    frames = [ask(f"patient_{name}", patient="person-1") for name in ("encounters", "conditions", "medications")]
    conditions = frames[1].iloc[[0] * 14].assign(name=[f"C{n}" for n in range(14)])
    drawn = timeline(frames[0], conditions, frames[2], at("2026-01-15"))
    assert (drawn.lanes, drawn.conditions_left_out, drawn.medicines_left_out) == (2 + 12 + 2, 2, 0)


def test_measured_values_keep_comparator_unit_and_reference_range(ask: Ask) -> None:
    view = show(ask, "person-1")
    card = view.card("measure_1")
    assert card.summary == ">41.04 U/L on 2025-12-01; reference range 10 to 40 U/L. 2 values."
    assert card.height == 160
    assert card.figure is not None
    assert card.figure["data"][0]["y"] == [30.0, 41.04]
    [band] = card.figure["layout"]["shapes"]
    assert (band["y0"], band["y1"]) == (10, 40)
    latest = {row["what"]: row for row in view.card("latest").frame.to_dict("records")}
    assert (latest["AST"]["value"], latest["AST"]["interpretation"]) == (">41.04", "H")
    assert (latest["Color"]["value"], latest["Color"]["unit"]) == ("yellow", None)
    assert view.card("latest").summary == "2 tests and vital signs with a value."


def test_person_with_thousands_of_results_stays_light(ask: Ask) -> None:
    view = show(ask, "person-6")
    charts = [b for b in view.blocks if isinstance(b, Card) and b.name.startswith("measure_")]
    assert len(charts) == 12
    assert {len(chart.frame) for chart in charts} == {500}
    assert charts[0].summary.endswith("600 values, the newest 500 drawn.")
    assert "The newest 500 contacts are drawn." in view.card("timeline").summary
    assert len(page(view, patient="token").encode()) < 300_000


def test_no_id_of_a_person_stands_in_an_address_or_the_name_of_a_file(ask: Ask) -> None:
    token = ask.seal("patient", "person-1")
    for view, said in ((show(ask), {}), (show(ask, "person-1"), {"patient": token}), (show(ask, "person-4"), {})):
        addresses = re.findall(r'"href":"([^"]*)"', page(view, **said))
        assert addresses
        assert not [a for a in addresses for word in (*PRIVATE, "Ada") if word in a]
        assert "person-" not in page(view, **said)
        assert not [b.name for b in view.blocks if isinstance(b, Card) if not re.fullmatch(r"[a-z]+(_\d+)?", b.name)]


def test_addresses_that_lead_to_nobody_say_so(ask: Ask) -> None:
    with pytest.raises(InputError, match="leads nowhere"):
        PAGE.values(ask, {"patient": "person-1"})
    with pytest.raises(InputError, match="leads nowhere"):
        PAGE.values(ask, {"patient": ask.seal("encounter", "person-1")})
    for missing in ("person-9", "person-5"):  # never there, and deleted by its source
        [alert] = show(ask, missing).blocks
        assert isinstance(alert, Alert)
        assert "not in the lake" in alert.text
    assert any("has no rows" in b.text for b in show_empty(ask).blocks if isinstance(b, Alert))


def show_empty(ask: Ask) -> View:
    """The page over a population of nobody."""
    return PAGE.build(lambda name, **_: ask(name).head(0), {"patient": None})  # type: ignore[arg-type, return-value]


class Door:
    """Takes the callback that the page registers, and gives it a lake that breaks."""

    def callback(self, *_: Any, **__: Any) -> Callable[[Any], Any]:
        def keep(function: Any) -> Any:
            self.search = function
            return function

        return keep

    def ask(self) -> Ask:
        raise RuntimeError("Lovelace is not to be repeated")


def test_search_is_answered_by_the_app_without_an_address(lake_of: Any) -> None:
    client = create_app(lake_of({"silver.patient": PEOPLE[:2]})).server.test_client()
    client.get("/", headers={"Host": "localhost"})
    cookie = client.get_cookie("_csrf_token")
    assert cookie is not None
    body = {
        "output": "patient-found.children", "outputs": {"id": "patient-found", "property": "children"},
        "inputs": [{"id": "patient-search-go", "property": "n_clicks", "value": 1},
                   {"id": "patient-search", "property": "n_submit"}],
        "state": [{"id": "patient-search", "property": "value", "value": "lovelace"}],
        "changedPropIds": ["patient-search-go.n_clicks"],
    }  # fmt: skip
    got = client.post("/_dash-update-component", json=body, headers={"Host": "localhost", "X-CSRFToken": cookie.value})
    assert got.status_code == 200
    assert "Lovelace, Ada" in got.text
    assert got.headers["Cache-Control"] == "no-store"


def test_what_was_searched_for_stands_in_no_log(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    with caplog.at_level(logging.DEBUG):
        patients.register(door, door)  # type: ignore[arg-type]
        answer = sent(door.search(1, None, "Lovelace"))
        found(ask, "Lovelace")
    assert "was not foreseen" in answer
    assert "Lovelace" not in answer
    assert "RuntimeError" in caplog.text
    assert "Lovelace" not in caplog.text
