"""Empty lakes for tests: a folder, or, where LAKE_PROFILE says stack, also databases and a place in the bucket."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from py4j.java_gateway import JavaObject

from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from spark_jobs.lake import Lake


def empty_lake(settings: Settings, home: Path) -> Settings:
    """Settings of a lake of its own in that folder, and on the same servers."""
    own = settings.model_copy(update={"home": home, "cache": settings.cache_dir})
    if settings.profile == "embedded":
        return own
    home.mkdir(parents=True, exist_ok=True)
    own = own.model_copy(update={"name": f"t_{uuid.uuid4().hex[:12]}", "secrets": settings.secrets_dir})
    _make_databases(own)
    return own


def opened(spark: "SparkSession", settings: Settings) -> "Lake":
    """The lake in that place, on a session of its own of a Spark that runs."""
    from lakehouse.commit_guard import guard_commits
    from lakehouse.control import open_control
    from lakehouse.session import own_session
    from spark_jobs.lake import Lake

    control = open_control(settings)  # makes the folder
    session = own_session(spark, settings)
    guard_commits(session, settings)
    return Lake(session, control, settings)


def die_as(module: str, lake: "Lake", *arguments: str) -> None:
    """Run a test module's `main` over a lake, in a process of its own that kills itself.

    It opens the lake by `lent_lake`: what dies is the program that writes, and the JVM that computed for it lives on.
    """
    gateway = lake.spark.sparkContext._gateway
    parameters = gateway.java_parameters
    lent = {"PYSPARK_GATEWAY_PORT": str(parameters.port), "PYSPARK_GATEWAY_SECRET": parameters.auth_token}
    environment = os.environ | lake.settings.environment() | lent | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", module, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300)
    assert ended.returncode == -9, ended.stderr.decode()[-2000:]
    if gateway.__dict__.get("_callback_server"):  # the JVM calls back whoever said last that it could be called
        server = JavaObject("GATEWAY_SERVER", gateway._gateway_client)
        server.resetCallbackClient(server.getCallbackClient().getAddress(), gateway._python_proxy_port)


@contextmanager
def lent_lake(settings: Settings) -> "Iterator[Lake]":
    """The lake, for writing, on the Spark of the process that called `die_as`: to start another takes far longer."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    from lakehouse.lock import writing

    gateway = launch_gateway()  # none is launched: the environment names one
    running = gateway.jvm.JavaSparkContext.fromSparkContext(gateway.jvm.org.apache.spark.SparkContext.getOrCreate())
    context = SparkContext(gateway=gateway, jsc=running, conf=SparkConf(_jconf=running.getConf()))
    with writing(settings):
        yield opened(SparkSession(context), settings)


def _make_databases(settings: Settings) -> None:
    import psycopg

    from lakehouse.secrets import read_secret

    host, _, port = settings.postgres.rpartition(":")
    password = read_secret(settings, "postgres-lake_admin")
    place = f"host={host} port={port} user=lake_admin dbname=postgres"
    with psycopg.connect(place, password=password, autocommit=True) as db:
        for kind in ("catalog", "control"):
            db.execute(f"CREATE DATABASE {settings.name}_{kind} OWNER {settings.postgres_user} TEMPLATE template0")
