"""The page on runs, held against run records that are worked out by hand."""

from pathlib import Path
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app import render
from dash_app.data import Ask
from dash_app.one_run import equation
from dash_app.page import Alert, Stat, View
from dash_app.pages.runs import PAGE, took
from lakehouse.errors import InputError
from tests.dash_app.conftest import ask_records

MESSAGE = "index_or_excluded (2)"
BRONZE, PATIENT, READMISSION = "bronze.fhir_resource", "silver.patient", "gold.readmission"


def run(run_id: str, table: str, start: str, end: str | None, **more: Any) -> dict[str, Any]:
    """A run of 10 January, unless `start` has a day before the time."""

    def instant(text: str) -> str:
        day, _, time = text.rpartition(" ")
        return f"2026-01-{day or '10'}T{time}.000000+00:00"

    return {
        "run_id": run_id, "job": table, "table_name": table, "run_key": run_id, "basis": "b", "mode": "full",
        "state": "published", "as_of": "2026-01-10", "message": "", "snapshot_id": 7_000_000_000_000_000_001,
        "started_at": instant(start), "ended_at": instant(end) if end else None, "live_rows": None,
    } | more  # fmt: skip


def counts(run_id: str, **by_file: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {"run_id": run_id, "batch_id": "r2", "source_file": f"in/{file}_Smith_<b>.ndjson", "status": s, "records": n}
        for file, said in by_file.items()
        for s, n in said.items()
    ]


CONTROL = {
    "runs": [
        run("r1", PATIENT, "05 08:00:00", "05 08:00:20", live_rows=40),  # long before: another batch
        run("r2", BRONZE, "08:00:00", "08:00:10", mode="land"),
        run("r3", PATIENT, "08:00:10", "08:00:40", live_rows=44),
        run("r4", READMISSION, "08:00:40", "08:00:45", live_rows=13, state="gate_failed", message=MESSAGE),
        run("r5", READMISSION, "08:05:00", None, state="planned", snapshot_id=None),
    ],
    "run_inputs": [{"run_id": "r3", "table_name": BRONZE, "snapshot_id": 7_000_000_000_000_000_001},
                   {"run_id": "r3", "table_name": "silver.device", "snapshot_id": None}],
    "run_counts": [
        *counts("r2", a={"landed": 50, "quarantined": 2, "contained": 4}, b={"landed": 9, "blank": 1}),
        *counts("r3", a={"accepted": 44, "quarantined": 1}, b={"superseded": 2, "deleted": 1}),
    ],
    "files": [
        {"sha256": "x", "batch_id": "r2", "path": "in/a", "bytes": 9, "lines": 62, "blank": 1, "landed": 59,
         "contained": 4, "quarantined": 2, "landed_at": "2026-01-10T08:00:00+00:00"}
    ],
    "quality_results": [
        {"run_id": "r4", "check_name": name, "table_name": READMISSION, "level": "fail", "outcome": outcome,
         "value": 2.0, "doc": "It is so.", "sample_keys": "[]", "checked_at": "2026-01-10T08:00:44+00:00"}
        for name, outcome in (("age_in_range", "pass"), ("index_or_excluded", "fail"))
    ],
    "upkeep": [
        {"upkeep_id": "u1", "table_name": PATIENT, "step": "compact", "why": "40 small files", "done": "{}",
         "started_at": "2026-01-10T09:00:00+00:00", "ended_at": "2026-01-10T09:00:03+00:00",
         "before": '{"data_files": 40, "snapshots": 9}', "after": '{"data_files": 2, "snapshots": 10}'}
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    return ask_records(tmp_path_factory.mktemp("runs"), CONTROL)


def view(ask: Ask, **said: str) -> View:
    return PAGE.build(ask, PAGE.values(ask, said))


def stats(shown: View) -> dict[str, Stat]:
    return {b.label: b for b in shown.blocks if isinstance(b, Stat)}


def drawn(shown: View) -> str:
    return str(to_json_plotly(render.content(PAGE, shown, {}, [])))


def test_runs_are_counted_with_what_went_wrong_and_lead_to_it(ask: Ask) -> None:
    shown = view(ask)
    numbers = stats(shown)
    assert {label: s.value for label, s in numbers.items()} == {
        "Runs": 5, "Went wrong": 1, "Half of them took at most": 15.0, "Newest": "2026-01-10",
    }  # fmt: skip
    assert numbers["Went wrong"].href == "/runs?state=wrong"
    assert numbers["Newest"].href == "/runs?run=r5"
    assert shown.card("runs").summary == "5 runs, 1 of which went wrong."
    assert shown.card("runs").frame["run_id"].tolist() == ["r5", "r4", "r3", "r2", "r1"]


def test_the_last_batch_is_what_ran_without_a_long_pause(ask: Ask) -> None:
    card = view(ask).card("timeline")
    assert card.frame["run_id"].tolist() == ["r2", "r3", "r4"]
    assert card.summary == "3 runs from 2026-01-10 08:00 UTC, in 45.0 s; the longest was silver.patient with 30.0 s."
    assert card.figure is not None
    by_name = {t["name"]: t for t in card.figure["data"]}
    assert by_name["published"]["x"] == [10_000, 30_000]  # milliseconds
    assert by_name["gate_failed"]["marker"]["pattern"]["shape"] == "/"  # not by colour alone


def test_durations_are_of_runs_that_came_to_a_good_end(ask: Ask) -> None:
    card = view(ask).card("durations")
    assert card.frame[["table_name", "median", "longest", "runs"]].values.tolist() == [
        [PATIENT, 25.0, 30.0, 2], [BRONZE, 10.0, 10.0, 1],
    ]  # fmt: skip
    assert card.summary == "silver.patient takes longest: 25.0 s in the median of 2 runs."


def test_filters_choose_by_table_state_and_day(ask: Ask) -> None:
    def of(**said: str) -> list[str]:
        found: list[str] = view(ask, **said).card("runs").frame["run_id"].tolist()
        return found

    assert of(table=PATIENT) == ["r3", "r1"]
    assert of(state="wrong") == ["r4"]
    assert of(since="2026-01-06") == ["r5", "r4", "r3", "r2"]
    nothing = view(ask, table="gold.person")
    assert [b.text for b in nothing.blocks if isinstance(b, Alert)] == ["No run fits these filters."]
    assert stats(nothing)["Went wrong"].value is None
    with pytest.raises(InputError, match="State has no such value"):
        view(ask, state="<script>")


def test_rows_are_compared_with_what_readers_saw_before(ask: Ask) -> None:
    frame = view(ask).card("runs").frame.set_index("run_id")
    assert frame.loc["r3", "rows_more"] == 4
    assert frame.loc["r1", "rows_more"] != frame.loc["r1", "rows_more"]  # nothing before it


def test_a_run_accounts_for_its_records(ask: Ask) -> None:
    shown = view(ask, run="r3")
    assert shown.title == "Run of silver.patient"
    card = shown.card("accounts")
    assert card.summary == "48 records = 44 accepted + 1 held back + 2 superseded + 1 deleted."
    assert card.figure is not None
    flow = card.figure["data"][0]
    assert flow["link"]["value"] == [44, 1, 2, 1]
    assert flow["node"]["label"][:2] == ["48 records", "44 accepted"]
    assert card.links["became"]({"became": "held back"}) == "/quality?table=silver.patient"
    assert stats(shown)["Live rows"].note == "+4 against before"
    assert shown.card("inputs").frame["snapshot_id"].tolist() == ["7000000000000000001", "empty"]
    assert shown.card("inputs").summary == "It read 2 tables, 1 of which had nothing in it."


def test_an_ingestion_accounts_for_its_lines(ask: Ask) -> None:
    shown = view(ask, run="r2")
    assert shown.card("accounts").summary == (
        "62 lines in 1 file, 1 of them blank; 61 records = 59 landed + 2 held back. "
        "4 contained resources landed beside them."
    )
    assert shown.card("accounts").links["became"]({"became": "held back"}) == "/quality?table=landing"
    assert stats(shown)["Records"].value == 61


def test_files_have_numbers_and_no_names(ask: Ask) -> None:
    shown = view(ask, run="r3")
    files = shown.card("files")
    assert files.frame[["file_number", "accepted", "quarantined", "superseded", "deleted"]].values.tolist() == [
        [1, 44, 1, 0, 0], [2, 0, 0, 2, 1],
    ]  # fmt: skip
    assert files.summary == "Records of 1 of 2 files were held back."
    assert shown.card("batches").links["batch_id"]({"batch_id": "r2"}) == "/runs?run=r2"
    assert "Smith" not in drawn(shown)
    assert "Smith" not in render.as_csv(files.frame)


def test_a_run_that_went_wrong_says_why_and_what_readers_see(ask: Ask) -> None:
    shown = view(ask, run="r4")
    assert [b.text for b in shown.blocks if isinstance(b, Alert)] == [
        "A gate held it back; readers see the earlier snapshot. It says: index_or_excluded (2)"
    ]
    checks = shown.card("checks")
    assert checks.summary == "1 of 2 checks passed."
    first = {str(k): v for k, v in checks.frame.iloc[0].to_dict().items()}
    assert first["check_name"] == "index_or_excluded"
    assert checks.links["check_name"](first) == "/quality?table=gold.readmission&check=index_or_excluded"


def test_a_run_that_has_not_ended_shows_nothing_that_is_not_known(ask: Ask) -> None:
    shown = view(ask, run="r5")
    numbers = stats(shown)
    assert (numbers["State"].value, numbers["Took"].value, numbers["Took"].note) == (
        "planned",
        None,
        "it has not ended",
    )
    facts = shown.card("facts").frame.set_index("fact")["value"]
    assert (facts["Ended"], facts["Published"]) == ("not yet", "nothing")
    assert "No check ran." in drawn(shown)


def test_upkeep_is_told_with_what_it_left(ask: Ask) -> None:
    card = view(ask).card("upkeep")
    assert card.summary == "1 step of upkeep; 38 files fewer."
    assert card.frame[["seconds", "files_before", "files_after"]].values.tolist() == [[3.0, 40, 2]]


def test_a_lake_without_runs_says_so(tmp_path: Path) -> None:
    shown = view(ask_records(tmp_path))
    assert [b.text for b in shown.blocks if isinstance(b, Alert)] == [
        "Nothing has run yet: `make demo` or `lake ingest` begins."
    ]
    assert {s.value for s in stats(shown).values()} == {0, None}
    assert "No upkeep in this period" in drawn(shown)


def test_an_unknown_run_is_refused_without_repeating_it(ask: Ask) -> None:
    with pytest.raises(InputError) as refused:
        view(ask, run="<script>")
    assert "<script>" not in str(refused.value)


@pytest.mark.parametrize(
    ("fates", "said"),
    [
        ({"accepted": 1}, "1 record = 1 accepted"),
        ({"accepted": 1000, "not_selected": 2, "blank": 5}, "1,002 records = 1,000 accepted + 2 not selected"),
        ({"deleted": 2, "new_fate": 3}, "5 records = 2 deleted + 3 new_fate"),
        ({"blank": 5}, "0 records = 0"),
    ],
)  # fmt: skip
def test_the_equation_counts_every_record_once(fates: dict[str, int], said: str) -> None:
    assert equation(fates) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60.0, "1 min 0 s"), (3723.0, "1 h 2 min")]
)
def test_durations_are_written_for_people(seconds: float, said: str) -> None:
    assert took(seconds) == said
