"""Writes the pictures of the dashboard's pages, docs/images/*.png: `make screenshots`, over the demo's lake.

The people in them are invented. Pictures are made anew on purpose only: fonts and times differ from machine to machine.
"""

from typing import Literal

from playwright.sync_api import Page

from dash_app.app import find_pages
from infra import served
from lakehouse.settings import Settings

IMAGES = served.ROOT / "docs" / "images"


def main() -> None:
    """Serve the demo's lake, open each page, and take its picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with served.dashboard(Settings()) as site, served.browser() as browser:
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


if __name__ == "__main__":
    main()
