"""What became of each row of each file, so that nothing can go missing unseen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from catalog.mapping import CsvMapping
from lakehouse.control import now
from spark_jobs.ingest.discover import SourceFile
from spark_jobs.ingest.extract.translate import HELD, NO_VALUE, TRANSLATED
from spark_jobs.ingest.tally import Counts


@dataclass(frozen=True)
class FileCounts:
    """What became of a file's rows: `rows` is all of them, and the sum of the others."""

    translated: int = 0
    value_table: int = 0
    no_value: int = 0
    quarantined: int = 0
    blank: int = 0

    @property
    def rows(self) -> int:
        """All rows; headers are none."""
        return self.translated + self.value_table + self.no_value + self.quarantined + self.blank

    def __add__(self, other: "FileCounts") -> "FileCounts":
        return FileCounts(*(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__))


@dataclass(frozen=True)
class ExtractLanding:
    """What an ingestion did: counts by file, resources by file and type; `untold` are value tables without rows."""

    batch_id: str | None
    counts: Mapping[str, FileCounts] = field(default_factory=dict)
    made: Mapping[tuple[str, str], int] = field(default_factory=dict)
    bytes: int = 0
    skipped: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)

    @property
    def total(self) -> FileCounts:
        """All files added up."""
        return reduce(lambda a, b: a + b, self.counts.values(), FileCounts())

    @property
    def by_type(self) -> dict[str, int]:
        """Resources by type, most first."""
        found: dict[str, int] = {}
        for (_, resource_type), number in self.made.items():
            found[resource_type] = found.get(resource_type, 0) + number
        return dict(sorted(found.items(), key=lambda item: -item[1]))


def by_file(
    mapping: CsvMapping, read: Mapping[str, Counts], judged: Mapping[tuple[str, str], int]
) -> dict[str, FileCounts]:
    """Counts by file, from what reading it counted and what translating its rows did, by file and status."""
    value_tables = {k.name for k in mapping.kinds if k.key}
    return {
        name: FileCounts(
            translated=judged.get((name, TRANSLATED), 0),
            value_table=sum(n for kind, n in counts.by_type.items() if kind in value_tables),
            no_value=judged.get((name, NO_VALUE), 0),
            quarantined=counts.rejected + judged.get((name, HELD), 0),
            blank=counts.blank,
        )
        for name, counts in read.items()
    }


def by_status(batch_id: str, counts: Mapping[str, FileCounts]) -> Iterator[dict[str, Any]]:
    """Rows for the control database's `run_counts`."""
    for name, c in counts.items():
        for status in c.__dataclass_fields__:
            if getattr(c, status):
                yield {"batch_id": batch_id, "source_file": name, "status": status, "records": getattr(c, status)}


def ledger(
    batch_id: str,
    mapping: CsvMapping,
    files: Sequence[SourceFile],
    counts: Mapping[str, FileCounts],
    made: Mapping[tuple[str, str], int],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows for the control database's `extracts` and `extract_resources`."""
    rows = []
    for file in files:
        c = counts.get(file.name, FileCounts())
        rows.append(
            {
                "batch_id": batch_id,
                "path": file.name,
                "sha256": file.sha256,
                "mapping": mapping.name,
                "mapping_version": mapping.version,
                "bytes": file.size,
                "rows": c.rows,
                **{name: getattr(c, name) for name in c.__dataclass_fields__},
                "landed_at": now(),
            }
        )
    types = [
        {"batch_id": batch_id, "path": name, "resource_type": kind, "resources": number}
        for (name, kind), number in made.items()
    ]
    return rows, types
