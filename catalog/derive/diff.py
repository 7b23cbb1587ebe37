"""How a live table differs from its declaration, and which differences can be applied without losing anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from catalog.derive.ddl import column_comment, quote
from catalog.model import Table

_WIDENS = {("int", "bigint"), ("float", "double")}


class Step(Enum):
    """What kind of difference it is."""

    CREATE = "create"
    ADD = "add"
    WIDEN = "widen"
    RELAX = "relax"
    COMMENT = "comment"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Change:
    """One difference; `sql` applies it (empty when it is refused). `text` says it in words."""

    step: Step
    table: str
    column: str
    text: str
    sql: str = ""


@dataclass(frozen=True)
class LiveColumn:
    """A column as the engine reports it: Spark's type name, nullability, comment."""

    type: str
    null: bool
    comment: str = ""


def diff(table: Table, live: Mapping[str, LiveColumn], catalog: str = "lake") -> list[Change]:
    """Differences in declared order, then columns that only the live table has. `live` is empty if there's no table."""
    name = f"{catalog}.{table.name}"
    if not live:
        return [Change(Step.CREATE, table.name, "", "the table does not exist yet")]
    changes: list[Change] = []

    def add(step: Step, column: str, text: str, sql: str = "") -> None:
        changes.append(Change(step, table.name, column, text, sql))

    for column in table.columns:
        now, want = live.get(column.name), column.type.spark
        comment = column_comment(column)
        if now is None:
            if column.null:
                sql = f"ALTER TABLE {name} ADD COLUMN {column.name} {want} COMMENT {quote(comment)}"
                add(Step.ADD, column.name, f"add {column.name} {want}", sql)
            else:
                add(Step.REFUSE, column.name, "a new column must allow null, for the rows that are there have no value")
            continue
        if now.type != want:
            if (now.type, want) in _WIDENS or _same_scale_wider(now.type, want):
                sql = f"ALTER TABLE {name} ALTER COLUMN {column.name} TYPE {want}"
                add(Step.WIDEN, column.name, f"widen {now.type} to {want}", sql)
            else:
                add(Step.REFUSE, column.name, f"{now.type} cannot become {want} without a rewrite")
        if not now.null and column.null:
            sql = f"ALTER TABLE {name} ALTER COLUMN {column.name} DROP NOT NULL"
            add(Step.RELAX, column.name, "allow null", sql)
        elif now.null and not column.null:
            add(Step.REFUSE, column.name, "rows without a value may be there: it cannot become NOT NULL")
        if now.comment != comment:
            sql = f"ALTER TABLE {name} ALTER COLUMN {column.name} COMMENT {quote(comment)}"
            add(Step.COMMENT, column.name, "the comment changed", sql)
    for extra in live:
        if not table.has(extra):
            add(Step.REFUSE, extra, "the live table has it and the declaration does not: dropping it would lose data")
    return changes


def _same_scale_wider(now: str, want: str) -> bool:
    """decimal(p,s) to decimal(p+n,s) loses nothing."""
    if not (now.startswith("decimal(") and want.startswith("decimal(")):
        return False
    (p1, s1), (p2, s2) = (tuple(map(int, t[8:-1].split(","))) for t in (now, want))
    return s1 == s2 and p2 > p1
