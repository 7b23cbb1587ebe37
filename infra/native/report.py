"""What runs, and what it says."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.native import processes
from infra.native.runner import log_file, running
from infra.native.service import Service
from infra.native.stack import Stack


@dataclass(frozen=True)
class Row:
    """One service: `state` is ready, starting or down; the rest is empty where it is down."""

    service: str
    state: str
    address: str
    pid: str = ""
    since: str = ""
    memory_mb: str = ""


def status(stack: Stack, services: Sequence[Service]) -> list[Row]:
    """How each service is, seen now: by its process, and by asking it."""
    rows = []
    for service in services:
        process, address = running(stack, service), str(service.ports[0])
        if not process:
            rows.append(Row(service.name, "down", address))
            continue
        state = "ready" if service.is_ready() else "no answer"
        memory = f"{processes.memory_mb(process):.0f}"
        rows.append(Row(service.name, state, address, str(process.pid), process.since, memory))
    return rows


def follow(stack: Stack, services: Sequence[Service], last: int, *, is_endless: bool) -> Iterator[str]:
    """The last lines of each log, and, where `is_endless`, every line that comes, with the service's name before it."""
    files = {service.name: log_file(stack, service) for service in services}
    offsets = dict.fromkeys(files, 0)
    for name, file in files.items():
        lines, offsets[name] = _lines_from(file, 0)
        yield from (f"{name:<15} {line}" for line in lines[-last:])
    while is_endless:
        time.sleep(processes.POLL_SECONDS)
        for name, file in files.items():
            if file.exists() and file.stat().st_size < offsets[name]:
                offsets[name] = 0  # a new log
            lines, offsets[name] = _lines_from(file, offsets[name])
            yield from (f"{name:<15} {line}" for line in lines)


def _lines_from(file: Path, offset: int) -> tuple[list[str], int]:
    """Whole lines from an offset on, and where the next one begins."""
    if not file.exists():
        return [], 0
    with file.open("rb") as source:
        source.seek(offset)
        body, newline, _ = source.read().rpartition(b"\n")
    if not newline:
        return [], offset
    return body.decode("utf-8", "replace").split("\n"), offset + len(body) + 1
