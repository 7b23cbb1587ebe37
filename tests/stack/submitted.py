"""A command under spark-submit on the cluster: watched as it runs, disturbed, and read in Spark's event log."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyspark
import requests

from infra.native.processes import POLL_SECONDS
from lakehouse.java import find_java
from lakehouse.session import spark_jars
from lakehouse.settings import Settings
from lakehouse.submit import properties

ROOT = Path(__file__).parents[2]
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"
SECONDS = 900
T = TypeVar("T")


@dataclass(frozen=True)
class Executor:
    """A process that computes for a command."""

    number: str
    pid: int


class Submitted:
    """A command of `spark_jobs/main.py`, as people submit it, with Spark's pages and event log switched on."""

    def __init__(self, settings: Settings, folder: Path, *arguments: str) -> None:
        """Start it: nothing of the lake in the environment but the clock, and from another folder."""
        self.events = folder / "events"
        self.events.mkdir(parents=True, exist_ok=True)
        self._before = set(self.events.iterdir())
        java = find_java().home
        conf = folder / "spark.conf"
        conf.write_text(properties(settings, java, spark_jars(settings)), encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.page = f"http://127.0.0.1:{free.getsockname()[1]}"
        said = {
            "spark.ui.enabled": "true",
            "spark.ui.port": self.page.rpartition(":")[2],
            "spark.ui.liveUpdate.period": "0",
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self.events.as_uri(),
            "spark.executorEnv.JDK_JAVA_OPTIONS": os.environ["JDK_JAVA_OPTIONS"],
        }
        options = [word for name, value in said.items() for word in ("--conf", f"{name}={value}")]
        command = [str(SUBMIT), "--properties-file", str(conf), "--master", settings.spark_master, *options]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("LAKE_")}
        environment |= {"JAVA_HOME": str(java), "SPARK_LOCAL_IP": "127.0.0.1", "LAKE_AS_OF": settings.as_of}
        self._out = (folder / "out").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            [*command, str(ROOT / "spark_jobs" / "main.py"), *arguments],
            env=environment,
            cwd=folder,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self) -> str:
        """What it said, once it has ended well."""
        try:
            code = self._process.wait(SECONDS)
        finally:
            self.kill()
        said = self._said()
        assert code == 0, said
        return said

    def kill(self) -> None:
        """End all of it if it still runs."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def application(self) -> str:
        """Its id at the master, once it has one."""
        return until(lambda: next((a["id"] for a in self._ask("")), None), self)

    def executors(self) -> set[str]:
        """The numbers of the executors that its driver counts on."""
        return {e["id"] for e in self._executors()}

    def _executors(self) -> list[dict[str, Any]]:
        found = self._ask(f"/{self.application()}/executors")
        return [e for e in found if e["id"] != "driver" and e["isActive"]]

    def wait_for_tasks(self, count: int) -> None:
        """Come back when its executors have done so many tasks."""
        until(lambda: sum(e["completedTasks"] for e in self._executors()) >= count or None, self)

    def hold_one_at_work(self, after_tasks: int) -> Executor:
        """An executor that was stopped in the middle of a task, after so many others; it hangs until it is killed."""
        return until(lambda: self._held(after_tasks), self)

    def _held(self, after_tasks: int) -> Executor | None:
        for found in self._executors():
            pid = self._pid_of(found["id"])
            if not pid or not self._is_at_work(found["id"], after_tasks):
                continue
            os.kill(pid, signal.SIGSTOP)
            # What it told before it was stopped may still be on its way to the driver.
            if all(self._is_at_work(found["id"], after_tasks) for _ in range(20)):
                return Executor(found["id"], pid)
            os.kill(pid, signal.SIGCONT)
        return None

    def _pid_of(self, number: str) -> int | None:
        wanted = f"--executor-id {number} ", f"--app-id {self.application()} "
        for pid, line in commands():
            if "CoarseGrainedExecutorBackend" in line and all(words in line for words in wanted):
                return pid
        return None

    def _is_at_work(self, number: str, after_tasks: int) -> bool:
        known = [e for e in self._executors() if e["id"] == number]
        return any(e["activeTasks"] > 0 and e["completedTasks"] >= after_tasks for e in known)

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def _said(self) -> str:
        self._out.seek(0)
        return self._out.read()

    def _ask(self, path: str) -> Any:
        try:
            return json.loads(self.shown(f"/api/v1/applications{path}"))
        except (requests.ConnectionError, ValueError):  # not there yet, or not any more
            return []

    def shown(self, path: str) -> str:
        """One of Spark's own pages about it."""
        with requests.Session() as session:
            session.trust_env = False  # no proxy leads to loopback
            return session.get(self.page + path, timeout=10).text

    def tasks(self) -> list[tuple[str, str]]:
        """The executor of each task that ended, and how it ended, in that order, as Spark's event log has it."""
        (file,) = set(self.events.iterdir()) - self._before
        with file.open(encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines if '"SparkListenerTaskEnd"' in line]
        return [(e["Task Info"]["Executor ID"], e["Task End Reason"]["Reason"]) for e in events]


def until(find: Callable[[], T | None], submitted: Submitted) -> T:
    """What is found, looked for while the command runs."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (found := find()) is not None:
            return found
        assert submitted.is_running(), submitted._said()
        time.sleep(POLL_SECONDS)
    raise AssertionError("it was not seen")


def commands() -> Iterator[tuple[int, str]]:
    """Every process that there is: its pid, and the command that started it as others can read it."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                yield int(folder.name), (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
