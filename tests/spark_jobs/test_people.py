"""From patient records to people to their readmissions: links that come and go leave what a full run would make."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.model import Table
from catalog.tables.silver import ENCOUNTER, PATIENT
from lakehouse import tables
from spark_jobs.lake import Lake
from spark_jobs.mart import Mart, TimeZones, made_columns
from spark_jobs.marts.encounter_fact import encounter_fact
from spark_jobs.marts.person import person
from spark_jobs.marts.planned import planned_codes
from spark_jobs.marts.readmission import readmission
from spark_jobs.runner import RunResult, run_job
from tests.spark_jobs import tiny
from tests.spark_jobs.tiny_mart import put

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RECORD = {"version_at": datetime(2026, 1, 1, tzinfo=UTC), "batch_id": "b", "payload_sha256": "h", "run_id": "r"}
CHAIN: tuple[Mart, ...] = (person, encounter_fact, readmission)


def row(table: Table, deleted: bool = False, **given: Any) -> tuple[Any, ...]:
    """A row of silver as a conforming run leaves it; what is not given is null."""
    known = {**RECORD, **given, "is_deleted": deleted}
    return tuple(known.get(c.name) for c in table.columns)


def patient(ident: str, number: str | None, told: str | None = None, *, deleted: bool = False) -> tuple[Any, ...]:
    """A patient record with that number, which the source may have told to be of one person with another."""
    identifiers = [{"system": "urn:mrn", "value": number}] if number else []
    links = [told] if told else []
    given = {"identifiers": identifiers, "linked_patient_ids": links, "is_deceased": False}
    return row(PATIENT, deleted, patient_id=ident, **given)


def stay(ident: str, record: str, week: int, *, deleted: bool = False) -> tuple[Any, ...]:
    """Three days in hospital in a week of 2025."""
    start = datetime(2025, 1, 6, 9, tzinfo=UTC) + timedelta(weeks=week)
    times = {"started_at": start, "ended_at": start + timedelta(days=3)}
    given = {"status": "finished", "class_code": "IMP", "started_precision": "second", "ended_precision": "second"}
    return row(ENCOUNTER, deleted, encounter_id=ident, patient_id=record, organization_id="one", **given, **times)


def run(lake: Lake, mart: Mart) -> RunResult:
    return run_job(lake.spark, lake.control, lake.settings, mart, lake.as_of)


def ensure_sources(lake: Lake) -> None:
    for table in {source.table for mart in CHAIN for source in mart.reads}:
        tables.ensure(lake.spark, table)


def live(lake: Lake, table: Table) -> "DataFrame":
    return tables.live(lake.spark.table(tables.full_name(table)))


def seen(lake: Lake, mart: Mart) -> list[str]:
    """What a reader sees."""
    return sorted(str(r) for r in live(lake, mart.writes).select(*made_columns(mart.writes)).collect())


def anew(lake: Lake, mart: Mart) -> list[str]:
    """What the mart makes of all that is there now."""
    known = {"as_of": lake.as_of, "time_zones": TimeZones(), "planned_codes": planned_codes(None)}
    sources = {s.argument: live(lake, s.table).select(*s.columns) for s in mart.reads}
    return sorted(str(r) for r in mart(**sources, **{name: known[name] for name in mart.uses}).collect())


def readmitted(lake: Lake) -> dict[str, str | None]:
    rows = live(lake, readmission.writes).collect()
    return {r.encounter_id: r.readmission_encounter_id for r in rows}


@pytest.mark.slow
def test_a_link_between_records_makes_a_readmission_and_its_end_unmakes_it(lake: Lake) -> None:
    ensure_sources(lake)
    put(lake, PATIENT, [patient("a", "1"), patient("b", "2"), patient("c", "3")])
    put(lake, ENCOUNTER, [stay("first", "b", 0), stay("next", "a", 2), stay("other", "c", 1), stay("end", "c", 40)])
    for mart in CHAIN:
        run(lake, mart)
    alone = {"first": None, "next": None, "other": None, "end": None}
    assert readmitted(lake) == alone

    put(lake, PATIENT, [patient("b", "2", told="a")])
    made = {mart.name: run(lake, mart) for mart in CHAIN}
    assert readmitted(lake) == alone | {"first": "next"}
    assert made["encounter_fact"].mode == "incremental"
    runs = {r.encounter_id: r.run_id for r in live(lake, encounter_fact.writes).collect()}
    changed = {ident for ident, run_id in runs.items() if run_id == made["encounter_fact"].run_id}
    assert changed == {"first"}, "only the record that got another person"

    put(lake, PATIENT, [patient("b", "2")])
    for mart in CHAIN:
        run(lake, mart)
    assert readmitted(lake) == alone


records = st.sampled_from(["a", "b", "c", "d"])
changes_of_patients = st.lists(
    st.builds(patient, records, st.sampled_from(["1", "2", "3", None]), st.none() | records, deleted=st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda made: made[0],
)
changes_of_stays = st.lists(
    st.builds(stay, st.sampled_from(["s0", "s1", "s2", "s3"]), records, st.integers(0, 5), deleted=st.booleans()),
    min_size=1,
    max_size=2,
    unique_by=lambda made: made[0],
)
Step = tuple[Table, Sequence[tuple[Any, ...]]]
steps = st.one_of(
    st.tuples(st.just(PATIENT), changes_of_patients),
    st.tuples(st.just(PATIENT), changes_of_patients),
    st.tuples(st.just(ENCOUNTER), changes_of_stays),
)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, min_size=2, max_size=3))
def test_whatever_links_come_and_go_the_result_is_that_of_making_all(lake: Lake, history: list[Step]) -> None:
    own = tiny.another_lake(lake)
    ensure_sources(own)
    put(own, PATIENT, [patient("a", "1"), patient("b", "1"), patient("c", "2")])
    put(own, ENCOUNTER, [stay("s0", "a", 0), stay("s1", "b", 2), stay("s2", "c", 1), stay("late", "d", 30)])
    for mart in CHAIN:
        run(own, mart)
    for table, rows in history:
        put(own, table, rows)
        for mart in CHAIN:
            run(own, mart)
            assert seen(own, mart) == anew(own, mart)
