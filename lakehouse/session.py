"""The only place that builds a SparkSession."""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse import classes, profile
from lakehouse.errors import EnvironmentFailed
from lakehouse.jvm import remember_classes
from lakehouse.secrets import read_secret
from lakehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CATALOG = "lake"
CLUSTER_SECRET = "spark-cluster"  # noqa: S105 - the name of a file
"""The secret that a standalone cluster asks drivers for."""
_LOG_CONFIG = Path(__file__).with_name("log4j2.properties")
_opening = threading.Lock()
FEW_ROWS = 150_000
"""Below, interpreting a table's expressions costs less than compiling them (infra/decisions/interpreted.md)."""
_ROWS_A_PARTITION = 50_000
"""Where expressions are interpreted: a task costs as much before its first row as for some thousands of them."""

_JVM = (
    "-XX:+UseParallelGC",
    # Spark makes methods of over 8,000 bytes for wide tables, which the JVM would otherwise only interpret.
    "-XX:-DontCompileHugeMethods",
    # Most generated code runs for seconds, and compiling it well costs as much as running it. Five times the JVM's own
    # thresholds saved a tenth of the processor time of one cold job (vital signs of 386,000 synthetic Observations).
    "-XX:Tier4InvocationThreshold=25000",
    "-XX:Tier4MinInvocationThreshold=3000",
    "-XX:Tier4CompileThreshold=75000",
    "-XX:Tier4BackEdgeThreshold=200000",
)
# Delta's files go through Spark's own Parquet, which refuses dates before 1582 and instants before 1900 unless told
# that they are of today's calendar. Files of Spark 2 say so themselves and are still read by theirs.
_EARLY_DATES = {
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
}
_EXTENSIONS = (
    # Delta first: Iceberg 1.12's rule for row lineage fails on an UPDATE of a Delta table that it sees first.
    "io.delta.sql.DeltaSparkSessionExtension",
    "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
)


def spark_conf(settings: Settings, jars: list[Path]) -> dict[str, str]:
    """Every Spark setting that Carelake relies on, each with a reason where it isn't plain."""
    cores = settings.cores or os.cpu_count() or 2
    catalog = f"spark.sql.catalog.{CATALOG}"
    return {
        "spark.master": settings.spark_master or f"local[{cores}]",
        "spark.app.name": "carelake",
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.driver.memory": settings.driver_memory,
        "spark.executor.memory": settings.executor_memory,  # without a cluster, the driver is all there is
        # What Spark caches has to leave room in the old generation, two thirds of the heap. At Spark's own 0.6, jobs
        # over 2 million Observations side by side filled it: 168 full collections in 27 minutes, most in the last five.
        "spark.memory.fraction": "0.4",
        "spark.driver.host": "127.0.0.1",  # loopback only, whatever the machine's name resolves to
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",  # its pages show SQL literals to anyone on the machine
        "spark.local.dir": str(settings.root / "tmp"),
        "spark.sql.warehouse.dir": str(settings.root / "tmp" / "spark-warehouse"),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.extensions": ",".join(_EXTENSIONS),
        # Delta Lake asks for it; tables stay in the catalog `lake`, for nothing is kept in Spark's own.
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": str(cores),  # 50 tasks to read a log that one machine wrote
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "jdbc",
        f"{catalog}.jdbc.schema-version": "V1",  # V0 tables are invisible to PyIceberg's views of the catalog
        **profile.spark_catalog(settings),
        f"{catalog}.clients": "1",  # connections a session: many are open side by side, each does one thing at a time
        f"{catalog}.cache-enabled": "false",  # a cached table hides what another session has just committed
        "spark.sql.shuffle.partitions": str(cores * 2),
        "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",  # fewer, larger files
        "spark.sql.adaptive.advisoryPartitionSizeInBytes": "64m",
        "spark.sql.autoBroadcastJoinThreshold": "32m",
        "spark.sql.inMemoryColumnarStorage.compressed": "false",  # rows are cached once and read twice
        "spark.sql.parquet.compression.codec": "zstd",
        # Without it a damaged page may give wrong values; of an object store's files, the store checks what it reads.
        "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
        **_EARLY_DATES,
        "spark.sql.execution.arrow.maxRecordsPerBatch": "0",  # batches are bounded by bytes where they are made
        "spark.python.worker.reuse": "true",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraJavaOptions": f"{' '.join(_JVM)} -Dlog4j2.configurationFile={_LOG_CONFIG}",
        "spark.executor.extraJavaOptions": " ".join(_JVM),  # how they log, the cluster says
        # Spark writes every plan out as text for pages that are off, once a stage where it adapts them: a quarter of
        # what the driver did on a day of few changes. The parts of a table's name, which lineage reads, still fit.
        "spark.sql.debug.maxToStringFields": "4",
        "spark.sql.ui.explainMode": "simple",
        "spark.sql.maxPlanStringLength": "1000",
    }


def make_folders(settings: Settings) -> None:
    """Make the folders that Spark writes to; EnvironmentFailed if one cannot be made."""
    folders = (settings.root / "tmp", *(() if profile.is_on_servers(settings) else (settings.warehouse,)))
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFailed(
                f"The lake's folder {folder} can't be made ({error.strerror}); set LAKE_HOME to a folder you can write."
            ) from error


def build_session(
    settings: Settings, java_home: Path, jars: list[Path], extra: Mapping[str, str] | None = None
) -> "SparkSession":
    """Start Spark, or join the session that runs in this process.

    Raises EnvironmentFailed when the folder of the lake cannot be written or the JVM does not start.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    make_folders(settings)
    os.environ["JAVA_HOME"] = str(java_home)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable  # workers need the packages of this environment
    conf = spark_conf(settings, jars) | dict(extra or {})
    archive = classes.options(settings, java_home)
    conf["spark.driver.extraJavaOptions"] += f" {archive}"
    secret = cluster_secret(settings, conf["spark.master"])
    try:
        if secret:  # what is known when the JVM starts would stand on its command line
            SparkContext._ensure_initialized(conf=SparkConf().setAll(list(conf.items())))
        session = SparkSession.builder.config(map={**conf, **secret}).getOrCreate()
    except (PySparkRuntimeError, OSError) as error:
        # Each JVM that ends leaves an archive, also one that fails: only where one was used may that be the reason.
        if classes.USED in archive and classes.forget(settings, java_home):
            return build_session(settings, java_home, jars, extra)
        raise EnvironmentFailed(f"Spark did not start with the Java in {java_home}; try `lake doctor`.") from error
    except Py4JJavaError as error:
        if not conf["spark.master"].startswith("spark://"):
            raise
        raise no_cluster(conf["spark.master"]) from error
    unlock(session, settings)
    remember_classes(session)
    return session


def no_cluster(master: str) -> EnvironmentFailed:
    """What to say where a cluster does not take a driver on; Spark gives up after a minute."""
    return EnvironmentFailed(
        f"The Spark cluster {master} does not let this driver in: `make stack-status` shows whether it runs, and its "
        f"secret has to be the file {CLUSTER_SECRET} among the lake's secrets (LAKE_SPARK_MASTER, LAKE_SECRETS)."
    )


def cluster_secret(settings: Settings, master: str) -> dict[str, str]:
    """How a driver gets into a standalone cluster: settings for a JVM that runs, and not for what starts one.

    Empty where the lake has no such secret, for a cluster that asks for none.
    """
    if not master.startswith("spark://") or not (settings.secrets_dir / CLUSTER_SECRET).exists():
        return {}
    return {"spark.authenticate": "true", "spark.authenticate.secret": read_secret(settings, CLUSTER_SECRET)}


def unlock(session: "SparkSession", settings: Settings) -> None:
    """Give a session that runs what it needs to get into the catalog and the object store."""
    for name, value in profile.spark_secrets(settings).items():
        session.conf.set(name, value)


def own_session(spark: "SparkSession", settings: Settings | None = None) -> "SparkSession":
    """A session of its own, for temporary views are shared by the threads of one session.

    It is on the same lake, or on the lake of other settings.
    """
    session = spark.newSession()
    # A new session starts from the context's settings, not from its parent's.
    if settings:
        place = profile.spark_catalog(settings) | profile.spark_secrets(settings)
    else:
        place = {name: value for name in profile.SPARK_PLACE if (value := spark.conf.get(name, None)) is not None}
    for name, value in place.items():
        session.conf.set(name, value)
    # A catalog is made at its first use from the settings of whichever session is active: here that is this one.
    with _opening:  # the first one makes the catalog's own tables, and two at once fail
        session.sql(f"SHOW NAMESPACES IN {CATALOG}")
    return session


def release(session: "SparkSession") -> None:
    """Close what a session of its own holds of the catalog: its connection would else stay open as long as Spark."""
    manager = session._jsparkSession.sessionState().catalogManager()
    manager.catalog(CATALOG).icebergCatalog().close()


def suit(session: "SparkSession", rows: int) -> None:
    """Let this session's queries run as suits so many rows."""
    most = session.sparkContext.getConf().get("spark.sql.shuffle.partitions", "200")
    for name, value in suited(rows, most).items():
        session.conf.set(name, value)


def suited(rows: int, partitions: str = "200") -> dict[str, str]:
    """Settings that let Spark interpret the expressions of queries which see few rows, and else compile them.

    Compiling costs seconds for each wide table, whatever the number of rows. So does planning anew after each stage,
    which is left out too. The results are the same. `partitions` is into how many a shuffle of many rows goes.
    """
    is_few = rows < FEW_ROWS
    return {
        "spark.sql.codegen.wholeStage": str(not is_few).lower(),
        "spark.sql.codegen.factoryMode": "NO_CODEGEN" if is_few else "FALLBACK",
        "spark.sql.adaptive.enabled": str(not is_few).lower(),
        "spark.sql.shuffle.partitions": str(1 + rows // _ROWS_A_PARTITION) if is_few else partitions,
    }


def spark_jars(settings: Settings) -> list[Path]:
    """The jars that Spark needs, fetched at their first use; raises EnvironmentFailed, which names the jar."""
    from lakehouse.jars import ensure_jars

    folder, groups = settings.cache_dir / "jars", profile.jar_groups(settings)
    return [jar for group in groups for jar in ensure_jars(group, folder, settings.maven_url)]


@contextmanager
def spark_session(settings: Settings) -> "Iterator[SparkSession]":
    """Spark with the Java and the jars of this machine (fetched once), stopped at the end.

    Under spark-submit it is the session that this started, with the Java and the jars that it was given.
    """
    from lakehouse.java import find_java
    from lakehouse.submit import is_submitted, join_session

    if is_submitted():
        make_folders(settings)
        session = join_session(settings)
        remember_classes(session)
    else:
        session = build_session(settings, find_java().home, spark_jars(settings))
    try:
        yield session
    finally:
        session.stop()
