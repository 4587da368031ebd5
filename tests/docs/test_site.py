"""The site: every link leads somewhere, nothing is loaded from elsewhere, everyone can read it."""

import re
import runpy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
LOADS = {"src", "srcset", "data", "poster", "background"}  # attributes by which a page takes something in


class Seen(HTMLParser):
    """What a page holds: tags, anchors, links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.anchors: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.attributes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append(name)
            if name == "id":
                self.anchors.append(value or "")
            elif tag == "a" and name == "href":
                self.links.append(value or "")
            elif name in LOADS or (tag == "link" and name == "href"):
                self.loads.append(value or "")


@pytest.fixture(scope="session")
def builder() -> dict[str, Any]:
    pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    return runpy.run_path(str(ROOT / "docs" / "build_site.py"))


@pytest.fixture(scope="session")
def site(builder: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("docs") / "site"
    builder["build"](directory)
    return directory


@pytest.fixture(scope="session")
def seen(site: Path) -> dict[Path, Seen]:
    return {path: Seen(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_page_and_notebook_is_in_it(site: Path, seen: dict[Path, Seen]) -> None:
    names = {str(path.relative_to(site)) for path in seen}
    for folder, pattern in (("docs", "*.md"), ("docs/decisions", "*.md"), ("notebooks", "*.ipynb")):
        for source in (ROOT / folder).glob(pattern):
            if ".head." not in source.name:
                assert f"{folder}/{source.stem}.html" in names, f"{source.name} stands in no section of contents.toml"
    assert "index.html" in names


def test_every_link_and_anchor_leads_somewhere(site: Path, seen: dict[Path, Seen]) -> None:
    for path, page in seen.items():
        assert len(page.anchors) == len(set(page.anchors)), f"{path.name} has an anchor twice"
        for link in page.links:
            if re.match(r"https?:|mailto:", link):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_relative_to(site.resolve()), f"{path.name} leads out of the site: {link}"
            assert target.is_file(), f"{path.name} links to {link}, which is not there"
            if anchor and target.suffix == ".html":
                assert anchor in seen[site / target.relative_to(site.resolve())].anchors, f"{path.name}: {link}"


def test_nothing_runs_and_nothing_is_loaded_from_elsewhere(site: Path, seen: dict[Path, Seen]) -> None:
    for path, page in seen.items():
        assert not {"script", "iframe", "object", "embed", "form", "base"} & set(page.tags), path.name
        assert not [name for name in page.attributes if name.startswith("on")], path.name
        for load in page.loads:
            assert load.startswith("data:") or (path.parent / unquote(load)).is_file(), f"{path.name} loads {load}"
        assert "@import" not in path.read_text(encoding="utf-8")
    for svg in site.rglob("*.svg"):
        text = svg.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r'(href|src)="(?!#)', text)


def test_every_page_has_one_name_one_heading_and_the_way_to_all_others(seen: dict[Path, Seen]) -> None:
    for path, page in seen.items():
        text = path.read_text(encoding="utf-8")
        assert page.tags.count("h1") == 1, path.name
        assert re.search(r"<title>\w", text), path.name
        assert len([link for link in page.links if link.endswith(".html")]) >= len(seen)
        assert text.count('aria-current="page"') == (path.name != "index.html"), path.name
    titles = [re.search("<title>(.*?)</title>", path.read_text(encoding="utf-8")) for path in seen]
    assert len({found.group(1) for found in titles if found}) == len(seen)


def test_texts_are_escaped_and_comments_left_out(builder: dict[str, Any]) -> None:
    writer = builder["Writer"](set())
    html = writer.text("README.md", "<!-- made -->\n# A <b>x</b>\n\n<script>1</script> `<i>`", {})
    assert "made" not in html
    assert "<script" not in html
    assert "<b>" not in html
    with pytest.raises(SystemExit, match="not there"):
        writer.text("README.md", "[x](nowhere.md)", {})


def test_a_folder_with_other_files_is_left_alone(builder: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="did not write"):
        builder["build"](tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_earlier_site_is_replaced_as_a_whole(builder: dict[str, Any], tmp_path: Path) -> None:
    directory = tmp_path / "site"
    builder["build"](directory)
    (directory / "stale.html").write_text("old")
    builder["build"](directory)
    assert not (directory / "stale.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_finds_it_whole_and_readable(site: Path, width: int) -> None:
    """Nothing is asked from the network, no text runs out of the page, and axe finds no violation."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    pages = (
        "index.html",
        "docs/guide-manager.fi.html",
        "docs/guide-manager.sv.html",
        "docs/which-index.html",
        "notebooks/04-evaluating-a-rollout.html",
    )
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        for name in pages:
            page = browser.new_page(viewport={"width": width, "height": 900})
            asked: list[str] = []
            said: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda message, said=said: said.append(message.text))
            page.goto((site / name).as_uri())
            page.wait_for_load_state()
            assert not [url for url in asked if not url.startswith(("file:", "data:"))]
            assert said == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
            assert page.evaluate(broken) == 0
            found = axe.Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        browser.close()
