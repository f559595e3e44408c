"""The documentation as people see it: every page, narrow and wide, light and dark; the switch; the calculator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from automix_cli.app import app
from tests.browser.browsing import Theme, viewing

ROOT = Path(__file__).parents[2]
PAGES = sorted(page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the built site."""
    folder = tmp_path_factory.mktemp("site")
    building = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(building, cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def _place(page: Path) -> str:
    folder = page.parent if page.stem == "index" else page.with_suffix("")
    return "" if folder == Path(".") else f"{folder}/"


LOOKS: tuple[tuple[int, Theme], ...] = ((390, "dark"), (1280, "light"), (390, "light"), (1280, "dark"))


def _views() -> Iterator[Any]:
    """Each page in every look; in one of the first two by turns where time counts, in all where the slow tests run."""
    for number, page in enumerate(PAGES):
        for place, (width, theme) in enumerate(LOOKS):
            marks = () if place == number % 2 else pytest.mark.slow
            yield pytest.param(page, width, theme, marks=marks, id=f"{page}-{width}-{theme}")


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("page", "width", "theme"), list(_views()))
def test_a_page_is_sound(browser: Browser, site: str, page: Path, width: int, theme: Theme) -> None:
    with viewing(browser, site + _place(page), width=width, theme=theme) as view:
        assert [*view.violations(), *view.errors, *view.fetched] == []
        assert view.overflow() == 0


def test_the_colours_can_be_switched_and_stay(browser: Browser, site: str) -> None:
    scheme = "document.body.getAttribute('data-md-color-scheme')"
    switch = "form[data-md-component=palette] label:visible"
    with viewing(browser, site, theme="dark") as view:
        assert view.page.evaluate(scheme) == "slate"
        view.page.locator(switch).click()
        view.page.wait_for_function(f"{scheme} === 'default'")
        view.page.reload()
        assert view.page.evaluate(scheme) == "default"
        view.page.locator(switch).click()
        view.page.wait_for_function(f"{scheme} === 'slate'")
        view.page.locator(switch).click()
        view.page.emulate_media(color_scheme="light")
        view.page.wait_for_function(f"{scheme} === 'default'")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ratio": "3"},
        {"checks": "separate", "cached": "0.1"},
        {"checks": "none", "kept": "0.2"},
        {"context": "9000"},
    ],
    ids=lambda fields: " ".join(f"{name} {value}" for name, value in fields.items()) or "as it stands",
)
def test_the_calculator_says_what_the_command_says(browser: Browser, site: str, fields: dict[str, str]) -> None:
    with viewing(browser, site + "pays/") as view:
        for name, value in fields.items():
            field = view.page.locator(f"#pays [name={name}]")
            field.select_option(value) if name == "checks" else field.fill(value)
        said = view.page.locator("#pays-says").inner_text()
        fixed = view.page.locator("#pays [name=fixed]").input_value()
    options = [part for name, value in {**fields, "fixed": fixed}.items() for part in (f"--{name}", value)]
    told = CliRunner().invoke(app, ["pays", *options]).output
    share = f"{told.split(' of the large model alone')[0].split()[-1].removesuffix('%')} %"
    assert said.split(":")[0] == told.split(":")[0]
    assert f"the cascade costs {share} of the large model alone" in said


def test_the_calculator_refuses_what_is_no_number(browser: Browser, site: str) -> None:
    with viewing(browser, site + "pays/") as view:
        for value in ("0", "-3", ""):
            view.page.locator("#pays [name=ratio]").fill(value)
            assert "ratio must be" in view.page.locator("#pays-says").inner_text()
