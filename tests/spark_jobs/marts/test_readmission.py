"""gold.readmission, worked out by hand; each person is one case."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lakehouse.errors import InputError
from lakehouse.terminology import ICD10CM
from spark_jobs.marts.planned import planned_codes
from spark_jobs.marts.readmission import readmission
from tests.spark_jobs.marts.making import Row, at, by, make, on

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KNEE, HIP = "0SRD0J9", "0SR90J9"


def stay(ident: str, first: str, last: str | None, code: str | None = "J18.9", **more: Any) -> Row:
    """A stay of record and person `ident` without its number, from 10:00 on one day of 2024 to 12:00 on another."""
    given = {
        "has_taken_place": True,
        "is_inpatient": True,
        "is_within_stay": False,
        "facility_key": "one",
        "started_at": at(f"2024-{first}T10:00"),
        "started_on": on(f"2024-{first}"),
        "ended_at": at(f"2024-{last}T12:00") if last else None,
        "ended_on": on(f"2024-{last}") if last else None,
        "primary_diagnosis_system": ICD10CM[0] if code else None,
        "primary_diagnosis_code": code,
        "discharge_disposition_code": "home",
        "died_in_hospital": False,
    }
    record = ident.rstrip("123")
    return {**given, "encounter_id": ident, "patient_id": record, "person_id": record, **more}


RECORDS = {"person_id": "two-records"}


STAYS = [
    # Back after 15 days; the readmission is an index admission of its own, which nothing follows.
    stay("back1", "01-01", "01-05"),
    stay("back2", "01-20", "01-22"),
    # On day 30 it is a readmission, on day 31 it is not.
    stay("thirty1", "01-01", "01-02"),
    stay("thirty2", "02-01", "02-02"),
    stay("late1", "01-01", "01-02"),
    stay("late2", "02-02", "02-03"),
    # A planned knee comes first and blocks the pneumonia after it, which is the knee's own readmission.
    stay("planned1", "01-01", "01-05"),
    stay("planned2", "01-10", "01-12", "M17.11"),
    stay("planned3", "01-20", "01-22"),
    # A hip replaced for a fracture is not planned, for the diagnosis is acute.
    stay("acute1", "01-01", "01-05"),
    stay("acute2", "01-10", "01-12", "S72.001A"),
    # Another hospital on the next day: transferred, whatever the diagnosis; the second stay is the index admission.
    stay("moved1", "01-01", "01-05"),
    stay("moved2", "01-06", "01-10", "I50.9", facility_key="two"),
    stay("moved3", "01-20", "01-21", facility_key="two"),
    # Another hospital on the same day: transferred, too. Two days later: a readmission.
    stay("sameday1", "01-01", "01-05"),
    stay("sameday2", "01-05", "01-10", facility_key="two", started_at=at("2024-01-05T15:00")),
    stay("later1", "01-01", "01-05"),
    stay("later2", "01-07", "01-10", facility_key="two"),
    # Back the same day in the same hospital: for the same condition it is one stay, for another a readmission.
    stay("same1", "01-01", "01-05"),
    stay("same2", "01-05", "01-09", started_at=at("2024-01-05T15:00")),
    stay("other1", "01-01", "01-05"),
    stay("other2", "01-05", "01-09", "K35.80", started_at=at("2024-01-05T15:00")),
    # Back the same day, but it is not known what for: not known to be the same.
    stay("unknown1", "01-01", "01-05", None),
    stay("unknown2", "01-05", "01-09", None, started_at=at("2024-01-05T15:00")),
    # Begun before the earlier one ended, in the same hospital: one stay.
    stay("overlap1", "01-01", "01-09"),
    stay("overlap2", "01-04", "01-05", "K35.80"),
    # Back under another patient record of the same person: a readmission, and once more under the first one.
    stay("tworecords1", "01-01", "01-05", **RECORDS),
    stay("secondrecord2", "01-20", "01-22", **RECORDS),
    stay("tworecords3", "02-01", "02-02", **RECORDS),
    # Sent on under another record on the next day: transferred.
    stay("sent1", "01-01", "01-05", person_id="sent-on"),
    stay("senton2", "01-06", "01-10", facility_key="two", person_id="sent-on"),
    # The same day in the same hospital for the same condition, under another record: one stay.
    stay("again1", "01-01", "01-05", person_id="again"),
    stay("againotherwise2", "01-05", "01-09", started_at=at("2024-01-05T15:00"), person_id="again"),
    # Why not: each its own reason.
    stay("dead", "01-01", "01-05", died_in_hospital=True, discharge_disposition_code="exp"),
    stay("left", "01-01", "01-05", discharge_disposition_code="aadvice"),
    stay("cancer", "01-01", "01-05", "C50.911"),
    stay("chemo", "01-01", "01-05", "Z51.11"),
    stay("mind", "01-01", "01-05", "F32.9"),
    stay("rehab", "01-01", "01-05", "Z51.89"),
    stay("stillin", "01-01", None),
    stay("vague", "01-01", "01-05", ended_on=None),
    # The last day in the data is 31 March: 30 days after 1 March, 29 after 2 March.
    stay("enough", "02-28", "03-01"),
    stay("short", "02-28", "03-02"),
    # Not stays of their own.
    stay("inner", "01-02", "01-03", is_within_stay=True),
    stay("visit", "03-31", "03-31", is_inpatient=False),
    stay("cancelled", "05-01", "05-31", has_taken_place=False),
    stay("nobody", "01-01", "01-05", patient_id=None, person_id=None),
]
PROCEDURES = [
    {"encounter_id": "planned2", "patient_id": "planned", "is_done": True, "icd10pcs_code": KNEE},
    {"encounter_id": "acute2", "patient_id": "acute", "is_done": True, "icd10pcs_code": HIP},
    {"encounter_id": "back2", "patient_id": "back", "is_done": False, "icd10pcs_code": KNEE},
]

Made = dict[str, Row]


@pytest.fixture(scope="module")
def made(spark: "SparkSession") -> Made:
    """By encounter id."""
    given = {"planned_codes": planned_codes(None)}
    return by(make(spark, readmission, given, encounters=STAYS, procedures=PROCEDURES), "encounter_id")


@pytest.mark.parametrize(
    ("index", "followed_by", "days"),
    [
        ("back1", "back2", 15),
        ("back2", None, None),
        ("thirty1", "thirty2", 30),
        ("late1", None, None),
        ("planned1", None, None),
        ("planned2", "planned3", 8),
        ("acute1", "acute2", 5),
        ("moved2", "moved3", 10),
        ("sameday2", None, None),
        ("later1", "later2", 2),
        ("same1", None, None),
        ("other1", "other2", 0),
        ("unknown1", "unknown2", 0),
        ("tworecords1", "secondrecord2", 15),
        ("secondrecord2", "tworecords3", 10),
        ("tworecords3", None, None),
        ("senton2", None, None),
        ("enough", None, None),
    ],
)
def test_an_index_admission_and_what_followed(
    made: Made, index: str, followed_by: str | None, days: int | None
) -> None:
    row = made[index]
    assert (row["is_index"], row["exclusion_reason"]) == (True, None)
    assert row["is_readmitted"] is (followed_by is not None)
    assert (row["readmission_encounter_id"], row["days_to_readmission"]) == (followed_by, days)


@pytest.mark.parametrize(
    ("ident", "reason"),
    [
        ("moved1", "transferred"),
        ("sameday1", "transferred"),
        ("sent1", "transferred"),
        ("dead", "died"),
        ("left", "left_against_advice"),
        ("cancer", "cancer_treatment"),
        ("chemo", "cancer_treatment"),
        ("mind", "psychiatric"),
        ("rehab", "rehabilitation"),
        ("stillin", "not_discharged"),
        ("vague", "day_not_known"),
        ("short", "short_follow_up"),
    ],
)
def test_what_is_no_index_admission_says_why(made: Made, ident: str, reason: str) -> None:
    row = made[ident]
    assert (row["is_index"], row["exclusion_reason"], row["is_readmitted"]) == (False, reason, None)


def test_encounters_of_one_stay_are_one_row(made: Made) -> None:
    same, overlap = made["same1"], made["overlap1"]
    assert (same["encounter_ids"], same["discharged_on"]) == (["same1", "same2"], on("2024-01-09"))
    assert (overlap["encounter_ids"], overlap["discharged_on"]) == (["overlap1", "overlap2"], on("2024-01-09"))
    again = made["again1"]
    assert (again["encounter_ids"], again["patient_id"]) == (["again1", "againotherwise2"], "again")
    assert not {"againotherwise2", "same2", "overlap2", "inner", "visit", "cancelled", "nobody"} & made.keys()


def test_planned_stays_say_by_which_rule(made: Made) -> None:
    planned = {ident: row["planned_reason"] for ident, row in made.items() if row["is_planned"]}
    assert planned == {
        "planned2": "potentially_planned_procedure",
        "chemo": "always_planned_diagnosis",
        "rehab": "always_planned_diagnosis",
    }


HEADER = "kind,code_system,prefix,meaning\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind,prefix\n", "must begin with the line kind,code_system,prefix,meaning"),
        (HEADER + "acute_diagnosis,ICD-10-CM,A40,x\nsometimes,ICD-10-CM,A41,x\n", "line 3: the kind must be one of"),
        (HEADER + "acute_diagnosis,ICD-10-PCS,0SR,x\n", "line 2: procedures are given in ICD-10-PCS"),
        (HEADER + "acute_diagnosis,ICD-10-CM,,x\n", "line 2: a prefix has letters and digits"),
    ],
)
def test_a_table_of_planned_codes_that_cannot_be_right_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "codes.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        planned_codes(file)


def test_a_table_of_ones_own_takes_the_place_of_the_one_that_ships(tmp_path: Path) -> None:
    file = tmp_path / "codes.csv"
    file.write_text(HEADER + "acute_diagnosis,ICD-10-CM,a40.1,x\n", encoding="utf-8")
    assert planned_codes(file).rows == (("acute_diagnosis", "A401"),)
