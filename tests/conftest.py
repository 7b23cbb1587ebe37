"""One real Spark session for the whole test run, each worker with a lake of its own."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lakehouse.settings import Settings
from tests import public_data
from tests.lakes import empty_lake, opened

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.lake import Lake

# Each Spark of a test meets a piece of code a few times. The JVM's quick compiler will do: the other one took 15 % of
# the processor time. The room for compiled code is what the JVM has with both. Trino, which lives as long as its tests,
# has both: with this one alone its first two minutes were a sixth faster, and what came later took twice as long.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m")


NO_TIME = "no time was left to begin it"


def pytest_addoption(parser: pytest.Parser) -> None:
    """For runs that have to end: what they did not begin is written down, and another run begins elsewhere."""
    parser.addoption("--until", type=int, metavar="TIME", help="begin no test after this, in seconds since 1970")
    parser.addoption("--left", type=Path, metavar="FILE", help="where to write which tests were not begun by then")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin at another test in each run, so that none is left out for ever."""
    if until := config.option.until:
        begin = until % max(len(items), 1)
        items[:] = items[begin:] + items[:begin]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what would begin too late."""
    if item.config.option.until and time.time() > item.config.option.until:
        pytest.skip(NO_TIME)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out."""
    skipped = terminalreporter.stats.get("skipped", [])
    left = sorted(r.nodeid for r in skipped if isinstance(r.longrepr, tuple) and NO_TIME in r.longrepr[2])
    if left:
        terminalreporter.write_line(f"{len(left)} tests did not begin, for time: " + ", ".join(left))
    if config.option.left:
        config.option.left.write_text("".join(f"{name}\n" for name in left), encoding="utf-8")


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a lake in a temporary folder; jars come from the usual cache so that they're fetched once."""
    said = {"cores": 2, "driver_memory": "2g", "as_of": "2026-01-15", "parallel_jobs": 2}
    return empty_lake(Settings().model_copy(update=said), tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="session")
def spark(settings: Settings) -> "Iterator[SparkSession]":
    """A real session with the Iceberg catalog `lake` in that folder."""
    from lakehouse.java import find_java
    from lakehouse.session import build_session, spark_jars, suited

    # As a run that sees few rows has it; what asks for more by itself gets it.
    extra = {"spark.default.parallelism": "2", **suited(0)}
    session = build_session(settings, find_java().home, spark_jars(settings), extra)
    yield session
    session.stop()


@pytest.fixture
def lake(spark: "SparkSession", settings: Settings, tmp_path: Path) -> "Iterator[Lake]":
    """An empty lake of the test's own, on the session that all tests share."""
    from lakehouse.session import release

    own = opened(spark, empty_lake(settings, tmp_path / "lake"))
    yield own
    release(own.spark)


@pytest.fixture
def shared_data() -> Path:
    """The folder of public data sets beside the checkout; skips with a message where it is missing."""
    if not public_data.FOLDER.is_dir():
        pytest.skip(f"the public data sets are not beside the checkout ({public_data.FOLDER})")
    return public_data.FOLDER
