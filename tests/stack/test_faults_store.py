"""The object store dies, stays away or refuses: nothing is lost or doubled, and a sentence says so."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lakehouse import tables
from lakehouse.errors import EnvironmentFailed, LakeError
from lakehouse.outages import explained
from lakehouse.secrets import read_secret, write_secret
from lakehouse.settings import Settings
from spark_jobs.cli import main
from spark_jobs.lake import Lake, open_lake
from tests.spark_jobs.tiny import TINY, held, ingest, observation, run, write
from tests.stack import servers
from tests.stack.oracle import check, load

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(servers.HOME not in os.environ, reason="`make test-stack-jobs` starts the servers"),
]


@pytest.fixture(autouse=True)
def store_comes_back(settings: Settings) -> Iterator[None]:
    yield
    servers.start(settings, "minio")


@pytest.fixture
def loaded(lake: Lake, tmp_path: Path) -> Lake:
    """A lake whose next run has something new to read."""
    return load(lake, tmp_path)


@pytest.mark.parametrize("step", ["quarantine", "write", "gate", "publish"])
def test_the_store_killed_in_mid_run_loses_and_doubles_nothing(loaded: Lake, step: str) -> None:
    hit = []

    def fault(table: str, begun: str) -> None:
        if begun == step:
            servers.restart(loaded.settings, "minio")
            hit.append(step)

    try:
        run(loaded, observe=fault)
    except LakeError as error:  # whatever it was: a sentence, and the next run puts it right
        print(error)
    assert hit == [step]
    run(loaded)
    check(loaded)


@pytest.mark.parametrize("step", ["write", "publish"])
def test_the_store_killed_while_files_land_lands_each_record_once(lake: Lake, tmp_path: Path, step: str) -> None:
    file = write(tmp_path, "a.ndjson", [observation("a", 1), {"resourceType": "Observation"}])

    def fault(table: str, begun: str) -> None:
        if begun == step:
            servers.restart(lake.settings, "minio")

    try:
        ingest(lake, file, observe=fault)
    except LakeError as error:
        print(error)
    ingest(lake, file)
    assert [r.resource_id for r in lake.spark.table("lake.bronze.fhir_resource").collect()] == ["a"]
    assert held(lake, "landing") == [("", "missing_id")]


def test_a_fault_of_the_run_is_told_though_the_store_went_away_with_it(loaded: Lake) -> None:
    def fault(table: str, begun: str) -> None:
        if begun == "gate":
            servers.kill(loaded.settings, "minio")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(loaded, observe=fault)
    assert loaded.control.unfinished(TINY.name), "what could not be undone is left to the next run"
    servers.start(loaded.settings, "minio")
    run(loaded)
    check(loaded)


@pytest.mark.parametrize("server", ["minio", "postgres"])
def test_a_server_that_is_away_is_told_in_a_sentence_and_a_later_run_puts_all_right(loaded: Lake, server: str) -> None:
    settings = loaded.settings
    address = {"minio": settings.s3, "postgres": settings.postgres}[server]
    servers.kill(settings, server)
    try:
        told = CliRunner().invoke(main, ["run", "silver"], env=settings.environment())
    finally:
        servers.start(settings, server)
    assert told.exit_code == EnvironmentFailed.exit_code, told.output
    (line,) = told.output.splitlines()
    assert address in line
    assert "make stack-status" in line
    run(loaded)
    check(loaded)


def test_an_error_of_an_absent_store_inside_spark_becomes_a_sentence(loaded: Lake) -> None:
    table = tables.load(loaded.spark, TINY)
    servers.kill(loaded.settings, "minio")
    with pytest.raises(EnvironmentFailed, match=f"{loaded.settings.s3} does not answer"), explained(loaded.settings):
        table.io().newInputFile(table.location() + "/x").exists()


def test_wrong_keys_are_told_in_a_sentence(lake: Lake, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {"secrets": tmp_path / "secrets"}
    settings = lake.settings.model_copy(update=wrong)
    write_secret(settings, "postgres-lake_etl", read_secret(lake.settings, "postgres-lake_etl"))
    write_secret(settings, "minio-lake_etl", "guessed-by-someone")
    with pytest.raises(EnvironmentFailed, match="refuses lake_etl: LAKE_S3_USER and the secret"), open_lake(settings):
        pass
    stranger = settings.model_copy(update={"s3_user": "stranger"})
    write_secret(stranger, "minio-stranger", "guessed-by-someone")
    with pytest.raises(EnvironmentFailed, match="refuses stranger"), open_lake(stranger):
        pass
    table = lake.spark.sparkContext._jvm  # the same where Spark is the one to be refused
    properties = table.java.util.HashMap()
    for name, value in (
        ("s3.endpoint", settings.s3),
        ("s3.path-style-access", "true"),
        ("s3.access-key-id", "lake_etl"),
        ("s3.secret-access-key", "guessed-by-someone"),
        ("client.region", settings.s3_region),
    ):
        properties.put(name, value)
    io = table.org.apache.iceberg.aws.s3.S3FileIO()
    io.initialize(properties)
    with pytest.raises(EnvironmentFailed, match="refuses lake_etl"), explained(settings):
        io.newInputFile(f"s3://{settings.bucket}/x").exists()
