"""The pages in a real browser: nothing is loaded, nothing runs, everyone can read them, at a desk and on a phone."""

from itertools import pairwise
from pathlib import Path

import pytest

from continuity.quality import QualityResult
from continuity.reports import write_quality, write_report
from continuity.reports.content import ReportContent
from continuity.vocabulary import Language, words

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

WIDTHS = (1280, 390)
PAGES = ("report.html", "quality.html", "failed/quality.html")


@pytest.fixture(scope="session")
def site(
    content: ReportContent, failed: QualityResult, tmp_path_factory: pytest.TempPathFactory
) -> dict[Language, Path]:
    folders: dict[Language, Path] = {}
    for language in words(Language):
        folder = folders[language] = tmp_path_factory.mktemp(language)
        write_report(content, folder, language=language)
        write_quality(failed, folder / "failed", language=language, input_name="a.csv", with_json=False)
    return folders


class Opened:
    """A page, and everything that it did while it was opened."""

    def __init__(self, browser: "playwright.Browser", file: Path, width: int) -> None:
        self.address = file.as_uri()
        self.requests: list[str] = []
        self.noise: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.noise.append(message.text))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.noise.append(dialog.message), dialog.dismiss()))
        self.page.goto(self.address)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", words(Language))
@pytest.mark.parametrize("name", PAGES)
def test_page(
    browser: "playwright.Browser", site: dict[Language, Path], name: str, language: Language, width: int
) -> None:
    opened = Opened(browser, site[language] / name, width)
    page = opened.page
    try:
        assert set(opened.requests) - {"data:,"} == {opened.address}
        assert opened.noise == []
        assert page.evaluate("document.scripts.length") == 0
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    finally:
        page.close()


def test_hostile_names_are_text(browser: "playwright.Browser", site: dict[Language, Path]) -> None:
    opened = Opened(browser, site["fi"] / "report.html", 1280)
    try:
        assert opened.page.locator("img").count() == 0
        row = opened.page.locator("th", has_text="<script>alert('unit')</script>").first
        assert row.text_content() == "<script>alert('unit')</script>"
    finally:
        opened.page.close()


def test_headings_go_down_one_level_at_a_time(browser: "playwright.Browser", site: dict[Language, Path]) -> None:
    for name in PAGES:
        opened = Opened(browser, site["fi"] / name, 1280)
        script = "[...document.querySelectorAll('h1,h2,h3,h4')].map(head => Number(head.tagName[1]))"
        levels = opened.page.evaluate(script)
        opened.page.close()
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize(("width", "shown", "hidden"), [(1280, "wide", "narrow"), (390, "narrow", "wide")])
def test_one_drawing_is_shown(
    browser: "playwright.Browser", site: dict[Language, Path], width: int, shown: str, hidden: str
) -> None:
    opened = Opened(browser, site["fi"] / "report.html", width)
    try:
        assert opened.page.locator(f".{shown} svg").first.is_visible()
        assert not opened.page.locator(f".{hidden} svg").first.is_visible()
        sizes = "[...document.querySelectorAll('.narrow svg text')].map(text => text.getBoundingClientRect().height)"
        if width == 390:
            assert min(height for height in opened.page.evaluate(sizes) if height) >= 10
    finally:
        opened.page.close()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(
    browser: "playwright.Browser", site: dict[Language, Path]
) -> None:
    opened = Opened(browser, site["sv"] / "report.html", 1280)
    try:
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.className") == "skip"
        opened.page.keyboard.press("Enter")
        assert opened.page.evaluate("document.activeElement.id") == "content"
    finally:
        opened.page.close()


def test_suppressed_cells_are_a_word(browser: "playwright.Browser", site: dict[Language, Path]) -> None:
    opened = Opened(browser, site["sv"] / "report.html", 1280)
    try:
        row = opened.page.locator("#units tr", has=opened.page.locator("th", has_text="Saaristo")).first
        assert set(row.locator("td").all_text_contents()[1:]) == {"dold"}
    finally:
        opened.page.close()
