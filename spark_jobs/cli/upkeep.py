"""`lake maintain`: files, manifests and snapshots kept few, in the safe order; shows first what it is going to do."""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lakehouse.upkeep import LEAST_ORPHAN_DAYS, ORPHAN_DAYS, STEPS
from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import bars, bytes_, table

if TYPE_CHECKING:
    from spark_jobs.lake import Lake
    from spark_jobs.upkeep import Done, Order, Task

_FIGURES = ("data_files", "small_files", "delete_files", "manifests", "snapshots", "metadata_versions", "bytes")
_HEADINGS = tuple(name.replace("_", " ") for name in _FIGURES)


@click.command()
@click.argument("targets", nargs=-1, metavar="[TABLE|LAYER|all...]")
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@click.option("--only", type=click.Choice(STEPS), multiple=True, help="Only this step; may be given again.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Count ages to this UTC day; a later one only dry.")
@click.option(
    "--orphan-days",
    type=click.IntRange(LEAST_ORPHAN_DAYS),
    default=ORPHAN_DAYS,
    show_default=True,
    help="Least age of orphan files.",
)
@click.option("--history", is_flag=True, help="List what upkeep did, and change nothing.")
@pass_context
@explained
def maintain(
    context: Context,
    targets: tuple[str, ...],
    dry_run: bool,
    only: tuple[str, ...],
    as_of: datetime | None,
    orphan_days: int,
    history: bool,
) -> None:
    """Keep files, manifests and snapshots few: compaction, manifests, expiry, orphans, in that order.

    How long snapshots stay follows from the table's retention class. What the next incremental runs need stays, and so
    does what a branch or tag holds. It never runs beside a run or an ingestion.
    """
    if history:
        _show_history(context)
        return
    from catalog.registry import TABLES
    from lakehouse.lock import keeping_files
    from spark_jobs.jobs import ALL
    from spark_jobs.lake import open_lake
    from spark_jobs.upkeep import Order, choose_tables, plan_upkeep

    chosen = choose_tables(TABLES, targets or ("all",))
    order = Order(only or STEPS, _clock(as_of, dry_run), orphan_days)
    with open_lake(context.settings) as lake:
        tasks = plan_upkeep(lake, chosen, ALL, order)
        _show_plan(tasks, order)
        if dry_run:
            click.echo("\nA dry run: nothing was changed.")
            return
        with keeping_files(context.settings):
            done = _carry_out(lake, [t for t in tasks if t.why(order)], order)
    _show_done(done)
    for failure in (d for d in done if d.error is not None):
        click.secho(failure.sentence, fg="red", err=True)
        if context.debug and failure.error is not None:
            raise failure.error
    if any(d.error for d in done):
        sys.exit(1)


def _clock(as_of: datetime | None, dry_run: bool) -> datetime:
    from lakehouse.errors import InputError

    now = datetime.now(UTC)
    if as_of is None:
        return now
    if as_of.date() > now.date() and not dry_run:
        raise InputError(
            f"{as_of:%Y-%m-%d} is still to come, and snapshots would expire before their time; add --dry-run to see "
            f"what would be done then."
        )
    return as_of.replace(tzinfo=UTC)


def _show_plan(tasks: "list[Task]", order: "Order") -> None:
    rows, would = [], []
    for task in tasks:
        figures = task.decision.figures.as_dict()
        rows.append([task.decision.table.name, *(_shown(n, figures[n]) for n in _FIGURES), ", ".join(task.why(order))])
        for step, why in task.why(order).items():
            size = f", {bytes_(task.orphans.bytes)}" if step == "orphans" else ""
            would.append([task.decision.table.name, step, why + size, _kept(task) if step == "expire" else ""])
    table("", ["table", *_HEADINGS, "to do"], rows, right=_HEADINGS)
    if would:
        click.echo()
        table("", ["table", "step", "what", "snapshots that stay"], would)
    else:
        click.echo("\nThere is nothing to do.")
    for task in tasks:
        if task.decision.obstacle:
            name = task.decision.table.name
            click.secho(f"{name} is left as it is: {task.decision.obstacle}.", fg="yellow", err=True)


def _shown(name: str, figure: int) -> object:
    return bytes_(figure) if name == "bytes" else figure


def _kept(task: "Task") -> str:
    return ", ".join(f"{count} {reason}" for reason, count in task.decision.kept.items())


def _carry_out(lake: "Lake", tasks: "list[Task]", order: "Order") -> "list[Done]":
    from spark_jobs.upkeep import carry_out

    begun: dict[str, int] = {}
    steps = {task.decision.table.name: len(task.why(order)) for task in tasks}
    with bars() as advance:

        def observe(name: str, step: str) -> None:
            begun[name] = begun.get(name, 0) + 1
            advance(name, begun[name], steps[name])

        return carry_out(lake, tasks, order, observe=observe)


def _show_done(done: "list[Done]") -> None:
    if not done:
        return
    click.echo()
    rows = []
    for each in done:
        before, after = each.task.decision.figures.as_dict(), each.after.as_dict()
        changes = [_change(name, before[name], after[name]) for name in _FIGURES]
        rows.append([each.task.decision.table.name, *changes, "failed" if each.error else "done"])
    table("Before and after", ["table", *_HEADINGS, ""], rows, right=_HEADINGS)


def _change(name: str, before: int, after: int) -> object:
    return _shown(name, after) if before == after else f"{_shown(name, before)} → {_shown(name, after)}"


def _show_history(context: Context) -> None:
    import sqlalchemy as sa

    from lakehouse import control as c

    query = sa.select(c.upkeep).order_by(c.upkeep.c.upkeep_id.desc(), c.upkeep.c.table_name, c.upkeep.c.started_at)
    found = c.open_control(context.settings).select(query.limit(200))
    rows = [[r["started_at"][:16], r["table_name"], r["step"], r["why"], _did(r)] for r in found]
    table("", ["began", "table", "step", "why", "did"], rows)


def _did(row: dict[str, Any]) -> str:
    if row["ended_at"] is None:
        return "did not come to its end"
    return ", ".join(f"{name.replace('_', ' ')}: {n:,}" for name, n in json.loads(row["done"]).items())


COMMANDS: tuple[click.Command, ...] = (maintain,)
