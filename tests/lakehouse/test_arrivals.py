"""What bronze tells of a resource type when snapshots that brought it have expired, by upkeep or by others."""

import json
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lakehouse.arrivals import Arrivals
from lakehouse.tables import Snapshot

KINDS = ("Patient", "Encounter", "Observation")


def snapshot(id_: int, *kinds: str, operation: str = "append") -> Snapshot:
    summary = {f"partitions.resource_type={kind}/arrived_on=2026-01-01": "added-data-files=1" for kind in kinds}
    return Snapshot(id_, id_ - 1 or None, {"total-records": "1", **summary}, operation)


def history(*brought: tuple[str, ...]) -> tuple[Snapshot, ...]:
    """Snapshots with ids from 1 on, given oldest first, newest first as they are read."""
    return tuple(reversed([snapshot(i, *kinds) for i, kinds in enumerate(brought, 1)]))


def expired(arrived: Arrivals, keep: int) -> Arrivals:
    """After upkeep that leaves the newest `keep` snapshots."""
    left = arrived.snapshots[:keep]
    written = json.loads(arrived.to_write(left[-1].id))
    return Arrivals(left, written["oldest"], written["before"])


def test_compaction_brings_nothing_although_it_names_partitions() -> None:
    both = (snapshot(2, "Patient", operation="replace"), snapshot(1, "Patient"))
    assert Arrivals(both).newest("Patient") == 1
    assert Arrivals(both).newest("Encounter") is None


@given(
    brought=st.lists(st.lists(st.sampled_from(KINDS), max_size=3, unique=True), min_size=2, max_size=12),
    keeps=st.lists(st.integers(1, 11), min_size=1, max_size=3),
)
def test_upkeep_however_often_changes_nothing_that_a_job_sees(brought: list[list[str]], keeps: list[int]) -> None:
    whole = Arrivals(history(*(tuple(kinds) or ("Basic",) for kinds in brought)))
    left = whole
    for keep in sorted((min(k, len(brought) - 1) for k in keeps), reverse=True):
        left = expired(left, keep)
    for kind in (*KINDS, "Device"):
        newest = whole.newest(kind)
        assert left.newest(kind) == newest
        assert left.tells_what_came_after(kind, newest)
        if newest is not None and all(s.id != newest for s in left.snapshots):
            assert left.start(newest) == left.snapshots[-1].parent


def test_a_job_that_has_not_seen_what_expired_evaluates_everything() -> None:
    whole = Arrivals(history(("Patient",), ("Patient",), ("Encounter",), ("Encounter",)))
    left = expired(whole, 1)
    assert left.tells_what_came_after("Patient", 2)
    assert not left.tells_what_came_after("Patient", 1)


def test_snapshots_that_a_job_has_not_read_yet_are_told() -> None:
    arrived = Arrivals(history(("Patient",), ("Encounter",), ("Patient",), ("Encounter",)))
    assert arrived.unread("Patient", 1) == [4, 3, 2]
    assert arrived.unread("Patient", 3) == []
    assert arrived.unread("Patient", None) == []
    behind = expired(arrived, 2)
    assert behind.unread("Encounter", 2) == [4, 3], "the one that it read need not be there"


def test_what_others_expired_is_not_guessed_at() -> None:
    whole = Arrivals(history(("Patient",), ("Encounter",), ("Encounter",), ("Encounter",)))
    foreign = Arrivals(whole.snapshots[:2])
    assert foreign.newest("Patient") == 4, "it may have come with any"
    assert not foreign.tells_what_came_after("Patient", 1)
    beyond = Arrivals(expired(whole, 3).snapshots[:2], 2, {"Patient": 1})
    assert not beyond.tells_what_came_after("Patient", 1)
    after_upkeep = expired(foreign, 1)
    assert not after_upkeep.tells_what_came_after("Patient", 1)
    assert after_upkeep.newest("Patient") is not None


def test_a_commit_that_does_not_say_what_it_brought_may_have_brought_anything() -> None:
    silent = Snapshot(2, 1, {"total-records": "9"})
    arrived = Arrivals((*history(("a",), ("a",), ("Patient",), ("Encounter",))[:2], silent, snapshot(1, "Device")))
    assert [s.id for s in arrived.snapshots] == [4, 3, 2, 1]
    left = expired(arrived, 1)
    assert [left.newest(kind) for kind in ("Encounter", "Patient", "Device")] == [4, 3, 2]
    assert all(newer.parent == older.id for newer, older in pairwise(arrived.snapshots))
