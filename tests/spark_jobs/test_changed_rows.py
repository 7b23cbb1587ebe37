"""What is read to find out what runs changed: the rows that they wrote, and those that these replaced."""

from typing import TYPE_CHECKING

from lakehouse import tables
from tests.spark_jobs.tiny_mart import DOSE, dose, put

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from spark_jobs.lake import Lake


def head(lake: "Lake") -> int:
    found = tables.current(lake.spark, DOSE)
    assert found is not None
    return found.id


def shown(rows: "DataFrame") -> list[tuple[str, int]]:
    return sorted((r.dose_id, r.amount) for r in rows.collect())


def test_only_what_runs_wrote_in_between_is_read(lake: "Lake") -> None:
    put(lake, DOSE, [dose("a", "p", 1), dose("b", "p", 2), dose("c", "q", 3)])
    first = head(lake)
    put(lake, DOSE, [dose("b", "q", 20)])
    second = head(lake)
    put(lake, DOSE, [dose("c", "q", 3, deleted=True), dose("d", "q", 4)])
    old, new = tables.changed(lake.spark, DOSE, first, head(lake))
    assert shown(old) == [("b", 2), ("c", 3)]
    assert shown(new) == [("b", 20), ("c", 3), ("d", 4)]
    old, new = tables.changed(lake.spark, DOSE, second, head(lake))
    assert (shown(old), shown(new)) == ([("c", 3)], [("c", 3), ("d", 4)])


def test_compaction_changes_no_row(lake: "Lake") -> None:
    put(lake, DOSE, [dose("a", "p", 1)])
    first = head(lake)
    put(lake, DOSE, [dose("b", "p", 2)])
    options = "map('rewrite-all', 'true')"
    lake.spark.sql(f"CALL lake.system.rewrite_data_files(table => '{DOSE.name}', options => {options})").collect()
    assert next(tables.history(lake.spark, DOSE)).operation == tables.REPLACE
    old, new = tables.changed(lake.spark, DOSE, first, head(lake))
    assert (shown(old), shown(new)) == ([], [("b", 2)])


def test_all_rows_are_read_where_it_is_not_known_who_wrote_them(lake: "Lake") -> None:
    put(lake, DOSE, [dose("a", "p", 1), dose("b", "p", 2)])
    first = head(lake)
    lake.spark.sql(f"UPDATE {tables.full_name(DOSE)} SET amount = 10 WHERE dose_id = 'a'")
    put(lake, DOSE, [dose("b", "p", 20)])
    old, new = tables.changed(lake.spark, DOSE, first, head(lake))
    assert (shown(old), shown(new)) == ([("a", 1), ("b", 2)], [("a", 10), ("b", 20)])
    old, new = tables.changed(lake.spark, DOSE, None, head(lake))
    assert (shown(old), shown(new)) == ([], [("a", 10), ("b", 20)])
