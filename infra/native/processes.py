"""Processes that outlive the command that starts them, known by pid and start, so that no stranger is ever killed.

A pid alone says little: after a crash the system gives it to someone else. So the file of a process also keeps when it
started, in the kernel's ticks since boot, and which boot that was.
"""

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.native.service import Launch
from infra.native.stack import write_private
from lakehouse.errors import EnvironmentFailed

POLL_SECONDS = 0.1
_PROC = Path("/proc")
_KEEP_LOG_BYTES = 20 << 20
_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Process:
    """A process: its pid, its start in ticks since boot, that boot's id, and when we started it."""

    pid: int
    ticks: int
    boot: str
    since: str = ""


@dataclass(frozen=True)
class _Stat:
    parent: int
    ticks: int
    state: str
    threads: int

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left that holds a port or a file.

        A process that was killed looks like a zombie as soon as its first thread has ended; the others may live on for
        a moment, and as long as they do its ports are taken.
        """
        return self.state in "ZX" and self.threads <= 1


def _stat(pid: int) -> _Stat | None:
    """What the kernel says of a process; None where there is none."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    return _Stat(parent=int(fields[1]), ticks=int(fields[19]), state=fields[0], threads=int(fields[17]))


def boot_id() -> str:
    """Which start of the machine this is."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def look(pid: int, since: str = "") -> Process | None:
    """The process of that pid, or None where it is gone or only waits to be forgotten."""
    found = _stat(pid)
    return Process(pid, found.ticks, boot_id(), since) if found and not found.is_over else None


def is_alive(process: Process) -> bool:
    """Whether this very process runs, and not another one that got its pid."""
    now = look(process.pid)
    return now is not None and (now.ticks, now.boot) == (process.ticks, process.boot)


def read(file: Path) -> Process | None:
    """The process that a pid file names if it still runs."""
    try:
        process = Process(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return process if is_alive(process) else None


def start(launch: Launch, file: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Start a process that lives on when this one ends and its terminal closes; its output goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if log.exists() and log.stat().st_size > _KEEP_LOG_BYTES:
        log.replace(log.with_name(log.name + ".1"))
    with open(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as sink:
        try:
            child = subprocess.Popen(  # noqa: S603 - commands of our own services
                launch.command,
                env=dict(launch.environment),
                cwd=launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=launch.user,
                group=pwd.getpwnam(launch.user).pw_gid if launch.user else None,
                extra_groups=[] if launch.user else None,
            )
        except OSError as error:
            raise EnvironmentFailed(f"{launch.command[0]} does not start ({error.strerror}).") from error
    process = look(child.pid, datetime.now(UTC).isoformat(timespec="seconds"))
    if process:
        write_private(file, json.dumps(asdict(process)))
    return child


def family(process: Process) -> list[Process]:
    """The process and all that came from it: PostgreSQL's sessions, a worker's executors."""
    children: dict[int, list[int]] = {}
    for pid in (int(p.name) for p in _PROC.iterdir() if p.name.isdigit()):
        if said := _stat(pid):
            children.setdefault(said.parent, []).append(pid)
    pids, todo = [], [process.pid]
    while todo:
        pids.append(todo.pop())
        todo += children.get(pids[-1], [])
    return [found for pid in pids if (found := look(pid))]


def memory_mb(process: Process) -> float:
    """Memory of the process and its children in megabytes; pages that they share count once."""
    return sum(_own_memory(p.pid) for p in family(process)) / _MEGABYTE


def _own_memory(pid: int) -> int:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with suppress(OSError):
            for line in (_PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) << 10
    return 0


def stop(process: Process, how: signal.Signals, seconds: float) -> bool:
    """End a process and its children and wait until all are gone; False where some had to be killed."""
    members = family(process)
    _signal(process, how)
    if wait_gone(members, seconds):
        return True
    for member in members:
        _signal(member, signal.SIGKILL)
    wait_gone(members, seconds)
    return False


def _signal(process: Process, how: signal.Signals) -> None:
    if is_alive(process):
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)


def wait_gone(processes: Iterable[Process], seconds: float) -> bool:
    """Wait until all are gone; False where some are still there after so long."""
    until = time.monotonic() + seconds
    while any(is_alive(p) for p in processes):
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True
