"""spark-submit gets all of Spark's settings from a file, and the jobs run in the session that it started."""

import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest
from click.testing import CliRunner

from lakehouse.errors import InputError
from lakehouse.jars import read_lock
from lakehouse.java import find_java
from lakehouse.session import spark_conf, spark_jars
from lakehouse.settings import Settings
from lakehouse.submit import properties
from spark_jobs.cli import main
from tests.lakes import empty_lake

ROOT = Path(__file__).parents[2]
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def read_properties(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split(" = ", 1) for line in lines)


@pytest.mark.embedded
def test_the_file_has_every_setting_absolute_paths_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        home=Path("here"), maven_url="https://user:secret@example.org/m2", openlineage="https://x/?k=secret"
    )
    jars = [settings.cache_dir / "jars" / jar.file_name for jar in read_lock()["spark"]]
    text = properties(settings, Path("/java"), jars)
    found = read_properties(text)
    assert spark_conf(settings, jars).items() <= found.items()
    assert found["spark.carelake.home"] == str(tmp_path / "here")
    assert found["spark.pyspark.python"] == sys.executable
    assert "secret" not in text


def test_a_backslash_survives_the_file(tmp_path: Path) -> None:
    text = properties(Settings(home=tmp_path / "a\\b"), Path("/java"), [])
    assert read_properties(text)["spark.carelake.home"].replace("\\\\", "\\") == str(tmp_path / "a\\b")


def test_the_command_prints_the_file_and_nothing_else(settings: Settings) -> None:
    environment = {"LAKE_HOME": str(settings.home), "LAKE_CACHE": str(settings.cache_dir)}
    printed = CliRunner().invoke(main, ["spark-conf"], env=environment)
    assert printed.exit_code == 0, printed.output
    assert read_properties(printed.stdout)["spark.carelake.home"] == str(settings.root)


@pytest.mark.slow
def test_jobs_run_under_spark_submit_with_the_messages_and_exit_codes_of_lake(
    settings: Settings, tmp_path: Path
) -> None:
    """The spark-submit of the package pyspark stands for that of a Spark distribution: the same script and classes."""
    own = empty_lake(settings, tmp_path / "lake")
    jars = spark_jars(own)
    java = find_java().home
    conf = tmp_path / "spark.conf"
    conf.write_text(properties(own, java, jars), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # Nothing of the lake in the environment, and another folder: the file says it all.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LAKE_")} | {"JAVA_HOME": str(java)}

    def submit(*arguments: str, options: tuple[str, ...] = ("--properties-file", str(conf))) -> tuple[int, str]:
        command = [str(SUBMIT), *options, "--master", "local[2]", str(ROOT / "spark_jobs" / "main.py"), *arguments]
        ended = subprocess.run(
            command, env=environment, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=500
        )
        return ended.returncode, ended.stdout + ended.stderr

    code, said = submit("ingest", "fhir", str(ROOT / "infra" / "sample" / "faults"))
    assert code == 0, said
    assert "24 records = 17 landed (1 deletions) + 7 held back" in said
    code, said = submit("run", "silver.patient")
    assert code == 0, said
    assert "1 of 1 tables" in said
    code, said = submit("run", "silver.nonsense")
    assert (code, "silver.nonsense" in said) == (InputError.exit_code, True), said
    code, said = submit("run")
    assert code == 2, said
    code, said = submit("run", "silver.patient", options=())
    assert (code, "lake spark-conf" in said) == (InputError.exit_code, True), said
    environment["LAKE_HOME"] = str(tmp_path / "another")
    code, said = submit("run", "silver.patient")
    assert (code, "check LAKE_HOME" in said) == (InputError.exit_code, True), said
    assert (tmp_path / "lake" / "catalog.db").exists()
    assert not list(elsewhere.iterdir())
