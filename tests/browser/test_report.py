"""The report in a browser: both themes, phone and desk, keyboard, axe-core, hostile texts, ten thousand rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.browsing import THEMES, WIDTHS, Theme, View, viewing
from tests.cli.reports import HOSTILE, rows, written


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("report"), rows(80)).as_uri()


@pytest.fixture
def desk(browser: Browser, report: str) -> Iterator[View]:
    with viewing(browser, report) as view:
        yield view


def drawn(page: Page) -> None:
    """Have every figure drawn: they are once they come near the window."""
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
        expect(plot.locator(".main-svg").first).to_be_attached()


def column(page: Page, place: int) -> list[str]:
    """What stands in a column of the table, the first being 1."""
    return page.locator(f"#rows > tbody > tr > :nth-child({place}):not(.more)").all_inner_texts()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_and_nothing_overflows(browser: Browser, report: str, theme: Theme, width: int) -> None:
    with viewing(browser, report, theme=theme, width=width) as view:
        drawn(view.page)
        for summary in view.page.locator("summary").all():
            summary.evaluate("element => { element.parentElement.open = true }")
        view.page.get_by_role("button", name="Details of").first.click()
        assert view.violations() == []
        assert view.overflow() == 0
        assert (view.errors, view.fetched) == ([], [])


def test_the_button_changes_the_theme_and_the_figures(desk: View) -> None:
    page = desk.page
    drawn(page)
    ground, ink = "getComputedStyle(document.body).backgroundColor", "document.querySelector('.plot').layout.font.color"
    before = page.evaluate(ground), page.evaluate(ink)
    page.get_by_role("button", name="Show this page in dark colours").press("Enter")
    page.get_by_role("button", name="Show this page in light colours").wait_for()
    after = page.evaluate(ground), page.evaluate(ink)
    assert before[0] != after[0]
    assert before[1] != after[1]
    page.reload()
    assert page.evaluate(ground) == after[0]
    assert desk.violations() == []


def test_headings_sort_by_click_and_by_keyboard(desk: View) -> None:
    page = desk.page
    heading = page.get_by_role("button", name="score", exact=True)
    heading.click()
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    down = [float(score) for score in column(page, 4)]
    assert down == sorted(down, reverse=True)
    heading.press("Enter")
    up = [float(score) for score in column(page, 4)]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert up == sorted(up)
    assert up != down
    page.get_by_role("button", name="question", exact=True).press("Space")
    assert [int(asked.split()[6].strip("?")) for asked in column(page, 1)] == list(range(25))


def test_rows_are_found_filtered_and_paged(desk: View) -> None:
    page, said = desk.page, desk.page.get_by_role("status")
    expect(said).to_have_text("1 to 25 of 80 questions")
    page.get_by_role("button", name="Next").press("Enter")
    expect(said).to_have_text("26 to 50 of 80 questions")
    page.get_by_role("button", name="Back").click()
    page.get_by_label("search in questions and answers").fill("QUESTION 17?")
    expect(said).to_have_text("1 to 1 of 1 questions")
    page.get_by_label("search in questions and answers").fill("no such thing")
    expect(said).to_have_text("No question is like that.")
    page.get_by_label("search in questions and answers").fill("")
    expect(said).to_have_text("1 to 25 of 80 questions")
    page.get_by_label("answered by").select_option(label="model-1")
    assert {text.rpartition(", ")[2] for text in column(page, 3)} == {"model-1 answered"}
    page.get_by_label("show", exact=True).select_option(label="score below 0.5")
    assert all(float(score) < 0.5 for score in column(page, 4))


def test_details_of_a_row_open_by_keyboard(desk: View) -> None:
    page = desk.page
    opener = page.get_by_role("button", name="Details of What is the answer to question 0?")
    opener.focus()
    page.keyboard.press("Enter")
    assert opener.get_attribute("aria-expanded") == "true"
    told = page.locator("#rows .more").first
    for words in ("model 0 says 0", "model 1 says 0", "signals: echo 0, support 0", "Route: draft", "answer 0"):
        assert words in told.inner_text().replace("\n", " ")
    page.keyboard.press("Enter")
    expect(told).to_be_hidden()


def test_everything_can_be_reached_by_keyboard(desk: View) -> None:
    page = desk.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"theme", "A", "SUMMARY"} <= reached


def test_figures_are_drawn_with_their_labels_and_a_table(desk: View) -> None:
    page = desk.page
    drawn(page)
    names = page.locator("[data-figure=tradeoff-plot] .annotation-text").all_text_contents()
    assert names == ["this policy", "model-0", "model-1"]
    page.get_by_text("The same as a table").first.click()
    assert page.get_by_role("region", name="Cost and quality of every way to answer").get_by_role("row").count() > 5


def test_it_prints_in_light_colours_with_every_figure(browser: Browser, report: str, tmp_path: Path) -> None:
    with viewing(browser, report, theme="dark") as view:
        printed = view.page.pdf()
        assert printed.startswith(b"%PDF")
        expect(view.page.locator(".plot .main-svg").first).to_be_attached()
        assert view.page.locator(".plot:has(.main-svg)").count() == view.page.locator(".plot").count()
        assert view.errors == []


def test_without_scripts_the_answer_and_the_tables_are_there(browser: Browser, report: str) -> None:
    with viewing(browser, report, java_script_enabled=False) as view:
        assert view.page.locator(".verdict .line").inner_text()
        assert view.page.locator("figure table").count() == 7
        assert "This table needs JavaScript" in view.page.locator("#browse").inner_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_hostile_texts_do_nothing(browser: Browser, tmp_path: Path, width: int) -> None:
    report = written(tmp_path, rows(60, hostile=True))
    with viewing(browser, report.as_uri(), width=width) as view:
        page = view.page
        drawn(page)
        for opener in page.get_by_role("button", name="Details of").all()[: len(HOSTILE)]:
            opener.click()
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert "owned" not in page.evaluate("document.title.replace(/'owned'/g, '')")
        assert page.locator("main img, main iframe, main svg:not(.plot *), main a:not([href^='#'])").count() == 0
        assert page.locator(".plot a").count() == 0
        assert view.overflow() == 0
        assert view.violations() == []
        assert (view.errors, view.fetched) == ([], [])


def test_ten_thousand_rows_are_paged_sorted_and_searched(browser: Browser, tmp_path: Path) -> None:
    report = written(tmp_path, rows(10_000))
    assert report.stat().st_size < 20_000_000
    with viewing(browser, report.as_uri()) as view:
        page, said = view.page, view.page.get_by_role("status")
        expect(said).to_have_text("1 to 25 of 10,000 questions")
        shown = page.evaluate("performance.getEntriesByName('automix-shown')[0].startTime")
        assert page.locator("#rows tr").count() == 1 + 2 * 25
        page.get_by_role("button", name="cost of 1,000").click()
        page.get_by_label("search in questions and answers").fill("question 9999?")
        expect(said).to_have_text("1 to 1 of 1 questions")
        assert view.errors == []
        print(f"10,000 rows: {report.stat().st_size / 1e6:.1f} MB, shown after {shown / 1000:.2f} s")
