"""How the command line shows things: tables, counts, durations. Nothing here knows where they come from."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_UNWATCHED_WIDTH = 1000  # a pipe or file: no window decides, and whole lines can be searched


def console(stderr: bool = False) -> "Console":
    """The terminal; results go to standard output, progress and warnings to standard error."""
    from rich.console import Console

    shown = Console(stderr=stderr, highlight=False)
    if not shown.is_terminal:
        shown.width = _UNWATCHED_WIDTH
    return shown


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print rows under their headings; columns named in `right` are numbers."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in columns:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold", header_style="bold")
    for row in rows:
        shown.add_row(*(escape(visible(cell)) for cell in row))
    console().print(shown)


def visible(cell: object) -> str:
    """A cell as text: numbers with thousands marks, nothing for None, control characters made harmless."""
    if cell is None:
        return ""
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return "".join(c if c.isprintable() else "�" for c in str(cell))


def progress() -> "Progress":
    """A progress bar on standard error that goes when it's done; silent where no one watches."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Progress bars by name, each made when it is first heard of."""
    with progress() as shown:
        tasks: dict[str, Any] = {}

        def advance(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = shown.add_task(what, total=total)
            shown.update(tasks[what], completed=done, total=max(total, 1))

        yield advance


def seconds(duration: float) -> str:
    """A duration as people say it."""
    return f"{duration:.1f} s" if duration < 90 else f"{int(duration // 60)} min {int(duration % 60)} s"


def bytes_(size: float) -> str:
    """A size in the decimal unit that fits."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
        size /= 1000
    raise AssertionError("unreachable")
