"""Each query that ships, asked of both engines about the same lake: the same names of columns and the same rows.

On servers somebody asks who sees everything: what other roles see instead is what test_roles.py is about.
"""

from dataclasses import replace

import pytest

from lakehouse.control import open_control, runs
from lakehouse.sql.engine import Person, SqlEngine
from lakehouse.sql.moment import open_moments
from lakehouse.sql.queries import DASHBOARD, named_query
from tests.stack.copies import DemoLake
from tests.stack.demo.conftest import Answers, Parameters
from tests.stack.questions import ALL, APPROXIMATE, NAMES, assert_alike

pytestmark = pytest.mark.stack

MAY_BE_EMPTY = {
    # the demo's lake has nobody who did this: that both engines read the query is all that is shown
    *("quality_acknowledged", "quality_acknowledgements", "quality_replays", "upkeep_steps"),
}


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_give_the_same_rows(here: SqlEngine, answers: Answers, parameters: Parameters, name: str) -> None:
    expected = here.query(named_query(name), parameters(name))
    got = answers(name)
    assert got.column_names == expected.column_names
    assert len(expected) or name.removeprefix(f"{DASHBOARD}/") in MAY_BE_EMPTY, "an empty answer shows nothing"
    if name in APPROXIMATE:
        estimates = [[v is None for v in t[APPROXIMATE[name]].to_pylist()] for t in (expected, got)]
        assert sum(estimates[0]) == sum(estimates[1])
        expected, got = (t.drop_columns([APPROXIMATE[name]]) for t in (expected, got))
    assert_alike(expected, got)


def test_pages_see_one_state_until_something_is_written(demo_on_servers: DemoLake) -> None:
    moments = open_moments(demo_on_servers.as_service("lake_dashboard"), 0)
    first = moments.now(ALL)
    here = open_moments(demo_on_servers.here, 0).now()
    assert {n for n, s in first.tables.items() if s.snapshot_id} == {n for n, s in here.tables.items() if s.snapshot_id}
    assert first.tables["silver.patient"].rows == here.tables["silver.patient"].rows
    name = f"{DASHBOARD}/newest_runs"
    assert first.query(name).num_rows == here.query(name).num_rows
    assert first.reads(name) == here.reads(name)
    assert moments.now(ALL).version == first.version
    control = open_control(demo_on_servers.there)
    with control._engine.begin() as db:
        db.execute(runs.update().values(live_rows=runs.c.live_rows))
    control._engine.dispose()
    moments.look_again()
    later = moments.now(Person("one.analyst"))
    assert later.version != first.version
    assert later.scope != first.scope, "what Trino shows one person is kept for nobody else"
    again = moments.now(replace(ALL, stamp="of another password or role"))
    assert again.scope != first.scope, "nor for the same person in another role"
