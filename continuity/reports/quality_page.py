"""The verdict on the data for people: what is wrong, how often, where, why, and what to do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from continuity.quality.views import sources_of
from continuity.reports.grids import Cell, Grid, number
from continuity.reports.rendering import render
from continuity.reports.wording import Words

if TYPE_CHECKING:
    from continuity.quality.results import Comparison, Finding, QualityResult, Trend

_NAMED: Final = 20  # units named in a notice before "and 40 more"


@dataclass(frozen=True)
class Notice:
    """A failed expectation as the reader sees it; it holds counts and never a value of the data.

    Parameters
    ----------
    title, where, how_many, cause, action : str
    places : tuple of str
        Units, and their months, that break an expectation on groups.
    more : str
        How many further places there are; empty where all are named.
    trend : str
        How it fared since an earlier check; empty where there was none.
    """

    title: str
    where: str
    how_many: str
    cause: str
    action: str
    places: tuple[str, ...] = ()
    more: str = ""
    trend: str = ""


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
    fallbacks : str
        Names of the expectations that the pandas engine worked out; empty where there are none.
    trends : Grid or None
        What has changed since an earlier check, where one was given.
    rules_changed : bool
        Whether the expectations were edited since.
    """

    state: str
    verdict: str
    critical: tuple[Notice, ...]
    warnings: tuple[Notice, ...]
    checks: Grid
    skipped: Grid
    sizes: Grid
    fallbacks: str = ""
    trends: Grid | None = None
    rules_changed: bool = False


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
    trends = {} if quality.comparison is None else {trend.key: trend for trend in quality.comparison.trends}
    return QualityView(
        state=state,
        verdict=words(f"quality.{state}", **({} if state == "passed" else {"n": words.style.count(n)})),
        critical=tuple(_notice(finding, trends, words) for finding in quality.critical),
        warnings=tuple(_notice(finding, trends, words) for finding in quality.warnings),
        checks=_checks(quality.findings, words),
        skipped=_skipped(quality, words),
        sizes=_sizes(quality, words),
        fallbacks="; ".join(f"{_title(finding, words)} ({finding.expectation})" for finding in quality.fallbacks),
        trends=None if quality.comparison is None else _trends(quality.comparison, words),
        rules_changed=quality.comparison is not None and quality.comparison.rules_changed,
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


def _notice(finding: "Finding", trends: Mapping[str, "Trend"], words: Words) -> Notice:
    texts = finding.texts[words.language]
    trend = _trend(trends[finding.key], words) if finding.key in trends else ""
    n_more = len(finding.where) - _NAMED
    return Notice(
        title=texts["title"],
        where=_where(finding, words),
        how_many=_how_many(finding, words),
        cause=texts["cause"],
        action=texts["action"],
        places=finding.where[:_NAMED],
        more=words("quality.where_more", n=words.style.count(n_more)) if n_more > 0 else "",
        trend=trend,
    )


def _title(finding: "Finding | Trend", words: Words) -> str:
    return finding.texts[words.language]["title"]


def _where(finding: "Finding", words: Words) -> str:
    """Name the columns of the file: a data owner finds no derived ones there."""
    table = words.of_code("source_table", finding.table)
    columns = [name.removeprefix(f"{finding.table}.") for name in sources_of(finding.table, finding.columns)]
    return f"{table} ({', '.join(columns)})" if columns else table


def _trend(trend: "Trend", words: Words) -> str:
    state = words(f"trend.{trend.state}")
    if trend.n_before is None or trend.n_now is None:
        return state
    before, now = _amount(trend.n_before, trend.share_before, words), _amount(trend.n_now, trend.share_now, words)
    return f"{state}: {before} → {now}"


def _amount(n: int | None, share: float | None, words: Words) -> str:
    if n is None:
        return words("reason.missing")
    return words.style.count(n) + ("" if share is None else f" ({words.style.share(share, 1)})")


def _trends(comparison: "Comparison", words: Words) -> Grid:
    from continuity.quality.results import TREND_STATES  # a page of a plan needs no gate

    rows = [
        (
            Cell(_title(trend, words)),
            Cell(words(f"trend.{trend.state}")),
            Cell(_amount(trend.n_before, trend.share_before, words), "count", trend.n_before),
            Cell(_amount(trend.n_now, trend.share_now, words), "count", trend.n_now),
        )
        for trend in sorted(comparison.trends, key=lambda trend: TREND_STATES.index(trend.state))
    ]
    return _grid(
        "quality.trend_title", ("quality.check", "quality.change", "quality.then", "quality.now"), rows, words, n_text=2
    )


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
    before = None if quality.comparison is None else quality.comparison.n_rows_before
    rows = []
    for table, n in quality.n_rows.items():
        now = Cell(words.style.count(n), "count", n)
        then = () if before is None else (_number(before.get(table), "count", words),)
        rows.append((Cell(words.of_code("source_table", table)), *then, now))
    heads = ("quality.file", *(() if before is None else ("quality.rows_then",)), "quality.rows")
    return _grid("quality.sizes_title", heads, rows, words, n_text=1)


def _number(value: float | None, kind: str, words: Words) -> Cell:
    if value is None:
        return Cell(words("reason.missing"))
    return Cell(number(value, "share" if kind == "share" else "count", words), "count", value)


def _grid(caption: str, heads: tuple[str, ...], rows: Iterable[tuple[Cell, ...]], words: Words, *, n_text: int) -> Grid:
    return Grid(words(caption), tuple((words(head), i >= n_text) for i, head in enumerate(heads)), tuple(rows))
