"""What goes between `lake` and spark-submit: the settings as a properties file, and the session that it started.

spark-submit starts the JVM before any Python runs, so jars, memory and JVM options must stand in a file by then: what a
session builder says of them later has no effect.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import profile
from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.jars import read_lock
from lakehouse.session import cluster_secret, no_cluster, spark_conf, unlock
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PREFIX = "spark.carelake."
_PLACE = (
    *("home", "cache", "profile", "secrets", "name"),
    *("postgres", "postgres_user", "s3", "s3_user", "s3_region", "bucket"),
)
"""The settings that say which lake it is, and who comes; what else is set stays with who submits."""
_MUST_AGREE = (
    "spark.sql.extensions",
    "spark.sql.catalog.lake",
    "spark.sql.catalog.spark_catalog",
    "spark.sql.session.timeZone",
)
_MAKE_IT = "make one with `lake spark-conf > spark.conf` and add `--properties-file spark.conf`."


def properties(settings: Settings, java_home: Path, jars: list[Path]) -> str:
    """All of `spark_conf` as a Java properties file with absolute paths; it holds no secrets.

    `spark.carelake.*` says which lake it is, so that the folder that spark-submit is called in does not matter.
    """
    conf = spark_conf(settings, jars)
    conf["spark.pyspark.python"] = sys.executable  # the driver and the workers need the packages of this environment
    said = settings.environment()
    conf |= {_PREFIX + name: said[_variable(name)] for name in _PLACE if _variable(name) in said}
    head = (
        "# Made by `lake spark-conf`. Make it again after an upgrade, or when LAKE_HOME or LAKE_CACHE move.\n"
        "# spark-submit --properties-file THIS_FILE spark_jobs/main.py run silver\n"
        f"# It was made with the Java in {_escaped(str(java_home))}; spark-submit takes the one of JAVA_HOME.\n"
    )
    return head + "".join(f"{key} = {_escaped(value)}\n" for key, value in conf.items())


def is_submitted() -> bool:
    """Whether spark-submit started this process, with a JVM at hand."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def take_place() -> None:
    """Say in this process's environment which lake the properties file is of, unless it says so already.

    Raises InputError where spark-submit was given no properties file of Carelake.
    """
    conf = _submitted_conf()
    found = {name: conf[_PREFIX + name] for name in _PLACE if _PREFIX + name in conf}
    if not {"home", "cache"} <= found.keys():
        raise InputError(f"spark-submit was started without the lake's settings; {_MAKE_IT}")
    for name, value in found.items():
        os.environ.setdefault(_variable(name), value)


def join_session(settings: Settings) -> "SparkSession":
    """The session of the JVM that spark-submit started, its master and resources as submitted.

    Raises InputError where its settings are of another lake or another version of Carelake.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    conf = _submitted_conf()
    _check(conf, settings)
    master = conf.get("spark.master", "")
    secret = cluster_secret(settings, master)
    try:
        session = SparkSession.builder.config(map=dict(secret)).getOrCreate()
    except (PySparkRuntimeError, OSError) as error:
        raise EnvironmentFailed("Spark did not start in the JVM of spark-submit; try `lake doctor`.") from error
    except Py4JJavaError as error:
        if not master.startswith("spark://"):
            raise
        raise no_cluster(master) from error
    unlock(session, settings)
    return session


def _check(conf: Mapping[str, str], settings: Settings) -> None:
    """A session without the right extensions and catalog fails late and says little, so look first."""
    lock = read_lock()
    names = [jar.file_name for group in profile.jar_groups(settings) for jar in lock[group]]
    wanted = spark_conf(settings, [])
    if [Path(jar).name for jar in conf.get("spark.jars", "").split(",") if Path(jar).name in names] != names:
        raise InputError(f"The properties file of spark-submit names other jars than this Carelake needs; {_MAKE_IT}")
    for key in (*_MUST_AGREE, *profile.spark_catalog(settings)):
        if conf.get(key) != wanted[key]:
            raise InputError(
                f"{key} is not what this Carelake needs for the lake in {settings.root}; check LAKE_HOME, or {_MAKE_IT}"
            )


def _variable(name: str) -> str:
    return f"LAKE_{name.upper()}"


def _submitted_conf() -> dict[str, str]:
    from pyspark import SparkConf, SparkContext

    SparkContext._ensure_initialized()  # joins the JVM, starts nothing
    return dict(SparkConf().getAll())


def _escaped(value: str) -> str:
    """A value as java.util.Properties reads it back: a backslash is doubled, a line break written out."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
