"""The steps of upkeep on one table, with Iceberg's own procedures. Each commit leaves the table whole.

Killed between two commits: the table holds the same rows, and the next upkeep finds what is left to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.model import Table
from catalog.tables.bronze import FHIR_RESOURCE
from lakehouse.arrivals import PROPERTY, arrivals
from lakehouse.places import local_path
from lakehouse.tables import CATALOG, full_name, load
from lakehouse.upkeep import Decision, Policy, day_column

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def compact(spark: "SparkSession", table: Table, policy: Policy, fold_before: date | None) -> dict[str, int]:
    """Join small files and apply deletes, partition by partition where it is needed; returns what was rewritten.

    Of a table that is partitioned by day, days before `fold_before` are rewritten by year.
    """
    if fold_before is None:
        done = _rewrite(spark, table, policy)
    else:
        folded = _fold(spark, table, policy, fold_before)
        # Not the years: under the layout by day they would be taken for misplaced and written by day again.
        rest = _rewrite(spark, table, policy, f'{day_column(table)} >= DATE "{fold_before}"')
        done = {name: folded[name] + figure for name, figure in rest.items()}
    # Rewriting data leaves position deletes that hit nothing any more: they go only by a rewrite of their own.
    head = load(spark, table).currentSnapshot()
    if head is None or head.summary().get("total-delete-files") == "0":
        return done
    deletes = _call(spark, "rewrite_position_delete_files", table, "options => map('rewrite-all', 'true')")
    return done | {"rewritten_delete_files": int(deletes["rewritten_delete_files_count"])}


def _rewrite(spark: "SparkSession", table: Table, policy: Policy, where: str = "") -> dict[str, int]:
    options = {
        "min-input-files": policy.small_files,
        "delete-file-threshold": policy.delete_files,
        "delete-ratio-threshold": policy.deleted_share,
        # No one else writes meanwhile, so nothing can be deleted from the files that are being replaced; with the
        # earlier number, deletes of the same commit would seem to apply to the new files.
        "use-starting-sequence-number": "false",
    }
    given = ", ".join(f"'{name}', '{value}'" for name, value in options.items())
    chosen = f", where => '{where}'" if where else ""
    said = _call(spark, "rewrite_data_files", table, f"options => map({given}){chosen}")
    names = ("rewritten_data_files_count", "added_data_files_count", "rewritten_bytes_count")
    return {name.removesuffix("_count"): int(said[name]) for name in names}


def _fold(spark: "SparkSession", table: Table, policy: Policy, before: date) -> dict[str, int]:
    """Rewrite days before that one by year: files are joined only within a partition, and a day is a small one.

    Killed before the layout is as declared again: new files go by year, too, until the next upkeep.
    """
    day = day_column(table)
    assert day is not None
    _partition_by(spark, table, day, by_year=True)
    try:
        return _rewrite(spark, table, policy, f'{day} < DATE "{before}"')
    finally:
        _partition_by(spark, table, day, by_year=False)


def _partition_by(spark: "SparkSession", table: Table, day: str, *, by_year: bool) -> None:
    fields = [f.name() for f in load(spark, table).spec().fields()]
    was, becomes = (day, f"years({day})") if by_year else (f"{day}_year", day)
    if was in fields:
        spark.sql(f"ALTER TABLE {full_name(table)} REPLACE PARTITION FIELD {was} WITH {becomes}")


def rewrite_manifests(spark: "SparkSession", table: Table) -> dict[str, int]:
    """Join manifests, so that planning a query reads few."""
    said = _call(spark, "rewrite_manifests", table, "use_caching => false")
    return {"rewritten": int(said["rewritten_manifests_count"]), "added": int(said["added_manifests_count"])}


def expire(spark: "SparkSession", decision: Decision) -> dict[str, int]:
    """Let go exactly the snapshots and tags that were decided on, and the files that only they reach.

    Not by the procedure: that one also expires by age as the table's properties have it, and starts Spark jobs for it.
    """
    table = decision.table
    for tag in decision.drop_tags:
        spark.sql(f"ALTER TABLE {full_name(table)} DROP TAG IF EXISTS {tag}")
    if not decision.expire:
        return {"tags": len(decision.drop_tags), "snapshots": 0}
    if table.name == FHIR_RESOURCE.name and decision.oldest_kept is not None:
        # First: killed after it, nothing is said that is not true.
        written = arrivals(spark).to_write(decision.oldest_kept)
        load(spark, table).updateProperties().set(PROPERTY, written).commit()
    action = load(spark, table).expireSnapshots().expireOlderThan(0)
    for snapshot in decision.expire:
        action = action.expireSnapshotId(snapshot)
    action.cleanExpiredFiles(True).commit()
    return {"tags": len(decision.drop_tags), "snapshots": len(decision.expire)}


@dataclass(frozen=True)
class Orphans:
    """Files in a table's folder that no metadata knows."""

    places: tuple[str, ...] = ()
    bytes: int = 0


def find_orphans(spark: "SparkSession", table: Table, warehouse: str, days: int) -> Orphans:
    """Orphans older than so many days; none are looked for where the table's folder is not inside the warehouse."""
    places = _orphans(spark, table, warehouse, days, dry_run=True)
    io: Any = load(spark, table).io()
    return Orphans(tuple(places), sum(int(io.newInputFile(place).getLength()) for place in places))


def remove_orphans(spark: "SparkSession", table: Table, warehouse: str, days: int) -> dict[str, int]:
    """Delete them."""
    return {"files": len(_orphans(spark, table, warehouse, days, dry_run=False))}


def _orphans(spark: "SparkSession", table: Table, warehouse: str, days: int, *, dry_run: bool) -> Sequence[str]:
    location = load(spark, table).location()
    folder = local_path(location)
    if folder is None and not location.startswith(f"{warehouse}/"):
        return []
    if folder is not None and Path(warehouse).resolve() not in folder.resolve().parents:
        return []
    # The real clock, always: files carry the file system's times.
    before = datetime.now(UTC) - timedelta(days=days)
    listing = "" if folder is not None else ", prefix_listing => true"  # S3FileIO lists in no other way
    said = spark.sql(
        f"CALL {CATALOG}.system.remove_orphan_files(table => '{table.name}', dry_run => {str(dry_run).lower()}, "
        f"older_than => TIMESTAMP '{before:%Y-%m-%d %H:%M:%S}'{listing})"
    )
    return [row.orphan_file_location for row in said.collect()]


def _call(spark: "SparkSession", procedure: str, table: Table, arguments: str) -> Any:
    return spark.sql(f"CALL {CATALOG}.system.{procedure}(table => '{table.name}', {arguments})").collect()[0]
