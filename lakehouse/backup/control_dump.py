"""The control database as JSON lines, whichever server it is on: one line a row, first the table's name."""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import sqlalchemy as sa

from lakehouse.control_tables import metadata
from lakehouse.errors import InputError

_BATCH = 1000


@dataclass(frozen=True)
class Content:
    """What a control database holds: rows by table, and a sum that does not depend on their order."""

    rows: dict[str, int]
    digest: str


def dump(db: sa.Connection, target: IO[bytes] | None) -> Content:
    """Write all rows as gzipped lines (None: only count them)."""
    rows: Counter[str] = Counter()
    total = 0
    packed = gzip.GzipFile(fileobj=target, mode="wb", mtime=0) if target else None
    for line in _lines(db):
        rows[json.loads(line)[0]] += 1
        total = (total + int.from_bytes(hashlib.sha256(line).digest(), "big")) % (1 << 256)
        if packed:
            packed.write(line + b"\n")
    if packed:
        packed.close()
    return Content(dict(sorted(rows.items())), f"{total:064x}")


def _lines(db: sa.Connection) -> Iterator[bytes]:
    live = sa.MetaData()
    live.reflect(db)  # what is there, not what is declared: nothing is left out
    for table in live.sorted_tables:
        for row in db.execute(sa.select(table)).mappings():
            # Without nulls: a column that a later version adds does not make the same rows look different.
            said = {name: value for name, value in sorted(row.items()) if value is not None}
            yield json.dumps([table.name, said], ensure_ascii=False).encode()


def load(db: sa.Connection, source: IO[bytes]) -> None:
    """Insert all rows into empty tables; the caller's transaction makes it all or nothing.

    Raises InputError for a table or column that this version of Carelake does not know.
    """
    waiting: dict[str, list[dict[str, Any]]] = {}
    with gzip.GzipFile(fileobj=source, mode="rb") as lines:
        for line in lines:
            name, row = json.loads(line)
            table = metadata.tables.get(name)
            strange = None if table is None else sorted(row.keys() - table.columns.keys())
            if table is None or strange:
                what = name if table is None else f"{name}.{strange[0]}"  # type: ignore[index]
                raise InputError(
                    f"The backup has {what} in its control database, which this version of Carelake does not know; "
                    f"restore with the version that made it."
                )
            waiting.setdefault(name, []).append({c.name: row.get(c.name, _default(c)) for c in table.columns})
            if len(waiting[name]) >= _BATCH:
                db.execute(sa.insert(table), waiting.pop(name))
    for name, rows in waiting.items():
        db.execute(sa.insert(metadata.tables[name]), rows)


def _default(column: sa.Column[Any]) -> Any:
    return column.default.arg if isinstance(column.default, sa.ColumnDefault) else None
