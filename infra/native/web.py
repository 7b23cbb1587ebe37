"""Asking the servers over HTTP: directly, for no proxy leads to this machine's loopback."""

import json
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 3


def answers(url: str) -> bool:
    """Whether a URL is answered with success."""
    return _read(url) is not None


def ask(url: str, authority: Path | None = None) -> dict[str, Any]:
    """The JSON object at a URL; an empty one where there is no answer, or none that can be read."""
    text = _read(url, authority)
    try:
        said = json.loads(text or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _read(url: str, authority: Path | None = None) -> bytes | None:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if authority:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(authority))))
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=_TIMEOUT_SECONDS) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, HTTPException, OSError):
        return None
