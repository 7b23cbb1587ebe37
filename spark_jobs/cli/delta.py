"""Commands for the world around: Delta tables in and out, and the settings that spark-submit needs."""

from typing import TYPE_CHECKING

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import bars, table
from spark_jobs.cli.work import ingest

if TYPE_CHECKING:
    from spark_jobs.export.delta import Export
    from spark_jobs.ingest.delta import DeltaLanding
    from spark_jobs.ingest.delta_fhir import FhirLanding

_STEPS = ("plan", "write", "quarantine", "gate", "publish", "record")


@ingest.command("delta")
@click.argument("path", type=click.Path())
@click.option("--name", help="Name to land it under, which stays the same if the folder moves. Default: its path.")
@click.option("--fhir-column", metavar="COLUMN", help="Land the FHIR resources of this column in bronze.fhir_resource.")
@pass_context
@explained
def ingest_delta(context: Context, path: str, name: str | None, fhir_column: str | None) -> None:
    """Land the Delta table in the folder PATH: all rows the first time, then what newer versions changed.

    Rows go to bronze.delta_row as JSON. With --fhir-column, the whole FHIR resources in that column go to
    bronze.fhir_resource under the rules of any FHIR landing; rows that go from the Delta table delete nothing there.
    """
    from spark_jobs.lake import open_lake

    with open_lake(context.settings) as lake, bars() as advance:

        def observe(_: str, step: str) -> None:
            advance("Landing rows", _STEPS.index(step) + 1, len(_STEPS))

        landing = lake.land_delta(path, fhir_column, name, observe)
    _show_landing(landing)


def _show_landing(landing: "DeltaLanding | FhirLanding") -> None:
    from spark_jobs.ingest.delta_fhir import FhirLanding

    if landing.way is None:
        click.echo(f"There is nothing new to land: version {landing.version} of {landing.source} landed before.")
        return
    span = (
        f"version {landing.version}" if landing.after is None else f"versions {landing.after + 1} to {landing.version}"
    )
    how = f"{landing.source}: {span}, by {landing.way.value}."
    if landing.batch_id is None:
        click.echo(f"{how} Its rows are as they were, so nothing landed.")
    elif isinstance(landing, FhirLanding):
        _show_resources(landing, how)
    else:
        _show_rows(landing, how)


def _show_rows(landing: "DeltaLanding", how: str) -> None:
    rows = [[version, kind, n] for (version, kind), n in sorted(landing.rows.items())]
    table("", ["version", "change", "landed"], rows, right=["version", "landed"])
    click.echo(
        f"\nBatch {landing.batch_id}: {how}\n{landing.landed:,} rows landed in bronze.delta_row; "
        f"what came less what went is the {landing.table_rows:,} rows of the Delta table."
    )
    if landing.columns:
        click.secho(f"New columns since the last landing: {', '.join(landing.columns)}.", fg="yellow", err=True)


def _show_resources(landing: "FhirLanding", how: str) -> None:
    counts = landing.counts
    rows = [[kind, n] for kind, n in sorted(counts.by_type.items(), key=lambda item: -item[1])]
    table("", ["resource type", "landed"], rows, right=["landed"])
    click.echo(
        f"\nBatch {landing.batch_id}: {how}\n{counts.lines:,} rows: {counts.blank:,} blank, {counts.bundles:,} Bundles "
        f"of {counts.entries:,} entries; {counts.records:,} records = {counts.landed:,} landed + "
        f"{counts.rejected:,} held back. {counts.contained:,} contained resources landed beside them."
    )
    if landing.removed:
        click.secho(
            f"{landing.removed:,} rows went from the Delta table; that deletes no resource here.", fg="yellow", err=True
        )
    if counts.rejected:
        click.secho("`lake quarantine --stage landing` shows what was held back, and why.", fg="yellow", err=True)


@click.group()
def export() -> None:
    """Share a table with those who do not read this lake."""


@export.command("delta")
@click.argument("name", metavar="TABLE")
@click.argument("path", type=click.Path())
@click.option("--columns", help="Only these columns, separated by commas. Default: all that do not identify people.")
@click.option("--with-identifiers", is_flag=True, help="Also columns that identify people: names, numbers, free text.")
@pass_context
@explained
def export_delta(context: Context, name: str, path: str, columns: str | None, with_identifiers: bool) -> None:
    """Write the live rows of TABLE (such as silver.patient), as published, to the folder PATH as a Delta table.

    Columns tagged identifying, free_text or raw are left out unless --with-identifiers. What stays is still data of
    patients: record ids, dates and postal codes are in it. Run again, it replaces the rows in one Delta commit if the
    table has changed. A folder with other content is refused.
    """
    from spark_jobs.cli.look import declared
    from spark_jobs.export.delta import choose_columns, export
    from spark_jobs.lake import open_lake

    chosen = declared(name)
    wanted = [c.strip() for c in columns.split(",") if c.strip()] if columns else []
    choose_columns(chosen, wanted, with_identifiers=with_identifiers)  # a mistake is told before Spark starts
    with open_lake(context.settings) as lake:
        done = export(lake.spark, lake.control, chosen, path, wanted, with_identifiers=with_identifiers)
    _show_export(done, with_identifiers=with_identifiers)


def _show_export(done: "Export", *, with_identifiers: bool) -> None:
    what = "holds this already" if done.state == "unchanged" else "was written"
    click.echo(
        f"{done.path} {what}: Delta version {done.delta_version}, {done.rows:,} live rows "
        f"in {len(done.columns)} columns of {done.table} at snapshot {done.snapshot_id}."
    )
    if done.left_out:
        click.echo(f"Left out, for they can identify people: {', '.join(done.left_out)}.")
    click.secho(
        "What has left the lake is no longer covered by its rules: whoever has the folder decides who reads it, and "
        "what is erased here stays there until the next export and Delta's VACUUM."
        + (" It identifies people." if with_identifiers else " It is not de-identified."),
        fg="yellow",
        err=True,
    )


@click.command("spark-conf")
@pass_context
@explained
def spark_conf(context: Context) -> None:
    """Print Spark's settings for this lake as a properties file for spark-submit.

    `lake spark-conf > spark.conf`, then
    `spark-submit --properties-file spark.conf spark_jobs/main.py run silver`. Paths in it are absolute.
    """
    from lakehouse.java import find_java
    from lakehouse.session import spark_jars
    from lakehouse.submit import properties

    settings = context.settings
    jars = spark_jars(settings)
    click.echo(properties(settings, find_java().home, jars), nl=False)


SPARK_COMMANDS: tuple[click.Command, ...] = (export,)
COMMANDS: tuple[click.Command, ...] = (*SPARK_COMMANDS, spark_conf)
