"""The demo's lake on servers, and what the queries that ship answer there."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache

import pyarrow as pa
import pytest

from lakehouse import trino_access
from lakehouse.settings import Settings
from lakehouse.sql.engine import SqlEngine, open_engine
from lakehouse.sql.queries import named_query
from tests.stack import copies
from tests.stack.conftest import accounts_of_people
from tests.stack.questions import ALL, found

Answers = Callable[[str], pa.Table]
Parameters = Callable[[str], dict[str, object]]


@pytest.fixture(scope="package")
def demo_on_servers(stack: Settings) -> Iterator[copies.DemoLake]:
    """The demo's lake here and a copy of it on the stack, for somebody in each of a few roles."""
    here = Settings()
    if not here.catalog_db.exists():
        pytest.fail(f"there is no lake in {here.root}: run `make demo` first")
    with accounts_of_people(stack):
        try:
            copies.copy_lake(here, stack)
            trino_access.apply(stack)
            yield copies.DemoLake(here, stack)
        finally:
            copies.clear(stack)


@pytest.fixture(scope="package")
def here(demo_on_servers: copies.DemoLake) -> Iterator[SqlEngine]:
    """The engine over the demo's lake here."""
    with closing(open_engine(demo_on_servers.here)) as engine:
        yield engine


@pytest.fixture(scope="package")
def parameters(here: SqlEngine) -> Parameters:
    """What a query is asked with, by its name."""
    return cache(lambda name: found(here, name))


@pytest.fixture(scope="package")
def answers(demo_on_servers: copies.DemoLake, parameters: Parameters) -> Iterator[Answers]:
    """What Trino answers somebody who sees everything, by the query's name; asked once."""
    with closing(open_engine(demo_on_servers.as_service("lake_dashboard"))) as there:
        yield cache(lambda name: there.query(named_query(name), parameters(name), person=ALL))
