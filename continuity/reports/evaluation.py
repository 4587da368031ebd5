"""The page of an evaluation: what the roll-out did, how surely, and what speaks against believing it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from markupsafe import Markup

from continuity.privacy import ProtectedTable
from continuity.reports.charts import Canvas
from continuity.reports.effect_chart import by_time, by_unit
from continuity.reports.grids import Cell, Grid
from continuity.reports.labels import definition, index_label
from continuity.reports.method import choice_of, two_columns
from continuity.reports.quality_page import quality_view
from continuity.reports.rendering import render
from continuity.reports.rows import Row
from continuity.reports.svg import to_svg
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

    from continuity.quality import QualityResult

_WIDE: Final = 760
_NARROW: Final = 328
_CHARTS: Final[Mapping[str, Callable[[ProtectedTable, Canvas], "alt.LayerChart"]]] = {
    "event-study": by_time,
    "its": by_unit,
}
_SURE: Final = 0.05
_PLACES: Final = 3


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    effects : ProtectedTable
    summary : mapping
        What summary.json holds.
    quality : QualityResult
        The verdict of the gate.
    """

    effects: ProtectedTable
    summary: Mapping[str, Any]
    quality: "QualityResult"


@dataclass(frozen=True)
class Picture:
    """The same drawing for a desk and for a phone, with its title and how to read it."""

    title: str
    lead: str
    wide: Markup
    narrow: Markup


def evaluation_page(content: Evaluation, words: Words) -> str:
    """Make the whole page.

    Parameters
    ----------
    content : Evaluation
    words : Words

    Returns
    -------
    str
        HTML that stands alone.
    """
    said, design = content.summary, _name(content.summary["design"])
    return render(
        "evaluation.html",
        words,
        index=index_label(said["index"], words),
        input_name=said["input"]["name"],
        version=said["versions"].get("continuity", ""),
        created_on=words.style.day(date.fromisoformat(said["created_on"])),
        method=words(f"evaluation.method_{design}"),
        answer=_answer(said, words),
        trust=_trust(said, words),
        picture=_picture(content, words),
        effects=_grid(content.effects.frame, words),
        left_out=_left_out(said["groups_left_out"], words),
        definition=definition(said["index"], words),
        rules=_rules(said["parameters"], words),
        quality=quality_view(content.quality, words),
    )


def _answer(said: Mapping[str, Any], words: Words) -> str:
    """Say the effect in one sentence, and whether it can be told from none."""
    if said["att"] is None:
        return words("evaluation.answer_hidden")
    if said["ci_low"] is None:
        return words("evaluation.answer_alone", effect=_signed(said["att"], words))
    known = said["ci_low"] > 0 or said["ci_high"] < 0
    way = "none" if not known else "up" if said["att"] > 0 else "down"
    return words(
        f"evaluation.answer_{way}",
        effect=_signed(said["att"], words),
        interval=_between(said["ci_low"], said["ci_high"], words),
        units=words.style.count(said["n_clusters"]),
    )


def _trust(said: Mapping[str, Any], words: Words) -> list[str]:
    """Give what a reader must know before believing the number."""
    design = _name(said["design"])
    found = [words(f"evaluation.assumes_{design}")]
    p = said["pretrend_p"]
    if p is None:
        found.append(words("evaluation.pretrend_untested"))
    else:
        key = "evaluation.pretrend_off" if p < _SURE else "evaluation.pretrend_fine"
        found.append(words(key, p=words.style.decimals(p, _PLACES)))
    if said.get("placebo_units_p") is not None:
        found.append(words("evaluation.placebo_units", p=words.style.decimals(said["placebo_units_p"], _PLACES)))
    if said["design"] == "event-study" and "bootstrap" in said["method"]:
        found.append(words("evaluation.few_units", n=words.style.count(said["n_clusters"])))
    return found


def _picture(content: Evaluation, words: Words) -> Picture:
    draw, design = partial(_CHARTS[content.summary["design"]], content.effects), _name(content.summary["design"])
    title = words(f"evaluation.figure_{design}")
    svg = partial(to_svg, name=title, words=words)
    wide, narrow = (svg(draw(Canvas(width, words)), ids=f"effects-{width}") for width in (_WIDE, _NARROW))
    return Picture(title, words(f"evaluation.lead_{design}"), wide, narrow)


def _rules(parameters: Mapping[str, str], words: Words) -> Grid:
    chosen = [(words.of_code("parameter", name), choice_of(value, words)) for name, value in parameters.items()]
    return two_columns(words("method.rules_title"), ("method.rule", "method.choice"), chosen, words)


def _left_out(groups: Mapping[str, str], words: Words) -> Grid | None:
    """Name the groups whose design cannot answer; the reasons are the English of the error."""
    if not groups:
        return None
    title = words("evaluation.left_out_title")
    return two_columns(title, ("column.group", "column.undefined_reason"), groups.items(), words)


def _name(design: str) -> str:
    return design.replace("-", "_")


def _grid(frame: pl.DataFrame, words: Words) -> Grid:
    heads = ("group", "event_time", "effect", "interval", "n_units", "n_patients")
    ordered = frame.sort("group", "term", "event_time", nulls_last=False)
    titles = ((words("column.term"), False), *((words(f"column.{name}"), name != "group") for name in heads))
    return Grid(words("evaluation.table"), titles, tuple(_row(row, words) for row in ordered.iter_rows(named=True)))


def _row(row: Row, words: Words) -> tuple[Cell, ...]:
    hidden = words("reason.suppressed" if row["undefined_reason"] else "reason.missing")
    time, estimate, low = row["event_time"], row["estimate"], row["ci_low"]
    return (
        Cell(words.of_code("term", row["term"])),
        Cell(row["group"] or ""),
        Cell("" if time is None else words.style.count(time), "count", time),
        Cell(hidden) if estimate is None else Cell(_signed(estimate, words), "decimal", estimate),
        Cell(hidden) if low is None else Cell(_between(low, row["ci_high"], words), "decimal"),
        *(_count(row[name], hidden, words) for name in ("n_units", "n_patients")),
    )


def _count(value: int | None, hidden: str, words: Words) -> Cell:
    return Cell(hidden) if value is None else Cell(words.style.count(value), "count", value)


def _signed(value: float, words: Words) -> str:
    """Write a difference with its sign."""
    return ("+" if value > 0 else "") + words.style.decimals(value, _PLACES)


def _between(low: float, high: float, words: Words) -> str:
    return words("evaluation.between", low=_signed(low, words), high=_signed(high, words))
