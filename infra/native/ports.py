"""Who listens where, so that a port that is taken can be told with the one who has it."""

import errno
import re
import socket
from pathlib import Path

from infra.native.stack import Address
from lakehouse.errors import EnvironmentFailed

_LISTENS = "0A"


def check_free(service: str, address: Address, setting: str) -> None:
    """Raise EnvironmentFailed where nothing can listen on that address."""
    family = socket.AF_INET6 if ":" in address.ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.ip, address.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                holder = holder_of(address.port)
                raise EnvironmentFailed(
                    f"Port {address.port} for {service} is taken{f' by {holder}' if holder else ''}: "
                    f"stop that, or set {setting} to another port."
                ) from error
            raise EnvironmentFailed(
                f"{service} can't listen on {address} ({error.strerror}): set {setting} to an address of this machine."
            ) from error


def holder_of(port: int) -> str:
    """Name and pid of the process that listens on a port; empty where the system does not say."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(handle.readlink()) in inodes for handle in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (pid {process.name})"
        except OSError:
            continue  # another user's process, or one that has just ended
    return ""


def _listening(table: str, port: int) -> list[str]:
    try:
        rows = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    found = []
    for row in rows:
        fields = row.split()
        if fields[3] == _LISTENS and re.search(rf":{port:04X}$", fields[1]):
            found.append(fields[9])
    return found
