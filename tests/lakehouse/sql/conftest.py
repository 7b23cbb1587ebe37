"""A small lake made by Spark, with what Spark leaves behind: position deletes, branches, changed schemas."""

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lakehouse.settings import Settings
from lakehouse.sql.engine import SqlEngine, open_engine

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MERGE_ON_READ = (
    "TBLPROPERTIES ('format-version'='2', 'write.merge.mode'='merge-on-read', 'write.delete.mode'='merge-on-read')"
)

STATEMENTS = f"""
CREATE NAMESPACE IF NOT EXISTS lake.sqltest;
CREATE TABLE lake.sqltest.person (person_id string COMMENT 'Who.', born_on date, weight_kg decimal(10,3),
    seen_at timestamp, n bigint, is_deleted boolean, codings array<struct<system:string,code:string>>, raw binary)
    USING iceberg PARTITIONED BY (years(born_on)) {MERGE_ON_READ};
INSERT INTO lake.sqltest.person SELECT concat('p', id), date_add(date'1980-01-02', cast(id as int) * 100),
    cast(id as decimal(10,3)), timestamp'2020-01-01 00:00:00', id, false,
    array(struct('s', concat('c', id)), struct('t', 'all')), cast('ab' as binary) FROM range(100);
DELETE FROM lake.sqltest.person WHERE n < 10;
MERGE INTO lake.sqltest.person t USING (SELECT 'p50' AS person_id) u ON t.person_id = u.person_id
    WHEN MATCHED THEN UPDATE SET is_deleted = true;
CREATE TABLE lake.sqltest.evolved (id bigint, old string, gone int) USING iceberg;
INSERT INTO lake.sqltest.evolved VALUES (1, 'x', 7);
ALTER TABLE lake.sqltest.evolved RENAME COLUMN old TO new;
ALTER TABLE lake.sqltest.evolved DROP COLUMN gone;
ALTER TABLE lake.sqltest.evolved ADD COLUMN extra decimal(5,2);
INSERT INTO lake.sqltest.evolved VALUES (2, 'y', 1.5);
CREATE TABLE lake.sqltest.gated (id bigint) USING iceberg;
ALTER TABLE lake.sqltest.gated CREATE BRANCH run;
INSERT INTO lake.sqltest.gated.branch_run VALUES (1);
"""


@pytest.fixture(scope="session")
def lake(spark: "SparkSession", settings: Settings) -> Settings:
    """The settings of a lake with the tables `lake.sqltest.*`."""
    for statement in STATEMENTS.strip().rstrip(";").split(";\n"):
        spark.sql(statement)
    return settings


@pytest.fixture
def engine(lake: Settings) -> Iterator[SqlEngine]:
    """The embedded engine over that lake."""
    opened = open_engine(lake)
    yield opened
    opened.close()


@pytest.fixture
def controlled(lake: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same lake's catalog in another home, beside a control database with one table of each kind of column."""
    home = Settings(home=tmp_path_factory.mktemp("home"))
    home.catalog_db.symlink_to(lake.catalog_db)
    with sqlite3.connect(home.control_db) as connection:
        connection.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE Runs (run_id VARCHAR PRIMARY KEY, records BIGINT, share FLOAT, ok BOOLEAN,
                started_at DATETIME, as_of DATE, note TEXT, odd INTEGER);
            INSERT INTO Runs VALUES ('r1', 5, 0.5, 1, '2026-01-02 03:04:05.000006', '2026-01-02', NULL, 1);
            INSERT INTO Runs VALUES ('r2', NULL, NULL, 0, '2026-01-02T03:04:05Z', NULL, 'x', 'text');
            """
        )
    connection.close()
    return home
