"""Commands for the world around: Delta tables in and out, and the settings that spark-submit needs."""

import click

from spark_jobs.cli.context import Context, explained, pass_context


@click.command("spark-conf")
@pass_context
@explained
def spark_conf(context: Context) -> None:
    """Print Spark's settings for this lake as a properties file for spark-submit.

    `lake spark-conf > spark.conf`, then
    `spark-submit --properties-file spark.conf spark_jobs/main.py run silver`. Paths in it are absolute.
    """
    from lakehouse.jars import ensure_jars
    from lakehouse.java import find_java
    from lakehouse.submit import properties

    settings = context.settings
    jars = ensure_jars("spark", settings.cache_dir / "jars", settings.maven_url)
    click.echo(properties(settings, find_java().home, jars), nl=False)


SPARK_COMMANDS: tuple[click.Command, ...] = ()
COMMANDS: tuple[click.Command, ...] = (*SPARK_COMMANDS, spark_conf)
