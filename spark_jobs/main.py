"""What spark-submit runs: the commands of `lake` that need Spark, in the session that spark-submit started.

    lake spark-conf > spark.conf
    spark-submit --properties-file spark.conf spark_jobs/main.py run silver

Messages, progress and exit codes are those of `lake`.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    # Python puts the script's own folder first, where `plan` or `schedule` would hide packages of these names.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import click

from spark_jobs.cli import delta, replay, view, work
from spark_jobs.cli.context import Context, explained


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show stack traces; they may quote data.")
@click.pass_context
def main(ctx: click.Context, debug: bool) -> None:
    """Carelake under spark-submit: the same commands as `lake`, on the lake that the properties file is of."""
    ctx.obj = Context(None, debug)
    _place(ctx.obj)


@explained
def _place(context: Context) -> None:
    from lakehouse.submit import is_submitted, take_place

    if is_submitted():  # without it, `python main.py` is `lake`
        take_place()


for _command in (*work.COMMANDS, *replay.COMMANDS, *view.COMMANDS, *delta.SPARK_COMMANDS):
    main.add_command(_command)

if __name__ == "__main__":
    main(prog_name="main.py")
