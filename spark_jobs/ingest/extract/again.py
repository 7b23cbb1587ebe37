"""Files of CSV extracts with rows held back: which there are, and whether reading them again can help.

A row alone can't be tried again: a resource may be made of many rows of its file. So the file is read again as a whole;
its resources replace those of the same id, and what was held back of it is settled.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from catalog.tables.bronze import CSV_ROW, FHIR_RESOURCE
from catalog.tables.ops import QUARANTINE
from lakehouse import tables
from lakehouse.control import Control, extracts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGES = (CSV_ROW.name, FHIR_RESOURCE.name)
"""Where rows of extracts are held back: what is no row, and what could not be translated."""


@dataclass(frozen=True)
class HeldFile:
    """A file of which `rows` are held back, as it was read last; `has_new_values`: a value table came since then."""

    path: str
    sha256: str
    mapping: str
    mapping_version: str
    rows: int
    has_new_values: bool

    @property
    def is_there(self) -> bool:
        """Whether the file still stands where it was read, with the same bytes."""
        try:
            with Path(self.path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


def held_files(
    spark: "SparkSession", control: Control, stages: Sequence[str] = STAGES, source_file: str | None = None
) -> list[HeldFile]:
    """The files with open rows at these stages, by path; with a name, that file alone."""
    from pyspark.sql import functions as F

    if not tables.exists(spark, QUARANTINE):
        return []
    rows = spark.table(tables.full_name(QUARANTINE)).where(F.col("stage").isin(*stages) & (F.col("part") == 0))
    open_rows = rows.where("resolved_by IS NULL")
    counted = open_rows.groupBy("run_id", "source_file").count().collect()
    held = {(r.run_id, r.source_file): r["count"] for r in counted if source_file in (None, r.source_file)}
    read = control.select(sa.select(extracts).order_by(extracts.c.path, extracts.c.batch_id)) if held else []
    values = [(f["mapping"], f["batch_id"]) for f in read if f["value_table"]]
    return [
        HeldFile(
            f["path"],
            f["sha256"],
            f["mapping"],
            f["mapping_version"],
            held[f["batch_id"], f["path"]],
            any(name == f["mapping"] and batch > f["batch_id"] for name, batch in values),
        )
        for f in read
        if (f["batch_id"], f["path"]) in held
    ]
