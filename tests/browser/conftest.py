"""A real server over the demo's lake and a real Chromium beside it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from infra import served
from lakehouse.settings import Settings


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of a dashboard over the demo's lake; fails, with what to do, where there is no such lake."""
    settings = Settings()
    if not settings.catalog_db.exists():
        pytest.fail(f"there is no lake in {settings.root}: run `make demo` first")
    with served.dashboard(settings) as address:
        yield address


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, or the one that CHROMIUM names."""
    with served.browser() as opened:
        yield opened
