"""Lineage of plans as Spark analyses them, against edges worked out by hand."""

from typing import TYPE_CHECKING

import pytest
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from catalog.lineage import Node
from lakehouse.lineage import Value, made_of, plan_of, trace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Edges = set[tuple[str, str]]
PEOPLE = "id string, sex string, born date, tags array<string>, place struct<city:string,zip:string>"
VISITS = "visit string, person string, days int, ward string"


@pytest.fixture
def people(spark: "SparkSession") -> DataFrame:
    return spark.createDataFrame([], PEOPLE).alias("people")


@pytest.fixture
def visits(spark: "SparkSession") -> DataFrame:
    return spark.createDataFrame([], VISITS).alias("visits")


def bound(name: str, ddl: str) -> dict[str, Value]:
    columns = [each.split()[0] for each in ddl.replace("struct<city:string,zip:string>", "struct").split(", ")]
    return {column: made_of(Node(name, column)) for column in columns}


LEAVES = {"people": bound("people", PEOPLE), "visits": bound("visits", VISITS)}


def words(value: Value) -> Edges:
    """(source, kind) of all that a value is made of; a masked kind ends with an exclamation mark."""
    return {(str(w.source), w.subtype.lower() + ("!" if w.masking else "")) for w in value.ways}


def lineage(frame: DataFrame) -> tuple[dict[str, Edges], Edges]:
    found = trace(plan_of(frame), LEAVES)
    assert all(value.is_known for value in found.named().values())
    assert found.rows.is_known
    return {name: words(value) for name, value in found.named().items()}, words(found.rows)


def test_columns_that_pass_and_columns_that_are_computed(people: DataFrame) -> None:
    made, rows = lineage(people.select("id", F.year("born").alias("year"), F.lit(1).alias("one")))
    assert made == {"id": {("people.id", "identity")}, "year": {("people.born", "transformation")}, "one": set()}
    assert rows == set()


def test_a_condition_decides_and_what_it_chooses_is_made_of(people: DataFrame) -> None:
    chosen = F.when(F.col("sex") == "f", F.col("id")).otherwise(F.upper("place.zip"))
    made, _ = lineage(people.select(chosen.alias("x"), F.expr("if(born is null, sex, id)").alias("y")))
    assert made["x"] == {
        ("people.sex", "conditional"),
        ("people.id", "transformation"),
        ("people.place", "transformation"),
    }
    assert made["y"] == {
        ("people.born", "conditional"),
        ("people.sex", "transformation"),
        ("people.id", "transformation"),
    }


def test_a_join_decides_on_all_rows(people: DataFrame, visits: DataFrame) -> None:
    joined = visits.join(people, F.col("person") == F.col("id"), "left").select("visit", "sex")
    assert lineage(joined) == (
        {"visit": {("visits.visit", "identity")}, "sex": {("people.sex", "identity")}},
        {("visits.person", "join"), ("people.id", "join")},
    )


def test_a_semi_join_brings_no_columns(people: DataFrame, visits: DataFrame) -> None:
    kept = people.join(visits, F.col("person") == F.col("id"), "left_semi")
    made, rows = lineage(kept)
    assert list(made) == ["id", "sex", "born", "tags", "place"]
    assert rows == {("visits.person", "join"), ("people.id", "join")}


def test_a_window_depends_on_its_partition_and_order(visits: DataFrame) -> None:
    window = Window.partitionBy("person").orderBy("days").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    number = F.row_number().over(Window.partitionBy("person").orderBy("days"))
    made, _ = lineage(visits.select(F.max("ward").over(window).alias("last"), number.alias("number")))
    framed = {("visits.person", "window"), ("visits.days", "window")}
    assert made == {"last": {("visits.ward", "aggregation"), *framed}, "number": framed}


def test_an_aggregate_and_its_groups(visits: DataFrame) -> None:
    grouped = visits.groupBy("ward").agg(F.sum(F.col("days") + 1).alias("days"), F.count("*").alias("n"))
    assert lineage(grouped) == (
        {
            "ward": {("visits.ward", "identity")},
            "days": {("visits.days", "aggregation")},
            "n": {("visits", "aggregation!")},
        },
        {("visits.ward", "group_by")},
    )


def test_explode_is_made_of_the_array(people: DataFrame) -> None:
    made, _ = lineage(people.select("id", F.explode("tags").alias("tag")))
    assert made["tag"] == {("people.tags", "transformation")}


def test_a_union_is_made_of_both_sides_by_position(people: DataFrame, visits: DataFrame) -> None:
    both = people.where("sex = 'f'").select("id", "sex").union(visits.select("person", "ward"))
    assert lineage(both) == (
        {
            "id": {("people.id", "identity"), ("visits.person", "identity")},
            "sex": {("people.sex", "identity"), ("visits.ward", "identity")},
        },
        {("people.sex", "filter")},
    )


def test_hashes_and_counts_mask(people: DataFrame) -> None:
    hashed = people.select(F.sha2("id", 256).alias("a"), F.concat(F.md5("sex"), F.col("id")).alias("b"))
    made, _ = lineage(hashed.withColumn("c", F.upper("a")))
    assert made["a"] == made["c"] == {("people.id", "transformation!")}
    assert made["b"] == {("people.sex", "transformation!"), ("people.id", "transformation")}


def test_a_field_of_a_struct_depends_on_nothing_else_in_it(people: DataFrame) -> None:
    packed = people.select(F.struct(F.col("id").alias("a"), F.upper("sex").alias("b")).alias("packed"))
    made, _ = lineage(packed.select("packed.*", F.struct("packed.*").alias("again")).select("a", "b", "again.b"))
    assert made == {"a": {("people.id", "identity")}, "b": {("people.sex", "transformation")}}
    assert words(trace(plan_of(packed.select("packed.a")), LEAVES).named()["a"]) == {("people.id", "identity")}


def test_a_table_joined_to_itself(people: DataFrame) -> None:
    older = people.select(F.col("id").alias("other"), F.col("born").alias("before"))
    pairs = people.join(older, F.col("born") > F.col("before"), "inner").select("id", "other")
    assert lineage(pairs) == (
        {"id": {("people.id", "identity")}, "other": {("people.id", "identity")}},
        {("people.born", "join")},
    )


def test_sql_with_common_tables_subqueries_and_grouping_sets(
    spark: "SparkSession", people: DataFrame, visits: DataFrame
) -> None:
    people.createOrReplaceTempView("lineage_people")
    visits.createOrReplaceTempView("lineage_visits")
    query = """
        with stays as (select person, ward, sum(days) as days from lineage_visits group by rollup(person, ward))
        select person, days, (select max(born) from lineage_people) as youngest from stays
        where exists (select 1 from lineage_people p where p.id = stays.person and p.sex = 'f')
    """
    made, rows = lineage(spark.sql(query))
    assert made == {
        "person": {("visits.person", "transformation")},
        "days": {("visits.days", "aggregation")},
        "youngest": {("people.born", "aggregation")},
    }
    assert {source for source, kind in rows if kind == "filter"} >= {"people.id", "people.sex", "visits.person"}
    assert {source for source, kind in rows if kind == "group_by"} >= {"visits.person", "visits.ward"}


def test_a_python_function_on_batches_depends_on_all_that_it_reads(visits: DataFrame) -> None:
    made, _ = lineage(visits.select("days", "ward").mapInPandas(lambda batches: batches, "total int"))
    assert made["total"] == {("visits.days", "transformation"), ("visits.ward", "transformation")}


def test_rows_that_come_from_the_code_are_constants(spark: "SparkSession", visits: DataFrame) -> None:
    codes = spark.createDataFrame([("a", "A")], "code string, name string")
    made, _ = lineage(visits.join(codes, F.col("ward") == F.col("code"), "left").select("visit", "name"))
    assert made == {"visit": {("visits.visit", "identity")}, "name": set()}
