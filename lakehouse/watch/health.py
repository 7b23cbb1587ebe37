"""Does each part of the lake answer now? Each is asked anew at every look, side by side, and has two seconds."""

import json
import shutil
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import sqlalchemy as sa

from lakehouse.errors import EnvironmentFailed, LakeError
from lakehouse.profile import control_engine, has_control, iceberg_catalog, is_on_servers
from lakehouse.settings import Settings
from lakehouse.sql.engine import open_engine
from lakehouse.watch.shelf import pointers

LIMIT_SECONDS = 2.0
LEAST_FREE_BYTES = 2 << 30
SERVERS = ("postgresql", "minio", "trino", "spark")
"""The parts that are servers of the stack."""
READY = ("catalog", "control", "files", "engine")
"""The parts without which no page can be answered."""
_WORDS = {
    "catalog": "The catalog",
    "control": "The control database",
    "engine": "The SQL engine",
    "files": "The store of the tables' files",
    "disk": "The disk",
    "postgresql": "PostgreSQL",
    "minio": "MinIO",
    "trino": "Trino",
    "spark": "Spark's master",
}


@dataclass(frozen=True)
class Part:
    """One part: `said` is `ok` or a sentence that anybody may read; `detail`, for who runs it, says where and why.

    `seconds` is how long its answer took, null where there was none. `since` is when this process first saw it so.
    """

    name: str
    is_up: bool
    said: str
    detail: str
    seconds: float | None
    since: datetime | None = None


class Health:
    """Looks at the parts of one lake.

    Nothing is kept from look to look; who looks while a part is being asked gets that answer, so that neither many
    probes nor a part that hangs pile up questions.
    """

    def __init__(self, settings: Settings, limit_seconds: float = LIMIT_SECONDS) -> None:
        """Opens nothing yet."""
        self._settings = settings
        self._limit = limit_seconds
        self._asked: dict[str, Future[float]] = {}
        self._lock = threading.Lock()
        self._access: dict[str, str] = {}
        self._is_warm = False
        self._seen: dict[str, Part] = {}

    def look(self, only: tuple[str, ...] = ()) -> list[Part]:
        """The parts as of now, all or those named; takes no longer than the limit.

        The first look has five times as long: libraries are loaded and engines opened for the first time.
        """
        checks = {name: check for name, check in self._checks().items() if not only or name in only}
        until = time.monotonic() + (self._limit if self._is_warm else 5 * self._limit)
        with self._lock:
            for name, check in checks.items():
                if name not in self._asked or self._asked[name].done():
                    self._asked[name] = _start(check)
            asked = {name: self._asked[name] for name in checks}
        parts = [self._wait(name, future, until) for name, future in asked.items()]
        self._is_warm = True
        return [self._with_since(part) for part in parts]

    def _with_since(self, part: Part) -> Part:
        with self._lock:
            before = self._seen.get(part.name)
            same = before is not None and before.is_up == part.is_up
            found = replace(part, since=before.since if before is not None and same else datetime.now(UTC))
            self._seen[part.name] = found
        return found

    def _wait(self, name: str, future: "Future[float]", until: float) -> Part:
        words = _WORDS[name]
        try:
            seconds = future.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            return Part(name, False, f"{words} does not answer in time.", f"no answer in {self._limit:g} s", None)
        except Exception as error:  # whatever it is, the part does not work
            # An error's own text may tell of places, accounts or data: only our own sentences are passed on.
            detail = str(error) if isinstance(error, LakeError) else type(error).__name__
            said = f"{words} is short of space." if name == "disk" else f"{words} does not answer."
            return Part(name, False, said, detail, None)
        return Part(name, True, "ok", "", seconds)

    def _checks(self) -> Mapping[str, Callable[[], None]]:
        s = self._settings
        checks: dict[str, Callable[[], None]] = {
            "catalog": partial(_catalog, s),
            "control": partial(_control, s),
            "files": self._read_a_file,
            "engine": self._ask_engine,
            "disk": partial(_disk, s),
        }
        if is_on_servers(s):
            checks["postgresql"] = partial(_tcp, s.postgres)
            checks["minio"] = partial(_minio, s)
            checks["trino"] = partial(_trino, s)
        if s.spark_master:
            checks["spark"] = partial(_tcp, s.spark_master.removeprefix("spark://"))
        return checks

    def _ask_engine(self) -> None:
        with closing(open_engine(self._settings)) as engine:
            # The engine opens the catalog and the control database to answer this: it reaches them or fails.
            engine.query("SELECT count(*) AS runs FROM control.public.runs")

    def _read_a_file(self) -> None:
        """The newest metadata file of a table is read, from where all tables are."""
        from pyiceberg.io import load_file_io

        place = min(pointers(self._settings).values(), default=None)
        if place is None:
            return
        self._access = self._access or dict(iceberg_catalog(self._settings).properties)
        with load_file_io(self._access, place).new_input(place).open() as file:
            if not file.read(1):
                raise EnvironmentFailed("A metadata file is empty: restore it.")


def _start(check: Callable[[], None]) -> "Future[float]":
    """Run it in a thread that does not keep the process from ending; gives how long it took."""
    future: Future[float] = Future()

    def run() -> None:
        begun = time.monotonic()
        try:
            check()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(time.monotonic() - begun)

    threading.Thread(target=run, daemon=True).start()
    return future


def _catalog(settings: Settings) -> None:
    pointers(settings)


def _control(settings: Settings) -> None:
    if not has_control(settings):
        raise EnvironmentFailed("There is no control database yet: `make demo` or `lake ingest` makes it.")
    engine = control_engine(settings)
    try:
        with engine.connect() as db:
            db.execute(sa.text("SELECT 1 FROM runs LIMIT 1"))
    finally:
        engine.dispose()


def _disk(settings: Settings) -> None:
    free = disk_usage(settings)[0]
    if free < LEAST_FREE_BYTES:
        raise EnvironmentFailed(f"{free / 1e9:.1f} GB are free in {settings.root}; free some space: 2 GB at least.")


def disk_usage(settings: Settings) -> tuple[int, int]:
    """Free and all bytes of the disk that LAKE_HOME is on."""
    folder = next(p for p in (settings.root, *settings.root.parents) if p.exists())
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def _tcp(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LIMIT_SECONDS).close()
    except OSError as error:
        raise EnvironmentFailed(f"Nothing listens on {address}; `make stack-status` shows what runs.") from error


def _minio(settings: Settings) -> None:
    for state in ("live", "ready"):
        _get(f"{settings.s3.rstrip('/')}/minio/health/{state}")


def _trino(settings: Settings) -> None:
    context = None
    if settings.trino.startswith("https:"):
        ca = settings.trino_ca_file
        context = ssl.create_default_context(cafile=str(ca) if ca.exists() else None)
    if json.loads(_get(f"{settings.trino.rstrip('/')}/v1/info", context)).get("starting"):
        raise EnvironmentFailed("Trino is still starting.")


def _get(url: str, context: ssl.SSLContext | None = None) -> bytes:
    # No proxy leads to the servers of a lake, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=LIMIT_SECONDS) as answer:
            body: bytes = answer.read(1 << 16)
            return body
    except OSError as error:
        raise EnvironmentFailed(f"{url} does not answer; `make stack-status` shows what runs.") from error
