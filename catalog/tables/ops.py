"""Ops: the lakehouse's own records that are too bulky for the control database."""

from catalog.model import LINKING, OPERATIONAL, OPERATIONS, RAW, Column, Table, identity
from catalog.types import Binary, Integer, Long, Text, Timestamp

QUARANTINE = Table(
    "ops.quarantine",
    doc="Records that were held back, why, and where they came from; nothing in it reaches silver.",
    grain="one row per held-back record and run; raw bytes over 8 MiB take several rows",
    columns=(
        Column("run_id", Text, doc="The run or ingestion that held it back.", tag=OPERATIONAL),
        Column("stage", Text, doc="`landing`, or the table that it was meant for.", tag=OPERATIONAL),
        Column("reason_code", Text, doc="Stable name of the reason, or of the check.", tag=OPERATIONAL),
        Column("reason", Text, doc="What is wrong, in a sentence.", tag=OPERATIONAL),
        Column("source_file", Text, doc="File that it came in.", tag=LINKING),
        Column("line", Long, doc="Line in the file, from 1; null for a whole file.", null=True, tag=OPERATIONAL),
        Column(
            "byte_offset",
            Long,
            doc="First byte in the decompressed file; null if not known.",
            null=True,
            tag=OPERATIONAL,
        ),
        Column("entry", Integer, doc="Position in its Bundle; null outside.", null=True, tag=OPERATIONAL),
        Column("part", Integer, doc="Which piece of the raw bytes, from 0.", tag=OPERATIONAL),
        Column("raw", Binary, doc="The bytes as read; null if bronze has the record.", null=True, tag=RAW),
        Column("resource_type", Text, doc="FHIR resource type; null if not known.", null=True, tag=OPERATIONAL),
        Column("resource_id", Text, doc="Logical id; null if not known.", null=True, tag=LINKING),
        Column("batch_id", Text, doc="The ingestion that brought it.", tag=OPERATIONAL),
        Column(
            "payload_sha256",
            Text,
            doc="Hash of the record in bronze; null at landing.",
            null=True,
            tag=LINKING,
        ),
        Column("quarantined_at", Timestamp, doc="When it was held back, UTC.", tag=OPERATIONAL),
        Column(
            "resolved_by",
            Text,
            doc="The later run or ingestion that settled it, or `discarded` and when; null while it is open.",
            null=True,
            tag=OPERATIONAL,
        ),
    ),
    key=("run_id", "stage", "source_file", "part"),
    partition=(identity("stage"),),
    retention=OPERATIONS,
)
