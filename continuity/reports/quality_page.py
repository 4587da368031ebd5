"""The verdict on the data for people: what is wrong, how often, where, why, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from continuity.reports.grids import Cell, Grid, number
from continuity.reports.rendering import render
from continuity.reports.wording import Words

if TYPE_CHECKING:
    from continuity.quality import Finding, QualityResult


@dataclass(frozen=True)
class Notice:
    """A failed expectation as the reader sees it; it holds counts and never a value of the data.

    Parameters
    ----------
    title, where, how_many, cause, action : str
    """

    title: str
    where: str
    how_many: str
    cause: str
    action: str


@dataclass(frozen=True)
class QualityView:
    """Everything that the quality page, and the last section of the report, show.

    Parameters
    ----------
    state : {"passed", "warned", "failed"}
    verdict : str
    critical, warnings : tuple of Notice
    checks, skipped, sizes : Grid
        All expectations, those not evaluated, and the rows of each table.
    """

    state: str
    verdict: str
    critical: tuple[Notice, ...]
    warnings: tuple[Notice, ...]
    checks: Grid
    skipped: Grid
    sizes: Grid


def quality_view(quality: "QualityResult", words: Words) -> QualityView:
    """Put the verdict of the gate into words.

    Parameters
    ----------
    quality : QualityResult
    words : Words

    Returns
    -------
    QualityView
    """
    state = "failed" if quality.critical else "warned" if quality.warnings else "passed"
    n = len(quality.critical or quality.warnings)
    return QualityView(
        state=state,
        verdict=words(f"quality.{state}", **({} if state == "passed" else {"n": words.style.count(n)})),
        critical=tuple(_notice(finding, words) for finding in quality.critical),
        warnings=tuple(_notice(finding, words) for finding in quality.warnings),
        checks=_checks(quality.findings, words),
        skipped=_skipped(quality, words),
        sizes=_sizes(quality, words),
    )


def quality_page(quality: "QualityResult", input_name: str, words: Words, version: str) -> str:
    """Make the whole quality page.

    Parameters
    ----------
    quality : QualityResult
    input_name : str
        Name of the checked file.
    words : Words
    version : str
        Version of this package.

    Returns
    -------
    str
        HTML that stands alone.
    """
    return render("quality.html", words, view=quality_view(quality, words), input_name=input_name, version=version)


def _notice(finding: "Finding", words: Words) -> Notice:
    texts = finding.texts[words.language]
    return Notice(texts["title"], _where(finding, words), _how_many(finding, words), texts["cause"], texts["action"])


def _where(finding: "Finding", words: Words) -> str:
    table = words.of_code("source_table", finding.table)
    return f"{table}: {', '.join(finding.columns)}" if finding.columns else table


def _how_many(finding: "Finding", words: Words) -> str:
    if finding.n_unexpected is None:
        return words("quality.how_many_whole")
    n = words(f"grain.{finding.grain}", n=words.style.count(finding.n_unexpected))
    if finding.share_unexpected is None:
        return n
    return words("quality.how_many_of", n=n, share=words.style.share(finding.share_unexpected, 1))


def _checks(findings: Iterable["Finding"], words: Words) -> Grid:
    heads = (
        "quality.check",
        "quality.file",
        "quality.columns",
        "quality.outcome",
        "quality.rows_off",
        "quality.share_off",
    )
    rows = []
    for finding in findings:
        outcome = "passed" if finding.success else finding.severity
        rows.append((
            Cell(finding.texts[words.language]["title"]),
            Cell(words.of_code("source_table", finding.table)),
            Cell(", ".join(finding.columns)),
            Cell(words(f"outcome.{outcome}")),
            _number(finding.n_unexpected, "count", words),
            _number(finding.share_unexpected, "share", words),
        ))  # fmt: skip
    return _grid("quality.all_title", heads, rows, words, n_text=4)


def _skipped(quality: "QualityResult", words: Words) -> Grid:
    rows = [
        (
            Cell(skip.texts[words.language]["title"]),
            Cell(words.of_code("source_table", skip.table)),
            Cell(", ".join(skip.missing)),
        )
        for skip in quality.skipped
    ]
    return _grid("quality.skipped_title", ("quality.check", "quality.file", "quality.missing"), rows, words, n_text=3)


def _sizes(quality: "QualityResult", words: Words) -> Grid:
    rows = [
        (Cell(words.of_code("source_table", table)), Cell(words.style.count(n), "count", n))
        for table, n in quality.n_rows.items()
    ]
    return _grid("quality.sizes_title", ("quality.file", "quality.rows"), rows, words, n_text=1)


def _number(value: float | None, kind: str, words: Words) -> Cell:
    if value is None:
        return Cell(words("reason.missing"))
    return Cell(number(value, "share" if kind == "share" else "count", words), "count", value)


def _grid(caption: str, heads: tuple[str, ...], rows: Iterable[tuple[Cell, ...]], words: Words, *, n_text: int) -> Grid:
    return Grid(words(caption), tuple((words(head), i >= n_text) for i, head in enumerate(heads)), tuple(rows))
