"""Writes the pictures of the dashboard's pages, docs/images/*.png: `make screenshots`, over the demo's lake.

The people in them are invented. Pictures are made anew on purpose only: fonts and times differ from machine to machine.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from dash_app.app import find_pages
from lakehouse.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def main() -> None:
    """Serve the demo's lake, open each page, and take its picture."""
    home = Settings().root
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise SystemExit("There is no chromium: install it (Debian, Ubuntu: apt install chromium) or set CHROMIUM.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "spark_jobs.cli", "dashboard", "--port", str(port)]
    environment = os.environ | {"LAKE_HOME": str(home)}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603  # our own
    site = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{site}/live")
        IMAGES.mkdir(parents=True, exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            for name, address, scheme, width in pictures():
                tab = browser.new_context(
                    viewport={"width": width, "height": 860}, color_scheme=scheme, reduced_motion="reduce"
                ).new_page()
                tab.goto(site + address)
                settle(tab)
                if name == "patient":
                    open_a_patient(tab)
                if name == "sql":
                    tab.locator("#sql-run").click()
                    tab.wait_for_selector("#sql-answer .card")
                    settle(tab)
                tab.screenshot(path=IMAGES / f"{name}.png")
                print(f"docs/images/{name}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


Scheme = Literal["light", "dark"]


def pictures() -> list[tuple[str, str, Scheme, int]]:
    """Name, address, scheme and width of each picture: all pages, and some of what they lead to."""
    pages: list[tuple[str, str, Scheme, int]] = [
        (path.strip("/") or "overview", path, "light", 1280) for path in find_pages()
    ]
    return [
        *pages,
        ("patient", "/patients", "light", 1280),
        ("lineage-column", "/lineage?node=gold.readmission.is_readmitted", "light", 1280),
        ("overview-dark", "/", "dark", 1280),
        ("overview-phone", "/", "light", 390),
    ]


def open_a_patient(tab: Page) -> None:
    """Search for a name that the sample has, and follow the first that is found."""
    tab.get_by_label("Name").fill("an")
    tab.get_by_role("button", name="Search").click()
    tab.locator("#content table a").first.click()
    tab.wait_for_selector(".back")
    settle(tab)


def settle(tab: Page) -> None:
    """Wait until the page's charts stand."""
    tab.wait_for_selector("#page-title")
    tab.wait_for_selector("[data-dash-is-loading=true]", state="detached")
    for chart in tab.locator(".chart").all():
        chart.locator(".main-svg").first.wait_for(state="attached")
    tab.wait_for_timeout(600)  # for curves and legends; a picture, not a test


def _wait_for(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # loopback
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The dashboard does not answer: `lake dashboard` shows why.")


if __name__ == "__main__":
    main()
