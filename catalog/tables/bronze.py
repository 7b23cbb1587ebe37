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
