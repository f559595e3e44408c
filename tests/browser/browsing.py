"""A page under test: opened at a width and in a theme, watched for errors and requests, and checked with axe-core."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias

from playwright.sync_api import Browser, Page, Playwright, Route

Theme: TypeAlias = Literal["light", "dark"]

THEMES: tuple[Theme, ...] = ("light", "dark")
WIDTHS = (390, 1280)
"""A phone and a desk, in CSS pixels."""

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_SWITCHES = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_HERE = ("file:", "data:", "blob:", "about:", "http://127.0.0.1", "http://localhost")


def installed(playwright: Playwright) -> str | None:
    """The path of a Chromium on this machine: the system's, else the one that Playwright downloaded; None without."""
    if found := next(filter(None, map(shutil.which, _NAMES)), None):
        return found
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def launched(playwright: Playwright, path: str) -> Browser:
    """That Chromium, without a window, an account or anything to update."""
    return playwright.chromium.launch(executable_path=path, args=list(_SWITCHES), chromium_sandbox=False)


@dataclass
class View:
    """An open page; `errors` are what its console and its scripts complained of, `fetched` what it asked others for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    def refuse(self, route: Route) -> None:
        """Fetch nothing, and remember what was asked for."""
        self.fetched.append(route.request.url)
        route.abort()

    def violations(self) -> list[str]:
        """What axe-core finds wrong, a line an element: its rule, where it is, and what is said of it."""
        self.page.evaluate(_axe())
        found = self.page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
        return [_told(rule, node) for rule in found for node in rule["nodes"]]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@contextmanager
def viewing(browser: Browser, url: str, *, width: int = 1280, theme: Theme = "light", **context: Any) -> Iterator[View]:
    """`url`, open and loaded, in a context of its own; nothing that isn't on this machine is fetched."""
    height = 844 if width < 600 else 900
    place = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, **context)
    try:
        view = View(place.new_page())
        view.page.on("console", lambda said: view.errors.append(said.text) if said.type == "error" else None)
        view.page.on("pageerror", lambda error: view.errors.append(str(error)))
        place.route(lambda url: not url.startswith(_HERE), view.refuse)
        view.page.goto(url, wait_until="load")
        yield view
    finally:
        place.close()


def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def _told(rule: dict[str, Any], node: dict[str, Any]) -> str:
    return f"{rule['id']} at {node['target']}: {' '.join(node['failureSummary'].split())}"
