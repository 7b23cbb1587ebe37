"""The tables of the control database."""

import sqlalchemy as sa

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True, comment="Sorts by time."),
    sa.Column("job", sa.String, nullable=False),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("run_key", sa.String, nullable=False, comment="Hash of job, code, declaration, inputs and clock."),
    sa.Column(
        "basis", sa.String, nullable=False, comment="Hash of job, code and declaration: when it moves, all is new."
    ),
    sa.Column("mode", sa.String, nullable=False, comment="full, incremental, or land."),
    sa.Column(
        "state",
        sa.String,
        nullable=False,
        comment="planned, publishing, published, unchanged, gate_failed, failed, interrupted.",
    ),
    sa.Column("as_of", sa.String, nullable=False, comment="The run's clock, a UTC day."),
    sa.Column("base_snapshot_id", sa.BigInteger),
    sa.Column("snapshot_id", sa.BigInteger, comment="What it published; null if nothing."),
    sa.Column("live_rows", sa.BigInteger, comment="Rows that are not deleted after the publish."),
    sa.Column("message", sa.String, nullable=False, default=""),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
)

run_inputs = sa.Table(
    "run_inputs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, primary_key=True, comment="Or file:FOLDER, or delta:NAME."),
    sa.Column("snapshot_id", sa.BigInteger, comment="Delta: its version. Null: the table was empty, or a folder."),
)

run_counts = sa.Table(
    "run_counts",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("batch_id", sa.String, primary_key=True, comment="The ingestion that brought the records."),
    sa.Column("source_file", sa.String, primary_key=True),
    sa.Column("status", sa.String, primary_key=True, comment="What became of them."),
    sa.Column("records", sa.BigInteger, nullable=False),
)

quality_results = sa.Table(
    "quality_results",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("check_name", sa.String, primary_key=True),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("level", sa.String, nullable=False, comment="fail or warn."),
    sa.Column("outcome", sa.String, nullable=False, comment="pass, warn, fail or error."),
    sa.Column("value", sa.Float, comment="How many rows fail, or the measured figure."),
    sa.Column("doc", sa.String, nullable=False),
    sa.Column("sample_keys", sa.String, nullable=False, comment="JSON list of hashed keys of failing rows."),
    sa.Column("checked_at", sa.String, nullable=False),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("lines", sa.BigInteger, nullable=False),
    sa.Column("blank", sa.BigInteger, nullable=False),
    sa.Column("landed", sa.BigInteger, nullable=False, comment="Source records in bronze."),
    sa.Column("contained", sa.BigInteger, nullable=False, comment="Contained resources landed beside them."),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("landed_at", sa.String, nullable=False),
)

extracts = sa.Table(
    "extracts",
    metadata,
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("path", sa.String, primary_key=True, comment="A file of a CSV extract."),
    sa.Column("sha256", sa.String, nullable=False, index=True),
    sa.Column("mapping", sa.String, nullable=False),
    sa.Column("mapping_version", sa.String, nullable=False, comment="Hash of the mapping's text."),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False, comment="All but headers; the sum of the five below."),
    sa.Column("translated", sa.BigInteger, nullable=False, comment="FHIR resources came of them."),
    sa.Column("value_table", sa.BigInteger, nullable=False, comment="They say what the codes of other rows mean."),
    sa.Column("no_value", sa.BigInteger, nullable=False, comment="They say nothing: a null marker as value."),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("blank", sa.BigInteger, nullable=False),
    sa.Column("landed_at", sa.String, nullable=False),
)

extract_resources = sa.Table(
    "extract_resources",
    metadata,
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("path", sa.String, primary_key=True),
    sa.Column("resource_type", sa.String, primary_key=True, comment="FHIR resource type."),
    sa.Column("resources", sa.BigInteger, nullable=False),
)

lineage_edges = sa.Table(
    "lineage_edges",
    metadata,
    sa.Column("basis", sa.String, primary_key=True, comment="The basis of the runs that it holds for."),
    sa.Column("version", sa.Integer, nullable=False, comment="Of the rules by which the plan was read."),
    sa.Column("output_table", sa.String, primary_key=True),
    sa.Column("output_column", sa.String, primary_key=True, comment="Empty: it decides which rows there are."),
    sa.Column("input_table", sa.String, primary_key=True, comment="Empty: a constant, or not known."),
    sa.Column("input_column", sa.String, primary_key=True, comment="Empty: the rows themselves, as a count."),
    sa.Column("element", sa.String, primary_key=True, comment="Path of a FHIR element in the input column, or empty."),
    sa.Column("kind", sa.String, primary_key=True, comment="DIRECT, INDIRECT, CONSTANT, UNKNOWN."),
    sa.Column("subtype", sa.String, primary_key=True, comment="As in OpenLineage: IDENTITY, JOIN, FILTER …"),
    sa.Column("masking", sa.Boolean, primary_key=True, comment="The input can't be read back, as of a hash."),
)

upkeep = sa.Table(
    "upkeep",
    metadata,
    sa.Column("upkeep_id", sa.String, primary_key=True, comment="One call of `lake maintain`; sorts by time."),
    sa.Column("table_name", sa.String, primary_key=True),
    sa.Column("step", sa.String, primary_key=True, comment="compact, manifests, expire or orphans."),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("started_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String, comment="Null: it did not come to its end."),
    sa.Column("done", sa.String, comment="JSON: what was rewritten or let go."),
    sa.Column("before", sa.String, nullable=False, comment="JSON: the table's figures."),
    sa.Column("after", sa.String, comment="JSON: the same afterwards."),
)


commands = sa.Table(
    "commands",
    metadata,
    sa.Column("command_id", sa.String, primary_key=True, comment="Sorts by time."),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("who", sa.String, nullable=False, comment="Account, or `local` for this machine's user."),
    sa.Column("command", sa.String, nullable=False, comment="acknowledge, withdraw or replay."),
    sa.Column("arguments", sa.String, nullable=False, comment="JSON, without patient data."),
    sa.Column("outcome", sa.String, nullable=False, comment="begun, done, failed, unknown."),
    sa.Column("message", sa.String, nullable=False, default=""),
    sa.Column("ended_at", sa.String),
)

acknowledgements = sa.Table(
    "acknowledgements",
    metadata,
    sa.Column("command_id", sa.String, primary_key=True, comment="The command that made it: who and when."),
    sa.Column("table_name", sa.String, nullable=False, index=True),
    sa.Column("check_name", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False, comment="Why it is accepted, in people's words."),
    sa.Column("until_on", sa.String, nullable=False, comment="The last day on which it holds."),
    sa.Column("value", sa.Float, comment="What was accepted; it ends when the value gets worse."),
    sa.Column("withdrawn_at", sa.String, comment="Null: neither taken back nor replaced."),
)
