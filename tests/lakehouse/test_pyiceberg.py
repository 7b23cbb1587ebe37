"""Spark and PyIceberg open the same tables through the same catalog, each seeing what the other wrote."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyiceberg.catalog import Catalog, load_catalog

from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MOMENT = datetime(2020, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
ROWS = [
    {"id": 1, "at": MOMENT, "on": date(1960, 2, 29), "kg": Decimal("70.500"), "codes": [{"system": "s", "code": "c"}]},
    {"id": 2, "at": datetime(2021, 2, 1, tzinfo=UTC), "on": None, "kg": None, "codes": []},
]
COLUMNS = "id bigint, at timestamp, on date, kg decimal(10,3), codes array<struct<system:string,code:string>>"


@pytest.fixture(scope="module")
def namespace(spark: "SparkSession") -> str:
    """A namespace of these tests' own."""
    spark.sql("CREATE NAMESPACE IF NOT EXISTS lake.shared")
    return "shared"


@pytest.fixture
def catalog(settings: Settings, spark: "SparkSession") -> Catalog:
    """The lake as PyIceberg opens it."""
    return load_catalog("lake", type="sql", uri=f"sqlite:///{settings.catalog_db}", warehouse=str(settings.warehouse))


def by_spark(spark: "SparkSession", table: str) -> list[tuple[object, ...]]:
    """Rows with the instant as microseconds: Spark gives Python naive datetimes in the machine's own zone."""
    rows = spark.sql(f"SELECT id, unix_micros(at), `on`, kg, codes FROM lake.{table} ORDER BY id").collect()
    return [(r[0], r[1], r[2], r[3], [c.asDict() for c in r[4]]) for r in rows]


def by_pyiceberg(catalog: Catalog, table: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = catalog.load_table(table).scan().to_arrow().sort_by("id").to_pylist()
    return rows


def expected_of_spark() -> list[tuple[object, ...]]:
    micros = (1_580_515_199_123_456, 1_612_137_600_000_000)
    return [(r["id"], micro, r["on"], r["kg"], r["codes"]) for r, micro in zip(ROWS, micros, strict=True)]


@pytest.mark.parametrize(
    "partitioned", ["", "PARTITIONED BY (months(at), bucket(4, id))"], ids=["plain", "partitioned"]
)
def test_pyiceberg_reads_what_spark_wrote(
    spark: "SparkSession", catalog: Catalog, namespace: str, partitioned: str
) -> None:
    table = f"{namespace}.from_spark_{'p' if partitioned else 'u'}"
    spark.sql(f"CREATE TABLE lake.{table} ({COLUMNS.replace(' on ', ' `on` ')}) USING iceberg {partitioned}")
    spark.sql(
        f"""INSERT INTO lake.{table} VALUES
        (1, timestamp'2020-01-31 23:59:59.123456', date'1960-02-29', 70.5,
            array(named_struct('system', 's', 'code', 'c'))),
        (2, timestamp'2021-02-01 00:00:00', null, null, array())"""
    )
    assert by_pyiceberg(catalog, table) == ROWS
    assert by_spark(spark, table) == expected_of_spark()


@pytest.mark.parametrize(
    "partitioned", ["", "PARTITIONED BY (months(at), bucket(4, id))"], ids=["plain", "partitioned"]
)
def test_spark_and_sql_read_what_pyiceberg_appended(
    spark: "SparkSession", catalog: Catalog, namespace: str, settings: Settings, partitioned: str
) -> None:
    table = f"{namespace}.from_python_{'p' if partitioned else 'u'}"
    spark.sql(f"CREATE TABLE lake.{table} ({COLUMNS.replace(' on ', ' `on` ')}) USING iceberg {partitioned}")
    target = catalog.load_table(table)
    target.append(pa.Table.from_pylist(ROWS, schema=target.schema().as_arrow()))
    assert by_spark(spark, table) == expected_of_spark()
    assert open_engine(settings).query(f"SELECT * FROM lake.{table} ORDER BY id").to_pylist() == ROWS


def test_spark_and_pyiceberg_take_turns_on_one_table(
    spark: "SparkSession", catalog: Catalog, namespace: str, settings: Settings
) -> None:
    table = f"{namespace}.turns"
    spark.sql(
        f"""CREATE TABLE lake.{table} (id bigint, name string) USING iceberg TBLPROPERTIES
        ('write.merge.mode'='merge-on-read', 'write.delete.mode'='merge-on-read')"""
    )
    spark.sql(f"INSERT INTO lake.{table} VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    target = catalog.load_table(table)
    target.append(pa.table({"id": pa.array([4], pa.int64()), "name": pa.array(["d"])}))
    spark.sql(f"DELETE FROM lake.{table} WHERE id = 2")  # a position delete file over Spark's own file
    spark.sql(
        f"""MERGE INTO lake.{table} t USING (SELECT 4 AS id, 'd2' AS name) u ON t.id = u.id
        WHEN MATCHED THEN UPDATE SET t.name = u.name"""
    )  # and one over PyIceberg's
    catalog.load_table(table).delete("id = 1")
    expected = [(3, "c"), (4, "d2")]
    assert [tuple(row) for row in spark.table(f"lake.{table}").orderBy("id").collect()] == expected
    assert [tuple(row.values()) for row in by_pyiceberg(catalog, table)] == expected
    rows = open_engine(settings).query(f"SELECT id, name FROM lake.{table} ORDER BY id").to_pylist()
    assert [tuple(row.values()) for row in rows] == expected


def test_null_array_of_rows_is_null_in_spark_and_sql_and_empty_in_pyiceberg(
    spark: "SparkSession", catalog: Catalog, namespace: str, settings: Settings
) -> None:
    # PyIceberg 0.12 loses the null of a list of structs, on reading and on appending (a list of texts keeps it):
    # https://github.com/apache/iceberg-python/issues/3833
    # When this fails the fault is mended: take the warning out of the documentation and this test away.
    table = f"{namespace}.null_arrays"
    spark.sql(
        f"CREATE TABLE lake.{table} (id bigint, codes array<struct<code:string>>, words array<string>) USING iceberg"
    )
    spark.sql(f"INSERT INTO lake.{table} VALUES (1, null, null)")
    expected = {"id": 1, "codes": None, "words": None}
    assert open_engine(settings).query(f"SELECT * FROM lake.{table}").to_pylist() == [expected]
    assert spark.table(f"lake.{table}").collect()[0].asDict() == expected
    assert by_pyiceberg(catalog, table) == [expected | {"codes": []}]


def test_pyiceberg_lists_the_tables_that_spark_made(spark: "SparkSession", catalog: Catalog, namespace: str) -> None:
    spark.sql(f"CREATE TABLE lake.{namespace}.listed (id bigint) USING iceberg")
    assert (namespace, "listed") in catalog.list_tables(namespace)


def test_spark_opens_a_table_that_pyiceberg_made(spark: "SparkSession", catalog: Catalog, namespace: str) -> None:
    made = catalog.create_table(f"{namespace}.made", schema=pa.schema([("id", pa.int64()), ("t", pa.string())]))
    made.append(pa.table({"id": [1], "t": ["x"]}))
    assert [tuple(row) for row in spark.table(f"lake.{namespace}.made").collect()] == [(1, "x")]
