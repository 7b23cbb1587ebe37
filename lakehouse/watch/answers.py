"""What probes and Prometheus are answered: /live, /ready, /health and /metrics, wherever they are served.

The first three are for anybody and say nothing of places, accounts or data. /metrics is for who has the token: the
secret `metrics-prometheus`, sent as a bearer token.
"""

import hmac
import json
import secrets
from dataclasses import dataclass

from lakehouse.errors import EnvironmentFailed
from lakehouse.secrets import read_secret, write_secret
from lakehouse.settings import Settings
from lakehouse.watch.health import READY, Health, Part
from lakehouse.watch.metrics import CONTENT_TYPE, exposition
from lakehouse.watch.reading import Watcher

TOKEN = "metrics-prometheus"  # noqa: S105 - the secret's name
PATHS = ("/live", "/ready", "/health", "/metrics")
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: 200, or 503 where a part does not answer."""

    status: int
    body: bytes
    content_type: str = _TEXT


def live() -> Answer:
    """That the process answers."""
    return Answer(200, b"ok\n")


def ready(health: Health) -> Answer:
    """Whether pages can be answered: catalog, control database, store of files and SQL engine, asked now."""
    wrong = [part.said for part in health.look(READY) if not part.is_up]
    return Answer(503, "".join(f"{said}\n" for said in wrong).encode()) if wrong else Answer(200, b"ok\n")


def all_parts(health: Health) -> Answer:
    """Each part with `ok` or a sentence, as JSON."""
    parts = health.look()
    said = {part.name: part.said for part in parts}
    is_up = all(part.is_up for part in parts)
    text = json.dumps({"status": "ok" if is_up else "failing", "parts": said}, indent=1)
    return Answer(200 if is_up else 503, f"{text}\n".encode(), "application/json")


def metrics(watcher: Watcher) -> Answer:
    """All metrics as of now."""
    return Answer(200, exposition(watcher.read()), CONTENT_TYPE)


def is_allowed(settings: Settings, authorization: str | None) -> bool:
    """Whether the header `Authorization` carries the token; never without one."""
    try:
        token = read_secret(settings, TOKEN)
    except EnvironmentFailed:
        return False
    return hmac.compare_digest((authorization or "").encode(), f"Bearer {token}".encode())


def ensure_token(settings: Settings) -> None:
    """Make the token if there is none."""
    if not (settings.secrets_dir / TOKEN).exists():
        write_secret(settings, TOKEN, secrets.token_urlsafe(32))


def sentences(parts: list[Part]) -> list[tuple[str, str]]:
    """Each part with what it says, in full: for who runs it."""
    return [(part.name, part.said if part.is_up else f"{part.said} {part.detail}".strip()) for part in parts]
