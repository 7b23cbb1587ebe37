"""Each page in a real browser: nothing goes wrong, everybody can use it, it fits on a phone, the keyboard is enough."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dash_app.app import find_pages

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # a page that takes long is slow, not wrong
STANDARD = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
# Pages as the list has them, and what they lead to.
ADDRESSES = [
    *find_pages(),
    "/quality?severity=low",
    "/quality?table=silver.coverage&check=started_at_is_known",
    "/lineage?node=gold.readmission.is_readmitted",
    "/lineage?node=silver.encounter",
    "/catalog?table=silver.encounter",
    "/census?since=1900-01-01&until=1900-01-31",  # nobody was in
    "/census?since=nonsense",
    "/lineage?node=nonsense",
    "/runs?run=nonsense",
    "/patients?patient=nonsense",
    "/nonsense",
]


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab that remembers what its console says."""
    context = chromium.new_context(viewport={"width": 1366, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    yield page
    context.close()


def visit(tab: Page, address: str) -> list[str]:
    """Opens an address and waits until its content stands; returns what went wrong in the browser."""
    wrong: list[str] = []
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda e: wrong.append(str(e)))
    tab.goto(address)
    tab.wait_for_selector("#page-title")
    expect(tab.locator("[data-dash-is-loading=true]")).to_have_count(0)
    for chart in tab.locator(".chart").all():
        expect(chart.locator(".main-svg").first).to_be_attached()
    return wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_everybody_can_use_each_page(site: str, tab: Page, address: str, scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert visit(tab, site + address) == []
    assert tab.get_attribute("html", "data-mantine-color-scheme") == scheme
    found = Axe().run(tab, options=STANDARD)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("address", ADDRESSES)
def test_each_page_fits_on_a_phone(site: str, tab: Page, address: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    assert visit(tab, site + address) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_keyboard_alone_reaches_pages_tables_and_content(site: str, tab: Page) -> None:
    visit(tab, site + "/")
    tab.keyboard.press("Tab")
    expect(tab.locator(":focus")).to_have_text("Skip to the content")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "page"
    button = tab.locator("[aria-label='From lines to bronze'] button")
    button.focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("region", name="From lines to bronze, table")).to_contain_text("landed in bronze")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("region", name="From lines to bronze, table")).to_have_count(0)
    tab.get_by_role("link", name="SQL").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#page-title")).to_have_text("SQL")
    expect(tab).to_have_title(re.compile("SQL"))
    assert tab.evaluate("document.activeElement.id") == "page-title"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_analyst_writes_a_query_with_completion_and_gets_rows_and_a_chart(site: str, tab: Page, scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    wrong = visit(tab, site + "/sql")
    editor = tab.locator(".cm-content")
    editor.click()
    tab.keyboard.press("Control+a")
    tab.keyboard.type("select gender, count(*) as people from lake.silver.pat")
    expect(tab.locator(".cm-tooltip-autocomplete")).to_contain_text("patient")
    tab.keyboard.press("Escape")
    tab.keyboard.type("ient group by 1")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+Enter")
    expect(tab.locator("#sql-answer")).to_contain_text("female")
    expect(tab.locator("#sql-chart .main-svg").first).to_be_attached()
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="CSV").click()
    text = saved.value.path().read_text()
    assert text.splitlines()[0] == "gender,people"
    assert "gender" not in tab.url
    found = Axe().run(tab, options=STANDARD)
    assert found.violations_count == 0, found.generate_report()
    editor.click()
    tab.keyboard.press("Control+a")
    tab.keyboard.type("drop table lake.silver.patient")
    tab.keyboard.press("Escape")
    tab.keyboard.press("Control+Enter")
    expect(tab.get_by_role("alert")).to_contain_text("nly queries can be run here")
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_is_found_and_shown_without_a_trace_in_the_address(site: str, tab: Page, scheme: str) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    wrong = visit(tab, site + "/patients")
    tab.get_by_label("Name").fill("an")
    tab.get_by_role("button", name="Search").click()
    person = tab.locator("#content table a").first
    expect(person).to_have_text(re.compile("an", re.IGNORECASE))
    name = person.inner_text()
    person.click()
    expect(tab.locator("#page-title")).not_to_have_text("Patients")
    assert name.split()[0].lower() not in tab.url.lower()
    expect(tab.locator(".chart .main-svg").first).to_be_attached()
    found = Axe().run(tab, options=STANDARD)
    assert found.violations_count == 0, found.generate_report()
    tab.set_viewport_size({"width": 390, "height": 844})
    visit(tab, tab.url)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert wrong == []


def test_a_run_says_where_its_records_went(site: str, tab: Page) -> None:
    wrong = visit(tab, site + "/runs?table=silver.patient")
    tab.locator("#content table tr", has_text="published").first.locator("a").first.click()
    expect(tab.locator(".back")).to_be_visible()
    expect(tab.locator("#content")).to_contain_text("48")  # as many patients came as the sample has versions of
    found = Axe().run(tab, options=STANDARD)
    assert found.violations_count == 0, found.generate_report()
    assert wrong == []


def test_lineage_is_walked_by_links_with_curves_where_there_is_room(site: str, tab: Page) -> None:
    wrong = visit(tab, site + "/lineage?node=gold.readmission.is_readmitted")
    expect(tab.locator(".walk-lines path").first).to_be_attached()
    tab.locator(".walk a", has_text="died_in_hospital").first.click()
    expect(tab.locator("#page-title")).to_contain_text("gold.encounter_fact.died_in_hospital")
    tab.set_viewport_size({"width": 390, "height": 844})
    expect(tab.locator(".walk-lines path")).to_have_count(0)
    assert wrong == []


def test_a_finding_is_acknowledged_and_that_taken_back(site: str, tab: Page) -> None:
    wrong = visit(tab, site + "/quality?table=silver.coverage&check=started_at_is_known")
    tab.get_by_label("Why is it accepted?").fill("The source never says when a coverage began.")
    tab.get_by_role("button", name="Acknowledge").click()
    take_back = tab.get_by_role("button", name="Take it back")
    expect(take_back).to_be_visible()
    expect(tab.locator("#content")).to_contain_text("never says when a coverage began")
    found = Axe().run(tab, options=STANDARD)
    assert found.violations_count == 0, found.generate_report()
    take_back.click()
    expect(tab.get_by_role("button", name="Acknowledge")).to_be_visible()
    assert wrong == []


def test_axe_would_find_what_nobody_can_use(site: str, tab: Page) -> None:
    visit(tab, site + "/")
    tab.evaluate("document.getElementById('content').insertAdjacentHTML('beforeend', '<img src=x><button></button>')")
    assert Axe().run(tab, options=STANDARD).violations_count >= 2


def test_a_server_that_does_not_answer_is_said_and_so_is_that_it_answers_again(site: str, tab: Page) -> None:
    visit(tab, site + "/")
    tab.context.set_offline(True)
    tab.get_by_role("link", name="Runs").click()
    expect(tab.get_by_role("alert")).to_have_text("The dashboard does not answer: what you see may be old.")
    tab.context.set_offline(False)
    tab.get_by_role("link", name="Census").click()
    expect(tab.locator("#page-title")).to_have_text("Census")
    expect(tab.locator("#offline")).to_have_count(0)


def test_printing_leaves_the_frame_away(site: str, tab: Page) -> None:
    visit(tab, site + "/")
    tab.emulate_media(media="print")
    expect(tab.locator(".mantine-AppShell-navbar")).to_be_hidden()
    expect(tab.locator(".card-foot button").first).to_be_hidden()
    expect(tab.locator("h1")).to_be_visible()
    assert tab.pdf()[:5] == b"%PDF-"
