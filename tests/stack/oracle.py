"""A lake in whose next run a server fails, and what has to hold once all is put right."""

from pathlib import Path

from lakehouse import tables
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import TINY, held, ingest, observation, rows, run, write

AFTER = [("a", "final", 1), ("b", "final", 3), ("bad", "final", 7)]


def load(lake: Lake, folder: Path) -> Lake:
    """Publish a first delivery and land a second, which the next run reads."""
    ingest(lake, write(folder, "a.ndjson", [observation("a", 1), observation("b", 2), observation("bad", -1)]))
    run(lake)
    ingest(lake, write(folder, "b.ndjson", [observation("b", 3), observation("c", -4), observation("bad", 7)]))
    return lake


def check(lake: Lake) -> None:
    """Rows as they should be, each record accounted for, nothing left over."""
    assert rows(lake) == AFTER
    assert held(lake) == [("c", "amount_is_not_negative")]
    assert not lake.control.unfinished(TINY.name)
    assert tables.branches(lake.spark, TINY) == []
