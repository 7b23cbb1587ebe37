"""`lake backup` and `lake restore`: the whole lake at one moment, kept elsewhere and brought back. No JVM is needed."""

from typing import TYPE_CHECKING

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import bars, bytes_, table

if TYPE_CHECKING:
    from lakehouse.backup.pool import TableState

_SHOWN_DAMAGE = 20


@click.command()
@click.argument("destination", metavar="DEST")
@click.option("--list", "is_listing", is_flag=True, help="List the backups in DEST, and change nothing.")
@click.option("--verify", "is_verifying", is_flag=True, help="Read a backup in DEST again, every byte of it.")
@click.option("--backup", "backup_id", default="", metavar="ID", help="Which one to verify; else the newest.")
@click.option("--dry-run", is_flag=True, help="Show what would be copied, and change nothing.")
@click.option("--keep", type=click.IntRange(1), help="Afterwards let go all but so many of the newest backups.")
@click.option("--with-accounts", is_flag=True, help="With the dashboard's accounts and the key of its sessions.")
@pass_context
@explained
def backup(
    context: Context,
    destination: str,
    is_listing: bool,
    is_verifying: bool,
    backup_id: str,
    dry_run: bool,
    keep: int | None,
    with_accounts: bool,
) -> None:
    """Back the lake up to DEST, a folder or (stack) s3://BUCKET/PREFIX.

    One moment of all tables and of the control database, while runs go on. What DEST has already is not copied again.
    Secrets are never in a backup.
    """
    if is_listing:
        _show_backups(context, destination)
    elif is_verifying:
        _verify(context, destination, backup_id)
    else:
        _back_up(context, destination, dry_run, keep or 0, with_accounts)


@click.command()
@click.argument("source", metavar="SRC")
@click.option("--backup", "backup_id", default="", metavar="ID", help="Which backup; else the newest.")
@click.option("--dry-run", is_flag=True, help="Show what would be restored, and change nothing.")
@click.option("--with-accounts", is_flag=True, help="With the dashboard's accounts, where there are none yet.")
@pass_context
@explained
def restore(context: Context, source: str, backup_id: str, dry_run: bool, with_accounts: bool) -> None:
    """Restore a backup in SRC to where its lake was, which must be empty, and check all of it.

    Stopped half-way, no table is to be seen; run it again to complete it.
    """
    from lakehouse.backup.restore import restore as restore_backup

    with bars() as advance:
        done = restore_backup(
            context.settings, source, backup_id, dry_run=dry_run, with_accounts=with_accounts, progress=advance
        )
    _show_tables(done.manifest.tables)
    runs = done.manifest.control.get("rows", {}).get("runs", 0)
    told = f"{done.new_files:,} of {done.files:,} files ({bytes_(done.new_bytes)}) and {runs:,} runs"
    if dry_run:
        click.echo(f"\nBackup {done.manifest.backup_id}: {told} would be restored. A dry run: nothing was changed.")
        return
    click.echo(
        f"\nRestored backup {done.manifest.backup_id}: {told}. Every table's files are there, with the rows that were "
        f"backed up; so is the control database."
    )
    if done.has_other_accounts:
        click.echo(
            f"accounts.db in {context.settings.root} stayed, for there were accounts already: move it away and restore "
            "again to have those of the backup."
        )


def _back_up(context: Context, destination: str, dry_run: bool, keep: int, with_accounts: bool) -> None:
    from lakehouse.backup.make import back_up, plan_backup

    with bars() as advance:
        if dry_run:
            plan = plan_backup(context.settings, destination, advance)
        else:
            made = back_up(context.settings, destination, keep=keep, with_accounts=with_accounts, progress=advance)
            plan = made.plan
    _show_tables(plan.tables)
    told = f"{plan.files:,} files ({bytes_(plan.bytes)}), {plan.new_files:,} of them new ({bytes_(plan.new_bytes)})"
    if dry_run:
        click.echo(f"\n{told}. A dry run: nothing was changed.")
        return
    click.echo(f"\nBackup {made.manifest.backup_id} in {destination}: {told}.")
    if made.pruned:
        click.echo(f"{len(made.pruned)} older backups were let go.")


def _show_tables(tables: "tuple[TableState, ...]") -> None:
    rows = [[t.name, t.data_files, t.rows, t.deleted_rows] for t in tables]
    headings = ("data files", "rows in files", "marked deleted")
    table("", ["table", *headings], rows, right=headings)


def _show_backups(context: Context, destination: str) -> None:
    from lakehouse.backup.pool import Pool

    pool = Pool(context.settings, destination)
    rows = []
    for manifest in map(pool.manifest, pool.ids()):
        size = bytes_(manifest.files["total_bytes"])
        kept = "yes" if manifest.private else ""
        rows.append([manifest.backup_id, manifest.made_at, len(manifest.tables), manifest.files["count"], size, kept])
    numbers = ("tables", "files", "size")
    table("", ["backup", "made at", *numbers, "accounts"], rows, right=numbers)


def _verify(context: Context, destination: str, backup_id: str) -> None:
    from lakehouse.backup.verify import verify
    from lakehouse.errors import EnvironmentFailed

    with bars() as advance:
        found = verify(context.settings, destination, backup_id, advance)
    for name in found.damaged[:_SHOWN_DAMAGE]:
        click.echo(f"damaged or missing: {name}")
    if found.damaged:
        raise EnvironmentFailed(
            f"{len(found.damaged):,} of {found.files:,} files of backup {found.backup_id} are damaged or missing; back "
            f"up again to another place, and restore from another backup."
        )
    click.echo(f"Backup {found.backup_id} is whole: {found.files:,} files, {bytes_(found.bytes)}.")


COMMANDS: tuple[click.Command, ...] = (backup, restore)
