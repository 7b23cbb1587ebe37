"""The command `python -m infra.native`, which `make stack-up` and the like call."""

import shutil
import sys
import threading
from collections.abc import Callable
from functools import partial, wraps

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from infra.native.compose import configure
from infra.native.object_store import bring_back
from infra.native.report import follow, status
from infra.native.runner import down, fetch, only_one, running, up
from infra.native.secret_files import SERVICES
from infra.native.services import all_services, choose, named
from infra.native.stack import Stack
from lakehouse.errors import EnvironmentFailed, InputError, LakeError
from lakehouse.settings import Settings

_DOWN = 5
_printing = threading.Lock()


def _say(text: str) -> None:
    with _printing:
        click.echo(text)


def _stack() -> Stack:
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"LAKE_{str(first['loc'][0]).upper()}: {first['msg']}.") from None
    if not sys.platform.startswith("linux"):
        raise EnvironmentFailed("The stack without Docker runs on Linux alone: elsewhere use infra/compose.yaml.")
    return Stack(settings)


def _explained(command: Callable[..., None]) -> Callable[..., None]:
    """Show the sentence of an error that we can explain, and end with its exit code."""

    @wraps(command)
    def run(**given: object) -> None:
        try:
            command(**given)
        except LakeError as error:
            click.echo(f"Error: {error}", err=True)
            sys.exit(error.exit_code)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The servers of the stack as processes of this machine."""


@main.command("up")
@click.argument("services", nargs=-1)
@_explained
def up_command(services: tuple[str, ...]) -> None:
    """Start all servers, or those that are named and what they need."""
    stack = _stack()
    up(stack, choose(all_services(stack), services), _say)


@main.command("fetch")
@click.argument("services", nargs=-1)
@_explained
def fetch_command(services: tuple[str, ...]) -> None:
    """Fetch and build ahead what all servers need, or those that are named; start nothing."""
    stack = _stack()
    fetch(stack, choose(all_services(stack), services), _say)


@main.command("down")
@click.argument("services", nargs=-1)
@_explained
def down_command(services: tuple[str, ...]) -> None:
    """Stop all servers, or those that are named, and wait until they are gone."""
    stack = _stack()
    down(stack, named(all_services(stack), services), _say)


@main.command("status")
@_explained
def status_command() -> None:
    """Show each server; the exit code is 5 when one is not ready."""
    stack = _stack()
    rows = status(stack, all_services(stack))
    table = Table("service", "state", "address", "pid", "since", "MB", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row.service, row.state, row.address, row.pid, row.since, row.memory_mb)
    Console(width=None if sys.stdout.isatty() else 120, highlight=False).print(table)
    if any(row.state != "ready" for row in rows):
        sys.exit(_DOWN)


@main.command("logs")
@click.argument("service", required=False)
@click.option("--follow", "-f", "is_endless", is_flag=True, help="Show each line as it comes, until interrupted.")
@click.option("--last", default=30, show_default=True, help="Lines of each log to begin with.")
@_explained
def logs_command(service: str | None, is_endless: bool, last: int) -> None:
    """Show what the servers say, or one of them."""
    stack = _stack()
    services = named(all_services(stack), (service,) if service else ())
    try:
        for line in follow(stack, services, last, is_endless=is_endless):
            click.echo(line)
    except KeyboardInterrupt:
        return


@main.command("configure")
@_explained
def configure_command() -> None:
    """Write secrets, certificates and configuration for infra/compose.yaml; start nothing."""
    configure(_stack())


@main.command("provision")
@_explained
def provision_command() -> None:
    """Make roles, grants, bucket and users in servers that run already, such as those of compose."""
    stack = _stack()
    with only_one(stack):
        for service in all_services(stack):
            service.provision()


@main.command("bring-back")
@click.argument("object_name", metavar="s3://BUCKET/KEY")
@_explained
def bring_back_command(object_name: str) -> None:
    """Put the version that an object had before it was overwritten or deleted in its place."""
    bring_back(_stack(), object_name)
    _say(f"{object_name} is as it was before.")


@main.command("reset")
@click.option("--yes", is_flag=True, help="Really delete everything that the servers hold.")
@_explained
def reset_command(yes: bool) -> None:
    """Stop all servers and delete their data, configuration, logs and secrets."""
    stack = _stack()
    if not yes:
        raise InputError(
            f"This deletes every table and run in {stack.folder} for good: "
            "say `make stack-reset CONFIRM=yes` if you mean it."
        )
    services = all_services(stack)
    down(stack, services, _say)
    with only_one(stack):
        if any(running(stack, service) for service in services):
            raise EnvironmentFailed("Some servers did not stop: nothing was deleted.")
        shutil.rmtree(stack.folder, onerror=partial(_not_deleted))
        for name in SERVICES:
            for file in stack.settings.secrets_dir.glob(f"{name}-*"):
                file.unlink()
    _say(f"{stack.folder} and its secrets are gone.")


def _not_deleted(_: object, path: str, why: tuple[object, OSError, object]) -> None:
    raise EnvironmentFailed(f"{path} can't be deleted ({why[1].strerror}): check who owns it.")


if __name__ == "__main__":
    main(prog_name="python -m infra.native")
