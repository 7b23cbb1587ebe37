"""`lake metrics` prints or serves what Prometheus reads; `lake health` says whether each part answers."""

import sys

import click

from spark_jobs.cli.context import Context, explained, pass_context


class Address(click.ParamType):  # type: ignore[type-arg]  # click 8.1 has none
    """PORT, or HOST:PORT."""

    name = "[host:]port"

    def convert(
        self, value: "str | tuple[str, int]", param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """The host (loopback if none is given) and the port."""
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not port.isdigit() or not 0 < int(port) < 65536:
            self.fail("write it as 9464 or 127.0.0.1:9464", param, ctx)
        return host or "127.0.0.1", int(port)


@click.command()
@click.option("--listen", type=Address(), help="Serve them alone, with the probes; a port alone means loopback.")
@click.option("--token", is_flag=True, help="Make the token that Prometheus sends, and say where it is.")
@pass_context
@explained
def metrics(context: Context, listen: tuple[str, int] | None, token: bool) -> None:
    """Print what Prometheus reads: runs, records, the accounting equation, tables, services.

    The dashboard serves the same under /metrics. No label holds anything of a record.
    """
    from lakehouse.watch import answers

    settings = context.settings
    if token:
        answers.ensure_token(settings)
        click.echo(settings.secrets_dir / answers.TOKEN)
        return
    if listen is None:
        from lakehouse.watch.reading import Watcher

        click.echo(answers.metrics(Watcher(settings)).body.decode(), nl=False)
        return
    from lakehouse.watch.server import open_server

    with open_server(settings, *listen) as server:
        click.echo(f"Metrics and probes of {settings.root}: http://{listen[0]}:{listen[1]}/metrics")
        server.serve_forever()


@click.command()
@pass_context
@explained
def health(context: Context) -> None:
    """Ask each part whether it answers: catalog, control database, files, SQL engine, disk, servers.

    Exit code 5 if one does not; for cron. The dashboard says the same under /health.
    """
    from lakehouse.errors import EnvironmentFailed
    from lakehouse.watch.answers import sentences
    from lakehouse.watch.health import Health

    parts = Health(context.settings).look()
    width = max(len(part.name) for part in parts)
    for name, said in sentences(parts):
        click.echo(f"{name:<{width}}  {said}")
    if not all(part.is_up for part in parts):
        sys.exit(EnvironmentFailed.exit_code)


COMMANDS: tuple[click.Command, ...] = (metrics, health)
