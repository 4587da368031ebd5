"""The report as a tagged PDF: the same chapters, figures and tables as the page, set by Typst without a network."""

import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from continuity.errors import UsageError
from continuity.reports.content import ReportContent
from continuity.reports.figure import Figure, Panel
from continuity.reports.grids import Grid
from continuity.reports.labels import definition
from continuity.reports.messages import context, sentences, tiles
from continuity.reports.method import flow_of, preset_note, rules_of, unknown_providers, versions_of
from continuity.reports.page import (
    FOR_EVALUATORS,
    FOR_MANAGERS,
    figures_for,
    index_grids,
    limits_text,
    shown_indices,
    standing_lead,
)
from continuity.reports.paragraph import paragraphs, references
from continuity.reports.quality_page import QualityView, quality_view
from continuity.reports.rows import leading_roles
from continuity.reports.standing import standing_grid
from continuity.reports.wording import Words

_TEMPLATE: Final = Path(__file__).parent / "templates" / "report.typ"
_STANDARD: Final = "ua-1"  # PDF/UA: tags, reading order, language, alternative texts
_LETTERS: Final = re.compile(r'font-family="[^"]*"')
_BUNDLED: Final = 'font-family="Libertinus Serif"'  # typst carries it; letters of the machine would differ by machine
_READING: Final = ("scale", "construct", "compare")

Block = dict[str, Any]
Blocks = Iterator[Block]


def require_typst() -> None:
    """Stop early where a PDF cannot be made.

    Raises
    ------
    UsageError
        The extra ``pdf`` is not installed.
    """
    if importlib.util.find_spec("typst") is None:
        raise UsageError(
            "A PDF is set by the package typst, which is not installed.",
            allowed="Without it every other file of the report is written.",
            next_step="Install it with: pip install 'continuity[pdf]', or leave --pdf out.",
        )


def report_paper(content: ReportContent, words: Words, figures: Sequence[Figure]) -> bytes:
    """Make the PDF.

    Parameters
    ----------
    content : ReportContent
    words : Words
    figures : sequence of Figure

    Returns
    -------
    bytes
        PDF/UA-1; equal content gives equal bytes.

    Raises
    ------
    UsageError
        The extra ``pdf`` is not installed.
    """
    require_typst()
    import typst

    made_on = content.method.created_on
    pictures = {
        f"{figure.key}-{panel.role}.svg": _drawing(figure, panel) for figure in figures for panel in figure.panels
    }
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        (root / "report.typ").write_bytes(_TEMPLATE.read_bytes())
        (root / "content.json").write_text(json.dumps(paper_content(content, words, figures)), "utf-8")
        for name, svg in pictures.items():
            (root / name).write_text(svg, "utf-8")
        paper: Any = typst.Compiler(root / "report.typ", root=root, ignore_system_fonts=True).compile(
            format="pdf",
            pdf_standards=_STANDARD,
            timestamp=datetime(made_on.year, made_on.month, made_on.day, tzinfo=UTC),
        )
    return bytes(paper)


def paper_content(content: ReportContent, words: Words, figures: Sequence[Figure]) -> dict[str, Any]:
    """Give what stands on the paper, as data for the template: chapters of parts of blocks."""
    method = content.method
    period = words.style.period(method.window_start, method.window_end)
    quality = quality_view(content.quality, words)
    chapters = {
        "manager": {
            "summary.heading": _summary(content, words),
            "figures.heading": _figures(figures_for(figures, FOR_MANAGERS), words),
            "reading.heading": _reading(content, words),
            "next.heading": iter(
                [_items("steps", [words(f"next.{step}") for step in ("one", "two", "three", "four")])]
            ),
        },
        "evaluator": {
            "nav.compare": _compare(content, words, figures),
            "table.heading": _indices(content, words),
        },
        "methods": {"method.heading": _method(content, words), "quality.title": _quality(quality, words)},
    }
    return {
        "language": words.language,
        "title": words("page.title"),
        "eyebrow": words("page.eyebrow"),
        "about": words("page.about", period=period, input=method.input_name, date=words.style.day(method.created_on)),
        "contents": words("page.contents"),
        "footer": words("page.made_with", version=method.versions.get("continuity", "")),
        "date": [method.created_on.year, method.created_on.month, method.created_on.day],
        "chapters": [
            {
                "title": words(f"chapter.{name}"),
                "lead": words(f"chapter.{name}_lead"),
                "parts": [
                    {"title": words(key), "blocks": blocks} for key, part in parts.items() if (blocks := list(part))
                ],
            }
            for name, parts in chapters.items()
        ],
    }


def _drawing(figure: Figure, panel: Panel) -> str:
    """Give the drawing whose letters stay readable: side by side there is the width of a phone."""
    return _LETTERS.sub(_BUNDLED, str(panel.wide if len(figure.panels) == 1 else panel.narrow))


def _text(kind: str, text: str) -> Block:
    return {"kind": kind, "text": text}


def _items(kind: str, items: Sequence[Any]) -> Block:
    return {"kind": kind, "items": list(items)}


def _table(grid: Grid, *, captioned: bool = True) -> Block:
    heads = [{"text": head, "numeric": numeric} for head, numeric in grid.heads]
    rows = [[cell.text for cell in row] for row in grid.rows]
    return {"kind": "table", "caption": grid.caption if captioned else "", "heads": heads, "rows": rows}


def _summary(content: ReportContent, words: Words) -> Blocks:
    for sentence in sentences(content, words):
        yield _text("message", sentence)
    found = tiles(content, words)
    if found:
        yield _items("tiles", [{"label": one.label, "value": one.value, "note": one.note} for one in found])
    for note in filter(None, (preset_note(content.method, words), context(content, words))):
        yield _text("note", note)


def _figures(figures: Sequence[Figure], words: Words) -> Blocks:
    for figure in figures:
        yield _text("heading", figure.title)
        yield _text("lead", figure.lead)
        for sentence in figure.findings:
            yield _text("finding", sentence)
        if figure.panels:
            yield _items("pictures", [_picture(figure, place, words) for place in range(len(figure.panels))])
        if figure.note:
            yield _text("note", figure.note)
        yield _table(figure.grid, captioned=False)


def _picture(figure: Figure, place: int, words: Words) -> dict[str, str]:
    panel = figure.panels[place]
    alt = words("figures.name", title=figure.title, role=panel.title)
    return {"title": panel.title, "file": f"{figure.key}-{panel.role}.svg", "alt": alt}


def _reading(content: ReportContent, words: Words) -> Blocks:
    for part in _READING:
        yield _text("heading", words(f"reading.{part}_title"))
        yield _text("text", words(f"reading.{part}"))
    yield _text("heading", words("reading.hidden_title"))
    yield _text("text", limits_text(content, words))
    unknown = unknown_providers(content, words)
    if unknown:
        yield _text("heading", words("reading.unknown_title"))
        for sentence in unknown:
            yield _text("text", sentence)


def _compare(content: ReportContent, words: Words, figures: Sequence[Figure]) -> Blocks:
    yield from _figures(figures_for(figures, FOR_EVALUATORS), words)
    grid = standing_grid(content, leading_roles(content), words)
    if grid is not None:
        yield _text("heading", grid.caption)
        yield _text("lead", standing_lead(content, words))
        yield _table(grid, captioned=False)


def _indices(content: ReportContent, words: Words) -> Blocks:
    yield _text("lead", f"{words('table.lead')} {words('table.patients_missing')}")
    for grid in index_grids(content, words):
        yield _table(grid)


def _method(content: ReportContent, words: Words) -> Blocks:
    yield _text("heading", words("method.cite_title"))
    for paragraph in paragraphs(content, words):
        yield _text("quote", paragraph)
    yield _text("heading", words("method.references_title"))
    yield _text("lead", words("method.references_lead"))
    yield _items("list", [f"[{one.key}] {one.text}" for one in references(content)])
    yield _text("heading", words("method.definitions_title"))
    yield _text("lead", words("method.symbols"))
    defined = [definition(key, words) for key in shown_indices(content)]
    yield _items("list", [f"{one.label}: {one.formula}. {one.source}. {' '.join(one.notes)}" for one in defined])
    flow = flow_of(content, words)
    if flow is not None:
        yield _text("heading", words("method.flow_title"))
        yield _text("lead", words("method.flow_lead"))
        yield _table(flow, captioned=False)
    for grid in (rules_of(content.method, words), versions_of(content.method, words)):
        yield _text("heading", grid.caption)
        yield _table(grid, captioned=False)


def _quality(view: QualityView, words: Words) -> Blocks:
    checked = words.style.count(len(view.checks.rows))
    yield _text("lead", words("quality.report_lead", checked=checked, verdict=view.verdict))
    if view.warnings:
        yield _text("heading", words("quality.warnings_title"))
        yield _items("list", [f"{one.title}: {one.how_many}. {one.action}" for one in view.warnings])
    yield _text("heading", words("quality.all_title"))
    yield _table(view.checks, captioned=False)
