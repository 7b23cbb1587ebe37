"""The engine over a real Trino, held against the embedded one."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.secrets import read_secret, write_secret
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.sql.trino import TrinoEngine

pytestmark = pytest.mark.stack

ALIKE = (
    "SELECT 5 / 2 AS whole, 5 / 2.0 AS exact, -7 % 3 AS rest",
    "SELECT CAST('1.50' AS decimal(10, 2)) AS price, CAST(NULL AS varchar) AS nothing",
    "SELECT DATE '2024-02-29' AS day",
    "SELECT date_trunc('month', DATE '2024-02-29') AS month, DATE '2024-01-29' + INTERVAL '1' MONTH AS later",
    "SELECT date_add('day', -1, DATE '2024-03-01') AS day, from_iso8601_timestamp('2024-02-29T10:00:00.123999Z') AS t",
    "SELECT date_diff('year', DATE '1990-06-15', DATE '2024-06-14') AS age",
    "SELECT TIMESTAMP '2026-01-01 10:00:00.123456 UTC' AS instant",
    "SELECT ARRAY[1, 2] AS numbers, cardinality(ARRAY['a', NULL]) AS size",
    "SELECT x, y FROM UNNEST(ARRAY[1, 2], ARRAY['a']) AS t(x, y) ORDER BY x",
    "SELECT count_if(x > 1) AS n, count(*) AS c FROM (VALUES 1, 2, 3) AS t(x) WHERE x > 5",
    "SELECT x FROM (VALUES 2, NULL, 1) AS t(x) ORDER BY x",
    "SELECT TRUE AS yes, 'ü€' AS text",
)


@pytest.mark.parametrize("sql", ALIKE)
def test_both_engines_give_the_same_names_and_values(stack: Settings, tmp_path: Path, sql: str) -> None:
    here = open_engine(Settings(home=tmp_path, profile="embedded")).query(sql)
    there = open_engine(stack).query(sql)
    assert isinstance(open_engine(stack), TrinoEngine)
    assert there.column_names == here.column_names
    assert there.to_pylist() == here.to_pylist()


def test_each_kind_of_value_is_bound(stack: Settings) -> None:
    values = {
        "text": "O'Neil ?",
        "number": 2**40,
        "price": Decimal("1.50"),
        "day": date(2024, 2, 29),
        "at": datetime(2026, 1, 1, 10, tzinfo=UTC),
        "nothing": None,
        "yes": True,
    }
    sql = "SELECT " + ", ".join(f":{name} AS {name}" for name in values)
    assert open_engine(stack).query(sql, values).to_pylist() == [values]


def test_what_cannot_be_answered_is_told_in_a_sentence(stack: Settings, tmp_path: Path) -> None:
    engine = open_engine(stack)
    with pytest.raises(InputError, match="only queries"):
        engine.query("DROP TABLE lake.silver.patient")
    with pytest.raises(InputError, match="nowhere"):
        engine.query("SELECT nowhere(1)")
    with pytest.raises(InputError, match="stopped after 1 seconds"):
        open_engine(stack.model_copy(update={"query_seconds": 1})).query(
            "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), "
            "UNNEST(sequence(1, 10000)) c(z) WHERE x * y * z % 7 = 1"
        )
    own = stack.model_copy(update={"secrets": tmp_path / "secrets", "trino_ca": stack.trino_ca_file})
    write_secret(own, "trino-lake_dashboard", "guessed")
    assert read_secret(own, "trino-lake_dashboard") == "guessed"
    with pytest.raises(EnvironmentFailed, match="does not let lake_dashboard in"):
        open_engine(own.model_copy(update={"trino_user": "lake_dashboard"})).query("SELECT 1")
    with pytest.raises(EnvironmentFailed, match="does not answer"):
        open_engine(stack.model_copy(update={"trino": "https://127.0.0.1:9"})).query("SELECT 1")
