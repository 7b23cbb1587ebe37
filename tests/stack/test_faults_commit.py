"""A commit whose answer is lost is not done twice, and nothing that it wrote is deleted."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from lakehouse import maintain, tables
from lakehouse.commit_guard import guard_commits
from lakehouse.control import open_control
from lakehouse.errors import Conflict
from lakehouse.outages import explained
from lakehouse.profile import catalog_engine
from lakehouse.session import own_session, release
from lakehouse.upkeep import policy_of
from spark_jobs.lake import Lake
from tests.spark_jobs.tiny import TINY, held, ingest, observation, rows, run, write
from tests.stack import servers
from tests.stack.proxy import Proxy, proxy

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(servers.HOME not in os.environ, reason="`make test-stack-jobs` starts the servers"),
]


@pytest.fixture
def way(lake: Lake) -> Iterator[Proxy]:
    with proxy(lake.settings.postgres) as found:
        yield found


@pytest.fixture
def far(lake: Lake, way: Proxy) -> Iterator[Lake]:
    """The lake, reached by a way that can lose an answer."""
    settings = lake.settings.model_copy(update={"postgres": way.address})
    session = own_session(lake.spark, settings)
    yield Lake(session, open_control(settings), settings)
    release(session)


# Of a run: settling in quarantine, the rows held back, a branch, the merge, the publish, the end of the branch.
@pytest.mark.parametrize("commit", [1, 2, 4, 5])
def test_no_lost_answer_doubles_a_row(lake: Lake, far: Lake, way: Proxy, tmp_path: Path, commit: int) -> None:
    ingest(lake, write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", 2), observation("bad", -1)]))
    run(lake)
    ingest(lake, write(tmp_path, "b.ndjson", [observation("b", 3), observation("c", -4), observation("bad", 7)]))
    way.lose(commit)
    run(far)  # begins anew by itself
    assert way.lost == 1
    assert rows(lake) == [("a", "final", 1), ("b", "final", 3), ("bad", "final", 7)]
    assert held(lake) == [("c", "amount_is_not_negative")]
    assert not lake.control.unfinished(TINY.name)
    assert tables.branches(lake.spark, TINY) == []
    assert run(lake).state == "unchanged"


# Of a landing: a branch, the rows, the publish.
@pytest.mark.parametrize("commit", [2, 4])
def test_no_lost_answer_lands_a_record_twice(lake: Lake, far: Lake, way: Proxy, tmp_path: Path, commit: int) -> None:
    file = write(tmp_path, "a.ndjson", [observation("a", 1), {"resourceType": "Observation"}])
    ingest(lake, write(tmp_path, "z.ndjson", [observation("z", 1)]))
    way.lose(commit)
    with pytest.raises(Conflict, match="broke in a commit"):
        ingest(far, file)
    assert way.lost == 1
    ingest(lake, file)
    assert sorted(r.resource_id for r in lake.spark.table("lake.bronze.fhir_resource").collect()) == ["a", "z"]
    assert held(lake, "landing") == [("", "missing_id")]


def test_a_lost_answer_to_compaction_deletes_no_file_in_use(lake: Lake, far: Lake, way: Proxy, tmp_path: Path) -> None:
    for amount in range(2):
        ingest(lake, write(tmp_path, f"{amount}.ndjson", [observation(f"o{amount}", amount)]))
        run(lake)
    before = rows(lake)
    way.lose(1)
    with pytest.raises(Conflict, match="broke in a commit"), explained(far.settings):
        maintain.compact(far.spark, TINY, replace(policy_of(TINY), small_files=2), None)
    assert way.lost == 1
    assert rows(lake) == before


def test_the_guard_is_put_there_once_by_however_many_begin_at_once(lake: Lake) -> None:
    engine = catalog_engine(lake.settings)
    guard = "SELECT xmin::text FROM pg_trigger WHERE tgrelid = 'iceberg_tables'::regclass"

    def guards(before: str = "SELECT 1") -> list[str]:
        with engine.begin() as db:
            db.execute(sa.text(before))
            return list(db.scalars(sa.text(guard)))

    assert guards("DROP FUNCTION carelake_guard_commit CASCADE") == []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: guard_commits(lake.spark, lake.settings), range(8)))
    there = guards()
    assert len(there) == 1
    guard_commits(lake.spark, lake.settings)
    assert guards() == there, "who finds it there does not wait for the commits that are under way"
    other = "CREATE OR REPLACE FUNCTION carelake_guard_commit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'"
    assert guards(other) == there
    guard_commits(lake.spark, lake.settings)
    assert guards() != there, "one of another version is replaced"
    engine.dispose()
