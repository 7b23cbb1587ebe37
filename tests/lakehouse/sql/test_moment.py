"""A moment answers the queries that ship as of one state of the lake, and a new one follows each change."""

import gc
import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakehouse.control import open_control
from lakehouse.errors import InputError
from lakehouse.settings import Settings
from lakehouse.sql.moment_embedded import EmbeddedMoments

ROWS = pa.table({"stage": ["landing"], "part": pa.array([0], pa.int32()), "resolved_by": pa.array([None], pa.string())})
QUERY = "dashboard/held_back_now"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake with one record that is held back."""
    settings = Settings(home=tmp_path / "lake")
    open_control(settings)._engine.dispose()
    catalog = catalog_of(settings)
    catalog.create_namespace("ops")
    catalog.create_table("ops.quarantine", ROWS.schema).append(ROWS)
    return settings


def catalog_of(settings: Settings) -> SqlCatalog:
    return SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_db}", warehouse=settings.warehouse.as_uri())


def test_it_stays_while_nothing_changes_and_follows_each_table(settings: Settings) -> None:
    moments = EmbeddedMoments(settings, 0)
    first = moments.now()
    assert moments.now() is first
    catalog_of(settings).load_table("ops.quarantine").append(ROWS)
    second = moments.now()
    assert second is not first
    assert second.version != first.version
    assert first.query(QUERY).to_pylist() == [{"stage": "landing", "records": 1}]  # as of then, still
    assert second.query(QUERY).to_pylist() == [{"stage": "landing", "records": 2}]
    assert second.tables["ops.quarantine"].rows == 2
    assert second.tables["ops.quarantine"].snapshot_id != first.tables["ops.quarantine"].snapshot_id


def test_it_follows_the_control_database(settings: Settings) -> None:
    moments = EmbeddedMoments(settings, 0)
    first = moments.now()
    with sqlite3.connect(settings.control_db) as db:
        db.execute("DELETE FROM runs")
        db.execute("INSERT INTO runs (run_id, job, table_name, run_key, basis, mode, state, as_of, message, started_at)"
                   " VALUES ('r', 'j', 't', 'k', 'b', 'full', 'planned', '2026-01-01', '', '2026-01-01')")  # fmt: skip
    db.close()
    assert moments.now() is not first


def test_between_two_looks_it_does_not_look(settings: Settings) -> None:
    moments = EmbeddedMoments(settings, 3600)
    first = moments.now()
    catalog_of(settings).load_table("ops.quarantine").append(ROWS)
    assert moments.now() is first


def test_a_lake_that_is_not_there_yet_has_no_tables(tmp_path: Path) -> None:
    moments = EmbeddedMoments(Settings(home=tmp_path / "none"), 0)
    assert dict(moments.now().tables) == {}
    with pytest.raises(InputError):
        moments.now().query(QUERY)


def test_only_queries_that_ship_are_asked_with_all_their_parameters(settings: Settings) -> None:
    moment = EmbeddedMoments(settings, 0).now()
    with pytest.raises(InputError, match="no query of that name"):
        moment.query("select 1")
    with pytest.raises(InputError, match="no parameter :x"):
        moment.query(QUERY, {"x": 1})
    assert moment.reads(QUERY) == {"ops.quarantine"}


def test_an_old_moment_is_closed_by_the_last_that_lets_go(settings: Settings) -> None:
    moments = EmbeddedMoments(settings, 0)
    connection = moments.now()._connection
    catalog_of(settings).load_table("ops.quarantine").append(ROWS)
    moments.now()
    gc.collect()
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("select 1")
