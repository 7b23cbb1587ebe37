"""`lake replay`: what was held back, tried again or given up."""

from typing import TYPE_CHECKING

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.work import leave, run_and_show

if TYPE_CHECKING:
    from spark_jobs.lake import Lake


@click.command()
@click.option("--stage", help="Only this stage: landing, bronze.csv_row, or a table such as silver.encounter.")
@click.option("--encoding", help="Text encoding of what could not land, such as latin-1 or utf-16.")
@click.option("--file", "source_file", help="Only what came from this file (as `lake quarantine --list` names it).")
@click.option(
    "--mapping", "mapping_file", metavar="FILE.json", help="Where the mapping of held CSV rows is, if not shipped."
)
@click.option("--discard", is_flag=True, help="Give up what of --file could not land: a better file came.")
@click.option("--yes", is_flag=True, help="Do not ask before discarding.")
@pass_context
@explained
def replay(
    context: Context,
    stage: str | None,
    encoding: str | None,
    source_file: str | None,
    mapping_file: str | None,
    discard: bool,
    yes: bool,
) -> None:
    """Try again what was held back, after a fix of code, rules, declarations, mappings or encoding.

    Rows of CSV are tried by reading their file again as a whole, by the mapping as it is now. Without --stage that is
    done where it can help: the mapping is another than the one that held them back, or a value table came since. With
    --stage bronze.csv_row (what is no row) or bronze.fhir_resource (what is not translated) it is done in any case.

    With --discard nothing is tried: the records of --file that could not land no longer count as held back. Their rows
    and raw bytes stay in ops.quarantine (`lake quarantine --list --settled`).
    """
    from spark_jobs.cli.extract import replay_csv
    from spark_jobs.ingest.extract.again import STAGES
    from spark_jobs.jobs import ALL
    from spark_jobs.lake import open_lake
    from spark_jobs.schedule import choose

    if discard:
        if source_file is None or encoding is not None or stage not in (None, "landing"):
            raise click.UsageError("--discard goes with --file alone.")
        if not yes:
            click.confirm(f"Give up what of {source_file} could not land?", abort=True)
        _discard(context, source_file)
        return
    is_landed = stage in ("landing", *STAGES)
    jobs = [] if is_landed else choose(ALL, [stage or "all"])
    with open_lake(context.settings) as lake:
        if stage in (None, "landing"):
            _replay_landing(lake, encoding, source_file)
        if stage is None or stage in STAGES:
            replay_csv(lake, stage, source_file, mapping_file)
        failures = [] if is_landed else run_and_show(lake, jobs, retry_held=True)
    leave(context, failures)


def _discard(context: Context, source_file: str) -> None:
    from lakehouse.errors import InputError
    from spark_jobs.ingest.land import discard
    from spark_jobs.lake import open_lake

    with open_lake(context.settings) as lake:
        records = discard(lake.spark, lake.control, lake.settings, source_file)
    if not records:
        raise InputError(
            f"Nothing of {source_file} is held back at the landing; `lake quarantine --list` shows what is."
        )
    click.echo(
        f"{records:,} records of {source_file} are given up; `lake quarantine --list --settled` still shows them."
    )


def _replay_landing(lake: "Lake", encoding: str | None, source_file: str | None) -> None:
    landing = lake.land_again(encoding=encoding, source_file=source_file)
    if landing.batch_id is None:
        click.echo("Nothing is held back at the landing.")
        return
    counts = landing.counts
    click.echo(
        f"Of {counts.records:,} records, {counts.landed:,} landed now and {counts.rejected:,} are still held back."
    )


COMMANDS: tuple[click.Command, ...] = (replay,)
