"""Servers that the distribution does not have: fetched or built once, into the cache, and there whole or not at all."""

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from infra.native.service import Say
from infra.native.stack import Stack
from lakehouse.errors import EnvironmentFailed
from lakehouse.jars import Jar, ensure_files

_ROOM_TO_UNPACK = 3 << 30
_MINIO_MODULE = "github.com/minio/minio"


def trino_home(stack: Stack) -> Path:
    """Where the Trino of the list of versions is unpacked."""
    return stack.cache / f"trino-server-{stack.versions['TRINO_VERSION']}"


def minio_program(stack: Stack) -> Path:
    """Where the MinIO of the list of versions is built."""
    return stack.cache / f"minio-{stack.versions['MINIO_VERSION']}" / "minio"


def fetch_trino(stack: Stack, say: Say) -> None:
    """Fetch Trino's tarball by its SHA-256 and unpack it; the tarball goes afterwards."""
    home, versions = trino_home(stack), stack.versions
    if home.exists():
        return
    with _making(home, _ROOM_TO_UNPACK, say) as made:
        if made is None:
            return
        tarball = Jar(
            "io.trino",
            "trino-server",
            versions["TRINO_VERSION"],
            versions["TRINO_SHA256"],
            int(versions["TRINO_BYTES"]),
            "tar.gz",
        )
        tenths = -1

        def progress(done: int, total: int) -> None:
            nonlocal tenths
            if done * 10 // total > tenths:
                tenths = done * 10 // total
                say(f"fetching {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        (file,) = ensure_files([tarball], stack.cache, stack.settings.maven_url, progress)
        say("unpacking")
        with tarfile.open(file) as archive:
            archive.extractall(made, filter="data")
        (made / home.name).rename(made / "whole")
        (made / "whole").rename(home)
        file.unlink()
        file.with_name(file.name + ".verified").unlink(missing_ok=True)


def build_minio(stack: Stack, say: Say) -> None:
    """Build MinIO from its source; the Go module proxy checks the source against Go's public sums."""
    program = minio_program(stack)
    if program.exists():
        return
    go = shutil.which("go")
    if not go:
        raise EnvironmentFailed(
            f"Go was not found on the PATH, and MinIO is built with it: install Go {stack.versions['GO_VERSION']} "
            "(https://go.dev/dl), once."
        )
    version = stack.versions["MINIO_VERSION"]
    with _making(program.parent, _ROOM_TO_UNPACK, say) as made:
        if made is None:
            return
        say("building by go install, some minutes, once")
        environment = {**os.environ, "GOBIN": str(made / "bin"), "CGO_ENABLED": "0"}
        ended = subprocess.run(  # noqa: S603 - the user's own Go
            # Nobody debugs it here, and what a debugger asks for takes time to write.
            [go, "install", "-ldflags=-s -w", "-gcflags=all=-dwarf=false", f"{_MINIO_MODULE}@{version}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if ended.returncode:
            said = ended.stderr.strip().splitlines() or ["it says nothing"]
            raise EnvironmentFailed(
                f"MinIO {version} could not be built ({said[-1]}): check the network, GOPROXY and the disk, "
                f"and that `go version` is {stack.versions['GO_VERSION']} or later."
            )
        (made / "bin").rename(program.parent)


@contextmanager
def _making(target: Path, room: int, say: Say) -> Iterator[Path | None]:
    """A folder beside the target to make it in; what is left there goes, whatever happens.

    Null where another command, of any home with this cache, made the target while this one waited for it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (target.parent / f".{target.name}.lock").open("w") as lock:
            _wait_for(lock, say)
            if target.exists():
                yield None
                return
            free = shutil.disk_usage(target.parent).free
            if free < room:
                raise EnvironmentFailed(
                    f"{target.parent} has {free / 1e9:.1f} GB free and {target.name} needs {room / 1e9:.1f}: "
                    "free some space, or set LAKE_CACHE to another disk."
                )
            with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as made:
                yield Path(made)
    except (OSError, tarfile.TarError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise EnvironmentFailed(
            f"{target} could not be made ({why}): check the disk and who may write there, or set LAKE_CACHE."
        ) from error


def _wait_for(lock: IO[str], say: Say) -> None:
    """Hold the lock of what is made until the file is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another command makes it: waiting")
        fcntl.flock(lock, fcntl.LOCK_EX)
