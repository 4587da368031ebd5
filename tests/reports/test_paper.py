"""The report on paper: tagged, in three languages, the same from run to run, and clear when it cannot be made."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from continuity.errors import UsageError
from continuity.reports import write_report
from continuity.reports.content import ReportContent
from continuity.reports.figure import Figure
from continuity.reports.figures import figures_of
from continuity.reports.paper import paper_content, report_paper
from continuity.reports.wording import words_of
from continuity.vocabulary import Language

LANGUAGES: tuple[Language, ...] = ("fi", "sv", "en")
needs_typst = pytest.mark.skipif(importlib.util.find_spec("typst") is None, reason="typst is not installed")


@pytest.fixture(scope="module")
def figures(content: ReportContent) -> tuple[Figure, ...]:
    return figures_of(content, words_of("en"))


def blocks_of(paper: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    parts = [part for chapter in paper["chapters"] for part in chapter["parts"]]
    return [block for part in parts for block in part["blocks"] if block["kind"] == kind]


@needs_typst
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pdf_is_accessible_and_repeatable(
    content: ReportContent, figures: tuple[Figure, ...], language: Language
) -> None:
    paper = report_paper(content, words_of(language), figures)
    assert paper.startswith(b"%PDF-")
    assert b"<pdfuaid:part>1<" in paper  # Typst refuses to write this over missing tags or alternative texts
    assert b"StructTreeRoot" in paper
    assert f"/Lang({language})".encode() in paper
    assert report_paper(content, words_of(language), figures) == paper


def test_the_paper_says_what_the_page_says(content: ReportContent, figures: tuple[Figure, ...]) -> None:
    words = words_of("en")
    paper = paper_content(content, words, figures)
    assert [chapter["title"] for chapter in paper["chapters"]] == ["For managers", "For evaluators", "Methods"]
    headings = [block["text"] for block in blocks_of(paper, "heading")]
    assert {figure.title for figure in figures} <= set(headings)
    pictures = [item for block in blocks_of(paper, "pictures") for item in block["items"]]
    assert len(pictures) == sum(len(figure.panels) for figure in figures)
    assert all(item["alt"] for item in pictures)
    assert any("<script>" in row[0] for table in blocks_of(paper, "table") for row in table["rows"])


@needs_typst
def test_the_pdf_is_listed(content: ReportContent, tmp_path: Path) -> None:
    written = write_report(content, tmp_path, language="sv", pdf=True)
    assert tmp_path / "report.pdf" in written
    outputs = {one["file"]: one for one in json.loads((tmp_path / "manifest.json").read_text("utf-8"))["outputs"]}
    assert outputs["report.pdf"]["type"] == "document"
    assert set(outputs["report.pdf"]["tables"]) == set(content.tables)


def test_without_typst_one_sentence_says_what_to_do(
    content: ReportContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "typst" else found(name))
    with pytest.raises(UsageError, match=r"pip install 'continuity\[pdf\]'"):
        write_report(content, tmp_path, language="en", pdf=True)
    assert not list(tmp_path.iterdir())
