"""What a table's upkeep is to do, decided from figures alone: which files to rewrite, which snapshots to let go.

Nothing here touches a table; `lakehouse.figures` looks, `lakehouse.maintain` does it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from catalog.model import CLINICAL_RECORD, OPERATIONS, SOURCE_COPY, Retention, Table
from catalog.types import Date
from lakehouse.errors import DeclarationError

STEPS = ("compact", "manifests", "expire", "orphans")
"""The safe order. Expiry lets go what compaction replaced; orphans come last, when no metadata is on its way."""

ORPHAN_DAYS = 3
LEAST_ORPHAN_DAYS = 1
"""A younger file may belong to a commit that is on its way; Iceberg's procedure refuses less than a day, too."""


@dataclass(frozen=True)
class Policy:
    """How the tables of a retention class are kept in shape. It is about files and snapshots; rows are never dropped.

    A snapshot stays for `days`, the newest `snapshots` of main stay whatever their age. A job that has not run for
    `claim_days` loses the snapshots that it would go on from: its next run evaluates everything. Where a table is
    partitioned by day, days older than `fold_after_days` are rewritten by year; None: they stay.
    """

    days: int
    snapshots: int
    fold_after_days: int | None = None
    claim_days: int = 90
    small_files: int = 5
    delete_files: int = 5
    deleted_share: float = 0.1
    manifests: int = 20


POLICIES: Mapping[Retention, Policy] = {
    SOURCE_COPY: Policy(days=7, snapshots=5, fold_after_days=7),
    CLINICAL_RECORD: Policy(days=7, snapshots=5),
    OPERATIONS: Policy(days=30, snapshots=5),
}
"""The declared policy of each retention class."""


def policy_of(table: Table) -> Policy:
    """The policy of the table's class; DeclarationError if its class has none."""
    if table.retention not in POLICIES:
        raise DeclarationError(
            f"{table.name}: the retention class {table.retention.name} has no upkeep policy; "
            f"add one to POLICIES in lakehouse/upkeep.py."
        )
    return POLICIES[table.retention]


def day_column(table: Table) -> str | None:
    """The column by whose days the table is partitioned, if it is."""
    days = (p.column for p in table.partition if p.transform == "identity" and table.column(p.column).type == Date)
    return next(days, None)


@dataclass(frozen=True)
class Partition:
    """Files of one partition at main's head. `day` is set where files are kept by day."""

    day: date | None = None
    data_files: int = 0
    small_files: int = 0
    delete_files: int = 0
    rows: int = 0
    deleted_rows: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class SnapshotFigures:
    """A snapshot in the table's metadata."""

    id: int
    parent: int | None
    committed_at: datetime
    is_replace: bool = False


@dataclass(frozen=True)
class Ref:
    """A branch or tag. `keep` is how long a tag lasts from the commit of its snapshot; None: for ever."""

    name: str
    is_branch: bool
    snapshot_id: int
    keep: timedelta | None = None


@dataclass(frozen=True)
class Figures:
    """A table as its metadata shows it. `is_folding`: an interrupted upkeep left it partitioned by year."""

    partitions: tuple[Partition, ...] = ()
    manifests: int = 0
    snapshots: tuple[SnapshotFigures, ...] = ()
    refs: tuple[Ref, ...] = ()
    metadata_versions: int = 0
    metadata_bytes: int = 0
    is_folding: bool = False

    def total(self, name: str) -> int:
        """The sum of one figure over all partitions."""
        return sum(getattr(p, name) for p in self.partitions)

    def main(self) -> list[SnapshotFigures]:
        """The snapshots of main, newest first, back to the oldest that is left."""
        return self.chain("main")

    def chain(self, ref: str) -> list[SnapshotFigures]:
        """The snapshots of a branch, newest first."""
        by_id = {s.id: s for s in self.snapshots}
        at: int | None = next((r.snapshot_id for r in self.refs if r.name == ref), None)
        found = []
        while at in by_id:
            found.append(by_id[at])
            at = by_id[at].parent
        return found

    def as_dict(self) -> dict[str, int]:
        """The figures that are shown and recorded."""
        sums = {n: self.total(n) for n in ("data_files", "small_files", "delete_files", "bytes")}
        return sums | {
            "manifests": self.manifests,
            "snapshots": len(self.snapshots),
            "metadata_versions": self.metadata_versions,
            "metadata_bytes": self.metadata_bytes,
        }


@dataclass(frozen=True)
class Decision:
    """What is to be done with one table, and why; `obstacle` says why nothing is. `kept` counts snapshots by reason."""

    table: Table
    figures: Figures
    obstacle: str | None = None
    compact: tuple[str, ...] = ()
    fold_before: date | None = None
    manifests: tuple[str, ...] = ()
    expire: tuple[int, ...] = ()
    drop_tags: tuple[str, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict)

    @property
    def oldest_kept(self) -> int | None:
        """The oldest snapshot of main's unbroken history that stays."""
        left: int | None = None
        for snapshot in self.figures.main():
            if snapshot.id in self.expire:
                break
            left = snapshot.id
        return left

    def does(self, step: str) -> bool:
        """Whether a step (orphans apart: only a listing tells) has anything to do."""
        return self.obstacle is None and bool(
            {"compact": self.compact, "manifests": self.manifests, "expire": self.expire + self.drop_tags}[step]
        )


def decide(table: Table, figures: Figures, needed: Mapping[int, str], at: datetime, obstacle: str | None) -> Decision:
    """What the table's policy asks for at that time.

    `needed` holds snapshots that must stay, with the reason; `obstacle` says why nothing may be done at all.
    """
    policy = policy_of(table)
    obstacle = obstacle or _stray_branch(table, figures)
    if obstacle:
        return Decision(table, figures, obstacle)
    fold_before = _fold_before(table, policy, at)
    compact = (*_to_fold(figures, policy, fold_before), *_to_compact(figures, policy, fold_before))
    too_many = figures.manifests >= policy.manifests
    manifests = (f"{figures.manifests} manifests, rewritten from {policy.manifests} on",) if too_many else ()
    tags = tuple(r.name for r in figures.refs if _is_over(r, figures, at))
    reasons = _reasons_to_keep(figures, policy, needed, at, tags)
    expire = tuple(s.id for s in figures.snapshots if s.id not in reasons)
    kept = dict(Counter(reasons.values()))
    return Decision(table, figures, None, compact, fold_before, manifests, expire, tags, kept)


def _stray_branch(table: Table, figures: Figures) -> str | None:
    """A branch waits for its fast-forward, which compaction of main would make impossible for good."""
    others = [r.name for r in figures.refs if r.is_branch and r.name != "main"]
    if not others:
        return None
    return (
        f"branch {others[0]} stands beside main: publish it, or drop it with "
        f"`ALTER TABLE lake.{table.name} DROP BRANCH {others[0]}`"
    )


def _fold_before(table: Table, policy: Policy, at: datetime) -> date | None:
    """The day before which days are kept by year; None for a table that is not partitioned by day."""
    if policy.fold_after_days is None or day_column(table) is None:
        return None
    return at.date() - timedelta(days=policy.fold_after_days)


def _to_fold(figures: Figures, policy: Policy, before: date | None) -> tuple[str, ...]:
    """Why days are to be rewritten by year: bin-packing alone never joins two days."""
    found = ["an interrupted upkeep left it partitioned by year"] if figures.is_folding else []
    old = [p for p in figures.partitions if before and p.day is not None and p.day < before]
    files = sum(p.small_files for p in old)
    if files >= policy.small_files:
        found.append(f"{files} small files of {len(old)} days before {before} to be kept by year")
    return tuple(found)


def _to_compact(figures: Figures, policy: Policy, fold_before: date | None) -> tuple[str, ...]:
    rest = [p for p in figures.partitions if fold_before is None or p.day is None or p.day >= fold_before]
    small = [p for p in rest if p.small_files >= policy.small_files]
    deleted = [
        p
        for p in rest
        if p.delete_files >= policy.delete_files or (p.deleted_rows and p.deleted_rows >= policy.deleted_share * p.rows)
    ]
    found = []
    if small:
        found.append(f"{sum(p.small_files for p in small)} small files in {_partitions(len(small))}")
    if deleted:
        found.append(f"{sum(p.delete_files for p in deleted)} delete files in {_partitions(len(deleted))}")
    return tuple(found)


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count} partitions"


def _is_over(ref: Ref, figures: Figures, at: datetime) -> bool:
    """Whether a tag's time is up, counted as Iceberg does: from the commit of its snapshot."""
    if ref.is_branch or ref.keep is None:
        return False
    made = next((s.committed_at for s in figures.snapshots if s.id == ref.snapshot_id), None)
    return made is not None and at - made > ref.keep


def _reasons_to_keep(
    figures: Figures, policy: Policy, needed: Mapping[int, str], at: datetime, dropped: tuple[str, ...]
) -> dict[int, str]:
    """The first reason for each snapshot that stays."""
    main = figures.main()
    reasons: dict[int, str] = {}
    young = [s.id for s in figures.snapshots if at - s.committed_at <= timedelta(days=policy.days)]
    # What compaction replaced is the version that jobs know the table by, until rows change again.
    version = [s.id for s in main if not s.is_replace][:1]
    held = [s.id for r in figures.refs if r.name not in dropped and r.is_branch for s in figures.chain(r.name)[:1]]
    held += [r.snapshot_id for r in figures.refs if r.name not in dropped and not r.is_branch]
    for reason, ids in (
        (f"younger than {policy.days} days", young),
        ("among the newest", [s.id for s in main[: policy.snapshots]] + version),
        ("under a tag", held),
    ):
        for snapshot in ids:
            reasons.setdefault(snapshot, reason)
    known = {s.id for s in figures.snapshots}
    for snapshot, reason in needed.items():
        if snapshot in known:
            reasons.setdefault(snapshot, reason)
    return reasons
