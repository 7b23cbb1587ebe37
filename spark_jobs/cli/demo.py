"""`lake demo`: from nothing to a small lakehouse, with something to look at."""

import shutil
import sys
import time
from pathlib import Path

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import bars, bytes_, seconds
from spark_jobs.cli.work import land_and_show, leave, run_and_show

SAMPLE = Path(__file__).resolve().parents[2] / "infra" / "sample"

NEXT = """
The lake is in {home}. What to try next:

  {lake} dashboard                       pages to look at all of it, on this machine
  {lake} quarantine                      what was held back, and why (the sample has planted faults)
  {lake} quality                         warnings of the gates
  {lake} tables silver.encounter         what a table holds
  {lake} runs                            what ran, and where each record went
  {lake} sql "select gender, count(*) from lake.silver.patient group by 1"
  {lake} sql "select exclusion_reason, count(*), count_if(is_readmitted) from lake.gold.readmission group by 1"
  {lake} ingest fhir PATH && {lake} run all        your own FHIR files
"""


@click.command()
@click.option("--patients", type=click.IntRange(1, 100_000), help="Invent so many people with Synthea first.")
@pass_context
@explained
def demo(context: Context, patients: int | None) -> None:
    """Build a small lakehouse from invented people: land, check, publish, and say what to look at.

    Uses the sample that ships with Carelake, or with --patients a population of that size from Synthea (fetched once,
    214 MB), and the same planted faults. Running it again changes nothing.
    """
    from catalog.registry import TABLES
    from lakehouse import tables
    from lakehouse.errors import InputError
    from spark_jobs.jobs import ALL
    from spark_jobs.lake import open_lake

    started = time.monotonic()
    settings = context.settings
    if not SAMPLE.is_dir():
        raise InputError("The sample is not installed with the package; run the demo from a clone of the repository.")
    people = _generated(context, patients) if patients else [SAMPLE / "synthea", SAMPLE / "clinosim"]
    with open_lake(settings) as lake:
        click.secho("Landing FHIR in bronze", bold=True)
        land_and_show(lake, [str(p) for p in (*people, SAMPLE / "faults")])
        click.secho("\nFrom bronze to silver and gold, through row rules and gates", bold=True)
        failures = run_and_show(lake, list(ALL))
        for table in TABLES.values():  # those that nothing filled are there to be asked, too
            tables.ensure(lake.spark, table)
    click.echo(f"\nDone in {seconds(time.monotonic() - started)}. All people here are invented.")
    click.echo(NEXT.format(home=settings.root, lake=_command()))
    leave(context, failures)


def _generated(context: Context, patients: int) -> list[Path]:
    from spark_jobs.demo.synthea import Population, generate

    settings = context.settings
    click.secho(f"Inventing {patients:,} people with Synthea", bold=True)
    with bars() as advance:
        folder = generate(
            Population(patients),
            settings.root / "synthea" / str(patients),
            settings,
            progress=lambda done, total: advance("Inventing people", done, total),
            jar_progress=lambda done, total: advance("Fetching Synthea", done, total),
        )
    size = sum(f.stat().st_size for f in folder.iterdir())
    click.echo(f"{bytes_(size)} of FHIR in {folder}\n")
    return [folder]


def _command() -> str:
    """How this program was called, so that the suggestions can be copied."""
    return sys.argv[0] if "/" in sys.argv[0] and shutil.which("lake") is None else "lake"
