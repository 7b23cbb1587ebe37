"""What was read, counted by chunk, so that nothing can go missing unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from spark_jobs.ingest.model import Chunk, Item, Rejection, Split
from spark_jobs.ingest.streams import printable

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import SparkSession


class Counts(msgspec.Struct):
    """Counts of one chunk, or of several added up.

    The unit is the source record. A line that is not blank is one record, and so is a JSON document, and so is each
    piece of a file that can't be cut into lines or entries (the rest after damage, a file in UTF-16). A Bundle is not a
    record: in its place stand its entries, those of Bundles within it included. So at all times

        records = lines - blank - bundles + entries = landed + rejected

    which for NDJSON without Bundles is lines = landed + rejected + blank. `lines` includes documents and pieces.
    `landed` includes deletions; `contained` counts contained resources, which land beside their containers and are no
    source records. `data_bytes` are the bytes of landed payloads and of rejections. `by_type` counts landed source
    records by resource type.
    """

    lines: int = 0
    blank: int = 0
    bundles: int = 0
    entries: int = 0
    landed: int = 0
    contained: int = 0
    deleted: int = 0
    rejected: int = 0
    data_bytes: int = 0
    by_type: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def records(self) -> int:
        """Source records read."""
        return self.lines - self.blank - self.bundles + self.entries

    @property
    def is_whole(self) -> bool:
        """Whether each source record either landed or was rejected."""
        return self.records == self.landed + self.rejected

    def add(self, item: Item) -> None:
        """Count what a reader passed on."""
        if isinstance(item, Split):
            self.bundles += 1
            self.entries += item.entries
        elif isinstance(item, Rejection):
            self.rejected += item.part == 0
            self.data_bytes += len(item.raw)
        elif item.container_id is not None:
            self.contained += 1
        else:
            self.landed += 1
            self.deleted += item.is_deleted
            self.data_bytes += len(item.payload or b"")
            self.by_type[item.resource_type] += 1

    def __add__(self, other: Counts) -> Counts:
        both = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__}
        return Counts(**both)


class Tally:
    """Counts by chunk as tasks report them.

    Reading a chunk twice (a repeated task, a second action on the same frame) replaces its counts by equal ones instead
    of adding to them.
    """

    def __init__(self, accumulator: Accumulator[dict[int, Counts]]) -> None:
        self._accumulator = accumulator

    @classmethod
    def start(cls, spark: SparkSession) -> Tally:
        """A tally without counts, which tasks of this session can report to."""
        from pyspark.accumulators import AccumulatorParam

        class Merge(AccumulatorParam[dict[int, Counts]]):
            def zero(self, value: dict[int, Counts]) -> dict[int, Counts]:
                return {}

            def addInPlace(self, value1: dict[int, Counts], value2: dict[int, Counts]) -> dict[int, Counts]:  # noqa: N802
                value1.update(value2)
                return value1

        return cls(spark.sparkContext.accumulator({}, Merge()))

    def report(self, chunk: Chunk, counts: Counts) -> None:
        """Called inside a task when a chunk has been read to its end."""
        self._accumulator.add({chunk.chunk_id: counts})

    @property
    def by_chunk(self) -> Mapping[int, Counts]:
        """Counts by chunk_id of the chunks whose tasks have ended."""
        return dict(self._accumulator.value)

    @property
    def total(self) -> Counts:
        """All counts added up."""
        return sum(self.by_chunk.values(), start=Counts())

    def by_file(self, chunks: Iterable[Chunk]) -> dict[str, Counts]:
        """Counts by file name, as `source_file` has it; a file without a report has zeros."""
        counts = self.by_chunk
        files: dict[str, Counts] = {}
        for chunk in chunks:
            name = printable(chunk.path)
            files[name] = files.get(name, Counts()) + counts.get(chunk.chunk_id, Counts())
        return files

    def unreported(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Chunks that no task has read to the end; none may be left when a batch is published."""
        counts = self.by_chunk
        return [chunk for chunk in chunks if chunk.chunk_id not in counts]

    def with_rejections(self, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Chunks that hold records which can't land."""
        counts = self.by_chunk
        return [chunk for chunk in chunks if chunk.chunk_id in counts and counts[chunk.chunk_id].rejected]
