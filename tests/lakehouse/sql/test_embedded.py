"""The embedded engine reads what Spark published, answers as Trino would, and can do nothing else."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
from test_readonly import HOSTILE

from lakehouse.errors import InputError
from lakehouse.settings import Settings
from lakehouse.sql.embedded import open_connection
from lakehouse.sql.engine import SqlEngine, open_engine
from lakehouse.sql.queries import named_query, query_names
from lakehouse.sql.readonly import Query, TableName, translate

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def one(engine: SqlEngine, sql: str, **parameters: object) -> object:
    (row,) = engine.query(sql, parameters).to_pylist()
    return next(iter(row.values())) if len(row) == 1 else tuple(row.values())


def test_rows_deleted_by_position_are_gone_and_soft_deleted_ones_are_marked(engine: SqlEngine) -> None:
    sql = "SELECT count(*), count_if(is_deleted), min(n) FROM lake.sqltest.person"
    assert one(engine, sql) == (90, 1, 10)


def test_values_arrive_with_their_types(engine: SqlEngine) -> None:
    sql = "SELECT born_on, weight_kg, seen_at, raw, codings[1].code AS code FROM lake.sqltest.person WHERE n = 12"
    expected = (date(1983, 4, 16), Decimal("12.000"), datetime(2020, 1, 1, tzinfo=UTC), b"ab", "c12")
    assert one(engine, sql) == expected
    assert str(engine.query(sql).schema.field("seen_at").type) == "timestamp[us, tz=UTC]"


def test_query_sees_what_was_committed_a_moment_ago(engine: SqlEngine, spark: "SparkSession") -> None:
    spark.sql("CREATE TABLE lake.sqltest.growing (id bigint) USING iceberg")
    assert one(engine, "SELECT count(*) FROM lake.sqltest.growing") == 0
    spark.sql("INSERT INTO lake.sqltest.growing VALUES (1), (2)")
    assert one(engine, "SELECT count(*) FROM lake.sqltest.growing") == 2


def test_rows_on_a_branch_are_not_seen(engine: SqlEngine) -> None:
    assert one(engine, "SELECT count(*) FROM lake.sqltest.gated") == 0


def test_changed_schema_is_read_by_field_and_not_by_name(engine: SqlEngine) -> None:
    rows = engine.query("SELECT * FROM lake.sqltest.evolved ORDER BY id").to_pylist()
    assert rows == [{"id": 1, "new": "x", "extra": None}, {"id": 2, "new": "y", "extra": Decimal("1.50")}]


def test_parameters_are_bound_and_never_read_as_sql(engine: SqlEngine) -> None:
    sql = "SELECT count(*) FROM lake.sqltest.person WHERE person_id = :id"
    assert one(engine, sql, id="p12") == 1
    assert one(engine, sql, id="x' OR '1'='1") == 0
    assert one(engine, "SELECT :a", a=Decimal("1.50")) == Decimal("1.50")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({}, ":id has no value"), ({"id": "a", "other": 1}, "no parameter :other"), ({"id": ["a"]}, ":id must be a text")],
)
def test_parameters_that_do_not_fit_are_named(engine: SqlEngine, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        engine.query("SELECT 1 FROM lake.sqltest.person WHERE person_id = :id", parameters)


@pytest.mark.parametrize("limit", [0, 1, 25])
def test_limit_takes_the_first_rows_in_order(engine: SqlEngine, limit: int) -> None:
    rows = engine.query("SELECT n FROM lake.sqltest.person ORDER BY n DESC", limit=limit)
    assert rows.column("n").to_pylist() == list(range(99, 99 - limit, -1))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5 / 2", 2),
        ("5 / 2e0", 2.5),
        ("date_diff('year', DATE '2000-05-02', DATE '2020-05-01')", 19),
        ("date_diff('year', DATE '2000-05-01', DATE '2020-05-01')", 20),
        ("date_diff('day', TIMESTAMP '2020-01-01 12:00:00', TIMESTAMP '2020-01-02 11:00:00')", 0),
        ("concat('a', NULL)", None),
        ("any_match(ARRAY[1, 2], x -> x > 1)", True),
        ("any_match(CAST(ARRAY[] AS array(integer)), x -> x > 1)", False),
        ("all_match(ARRAY[1, 2], x -> x > 1 OR x = 1)", True),
        ("none_match(ARRAY[1, 2], x -> any_match(ARRAY[x], y -> date_diff('day', now(), now()) > y))", True),
        ("json_extract_scalar('{\"a\":\"b\"}', '$.a') = 'b'", True),
        ("date_format(TIMESTAMP '2020-03-04 05:06:07', '%Y-%m-%d %H:%i:%s')", "2020-03-04 05:06:07"),
        ("hour(at_timezone(TIMESTAMP '2020-01-01 12:00:00 UTC', 'America/New_York'))", 7),
        ("day_of_week(DATE '2020-01-05')", 7),
        ("element_at(ARRAY[1, 2], 2)", 2),
        ("cardinality(array_distinct(ARRAY[1, 1]))", 1),
        ("regexp_replace('aa', 'a', 'b')", "bb"),
        ("try_cast('x' AS integer)", None),
        ("arrays_overlap(ARRAY[1], ARRAY[1, 2])", True),
        ("approx_distinct(1)", 1),
        ("(SELECT count_if(x > 1) FROM (VALUES 1, 2, 3) AS t(x))", 2),
        ("(SELECT count_if(x > 1) FROM (VALUES 1) AS t(x) WHERE x > 5)", 0),
        ("sum(2)", 2),
        ("to_hex(sha256(to_utf8('a')))", "CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB"),
    ],
)
def test_expression_gives_what_trino_gives(tmp_path: Path, expression: str, expected: object) -> None:
    value = one(open_engine(Settings(home=tmp_path)), f"SELECT {expression}")
    assert value == expected
    assert type(value) is type(expected)


def test_sum_beyond_64_bits_stays_exact(tmp_path: Path) -> None:
    sql = "SELECT sum(x) FROM (VALUES 9223372036854775807, 9223372036854775807) AS t(x)"
    assert one(open_engine(Settings(home=tmp_path)), sql) == Decimal(2 * (2**63 - 1))


def test_columns_without_a_name_are_numbered_as_in_trino(tmp_path: Path) -> None:
    result = open_engine(Settings(home=tmp_path)).query("SELECT 1, 'secret', 2 AS b UNION SELECT 3, 'x', 4")
    assert result.column_names == ["_col0", "_col1", "b"]


def test_array_of_rows_spreads_over_columns_as_in_trino(engine: SqlEngine) -> None:
    sql = """
        SELECT c.system, c.code, c.place FROM lake.sqltest.person
        CROSS JOIN UNNEST(codings) WITH ORDINALITY AS c(system, code, place) WHERE n = 12 ORDER BY place
    """
    assert [tuple(row.values()) for row in engine.query(sql).to_pylist()] == [("s", "c12", 1), ("t", "all", 2)]


def test_several_arrays_are_walked_side_by_side(tmp_path: Path) -> None:
    result = open_engine(Settings(home=tmp_path)).query("SELECT * FROM UNNEST(ARRAY[1, 2], ARRAY['a']) AS t(x, y)")
    assert sorted(tuple(row.values()) for row in result.to_pylist()) == [(1, "a"), (2, None)]


def test_tables_and_columns_are_listed_with_trino_types(engine: SqlEngine) -> None:
    tables = engine.query("SHOW TABLES FROM lake.sqltest LIKE 'p%'").column("Table").to_pylist()
    assert tables == ["person"]
    assert "sqltest" in engine.query("SHOW SCHEMAS").column("Schema").to_pylist()
    described = {row["Column"]: row for row in engine.query("DESCRIBE sqltest.person").to_pylist()}
    assert described["person_id"] == {"Column": "person_id", "Type": "varchar", "Comment": "Who."}
    assert described["seen_at"]["Type"] == "timestamp(6) with time zone"
    assert described["codings"]["Type"] == "array(row(system varchar, code varchar))"
    assert engine.query("SHOW COLUMNS FROM lake.sqltest.person").equals(engine.query("DESCRIBE sqltest.person"))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM lake.sqltest.persons", "did you mean lake.sqltest.person?"),
        ("DESCRIBE lake.sqltest.persons", "did you mean lake.sqltest.person?"),
        ("SELECT persn_id FROM lake.sqltest.person", "did you mean person_id?"),
        ("SELECT p.persn_id FROM lake.sqltest.person p", "there is no column persn_id"),
        ("SELECT n, count(*) FROM lake.sqltest.person", "the column n must be in GROUP BY"),
        ("SELECT sum(person_id) FROM lake.sqltest.person", "sum does not take arguments of these types"),
        ("SELECT cast(person_id AS integer) FROM lake.sqltest.person", "try_cast gives null"),
        ("SELECT * FROM control.public.runs", "`make demo` or `lake ingest`"),
        ("SELECT n FROM lake.sqltest.person a, lake.sqltest.person b", "the column n is in several tables"),
        ("SELECT z.n FROM lake.sqltest.person a", "a table that is not in FROM"),
        ("SELECT 1 FROM lake.sqltest.person WHERE count(*) > 1", "use HAVING"),
        ("SELECT 1 FROM lake.sqltest.person WHERE born_on = n", "different types"),
        ("SELECT CAST(9223372036854775807 AS bigint) + 1", "a number is too large"),
        ("SELECT * FROM UNNEST(ARRAY[1], ARRAY[2]) AS t(a)", "one column name each"),
        ("SELECT any_match(ARRAY[1], 1)", "takes an array and a condition"),
        ("SHOW TABLES LIKE", "only these can be shown"),
        ("SELECT", "write it more simply"),
    ],
)
def test_mistake_ends_in_a_sentence_that_helps(engine: SqlEngine, sql: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        engine.query(sql)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_error_repeats_no_value(engine: SqlEngine) -> None:
    for sql in (
        "SELECT cast(person_id AS integer) FROM lake.sqltest.person WHERE n = 12",
        'SELECT 1 FROM lake.sqltest.person WHERE person_id = "p-12"',
        'SELECT 1 FROM lake.sqltest."p-12"',
        "SELECT cast('p-12' AS date)",
        "SELECT 1 + 'p-12'",
    ):
        with pytest.raises(InputError) as raised:
            engine.query(sql)
        assert "12" not in str(raised.value)
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_damaged_lake_is_told_from_a_mistake_in_the_query(tmp_path: Path) -> None:
    home = Settings(home=tmp_path)
    home.catalog_db.write_bytes(b"this is no database, but it is long enough to look like a file of one")
    with pytest.raises(InputError, match=r"catalog\.db cannot be read as a SQLite database"):
        open_engine(home).query("SELECT * FROM lake.silver.patient")
    home.catalog_db.unlink()
    with sqlite3.connect(home.catalog_db) as connection:
        connection.execute("CREATE TABLE iceberg_tables (catalog_name, table_namespace, table_name, metadata_location)")
        lost = f"file://{tmp_path}/warehouse/silver/patient/metadata/00001.metadata.json"
        connection.execute("INSERT INTO iceberg_tables VALUES ('lake', 'silver', 'patient', ?)", [lost])
    connection.close()
    for sql in ("SELECT * FROM lake.silver.patient", "DESCRIBE lake.silver.patient"):
        with pytest.raises(InputError, match=r"the files of lake\.silver\.patient cannot be read"):
            open_engine(home).query(sql)


def test_one_engine_serves_several_threads(engine: SqlEngine) -> None:
    sql = "SELECT count(*) FROM lake.sqltest.person WHERE n >= :n"
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda n: one(engine, sql, n=n), range(10, 30)))
    assert counts == list(range(90, 70, -1))


def test_missing_lake_says_how_to_make_one(tmp_path: Path) -> None:
    engine = open_engine(Settings(home=tmp_path))
    with pytest.raises(InputError, match="run `make demo` or `lake ingest` first"):
        engine.query("SELECT * FROM lake.silver.patient")
    with pytest.raises(InputError, match="run `make demo` or `lake ingest` first"):
        engine.query("SHOW TABLES")
    assert list(tmp_path.iterdir()) == []


def test_closed_engine_refuses_to_work(lake: Settings) -> None:
    engine = open_engine(lake)
    engine.close()
    with pytest.raises(InputError, match="closed"):
        engine.query("SELECT 1")


def test_control_database_is_read_with_its_types(controlled: Settings) -> None:
    engine = open_engine(controlled)
    first, second = engine.query("SELECT * FROM control.public.runs ORDER BY run_id").to_pylist()
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert first["records"] == 5
    assert (first["share"], first["ok"], first["as_of"], first["note"]) == (0.5, True, date(2026, 1, 2), None)
    assert first["started_at"] == moment.replace(microsecond=6)
    assert second["started_at"] == moment
    assert (second["ok"], second["odd"]) == (False, "text")
    types = {row["Column"]: row["Type"] for row in engine.query("DESCRIBE control.public.runs").to_pylist()}
    assert types["started_at"] == "timestamp(6) with time zone"
    assert engine.query("SHOW TABLES FROM control.public").column("Table").to_pylist() == ["runs"]


def test_lake_and_control_join_in_one_query(controlled: Settings) -> None:
    sql = "SELECT count(*) FROM lake.sqltest.person p JOIN control.public.runs r ON r.records + 5 = p.n"
    assert one(open_engine(controlled), sql) == 1


def fingerprint(folder: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm")))
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_hostile_statements_are_refused_and_leave_every_file_as_it_was(engine: SqlEngine, lake: Settings) -> None:
    before = fingerprint(lake.warehouse) | {"catalog": (0, hash(lake.catalog_db.read_bytes()))}
    for sql in HOSTILE:
        with pytest.raises(InputError):
            engine.query(sql.replace("lake.silver.patient", "lake.sqltest.person"))
    assert fingerprint(lake.warehouse) | {"catalog": (0, hash(lake.catalog_db.read_bytes()))} == before


@pytest.fixture
def locked(lake: Settings, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection of a query, as an attacker would find it who got past the parse tree."""
    person = TableName("lake", "sqltest", "person")
    with closing(open_connection(lake, frozenset({person}), tmp_path / "spill")) as connection:
        yield connection


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('{home}/catalog.db')",
        "SELECT * FROM read_text('{home}/warehouse/sqltest/person/../../../catalog.db')",
        "SELECT * FROM glob('{home}/*')",
        "SELECT * FROM glob('{home}/warehouse/sqltest/evolved/data/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '{tmp}/stolen.csv'",
        "EXPORT DATABASE '{tmp}/stolen'",
        "ATTACH '{tmp}/other.db' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET lock_configuration = false",
        "SELECT getenv('HOME')",
        "SELECT * FROM stolen_variable",
    ],
)
def test_engine_itself_reaches_no_other_file(
    locked: duckdb.DuckDBPyConnection, lake: Settings, tmp_path: Path, sql: str
) -> None:
    stolen_variable = pa.table({"a": [1]})  # a replacement scan would find it
    with pytest.raises(duckdb.Error):
        locked.execute(sql.format(home=lake.root, tmp=tmp_path)).fetchall()
    assert list(tmp_path.glob("stolen*")) == []
    assert stolen_variable.num_rows == 1


def test_engine_itself_holds_no_secrets(locked: duckdb.DuckDBPyConnection) -> None:
    assert locked.execute("SELECT * FROM duckdb_secrets()").fetchall() == []


def test_statement_that_slips_through_the_parse_tree_is_stopped(
    engine: SqlEngine, lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = TableName("lake", "sqltest", "person")
    target = lake.warehouse / "sqltest" / "person" / "stolen.csv"
    slipped = Query(f"COPY (SELECT 1) TO '{target}'", frozenset({person}), frozenset())
    monkeypatch.setattr("lakehouse.sql.embedded.prepare", lambda sql: slipped)
    with pytest.raises(InputError, match="only queries"):
        engine.query("SELECT 1")
    assert not target.exists()


def test_a_date_stays_a_date_and_an_instant_has_what_trino_gives_it(engine: SqlEngine) -> None:
    day, later = date(2024, 2, 1), date(2024, 2, 29)
    found = engine.query(
        "SELECT date_trunc('month', DATE '2024-02-29') AS a, date_add('day', -1, DATE '2024-03-01') AS b, "
        "DATE '2024-01-29' + INTERVAL '1' MONTH AS c, INTERVAL '1' MONTH + DATE '2024-01-29' AS d, "
        "DATE '2024-03-01' - INTERVAL '1' DAY AS e, date_add('month', 1, :day) AS f, "
        "date_trunc('month', TIMESTAMP '2024-02-29 10:00:00 UTC') AS g, "
        "date_add('day', 1, TIMESTAMP '2024-02-29 10:00:00 UTC') AS h, "
        "from_iso8601_timestamp('2024-02-29T10:00:00.123999+00:00') AS i",
        {"day": date(2024, 1, 29)},
    ).to_pylist()[0]
    assert found["a"] == day
    assert [found[name] for name in "bcdef"] == [later] * 5
    assert all(type(found[name]) is date for name in "abcdef")
    assert found["g"] == datetime(2024, 2, 1, tzinfo=UTC)
    assert found["h"] == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert found["i"] == datetime(2024, 2, 29, 10, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize("name", query_names())
def test_shipped_query_is_a_query(name: str) -> None:
    assert translate(named_query(name)).startswith(("SELECT", "WITH"))


def test_shipped_queries_name_only_declared_columns(tmp_path: Path) -> None:
    from catalog.registry import TABLES

    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS lake; SET integer_division = true")
        for schema in sorted({table.schema_name for table in TABLES.values()}):
            connection.execute(f"CREATE SCHEMA lake.{schema}")
        for table in TABLES.values():
            columns = ", ".join(f'"{column.name}" {column.type.duckdb}' for column in table.columns)
            connection.execute(f"CREATE TABLE lake.{table.name} ({columns})")
        for name in query_names():
            found = connection.execute(translate(named_query(name))).fetchall()
            assert found in ([], [(0,) * len(found[0])] if found else []), name


def test_page_for_analysts_lists_every_query_with_its_question() -> None:
    page = (Path(__file__).parents[3] / "docs" / "analysts.md").read_text(encoding="utf-8")
    for name in query_names():
        question = named_query(name).splitlines()[0].removeprefix("-- ")
        assert f"| `{name}` | {question} |" in page, name


def test_unknown_query_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean common_conditions\?"):
        named_query("comon_conditions")
    with pytest.raises(InputError):
        named_query("../queries/common_conditions")


def test_a_query_that_takes_too_long_is_stopped_with_what_to_do(tmp_path: Path) -> None:
    forever = """select count(*) from unnest(sequence(1, 1000000)) as a(x)
        cross join unnest(sequence(1, 1000000)) as b(y) where x * y = -1"""
    engine = open_engine(Settings(home=tmp_path, query_seconds=1))
    with pytest.raises(InputError, match=r"stopped after 1 seconds.* raise LAKE_QUERY_SECONDS"):
        engine.query(forever)
    assert engine.query("select 1 as one").to_pylist() == [{"one": 1}], "the next query has time of its own"
