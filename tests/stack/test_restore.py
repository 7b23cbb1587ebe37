"""A drill on servers: the lake is backed up, its databases and objects are destroyed, and it is restored.

Needs LAKE_PROFILE=stack and servers that answer; the lake is one of the test's own.
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyspark.sql import SparkSession

from lakehouse import profile
from lakehouse.backup import control_dump, moment
from lakehouse.backup.files import Files
from lakehouse.backup.make import back_up
from lakehouse.backup.pool import Pool
from lakehouse.backup.restore import restore
from lakehouse.backup.verify import verify
from lakehouse.errors import InputError
from lakehouse.secrets import read_secret
from lakehouse.session import release
from lakehouse.settings import Settings
from spark_jobs.conform.patient import patient
from spark_jobs.runner import RunResult
from tests.lakes import empty_lake, opened

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[2]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """An empty lake on the servers."""
    if settings.profile != "stack":
        pytest.skip("LAKE_PROFILE is not stack")
    return empty_lake(settings, tmp_path / "home")


def add(spark: SparkSession, settings: Settings, file: Path, *versions: tuple[str, str]) -> RunResult:
    """Land these versions of patients and run, as a process does that opens the lake just then."""
    lake = opened(spark, settings)
    if versions:
        lake.land([patients(file, *versions)], lambda what, done, total: None)
    (result,), _ = lake.run([patient])
    release(lake.spark)
    return result


def restored(settings: Settings, source: str) -> str:
    """The command, in a process of its own; what it says."""
    environment = os.environ | settings.environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "spark_jobs.cli", "restore", source]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def patients(path: Path, *versions: tuple[str, str]) -> str:
    resources = [
        {
            "resourceType": "Patient",
            "id": who,
            "gender": "female",
            "birthDate": "1980-01-02",
            "meta": {"lastUpdated": at},
        }
        for who, at in versions
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, resources)).encode()))
    return str(path)


def asked(settings: Settings) -> dict[str, Any]:
    """All rows of all tables, at each branch and tag, and of the control database."""
    catalog = profile.iceberg_catalog(settings)
    found: dict[str, Any] = {}
    for schema in catalog.list_namespaces():
        for name in catalog.list_tables(schema):
            live = catalog.load_table(name)
            for ref, at in live.metadata.refs.items():
                rows = live.scan(snapshot_id=at.snapshot_id).to_arrow().to_pylist()
                found[f"{'.'.join(name)}@{ref}"] = sorted(rows, key=repr)
    with moment.moment(settings) as now:
        assert now.control is not None
        content = control_dump.dump(now.control, None)
    return found | {"control": content.digest, "rows": content.rows}


def destroy(settings: Settings) -> None:
    """What a fresh stack has: databases without tables, and no object of the lake."""
    host, _, port = settings.postgres.rpartition(":")
    place = f"host={host} port={port} user=lake_admin dbname=postgres"
    with psycopg.connect(place, password=read_secret(settings, "postgres-lake_admin"), autocommit=True) as db:
        for kind in ("catalog", "control"):
            db.execute(f"DROP DATABASE {settings.name}_{kind} WITH (FORCE)")
            db.execute(f"CREATE DATABASE {settings.name}_{kind} OWNER {settings.postgres_user} TEMPLATE template0")
    files = Files(settings)
    for location in list(files.listed(profile.warehouse(settings))):
        files.delete(location)


def test_a_lake_on_servers_is_restored_whole_and_spark_goes_on(
    spark: SparkSession, own: Settings, tmp_path: Path
) -> None:
    place = str(tmp_path / "backup")
    add(spark, own, tmp_path / "a.ndjson.gz", ("p1", "2025-01-01T00:00:00Z"), ("p2", "2025-01-01T00:00:00Z"))
    add(spark, own, tmp_path / "b.ndjson.gz", ("p1", "2025-02-01T00:00:00Z"))
    before = asked(own)
    assert sum(t["is_deleted"] is False for t in before["silver.patient@main"]) == 2
    made = back_up(own, place)
    assert any(t.deleted_rows for t in made.plan.tables), "the second run left position deletes"
    in_bucket = f"s3://{own.bucket}/backups/{own.name}"
    back_up(own, in_bucket)
    assert back_up(own, in_bucket, keep=1).plan.new_files == 0
    assert len(Pool(own, in_bucket).ids()) == 1
    assert not verify(own, in_bucket).damaged

    for source in (in_bucket, place):
        destroy(own)
        assert not moment.read_pointers(own).tables
        assert "Restored backup" in restored(own, source)
        assert asked(own) == before

    assert add(spark, own, tmp_path / "none").state == "unchanged"
    result = add(spark, own, tmp_path / "c.ndjson.gz", ("p3", "2025-03-01T00:00:00Z"))
    assert (result.state, result.mode) == ("published", "incremental")
    assert len(asked(own)["silver.patient@main"]) == 3
    with pytest.raises(InputError, match="has tables or runs already"):
        restore(own, place)
