"""What the runner has to know of a server."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.native.stack import Address

Say = Callable[[str], None]
"""Told what is going on, in a few words."""


@dataclass(frozen=True)
class Launch:
    """How a process is started. Secrets go by files or the environment, never into the command."""

    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: str | None = None


def nothing(*_: object) -> None:
    """For a service that needs none of this."""


@dataclass(frozen=True)
class Service:
    """One server: what it needs, how it starts, how it is seen to be ready, and what is put into it then.

    `install` fetches what is missing, `prepare` writes its configuration and says how to start it, `is_ready` asks it
    by its own protocol, and `provision` makes what has to exist inside. All may run again at any time.
    """

    name: str
    ports: tuple[Address, ...]
    prepare: Callable[[], Launch]
    is_ready: Callable[[], bool]
    install: Callable[[Say], None] = nothing
    provision: Callable[[], None] = nothing
    needs: tuple[str, ...] = ()
    seconds: int = 60
    stop: signal.Signals = signal.SIGTERM
