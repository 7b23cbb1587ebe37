"""Bronze: exactly what arrived, append-only, one row a source record."""

from catalog.model import DATE, LINKING, OPERATIONAL, RAW, SOURCE_COPY, Column, Table, identity
from catalog.types import Boolean, Date, Integer, Long, Text, Timestamp

FHIR_RESOURCE = Table(
    "bronze.fhir_resource",
    doc="Each version of each FHIR resource as it arrived, and each deletion.",
    grain="one row per resource version, deletion or contained resource that arrived",
    columns=(
        Column("resource_type", Text, doc="FHIR resource type.", tag=OPERATIONAL),
        Column(
            "resource_id",
            Text,
            doc="Logical id in the source; `Type/id#contained` for a contained resource.",
            tag=LINKING,
        ),
        Column(
            "container_id",
            Text,
            doc="`Type/id` of the resource that contains this one; null for a resource of its own.",
            null=True,
            tag=LINKING,
        ),
        Column(
            "version_id",
            Text,
            doc="meta.versionId; null where the source sends none.",
            null=True,
            tag=OPERATIONAL,
        ),
        Column(
            "last_updated",
            Timestamp,
            doc="meta.lastUpdated, or when the source deleted it; null where the source says nothing.",
            null=True,
            tag=DATE,
        ),
        Column(
            "is_deleted",
            Boolean,
            doc="True for a tombstone: the source deleted the resource.",
            tag=OPERATIONAL,
        ),
        Column(
            "payload",
            Text,
            doc="The resource's JSON, byte for byte; null for a tombstone.",
            null=True,
            tag=RAW,
        ),
        Column("payload_sha256", Text, doc="SHA-256 of the payload's bytes, in hexadecimal.", tag=LINKING),
        Column("source_file", Text, doc="File that it came in.", tag=LINKING),
        Column("line", Long, doc="Line in the file, from 1.", tag=OPERATIONAL),
        Column("byte_offset", Long, doc="First byte in the decompressed file, from 0.", tag=OPERATIONAL),
        Column("entry", Integer, doc="Position in its Bundle, from 0; null outside.", null=True, tag=OPERATIONAL),
        Column("batch_id", Text, doc="The ingestion that landed it; sorts by time.", tag=OPERATIONAL),
        Column("arrived_at", Timestamp, doc="When that ingestion began, UTC.", tag=OPERATIONAL),
        Column("arrived_on", Date, doc="Day of `arrived_at`, UTC.", tag=OPERATIONAL),
        Column(
            "has_fhir_shape",
            Boolean,
            doc="True where each element of the payload is of the JSON type that FHIR R4 gives it, so that views need "
            "not look again; null where nobody looked, and for a tombstone.",
            null=True,
            tag=OPERATIONAL,
        ),
    ),
    key=("batch_id", "source_file", "byte_offset", "resource_type", "resource_id"),
    partition=(identity("resource_type"), identity("arrived_on")),
    retention=SOURCE_COPY,
)

DELTA_ROW = Table(
    "bronze.delta_row",
    doc="Rows of foreign Delta tables as they arrived, and what became of them from version to version.",
    grain="one row per row of a Delta table that came, changed or went with a version",
    columns=(
        Column("source", Text, doc="Name that the Delta table was landed under; its path if none.", tag=LINKING),
        Column("table_id", Text, doc="The Delta table's own id.", tag=OPERATIONAL),
        Column("delta_version", Long, doc="Version of the Delta table that brought the change.", tag=OPERATIONAL),
        Column("committed_at", Timestamp, doc="When that version was committed, UTC.", tag=OPERATIONAL),
        Column(
            "change_type",
            Text,
            doc="`snapshot`, `insert` and `update_postimage` are rows that came, `update_preimage` and `delete` rows "
            "that went: those minus these are the rows of the table. `snapshot` is the first landing.",
            values=("snapshot", "insert", "update_preimage", "update_postimage", "delete"),
            tag=OPERATIONAL,
        ),
        Column(
            "payload",
            Text,
            doc="The row as a JSON object without its null columns; decimals with all digits, instants with "
            "microseconds and zone, binary in base64.",
            tag=RAW,
        ),
        Column("payload_sha256", Text, doc="SHA-256 of the payload's bytes, in hexadecimal.", tag=LINKING),
        Column("occurrence", Long, doc="Which of several equal rows, from 1.", tag=OPERATIONAL),
        Column("batch_id", Text, doc="The ingestion that landed it; sorts by time.", tag=OPERATIONAL),
        Column("arrived_at", Timestamp, doc="When that ingestion began, UTC.", tag=OPERATIONAL),
        Column("arrived_on", Date, doc="Day of `arrived_at`, UTC.", tag=OPERATIONAL),
    ),
    key=("batch_id", "source", "delta_version", "change_type", "payload_sha256", "occurrence"),
    partition=(identity("source"), identity("arrived_on")),
    retention=SOURCE_COPY,
)

CSV_ROW = Table(
    "bronze.csv_row",
    doc="Each row of each CSV extract as it arrived; what was made of it has the same place in bronze.fhir_resource.",
    grain="one row per row of a file and ingestion of it; headers and blank rows are counted only",
    columns=(
        Column("mapping", Text, doc="Name of the mapping that it was read by (catalog/mappings).", tag=OPERATIONAL),
        Column("mapping_version", Text, doc="Hash of that mapping's text.", tag=OPERATIONAL),
        Column("file_kind", Text, doc="Which of the mapping's files it is a row of.", tag=OPERATIONAL),
        Column("source_file", Text, doc="File that it came in.", tag=LINKING),
        Column("source_sha256", Text, doc="SHA-256 of that file's stored bytes, in hexadecimal.", tag=OPERATIONAL),
        Column("line", Long, doc="Line in the file on which it begins, from 1.", tag=OPERATIONAL),
        Column("byte_offset", Long, doc="First byte in the decompressed file, from 0.", tag=OPERATIONAL),
        Column("row_number", Long, doc="Which of the file's rows, from 1; headers don't count.", tag=OPERATIONAL),
        Column("payload", Text, doc="JSON object: column to text, each exactly as it stood in the cell.", tag=RAW),
        Column("payload_sha256", Text, doc="SHA-256 of the payload's bytes, in hexadecimal.", tag=LINKING),
        Column("batch_id", Text, doc="The ingestion that landed it; sorts by time.", tag=OPERATIONAL),
        Column("arrived_at", Timestamp, doc="When that ingestion began, UTC.", tag=OPERATIONAL),
        Column("arrived_on", Date, doc="Day of `arrived_at`, UTC.", tag=OPERATIONAL),
    ),
    key=("batch_id", "source_file", "byte_offset"),
    partition=(identity("mapping"), identity("arrived_on")),
    retention=SOURCE_COPY,
)
