"""`lake dashboard` serves the pages."""

from pathlib import Path

import click

from spark_jobs.cli.context import Context, explained, pass_context


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others need a login and TLS."
)
@click.option("--port", default=8050, show_default=True, type=click.IntRange(1, 65535))
@click.option("--name", "names", multiple=True, help="Host name by which browsers reach it, beyond this machine.")
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Certificate (PEM).")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its key (PEM).")
@click.option("--behind-proxy", is_flag=True, help="A proxy before it does the TLS; everybody logs in.")
@pass_context
@explained
def dashboard(
    context: Context,
    host: str,
    port: int,
    names: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_proxy: bool,
) -> None:
    """Serve the dashboard; Ctrl-C stops it.

    On this machine alone it asks nobody to log in. Beyond it, everybody does: see `lake account add`.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    from dash_app.server import Address, check, serve
    from lakehouse.profile import as_dashboard, has_catalog, place

    settings = as_dashboard(context.settings)
    address = Address(host, port, names, tls_cert, tls_key, behind_proxy)
    check(settings, address)
    click.echo(f"The dashboard over {place(settings)}: {address.url}")
    if not has_catalog(settings):
        click.echo("There is no lake yet: its pages say so until `lake demo` or `lake ingest` has made one.")
    serve(settings, address)


COMMANDS: tuple[click.Command, ...] = (dashboard,)
