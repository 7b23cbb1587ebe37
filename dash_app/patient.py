"""What the page of one person shows: who, how much care, what happened when, and what was measured."""

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

import pandas as pd
from dash import html
from dash.development.base_component import Component

from dash_app import figures
from dash_app.data import Ask
from dash_app.page import Alert, Card, Section, Stat, View
from dash_app.theme import BLUE
from dash_app.timeline import timeline
from dash_app.words import cell, many, number

BACK = ("/patients", "All people")
_MOST_POINTS = 500
_UTC = "Times are in UTC. "
_FLAGS = (
    ("has_many_emergency_visits", "Many emergency visits", "4 or more in the last 12 months"),
    ("has_many_inpatient_stays", "Many inpatient stays", "2 or more in the last 12 months"),
    ("has_polypharmacy", "Polypharmacy", "5 or more active medicines"),
    ("has_high_comorbidity", "High comorbidity", "a Charlson index of 3 or more; not told without an index"),
    ("has_high_blood_pressure", "High blood pressure", "last pressure 140/90 mm[Hg] or more, measured in the last 12 "
     "months; not told if it was not measured"),
)  # fmt: skip
_NO_INDEX = {"no_diagnoses": "no condition is on record", "no_icd10_codes": "no condition has an ICD-10 code"}


def one(ask: Ask, patient: str) -> View:
    """The page of one person; it says so if the record is not in the lake, or is replaced by another."""
    people = ask("patient_header", patient=patient)
    if people.empty:
        return View([Alert("This record is not in the lake, or its source has deleted it.", "warning", "Not found")],
                    "Patient", BACK)  # fmt: skip
    person = figures.records(people)[0]
    contacts = ask("patient_encounters", patient=patient)
    conditions = ask("patient_conditions", patient=patient)
    orders = ask("patient_medications", patient=patient)
    told = person["as_of_on"] if _given(person["as_of_on"]) else None
    now = datetime.combine(told, time(), UTC) if told else datetime.now(UTC)
    if _given(person["deceased_at"]):
        now = min(now, person["deceased_at"])
    return View(
        [
            _head(person),
            *_notes(ask, person),
            *_use(person),
            _over_time(contacts, conditions, orders, now),
            _active_conditions(conditions),
            _current_medicines(orders),
            _allergies(ask("patient_allergies", patient=patient)),
            _flags(person),
            Section("Laboratory and vital signs", "The twelve that were measured most often, then the newest value "
                "of each."),
            *_measures(ask("patient_measures", patient=patient)),
            _latest(ask("patient_latest", patient=patient)),
        ],
        "Patient",  # not the name: a title goes to the browser's history
        BACK,
    )  # fmt: skip


def name_of(person: Mapping[str, Any]) -> str:
    """`Family, Given`, else the name as one text."""
    parts = [part for part in (person["family_name"], person["given_names"]) if _given(part) and part]
    if parts:
        return ", ".join(parts)
    return person["name_text"] if _given(person["name_text"]) and person["name_text"] else "no name told"


def born(person: Mapping[str, Any]) -> str:
    """The birth date, as exact as the source gives it."""
    if not _given(person["birth_on"]):
        return "not told"
    return str(person["birth_on"].isoformat())[: {"year": 4, "month": 7}.get(person["birth_precision"], 10)]


def masked(identifier: str) -> str:
    """An identifier with its last four characters; of one that has no more than these, nothing."""
    return f"••••{identifier[-4:]}" if len(identifier) > 4 else "••••"


def _given(value: Any) -> bool:
    """Whether there is a value: pandas has several ways to say null."""
    return value is not None and value is not pd.NaT and value == value


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d}" if _given(at) else "not told"


def _head(person: Mapping[str, Any]) -> Component:
    died = "no" if not person["is_deceased"] else (
        f"yes, {person['deceased_at']:%Y-%m-%d}" if _given(person["deceased_at"]) else "yes, not told when"
    )  # fmt: skip
    sex = person["gender"] or "not told"
    if person["birth_sex"]:
        sex += f" (birth sex {person['birth_sex']})"
    age = f"{person['age_years']:.0f} years" if _given(person["age_years"]) else "not told"
    if age != "not told":
        age += " at death" if person["is_deceased"] else f" on {person['as_of_on']}"
    identifiers = person["identifiers"] if person["identifiers"] is not None else ()
    numbers = sorted({masked(i["value"]) for i in identifiers if i["value"]})
    facts = {
        "Born": born(person),
        "Age": age,
        "Sex": sex,
        "Deceased": died,
        "Identifiers": ", ".join(numbers) or "not told",
        "Last contact": _day(person["last_encounter_at"]),
    }
    rows = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in facts.items()]
    return html.Section([html.H2(name_of(person)), html.Dl(rows, className="facts")], className="card person",
                        **{"aria-label": "Who"})  # fmt: skip


def _notes(ask: Ask, person: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    if person["replaced_by_patient_id"]:
        address = f"/patients?patient={ask.seal('patient', person['replaced_by_patient_id'])}"
        found.append(html.P(["Another record replaces this one after a merge: ", html.A("open it", href=address), "."]))
    elif _given(person["records"]) and person["records"] > 1:
        found.append(Alert(f"{many(int(person['records']) - 1, 'other patient record')} in the lake "
                           f"{'is' if person['records'] == 2 else 'are'} of the same person: this page shows "
                           f"one."))  # fmt: skip
    if not _given(person["as_of_on"]):
        found.append(Alert("gold.patient_summary has no row for this person yet, so use of care and flags are not "
            "told.",
                           "warning"))  # fmt: skip
    return found


def _use(person: Mapping[str, Any]) -> list[Stat]:
    on = f"12 months up to {person['as_of_on']}" if _given(person["as_of_on"]) else "not told"
    index = person["charlson_index"]
    missing = _NO_INDEX.get(str(person["charlson_missing_reason"]), "not told")
    unseen = person["conditions_without_icd10"]
    if _given(index) and unseen:
        missing = f"at least: {many(int(unseen), 'condition has', 'conditions have')} no ICD-10 code"
    return [
        Stat("Contacts", _count(person, "encounters_last_12_months"),
             "Encounters that have taken place and started in the last 12 months.", note=on),
        Stat("Inpatient stays", _count(person, "inpatient_stays_last_12_months"),
             "Contacts that are inpatient and not part of another stay.", note=on),
        Stat("Emergency visits", _count(person, "emergency_visits_last_12_months"), "Contacts of class EMER.", note=on),
        Stat("Active medicines", _count(person, "active_medicines"),
             "Different medicines, by code or else by text, with an active order to give them."),
        Stat("Charlson index", _count(person, "charlson_index"),
             "Charlson comorbidity index (weights of 1987, ICD-10 codes of Quan 2005) over all asserted conditions "
             "on record.",
             note=missing if not _given(index) or unseen else "all conditions have ICD-10 codes"),
    ]  # fmt: skip


def _count(person: Mapping[str, Any], name: str) -> int | None:
    return int(person[name]) if _given(person[name]) else None


def _over_time(contacts: pd.DataFrame, conditions: pd.DataFrame, orders: pd.DataFrame, now: datetime) -> Card:
    drawn = timeline(contacts, conditions, orders, now)
    total = int(contacts["encounters"].iloc[0]) if len(contacts) else 0
    undated = int(conditions["onset_at"].isna().sum()) + int(orders["authored_at"].isna().sum())
    said = (
        f"{many(total, 'contact')}, {many(conditions['name'].nunique(), 'different condition')} and "
        f"orders of {many(orders['name'].nunique(), 'medicine')} over {number(round(drawn.days / 365.25, 1))} years."
    )
    left = ((drawn.conditions_left_out, "condition"), (drawn.medicines_left_out, "medicine"))
    if absent := " and ".join(many(n, what) for n, what in left if n):
        said += f" Not drawn: {absent}; active and newest ones come first."
    if total > len(contacts):
        said += f" The newest {len(contacts)} contacts are drawn."
    if undated:
        said += f" {many(undated, 'record has', 'records have')} no day and can't be drawn."
    rows = _events(contacts, conditions, orders)
    return Card("timeline", "Timeline", said if len(rows) else "", rows,
                "Contacts are marks, with a bar where they last six hours or more; conditions are bars from onset to "
                "abatement, those that are there now up to the day that is told; orders of medicines are marks, for "
                "their end is not told. " + _UTC, drawn.figure, query="patient_encounters", wide=True,
                height=90 + 24 * drawn.lanes, empty="No contact, condition or order is on record.")  # fmt: skip


def _events(contacts: pd.DataFrame, conditions: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """What is drawn as rows: kind, what, start and end, newest first; without a start last."""
    found = [
        ("contact", r["diagnosis"] or r["type_text"], r["started_at"], r["ended_at"]) for r in figures.records(contacts)
    ]
    found += [("condition", r["name"], r["onset_at"], r["abated_at"]) for r in figures.records(conditions)]
    found += [("order", r["name"], r["authored_at"], None) for r in figures.records(orders)]
    rows = pd.DataFrame(found, columns=["kind", "what", "start", "end"])
    return rows.sort_values("start", ascending=False, ignore_index=True) if found else rows


def _active_conditions(conditions: pd.DataFrame) -> Card:
    rows = conditions[conditions["is_active"]]
    said = f"{many(len(rows), 'condition is', 'conditions are')} there now, of {len(conditions):,} on record."
    return Card("conditions", "Active conditions", said, rows,
                "Asserted, and of clinical status active, recurrence or relapse, or of none and without an end.", None,
                {"name": "condition", "icd10_code": "ICD-10", "clinical_status": "status", "onset_at": "since"},
                query="patient_conditions", most_rows=40, empty="No active condition is on record. That is not to "
                    "say that there is none.")  # fmt: skip


def _current_medicines(orders: pd.DataFrame) -> Card:
    active = orders[orders["is_active"]]
    rows = active.drop_duplicates("name")
    said = f"{many(len(rows), 'medicine')} with {many(len(active), 'active order')}; the newest order of each."
    return Card("medicines", "Current medications", said, rows,
                "Orders of status active; that they were taken is not told.", None,
                {"name": "medicine", "dosage": "dosage as written", "authored_at": "ordered"},
                query="patient_medications", most_rows=40, empty="No active order is on record.")  # fmt: skip


def _allergies(rows: pd.DataFrame) -> Card:
    known = rows[~rows["is_none_known"].astype(bool)]
    if known.empty and len(rows):
        said = "Somebody asked, and no allergy is known."
    else:
        high = int((known["criticality"] == "high").sum())
        said = many(len(known), "allergy or intolerance", "allergies or intolerances")
        said += f", {high or 'none'} of high criticality."
    return Card("allergies", "Allergies", said, rows,
                "Allergies and intolerances that were not withdrawn, and statements that none is known.", None,
                {"name": "substance", "clinical_status": "status", "criticality": "criticality",
                 "reactions": "reactions", "reaction_severity": "worst"}, query="patient_allergies", most_rows=40,
                empty="Nothing is told: neither an allergy, nor that none is known.")  # fmt: skip


def _flags(person: Mapping[str, Any]) -> Card:
    values = [person[column] for column, *_ in _FLAGS]
    answers = ["not told" if not _given(v) else "yes" if v else "no" for v in values]
    frame = pd.DataFrame({"flag": [f[1] for f in _FLAGS], "answer": answers, "rule": [f[2] for f in _FLAGS]})
    yes, unknown = answers.count("yes"), answers.count("not told")
    said = f"{yes or 'None'} of {len(_FLAGS)} rules {'holds' if yes < 2 else 'hold'}" + (
        f"; {unknown} can't be told." if unknown else "."
    )
    return Card("flags", "Risk flags", said, frame, "The rules of gold.patient_summary; they are no diagnosis.", None,
                query="patient_header")  # fmt: skip


def _measures(rows: pd.DataFrame) -> list[Card]:
    return [_measure(number, chart) for number, chart in rows.groupby("chart", sort=True)]


def _measure(place: Any, rows: pd.DataFrame) -> Card:
    """A small chart of one code and unit; the reference range of the newest value that has one is shaded."""
    last = figures.records(rows)[-1]
    measured = int(last["measured"])
    unit = last["unit"]
    ranged = rows.dropna(subset=["reference_low", "reference_high"], how="all")
    low, high = (ranged.iloc[-1]["reference_low"], ranged.iloc[-1]["reference_high"]) if len(ranged) else (None, None)
    said = f"{_value(last)} {unit} on {last['effective_at']:%Y-%m-%d}".replace("  ", " ")
    span = _span(low, high)
    said += f"; reference range {span} {unit}".rstrip() if span else "; no reference range is told"
    said += f". {many(measured, 'value')}" + (f", the newest {_MOST_POINTS} drawn." if measured > _MOST_POINTS else ".")
    drawn = rows.assign(
        at=[f"{at:%Y-%m-%d %H:%M}" for at in rows["effective_at"]],
        value=[float(f"{value:.6g}") for value in rows["value"]],  # more can't be seen, and makes the page heavy
    )
    figure = figures.lines(drawn, "at", "value", unit=unit.replace("<", "&lt;"), markers=len(rows) <= 60)
    figure["layout"]["xaxis"] |= {"type": "date", "nticks": 5}
    figure["layout"]["yaxis"] |= {"rangemode": "normal", "nticks": 4}
    if span:
        figure["layout"]["shapes"] = [{
            "type": "rect", "xref": "paper", "x0": 0, "x1": 1, "yref": "y",
            "y0": low if _given(low) else float(rows["value"].min()),
            "y1": high if _given(high) else float(rows["value"].max()),
            "fillcolor": BLUE, "opacity": 0.12, "line": {"width": 0}, "layer": "below",
        }]  # fmt: skip
    frame = rows[["effective_at", "value_comparator", "value", "unit", "reference_low", "reference_high"]].assign(
        shown=[_value(row) for row in figures.records(rows)],
        reference=[_span(*ends) for ends in zip(rows["reference_low"], rows["reference_high"], strict=True)],
    )
    return Card(f"measure_{int(place)}", title_of(last), said, frame.iloc[::-1],
                f"Numbers with a time, withdrawn ones left out; {last['code']}. Where the source gives only that a "
                "value lies beyond a limit (<5), the limit is drawn. " + _UTC, figure,
                {"effective_at": "measured", "shown": "value", "unit": "unit", "reference": "reference "
                    "range"}, query="patient_measures", height=160)  # fmt: skip


def title_of(row: Mapping[str, Any]) -> str:
    """What was measured, in words: the declared measurement, else the source's own."""
    if _given(row["measurement"]) and row["measurement"]:
        return str(row["measurement"]).replace("_", " ").capitalize()
    return str(row["name"] if _given(row["name"]) and row["name"] else row["code"])


def exact(value: float) -> str:
    """A measured number as the source gives it: rounding is not for a page to do. `1.04`, `250`."""
    return f"{value:.8g}"


def _value(row: Mapping[str, Any]) -> str:
    return f"{row['value_comparator'] or ''}{exact(row['value'])}"


def _span(low: Any, high: Any) -> str:
    if _given(low) and _given(high):
        return f"{exact(low)} to {exact(high)}"
    return f"from {exact(low)}" if _given(low) else f"up to {exact(high)}" if _given(high) else ""


def _latest(rows: pd.DataFrame) -> Card:
    records = figures.records(rows)
    frame = pd.DataFrame({
        "what": [title_of({**r, "code": ""}) for r in records],
        "value": [_any_value(r) for r in records],
        "unit": [r["value_unit"] for r in records],
        "interpretation": [r["interpretation_code"] for r in records],
        "reference": [_span(r["reference_low"], r["reference_high"]) or None for r in records],
        "measured": [r["effective_at"] if _given(r["effective_at"]) else None for r in records],
        "kind": [r["kind"] for r in records],
    })  # fmt: skip
    tests = int(rows["tests"].iloc[0]) if len(rows) else 0
    said = f"{many(tests, 'test or vital sign', 'tests and vital signs')} with a value"
    said += f"; the {len(rows)} measured last." if tests > len(rows) else "."
    return Card("latest", "Latest values", said, frame,
                "The newest value of each code that was not withdrawn; H, L, A and N are the laboratory's "
                "interpretation. A dash: not told. " + _UTC, None, query="patient_latest", wide=True,
                empty="No laboratory result or vital sign with a value is on record.")  # fmt: skip


def _any_value(row: Mapping[str, Any]) -> str:
    if _given(row["value"]):
        return _value(row)
    return str(row["words"]) if _given(row["words"]) else _span(row["value_low"], row["value_high"]) or cell(None)
