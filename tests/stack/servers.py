"""The servers under the tests' lakes, to be killed and started again."""

import os
import signal
from pathlib import Path

from infra.native import processes
from infra.native.runner import running, up
from infra.native.service import Service
from infra.native.services import all_services
from infra.native.stack import Stack
from lakehouse.settings import Settings

HOME = "LAKE_TEST_STACK"
"""The folder of the stack, in the environment of the tests that `run.py` starts."""


_CRASH = {"postgres": signal.SIGQUIT}  # ends all its sessions, too, and recovers at its start


def kill(settings: Settings, name: str) -> None:
    """Let a server crash: it writes nothing more, and stays away until it is started."""
    stack, service = _find(settings, name)
    process = running(stack, service)
    assert process is not None, f"{name} does not run"
    processes.stop(process, _CRASH.get(name, signal.SIGKILL), 20)


def start(settings: Settings, name: str) -> None:
    """Start it as people do, and wait until it is ready; it may be up already."""
    stack, service = _find(settings, name)
    up(stack, [service], lambda _: None)


def restart(settings: Settings, name: str) -> None:
    """Let it crash, and start it again."""
    kill(settings, name)
    start(settings, name)


def _find(settings: Settings, name: str) -> tuple[Stack, Service]:
    home = os.environ.get(HOME)
    stack = Stack(settings.model_copy(update={"home": Path(home)}) if home else settings)
    (service,) = (s for s in all_services(stack) if s.name == name)
    return stack, service
