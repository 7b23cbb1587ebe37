"""What the log of a Delta table says: which table it is, what its versions did, how their changes can be read.

The log is read as the protocol defines it (one JSON file a version); data is only ever read through Delta Lake itself,
which knows deletion vectors and column mapping.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lakehouse.errors import Conflict, InputError, LakeError
from lakehouse.jvm import java_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class Way(StrEnum):
    """How new rows are found."""

    SNAPSHOT = "snapshot"  # the first landing: every row of the newest version
    FEED = "change feed"  # the table records each changed row
    APPENDED = "appended files"  # every version only added files
    COMPARED = "comparison"  # all rows of the newest version against what has landed


@dataclass(frozen=True)
class DeltaTable:
    """A Delta table at its newest version. `properties` are its settings."""

    path: Path
    table_id: str
    version: int
    properties: dict[str, str]


@dataclass(frozen=True)
class Commit:
    """What one version did: data files that it added and removed, change files, and whether it redefined the table.

    Files that were only rewritten (compaction) count as `moved`: their rows are no news.
    """

    version: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[str, ...]
    changes: tuple[str, ...]
    redefines: bool


def open_delta(spark: "SparkSession", given: str) -> DeltaTable:
    """The Delta table in a folder; InputError if there is none, or none that can be read here."""
    if "://" in given:
        raise InputError("Delta tables are read from folders of this machine, not from a URL; copy or mount it first.")
    path = Path(given).expanduser().absolute()
    if not (path / "_delta_log").is_dir():
        what = "is not there" if not path.exists() else "holds no Delta table (it has no folder _delta_log)"
        raise InputError(f"{path} {what}; give the folder of a Delta table.")
    with readable(path):
        table = _delta(spark, path)
        detail = _frame(spark, table.detail()).select("id", "properties").collect()[0]
        newest = _frame(spark, table.history(1)).select("version").collect()
        if not newest:
            raise InputError(f"{path} has no version in its _delta_log; give the folder of a whole Delta table.")
        return DeltaTable(path, detail.id, newest[0].version, dict(detail.properties or {}))


def commit_times(spark: "SparkSession", table: DeltaTable, after: int) -> dict[int, datetime]:
    """When each version above `after` was committed; Conflict if a newer one came meanwhile."""
    from pyspark.sql import functions as F

    with readable(table.path):
        history = _frame(spark, _delta(spark, table.path).history(max(table.version - after, 1)))
        rows = history.select("version", F.unix_micros("timestamp").alias("at")).collect()
    found = {r.version: datetime.fromtimestamp(r.at / 1e6, UTC) for r in rows}
    if any(version not in found for version in range(after + 1, table.version + 1)):
        raise Conflict(f"{table.path} got a new version meanwhile; run again.")
    return found


def stamped_versions(spark: "SparkSession", table: DeltaTable) -> Iterator[tuple[int, str, str | None]]:
    """Version, operation and user metadata of each commit that the log still has, newest first."""
    with readable(table.path):
        history = _frame(spark, _delta(spark, table.path).history())
        rows = history.select("version", "operation", "userMetadata").orderBy("version", ascending=False).collect()
    yield from ((r.version, r.operation, r.userMetadata) for r in rows)


def read_version(spark: "SparkSession", table: DeltaTable, version: int | None = None) -> "DataFrame":
    """All rows at a version, the newest that `open_delta` saw if none is given."""
    at = table.version if version is None else version
    return spark.read.format("delta").option("versionAsOf", at).load(str(table.path))


def commits(table: DeltaTable, after: int) -> list[Commit] | None:
    """The versions above `after`; None if the log does not reach back so far any more."""
    found = []
    for version in range(after + 1, table.version + 1):
        file = table.path / "_delta_log" / f"{version:020d}.json"
        try:
            lines = file.read_bytes().splitlines()
        except FileNotFoundError:
            return None
        found.append(_commit(version, [json.loads(line) for line in lines if line.strip()]))
    return found


def _commit(version: int, actions: list[dict[str, Any]]) -> Commit:
    def paths(kind: str, *, is_news: bool) -> tuple[str, ...]:
        chosen = (a[kind] for a in actions if a.get(kind))
        return tuple(f["path"] for f in chosen if bool(f.get("dataChange", True)) is is_news)

    return Commit(
        version,
        paths("add", is_news=True),
        paths("remove", is_news=True),
        (*paths("add", is_news=False), *paths("remove", is_news=False)),
        tuple(a["cdc"]["path"] for a in actions if a.get("cdc")),
        any(a.get("metaData") for a in actions),
    )


def way_of(table: DeltaTable, found: list[Commit] | None) -> Way:
    """The cheapest way to the changes that is right; a comparison always is.

    A changed definition (new columns, another mapping) makes feeds of several shapes, and vacuumed files can't be read:
    both are left to the comparison, which needs nothing but the newest version.
    """
    if found is None or any(c.redefines for c in found):
        return Way.COMPARED
    if not any((*c.removed, *c.moved) for c in found):
        return Way.APPENDED
    if table.properties.get("delta.enableChangeDataFeed") == "true":
        needed = (path for c in found for path in (c.changes or (*c.added, *c.removed)))
        return Way.FEED if all(_file(table.path, p).exists() for p in needed) else Way.COMPARED
    gone = {path for c in found for path in c.moved}
    if not any(c.removed for c in found) and not any(path in gone for c in found for path in c.added):
        return Way.APPENDED
    return Way.COMPARED


def file_names(found: Iterable[Commit]) -> list[tuple[str, int]]:
    """Name of each added data file, which Delta makes unique, with its version."""
    return [(_file(Path(), path).name, c.version) for c in found for path in c.added]


def _file(root: Path, path: str) -> Path:
    """A path of the log is URL-encoded, and relative to the table unless the table is a clone."""
    return root / unquote(urlsplit(path).path if path.startswith("file:") else path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell what Delta Lake refuses as one sentence; its own messages may quote values of partitions."""
    try:
        yield
    except LakeError:
        raise
    except Exception as error:
        code = re.search(r"\[(DELTA_[A-Z_0-9]+)", str(error))
        if "FileNotFoundException" in str(error) or (code and "FILE_NOT_FOUND" in code[1]):
            raise Conflict(
                f"Files of {path} went away while it was read; run again, or look whether it is whole."
            ) from error
        if code is None:
            raise
        if "CONCURRENT" in code[1]:
            raise Conflict(f"Someone else changed {path} meanwhile; run again.") from error
        if "UNSUPPORTED" in code[1] or "PROTOCOL" in code[1]:
            what = "uses features of Delta Lake that version 3.3 cannot read"
            raise InputError(f"{path} {what} ({code[1]}); ask its owner for a copy without them.") from error
        raise InputError(f"{path} can't be read as a Delta table ({code[1]}); look at it with Delta Lake.") from error


def _delta(spark: "SparkSession", path: Path) -> Any:
    return java_class(spark, "io.delta.tables.DeltaTable").forPath(spark._jsparkSession, str(path))


def _frame(spark: "SparkSession", java: Any) -> "DataFrame":
    from pyspark.sql import DataFrame

    return DataFrame(java, spark)
