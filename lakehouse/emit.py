"""Sends OpenLineage events to a file or an HTTP endpoint. It never raises, and never holds a run up for long."""

import logging
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from lakehouse.settings import Settings

_log = logging.getLogger(__name__)
_SECONDS = 2.0  # longest that a run waits for one event
_PAUSE_SECONDS = 60.0  # how long an endpoint that did not answer is left alone
_down_until: dict[str, float] = {}
_appending = threading.Lock()


def emit(settings: Settings, event: str) -> None:
    """Send one event, a line of JSON; where that fails, a warning is logged and the event is lost."""
    target = settings.openlineage
    if not target or time.monotonic() < _down_until.get(target, 0.0):
        return
    is_url = target.startswith(("http://", "https://"))
    # In a thread, for looking up a name and slow answers know no timeout of their own.
    sender = threading.Thread(target=_send, args=(_post if is_url else _append, target, event), daemon=True)
    sender.start()
    sender.join(_SECONDS)
    if sender.is_alive():
        _failed(target, "did not answer in time")


def _send(way: Callable[[str, str], None], target: str, event: str) -> None:
    try:
        way(target, event)
    except Exception as error:
        _failed(target, f"failed with {type(error).__name__}")


def _failed(target: str, what: str) -> None:
    _down_until[target] = time.monotonic() + _PAUSE_SECONDS
    _log.warning(
        "LAKE_OPENLINEAGE: the target of lineage events %s; events are lost for %d seconds.", what, _PAUSE_SECONDS
    )


def _append(target: str, event: str) -> None:
    path = Path(target).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _appending, path.open("a", encoding="utf-8") as file:
        file.write(event + "\n")


def _post(target: str, event: str) -> None:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(target, event.encode(), headers, method="POST")  # noqa: S310  # http(s) only
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
        pass
