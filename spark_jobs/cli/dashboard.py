"""`lake dashboard` serves the pages; `lake account` says who may log in."""

from pathlib import Path

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import table


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
    from lakehouse.profile import has_catalog, only_embedded, place

    only_embedded(context.settings, "The dashboard")
    address = Address(host, port, names, tls_cert, tls_key, behind_proxy)
    check(context.settings, address)
    click.echo(f"The dashboard over {place(context.settings)}: {address.url}")
    if not has_catalog(context.settings):
        click.echo("There is no lake yet: its pages say so until `lake demo` or `lake ingest` has made one.")
    serve(context.settings, address)


@click.group()
def account() -> None:
    """Who may log in to the dashboard, where it listens beyond this machine."""


@account.command("add")
@click.argument("name")
@click.password_option(help="Asked for if not given; better so, for others may see a command line.")
@pass_context
@explained
def add(context: Context, name: str, password: str) -> None:
    """Add the account NAME, or give it a new password, which ends its sessions."""
    from lakehouse.accounts import open_accounts

    open_accounts(context.settings).put(name, password)
    click.echo(f"{name} may log in.")


@account.command("remove")
@click.argument("name")
@pass_context
@explained
def remove(context: Context, name: str) -> None:
    """Remove the account NAME, which ends its sessions."""
    from lakehouse.accounts import open_accounts

    open_accounts(context.settings).remove(name)
    click.echo(f"{name} may no longer log in.")


@account.command("list")
@pass_context
@explained
def list_(context: Context) -> None:
    """List the accounts."""
    from lakehouse.accounts import open_accounts

    table("", ["name", "since"], [[a.name, a.created_at[:10]] for a in open_accounts(context.settings).all()])


COMMANDS: tuple[click.Command, ...] = (dashboard, account)
