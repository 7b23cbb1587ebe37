"""Jars by a lock file: fetched once into a cache, checked by SHA-256, and named when they cannot be had."""

import base64
import contextlib
import hashlib
import json
import os
import re
import ssl
import tempfile
import threading
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from importlib.resources import files
from pathlib import Path

from lakehouse.errors import EnvironmentFailed

LOCK_FILE = "jars.lock.toml"
ATTEMPTS = 4
PARALLEL = 4
_BLOCK = 1 << 18
_TIMEOUT_SECONDS = 60
_HTTP_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}

Progress = Callable[[int, int], None]
"""Called with (bytes fetched so far, bytes to fetch in all); one call at a time, from several threads."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file of Maven: a coordinate, its SHA-256 in hex and its size in bytes; mostly a jar."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int
    packaging: str = "jar"

    @property
    def file_name(self) -> str:
        """Name in the cache and at the end of the URL."""
        return f"{self.artifact}-{self.version}.{self.packaging}"

    @property
    def path(self) -> str:
        """Place below the root of any repository with Maven's layout."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


class _RetryError(Exception):
    """A failure that another try may mend; its text says what happened, with no address in it."""


def read_lock(text: str | None = None) -> dict[str, tuple[Jar, ...]]:
    """Jars of each group, in the order of `text`, or else of the lock that ships with the package."""
    if text is None:
        text = files("lakehouse").joinpath(LOCK_FILE).read_text(encoding="utf-8")
    groups: dict[str, tuple[Jar, ...]] = {}
    for name, rows in tomllib.loads(text).items():
        jars = []
        for coordinate, pinned in rows.items():
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, pinned["sha256"], pinned["size"]))
        groups[name] = tuple(jars)
    return groups


def ensure_jars(
    group: str,
    cache_dir: Path,
    base_url: str,
    progress: Progress | None = None,
    *,
    lock: Mapping[str, tuple[Jar, ...]] | None = None,
    pause_seconds: float = 1.0,
) -> list[Path]:
    """Fetch a group's jars that are missing or damaged; returns the paths of all, in the order of the lock."""
    jars = (read_lock() if lock is None else lock)[group]
    return ensure_files(jars, cache_dir, base_url, progress, pause_seconds=pause_seconds)


def ensure_files(
    jars: Sequence[Jar],
    cache_dir: Path,
    base_url: str,
    progress: Progress | None = None,
    *,
    pause_seconds: float = 1.0,
) -> list[Path]:
    """Fetch those that are missing or damaged; returns the paths of all, in their order.

    A file that was verified before costs one `stat` and the reading of its marker. Several processes may call at
    once: each writes a file of its own and renames it. `base_url` is http, https or file and may carry
    `user:password@`; the usual proxy variables and SSL_CERT_FILE hold. Raises EnvironmentFailed, which names the file.
    """
    missing = [jar for jar in jars if not _is_verified(jar, cache_dir / jar.file_name)]
    if missing:
        try:
            cache_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFailed(
                f"The jar cache {cache_dir} cannot be made ({error.strerror}): set LAKE_CACHE to another folder."
            ) from error
        tally = _Tally(progress, sum(jar.size for jar in missing))
        with ThreadPoolExecutor(PARALLEL) as pool:
            tasks = [pool.submit(_fetch, jar, cache_dir, base_url, tally, pause_seconds) for jar in missing]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return [cache_dir / jar.file_name for jar in jars]


class _Tally:
    """Adds up bytes over threads and tells the caller."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._progress is not None:
                self._progress(self._done, self._total)


def _marker(target: Path) -> Path:
    return target.with_name(target.name + ".verified")


def _is_verified(jar: Jar, target: Path) -> bool:
    """Whether the file holds the locked bytes; it is hashed only if it changed since it was hashed last."""
    try:
        stat = target.stat()
    except OSError:
        return False
    if stat.st_size != jar.size:
        return False
    seen = {"sha256": jar.sha256, "size": jar.size, "mtime_ns": stat.st_mtime_ns}
    try:
        if json.loads(_marker(target).read_bytes()) == seen:
            return True
    except (OSError, ValueError):
        pass  # No marker, or half of one: hash the file.
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != jar.sha256:
            return False
    _mark(jar, target)
    return True


def _mark(jar: Jar, target: Path) -> None:
    marker = {"sha256": jar.sha256, "size": jar.size, "mtime_ns": target.stat().st_mtime_ns}
    with contextlib.suppress(OSError):  # A read-only cache is fine: the jar is hashed again next time.
        _marker(target).write_text(json.dumps(marker), encoding="utf-8")


def _fetch(jar: Jar, cache_dir: Path, base_url: str, tally: _Tally, pause_seconds: float) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        got = 0

        def count(size: int) -> None:
            nonlocal got
            got += size
            tally.add(size)

        try:
            return _fetch_once(jar, cache_dir, base_url, count)
        except _RetryError as failure:
            tally.add(-got)
            if attempt == ATTEMPTS:
                raise EnvironmentFailed(
                    f"{jar.file_name} could not be fetched from {_shown(base_url)} in {ATTEMPTS} tries "
                    f"({failure}): check the network and proxy, or set LAKE_MAVEN_URL to a mirror."
                ) from failure
        time.sleep(pause_seconds * 2 ** (attempt - 1))


def _fetch_once(jar: Jar, cache_dir: Path, base_url: str, count: Callable[[int], None]) -> None:
    """Fetch into a file of this call's own and rename it: an interruption leaves the cache as it was."""
    try:
        handle, name = tempfile.mkstemp(prefix=jar.file_name + ".", suffix=".part", dir=cache_dir)
        part = Path(name)
        try:
            with open(handle, "wb") as sink:
                digest, size = _download(_request(base_url, jar), sink.write, count, limit=jar.size)
            _check(jar, base_url, digest, size)
            part.chmod(0o644)  # mkstemp makes files private; a cache is shared
            os.replace(part, cache_dir / jar.file_name)
        finally:
            part.unlink(missing_ok=True)
    except urllib.error.HTTPError as error:
        if error.code in _HTTP_WORTH_ANOTHER_TRY:
            raise _RetryError(f"HTTP {error.code}") from error
        raise EnvironmentFailed(
            f"{jar.file_name} is not to be had from {_shown(base_url)} (HTTP {error.code}): "
            "set LAKE_MAVEN_URL to a Maven repository that serves it."
        ) from error
    except urllib.error.URLError as error:
        raise _RetryError(str(error.reason)) from error
    except (HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise _RetryError(type(error).__name__) from error
    except OSError as error:
        raise EnvironmentFailed(
            f"{jar.file_name} cannot be written to {cache_dir} ({error.strerror}): free some space, "
            "or set LAKE_CACHE to another folder."
        ) from error
    _mark(jar, cache_dir / jar.file_name)


def _download(
    request: urllib.request.Request, write: Callable[[bytes], int], count: Callable[[int], None], limit: int
) -> tuple[str, int]:
    """Copy the answer to `write` and return its SHA-256 and size; stops soon after `limit` bytes."""
    digest, size = hashlib.sha256(), 0
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - scheme checked
        while size <= limit and (block := answer.read(_BLOCK)):
            digest.update(block)
            size += len(block)
            write(block)
            count(len(block))
    return digest.hexdigest(), size


def _check(jar: Jar, base_url: str, digest: str, size: int) -> None:
    if size < jar.size:
        raise _RetryError(f"{size} of {jar.size} bytes arrived")
    if digest != jar.sha256:
        raise EnvironmentFailed(
            f"{jar.file_name} from {_shown(base_url)} has another SHA-256 than the lock, so it was not kept: "
            "set LAKE_MAVEN_URL to another mirror, or find out who changed the file."
        )


def _request(base_url: str, jar: Jar) -> urllib.request.Request:
    parts = urllib.parse.urlsplit(base_url.rstrip("/"))
    if parts.scheme not in {"http", "https", "file"}:
        raise EnvironmentFailed(f"LAKE_MAVEN_URL must start with https://, http:// or file://, not `{parts.scheme}`.")
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=f"{parts.path}/{jar.path}")
    request = urllib.request.Request(address.geturl(), headers={"User-Agent": "carelake"})  # noqa: S310
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        # Unredirected: a mirror that redirects to a store elsewhere must not hand it the password.
        request.add_unredirected_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    return request


def _shown(base_url: str) -> str:
    """The address without a password, for messages."""
    return re.sub(r"//[^/]*@", "//", base_url)
