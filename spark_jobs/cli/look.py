"""Commands that only look: tables, runs, quality, quarantine, commands, sql, doctor. None of them starts a JVM."""

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from spark_jobs.cli.context import Context, explained, pass_context
from spark_jobs.cli.render import bytes_, table, visible

if TYPE_CHECKING:
    from catalog.model import Column, Table


@click.command()
@click.argument("name", required=False)
@click.option("--diff", "show_diff", is_flag=True, help="Compare the declarations with the live schemas.")
@pass_context
@explained
def tables(context: Context, name: str | None, show_diff: bool) -> None:
    """List the tables, or show the table NAME (such as silver.encounter)."""
    from catalog.registry import TABLES

    chosen = [declared(name)] if name else list(TABLES.values())
    if show_diff:
        _show_diff(context, chosen)
    elif name:
        _show_table(context, chosen[0])
    else:
        _list_tables(context)


def declared(name: str) -> "Table":
    """The table of that name, with or without its layer; InputError that suggests the nearest."""
    import difflib

    from catalog.registry import TABLES
    from lakehouse.errors import InputError

    found = TABLES.get(name) or next((t for t in TABLES.values() if t.short_name == name), None)
    if found is None:
        near = difflib.get_close_matches(name, [*TABLES, *(t.short_name for t in TABLES.values())], 1)
        hint = f"did you mean {near[0]}?" if near else "`lake tables` lists them."
        raise InputError(f"There is no table {name!r}; {hint}")
    return found


def _list_tables(context: Context) -> None:
    from datetime import UTC, datetime

    from catalog.registry import TABLES
    from lakehouse.evolve import live_table
    from lakehouse.profile import has_catalog, iceberg_catalog

    catalog = iceberg_catalog(context.settings) if has_catalog(context.settings) else None
    rows = []
    for t in TABLES.values():
        live = live_table(catalog, t) if catalog else None
        at = datetime.fromtimestamp(live.committed_ms / 1000, UTC) if live and live.committed_ms else None
        rows.append([t.name, live.rows if live else None, f"{at:%Y-%m-%d %H:%M} UTC" if at else "not yet", t.doc])
    table("", ["table", "rows", "last changed", "what it holds"], rows, right=["rows"])


def _show_table(context: Context, t: "Table") -> None:
    click.echo(f"{t.name}: {t.doc}\nGrain: {t.grain}. Key: {', '.join(t.key)}. Retention: {t.retention.name}.\n")
    rows = [[c.name, c.type.name, "yes" if c.null else "no", c.tag.value, _meaning(c)] for c in t.columns]
    table("", ["column", "type", "null", "tag", "meaning"], rows)
    if t.checks:
        click.echo()
        table("", ["check", "level", "what is true of good data"], [[c.name, c.level.value, c.doc] for c in t.checks])


def _meaning(c: "Column") -> str:
    return c.doc + (f" Unit: {c.unit}." if c.unit else "") + (f" Points to {c.ref}." if c.ref else "")


def _show_diff(context: Context, chosen: "list[Table]") -> None:
    from catalog.derive.diff import Step
    from lakehouse.evolve import differences

    changes = differences(context.settings, chosen)
    if not changes:
        click.echo("The live tables are as declared.")
        return
    rows = [[c.table, c.column, "refused" if c.step is Step.REFUSE else c.step.value, c.text] for c in changes]
    table("", ["table", "column", "step", "what differs"], rows)
    click.echo("\n`lake evolve` applies what is not refused.")


@click.command()
@click.argument("run_id", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many runs to list.")
@pass_context
@explained
def runs(context: Context, run_id: str | None, limit: int) -> None:
    """List the latest runs, or show where the records of RUN_ID went."""
    import sqlalchemy as sa

    from lakehouse import control as c
    from lakehouse.errors import InputError

    db = c.open_control(context.settings)
    if run_id is None:
        found = db.select(sa.select(c.runs).order_by(c.runs.c.run_id.desc()).limit(limit))
        rows = [
            [r["run_id"], r["table_name"], r["mode"], r["state"], r["live_rows"], _took(r), r["message"]] for r in found
        ]
        table("", ["run", "table", "mode", "state", "live rows", "took", "message"], rows, right=["live rows", "took"])
        return
    run = db.select(sa.select(c.runs).where(c.runs.c.run_id == run_id))
    if not run:
        raise InputError(f"There is no run {run_id!r}; `lake runs` lists them.")
    for key, value in run[0].items():
        click.echo(f"{key:>18}  {'' if value is None else value}")
    inputs = db.select(sa.select(c.run_inputs).where(c.run_inputs.c.run_id == run_id))
    table("\nRead", ["table", "snapshot"], [[i["table_name"], _version(i)] for i in inputs])
    counts = db.select(sa.select(c.run_counts).where(c.run_counts.c.run_id == run_id))
    rows = [[n["batch_id"], n["source_file"], n["status"], n["records"]] for n in counts]
    table("\nRecords", ["batch", "source", "became", "records"], rows, right=["records"])


def _version(read: dict[str, Any]) -> str:
    from lakehouse.control import FOLDER

    if read["table_name"].startswith(f"{FOLDER}:"):
        return ""
    return "empty" if read["snapshot_id"] is None else str(read["snapshot_id"])


def _took(run: dict[str, Any]) -> str:
    from datetime import datetime

    if not run["ended_at"]:
        return ""
    return (
        f"{(datetime.fromisoformat(run['ended_at']) - datetime.fromisoformat(run['started_at'])).total_seconds():.1f} s"
    )


@click.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Show the checks that passed, too.")
@pass_context
@explained
def quality(context: Context, name: str | None, everything: bool) -> None:
    """Show the last quality results of each table, or of the table NAME."""
    from catalog.registry import TABLES
    from lakehouse.control import open_control

    db = open_control(context.settings)
    chosen = [declared(name)] if name else list(TABLES.values())
    rows, failed, checked = [], False, 0
    for t in chosen:
        run = db.last(t.name, "published", "gate_failed")
        for r in _results(db, run["run_id"]) if run else []:
            checked += 1
            failed |= r["outcome"] in ("fail", "error")
            if everything or name or r["outcome"] != "pass":
                keys = " ".join(json.loads(r["sample_keys"])[:3])
                rows.append(
                    [
                        t.name,
                        r["check_name"],
                        r["outcome"],
                        f"{r['value']:g}" if r["value"] is not None else "",
                        r["doc"],
                        keys,
                    ]
                )
    if not checked:
        click.echo("Nothing was checked yet; `lake run silver` does.")
        return
    if rows:
        table(
            "",
            ["table", "check", "outcome", "value", "what is true of good data", "hashed keys"],
            rows,
            right=["value"],
        )
    click.echo(f"{checked} checks at the last run of each table; {len(rows)} shown.")
    if failed:
        sys.exit(4)


def _results(db: Any, run_id: str) -> list[dict[str, Any]]:
    import sqlalchemy as sa

    from lakehouse.control import quality_results as q

    order = sa.case({"error": 0, "fail": 1, "warn": 2}, value=q.c.outcome, else_=3)
    found: list[dict[str, Any]] = db.select(sa.select(q).where(q.c.run_id == run_id).order_by(order, q.c.check_name))
    return found


@click.command()
@click.option("--stage", help="Only this stage: landing, or a table such as silver.encounter.")
@click.option("--reason", help="Only this reason code.")
@click.option("--settled", is_flag=True, help="Show what a later run settled, too.")
@click.option("--list", "one_by_one", is_flag=True, help="One line a record, with file, line and byte offset.")
@click.option("--raw", is_flag=True, help="With --list: the raw bytes as they were read. They are patient data.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many lines to list.")
@pass_context
@explained
def quarantine(
    context: Context, stage: str | None, reason: str | None, settled: bool, one_by_one: bool, raw: bool, limit: int
) -> None:
    """Show what was held back, where it came from and why."""
    from lakehouse.errors import InputError
    from lakehouse.profile import has_catalog, place
    from lakehouse.sql.engine import open_engine

    if not has_catalog(context.settings):
        raise InputError(
            f"There is no lake in {place(context.settings)} yet; `lake demo` or `lake ingest fhir PATH` makes one."
        )
    where = ["part = 0"]
    bound = {name: value for name, value in (("stage", stage), ("reason", reason)) if value}
    if stage:
        where.append("stage = :stage")
    if reason:
        where.append("reason_code = :reason")
    if not settled:
        where.append("resolved_by is null")
    if one_by_one or raw:
        columns = "stage, reason, source_file, line, byte_offset, entry" + (", raw" if raw else "")
        query = (
            f"select {columns} from lake.ops.quarantine where {' and '.join(where)} order by stage, source_file, line"
        )
    else:
        query = (
            "select stage, reason_code, count(*) as records, min(reason) as reason from lake.ops.quarantine "
            f"where {' and '.join(where)} group by stage, reason_code order by stage, records desc"
        )
    engine = open_engine(context.settings)
    try:
        found = engine.query(query, bound, limit)
    finally:
        engine.close()
    if not found.num_rows:
        click.echo("Nothing is held back.")
        return
    rows = [[_cell(v) for v in row.values()] for row in found.to_pylist()]
    table(
        "", [n.replace("_", " ") for n in found.column_names], rows, right=["records", "line", "byte offset", "entry"]
    )
    click.echo(
        "\n`lake quarantine --list` shows each record's file and line; `lake replay` tries them again after a fix."
    )


@click.command("commands")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many to list.")
@pass_context
@explained
def commands_(context: Context, limit: int) -> None:
    """List what people did, newest first: what they acknowledged, took back and replayed, and how it ended."""
    from lakehouse.commands import history

    rows = [
        [c["at"][:19].replace("T", " "), c["who"], c["command"], _said(c["arguments"]), c["outcome"], c["message"]]
        for c in history(context.settings, limit)
    ]
    if not rows:
        click.echo("Nobody has changed anything yet; the pages of `lake dashboard` are where people do.")
        return
    table("", ["at (UTC)", "who", "command", "of what", "outcome", "message"], rows)


def _said(arguments: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in json.loads(arguments).items() if value is not None)


def _cell(value: object) -> str:
    return visible(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


class _Asking(click.Command):
    """A command with a query, which is one also where it begins with a comment and so looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put such a query where Click takes it for an argument."""
        options = {option for parameter in self.params for option in parameter.opts}
        given = args[: args.index("--")] if "--" in args else args
        comments = [
            a for a in given if a.startswith("--") and len(a.split(None, 1)) > 1 and a.split("=")[0] not in options
        ]
        return super().parse_args(
            ctx, [*(a for a in args if a not in comments), *(["--", *comments] if comments else [])]
        )


@click.command(cls=_Asking)
@click.argument("query", required=False)
@click.option("--file", "path", type=click.File("r"), help="Read the query from a file; - is standard input.")
@click.option("--name", help="Run a query that ships with Carelake.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="At most so many rows.")
@pass_context
@explained
def sql(context: Context, query: str | None, path: Any, name: str | None, form: Any, limit: int | None) -> None:
    """Ask in Trino's dialect; read-only. Tables are lake.silver.patient …, control.public.runs …

    \b
    lake sql "select gender, count(*) from lake.silver.patient group by 1"
    lake sql --format csv "select * from lake.silver.encounter" > encounters.csv
    """
    from lakehouse.errors import InputError
    from lakehouse.sql.engine import open_engine
    from lakehouse.sql.output import render

    if sum(x is not None for x in (query, path, name)) != 1:
        raise InputError("Give one query: as an argument, by --file or by --name.")
    if name is not None:
        from lakehouse.sql.queries import named_query

        query = named_query(name)
    elif path is not None:
        query = path.read()
    engine = open_engine(context.settings)
    try:
        render(engine.query(str(query), {}, limit), form, sys.stdout)
    finally:
        engine.close()


@click.command()
@pass_context
@explained
def doctor(context: Context) -> None:
    """Look whether everything is installed, reachable and writable; a hint for each failure."""
    from lakehouse.doctor import examine

    settings = context.settings
    bad = 0
    for finding in examine(settings):
        mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark}  {finding.name:<13} {finding.detail}")
        if not finding.ok:
            bad += 1
            click.echo(f"      {'':<13} {finding.hint}")
    click.echo("\nSettings")
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        shown = bytes_(value) if name.endswith("_bytes") else value
        click.echo(f"  LAKE_{name.upper():<18} {shown!s:<34} {field.description}")
    if bad:
        sys.exit(5)


COMMANDS: tuple[click.Command, ...] = (tables, runs, quality, quarantine, commands_, sql, doctor)
