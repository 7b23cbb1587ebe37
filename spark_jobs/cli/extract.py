"""What `lake ingest csv` shows: the files that it would read, and what became of their rows."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spark_jobs.cli.context import Context
from spark_jobs.cli.render import bars, bytes_, seconds, table

if TYPE_CHECKING:
    from catalog.mapping import CsvMapping
    from spark_jobs.ingest.extract.account import ExtractLanding
    from spark_jobs.ingest.extract.again import HeldFile
    from spark_jobs.lake import Lake


def mapping_of(name: str) -> "CsvMapping":
    """The mapping that ships under that name, or the one in a file; a missing or wrong one is an InputError."""
    from catalog.mapping import InvalidMapping, load_mapping, read_mapping
    from lakehouse.errors import InputError

    try:
        if name.endswith(".json"):
            return read_mapping(Path(name).stem, Path(name).read_text(encoding="utf-8"))
        return load_mapping(name)
    except InvalidMapping as error:
        raise InputError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The mapping {name} can't be read; check that it exists and is UTF-8.") from error


def list_csv_files(context: Context, name: str, paths: Sequence[str]) -> None:
    """Print which files would be read."""
    from lakehouse.control import open_control
    from spark_jobs.ingest.discover import discover
    from spark_jobs.ingest.extract.land import new_and_old
    from spark_jobs.ingest.land import look_at

    mapping = mapping_of(name)
    files = look_at(discover(list(paths)), context.settings, 2, lambda done, total: None)
    new, old = new_and_old(open_control(context.settings), mapping, files)
    rows = [[f.name, bytes_(f.size), f.compression.value, "would be read"] for f in new]
    rows += [[f.name, bytes_(f.size), f.compression.value, "read before"] for f in old]
    table("", ["file", "size", "compression", ""], rows, right=["size"])


def land_and_show_csv(lake: "Lake", name: str, paths: Sequence[str]) -> "ExtractLanding":
    """Ingest with progress bars, then print what became of each file's rows."""
    mapping = mapping_of(name)
    started = time.monotonic()
    with bars() as advance:
        landing = lake.land_csv(mapping, list(paths), advance)
    show_csv(landing, time.monotonic() - started)
    return landing


def replay_csv(lake: "Lake", stage: str | None, source_file: str | None, mapping_file: str | None) -> None:
    """Read files with held rows again, those that can come out differently or all of a stage; say what is left."""
    from spark_jobs.ingest.extract.again import STAGES, held_files

    chosen: dict[str, list[str]] = {}
    mappings: dict[str, CsvMapping | None] = {}
    for file in held_files(lake.spark, lake.control, (stage,) if stage else STAGES, source_file):
        if file.mapping not in mappings:
            mappings[file.mapping] = _current(file.mapping, mapping_file)
        mapping = mappings[file.mapping]
        if said := _obstacle(file, mapping, is_asked=stage is not None):
            click.secho(f"{file.rows:,} rows of {file.path} stay held back: {said}", fg="yellow", err=True)
        elif file.path not in chosen.setdefault(file.mapping, []):
            chosen[file.mapping].append(file.path)
    for name, paths in chosen.items():
        mapping = mappings[name]
        if mapping and paths:
            started = time.monotonic()
            with bars() as advance:
                landing = lake.land_csv(mapping, paths, advance, again=True)
            show_csv(landing, time.monotonic() - started)


def _current(name: str, mapping_file: str | None) -> "CsvMapping | None":
    """The mapping of that name as it is now; None if it does not ship and `mapping_file` is another."""
    from catalog.mapping import available

    if mapping_file is not None and Path(mapping_file).stem == name:
        return mapping_of(mapping_file)
    return mapping_of(name) if name in available() else None


def _obstacle(file: "HeldFile", mapping: "CsvMapping | None", *, is_asked: bool) -> str | None:
    """Why reading the file again is not possible, or no use; None if it is."""
    if mapping is None:
        return (
            f"the mapping {file.mapping} does not ship; say where it is: `lake replay --mapping {file.mapping}.json`."
        )
    if not file.is_there:
        return (
            f"the file is gone, or is another by now; give it again: `lake ingest csv FILE --mapping {file.mapping}`."
        )
    if not is_asked and mapping.version == file.mapping_version and not file.has_new_values:
        return (
            f"the mapping {file.mapping} is the one that held them back, and no value table came since. Change it, or "
            "read them again all the same with `lake replay --stage bronze.fhir_resource` (or bronze.csv_row)."
        )
    return None


def show_csv(landing: "ExtractLanding", took: float) -> None:
    """Print what became of each file's rows, and what was made of them."""
    if landing.skipped:
        click.echo(f"Skipped {len(landing.skipped)} files that this mapping has read before.")
    if landing.batch_id is None:
        click.echo("There is nothing new to land.")
        return
    names = ["rows", "translated", "value table", "no value", "held back", "blank"]
    rows = [
        [name, c.rows, c.translated, c.value_table, c.no_value, c.quarantined, c.blank]
        for name, c in landing.counts.items()
    ]
    table("", ["file", *names], rows, right=names)
    table("", ["resource type", "made"], [[kind, n] for kind, n in landing.by_type.items()], right=["made"])
    total = landing.total
    click.echo(
        f"\nBatch {landing.batch_id}: {len(landing.counts)} files, {bytes_(landing.bytes)} in {seconds(took)}.\n"
        f"{total.rows:,} rows = {total.translated:,} translated + {total.value_table:,} of value tables + "
        f"{total.no_value:,} without a value + {total.quarantined:,} held back + {total.blank:,} blank; "
        f"{sum(landing.made.values()):,} resources were made."
    )
    for name in landing.empty:
        click.secho(f"{name} is empty.", fg="yellow", err=True)
    if landing.untold:
        said = f"No file says what the codes of {', '.join(landing.untold)} mean: codes came without a name, unchecked."
        click.secho(said, fg="yellow", err=True)
    if total.quarantined:
        click.secho("`lake quarantine` shows what was held back, and why.", fg="yellow", err=True)
