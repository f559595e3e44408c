"""Fixtures of the browser's tests; all of them are marked `browser`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.browsing import installed, launched

_HERE = Path(__file__).parent

expect.set_options(timeout=60_000)  # a machine with other work to do is no fault of a page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A Chromium for the whole run. Without one the tests are skipped, and say so."""
    with sync_playwright() as playwright:
        path = installed(playwright)
        if path is None:
            pytest.skip("no Chromium on this machine: install the system's, or run `playwright install chromium`")
        running = launched(playwright, path)
        yield running
        running.close()
