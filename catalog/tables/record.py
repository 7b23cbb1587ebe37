"""The columns that tables end with: in silver, which source record a row comes from; in both, which run wrote it."""

from catalog.model import DATE, LINKING, OPERATIONAL, Column
from catalog.types import Boolean, Text, Timestamp

CHANGED_BY = Column("run_id", Text, doc="The run that last changed the row.", tag=OPERATIONAL)
"""All that a gold row is kept with: what it was made of is told by the snapshots that the run read."""

RECORD = (
    Column("version_at", Timestamp, doc="meta.lastUpdated of the source record, else its arrival, UTC.", tag=DATE),
    Column(
        "version_id",
        Text,
        doc="meta.versionId; null where the source sends none.",
        null=True,
        tag=OPERATIONAL,
    ),
    Column("batch_id", Text, doc="The ingestion that brought the record.", tag=OPERATIONAL),
    Column("payload_sha256", Text, doc="Hash of the record in bronze.", tag=LINKING),
    CHANGED_BY,
    Column(
        "is_deleted",
        Boolean,
        doc="True: the source deleted or withdrew it; kept so that others can follow.",
        tag=OPERATIONAL,
    ),
)
