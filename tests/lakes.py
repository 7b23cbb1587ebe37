"""Empty lakes for tests: a folder, or, where LAKE_PROFILE says stack, also databases and a place in the bucket."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

from lakehouse.settings import Settings


def empty_lake(settings: Settings, home: Path) -> Settings:
    """Settings of a lake of its own in that folder, and on the same servers."""
    own = settings.model_copy(update={"home": home, "cache": settings.cache_dir})
    if settings.profile == "embedded":
        return own
    home.mkdir(parents=True, exist_ok=True)
    own = own.model_copy(update={"name": f"t_{uuid.uuid4().hex[:12]}", "secrets": settings.secrets_dir})
    _make_databases(own)
    return own


def die_as(module: str, settings: Settings, *arguments: str) -> None:
    """Run a test module's `main` over a lake, in a process of its own that kills itself."""
    root = Path(__file__).parents[1]
    environment = os.environ | settings.environment() | {"PYTHONPATH": str(root), "LAKE_DRIVER_MEMORY": "1g"}
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300)
    assert ended.returncode == -9, ended.stderr.decode()[-2000:]


def _make_databases(settings: Settings) -> None:
    import psycopg

    from lakehouse.secrets import read_secret

    host, _, port = settings.postgres.rpartition(":")
    password = read_secret(settings, "postgres-lake_admin")
    place = f"host={host} port={port} user=lake_admin dbname=postgres"
    with psycopg.connect(place, password=password, autocommit=True) as db:
        for kind in ("catalog", "control"):
            db.execute(f"CREATE DATABASE {settings.name}_{kind} OWNER {settings.postgres_user} TEMPLATE template0")
