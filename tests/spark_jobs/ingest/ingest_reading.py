"""Reads bytes the way an ingestion does, without Spark."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_jobs.ingest.discover import inspect, plan
from spark_jobs.ingest.model import Layout, Record, Rejection
from spark_jobs.ingest.reader import read_chunk
from spark_jobs.ingest.tally import Counts


@dataclass(frozen=True)
class Read:
    """What one file gave."""

    layout: Layout
    records: list[Record]
    rejections: list[Rejection]
    counts: Counts

    @property
    def names(self) -> list[str]:
        return [f"{r.resource_type}/{r.resource_id}" for r in self.records]

    @property
    def codes(self) -> list[str]:
        return [rejection.reason_code for rejection in self.rejections]


def read_file(path: Path, chunk_bytes: int = 1 << 20, max_record_bytes: int = 1 << 24) -> Read:
    """Inspect, plan and read a file; the accounting law must hold whatever it is."""
    file = inspect(path, chunk_bytes)
    counts = Counts()
    items: list[Any] = []
    for chunk in plan([file], chunk_bytes):
        items += read_chunk(chunk, max_record_bytes, counts)
    assert counts.is_whole, counts
    records = [item for item in items if isinstance(item, Record)]
    rejections = [item for item in items if isinstance(item, Rejection)]
    assert counts.landed + counts.contained == len(records)
    assert counts.rejected == sum(rejection.part == 0 for rejection in rejections)
    return Read(file.layout, records, rejections, counts)


def resource(name: str, /, **fields: Any) -> bytes:
    """The JSON of a resource `Type/id`."""
    resource_type, resource_id = name.split("/")
    return json.dumps({"resourceType": resource_type, "id": resource_id, **fields}, ensure_ascii=False).encode()


def bundle(*entries: dict[str, Any], **fields: Any) -> bytes:
    """The JSON of a Bundle with these entries."""
    return json.dumps({"resourceType": "Bundle", **fields, "entry": list(entries)}).encode()
