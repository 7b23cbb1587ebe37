"""Schema evolution: live schemas against the declarations, read through PyIceberg, so that looking needs no JVM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog.derive.diff import Change, LiveColumn, Step, diff
from catalog.model import Table
from lakehouse.errors import DeclarationError
from lakehouse.profile import iceberg_catalog
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class LiveTable:
    """What the catalog says of a table: its columns, and rows (less deleted files) at the newest snapshot."""

    columns: dict[str, LiveColumn]
    snapshot_id: int | None
    rows: int
    committed_ms: int | None


def live_table(catalog: "SqlCatalog", table: Table) -> LiveTable | None:
    """The table as it is, or None if it was not created yet."""
    from pyiceberg.exceptions import NoSuchTableError

    try:
        live = catalog.load_table(table.name)
    except NoSuchTableError:
        return None
    columns = {f.name: LiveColumn(spark_type(f.field_type), not f.required, f.doc or "") for f in live.schema().fields}
    snapshot = live.current_snapshot()
    if snapshot is None:
        return LiveTable(columns, None, 0, None)
    summary: Any = snapshot.summary or {}
    rows = int(summary["total-records"] or 0) - int(summary["total-position-deletes"] or 0)
    return LiveTable(columns, snapshot.snapshot_id, rows, snapshot.timestamp_ms)


def spark_type(iceberg: Any) -> str:
    """Spark's name of a PyIceberg type, as `catalog.types` spells it."""
    from pyiceberg import types as t

    match iceberg:
        case t.ListType():
            return f"array<{spark_type(iceberg.element_type)}>"
        case t.StructType():
            return "struct<" + ",".join(f"{f.name}:{spark_type(f.field_type)}" for f in iceberg.fields) + ">"
        case t.DecimalType():
            return f"decimal({iceberg.precision},{iceberg.scale})"
        case t.LongType():
            return "bigint"
        case t.TimestamptzType():
            return "timestamp"
        case t.TimestampType():
            return "timestamp_ntz"
    return str(iceberg)


def differences(settings: Settings, tables: Sequence[Table]) -> list[Change]:
    """How the live tables differ from their declarations, in the order of `tables`."""
    catalog = iceberg_catalog(settings)
    changes: list[Change] = []
    for table in tables:
        live = live_table(catalog, table)
        changes += diff(table, live.columns if live else {})
    return changes


def apply(spark: "SparkSession", changes: Sequence[Change], tables: dict[str, Table]) -> None:
    """Apply additive changes, in order; raises DeclarationError before anything is touched if one would lose data."""
    from lakehouse.tables import ensure

    refused = [c for c in changes if c.step is Step.REFUSE]
    if refused:
        said = "; ".join(f"{c.table}.{c.column}: {c.text}" for c in refused)
        raise DeclarationError(
            f"Nothing was changed, for this would lose data or break rows that are there: {said}. Keep the column in "
            f"the declaration, or add a new nullable one beside it."
        )
    for change in changes:
        if change.step is Step.CREATE:
            ensure(spark, tables[change.table])
        else:
            spark.sql(change.sql)
