"""`lake view`: a ViewDefinition over files, without a lake."""

import sys
from pathlib import Path
from typing import Any

import click

from spark_jobs.cli.context import Context, explained, pass_context


@click.command()
@click.argument("view", type=click.Path(path_type=Path))
@click.argument("path")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many rows.")
@pass_context
@explained
def view(context: Context, view: Path, path: str, form: Any, limit: int) -> None:
    """Run the SQL-on-FHIR ViewDefinition VIEW (a JSON file) over the FHIR files of PATH and print the rows."""
    import json
    from datetime import UTC, datetime

    import pyarrow as pa
    from pyspark.sql.pandas.types import to_arrow_schema

    from lakehouse.errors import InputError, ViewError
    from lakehouse.fhir import compile_view, record_told, run_view
    from lakehouse.session import spark_session
    from lakehouse.sql.output import render
    from spark_jobs.ingest.discover import discover, inspect_all, plan
    from spark_jobs.ingest.frames import landed
    from spark_jobs.ingest.tally import Tally

    try:
        definition = json.loads(view.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{view} can't be read ({error.strerror}).") from error
    except ValueError as error:
        raise ViewError(f"{view} is not JSON: {error}.") from error
    compiled = compile_view(definition)  # a mistake is told before Spark starts
    settings = context.settings
    files = list(inspect_all(discover([path]), settings.chunk_bytes, 2))
    with spark_session(settings) as spark:
        tally = Tally.start(spark)
        rows = landed(spark, plan(files, settings.chunk_bytes), "view", datetime.now(UTC), settings, tally)
        result = run_view(spark, definition, rows.where("payload is not null").select("payload")).limit(limit)
        with record_told(compiled.name):
            found = [row.asDict(recursive=True) for row in result.collect()]
        render(pa.Table.from_pylist(found, to_arrow_schema(result.schema)), form, sys.stdout)
    if left_out := tally.total.rejected:
        told = f"{left_out:,} records of the input can't be read and are left out; `lake ingest fhir` says why."
        click.secho(told, fg="yellow", err=True)


COMMANDS: tuple[click.Command, ...] = (view,)
