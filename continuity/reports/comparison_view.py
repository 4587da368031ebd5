"""What the page of a comparison says: whether groups differ by more than chance, and where each one stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports import breaks
from continuity.reports.breaks import Break, Period
from continuity.reports.comparison_chart import MOST_ROWS, course, funnel, standings
from continuity.reports.evaluation_text import breaks_in, periods_in
from continuity.reports.findings import PLACES, Findings, Section, picture
from continuity.reports.grids import Cell, Grid
from continuity.reports.group_words import named_values
from continuity.reports.method import choice_of
from continuity.reports.protected import refuse_unprotected
from continuity.reports.wording import Words

_COLUMNS: Final = ("mean", "standardised", "adjusted", "shrunk", "reliability", "rank")
_SURE: Final = 0.05


def comparison_findings(table: ProtectedTable, said: Mapping[str, Any], words: Words) -> Findings:
    """Put a comparison of groups into words, pictures and tables; one part for each column compared."""
    refuse_unprotected({"effects": table})
    answers, sections = [], []
    for by, found in said["comparisons"].items():
        title = words.of_code("group", by)
        answers.append(_answer(title, found, words))
        rows = table.frame.filter(pl.col("group").str.starts_with(f"{by}="))
        named = named_values(rows.with_columns(pl.col("group").str.strip_prefix(f"{by}=")), by, words)
        periods = periods_in(found["windows"])
        sections += _sections(by, title, named, Course(periods, breaks_in(said)), words)
    adjusted = choice_of(", ".join(said["adjust"]), words)
    return Findings(
        title=words("evaluation.title_compare"),
        answer=tuple(answers),
        trust=(words("evaluation.assumes_compare"), words("evaluation.adjusted_for", columns=adjusted)),
        sections=tuple(sections),
        left_out=None,
        method=words("evaluation.method_compare", columns=adjusted),
    )


def _answer(title: str, found: Mapping[str, Any], words: Words) -> str:
    if found["between_sd"] is None:
        return words("evaluation.answer_few_groups", by=title)
    differ = found["q_p_value"] is not None and found["q_p_value"] < _SURE
    return words(
        "evaluation.answer_differ" if differ else "evaluation.answer_alike",
        by=title,
        low=words.style.decimals(found["lowest"], PLACES),
        high=words.style.decimals(found["highest"], PLACES),
        sd=words.style.decimals(found["between_sd"], PLACES),
        n=words.style.count(found["n_groups_compared"]),
        outside=words.style.count(found["n_outside_998"]),
    )


@dataclass(frozen=True)
class Course:
    """The windows behind a course over time, and the breaks of the site."""

    periods: list[Period]
    marked: tuple[Break, ...]

    def head(self, back: int, words: Words) -> str:
        """Name a window by its first day, or by how far it lies before the last."""
        return words.style.day(self.periods[back - 1][0].date()) if self.periods else words.style.count(back)


def _sections(by: str, title: str, named: pl.DataFrame, when: Course, words: Words) -> list[Section]:
    last = named.filter(pl.col("event_time").is_null())
    shown = last.filter(term="mean").drop_nulls("estimate").height
    few = 0 < shown <= MOST_ROWS
    parts = [
        Section(
            title,
            words("evaluation.lead_standings"),
            picture(title, "", partial(standings, last), key=f"{by}-standings", words=words) if few else None,
            _grid(last, title, words),
        )
    ]
    if last.filter(term="funnel_95").drop_nulls("ci_low").height > 2:
        name = words("evaluation.figure_funnel", by=title)
        drawn = picture(name, "", partial(funnel, last), key=f"{by}-funnel", words=words)
        parts.append(Section(name, words("evaluation.lead_funnel"), drawn, _limits(last, name, words)))
    earlier = named.filter(term="mean").drop_nulls("estimate")
    if earlier["event_time"].count() and earlier["group"].n_unique() <= MOST_ROWS // 4:
        parts.append(_over_time(by, title, earlier, when, words))
    return parts


def _over_time(by: str, title: str, earlier: pl.DataFrame, when: Course, words: Words) -> Section:
    name = words("evaluation.figure_course", by=title)
    # a reform of the whole country is drawn like those of the site
    days = [breaks.REFORM_DAY, *(one.day for one in when.marked)]
    draw = partial(course, earlier, periods=when.periods, days=days)
    drawn = picture(name, "", draw, key=f"{by}-course", words=words)
    notes = [words("figures.reform")] if breaks.place(breaks.REFORM_DAY, when.periods) is not None else []
    notes += breaks.note(breaks.inside(when.marked, when.periods), words)
    lead = words("evaluation.lead_course_days" if when.periods else "evaluation.lead_course")
    return Section(name, lead, drawn, _course_grid(earlier, name, when, words), " ".join(notes))


def _grid(last: pl.DataFrame, title: str, words: Words) -> Grid:
    first = (title, False), (words("column.n_patients"), True), (words("term.visits"), True)
    heads = (*first, *((words(f"term.{name}"), True) for name in _COLUMNS))
    terms = {term: part for (term,), part in last.group_by("term")}
    by_group = {term: {row["group"]: row for row in part.iter_rows(named=True)} for term, part in terms.items()}
    rows = []
    for row in terms["mean"].sort("estimate", "group", descending=[True, False], nulls_last=True).iter_rows(named=True):
        own = {term: found.get(row["group"]) for term, found in by_group.items()}
        cells = [Cell(row["group"]), _count(row, words), _decimal(own.get("visits"), words, interval=False)]
        rest = (_decimal(own.get(name), words, interval=True, whole=name == "rank") for name in _COLUMNS)
        rows.append((*cells, *rest))
    return Grid(title, heads, tuple(rows))


def _limits(last: pl.DataFrame, name: str, words: Words) -> Grid:
    """Give the groups outside the wide limits, or all where none is."""
    mean = last.filter(term="mean").select("group", value="estimate")
    limits = last.filter(term="funnel_998").join(mean, on="group").sort("group")
    rows = tuple(
        (
            Cell(row["group"]),
            _number(row["value"], words),
            _number(row["ci_low"], words),
            _number(row["ci_high"], words),
        )
        for row in limits.iter_rows(named=True)
    )
    heads = (("column.group", False), ("term.mean", True), ("column.funnel_low", True), ("column.funnel_high", True))
    return Grid(name, tuple((words(key), numeric) for key, numeric in heads), rows)


def _course_grid(earlier: pl.DataFrame, name: str, when: Course, words: Words) -> Grid:
    times = sorted(earlier["event_time"].fill_null(0).unique())
    heads = ((words("column.group"), False), *((when.head(time, words), True) for time in times))
    rows = []
    for (group,), own in earlier.sort("group").group_by("group", maintain_order=True):
        values = dict(own.select(pl.col("event_time").fill_null(0), "estimate").iter_rows())
        rows.append((Cell(str(group)), *(_number(values.get(time), words) for time in times)))
    return Grid(name, heads, tuple(rows))


def _number(value: float | None, words: Words) -> Cell:
    if value is None:
        return Cell(words("reason.missing"))
    return Cell(words.style.decimals(value, PLACES), "decimal", value)


def _count(row: Mapping[str, Any], words: Words) -> Cell:
    n = row["n_patients"]
    return Cell(words("reason.suppressed")) if n is None else Cell(words.style.count(n), "count", n)


def _decimal(row: Mapping[str, Any] | None, words: Words, *, interval: bool, whole: bool = False) -> Cell:
    """Write an estimate with its interval in brackets."""
    if row is None or row["estimate"] is None:
        return Cell(words("reason.suppressed" if row and row["undefined_reason"] else "reason.missing"))
    write = words.style.count if whole else partial(words.style.decimals, places=2)
    text = write(row["estimate"])
    if interval and row["ci_low"] is not None:
        text = f"{text} ({write(row['ci_low'])}–{write(row['ci_high'])})"
    return Cell(text, "decimal", row["estimate"])
