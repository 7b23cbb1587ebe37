"""Each role asks a real Trino for each column of each table, and gets what the tags promise and nothing else.

Every table holds rows whose values can be told apart: what no role may see is searched for in all that Trino says:
plans, statistics, errors and lists of queries.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyiceberg.types import StringType

from catalog.registry import TABLES
from lakehouse import trino_access
from lakehouse.accounts import open_accounts
from lakehouse.doctor import examine
from lakehouse.profile import iceberg_catalog
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings
from lakehouse.watch import answers
from lakehouse.watch.reading import Watcher
from tests.stack.canaries import GONE, OPEN, PASSWORD, ROLES, World, clear, is_refused, make_world, until
from tests.stack.promise import columns_of, found, may_read, problem

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def world(stack: Settings) -> Iterator[World]:
    """A lake of canaries and a person in each role."""
    yield make_world(stack)
    clear(stack)


@pytest.mark.parametrize("role", ROLES)
def test_each_column_of_each_table_is_what_its_tag_promises(world: World, role: str) -> None:
    wrong = []
    for table in TABLES.values():
        got = columns_of(world, role, table)
        for column in table.columns:
            answer = got[column.name]
            if not may_read(role, table):
                assert answer is None, (role, table.name, column.name)
                continue
            wrong_with = problem(role, table, column, answer)
            if wrong_with:
                wrong.append(f"{table.name}.{column.name} [{column.tag.value}]: {wrong_with}: {answer!r}")
    assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} in all"


def test_pseudonyms_join_across_tables_and_are_no_plain_hash(world: World) -> None:

    rows = world.ask(
        "one.analyst",
        "select p.patient_id, c.patient_id, p.linked_patient_ids[1] from lake.silver.patient p "
        "join lake.silver.condition c on p.patient_id = c.patient_id "
        "join lake.gold.person g on g.person_id = p.patient_id",
    )
    assert len(rows) == 1
    assert len(set(rows[0])) == 1
    plain = hashlib.sha256(f"CANARY-subject-{OPEN}".encode()).hexdigest()
    assert rows[0][0] not in plain
    assert world.ask("one.researcher", "select patient_id from lake.silver.patient") == [[rows[0][0]]]
    guess = f"select count(*) from lake.silver.patient where patient_id = 'CANARY-' || 'subject-{OPEN}'"
    assert world.ask("one.analyst", guess) == [[0]]


LEAKS = (
    'select * from lake.silver."patient$partitions"',
    'select * from lake.silver."patient$files"',
    'select * from lake.silver."patient$entries"',
    'select * from lake.silver."patient$all_entries"',
    'select * from lake.silver."patient$manifests"',
    'select * from lake.silver."patient$all_manifests"',
    'select * from lake.silver."patient$snapshots"',
    'select * from lake.silver."patient$history"',
    'select * from lake.silver."patient$refs"',
    'select * from lake.silver."patient$properties"',
    'select * from lake.silver."patient$metadata_log_entries"',
    'select "$path", "$partition" from lake.silver.patient',
    "show stats for lake.silver.patient",
    "show stats for (select * from lake.silver.patient where family_name > 'A')",
    "show create table lake.silver.patient",
    "show create schema lake.silver",
    "explain select * from lake.silver.patient where family_name = 'x'",
    "explain (type io) select * from lake.silver.patient",
    "explain (type distributed) select patient_id from lake.silver.patient",
    "explain analyze verbose select patient_id, family_name from lake.silver.patient",
    "select * from lake.silver.patient for version as of 'side'",
    "select mrn, family_name, patient_id from lake.silver.patient for version as of 'side'",
    "select cast(family_name as integer) from lake.silver.patient",
    "select cast(patient_id as integer) from lake.silver.patient",
    "select fail(family_name) from lake.silver.patient",
    "select family_name from lake.silver.patient where 1 / (length(family_name) - length(family_name)) = 1",
    "select min(family_name), max(mrn), array_agg(phone) from lake.silver.patient",
    "select * from table(lake.system.table_changes('silver', 'patient', 0, 1))",
    "select * from table(control.system.query(query => 'select * from masks.pseudonym'))",
    "select * from table(control.system.query(query => 'select sample_keys from public.quality_results'))",
    "call control.system.execute(query => 'create table public.x (n int)')",
    "select * from control.masks.pseudonym",
    "select * from control.pg_catalog.pg_authid",
    "select sample_keys from control.public.quality_results",
    "select * from system.runtime.queries",
    "select * from system.runtime.tasks",
    "select * from system.metadata.table_comments where catalog_name = 'lake'",
    "select * from system.metadata.materialized_views",
    "select * from lake.information_schema.tables",
    "select * from lake.information_schema.columns",
    "select * from lake.information_schema.views",
    "show session",
    "show functions from lake.silver",
)


@pytest.mark.parametrize("role", [r for r in ROLES if r not in ("compliance_officer", "clinician")])
def test_no_way_around_shows_what_the_role_never_sees(world: World, role: str) -> None:
    user, key = f"one.{role}", read_secret(world.settings, "trino-pseudonym-key")
    asked = f"select * from lake.silver.patient where mrn = 'CANARY-identifying-asked-{role}'"
    assert world.ask("one.compliance_officer", asked) == []
    earlier = iceberg_catalog(world.settings).load_table("silver.patient").snapshots()[0].snapshot_id
    shown = {}
    for sql in (*LEAKS, f"select * from lake.silver.patient for version as of {earlier}"):
        answer = world.ask(user, sql)
        text = answer if isinstance(answer, str) else repr(answer)
        if "runtime.queries" in sql and role == "administrator":
            continue  # sees what others ask, and so what they type
        if said := found(role, text.replace(sql, "")):
            shown[sql] = said
        assert key not in text, sql
        assert key.encode().hex() not in text.lower(), sql
    assert not shown


REFUSED_TO_ALL = ("$partitions", "$files", "entries", "manifests", "table(", "masks", "pg_authid", "call ")


@pytest.mark.parametrize("role", ROLES)
def test_metadata_with_bounds_passthrough_and_the_key_are_refused_to_all(world: World, role: str) -> None:
    for sql in LEAKS:
        if any(said in sql for said in REFUSED_TO_ALL):
            answer = world.ask(f"one.{role}", sql)
            assert isinstance(answer, str), (sql, answer)
            assert is_refused(answer) or "does not exist" in answer or "not registered" in answer, (sql, answer)


@pytest.mark.parametrize("role", ["analyst", "clinician", "researcher", "operations"])
def test_deleted_rows_do_not_show(world: World, role: str) -> None:
    for version in ("", " for version as of 'side'"):
        table = f"lake.silver.organization{version}"
        assert world.ask(f"one.{role}", f"select count(*) from {table}") == [[1]]
        assert GONE not in repr(world.ask(f"one.{role}", f"select * from {table}"))


@pytest.mark.parametrize("role", ["engineer", "analyst", "clinician", "operations", "researcher"])
def test_queries_of_others_are_seen_by_nobody_else(world: World, role: str) -> None:
    world.ask("one.compliance_officer", "select 'CANARY-OF-ANOTHER'")
    answer = world.ask(f"one.{role}", "select query from system.runtime.queries")
    assert "CANARY-OF-ANOTHER" not in repr(answer)
    assert "CANARY-OF-ANOTHER" in repr(world.ask("one.administrator", "select query from system.runtime.queries"))


WRITES = (
    "insert into lake.gold.person (patient_id) values ('x')",
    "delete from lake.gold.person",
    "delete from lake.gold.person where patient_id = 'x'",
    "update lake.gold.person set records = 1",
    "merge into lake.gold.person p using (values 'x') as v(i) on p.patient_id = v.i when matched then delete",
    "truncate table lake.gold.person",
    "create table lake.gold.own (n integer)",
    "create table lake.gold.own as select * from lake.gold.person",
    "create view lake.gold.own as select * from lake.gold.person",
    "create materialized view lake.gold.own as select * from lake.gold.person",
    "create schema lake.own",
    "drop schema lake.gold cascade",
    "drop table lake.gold.person",
    "alter table lake.gold.person rename to lake.gold.own",
    "alter table lake.gold.person add column n integer",
    "alter table lake.gold.person drop column records",
    "alter table lake.gold.person set properties format_version = 2",
    "alter table lake.gold.person set authorization ann",
    "comment on table lake.gold.person is 'x'",
    "analyze lake.gold.person",
    "call lake.system.rollback_to_snapshot('gold', 'person', 1)",
    "call lake.system.register_table('gold', 'own', 's3://lake/warehouse/gold/person')",
    "call lake.system.unregister_table('gold', 'person')",
    "insert into control.public.acknowledgements (command_id) values ('x')",
    "delete from control.public.runs",
    "create table control.public.own (n integer)",
    "grant select on lake.gold.person to user ann",
    "create role own",
    "create function lake.gold.f(x integer) returns integer return x",
    "create catalog own using memory",
    "set session lake.parquet_max_read_block_size = '1MB'",
)  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_no_role_writes_anything(world: World, role: str) -> None:
    let_through = {}
    for sql in WRITES:
        answer = world.ask(f"one.{role}", sql)
        if not (isinstance(answer, str) and _refuses(answer)):
            let_through[sql] = answer
    assert not let_through


def _refuses(answer: str) -> bool:
    """By the rules, or because connectors have no such thing."""
    return is_refused(answer) or any(
        said in answer for said in ("NOT_SUPPORTED", "not supported", "not registered", "does not support")
    )


@pytest.mark.parametrize(
    "procedure", ["optimize", "expire_snapshots(retention_threshold => '8d')", "drop_extended_stats"]
)
def test_upkeep_of_tables_cannot_be_done_through_trino(world: World, procedure: str) -> None:
    """Trino's rules do not know these statements: that its key of the object store only reads is what stops them."""
    table = iceberg_catalog(world.settings).load_table("gold.person")
    before = table.metadata_location
    world.ask("one.analyst", f"alter table lake.gold.person execute {procedure}")
    table.refresh()
    assert table.metadata_location == before


def test_the_dashboard_acts_for_people_but_not_for_administrators_servers_or_masks(world: World) -> None:
    password = read_secret(world.settings, "trino-lake_dashboard")

    def as_(user: str) -> Any:
        return world.ask("lake_dashboard", "select current_user", password, acting_for=user)

    assert as_("one.clinician") == [["one.clinician"]]
    for other in ("one.administrator", "lake_masks", "nobody", "lake_etl"):
        assert "cannot impersonate" in as_(other), other
    assert is_refused(world.ask("lake_dashboard", "select * from lake.gold.person", password))
    assert "cannot impersonate" in world.ask("one.analyst", "select 1", acting_for="one.clinician")
    assert is_refused(world.ask("one.analyst", 'set session authorization "one.clinician"'))
    assert "401" in world.ask("lake_masks", "select 1")


def test_passwords_of_people_are_not_kept(world: World) -> None:
    assert PASSWORD not in (world.etc / "password.db").read_text()


def test_a_running_query_of_another_is_stopped_by_those_who_run_servers_alone(world: World) -> None:
    sql = "call system.runtime.kill_query(query_id => '20210101_000000_00000_aaaaa', message => 'x')"
    for role in ("compliance_officer", "analyst", "clinician", "operations", "researcher"):
        assert is_refused(world.ask(f"one.{role}", sql)), role
    assert not is_refused(world.ask("one.administrator", sql))


def test_an_account_works_at_once_and_a_removed_one_no_longer(world: World) -> None:
    accounts = open_accounts(world.settings)
    accounts.put("new.person", PASSWORD, "researcher")
    trino_access.apply(world.settings)
    until(lambda: world.ask("new.person", "select count(*) from lake.gold.person") == [[2]], "a new account")
    assert world.ask("new.person", "select 1", "another password").find("401") > 0
    accounts.remove("new.person")
    trino_access.apply(world.settings, removed="new.person")
    until(lambda: "401" in world.ask("new.person", "select 1"), "a removed account")
    assert "new.person" not in (world.etc / "rules.json").read_text()
    assert {f: (world.etc / f).stat().st_mode & 0o777 for f in ("rules.json", "group.txt", "password.db")} == {
        "rules.json": 0o600, "group.txt": 0o600, "password.db": 0o600,
    }  # fmt: skip


def test_a_live_column_without_a_declaration_is_refused(world: World) -> None:
    live = iceberg_catalog(world.settings).load_table("gold.daily_census")
    with live.update_schema() as update:
        update.add_column("nickname", StringType())
    try:
        assert trino_access.undeclared(world.settings) == {"gold.daily_census": ["nickname"]}
        trino_access.apply(world.settings)
        until(
            lambda: is_refused(world.ask("one.compliance_officer", "select nickname from lake.gold.daily_census")),
            "an undeclared column",
        )
    finally:
        with live.update_schema() as update:
            update.delete_column("nickname")
        trino_access.apply(world.settings)


@pytest.fixture
def kept_rules(world: World) -> Iterator[Path]:
    """The file of rules, put back at the end."""
    path = world.etc / "rules.json"
    text = path.read_text()
    yield path
    path.write_text(text)
    path.chmod(0o600)
    with suppress(OSError):
        until(lambda: world.ask("one.researcher", "select count(*) from lake.gold.person") == [[2]], "rules put back")


@pytest.mark.parametrize("broken", [None, "", "{", json.dumps({"tables": 7})], ids=["gone", "empty", "cut", "wrong"])
def test_broken_rules_open_nothing(world: World, kept_rules: Path, broken: str | None) -> None:
    """Trino 476 takes `{}` for no limits at all; nothing here writes that, and `lake doctor` tells of other rules."""
    if broken is None:
        kept_rules.unlink()
    else:
        kept_rules.write_text(broken)
    threading.Event().wait(3)  # its refresh period, thrice
    answer = world.ask("one.researcher", "select family_name from lake.silver.patient")
    assert isinstance(answer, str) or answer == [[None]], answer
    (finding,) = (f for f in examine(world.settings) if f.name == "Access rules")
    assert not finding.ok


def _connect(settings: Settings, user: str) -> "psycopg.Connection[Any]":
    host, _, port = settings.postgres.partition(":")
    secret = read_secret(settings, f"postgres-{user}")
    return psycopg.connect(host=host, port=int(port), user=user, password=secret, dbname="lake_control")


def test_the_key_is_out_of_reach_of_the_dashboard_and_of_jobs(world: World) -> None:
    for user in ("lake_dashboard", "lake_etl"):
        with _connect(world.settings, user) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("select key from masks.pseudonym")


def test_nothing_of_a_person_is_in_logs_metrics_or_probes(world: World) -> None:
    """After all that was asked above, of rows that were seen, masked and refused."""
    own = world.settings.model_copy(update={"spark_master": ""})
    watcher = Watcher(own)
    said = {
        "metrics": answers.metrics(watcher).body.decode(),
        "health": answers.all_parts(watcher.health).body.decode(),
        **{log.name: log.read_text(errors="replace") for log in (own.root / "stack" / "logs").iterdir()},
    }
    assert 'carelake_service_up{service="trino"} 1.0' in said["metrics"]
    assert {"trino.log", "postgres.log", "minio.log"} <= set(said)
    assert [place for place, text in said.items() if "CANARY" in text] == []
