"""Starting and stopping: each server as soon as what it needs is ready, seen by asking it and not by waiting."""

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from infra.native import processes
from infra.native.secret_files import make_folder
from infra.native.service import Say, Service
from infra.native.services import check_ports
from infra.native.stack import Stack
from lakehouse.errors import Conflict, EnvironmentFailed, LakeError

STOP_SECONDS = 30
_ENDING_SECONDS = 5
_LAST_LINES = 12


def pid_file(stack: Stack, service: Service) -> Path:
    """Where the process of a service is written down."""
    return stack.folder / "pids" / f"{service.name}.json"


def log_file(stack: Stack, service: Service) -> Path:
    """Where its output goes."""
    return stack.logs / f"{service.name}.log"


def running(stack: Stack, service: Service) -> processes.Process | None:
    """The process of a service, or None where it does not run."""
    return processes.read(pid_file(stack, service))


@contextmanager
def only_one(stack: Stack) -> Iterator[None]:
    """Hold the stack for one command that changes it; raises Conflict while another one does."""
    try:
        stack.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(stack.folder / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EnvironmentFailed(
            f"{stack.folder} can't be written ({error.strerror}): set LAKE_HOME to a folder you can write."
        ) from error
    with open(handle, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(f"Another command starts or stops the stack in {stack.folder}: wait for it.") from None
        yield


def up(stack: Stack, services: Sequence[Service], say: Say) -> None:
    """Start what does not run yet and wait until all are ready; raises the first error, after all have come to an end.

    What has started stays up when another one fails, so that a second `up` goes on from there.
    """
    with only_one(stack):
        make_folder(stack)
        began = time.monotonic()
        # One that was killed a moment ago still has its port, and is started anew when it is gone.
        silent = [process for s in services if (process := running(stack, s)) and not s.is_ready()]
        processes.wait_gone(silent, _ENDING_SECONDS)
        todo = [service for service in services if not running(stack, service)]
        for service in todo:
            check_ports(service)
        futures: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(services)) as pool:
            for service in _by_need(services):
                needed = [futures[name] for name in service.needs if name in futures]
                futures[service.name] = pool.submit(_bring_up, stack, service, needed, say)
        for failure in (future.exception() for future in futures.values()):
            if failure and not isinstance(failure, _Skipped):
                raise failure
        seconds = time.monotonic() - began
        count = f"{len(todo)} of {len(services)} started" if todo else "all were up already"
        say(f"The stack is up: {count}, {seconds:.0f} s.")


def fetch(stack: Stack, services: Sequence[Service], say: Say) -> None:
    """Fetch or build what the services need and is not here yet, all at once; raises the first error at the end."""
    with only_one(stack), ThreadPoolExecutor(len(services)) as pool:
        futures = [pool.submit(service.install, partial(_tell, say, service)) for service in services]
    for future in futures:
        future.result()
    say("All that the stack needs is here.")


def _tell(say: Say, service: Service, text: str) -> None:
    say(f"{service.name:<15} {text}")


class _Skipped(LakeError):
    """A service was not started since one that it needs did not start."""


def _by_need(services: Sequence[Service]) -> list[Service]:
    """The services, each behind those that it needs."""
    done: dict[str, Service] = {}
    known = {service.name for service in services}
    while len(done) < len(services):
        for service in services:
            if service.name not in done and all(n in done or n not in known for n in service.needs):
                done[service.name] = service
    return list(done.values())


def _bring_up(stack: Stack, service: Service, needed: list["Future[None]"], say: Say) -> None:
    tell = partial(_tell, say, service)
    is_new = not running(stack, service)
    if is_new:
        service.install(tell)  # needs none of the others
    for future in needed:
        if future.exception():
            raise _Skipped(f"{service.name} was not started.")
    began = time.monotonic()
    if is_new:
        launch = service.prepare()
        child = processes.start(launch, pid_file(stack, service), log_file(stack, service))
        _wait(stack, service, child)
    service.provision()
    if is_new:
        tell(f"ready on {service.ports[0]} after {time.monotonic() - began:.1f} s")


def _wait(stack: Stack, service: Service, child: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + service.seconds
    while not service.is_ready():
        if child.poll() is not None:
            pid_file(stack, service).unlink(missing_ok=True)
            raise EnvironmentFailed(
                f"{service.name} ended with code {child.returncode} while it started; its log says: "
                f"{last_lines(log_file(stack, service))}"
            )
        if time.monotonic() > until:
            raise EnvironmentFailed(
                f"{service.name} is not ready after {service.seconds} s: look at {log_file(stack, service)}, "
                "and run `make stack-up` again; it goes on from here."
            )
        time.sleep(processes.POLL_SECONDS)


def last_lines(log: Path, count: int = _LAST_LINES) -> str:
    """What a log says last, without the frames of stack traces."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "nothing"
    return "\n" + "\n".join([line for line in lines if line.strip() and not line.startswith("\tat ")][-count:])


def down(stack: Stack, services: Sequence[Service], say: Say) -> None:
    """Stop what runs, the last started first, and wait until every process is gone."""
    with only_one(stack):
        for service in reversed(_by_need(services)):
            process = running(stack, service)
            if process:
                began = time.monotonic()
                is_clean = processes.stop(process, service.stop, STOP_SECONDS)
                how = "stopped" if is_clean else "did not stop and was killed"
                say(f"{service.name:<15} {how} after {time.monotonic() - began:.1f} s")
            pid_file(stack, service).unlink(missing_ok=True)
