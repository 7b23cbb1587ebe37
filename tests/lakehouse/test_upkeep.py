"""What upkeep decides, from figures alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from catalog.model import Retention
from catalog.registry import TABLES
from catalog.tables.bronze import FHIR_RESOURCE
from catalog.tables.silver import PATIENT
from lakehouse.errors import DeclarationError
from lakehouse.upkeep import Decision, Figures, Partition, Ref, SnapshotFigures, decide, policy_of

NOW = datetime(2026, 7, 1, tzinfo=UTC)
MAIN = "main"


def chain(*ages: float, replaced: tuple[int, ...] = ()) -> tuple[SnapshotFigures, ...]:
    """A history of main with ids from 1 on, oldest first, by age in days."""
    return tuple(
        SnapshotFigures(i, i - 1 or None, NOW - timedelta(days=age), i in replaced) for i, age in enumerate(ages, 1)
    )


def on_main(snapshots: tuple[SnapshotFigures, ...], *refs: Ref, **more: object) -> Figures:
    return Figures(snapshots=snapshots, refs=(Ref(MAIN, True, snapshots[-1].id), *refs), **more)  # type: ignore[arg-type]


def decided(figures: Figures, needed: dict[int, str] | None = None, obstacle: str | None = None) -> Decision:
    return decide(PATIENT, figures, needed or {}, NOW, obstacle)


def test_every_declared_table_has_a_policy_and_a_class_without_one_is_told() -> None:
    assert [policy_of(table) for table in TABLES.values()]
    with pytest.raises(DeclarationError, match="for_a_while has no upkeep policy"):
        policy_of(replace(PATIENT, retention=Retention("for_a_while", 1, "x")))


def test_old_snapshots_go_and_the_young_and_the_newest_stay() -> None:
    old = chain(*range(100, 80, -1))
    assert decided(on_main(old)).expire == tuple(range(1, 16)), "the five newest stay, however old"
    assert decided(on_main(chain(30, 20, 10, 7, 6, 5, 4, 3, 2, 1))).expire == (1, 2, 3)


def test_what_a_run_or_a_tag_needs_stays_and_a_tag_whose_time_is_up_goes() -> None:
    snapshots = chain(*range(100, 80, -1))
    tags = (
        Ref("failed_old", False, 3, timedelta(days=7)),
        Ref("failed_new", False, 4, timedelta(days=120)),
        Ref("audit", False, 5),
    )
    decision = decided(on_main(snapshots, *tags), {7: "read by a last run"})
    assert decision.drop_tags == ("failed_old",)
    assert {1, 2, 3, 6} < set(decision.expire)
    assert not {4, 5, 7} & set(decision.expire)
    assert decision.kept == {"among the newest": 5, "under a tag": 2, "read by a last run": 1}
    assert decision.oldest_kept == 16


def test_the_version_that_jobs_know_stays_below_any_number_of_compactions() -> None:
    snapshots = chain(*range(100, 80, -1), replaced=tuple(range(9, 21)))
    assert 8 not in decided(on_main(snapshots)).expire


def test_a_snapshot_that_no_branch_reaches_goes_with_its_age() -> None:
    stray = (SnapshotFigures(90, 1, NOW - timedelta(days=30)), SnapshotFigures(91, 1, NOW - timedelta(days=1)))
    figures = Figures(snapshots=(*chain(3, 2, 1), *stray), refs=(Ref(MAIN, True, 3),))
    assert decided(figures).expire == (90,)


def test_a_table_with_a_branch_or_an_unfinished_run_is_left_as_it_is() -> None:
    figures = on_main(chain(*range(100, 80, -1)), Ref("run_x", True, 3), partitions=(Partition(small_files=50),))
    decision = decided(figures)
    assert decision.obstacle is not None
    assert "ALTER TABLE lake.silver.patient DROP BRANCH run_x" in decision.obstacle
    assert (decision.expire, decision.compact) == ((), ())
    assert decided(on_main(chain(100)), obstacle="a run lives").obstacle == "a run lives"


@pytest.mark.parametrize(
    ("partition", "said"),
    [
        (Partition(data_files=4, small_files=4, rows=10), ()),
        (Partition(data_files=5, small_files=5, rows=10), ("5 small files in 1 partition",)),
        (Partition(data_files=1, rows=100, delete_files=1, deleted_rows=9), ()),
        (Partition(data_files=1, rows=100, delete_files=1, deleted_rows=10), ("1 delete files in 1 partition",)),
        (Partition(data_files=1, rows=10**6, delete_files=5, deleted_rows=9), ("5 delete files in 1 partition",)),
    ],
)
def test_only_partitions_that_need_it_are_compacted(partition: Partition, said: tuple[str, ...]) -> None:
    fine = Partition(data_files=1, rows=10**6)
    assert decided(on_main(chain(1), partitions=(fine, partition))).compact == said


def test_small_files_of_old_days_are_joined_by_year_and_young_days_are_left() -> None:
    def of_days(*days: int) -> Figures:
        partitions = tuple(Partition(day=date(2026, 6, d), data_files=1, small_files=1) for d in days)
        return on_main(chain(1), partitions=partitions)

    def why(figures: Figures) -> tuple[str, ...]:
        decision = decide(FHIR_RESOURCE, figures, {}, NOW, None)
        assert decision.fold_before == date(2026, 6, 24)
        return decision.compact

    many = on_main(chain(1), partitions=(Partition(day=date(2026, 6, 1), data_files=5, small_files=5),))
    assert why(many) == ("5 small files of 1 days before 2026-06-24 to be kept by year",)
    assert why(of_days(19, 20, 21, 22, 23)) == ("5 small files of 5 days before 2026-06-24 to be kept by year",)
    assert why(of_days(20, 21, 22, 23, 24)) == ()
    assert why(on_main(chain(1), partitions=(Partition(small_files=5),))) == ("5 small files in 1 partition",)
    assert why(replace(of_days(), is_folding=True)) == ("an interrupted upkeep left it partitioned by year",)
    assert decided(of_days(1)).fold_before is None, "another table's class keeps no days"


def test_manifests_are_joined_when_they_are_many() -> None:
    assert not decided(on_main(chain(1), manifests=19)).does("manifests")
    assert decided(on_main(chain(1), manifests=20)).does("manifests")
