"""`lake dashboard` as a process of its own, and a real Chromium to look at it: for tests, pictures and figures."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
# Chromium's own traffic is of no use here, and as root it starts without its sandbox only.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--no-first-run"]  # fmt: skip


@contextmanager
def dashboard(settings: Settings) -> Iterator[str]:
    """The address of a dashboard over a lake."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "spark_jobs.cli", "dashboard", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings.environment())  # noqa: S603 - our own
    try:
        _wait_for(f"http://127.0.0.1:{port}/live", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Ask until it answers: a minute at most."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
                return
        except OSError:
            time.sleep(0.1)  # between two tries; nothing is asserted on how long it takes
    raise SystemExit("The dashboard does not answer: `lake dashboard` shows why.")


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        raise SystemExit("There is no chromium: install it (Debian, Ubuntu: apt install chromium) or set CHROMIUM.")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()
