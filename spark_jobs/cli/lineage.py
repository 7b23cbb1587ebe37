"""`lake lineage`: where a column comes from and what depends on it, as the last runs left it. Starts no JVM."""

import json
from typing import TYPE_CHECKING, Any

import click

from spark_jobs.cli.context import Context, explained, pass_context

if TYPE_CHECKING:
    from catalog.lineage import Graph, Node, Tree


@click.command()
@click.argument("name")
@click.option("--up", is_flag=True, help="Only what it is made of, down to the FHIR elements.")
@click.option("--down", is_flag=True, help="Only what depends on it.")
@click.option("--format", "form", type=click.Choice(["tree", "mermaid", "json"]), default="tree", show_default=True)
@click.option("--depth", type=click.IntRange(1), default=99, help="Follow at most so many steps.")
@click.option("--rows", is_flag=True, help="List what decides which rows the table has, too.")
@pass_context
@explained
def lineage(context: Context, name: str, up: bool, down: bool, form: str, depth: int, rows: bool) -> None:
    """Show where NAME comes from and what depends on it: a table, a column, or a FHIR element.

    \b
    lake lineage silver.condition.onset_at --up
    lake lineage Patient.birthDate --down
    """
    from catalog.lineage import Graph

    runs, edges = _newest(context)
    graph = Graph(tuple(edges))
    nodes = _named(graph, name)
    trees = [
        (way, tree) for way in ("up", "down") if _asked(way, up, down) for tree in _trees(graph, nodes, way, depth)
    ]
    deciding = [graph.deciding_rows(d) for d in sorted({n.dataset for n in nodes})] if _asked("up", up, down) else []
    if form == "json":
        _as_json(name, trees, deciding, runs)
    elif form == "mermaid":
        _as_mermaid(trees)
    else:
        _as_text(trees, deciding, runs, rows)


def _asked(way: str, up: bool, down: bool) -> bool:
    return up == down or (up if way == "up" else down)


def _newest(context: Context) -> "tuple[dict[str, dict[str, Any]], list[Any]]":
    """The newest run of each table by its name, and the edges that hold for them."""
    from lakehouse.control import open_control
    from lakehouse.errors import InputError
    from lakehouse.profile import has_control, place

    if has_control(context.settings):
        db = open_control(context.settings)
        runs = {run["table_name"]: run for run in db.newest_runs()}
        edges = [edge for run in runs.values() for edge in db.lineage(run["basis"])]
        if edges:
            return runs, edges
    raise InputError(
        f"No job has run in {place(context.settings)} yet, so nothing is known; `lake run silver` runs them."
    )


def _named(graph: "Graph", name: str) -> "list[Node]":
    """The nodes called for; InputError that suggests the nearest."""
    import difflib

    from lakehouse.errors import InputError

    known = graph.names()
    if name not in known:
        near = difflib.get_close_matches(name, known, 3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "`lake tables` lists tables, `lake tables NAME` columns."
        )
        raise InputError(f"No run knows {name!r}; {hint}")
    return known[name]


def _trees(graph: "Graph", nodes: "list[Node]", way: str, depth: int) -> "list[Tree]":
    return [graph.up(node, depth) if way == "up" else graph.down(node, depth) for node in nodes]


def _as_json(
    name: str, trees: "list[tuple[str, Tree]]", deciding: "list[Tree]", runs: "dict[str, dict[str, Any]]"
) -> None:
    found: dict[str, Any] = {"name": name}
    for way, tree in trees:
        found.setdefault(way, []).append(tree.as_dict())
    if deciding:
        found["rows"] = [tree.as_dict() for tree in deciding]
    found["runs"] = {
        table: {key: runs[table][key] for key in ("run_id", "snapshot_id", "inputs")}
        for table in sorted(_tables(trees) & runs.keys())
    }
    click.echo(json.dumps(found, indent=2))


def _tables(trees: "list[tuple[str, Tree]]") -> set[str]:
    found = {tree.node.dataset for _, tree in trees}
    return found | {below.node.dataset for _, tree in trees for _, below in tree.walk()}


def _as_mermaid(trees: "list[tuple[str, Tree]]") -> None:
    from catalog.lineage import to_mermaid

    ups, downs = ([tree for way, tree in trees if way == wanted] for wanted in ("up", "down"))
    charts = [to_mermaid(chosen, upwards=upwards) for chosen, upwards in ((ups, True), (downs, False)) if chosen]
    click.echo("\n\n".join(charts))


def _as_text(
    trees: "list[tuple[str, Tree]]", deciding: "list[Tree]", runs: "dict[str, dict[str, Any]]", rows: bool
) -> None:
    for way, tree in trees:
        click.echo("made of" if way == "up" else "\nneeded by" if len(trees) > 1 else "needed by")
        click.echo("\n".join(tree.lines()))
        if not tree.children:
            click.echo(f"  nothing {'lies behind it: a source or a constant' if way == 'up' else 'depends on it yet'}")
    for tree in deciding:
        if rows and tree.children:
            click.echo("\nwhich rows there are depends on")
            click.echo("\n".join(tree.lines()))
        elif tree.children:
            click.echo(
                f"\n{len(tree.children)} columns and elements decide which rows {tree.node.dataset} has; see --rows."
            )
    click.echo()
    for name in sorted(_tables(trees) & runs.keys()):
        if runs[name]["inputs"]:
            click.echo(_as_of(runs[name]))


def _as_of(run: dict[str, Any]) -> str:
    read = ", ".join(_at(name, snapshot) for name, snapshot in sorted(run["inputs"].items()))
    made = f"snapshot {run['snapshot_id']}" if run["snapshot_id"] else "nothing new"
    return f"{run['table_name']}: run {run['run_id']} made {made} from {read}."


def _at(name: str, snapshot: int | None) -> str:
    from lakehouse.control import FOLDER

    if name.startswith(f"{FOLDER}:"):
        return f"files in {name.removeprefix(f'{FOLDER}:')}"
    return f"{name} at {snapshot or 'no snapshot'}"


COMMANDS: tuple[click.Command, ...] = (lineage,)
