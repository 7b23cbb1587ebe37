"""Commands that change the lake: ingest fhir, run, evolve."""

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import bars, bytes_, seconds, table

if TYPE_CHECKING:
    from spark_jobs.ingest.land import Landing
    from spark_jobs.lake import Lake
    from spark_jobs.runner import RunResult
    from spark_jobs.schedule import Failure


@click.group()
def ingest() -> None:
    """Land source data in bronze."""


@ingest.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Say which files would be read, and land nothing.")
@pass_context
@explained
def fhir(context: Context, paths: tuple[str, ...], dry_run: bool) -> None:
    """Land FHIR R4 from PATHS: files, folders and globs of NDJSON (plain, gzip, zstd), JSON and Bundles.

    Files whose bytes were landed before are skipped. What can't be read is kept in quarantine with its place.
    """
    if dry_run:
        _list_files(context, paths)
        return
    from spark_jobs.lake import open_lake

    with open_lake(context.settings) as lake:
        land_and_show(lake, list(paths))


@ingest.command("csv")
@click.argument("paths", nargs=-1, required=True)
@click.option("--mapping", "name", required=True, help="How columns become FHIR: a mapping that ships, or FILE.json.")
@click.option("--dry-run", is_flag=True, help="Say which files would be read, and land nothing.")
@pass_context
@explained
def csv_(context: Context, paths: tuple[str, ...], name: str, dry_run: bool) -> None:
    """Land rows of CSV (plain, gzip, zstd) from PATHS, and the FHIR resources that a mapping makes of them.

    Files that the same mapping has read before are skipped. What is no row, or can't be translated, is kept in
    quarantine with its place.
    """
    from spark_jobs.cli.extract import land_and_show_csv, list_csv_files

    if dry_run:
        list_csv_files(context, name, paths)
        return
    from spark_jobs.lake import open_lake

    with open_lake(context.settings) as lake:
        land_and_show_csv(lake, name, paths)


def _list_files(context: Context, paths: tuple[str, ...]) -> None:
    from lakehouse.control import open_control
    from spark_jobs.ingest.discover import discover
    from spark_jobs.ingest.land import look_at, new_and_old

    files = look_at(discover(list(paths)), context.settings, 2, lambda done, total: None)
    new, old = new_and_old(open_control(context.settings), files)
    rows = [[f.name, bytes_(f.size), f.layout.value, f.compression.value, "would land"] for f in new]
    rows += [[f.name, bytes_(f.size), f.layout.value, f.compression.value, "same bytes"] for f in old]
    table("", ["file", "size", "layout", "compression", ""], rows, right=["size"])


def land_and_show(lake: "Lake", paths: list[str]) -> "Landing":
    """Ingest with progress bars, then print the summary by resource type."""
    started = time.monotonic()
    with bars() as advance:
        landing = lake.land(paths, advance)
    _show_landing(landing, time.monotonic() - started)
    return landing


def _show_landing(landing: "Landing", took: float) -> None:
    counts = landing.counts
    if landing.skipped:
        click.echo(f"Skipped {len(landing.skipped):,} files: the same bytes landed before, or stand here twice.")
    if landing.batch_id is None:
        click.echo("There is nothing new to land.")
        return
    rows = [[kind, n] for kind, n in sorted(counts.by_type.items(), key=lambda item: -item[1])]
    table("", ["resource type", "landed"], rows, right=["landed"])
    rate = f", {counts.landed / took:,.0f} records/s" if counts.landed > 10_000 else ""
    click.echo(
        f"\nBatch {landing.batch_id}: {landing.files} files, {bytes_(landing.bytes)} in {seconds(took)}{rate}.\n"
        f"{counts.lines:,} lines: {counts.blank:,} blank, {counts.bundles:,} Bundles of {counts.entries:,} entries; "
        f"{counts.records:,} records = {counts.landed:,} landed ({counts.deleted:,} deletions) "
        f"+ {counts.rejected:,} held back. {counts.contained:,} contained resources landed beside them."
    )
    for name in landing.empty:
        click.secho(f"{name} is empty.", fg="yellow", err=True)
    if counts.rejected:
        click.secho("`lake quarantine --stage landing` shows what was held back, and why.", fg="yellow", err=True)


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TABLE|silver|gold|all...")
@click.option("--full", is_flag=True, help="Evaluate every record again, whether or not anything changed.")
@click.option("--dry-run", is_flag=True, help="Say which jobs would run, and run nothing.")
@pass_context
@explained
def run(context: Context, targets: tuple[str, ...], full: bool, dry_run: bool) -> None:
    """Bring tables up to date; only what changed is evaluated again."""
    from spark_jobs.jobs import ALL
    from spark_jobs.schedule import choose

    jobs = choose(ALL, targets)
    if dry_run:
        rows = [[j.writes.name, ", ".join(table.name for table in j.read_tables)] for j in jobs]
        table("", ["would make", "from"], rows)
        return
    from spark_jobs.lake import open_lake

    with open_lake(context.settings) as lake:
        failures = run_and_show(lake, jobs, full=full)
    leave(context, failures)


def run_and_show(lake: "Lake", jobs: Any, *, full: bool = False, retry_held: bool = False) -> "list[Failure]":
    """Run jobs with a bar for each, then print what came of them; returns what failed."""
    from spark_jobs.runner import STEPS

    started = time.monotonic()
    with bars() as advance:

        def observe(name: str, step: str) -> None:
            advance(name, STEPS.index(step) + 1, len(STEPS))

        results, failures = lake.run(jobs, full=full, retry_held=retry_held, observe=observe)
    _show_results(results)
    click.echo(f"\n{len(results)} of {len(jobs)} tables in {seconds(time.monotonic() - started)}.")
    for failure in failures:
        click.secho(failure.sentence, fg="red", err=True)
    return failures


def _show_results(results: "list[RunResult]") -> None:
    """Where the records of silver jobs went, and what marts made."""
    ordered = sorted(results, key=lambda r: r.run_id)
    marts = [r for r in ordered if r.table.startswith("gold.")]
    if records := [r for r in ordered if r not in marts]:
        _show_records(records)
    if marts:
        rows = [[r.table, r.state, r.mode, r.live_rows, _warnings(r), seconds(r.seconds)] for r in marts]
        table("", ["table", "state", "mode", "rows", "warnings", "took"], rows, right=["rows", "warnings", "took"])


def _show_records(results: "list[RunResult]") -> None:
    from spark_jobs.evaluate import STATUSES

    rows = []
    for r in results:
        counts = [r.records.get(s, 0) for s in STATUSES]
        rows.append([r.table, r.state, r.mode, sum(counts), *counts, r.live_rows, _warnings(r), seconds(r.seconds)])
    names = [s.replace("_", " ") for s in STATUSES]
    columns = ["table", "state", "mode", "records", *names, "live rows", "warnings", "took"]
    table("", columns, rows, right=columns[3:])


def _warnings(result: "RunResult") -> int:
    return sum(o.outcome == "warn" for o in result.outcomes)


def leave(context: Context, failures: "list[Failure]") -> None:
    """Exit with the kind of the first real failure; raise it under --debug."""
    from lakehouse.errors import LakeError

    for failure in failures:
        if failure.error is not None:
            if context.debug:
                raise failure.error
            sys.exit(failure.error.exit_code if isinstance(failure.error, LakeError) else 1)


@click.command()
@click.option("--dry-run", is_flag=True, help="Show the changes and apply none.")
@pass_context
@explained
def evolve(context: Context, dry_run: bool) -> None:
    """Bring live schemas to their declarations: additive changes only, others are refused."""
    from catalog.derive.diff import Step
    from catalog.registry import TABLES
    from lakehouse import trino_access
    from lakehouse.evolve import apply, differences
    from spark_jobs.lake import open_lake

    changes = differences(context.settings, list(TABLES.values()))
    if not changes:
        click.echo("The live tables are as declared.")
        return
    rows = [[c.table, c.column, "refused" if c.step is Step.REFUSE else c.step.value, c.text] for c in changes]
    table("", ["table", "column", "step", "what differs"], rows)
    if dry_run:
        return
    if any(c.step is Step.REFUSE for c in changes):
        apply(None, changes, TABLES)  # type: ignore[arg-type]  # refuses before it needs a session
    if trino_access.is_set_up(context.settings):
        trino_access.apply(context.settings)  # before there is a column that Trino has no rule for
    with open_lake(context.settings) as lake:
        apply(lake.spark, changes, TABLES)
    click.echo(f"\n{len(changes)} changes applied.")


COMMANDS: tuple[click.Command, ...] = (ingest, run, evolve)
