"""The columns that every silver table ends with: which source record a row comes from, and which run wrote it."""

from catalog.model import DATE, LINKING, OPERATIONAL, Column
from catalog.types import Boolean, Text, Timestamp

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
    Column("run_id", Text, doc="The run that last changed the row.", tag=OPERATIONAL),
    Column(
        "is_deleted",
        Boolean,
        doc="True: the source deleted or withdrew it; kept so that others can follow.",
        tag=OPERATIONAL,
    ),
)
