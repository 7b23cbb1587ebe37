"""What a table is: columns with type, doc and tag, key, partition, checks, retention, owner. Validated when built."""

import re
from dataclasses import dataclass, field
from enum import Enum

from catalog.types import Type

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TABLE = re.compile(r"(bronze|silver|gold|ops)\.[a-z][a-z0-9_]*")


class InvalidTable(ValueError):
    """A declaration contradicts itself; the message names the table, the column and what is wrong."""


class Tag(Enum):
    """How sensitive a column is; access rules, de-identification and erasure follow from it."""

    SUBJECT = "subject"  # the person's logical id: pseudonymised, the handle of an erasure
    LINKING = "linking"  # id of a record or of a file: can lead back to the person
    IDENTIFYING = "identifying"  # name, address, phone, national identifier
    QUASI = "quasi"  # birth date, postal code, sex: identifies in combination
    DATE = "date"  # instant or day of care
    CLINICAL = "clinical"  # finding, code, value
    FREE_TEXT = "free_text"  # written by people: may hold anything
    RAW = "raw"  # a whole source record
    OPERATIONAL = "operational"  # the lakehouse's own bookkeeping, no person behind it


SUBJECT, LINKING, IDENTIFYING, QUASI, DATE, CLINICAL, FREE_TEXT, RAW, OPERATIONAL = Tag


@dataclass(frozen=True)
class Retention:
    """How long rows are kept after the last change (`None`: as long as the source keeps them)."""

    name: str
    years: int | None
    doc: str


CLINICAL_RECORD = Retention("clinical_record", None, "Kept as long as the medical record that it mirrors.")
SOURCE_COPY = Retention("source_copy", None, "The record as it arrived; kept while any table derived from it is.")
OPERATIONS = Retention("operations", 7, "The lakehouse's own evidence: seven years.")


@dataclass(frozen=True)
class Column:
    """One column; `tag` has no default on purpose. `null=False` means that every row must have a value.

    `unit` is the UCUM unit of each value, or the name of the column that holds it, in brackets: `[value_unit]`.
    `ref` names the table whose key the value points to.
    """

    name: str
    type: Type
    doc: str = field(kw_only=True)
    tag: Tag = field(kw_only=True)
    null: bool = field(default=False, kw_only=True)
    ref: str | None = field(default=None, kw_only=True)
    unit: str | None = field(default=None, kw_only=True)
    values: tuple[str, ...] = field(default=(), kw_only=True)


class Level(Enum):
    """What a check's failure does: FAIL quarantines the row or blocks the publish, WARN is counted and shown."""

    FAIL = "fail"
    WARN = "warn"


class Kind(Enum):
    """What a check looks at."""

    ROW = "row"  # a condition that each good row meets; a failing row is quarantined; in gold it stops the publish
    UNIQUE = "unique"  # no two rows share these columns
    REFERENCE = "reference"  # every value exists as the key of the referenced table
    VOLUME = "volume"  # not far fewer rows than the last published snapshot
    FRESH = "fresh"  # the newest value is younger than so many days before the run's clock


@dataclass(frozen=True)
class Check:
    """Something that is true of good data; named for what is true, such as `ended_at_not_before_started_at`."""

    kind: Kind
    level: Level
    name: str
    doc: str
    columns: tuple[str, ...] = ()
    sql: str = ""  # ROW: a Spark SQL condition; a row passes when it is true or null
    amount: float = 0.0  # VOLUME: least share of the earlier row count; FRESH: most days


@dataclass(frozen=True)
class _Checks:
    """The builders `fail.…` and `warn.…`."""

    level: Level

    def that(self, name: str, sql: str, doc: str) -> Check:
        """Each row meets the condition `sql`; null (unknown) passes."""
        return Check(Kind.ROW, self.level, name, doc, sql=sql)

    def unique(self, *columns: str) -> Check:
        """No two live rows agree in all of `columns`."""
        return Check(Kind.UNIQUE, self.level, "unique_" + "_".join(columns), "No two rows share the key.", columns)

    def reference(self, column: str) -> Check:
        """Each value of `column` is the key of the table that its declaration refers to."""
        return Check(Kind.REFERENCE, self.level, f"{column}_resolves", "The referenced row is there.", (column,))

    def volume(self, at_least: float) -> Check:
        """There are at least this share of the rows of the last published snapshot."""
        return Check(Kind.VOLUME, self.level, "volume_not_fallen", "Rows did not vanish.", amount=at_least)

    def fresh(self, column: str, days: float) -> Check:
        """The newest `column` lies at most `days` days before the run's clock."""
        return Check(Kind.FRESH, self.level, f"{column}_is_fresh", "New data keeps coming.", (column,), amount=days)


fail = _Checks(Level.FAIL)
warn = _Checks(Level.WARN)


@dataclass(frozen=True)
class Partition:
    """A partition transform over one column: identity, day, month, year or bucket."""

    column: str
    transform: str = "identity"

    def ddl(self) -> str:
        """The transform as Spark's DDL writes it."""
        return self.column if self.transform == "identity" else f"{self.transform}s({self.column})"


def identity(column: str) -> Partition:
    """One partition per value."""
    return Partition(column)


def month(column: str) -> Partition:
    """One partition per calendar month (UTC)."""
    return Partition(column, "month")


def year(column: str) -> Partition:
    """One partition per calendar year (UTC)."""
    return Partition(column, "year")


@dataclass(frozen=True)
class Table:
    """One table, declared once; DDL, schema, checks, docs and access rules derive from it."""

    name: str
    columns: tuple[Column, ...]
    doc: str = field(kw_only=True)
    grain: str = field(kw_only=True)
    key: tuple[str, ...] = field(kw_only=True)
    retention: Retention = field(kw_only=True)
    owner: str = field(default="data-engineering", kw_only=True)
    partition: tuple[Partition, ...] = field(default=(), kw_only=True)
    checks: tuple[Check, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise InvalidTable(f"{self.name}: {problem}")

    def _problems(self) -> list[str]:
        names = [c.name for c in self.columns]
        found = []
        if not _TABLE.fullmatch(self.name):
            found.append("a table is named layer.name, in lower case, with layer bronze, silver, gold or ops")
        found += [f"column {n!r} is declared twice" for n in sorted({n for n in names if names.count(n) > 1})]
        for c in self.columns:
            if not _NAME.fullmatch(c.name):
                found.append(f"column {c.name!r}: names are lower case letters, digits and _")
            if c.tag not in set(Tag):
                found.append(f"column {c.name} is not tagged")
            if not c.doc.strip():
                found.append(f"column {c.name} has no doc")
        if not self.key:
            found.append("there is no key")
        used: list[tuple[str, str]] = [("key", k) for k in self.key]
        used += [("partition", p.column) for p in self.partition]
        used += [(f"check {check.name}", column) for check in self.checks for column in check.columns]
        found += [f"{where}: there is no column {n!r}" for where, n in used if n not in names]
        found += [f"key column {k} must not be null" for k in self.key if k in names and self.column(k).null]
        check_names = [check.name for check in self.checks]
        found += [f"check {n!r} is declared twice" for n in set(check_names) if check_names.count(n) > 1]
        for check in self.checks:
            if check.kind is Kind.REFERENCE and not found and self.column(check.columns[0]).ref is None:
                found.append(f"check {check.name}: column {check.columns[0]} refers to no table")
        return found

    def column(self, name: str) -> Column:
        """The column of that name; `KeyError` if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name!r}")

    def has(self, name: str) -> bool:
        """Whether there is a column of that name."""
        return any(c.name == name for c in self.columns)

    @property
    def schema_name(self) -> str:
        """The layer: bronze, silver, gold or ops."""
        return self.name.split(".")[0]

    @property
    def short_name(self) -> str:
        """The name without its layer."""
        return self.name.split(".")[1]

    def checks_of(self, *kinds: Kind) -> tuple[Check, ...]:
        """The checks of these kinds, in declared order."""
        return tuple(c for c in self.checks if c.kind in kinds)
