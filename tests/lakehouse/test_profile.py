"""What differs on servers: places without secrets in them, and a sentence where a server does not let us in."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from lakehouse import profile
from lakehouse.control import Control, open_control
from lakehouse.doctor import stack_findings
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.lock import writing
from lakehouse.profile import as_dashboard, as_jobs
from lakehouse.secrets import read_secret, write_secret
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.submit import properties
from spark_jobs.cli import main

PASSWORD, KEY = "a-password-of-postgres", "a-key-of-the-store"


@pytest.fixture
def servers(tmp_path: Path) -> Settings:
    """Settings of a lake on servers of which none runs: nothing listens on these ports."""
    settings = Settings(
        home=tmp_path / "lake",
        profile="stack",
        name="north",
        bucket="hospital",
        postgres="127.0.0.1:1",
        s3="http://127.0.0.1:2",
        trino="https://127.0.0.1:3",
        spark_master="spark://127.0.0.1:4",
    )
    write_secret(settings, "postgres-lake_etl", PASSWORD)
    write_secret(settings, "minio-lake_etl", KEY)
    return settings


def test_spark_is_told_where_the_lake_is_without_secrets(servers: Settings) -> None:
    said = profile.spark_catalog(servers)
    assert said["spark.sql.catalog.lake.uri"].startswith("jdbc:postgresql://127.0.0.1:1/north_catalog")
    assert said["spark.sql.catalog.lake.warehouse"] == profile.warehouse(servers) == "s3://hospital/north"
    text = properties(servers, Path("/java"), [])
    assert "spark.carelake.profile = stack" in text
    assert "spark.master = spark://127.0.0.1:4" in text
    assert not {word for word in (PASSWORD, KEY) if word in text or word in str(said)}
    assert set(profile.spark_secrets(servers).values()) == {PASSWORD, KEY}
    assert said.keys() == set(profile.SPARK_PLACE)
    assert {said[name] for name in profile.spark_secrets(servers)} == {""}, "named, so that event logs blacken them"
    assert profile.jar_groups(servers) == ("spark", "stack")


def test_an_embedded_lake_needs_no_secret(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, profile="embedded")
    assert profile.spark_secrets(settings) == {}
    assert profile.place(settings) == str(tmp_path)
    assert not profile.has_catalog(settings)
    assert not profile.has_control(settings)


def test_a_server_that_does_not_answer_is_told_in_a_sentence(servers: Settings) -> None:
    for attempt in (open_control, profile.has_catalog, profile.has_control, profile.iceberg_catalog):
        with pytest.raises(EnvironmentFailed, match=r"PostgreSQL at 127\.0\.0\.1:1 does not answer lake_etl") as caught:
            attempt(servers)
        assert PASSWORD not in str(caught.value)
    with pytest.raises(EnvironmentFailed, match="PostgreSQL at"), writing(servers):
        pass
    assert not all(finding.ok for finding in stack_findings(servers))


def test_a_server_that_stays_away_ends_a_run_with_a_sentence(
    servers: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.control.PATIENCE_SECONDS", 0.0)
    with pytest.raises(EnvironmentFailed, match="PostgreSQL has been away"):
        Control(profile.control_engine(servers)).unfinished("silver.patient")


def test_trino_is_asked_only_with_its_authority_and_a_password(servers: Settings) -> None:
    with pytest.raises(EnvironmentFailed, match="certificate authority"):
        open_engine(servers).query("SELECT 1")
    servers.trino_ca_file.parent.mkdir(parents=True)
    servers.trino_ca_file.write_text("")
    with pytest.raises(EnvironmentFailed, match=r"secret .*trino-anna is missing"):
        open_engine(servers.model_copy(update={"trino_user": "anna"})).query("SELECT 1")


def test_the_dashboard_of_a_lake_on_servers_wants_accounts(servers: Settings) -> None:
    told = CliRunner().invoke(main, ["dashboard"], env=servers.environment())
    assert told.exit_code == InputError.exit_code
    assert "On servers everybody logs in" in told.output


def test_a_secret_is_for_its_owner_alone(servers: Settings) -> None:
    file = servers.secrets_dir / "postgres-lake_etl"
    assert (file.stat().st_mode & 0o777, servers.secrets_dir.stat().st_mode & 0o777) == (0o600, 0o700)
    file.chmod(0o640)
    with pytest.raises(EnvironmentFailed, match="can be read by others"):
        read_secret(servers, "postgres-lake_etl")
    write_secret(servers, "postgres-lake_etl", "")
    with pytest.raises(EnvironmentFailed, match="is empty"):
        read_secret(servers, "postgres-lake_etl")
    with pytest.raises(EnvironmentFailed, match="is missing"):
        read_secret(servers, "postgres-nobody")


def test_pages_ask_as_their_own_user_and_what_they_start_as_the_one_of_jobs(tmp_path: Path) -> None:
    own = Settings(home=tmp_path, profile="stack")
    pages = as_dashboard(own)
    assert (pages.postgres_user, pages.trino_user) == ("lake_dashboard", "lake_dashboard")
    assert as_jobs(pages) == own
    named = own.model_copy(update={"postgres_user": "pages", "trino_user": "ann"})
    assert as_dashboard(named) == as_jobs(named) == named
    assert as_dashboard(Settings(home=tmp_path)) == Settings(home=tmp_path)
