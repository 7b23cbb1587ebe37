"""A Spark cluster of this machine: a standalone master and workers, out of the pip package pyspark.

Whoever talks to it shows a secret (`spark.authenticate`), and the pages of master and workers are on loopback alone.
Drivers read the secret as they do their others (`lakehouse.session.cluster_secret`), servers in `spark-defaults.conf`.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from infra.native import web
from infra.native.secret_files import secret
from infra.native.service import Launch, Service
from infra.native.stack import Address, Stack, render, write_private
from lakehouse.errors import EnvironmentFailed
from lakehouse.java import find_java
from lakehouse.session import CLUSTER_SECRET

NAME = "spark"
MASTER = "spark-master"
_QUIET = Path(__file__).resolve().parents[2] / "lakehouse" / "log4j2.properties"


def spark_master(stack: Stack) -> Service:
    """The master, which hands out the workers' cores."""
    page = page_of(stack, 0)
    return Service(
        name=MASTER,
        ports=(stack.spark, page),
        prepare=lambda: _daemon(
            stack,
            "org.apache.spark.deploy.master.Master",
            [*_listen(stack.spark), "--webui-port", str(page.port)],
        ),
        is_ready=lambda: web.ask(f"http://{page}/json/").get("status") == "ALIVE",
    )


def spark_worker(stack: Stack, number: int) -> Service:
    """A worker, which starts executors."""
    name, page = f"spark-worker-{number}", page_of(stack, number)
    arguments = [
        *_listen(Address(stack.spark.host, 0)),
        "--webui-port", str(page.port),
        "--cores", stack.sizes["SPARK_WORKER_CORES"],
        "--memory", stack.sizes["SPARK_WORKER_MEMORY"],
        "--work-dir", str(stack.state(NAME) / name),
        f"spark://{stack.spark}",
    ]  # fmt: skip
    return Service(
        name=name,
        ports=(page,),
        prepare=lambda: _daemon(stack, "org.apache.spark.deploy.worker.Worker", arguments),
        is_ready=lambda: _is_known(stack, page),
        needs=(MASTER,),
    )


def page_of(stack: Stack, number: int) -> Address:
    """Where the master (0) or a worker tells its state."""
    return stack.spark.beside(1 + number)


def _listen(address: Address) -> list[str]:
    return ["--host", address.host, "--port", str(address.port)]


def _is_known(stack: Stack, page: Address) -> bool:
    """Whether the master counts on the worker with that page."""
    workers = web.ask(f"http://{page_of(stack, 0)}/json/").get("workers", [])
    return any(w["state"] == "ALIVE" and w["webuiaddress"].endswith(f":{page.port}") for w in workers)


def _daemon(stack: Stack, main: str, arguments: list[str]) -> Launch:
    found = find_spec("pyspark")
    if not found or not found.origin:
        raise EnvironmentFailed("The package pyspark is missing: run `make setup`.")
    home, folder = Path(found.origin).parent, stack.state(NAME)
    conf = write_configuration(stack)
    java = find_java()
    command = [
        str(java.executable),
        f"-Xmx{stack.sizes['SPARK_DAEMON_HEAP']}",
        "-XX:+UseSerialGC",
        f"-Dlog4j2.configurationFile={folder / 'etc' / 'log4j2.properties'}",
        "-cp",
        f"{conf}/:{home / 'jars'}/*",
        main,
        "--properties-file",
        str(conf / "spark-defaults.conf"),
        *arguments,
    ]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "LANG": "C.UTF-8",
        "JAVA_HOME": str(java.home),
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(conf),
        "SPARK_SCALA_VERSION": "2.12",  # as Spark's scripts say it: without, workers look for a source tree
        "SPARK_LOCAL_IP": stack.spark.ip,  # their pages listen there and nowhere else
    }
    return Launch(command, environment, folder)


def write_configuration(stack: Stack) -> Path:
    """Write the secret and the log settings of daemons and executors; returns the folder for SPARK_CONF_DIR."""
    folder = stack.state(NAME)
    conf = folder / "conf"
    # What executors cache and shuffle is patients' data: below the lake's folder, not in one that all share.
    said = {"secret": secret(stack, CLUSTER_SECRET), "scratch": folder / "tmp"}
    (folder / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(conf / "spark-defaults.conf", render("spark/spark-defaults.conf", **said))
    # Executors log by this one: their messages would quote rows.
    write_private(conf / "log4j2.properties", _QUIET.read_text(encoding="utf-8"))
    write_private(folder / "etc" / "log4j2.properties", render("spark/log4j2.properties"))
    return conf
