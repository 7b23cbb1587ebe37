"""`lake account` says who may log in and in which role; `lake access` what a role sees, and tells Trino."""

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import table


@click.group()
def account() -> None:
    """Who may log in to the dashboard and to Trino, and in which role."""


@account.command("add")
@click.argument("name")
@click.option("--role", help="What Trino shows: analyst, clinician … (docs/access.md); kept if not given.")
@click.password_option(help="Asked for if not given; better so, for others may see a command line.")
@pass_context
@explained
def add(context: Context, name: str, role: str | None, password: str) -> None:
    """Add the account NAME, or give it a new password, which ends its sessions."""
    from lakehouse.accounts import open_accounts
    from lakehouse.errors import EnvironmentFailed, InputError
    from lakehouse.trino_access import apply, enforces

    accounts, has_trino = open_accounts(context.settings), enforces(context.settings)
    before = accounts.find(name)
    if has_trino and role is None and (before is None or before.role is None):
        raise InputError("Trino shows nothing without a role: add --role, such as `--role analyst` (docs/access.md).")
    accounts.put(name, password, role)
    if has_trino:
        try:
            apply(context.settings)
        except EnvironmentFailed as error:
            later = f"The account {name} is kept; Trino goes by it once `lake access apply` has been run."
            raise EnvironmentFailed(f"{error} {later}") from error
    after = accounts.find(name)
    shown = f" as {after.role}" if after and after.role else ""
    click.echo(f"{name} may log in{shown}.")
    if shown and not has_trino:
        click.echo("The role is kept, but an embedded lake shows all to whoever may log in; Trino enforces it.")


@account.command("remove")
@click.argument("name")
@pass_context
@explained
def remove(context: Context, name: str) -> None:
    """Remove the account NAME, which ends its sessions."""
    from lakehouse.accounts import open_accounts
    from lakehouse.trino_access import apply, enforces

    accounts = open_accounts(context.settings)
    if enforces(context.settings) and accounts.find(name):
        apply(context.settings, removed=name)  # first: as long as Trino lets somebody in, the account can be removed
    accounts.remove(name)
    click.echo(f"{name} may no longer log in.")


@account.command("list")
@pass_context
@explained
def list_(context: Context) -> None:
    """List the accounts."""
    from lakehouse.accounts import open_accounts

    found = open_accounts(context.settings).all()
    table("", ["name", "role", "since"], [[a.name, a.role or "none", a.created_at[:10]] for a in found])


@click.group()
def access() -> None:
    """What each role sees; the rules that Trino holds people to."""


@access.command("apply")
@click.option("--dry-run", is_flag=True, help="Show what would change, change nothing.")
@pass_context
@explained
def apply_(context: Context, dry_run: bool) -> None:
    """Write Trino's rules again from the declarations and accounts; Trino takes them up within a second."""
    from lakehouse.errors import InputError
    from lakehouse.trino_access import apply, difference, enforces

    if not enforces(context.settings):
        raise InputError("An embedded lake has no Trino, and shows all to whoever reaches it: LAKE_PROFILE=stack has.")
    if dry_run:
        click.echo(difference(context.settings) or "Trino's rules are those of the declarations.", nl=False)
        return
    written = apply(context.settings)
    click.echo("".join(f"{path} was written.\n" for path in written) or "Nothing has changed.\n", nl=False)


@access.command("show")
@click.option("--role", "role_name", required=True, help="One of docs/access.md.")
@click.argument("table_name", metavar="[TABLE]", required=False)
@pass_context
@explained
def show(context: Context, role_name: str, table_name: str | None) -> None:
    """What a role sees: of all tables, or of each column of one."""
    from catalog.derive.access_page import columns_seen, tables_seen
    from catalog.registry import TABLES
    from catalog.roles import ROLES
    from lakehouse.errors import InputError

    role = ROLES.get(role_name)
    if role is None:
        raise InputError(f"There is no role {role_name!r}; there are {', '.join(ROLES)}.")
    if table_name is None:
        click.echo(f"{role.name}: {role.doc}")
        table("", ["table", "rows", "whole", "changed", "refused"], tables_seen(role, TABLES))
        return
    found = TABLES.get(table_name.removeprefix("lake."))
    if found is None:
        raise InputError(f"There is no table {table_name}; `lake tables` lists them.")
    table("", ["column", "tag", "what it holds", "what is seen"], columns_seen(role, found))


COMMANDS: tuple[click.Command, ...] = (account, access)
