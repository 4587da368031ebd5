"""The page for a manager: first what the numbers say, then the pictures, the tables and how they were made."""

from collections.abc import Sequence
from typing import Final

from continuity.reports.content import ReportContent
from continuity.reports.figure import Figure
from continuity.reports.figures import figures_of
from continuity.reports.grids import Grid, grid_of
from continuity.reports.labels import definition
from continuity.reports.messages import context, sentences, tiles
from continuity.reports.method import choice_of, flow_of, preset_note, rules_of, unknown_providers, versions_of
from continuity.reports.paragraph import paragraphs, references
from continuity.reports.quality_page import quality_view
from continuity.reports.rendering import render
from continuity.reports.rows import all_roles, leading_roles, rows_of
from continuity.reports.standing import standing_grid
from continuity.reports.wording import Words

_CHAPTERS: Final = (
    ("manager", ("summary", "figures", "reading", "next")),
    ("evaluator", ("compare", "indices")),
    ("methods", ("method", "quality")),
)
FOR_MANAGERS: Final = ("units", "own", "teams", "access")
FOR_EVALUATORS: Final = ("trend", "map", "funnel", "visit_classes", "distribution")
_INDEX_COLUMNS = (
    "index",
    "estimate",
    "interval",
    "bounds",
    "median",
    "quartiles",
    "share_perfect",
    "n_patients",
    "n_undefined",
)


def report_page(content: ReportContent, words: Words, figures: Sequence[Figure] | None = None) -> str:
    """Make the whole report page.

    Parameters
    ----------
    content : ReportContent
    words : Words
    figures : sequence of Figure, optional
        Drawn before; by default they are drawn here.

    Returns
    -------
    str
        HTML that stands alone: no script, nothing loaded from anywhere.
    """
    method = content.method
    drawn = figures_of(content, words) if figures is None else figures
    standing = standing_grid(content, leading_roles(content), words)
    left_out = set() if standing or figures_for(drawn, FOR_EVALUATORS) else {"compare"}
    return render(
        "report.html",
        words,
        period=words.style.period(method.window_start, method.window_end),
        input_name=method.input_name,
        created_on=words.style.day(method.created_on),
        version=method.versions.get("continuity", ""),
        sentences=sentences(content, words),
        context=context(content, words),
        preset=preset_note(method, words),
        tiles=tiles(content, words),
        chapters=[(name, [part for part in parts if part not in left_out]) for name, parts in _CHAPTERS],
        for_managers=figures_for(drawn, FOR_MANAGERS),
        for_evaluators=figures_for(drawn, FOR_EVALUATORS),
        standing=standing,
        standing_lead=standing_lead(content, words),
        indices=index_grids(content, words),
        limits=limits_text(content, words),
        unknown=unknown_providers(content, words),
        definitions=[definition(key, words) for key in shown_indices(content)],
        rules=rules_of(method, words),
        flow=flow_of(content, words),
        versions=versions_of(method, words),
        paragraphs=paragraphs(content, words),
        references=references(content),
        quality=quality_view(content.quality, words),
    )


def index_grids(content: ReportContent, words: Words) -> tuple[Grid, ...]:
    """Give the table of all indices, one a role, in the order of the method."""
    order = {key: place for place, key in enumerate(shown_indices(content))}
    grids = []
    for role in all_roles(content):
        rows = rows_of(content.tables["whole"], role=role)
        rows = rows.with_columns(_order=rows["index"].replace_strict(order, default=len(order))).sort("_order")
        grids.append(grid_of(rows, _INDEX_COLUMNS, words, words.of_code("role", role)))
    return tuple(grids)


def shown_indices(content: ReportContent) -> tuple[str, ...]:
    """Give the keys of the indices that the report has, in the order of the method."""
    known = dict.fromkeys(content.tables["whole"].frame["index"])
    return tuple(key for key in dict.fromkeys((*content.method.indices, *known)) if key in known)


def limits_text(content: ReportContent, words: Words) -> str:
    """Explain what is suppressed and why, with the limits that were applied."""
    limits = content.tables["whole"].limits
    return words(
        "reading.hidden",
        patients=words.style.count(limits.min_patients),
        visits=words.style.count(limits.min_visits),
        providers=words.style.count(limits.min_providers),
        share=words.style.share(limits.max_provider_share),
        hidden=words.style.count(sum(table.n_suppressed for table in content.tables.values())),
    )


def standing_lead(content: ReportContent, words: Words) -> str:
    """Say how the table of units with and without adjustment is read."""
    return words("standing.lead", columns=choice_of(content.method.parameters.get("adjusted_for", ""), words))


def figures_for(drawn: Sequence[Figure], keys: Sequence[str]) -> list[Figure]:
    """Choose the figures of a chapter, in the chapter's order."""
    by_key = {one.key: one for one in drawn}
    return [by_key[key] for key in keys if key in by_key]
