"""Silver with look-ups: whatever comes, in whatever order and batches, the tables are those of one run over all."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from spark_jobs.conform.medication import medication
from spark_jobs.conform.medication_request import medication_request
from spark_jobs.conform.patient import patient
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import another_lake, ingest, write

JOBS = (patient, medication, medication_request)
OF_THE_RUN = {"run_id", "batch_id"}
"""Columns that say when something came and was written, not what is known."""

Resource = dict[str, Any]


def person(number: int, birth: str | None) -> Resource:
    return {"resourceType": "Patient", "id": f"p{number}", **({"birthDate": birth} if birth else {})}


def medicine(number: int, code: str | None) -> Resource:
    coding = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code}]}
    return {"resourceType": "Medication", "id": f"m{number}", **({"code": coding} if code else {})}


def order(number: int, of: int, what: int, authored: str) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "id": f"r{number}",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/p{of}"},
        "medicationReference": {"reference": f"Medication/m{what}"},
        "authoredOn": authored,
    }


def deletion(of: Resource) -> Resource:
    request = {"method": "DELETE", "url": f"{of['resourceType']}/{of['id']}"}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": request}]}


two = st.integers(0, 1)
# Born in 2010, people whose orders are of 2001 cannot have had them.
people = st.builds(person, two, st.sampled_from([None, "1970-01-01", "2010-01-01"]))
medicines = st.builds(medicine, two, st.sampled_from([None, "197361", "310798"]))
orders = st.builds(order, st.integers(0, 2), two, two, st.sampled_from(["2001-05-05", "2020-05-05"]))
written = st.one_of(people, medicines, orders)
version = st.one_of(written, written, st.one_of(people, medicines, orders).map(deletion))


def at(day: int, resource: Resource) -> Resource:
    """The resource as its source changed it on that day of January 2026; a Bundle's time stands before its entries."""
    meta = {"lastUpdated": f"2026-01-{1 + day:02}T00:00:00Z"}
    return {"resourceType": resource["resourceType"], "meta": meta, **resource}


# What is never touched, enough of it that the volume check lets all else go.
STEADY = [person(9, "1960-01-01"), medicine(9, "197361"), *(order(n, 9, 9, "2020-01-01") for n in range(10, 20))]
STEADY += [person(n, "1960-01-01") for n in range(10, 16)] + [medicine(n, None) for n in range(10, 16)]
STEADY = [at(0, resource) for resource in STEADY]


def load(lake: Lake, name: str, resources: list[Resource]) -> None:
    """Land a batch and bring the tables up to date."""
    ingest(lake, write(lake.settings.root, f"{name}.ndjson", resources))
    _, failures = lake.run(JOBS)
    assert [failure.sentence for failure in failures] == []


def state(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    """The live rows of each table, and what is held back and why."""
    found = {}
    for job in JOBS:
        columns = [c.name for c in job.writes.columns if c.name not in OF_THE_RUN]
        rows = lake.spark.table(f"lake.{job.writes.name}").where("not is_deleted").select(*columns)
        found[job.writes.name] = sorted(map(tuple, rows.collect()), key=repr)
    held = lake.spark.table("lake.ops.quarantine").where("resolved_by is null")
    columns = ["stage", "resource_id", "reason_code", "payload_sha256"]
    return {**found, "held back": sorted(map(tuple, held.select(*columns).collect()), key=repr)}


# Orders before what they refer to, an order that is another person's, births and medicines that come, change and go.
KNOWN = [
    order(0, 0, 0, "2001-05-05"),
    order(1, 1, 1, "2001-05-05"),
    order(2, 0, 1, "2020-05-05"),
    medicine(0, "197361"),
    person(0, "2010-01-01"),
    person(1, "1970-01-01"),
    deletion(order(2, 0, 1, "")),
    person(0, "1970-01-01"),
    order(1, 0, 0, "2001-05-05"),
    medicine(0, "310798"),
    person(1, "2010-01-01"),
    order(0, 1, 1, "2001-05-05"),
    deletion(medicine(0, None)),
]


@pytest.mark.slow
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # to shrink would take an hour; the history is printed whole
    suppress_health_check=list(HealthCheck),
)
@example(history=KNOWN, shuffled=None, cuts=[0.3, 0.6])
@given(
    history=st.lists(version, min_size=6, max_size=14),
    shuffled=st.randoms(use_true_random=False),
    cuts=st.lists(st.floats(0, 1), min_size=1, max_size=2),
)
def test_look_ups_over_random_histories_in_random_batches_give_what_one_run_over_all_gives(
    lake: Lake, history: list[Resource], shuffled: Any, cuts: list[float]
) -> None:
    arriving = [at(day, resource) for day, resource in enumerate(history)]
    if shuffled:
        shuffled.shuffle(arriving)
    bounds = [0, *sorted(int(cut * len(arriving)) for cut in cuts), len(arriving)]
    bit_by_bit = another_lake(lake)
    load(bit_by_bit, "steady", STEADY)
    for part, (begin, end) in enumerate(itertools.pairwise(bounds)):
        if begin < end:
            load(bit_by_bit, str(part), arriving[begin:end])
    at_once = another_lake(lake)
    load(at_once, "all", [*STEADY, *arriving])
    assert state(bit_by_bit) == state(at_once)
