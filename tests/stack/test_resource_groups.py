"""Queries that somebody writes wait for each other, and never for long enough to keep a page from its answer."""

import threading
from contextlib import suppress
from typing import Any

import pytest

from lakehouse.errors import LakeError
from lakehouse.settings import Settings
from lakehouse.sql.engine import DASHBOARD, DASHBOARD_SQL, Person, open_engine
from tests.stack.canaries import World, until

pytestmark = pytest.mark.stack

WRITER, ADMINISTRATOR = "one.analyst", "one.administrator"
RUNAWAY = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x), UNNEST(sequence(1, 10000)) AS b(y), "
    "UNNEST(sequence(1, 10000)) AS c(z) WHERE x * y * z % 7 = 1"
)
AT_ONCE, ASKED = 2, 4
"""So many of one person's queries run side by side, and so many are asked."""


def states(world: World) -> dict[str, list[str]]:
    """The ids of the writer's runaway queries that have not ended, by state."""
    found: dict[str, list[str]] = {}
    rows: Any = world.ask(
        ADMINISTRATOR,
        "SELECT query_id, state FROM system.runtime.queries "
        f"WHERE \"user\" = '{WRITER}' AND source = '{DASHBOARD_SQL}' AND state NOT IN ('FINISHED', 'FAILED')",
    )
    for query_id, state in rows:
        found.setdefault("queued" if state == "QUEUED" else "running", []).append(query_id)
    return found


def test_what_people_write_on_the_sql_page_waits_in_line_and_pages_answer_meanwhile(people: Settings) -> None:
    world = World(people)
    dashboard = people.model_copy(update={"trino_user": "lake_dashboard"})
    until(lambda: world.ask(ADMINISTRATOR, "SELECT 1") == [[1]], "accounts reach Trino")

    def write() -> None:
        with suppress(LakeError):  # it is stopped in the end
            open_engine(dashboard, DASHBOARD_SQL).query(RUNAWAY, person=Person(WRITER))

    writers = [threading.Thread(target=write) for _ in range(ASKED)]
    for writer in writers:
        writer.start()
    try:
        until(lambda: sum(map(len, states(world).values())) == ASKED, "all are asked")
        assert {state: len(ids) for state, ids in states(world).items()} == {
            "running": AT_ONCE,
            "queued": ASKED - AT_ONCE,
        }
        page = open_engine(dashboard, DASHBOARD)
        assert page.query("SELECT 1 AS one", person=Person(WRITER)).to_pylist() == [{"one": 1}]
        assert len(states(world).get("queued", ())) == ASKED - AT_ONCE, "the page waited for what was written"
    finally:
        while any(writer.is_alive() for writer in writers):
            for query_id in (each for ids in states(world).values() for each in ids):
                world.ask(ADMINISTRATOR, f"CALL system.runtime.kill_query('{query_id}', 'the test has ended')")
            for writer in writers:
                writer.join(1)
