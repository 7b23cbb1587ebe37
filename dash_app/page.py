"""What a page is: its address, its filters, and one function from answers to what is shown. Nothing here draws."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from lakehouse.errors import InputError

if TYPE_CHECKING:
    from dash import Dash
    from dash.development.base_component import Component

    from dash_app.data import Ask, Reader

Options = Sequence[tuple[str, str]]  # (value, what people read)


@dataclass(frozen=True)
class Choice:
    """A filter with a list to choose from; `options` is that list, or asks for it. The empty value is `everything`."""

    name: str
    label: str
    options: "Options | Callable[[Ask], Options]"
    everything: str = "All"
    default: str = ""

    def read(self, text: str, ask: "Ask") -> str:
        """The value in the address; raises InputError if it is none of the list."""
        if text and text not in {value for value, _ in self.choices(ask)}:
            raise InputError(f"{self.label} has no such value: choose one of the list, or reset the filters.")
        return text

    def choices(self, ask: "Ask") -> Options:
        """The list as it stands now."""
        return self.options(ask) if callable(self.options) else self.options


@dataclass(frozen=True)
class Day:
    """A filter that is a day, or null."""

    name: str
    label: str
    default: str = ""

    def read(self, text: str, ask: "Ask") -> date | None:
        """The day in the address; raises InputError if it is none."""
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            raise InputError(f"{self.label} is no day: write it as 2026-01-31, or reset the filters.") from None


@dataclass(frozen=True)
class Sealed:
    """A part of the address that stands for an id and does not show it; see lakehouse.seal. Not a control."""

    name: str
    kind: str

    def read(self, text: str, ask: "Ask") -> str | None:
        """The id, or null; raises InputError for what was not sealed here."""
        return ask.unseal(self.kind, text) if text else None


@dataclass(frozen=True)
class Word:
    """A part of the address that is a plain name, such as that of a table. Not a control; never patient data."""

    name: str

    def read(self, text: str, ask: "Ask") -> str:
        """The text as it stands; the page says what it makes of it."""
        return text


Filter = Choice | Day | Sealed | Word


@dataclass(frozen=True)
class Stat:
    """One number that stands out. `value` is null where there is none; then `note` says why.

    `definition` says what is counted; `href` leads to the rows; `trend` are earlier values, oldest first; `icons` are
    names of control chart icons (see dash_app.spc).
    """

    label: str
    value: float | int | str | None
    definition: str
    unit: str = ""
    note: str = ""
    href: str = ""
    trend: Sequence[float] = ()
    icons: Sequence[str] = ()


@dataclass(frozen=True)
class Card:
    """A chart, a table or both, over the rows of `frame`.

    `name` is unique on its page. `summary` is one computed sentence that says what the rows say. `columns` names the
    columns that are shown and how people read them (default: all). `links` gives the address that a cell of a column
    leads to, by row; null for none. `query` names the query behind it. Without `figure` the rows are the content;
    without rows the card says `empty`. `wide` takes the whole width.
    """

    name: str
    title: str
    summary: str
    frame: pd.DataFrame
    definition: str
    figure: Mapping[str, Any] | None = None
    columns: Mapping[str, str] | None = None
    links: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = field(default_factory=dict)
    # The badge in which a cell of a column stands, by row: a class of lake.css, or null for none.
    badges: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = field(default_factory=dict)
    query: str = ""
    empty: str = "There is nothing to show for these filters."
    wide: bool = False
    height: int = 300
    most_rows: int = 200  # as many as the page's table holds; the CSV has all
    # A component that takes the place of the figure: for what is no chart, such as a graph to walk.
    content: "Component | None" = None


@dataclass(frozen=True)
class Section:
    """A heading between blocks, with a sentence or none."""

    title: str
    text: str = ""


@dataclass(frozen=True)
class Alert:
    """Something to know before reading on; `level` is info, warning, critical."""

    text: str
    level: str = "info"
    title: str = ""


Block = "Stat | Card | Section | Alert | Component"


@dataclass(frozen=True)
class View:
    """What a page shows for one set of filters: blocks in reading order; neighbouring numbers stand in one row."""

    blocks: Sequence[Any]
    title: str = ""  # in place of the page's own, where it shows one thing of many
    back: tuple[str, str] | None = None  # address and words of the way back to the list
    shows_filters: bool = True  # not where they are those of the list

    def card(self, name: str) -> Card:
        """The card of that name; raises InputError if there is none."""
        for block in self.blocks:
            if isinstance(block, Card) and block.name == name:
                return block
        raise InputError("this page has no such card: reload it.")


@dataclass(frozen=True)
class Page:
    """One page. `question` says in one sentence what it answers. `build` is pure: answers and filters in, a View out.

    `shows_patients` marks pages with rows about single people, `is_live` those that tell of now and are never kept.
    `register` adds callbacks of its own, for what can't be a part of the address.
    """

    path: str
    title: str
    group: str
    icon: str
    question: str
    build: "Callable[[Ask, Mapping[str, Any]], View]"
    filters: Sequence[Filter] = ()
    order: int = 50
    shows_patients: bool = False
    is_live: bool = False
    register: "Callable[[Dash, Reader], None] | None" = None

    def values(self, ask: "Ask", given: Mapping[str, str]) -> dict[str, Any]:
        """The filters' values from the address; what it does not name has its default, what is no filter is ignored."""
        return {f.name: f.read(given.get(f.name, getattr(f, "default", "")), ask) for f in self.filters}
