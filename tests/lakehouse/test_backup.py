"""A lake that is backed up, lost and restored is the same lake, wherever in between a process was killed."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from lakehouse import control_tables, profile
from lakehouse.accounts import open_accounts
from lakehouse.backup import make, moment
from lakehouse.backup.files import is_inside
from lakehouse.backup.make import back_up, plan_backup
from lakehouse.backup.pool import Pool
from lakehouse.backup.restore import restore
from lakehouse.backup.verify import verify
from lakehouse.control import open_control
from lakehouse.errors import Conflict, EnvironmentFailed, InputError
from lakehouse.lock import keeping_files, writing
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from spark_jobs.cli import main

if TYPE_CHECKING:
    from spark_jobs.lake import Lake

TABLES = ("silver.patient", "silver.visit")


class Killed(BaseException):
    """What a test throws into the middle of a step."""


@pytest.fixture
def small(tmp_path: Path) -> Settings:
    """Two tables with deletes, a branch and a tag on snapshots that main has left, and a control database."""
    settings = Settings(home=tmp_path / "home", profile="embedded")
    catalog = profile.iceberg_catalog(settings)
    catalog.create_namespace("silver")
    for name in TABLES:
        table = catalog.create_table(name, schema=pa.schema([("id", pa.int64()), ("word", pa.string())]))
        table.append(pa.table({"id": [1, 2, 3], "word": ["a", "b", f"ü {name}"]}))
        first = table.current_snapshot()
        assert first is not None
        table.manage_snapshots().create_tag(first.snapshot_id, "gate_failed_1").commit()
        table.delete("id = 2")
        table.manage_snapshots().create_branch(first.snapshot_id, "waiting").commit()
        table.append(pa.table({"id": [4], "word": [f"d {name}"]}))
    add_run(settings, "run-1")
    return settings


def add_run(settings: Settings, run_id: str) -> None:
    row = {c.name: "x" for c in control_tables.runs.columns if not c.nullable}
    numbers = {"base_snapshot_id": 2**60 + 1, "live_rows": 3}
    open_control(settings).change(sa.insert(control_tables.runs).values(row | numbers | {"run_id": run_id}))


def answers(settings: Settings) -> dict[str, Any]:
    """What people can ask: each table by the SQL engine, each ref by PyIceberg, the control database whole."""
    engine = open_engine(settings)
    catalog = profile.iceberg_catalog(settings)
    found: dict[str, Any] = {"runs": engine.query("SELECT * FROM control.public.runs ORDER BY run_id").to_pylist()}
    for name in (f"{schema}.{table}" for schema, table in catalog.list_tables("silver")):
        found[name] = engine.query(f"SELECT * FROM lake.{name} ORDER BY id").to_pylist()
        live = catalog.load_table(name)
        for ref in live.metadata.refs.values():
            rows = live.scan(snapshot_id=ref.snapshot_id).to_arrow()
            found[f"{name} {ref}"] = rows.sort_by("id").to_pylist()
    engine.close()
    return found


def lose(settings: Settings) -> None:
    """All of it is gone."""
    shutil.rmtree(settings.root)


def killed_at(step: str) -> Callable[[str, int, int], None]:
    def progress(what: str, _done: int, _total: int) -> None:
        if what == step:
            raise Killed

    return progress


def steps_of(work: Callable[[Callable[[str, int, int], None]], object]) -> list[str]:
    seen: list[str] = []
    work(lambda what, _done, _total: seen.append(what))
    return list(dict.fromkeys(seen))


def test_a_restored_lake_gives_the_same_answers_and_takes_new_rows(small: Settings, tmp_path: Path) -> None:
    before = answers(small)
    made = back_up(small, str(tmp_path / "b"))
    assert verify(small, str(tmp_path / "b")).damaged == ()
    lose(small)
    with pytest.raises(Exception, match=r"(?i)silver|lake"):
        open_engine(small).query("SELECT * FROM lake.silver.patient")
    done = restore(small, str(tmp_path / "b"))
    assert answers(small) == before
    assert len(before) == 3 + 2 * 3, "each table has main, a branch and a tag"
    assert done.new_files == made.plan.files
    live = profile.iceberg_catalog(small).load_table("silver.patient")
    live.append(pa.table({"id": [5], "word": ["e"]}))
    assert open_engine(small).query("SELECT max(id) AS m FROM lake.silver.patient").to_pylist() == [{"m": 5}]


def test_position_deletes_of_spark_are_restored(lake: "Lake", tmp_path: Path) -> None:
    spark, settings = lake.spark, lake.settings
    if settings.profile != "embedded":
        pytest.skip("tests/stack/test_restore.py has it on servers")
    spark.sql("CREATE NAMESPACE IF NOT EXISTS lake.silver")
    spark.sql(
        "CREATE TABLE lake.silver.marked (id bigint, word string) USING iceberg PARTITIONED BY (word) "
        "TBLPROPERTIES ('write.delete.mode'='merge-on-read', 'format-version'='2')"
    )
    spark.sql("INSERT INTO lake.silver.marked VALUES (1, 'a/ü%'), (2, 'a/ü%'), (3, 'a#')")
    spark.sql("DELETE FROM lake.silver.marked WHERE id = 2")
    before = answers(settings)
    made = back_up(settings, str(tmp_path / "b"))
    assert [(t.rows, t.deleted_rows) for t in made.plan.tables] == [(3, 1)]
    lose(settings)
    restore(settings, str(tmp_path / "b"))
    assert answers(settings) == before


def test_a_second_backup_copies_only_what_is_new_and_old_ones_are_let_go(small: Settings, tmp_path: Path) -> None:
    place = str(tmp_path / "b")
    first = back_up(small, place)
    assert first.plan.new_files == first.plan.files
    assert plan_backup(small, place).new_files == 0
    profile.iceberg_catalog(small).load_table("silver.patient").delete("id = 1")
    add_run(small, "run-2")
    at_second = answers(small)
    second = back_up(small, place)
    assert 0 < second.plan.new_files < 8
    profile.iceberg_catalog(small).drop_table("silver.visit")
    third = back_up(small, place, keep=2)
    pool = Pool(small, place)
    assert third.pruned == (first.manifest.backup_id,)
    assert pool.ids() == [second.manifest.backup_id, third.manifest.backup_id]
    lose(small)
    restore(small, place, second.manifest.backup_id)
    assert answers(small) == at_second, "an older backup is as good as it was"
    objects = {p.name for p in (tmp_path / "b" / "objects").rglob("*") if p.is_file()}
    back_up(small, place, keep=1)
    left = {p.name for p in (tmp_path / "b" / "objects").rglob("*") if p.is_file()}
    assert left < objects | left
    assert not verify(small, place).damaged


@pytest.mark.parametrize("step", ["Following tables to their files", "Copying files", "Writing the manifest"])
def test_a_backup_killed_half_way_is_none_and_the_next_copies_only_the_rest(
    small: Settings, tmp_path: Path, step: str
) -> None:
    place = str(tmp_path / "b")
    assert step in steps_of(lambda p: back_up(small, str(tmp_path / "whole"), progress=p))
    with pytest.raises(Killed):
        back_up(small, place, progress=killed_at(step))
    assert Pool(small, place).ids() == []
    with pytest.raises(InputError, match="no backup"):
        restore(small, place)
    again = back_up(small, place)
    assert (again.plan.new_files < again.plan.files) == (step != "Following tables to their files")
    assert not verify(small, place).damaged
    assert not list((tmp_path / "b").rglob("unfinished*"))


KILL = """
import os, pathlib, sys
from lakehouse.backup import make, restore
from lakehouse.settings import Settings
seen = []
def progress(what, done, total):
    seen.append(what)
    if what == sys.argv[4] and seen.count(what) == 3:
        os._exit(9)
getattr(sys.modules["lakehouse.backup." + sys.argv[1]], {"make": "back_up"}.get(sys.argv[1], sys.argv[1]))(
    Settings(home=pathlib.Path(sys.argv[2]), profile="embedded"), sys.argv[3], progress=progress)
"""


def kill(what: str, settings: Settings, place: str, step: str) -> None:
    command = [sys.executable, "-c", KILL, what, str(settings.root), place, step]
    assert subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode == 9


def test_processes_killed_while_they_copy_leave_nothing_that_harms(small: Settings, tmp_path: Path) -> None:
    place, before = str(tmp_path / "b"), answers(small)
    kill("make", small, place, "Copying files")
    back_up(small, place)
    lose(small)
    kill("restore", small, place, "Restoring files")
    assert not small.catalog_db.exists()
    restore(small, place)
    assert answers(small) == before


RESTORE_STEPS = (
    "Looking at what is there",
    "Restoring files",
    "Restoring the control database",
    "Restoring the catalog",
    "Checking tables",
)


def test_a_restore_killed_at_any_step_shows_no_half_lake_and_is_completed(small: Settings, tmp_path: Path) -> None:
    place, before = str(tmp_path / "b"), answers(small)
    back_up(small, place)
    lose(small)
    assert tuple(steps_of(lambda p: restore(small, place, progress=p))) == RESTORE_STEPS
    for step in RESTORE_STEPS:
        lose(small)
        with pytest.raises(Killed):
            restore(small, place, progress=killed_at(step))
        pointers = moment.read_pointers(small)
        assert len(pointers.tables) == (2 if step == "Checking tables" else 0), step
        restore(small, place)
        assert answers(small) == before, step
    assert restore(small, place).new_files == 0, "a third time changes nothing"


def test_a_damaged_backup_is_found_and_not_restored(small: Settings, tmp_path: Path) -> None:
    place = str(tmp_path / "b")
    made = back_up(small, place)
    pool = Pool(small, place)
    victim = next(s for s in pool.stored(made.manifest) if s.location.endswith(".parquet"))
    file = Path(pool.place_of(victim.sha256))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert verify(small, place).damaged == (victim.location,)
    lose(small)
    with pytest.raises(EnvironmentFailed, match="checksum"):
        restore(small, place)
    assert not moment.read_pointers(small).tables
    file.unlink()
    with pytest.raises(EnvironmentFailed, match="lacks"):
        restore(small, place)
    file.write_bytes(whole)
    restore(small, place)
    manifest = next((tmp_path / "b" / "backups").iterdir())
    manifest.write_text(manifest.read_text().replace('"rows": 3', '"rows": 4'))
    with pytest.raises(EnvironmentFailed, match="damaged"):
        verify(small, place)


def test_nothing_is_restored_over_another_lake_or_elsewhere(small: Settings, tmp_path: Path) -> None:
    place = str(tmp_path / "b")
    back_up(small, place)
    elsewhere = Settings(home=tmp_path / "other", profile="embedded")
    with pytest.raises(InputError, match="can't be restored at"):
        restore(elsewhere, place)
    add_run(small, "run-2")
    with pytest.raises(InputError, match="has tables or runs already"):
        restore(small, place)
    lose(small)
    add_run(small, "run-3")
    with pytest.raises(InputError, match="has tables or runs already"):
        restore(small, place)
    add_run(elsewhere, "run-1")
    with pytest.raises(InputError, match="has backups of the lake at"):
        back_up(elsewhere, place)


def test_a_manifest_cannot_name_files_outside_the_lake() -> None:
    inside = {"/lake/wh/t/a%2Fb#.parquet", "file:///lake/wh/t/a", "file:/lake/wh/a"}
    outside = {"/lake/wh/../x", "/etc/passwd", "file:///lake/whx/a", "s3://b/wh/a", "/lake/wh"}
    assert {p for p in inside | outside if is_inside(p, "/lake/wh")} == inside
    assert is_inside("s3://b/lake/t", "s3://b/lake")
    assert not is_inside("s3://b/lake2/t", "s3://b/lake")


def test_where_there_is_no_lake_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no lake at"):
        back_up(Settings(home=tmp_path / "none", profile="embedded"), str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


def test_a_lake_without_a_table_is_restored_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", profile="embedded")
    add_run(settings, "run-1")
    back_up(settings, str(tmp_path / "b"))
    lose(settings)
    restore(settings, str(tmp_path / "b"))
    assert [r["run_id"] for r in open_control(settings).select(sa.select(control_tables.runs))] == ["run-1"]


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(make.shutil, "disk_usage", lambda _: usage(10_000, 9_000, 1_000))
    with pytest.raises(EnvironmentFailed, match=r"1,000 bytes free and [\d,]+ are needed"):
        back_up(small, str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


def test_a_run_goes_on_during_a_backup_and_upkeep_does_not(small: Settings, tmp_path: Path) -> None:
    with writing(small):
        back_up(small, str(tmp_path / "b"))
    with keeping_files(small), pytest.raises(Conflict, match="backing up or tidying"):
        back_up(small, str(tmp_path / "b"))


def test_pointers_and_control_are_of_one_moment(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table moves between the two looks at the catalog: what was seen is thrown away."""
    look, looks = moment.read_pointers, []

    def moved(settings: Settings) -> moment.Pointers:
        looks.append(1)
        if len(looks) == 2:
            profile.iceberg_catalog(settings).load_table("silver.visit").delete("id = 1")
            add_run(settings, "run-2")
        return look(settings)

    monkeypatch.setattr(moment, "read_pointers", moved)
    with moment.moment(small) as found:
        add_run(small, "run-3")
        assert found.control is not None
        seen = found.control.execute(sa.select(control_tables.runs.c.run_id).order_by("run_id")).scalars().all()
        assert found.pointers == look(small)
    assert seen == ["run-1", "run-2"], "as of the moment: not what was there before, nor what came after"
    assert len(looks) == 4


def test_only_the_owner_can_read_a_backup_and_secrets_are_in_it_only_if_asked_for(
    small: Settings, tmp_path: Path
) -> None:
    open_accounts(small).put("ana", "correct horse battery")
    made = back_up(small, str(tmp_path / "b"))
    assert made.manifest.private == {}
    for path in (tmp_path / "b", *(tmp_path / "b").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    back_up(small, str(tmp_path / "b"), with_accounts=True)
    lose(small)
    assert open_accounts(small).all() == [], "a file without accounts, as the start of a stack makes it"
    assert not restore(small, str(tmp_path / "b"), with_accounts=True).has_other_accounts
    assert open_accounts(small).log_in("ana", "correct horse battery")


def test_accounts_that_are_there_stay_and_the_restore_says_so(small: Settings, tmp_path: Path) -> None:
    place = str(tmp_path / "b")
    back_up(small, place)
    lose(small)
    with pytest.raises(InputError, match="made without the dashboard's accounts"):
        restore(small, place, with_accounts=True)
    assert not small.root.exists(), "it is said before anything is restored"
    restore(small, place)
    open_accounts(small).put("ana", "correct horse battery")
    back_up(small, place, with_accounts=True)
    lose(small)
    open_accounts(small).put("ben", "wrong horse battery")
    done = CliRunner().invoke(main, ["--home", str(small.root), "restore", place, "--with-accounts"])
    assert done.exit_code == 0, done.output
    assert "accounts.db" in done.output
    assert "stayed, for there were accounts already" in done.output
    assert [account.name for account in open_accounts(small).all()] == ["ben"]
    (small.root / "accounts.db").unlink()
    assert not restore(small, place, with_accounts=True).has_other_accounts
    assert [account.name for account in open_accounts(small).all()] == ["ana"]


def test_the_commands_say_what_they_do(small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("LAKE_")]:
        monkeypatch.delenv(name)
    place = str(tmp_path / "b")

    def lake(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["--home", str(small.root), *arguments])
        return done.exit_code, done.output

    assert "A dry run: nothing was changed" in lake("backup", place, "--dry-run")[1]
    assert not (tmp_path / "b").exists()
    assert lake("restore", place)[0] == 3
    code, said = lake("backup", place, "--keep", "2")
    assert (code, "silver.patient" in said) == (0, True)
    assert Pool(small, place).ids()[0] in lake("backup", place, "--list")[1]
    assert "is whole" in lake("backup", place, "--verify")[1]
    lose(small)
    code, said = lake("restore", place, "--dry-run")
    assert (code, small.root.exists()) == (0, False), said
    code, said = lake("restore", place)
    assert (code, "1 runs" in said) == (0, True)
    next(p for p in (tmp_path / "b" / "objects").rglob("*") if p.is_file()).unlink()
    assert lake("backup", place, "--verify")[0] == 5
    assert lake("backup", "s3://bucket/x")[0] == 3
    assert json.loads(next((tmp_path / "b" / "backups").iterdir()).read_text())["backup"]["format"] == 1
