"""The browser's own tools: they see what they are to see."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.browsing import viewing

PAGE = """<!doctype html><html><head><title>x</title></head><body>
<main><h1>x</h1><img src="http://example.com/x.png"><p style="width: 500px">wide</p></main>
<script>console.error("complained"); throw new Error("broke")</script></body></html>"""


def test_what_is_wrong_with_a_page_is_seen(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    with viewing(browser, (tmp_path / "page.html").as_uri(), width=390) as view:
        assert view.fetched == ["http://example.com/x.png"]
        assert {"complained", "broke"} <= set(view.errors)
        assert {told.partition(" ")[0] for told in view.violations()} == {"html-has-lang", "image-alt"}
        assert view.overflow() > 0
