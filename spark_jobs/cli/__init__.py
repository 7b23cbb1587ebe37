"""The command `lake`. Commands are thin: they read arguments, call one function, and show what came back.

Importing this starts no JVM and loads no heavy library, so `lake --help` answers at once.
"""

from pathlib import Path

import click

from spark_jobs.cli import access, backup, dashboard, delta, lineage, look, replay, upkeep, view, watch, work
from spark_jobs.cli.context import Context
from spark_jobs.cli.demo import demo

EPILOG = (
    "Settings are environment variables with the prefix LAKE_ (LAKE_HOME, LAKE_CORES, LAKE_DRIVER_MEMORY …); "
    "`lake doctor` shows them. Exit codes: 0 fine, 1 unforeseen, 2 wrong usage, 3 bad input, 4 a gate failed, "
    "5 the machine lacks something, 6 someone else is writing, 7 a declaration does not fit."
)


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of the lake (LAKE_HOME).")
@click.option("--debug", is_flag=True, help="Show stack traces; they may quote data.")
@click.version_option(package_name="carelake", message="Carelake %(version)s")
@click.pass_context
def main(ctx: click.Context, home: Path | None, debug: bool) -> None:
    """Carelake: FHIR in, checked and traceable Iceberg tables out.

    A first look: `lake demo`, then `lake tables`, `lake quality`, `lake quarantine` and
    `lake sql "select count(*) from lake.silver.patient"`.
    """
    ctx.obj = Context(home, debug)


for _module in (work, replay, delta, view, look, lineage, dashboard, access, upkeep, backup, watch):
    for _command in _module.COMMANDS:
        main.add_command(_command)
main.add_command(demo)
