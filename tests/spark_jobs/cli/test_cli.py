"""The command `lake`, as its users meet it: the demo's sample through every command, on one real session."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

import spark_jobs.lake
from lakehouse import session as sessions
from lakehouse.control import open_control
from lakehouse.lock import writing
from lakehouse.session import own_session
from lakehouse.settings import Settings
from lakehouse.sql.queries import query_names
from spark_jobs.cli import main
from spark_jobs.jobs import ALL
from spark_jobs.lake import Lake
from tests.lakes import empty_lake
from tests.spark_jobs.tiny import observation, write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Lakes = Callable[..., Result]
ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "infra" / "sample"


@pytest.fixture(scope="module")
def lake_command(
    spark: "SparkSession", settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Result]]:
    """`lake ARGUMENTS` in this process, on a lake of the module's own and the session that all tests share."""
    home = tmp_path_factory.mktemp("cli")
    own = empty_lake(settings, home)

    @contextmanager
    def open_lake(given: Settings) -> Iterator[Lake]:
        with writing(given):
            control = open_control(given)
            yield Lake(own_session(spark, given), control, given)

    @contextmanager
    def spark_session(given: Settings) -> "Iterator[SparkSession]":
        yield spark

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spark_jobs.lake, "open_lake", open_lake)
        patch.setattr(sessions, "spark_session", spark_session)
        for variable, value in own.environment().items():
            patch.setenv(variable, value)

        def command(*arguments: str) -> Result:
            return CliRunner().invoke(main, arguments, catch_exceptions=True)

        yield command


@pytest.fixture(scope="module")
def demo(lake_command: Lakes) -> Result:
    """The demo, once."""
    return lake_command("demo")


def test_the_demo_publishes_every_table_and_says_what_to_try_next(demo: Result) -> None:
    assert demo.exit_code == 0, demo.output
    assert f"{len(ALL)} of {len(ALL)} tables" in demo.output
    assert "What to try next" in demo.output
    assert "7 held back" in demo.output


@pytest.mark.embedded
def test_each_query_that_ships_answers_on_the_demos_lake(demo: Result, lake_command: Lakes) -> None:
    rows = {}
    for name in query_names():
        asked = lake_command("sql", "--name", name, "--format", "csv")
        assert asked.exit_code == 0, f"{name}: {asked.output}"
        rows[name] = len(asked.output.splitlines()) - 1
    assert [name for name, count in rows.items() if count < 1] == []


def test_the_demo_twice_changes_nothing(demo: Result, lake_command: Lakes) -> None:
    again = lake_command("demo")
    assert again.exit_code == 0, again.output
    assert "There is nothing new to land" in again.output
    assert again.output.count("unchanged") == len(ALL)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("truncated-line.ndjson", "truncated_json"),
        ("truncated.ndjson.gz", "truncated_gzip"),
        ("latin-1.ndjson", "invalid_utf8"),
        ("unknown-type.ndjson", "unknown_resource_type"),
        ("missing-id.ndjson", "missing_id"),
        ("parameters.json", "missing_id"),
        ("backwards-encounter.ndjson", "ended_at_not_before_started_at"),
        ("born-in-the-future.ndjson", "birth_on_not_in_the_future"),
        ("heart-rate-900.ndjson", "value_within_limits"),
        ("weight-in-bags.ndjson", "unit_is_known"),
    ],
)
@pytest.mark.embedded
def test_each_planted_fault_is_held_back_with_its_reason(
    demo: Result, lake_command: Lakes, file: str, reason: str
) -> None:
    listed = lake_command("quarantine", "--list", "--reason", reason)
    assert listed.exit_code == 0, listed.output
    assert file in listed.output


@pytest.mark.parametrize(
    ("table", "check"),
    [
        ("silver.condition", "icd10cm_code_exists"),
        ("silver.lab_result", "loinc_code_is_valid"),
        ("silver.condition", "encounter_id_resolves"),
    ],
)
def test_each_planted_doubt_is_a_warning(demo: Result, lake_command: Lakes, table: str, check: str) -> None:
    shown = lake_command("quality", table)
    assert shown.exit_code == 0, shown.output
    (line,) = [line for line in shown.output.splitlines() if check in line]
    assert " warn " in line
    assert " 1 " in line


@pytest.mark.embedded
def test_an_older_version_a_duplicate_and_a_deletion_come_out_right(demo: Result, lake_command: Lakes) -> None:
    query = "select city, is_deleted from lake.silver.patient where patient_id like 'fault-%' order by patient_id"
    found = json.loads(lake_command("sql", "--format", "json", query).stdout)
    assert [row["city"] for row in found if row["city"]] == ["New Town"]
    assert not any(row["is_deleted"] for row in found), "the deleted one was never published"


def test_tables_are_listed_and_one_is_shown(demo: Result, lake_command: Lakes) -> None:
    listed = lake_command("tables").output
    assert all(name in listed for name in ("bronze.fhir_resource", "silver.vital_sign", "ops.quarantine"))
    shown = lake_command("tables", "silver.encounter").output
    assert "started_at" in shown
    assert "Points to silver.patient" in shown
    wrong = lake_command("tables", "silver.encouter")
    assert (wrong.exit_code, "did you mean silver.encounter?" in wrong.output) == (3, True)


def test_the_live_tables_are_as_declared_and_a_difference_is_shown_and_applied(
    demo: Result, lake_command: Lakes, spark: "SparkSession"
) -> None:
    assert "as declared" in lake_command("tables", "--diff").output
    own = own_session(spark, Settings())
    own.sql("ALTER TABLE lake.silver.medication ALTER COLUMN medication_id COMMENT 'Old words.'")
    assert "the comment changed" in lake_command("tables", "--diff", "silver.medication").output
    assert "1 changes applied" in lake_command("evolve").output
    own.sql("ALTER TABLE lake.silver.medication ADD COLUMN extra string")
    refused = lake_command("evolve")
    assert (refused.exit_code, "silver.medication.extra" in refused.output) == (7, True)
    own.sql("ALTER TABLE lake.silver.medication DROP COLUMN extra")


def test_runs_show_where_each_record_went(demo: Result, lake_command: Lakes) -> None:
    listed = lake_command("runs", "--limit", "3")
    assert listed.exit_code == 0
    run_id = next(
        line.split()[0] for line in listed.output.splitlines() if "silver.vital_sign" in line or "T" in line[:16]
    )
    shown = lake_command("runs", run_id)
    assert shown.exit_code == 0, shown.output
    assert "Records" in shown.output
    assert lake_command("runs", "nothing").exit_code == 3


@pytest.mark.embedded
def test_doctor_finds_everything_in_order(demo: Result, lake_command: Lakes) -> None:
    examined = lake_command("doctor")
    assert examined.exit_code == 0, examined.output
    assert "FAIL" not in examined.output
    assert "LAKE_HOME" in examined.output


@pytest.mark.embedded
def test_latin_1_lands_after_a_replay_with_its_encoding(demo: Result, lake_command: Lakes) -> None:
    replayed = lake_command("replay", "--stage", "landing", "--encoding", "latin-1")
    assert replayed.exit_code == 0, replayed.output
    assert "1 landed now" in replayed.output
    assert "latin-1.ndjson" not in lake_command("quarantine", "--list").output
    assert "latin-1.ndjson" in lake_command("quarantine", "--list", "--settled").output
    run = lake_command("run", "patient")
    assert "incremental" in run.output
    assert "published" in run.output


@pytest.mark.embedded
def test_what_a_better_file_replaced_can_be_given_up(demo: Result, lake_command: Lakes) -> None:
    listed = lake_command("quarantine", "--list", "--reason", "truncated_json").output
    (name,) = {word for word in listed.split() if word.endswith("truncated-line.ndjson")}
    assert lake_command("replay", "--discard").exit_code == 2
    assert lake_command("replay", "--discard", "--yes", "--file", "no-such.ndjson").exit_code == 3
    given_up = lake_command("replay", "--discard", "--yes", "--file", name)
    assert given_up.exit_code == 0, given_up.output
    assert "1 records" in given_up.output
    assert "truncated-line.ndjson" not in lake_command("quarantine", "--list").output
    assert "truncated-line.ndjson" in lake_command("quarantine", "--list", "--settled").output


def test_a_view_is_run_over_files(lake_command: Lakes, tmp_path: Path) -> None:
    column = [{"name": "id", "path": "id"}, {"name": "value", "path": "value.ofType(integer)"}]
    definition = tmp_path / "view.json"
    definition.write_text(json.dumps({"resource": "Observation", "select": [{"column": column}]}))
    file = write(tmp_path, "a.ndjson", [observation("a", 1), observation("b", None)])
    shown = lake_command("view", str(definition), str(file), "--format", "json")
    assert json.loads(shown.stdout) == [{"id": "a", "value": 1}, {"id": "b", "value": None}]
    definition.write_text("{")
    assert lake_command("view", str(definition), str(file)).exit_code == 3


def test_a_view_tells_what_it_cannot_read_and_what_does_not_fit_it(lake_command: Lakes, tmp_path: Path) -> None:
    definition = tmp_path / "view.json"
    column = {"name": "family", "path": "name.family"}
    definition.write_text(json.dumps({"resource": "Patient", "name": "people", "select": [{"column": [column]}]}))
    file = tmp_path / "a.ndjson"
    file.write_text('{"resourceType":"Patient","id":"a","name":[{"family":"X"}]}\n{"resourceType":\n')
    shown = lake_command("view", str(definition), str(file), "--format", "csv")
    assert (shown.exit_code, shown.stdout.split()) == (0, ["family", "X"])
    assert "1 records of the input can't be read" in shown.stderr
    file.write_text('{"resourceType":"Patient","id":"a","name":[{"family":"X"},{"family":"Y"}]}\n')
    refused = lake_command("view", str(definition), str(file))
    assert refused.exit_code == 3
    assert "does not fit the view people: column family: several values where one is allowed." in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["sql", "drop table lake.silver.patient"], 3, "this statement is a DROP"),
        (["sql"], 3, "Give one query"),
        (["sql", "--name", "no_such"], 3, "no query of that name"),
        (["run", "platinum"], 3, "No job makes 'platinum'"),
        (["ingest", "fhir", "no/such/path"], 3, "no/such/path"),
        (["ingest", "fhir"], 2, "Missing argument"),
        (["view", "no-such.json", "x"], 3, "can't be read"),
        (["quality", "no_such"], 3, "There is no table"),
    ],
)
def test_mistakes_are_told_in_a_sentence_with_an_exit_code(
    lake_command: Lakes, arguments: list[str], code: int, said: str
) -> None:
    result = lake_command(*arguments)
    assert (result.exit_code, said in result.output, "Traceback" in result.output) == (code, True, False), result.output


@pytest.mark.embedded
def test_a_query_may_begin_with_a_comment(lake_command: Lakes) -> None:
    query = "-- how = many?\nselect 1 as one"
    for arguments in ([query, "--format", "csv"], ["--format=csv", query], ["--format", "csv", "--", query]):
        asked = lake_command("sql", *arguments)
        assert (asked.exit_code, asked.stdout.split()) == (0, ["one", "1"]), asked.output
    assert lake_command("sql", "--formt=csv", "select 1").exit_code == 2, "a mistaken option is still one"


def test_a_wrong_setting_is_named(lake_command: Lakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_DRIVER_MEMORY", "lots")
    result = lake_command("runs")
    assert (result.exit_code, "LAKE_DRIVER_MEMORY" in result.output) == (3, True)


def test_what_is_not_foreseen_is_named_by_kind_and_not_quoted(
    lake_command: Lakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings) -> None:
        raise RuntimeError("Robin Planted")

    monkeypatch.setattr("lakehouse.control.open_control", fail)
    result = lake_command("runs")
    assert (result.exit_code, "RuntimeError" in result.output, "Robin" in result.output) == (1, True, False)


def test_a_full_disk_is_told_as_such(lake_command: Lakes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings) -> None:
        raise ValueError("while writing") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lakehouse.control.open_control", fail)
    result = lake_command("runs")
    assert (result.exit_code, "The disk is full" in result.output) == (5, True)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(lake_command: Lakes, tmp_path: Path) -> None:
    file = write(tmp_path, "a.ndjson", [observation("dry", 1)])
    said = lake_command("ingest", "fhir", "--dry-run", str(file))
    assert "would land" in said.output
    assert "would make" in lake_command("run", "all", "--dry-run").output


def test_help_loads_nothing_heavy_and_starts_no_jvm() -> None:
    code = (
        "import sys; from spark_jobs.cli import main; main(['--help'], standalone_mode=False); "
        "bad = {'pyspark', 'pyarrow', 'duckdb', 'sqlalchemy', 'pydantic', 'rich', 'soda'} & set(sys.modules); "
        "sys.exit(','.join(sorted(bad)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_every_command_and_setting_is_documented() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in main.commands.items():
        assert command.help or command.callback is None, name
        assert f"lake {name}" in readme, name
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert f"LAKE_{name.upper()}" in readme, name


@pytest.mark.slow
def test_a_full_disk_while_landing_loses_nothing(lake_command: Lakes, tmp_path: Path) -> None:
    """A quota by `ulimit -f`: writing past it fails in the JVM as a full disk does."""
    file = write(
        tmp_path, "a.ndjson", [observation(f"o{i}", i) | {"note": [{"text": "x" * 5000}]} for i in range(4000)]
    )
    environment = {**os.environ, "LAKE_HOME": str(tmp_path / "lake")}
    command = f"ulimit -f 200; exec {sys.executable} -m spark_jobs.cli ingest fhir {file}"
    ended = subprocess.run(["bash", "-c", command], cwd=ROOT, env=environment, capture_output=True, check=False)
    assert ended.returncode != 0
    again = subprocess.run(
        [sys.executable, "-m", "spark_jobs.cli", "ingest", "fhir", str(file)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "4,000 landed" in again.stdout


@pytest.mark.slow
def test_a_table_goes_out_as_delta_and_a_delta_table_comes_in(
    lake_command: Lakes, spark: "SparkSession", tmp_path: Path
) -> None:
    """Delta tables come in as rows, or as the FHIR that one of their columns holds."""
    assert lake_command("ingest", "fhir", str(SAMPLE / "faults" / "person.ndjson")).exit_code == 0
    assert lake_command("run", "patient").exit_code == 0
    out, whole = str(tmp_path / "patient"), str(tmp_path / "resources")
    safe = lake_command("export", "delta", "silver.patient", out)
    assert safe.exit_code == 0, safe.output
    assert "Left out, for they can identify people" in safe.output
    assert "family_name" in safe.output
    assert "holds this already" in lake_command("export", "delta", "silver.patient", out).output
    assert lake_command("export", "delta", "silver.patient", str(SAMPLE)).exit_code == 3
    assert "only silver and gold" in lake_command("export", "delta", "bronze.fhir_resource", whole).output
    payloads = [(json.dumps(observation("from-delta", 1)),), ("{",)]
    spark.createDataFrame(payloads, "payload string").write.format("delta").save(whole)
    rows = lake_command("ingest", "delta", out, "--name", "people")
    assert rows.exit_code == 0, rows.output
    assert "rows landed in bronze.delta_row" in rows.output
    assert "nothing new to land" in lake_command("ingest", "delta", out, "--name", "people").output
    resources = lake_command("ingest", "delta", whole, "--fhir-column", "payload")
    assert resources.exit_code == 0, resources.output
    assert "1 landed + 1 held back" in resources.output
    assert lake_command("ingest", "delta", str(tmp_path)).exit_code == 3
