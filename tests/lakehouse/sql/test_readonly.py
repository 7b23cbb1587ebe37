"""Only queries over the lake get through, whatever the text is dressed up as."""

import contextlib
import string

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.errors import InputError
from lakehouse.sql.readonly import TableName, prepare, translate

HOSTILE = [
    # other statements
    "INSERT INTO lake.silver.patient SELECT 1",
    "UPDATE lake.silver.patient SET n = 1",
    "DELETE FROM lake.silver.patient",
    "MERGE INTO lake.silver.patient t USING (SELECT 1 AS n) u ON t.n = u.n WHEN MATCHED THEN DELETE",
    "CREATE TABLE lake.silver.x AS SELECT 1",
    "CREATE OR REPLACE VIEW lake.silver.x AS SELECT 1",
    "DROP TABLE lake.silver.patient",
    "ALTER TABLE lake.silver.patient ADD COLUMN x int",
    "TRUNCATE TABLE lake.silver.patient",
    "COPY lake.silver.patient TO '/tmp/stolen.csv'",
    "COPY (SELECT 1) TO '/tmp/stolen.csv' (FORMAT csv)",
    "EXPORT DATABASE '/tmp/stolen'",
    "IMPORT DATABASE '/tmp/stolen'",
    "ATTACH '/tmp/other.db' AS other",
    "DETACH lake",
    "PRAGMA database_list",
    "SET enable_external_access = true",
    "RESET ALL",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL pragma_version()",
    "USE lake.silver",
    "BEGIN",
    "COMMIT",
    "VACUUM",
    "CHECKPOINT",
    "PREPARE q AS SELECT 1",
    "EXECUTE q",
    "GRANT SELECT ON lake.silver.patient TO PUBLIC",
    "COMMENT ON TABLE lake.silver.patient IS 'x'",
    "PIVOT lake.silver.patient ON n",
    "SUMMARIZE lake.silver.patient",
    "SHOW CREATE TABLE lake.silver.patient",
    "SHOW FUNCTIONS",
    "SHOW TABLES FROM lake.silver; DROP TABLE lake.silver.patient",
    "DESCRIBE SELECT 1",
    "DESCRIBE '/etc/passwd'",
    "",
    " ; -- nothing",
    # statements inside statements
    "WITH x AS (INSERT INTO lake.silver.patient VALUES (1)) SELECT 1",
    "WITH x AS (SELECT 1) DELETE FROM lake.silver.patient",
    "WITH a AS (WITH b AS (DELETE FROM lake.silver.patient) SELECT 1) SELECT * FROM a",
    "SELECT * FROM (DELETE FROM lake.silver.patient RETURNING *)",
    "EXPLAIN ANALYZE DELETE FROM lake.silver.patient",
    "EXPLAIN (TYPE LOGICAL) SELECT 1",
    "EXPLAIN COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "EXPLAIN EXPLAIN ANALYZE DELETE FROM lake.silver.patient",
    "SELECT 1 INTO lake.silver.x",
    "SELECT * FROM lake.silver.patient FOR UPDATE",
    "SELECT 1; DROP TABLE lake.silver.patient",
    "SELECT 1;; SELECT 2",
    "SELECT 1 -- ;\n; COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "SELECT 1 /* /* */ ; DROP TABLE lake.silver.patient -- */",
    "SELECT ';' ; DROP TABLE lake.silver.patient",
    # files and the engine's own tables by name
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM 'x.csv'",
    "SELECT * FROM 'https://example.org/x.parquet'",
    'SELECT * FROM "lake.silver.patient"',
    'TABLE "/etc/passwd"',
    "SELECT * FROM pg_class",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM memory.main.x",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM lake.information_schema.views",
    "SELECT * FROM temp.main.x",
    "SELECT * FROM listing.lake.tables",
    "SELECT * FROM a.b.c.d",
    "WITH a AS (SELECT * FROM pg_class), pg_class AS (SELECT 1) SELECT * FROM a",
    "WITH pg_class AS (SELECT * FROM pg_class) SELECT * FROM pg_class",
    "SELECT * FROM pg_class WHERE EXISTS (WITH pg_class AS (SELECT 1) SELECT * FROM pg_class)",
    "SELECT * FROM (WITH pg_class AS (SELECT 1) SELECT 1), pg_class",
    # functions that reach out
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM READ_CSV('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM read_parquet('/x.parquet')",
    "SELECT * FROM read_json('/x.json')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM iceberg_scan('/x')",
    "SELECT * FROM iceberg_metadata('/x')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM pragma_version()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('x')",
    "SELECT * FROM TABLE(read_text('/etc/passwd'))",
    "SELECT * FROM LATERAL read_text('/etc/passwd')",
    "SELECT * FROM lake.silver.patient, LATERAL (SELECT * FROM read_text(patient_id)) t",
    "SELECT * FROM UNNEST(glob('/etc/*')) AS t(x)",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT getenv('HOME')",
    "SELECT GetEnv ('HOME')",
    "SELECT \"getenv\"('HOME')",
    "SELECT g\uff45tenv('HOME')",
    "SELECT main.getenv('HOME')",
    "SELECT system.main.read_text('x')",
    "SELECT current_setting('secret_directory')",
    "SELECT set_config('a', 'b', true)",
    "SELECT nextval('s')",
    "SELECT getvariable('x')",
    "SELECT version()",
    "SELECT current_user",
    "SELECT write_log('x')",
    "SELECT transform(ARRAY['HOME'], x -> getenv(x))",
    "SELECT count(*) FILTER (WHERE getenv('HOME') = '/root')",
    "SELECT 1 ORDER BY getenv('HOME')",
    "SELECT * FROM lake.silver.patient WHERE patient_id IN (SELECT file FROM glob('/*'))",
    "SELECT n FROM lake.silver.patient UNION SELECT getenv('HOME')",
    "SELECT CASE WHEN getenv('HOME') = '/root' THEN 1 ELSE 0 END",
    "SELECT COLUMNS('x') FROM lake.silver.patient",
    "SELECT @@version",
    "SELECT ?",
    "SELECT * FROM lake.silver.patient FOR VERSION AS OF 123",
    "SELECT * FROM lake.silver.patient MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS true)",
    # texts that do not close
    "SELECT 'open",
    "SELECT /* open",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
]


@pytest.mark.parametrize("sql", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_statement_is_refused_in_one_sentence(sql: str) -> None:
    with pytest.raises(InputError) as refused:
        translate(sql)
    message = str(refused.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 250


def test_refusal_names_the_statement() -> None:
    with pytest.raises(InputError, match="this statement is an INSERT"):
        translate("INSERT INTO lake.silver.patient SELECT 1")
    with pytest.raises(InputError, match="this statement is a DROP"):
        translate("DROP TABLE lake.silver.patient")
    with pytest.raises(InputError, match="a part of this one is an INSERT"):
        translate("WITH x AS (INSERT INTO lake.silver.patient VALUES (1)) SELECT 1")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT 1;",
        "-- why\nSELECT 1 /* DROP TABLE x; */",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 LIMIT 1",
        "SELECT 1 EXCEPT SELECT 2",
        "VALUES (1, 'a'), (2, 'b')",
        "TABLE lake.silver.patient",
        "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (x)",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
        "SELECT * FROM lake.silver.patient p WHERE EXISTS (SELECT 1 FROM silver.encounter e WHERE e.n = p.n)",
        "SELECT * FROM control.public.runs",
        "SELECT 'DROP TABLE x; COPY y' AS \"INSERT\"",
        "SHOW TABLES",
        "SHOW TABLES FROM lake.silver LIKE 'p%'",
        "show schemas in control",
        "SHOW CATALOGS",
        "SHOW COLUMNS FROM lake.silver.patient",
        "DESCRIBE lake.silver.patient",
        "DESC silver.patient",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT table_name FROM lake.information_schema.tables",
    ],
)
def test_query_is_translated_to_one_reading_statement(sql: str) -> None:
    with duckdb.connect() as connection:
        statements = connection.extract_statements(translate(sql))
    assert [statement.type.name for statement in statements] in (["SELECT"], ["EXPLAIN"])


def test_tables_and_parameters_of_a_query_are_found() -> None:
    query = prepare(
        "WITH p AS (SELECT * FROM Silver.Patient) SELECT * FROM p, control.public.runs WHERE a = :run AND b < :n"
    )
    assert query.tables == {TableName("lake", "silver", "patient"), TableName("control", "public", "runs")}
    assert query.parameters == {"run", "n"}
    assert "$run" in query.sql


def test_dollar_quoted_text_stays_a_name() -> None:
    # In Trino `$$x$$` is no string; carried over as it is, it would become one.
    assert translate("SELECT $$x$$").replace(" ", "") == 'SELECT"$$x$$"'


def test_comment_never_reaches_the_engine() -> None:
    assert "secret" not in translate("SELECT /* secret */ 1 -- secret")


def test_refusal_repeats_no_text_literal() -> None:
    for sql in ("SELECT getenv('pat-4711')", "SELECT 1 FROM 'pat-4711'", "SELECT 'pat-4711' 'x' FROM FROM"):
        with pytest.raises(InputError) as refused:
            translate(sql)
        assert "4711" not in str(refused.value)


_WORDS = (
    "SELECT FROM WHERE WITH AS ( ) , ; . * 1 'a' \"a\" a b lake.silver.patient INSERT INTO DELETE UPDATE SET COPY TO "
    "ATTACH read_text('/etc/passwd') getenv('HOME') glob('*') UNION ALL EXPLAIN SHOW TABLES DESCRIBE VALUES "
    "TABLE JOIN ON LATERAL UNNEST PRAGMA CALL -- /* */ $$ :a ? = CASE WHEN END pg_class main.x CREATE x DROP"
).split(" ")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join))
def test_whatever_passes_is_one_reading_statement_without_outside_functions(sql: str) -> None:
    try:
        translated = translate(sql)
    except InputError:
        return
    try:
        with duckdb.connect() as connection:
            statements = connection.extract_statements(translated)
    except duckdb.ParserException:  # `SELECT` alone: the engine refuses it
        return
    assert [statement.type.name for statement in statements] in (["SELECT"], ["EXPLAIN"])
    assert not any(word in translated.upper() for word in ("READ_TEXT(", "GETENV(", "GLOB("))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=string.printable + "'\"`$;\u2019\uff07\x00é", max_size=60))
def test_any_text_is_translated_or_refused_but_never_crashes(text: str) -> None:
    for sql in (text, f"SELECT '{text}", f'SELECT 1 AS "{text}"', f"SELECT {text} FROM lake.silver.patient"):
        with contextlib.suppress(InputError):
            translate(sql)
