"""DDL for Spark with the Iceberg catalog, comments included."""

from catalog.model import Column, Table, Tag

# Manifests keep each column's least and greatest value: nothing that identifies a person may stand there.
_NO_METRICS = {Tag.IDENTIFYING, Tag.QUASI, Tag.FREE_TEXT, Tag.RAW}


def quote(text: str) -> str:
    """`text` as a SQL string literal of Spark."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def column_comment(column: Column) -> str:
    """What the catalog says of a column: doc, unit, tag."""
    unit = f" Unit: {column.unit}." if column.unit else ""
    return f"{column.doc}{unit} [{column.tag.value}]"


def column_ddl(column: Column) -> str:
    """One column of CREATE TABLE."""
    null = "" if column.null else " NOT NULL"
    return f"{column.name} {column.type.spark}{null} COMMENT {quote(column_comment(column))}"


def table_properties(table: Table) -> dict[str, str]:
    """Iceberg properties: format v2, merge-on-read, no column bounds where they would betray a person."""
    hidden = {f"write.metadata.metrics.column.{c.name}": "none" for c in table.columns if c.tag in _NO_METRICS}
    return {
        "format-version": "2",  # PyIceberg cannot write v3
        "write.delete.mode": "merge-on-read",
        "write.update.mode": "merge-on-read",
        "write.merge.mode": "merge-on-read",  # copy-on-write rewrites every file for 1 % of the rows
        **_layout(table),
        "write.parquet.compression-codec": "zstd",
        "write.target-file-size-bytes": str(128 << 20),
        "write.metadata.delete-after-commit.enabled": "true",
        # Each version lists all snapshots, and readers take the one that the catalog names: twenty are about five runs.
        "write.metadata.previous-versions-max": "20",
        **hidden,
    }


def _layout(table: Table) -> dict[str, str]:
    """How rows reach files. Bronze is never shuffled: each task writes what it read, one file a partition."""
    if table.schema_name == "bronze":
        return {
            "write.distribution-mode": "none",
            "write.spark.fanout.enabled": "true",
            "write.summary.partition-limit": "1000",  # each commit says which resource types it brought
            # JSON shrinks to a tenth: at the usual sizes one task would have to parse half a gigabyte alone
            "write.parquet.row-group-size-bytes": str(32 << 20),
            "read.split.target-size": str(4 << 20),
        }
    return {
        "write.distribution-mode": "hash" if table.partition else "none",
        # Small lakes have many small files, by year: at the usual 4 MB each task would read no more than four of them
        "read.split.open-file-cost": str(512 << 10),
    }


def create_table(table: Table, catalog: str = "lake") -> str:
    """CREATE TABLE IF NOT EXISTS with columns, comments, partitions and properties."""
    columns = ",\n  ".join(column_ddl(c) for c in table.columns)
    partition = f"\nPARTITIONED BY ({', '.join(p.ddl() for p in table.partition)})" if table.partition else ""
    properties = ",\n  ".join(f"{quote(k)} = {quote(v)}" for k, v in table_properties(table).items())
    return (
        f"CREATE TABLE IF NOT EXISTS {catalog}.{table.name} (\n  {columns}\n)\nUSING iceberg{partition}\n"
        f"COMMENT {quote(table.doc)}\nTBLPROPERTIES (\n  {properties}\n)"
    )
