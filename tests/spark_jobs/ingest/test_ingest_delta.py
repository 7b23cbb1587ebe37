"""Foreign Delta tables land by version: nothing lost, nothing doubled, whatever the table records of its changes."""

import json
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from catalog.tables.bronze import DELTA_ROW
from lakehouse import quarantine, tables
from lakehouse.control import run_counts
from lakehouse.errors import InputError, LakeError
from spark_jobs.ingest import delta, delta_changes
from spark_jobs.ingest.delta_log import Commit, DeltaTable, Way, way_of
from spark_jobs.lake import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEED = "delta.enableChangeDataFeed = true"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "foreign"


def make(spark: "SparkSession", folder: Path, columns: str = "id int, name string", *properties: str) -> None:
    """A Delta table without rows."""
    settings = f"TBLPROPERTIES ({', '.join(properties)})" if properties else ""
    spark.sql(f"CREATE TABLE delta.`{folder}` ({columns}) USING delta {settings}")


def land(lake: Lake, folder: Path, name: str = "foreign") -> delta.DeltaLanding:
    return delta.ingest(lake.spark, lake.control, lake.settings, str(folder), name)


def bag(lake: Lake) -> list[dict[str, Any]]:
    """What bronze says that the Delta table holds: rows that came less rows that went, as JSON."""
    went = "change_type in ('delete', 'update_preimage')"
    query = f"""select payload, sum(if({went}, -1, 1)) as n from lake.bronze.delta_row where source = 'foreign'
        group by payload having n <> 0 order by payload"""
    return [json.loads(r.payload) for r in lake.spark.sql(query).collect() for _ in range(r.n)]


def live(lake: Lake, folder: Path) -> list[dict[str, Any]]:
    """What the Delta table holds, without nulls, in the same order."""
    rows = lake.spark.read.format("delta").load(str(folder)).collect()
    found = [{k: v for k, v in r.asDict().items() if v is not None} for r in rows]
    return sorted(found, key=lambda r: json.dumps(r, separators=(",", ":")))


@pytest.mark.slow
def test_with_a_change_feed_each_version_lands_once_and_only_what_changed(lake: Lake, folder: Path) -> None:
    spark = lake.spark
    make(spark, folder, "id int, name string", FEED)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a'), (2, 'b'), (2, 'b')")
    first = land(lake, folder)
    assert (first.way, dict(first.rows)) == (Way.SNAPSHOT, {(1, "snapshot"): 3})
    again = land(lake, folder)
    assert (again.way, again.batch_id) == (None, None)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (3, 'c')")
    spark.sql(f"UPDATE delta.`{folder}` SET name = 'A' WHERE id = 1")
    spark.sql(f"DELETE FROM delta.`{folder}` WHERE id = 3")
    second = land(lake, folder)
    assert second.way is Way.FEED
    assert dict(second.rows) == {
        (2, "insert"): 1,
        (3, "update_preimage"): 1,
        (3, "update_postimage"): 1,
        (4, "delete"): 1,
    }
    assert bag(lake) == live(lake, folder) == [{"id": 1, "name": "A"}, *[{"id": 2, "name": "b"}] * 2]
    counted = lake.control.select(run_counts.select().where(run_counts.c.run_id == second.batch_id))
    by_version = {c["source_file"]: (c["status"], c["records"]) for c in counted}
    assert by_version == {"foreign@2": ("landed", 1), "foreign@3": ("landed", 2), "foreign@4": ("landed", 1)}


@pytest.mark.slow
def test_versions_that_only_add_are_read_by_their_files(lake: Lake, folder: Path) -> None:
    spark = lake.spark
    make(spark, folder)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a')")
    land(lake, folder)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (2, 'b'), (2, 'b')")
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a')")
    second = land(lake, folder)
    assert (second.way, dict(second.rows)) == (Way.APPENDED, {(2, "insert"): 2, (3, "insert"): 1})
    assert bag(lake) == live(lake, folder)
    at = spark.sql("select delta_version, unix_micros(committed_at) as at, occurrence from lake.bronze.delta_row")
    rows = sorted(at.collect())
    assert [(r.delta_version, r.occurrence) for r in rows] == [(1, 1), (2, 1), (2, 2), (3, 1)]
    assert rows[0].at < rows[1].at == rows[2].at < rows[3].at <= datetime.now(UTC).timestamp() * 1e6


@pytest.mark.slow
def test_without_a_feed_updates_deletes_and_overwrites_are_found_by_comparison(lake: Lake, folder: Path) -> None:
    spark = lake.spark
    make(spark, folder)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a'), (2, 'b'), (2, 'b'), (3, null)")
    land(lake, folder)
    spark.sql(f"UPDATE delta.`{folder}` SET name = 'A' WHERE id = 1")
    spark.sql(f"DELETE FROM delta.`{folder}` WHERE id = 3")
    second = land(lake, folder)
    assert (second.way, dict(second.rows)) == (Way.COMPARED, {(3, "insert"): 1, (3, "delete"): 2})
    assert bag(lake) == live(lake, folder)
    spark.sql(f"INSERT OVERWRITE delta.`{folder}` VALUES (2, 'b'), (9, 'z')")
    third = land(lake, folder)
    assert (third.way, dict(third.rows)) == (Way.COMPARED, {(4, "insert"): 1, (4, "delete"): 2})
    assert bag(lake) == live(lake, folder) == [{"id": 2, "name": "b"}, {"id": 9, "name": "z"}]
    spark.sql(f"INSERT OVERWRITE delta.`{folder}` VALUES (9, 'z'), (2, 'b')")
    same = land(lake, folder)
    assert (same.way, same.batch_id, same.landed) == (Way.COMPARED, None, 0)
    assert land(lake, folder).way is None, "a version without news is known, too"


@pytest.mark.slow
def test_new_columns_are_told_and_leave_old_rows_as_they_were(lake: Lake, folder: Path) -> None:
    spark = lake.spark
    make(spark, folder, "id int, name string", FEED)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a')")
    land(lake, folder)
    spark.sql(f"ALTER TABLE delta.`{folder}` ADD COLUMNS (age int)")
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (2, 'b', 44)")
    second = land(lake, folder)
    assert (second.columns, dict(second.rows)) == (("age",), {(3, "insert"): 1})
    assert bag(lake) == live(lake, folder) == [{"id": 1, "name": "a"}, {"id": 2, "name": "b", "age": 44}]


@pytest.mark.slow
def test_deletion_vectors_and_column_mapping_are_read(lake: Lake, folder: Path) -> None:
    spark = lake.spark
    make(
        spark, folder, "id int, name string", "delta.enableDeletionVectors = true", "delta.columnMapping.mode = 'name'"
    )
    spark.sql(f"INSERT INTO delta.`{folder}` SELECT cast(id AS int), 'x' FROM range(0, 10, 1, 1)")
    land(lake, folder)
    spark.sql(f"DELETE FROM delta.`{folder}` WHERE id < 4")
    land(lake, folder)
    assert bag(lake) == live(lake, folder)
    spark.sql(f"ALTER TABLE delta.`{folder}` RENAME COLUMN name TO label")
    land(lake, folder)
    assert bag(lake) == live(lake, folder)
    assert {"id": 4, "label": "x"} in bag(lake)


@pytest.mark.slow
def test_a_vacuumed_feed_and_a_cleaned_log_lose_nothing(lake: Lake, folder: Path) -> None:
    spark = lake.spark
    make(spark, folder, "id int, name string", FEED)
    spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a'), (2, 'b')")
    land(lake, folder)
    spark.sql(f"UPDATE delta.`{folder}` SET name = 'A' WHERE id = 1")
    shutil.rmtree(folder / "_change_data")
    assert land(lake, folder).way is Way.COMPARED
    assert bag(lake) == live(lake, folder)
    spark.sql(f"UPDATE delta.`{folder}` SET name = 'B' WHERE id = 2")
    spark.sql(f"UPDATE delta.`{folder}` SET name = 'C' WHERE id = 2")
    table = DeltaTable(folder, "", 4, {FEED.split(" ")[0]: "true"})
    assert way_of(table, None) is Way.COMPARED
    assert land(lake, folder).way is Way.FEED
    assert bag(lake) == live(lake, folder)


def test_decimals_instants_and_nested_values_are_exact_in_the_payload(lake: Lake, folder: Path) -> None:
    columns = "d decimal(38,18), at timestamp, local timestamp_ntz, on date, raw binary, tags array<string>, n bigint"
    make(lake.spark, folder, columns)
    lake.spark.sql(
        f"""INSERT INTO delta.`{folder}` VALUES (12345678901234567890.123456789012345678,
        timestamp'1899-12-31 23:59:59.123456', timestamp_ntz'2020-02-29 12:00:00.000001', date'0001-01-01', X'00FF',
        array('a', null), 9007199254740993)"""
    )
    land(lake, folder)
    (row,) = lake.spark.table("lake.bronze.delta_row").collect()
    assert json.loads(row.payload, parse_float=Decimal) == {
        "d": Decimal("12345678901234567890.123456789012345678"),
        "at": "1899-12-31T23:59:59.123456Z",
        "local": "2020-02-29T12:00:00.000001",
        "on": "0001-01-01",
        "raw": "AP8=",
        "tags": ["a", None],
        "n": 9007199254740993,
    }


def test_what_is_no_delta_table_is_refused_in_a_sentence(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        land(lake, tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no Delta table"):
        land(lake, tmp_path)
    with pytest.raises(InputError, match="not from a URL"):
        delta.ingest(lake.spark, lake.control, lake.settings, "s3a://bucket/table")


@pytest.mark.slow
def test_another_table_or_one_of_unknown_features_is_refused_in_a_sentence(lake: Lake, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        lake.spark.range(1).write.format("delta").save(str(path))
    land(lake, one)
    with pytest.raises(InputError, match=r"another Delta table .* \(its id differs\)"):
        land(lake, other)
    protocol = next((other / "_delta_log").glob("*0.json"))
    unknown = '"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["new"],"writerFeatures":["new"]'
    text = protocol.read_text()
    protocol.write_text(text.replace('"minReaderVersion":1,"minWriterVersion":2', unknown))
    assert protocol.read_text() != text
    for checksum in (other / "_delta_log").glob("*.crc"):
        checksum.unlink()
    with pytest.raises(InputError, match="uses features of Delta Lake"):
        land(lake, other, "other")


@pytest.mark.slow
@pytest.mark.parametrize("step", ["write", "gate", "publish", "record"])
def test_a_landing_killed_at_any_step_and_run_again_lands_each_row_once(
    lake: Lake, folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    is_dead = False

    def die(table: str, begun: str) -> None:
        nonlocal is_dead
        if begun == step:
            is_dead = True
            raise Killed

    def unless_dead(work: Any) -> Any:
        return lambda *given, **named: None if is_dead else work(*given, **named)

    # A process that is killed tidies nothing up.
    monkeypatch.setattr(type(lake.control), "finish", unless_dead(type(lake.control).finish))
    monkeypatch.setattr(type(lake.control), "publish", unless_dead(type(lake.control).publish))
    monkeypatch.setattr(tables, "drop_branch", unless_dead(tables.drop_branch))
    monkeypatch.setattr(quarantine, "take_back", unless_dead(quarantine.take_back))
    make(lake.spark, folder)
    lake.spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a'), (2, 'b')")
    with pytest.raises(Killed):
        delta.ingest(lake.spark, lake.control, lake.settings, str(folder), "foreign", observe=die)
    assert lake.control.unfinished(DELTA_ROW.name)
    is_dead = False
    assert (land(lake, folder).way is None) is (step == "record"), "what was published is known"
    assert bag(lake) == live(lake, folder)
    assert land(lake, folder).way is None
    assert not lake.control.unfinished(DELTA_ROW.name)


def test_rows_that_do_not_add_up_are_not_published(lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(lake.spark, folder)
    lake.spark.sql(f"INSERT INTO delta.`{folder}` VALUES (1, 'a'), (2, 'b')")
    whole = delta_changes.raw_changes
    monkeypatch.setattr(delta_changes, "raw_changes", lambda *given: whole(*given).where("id = 1"))
    with pytest.raises(LakeError, match="do not add up"):
        land(lake, folder)
    assert lake.spark.table("lake.bronze.delta_row").count() == 0


def commit(version: int = 1, **files: Any) -> Commit:
    given = {"added": (), "removed": (), "moved": (), "changes": (), "redefines": False} | files
    return Commit(version, **given)


@pytest.mark.parametrize(
    ("feed", "found", "way"),
    [
        (False, [commit(added=("a",))], Way.APPENDED),
        (False, [commit(added=("a",), removed=("b",))], Way.COMPARED),
        (False, [commit(added=("a",)), commit(2, moved=("c", "d"))], Way.APPENDED),
        (False, [commit(added=("a",)), commit(2, moved=("a", "d"))], Way.COMPARED),
        (False, [commit(added=("a",), redefines=True)], Way.COMPARED),
        (True, [commit(added=("a",), removed=("b",), changes=("there%20is",))], Way.FEED),
        (True, [commit(added=("a",), removed=("b",), changes=("vacuumed",))], Way.COMPARED),
        (True, [commit(added=("there%20is",), removed=("vacuumed",))], Way.COMPARED),
        (True, None, Way.COMPARED),
    ],
)
def test_the_cheapest_way_that_is_right_is_taken(
    tmp_path: Path, feed: bool, found: list[Commit] | None, way: Way
) -> None:
    (tmp_path / "there is").touch()
    table = DeltaTable(tmp_path, "id", 9, {"delta.enableChangeDataFeed": "true"} if feed else {})
    assert way_of(table, found) is way
