"""The dashboard over a lake on servers, in a real browser: each sees what the role lets them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from dash_app.app import find_pages
from infra import served
from lakehouse.sql.engine import open_engine
from tests.stack.conftest import PASSWORD
from tests.stack.copies import DemoLake

pytestmark = pytest.mark.stack
expect.set_options(timeout=60_000)  # a page that takes long is slow, not wrong


@pytest.fixture(scope="module")
def site(demo_on_servers: DemoLake) -> Iterator[str]:
    """The dashboard as somebody starts it who set LAKE_PROFILE and nothing else."""
    without_cluster = demo_on_servers.there.model_copy(update={"spark_master": ""})
    with served.dashboard(without_cluster) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with served.browser() as opened:
        yield opened


def log_in(chromium: Browser, site: str, name: str) -> Page:
    tab = chromium.new_context(viewport={"width": 1366, "height": 900}).new_page()
    tab.goto(f"{site}/login")
    tab.fill("#name", name)
    tab.fill("#password", PASSWORD)
    tab.click("button[type=submit]")
    return tab


def visit(tab: Page, address: str) -> str:
    """All that the page says once it stands."""
    tab.goto(address)
    tab.wait_for_selector("#page-title", timeout=120_000)  # the first page looks at all tables
    expect(tab.locator("[data-dash-is-loading=true]")).to_have_count(0)
    return tab.inner_text("#page")


@pytest.mark.parametrize("name", ["one.analyst", "one.clinician", "one.operator"])
def test_each_page_answers_who_may_ask(site: str, chromium: Browser, name: str) -> None:
    tab = log_in(chromium, site, name)
    for page in find_pages():
        said = visit(tab, site + page)
        for wrong in (
            "this is not for one.",
            "not foreseen",
            "could not be read",
            "does not answer",
            "shows nothing to",
        ):
            assert wrong not in said.lower(), (page, said[:300])
    tab.context.close()


def test_an_administrator_is_told_to_take_another_account(site: str, chromium: Browser) -> None:
    tab = log_in(chromium, site, "one.administrator")
    assert "Pages show nothing to one.administrator" in visit(tab, f"{site}/patients")
    tab.context.close()


def test_a_clinician_finds_a_person_by_name_and_an_analyst_never_sees_one(
    site: str, chromium: Browser, demo_on_servers: DemoLake
) -> None:
    family = (
        open_engine(demo_on_servers.here)
        .query(
            "SELECT family_name FROM lake.silver.patient WHERE family_name IS NOT NULL AND NOT is_deleted "
            "GROUP BY 1 ORDER BY length(family_name) DESC, 1 LIMIT 1"
        )
        .to_pylist()[0]["family_name"]
    )
    for name, finds in (("one.clinician", True), ("one.analyst", False)):
        tab = log_in(chromium, site, name)
        visit(tab, f"{site}/patients")
        tab.locator("#patient-search").press_sequentially(family)
        tab.click("#patient-search-go")
        found = tab.locator("#patient-found")
        expect(found).to_contain_text(family if finds else "Nobody fits")
        assert (family in found.inner_text()) is finds
        tab.context.close()
