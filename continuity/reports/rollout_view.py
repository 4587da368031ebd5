"""What the page of a roll-out says: the effect, what speaks against believing it, a picture and the rows."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports import breaks
from continuity.reports.charts import Canvas
from continuity.reports.effect_chart import by_time, by_unit
from continuity.reports.evaluation_text import breaks_in
from continuity.reports.findings import PLACES, Findings, Section, between, picture, signed
from continuity.reports.grids import Cell, Grid
from continuity.reports.group_words import group_name
from continuity.reports.method import two_columns
from continuity.reports.protected import refuse_unprotected
from continuity.reports.rows import Row
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

_CHARTS: Final[Mapping[str, Callable[[ProtectedTable, Canvas], "alt.LayerChart"]]] = {
    "event-study": by_time,
    "its": by_unit,
}
_SURE: Final = 0.05


def rollout_findings(table: ProtectedTable, said: Mapping[str, Any], words: Words) -> Findings:
    """Put the effect of a roll-out into words, a picture and a table."""
    refuse_unprotected({"effects": table})
    design = said["design"].replace("-", "_")
    drawn = picture(
        words(f"evaluation.figure_{design}"),
        words(f"evaluation.lead_{design}"),
        partial(_CHARTS[said["design"]], table),
        key="effects",
        words=words,
    )
    return Findings(
        title=words("evaluation.title"),
        answer=(_answer(said, words),),
        trust=tuple(_trust(said, design, words)),
        sections=(Section(drawn.title, drawn.lead, drawn, _grid(table.frame, words)),),
        left_out=_left_out(said, words),
        method=words(f"evaluation.method_{design}"),
    )


def _answer(said: Mapping[str, Any], words: Words) -> str:
    """Say the effect in one sentence, and whether it can be told from none."""
    if said["att"] is None:
        return words("evaluation.answer_hidden")
    if said["ci_low"] is None:
        return words("evaluation.answer_alone", effect=signed(said["att"], words))
    known = said["ci_low"] > 0 or said["ci_high"] < 0
    way = "none" if not known else "up" if said["att"] > 0 else "down"
    return words(
        f"evaluation.answer_{way}",
        effect=signed(said["att"], words),
        interval=between(said["ci_low"], said["ci_high"], words),
        units=words.style.count(said["n_clusters"]),
    )


def _trust(said: Mapping[str, Any], design: str, words: Words) -> list[str]:
    """Give what a reader must know before believing the number."""
    found = [words(f"evaluation.assumes_{design}")]
    p = said["pretrend_p"]
    if p is None:
        found.append(words("evaluation.pretrend_untested"))
    else:
        key = "evaluation.pretrend_off" if p < _SURE else "evaluation.pretrend_fine"
        found.append(words(key, p=words.style.decimals(p, PLACES)))
    if said.get("placebo_units_p") is not None:
        found.append(words("evaluation.placebo_units", p=words.style.decimals(said["placebo_units_p"], PLACES)))
    marked = breaks_in(said)
    if marked:
        found.append(words("evaluation.breaks", breaks=breaks.named(marked, marked, words)))
    if said["design"] == "event-study" and "bootstrap" in said["method"]:
        found.append(words("evaluation.few_units", n=words.style.count(said["n_clusters"])))
    return found


def _left_out(said: Mapping[str, Any], words: Words) -> Grid | None:
    """Name the groups whose design cannot answer, and why; an error without a word stays in its English."""
    groups, codes = said["groups_left_out"], said["groups_left_out_reasons"]
    if not groups:
        return None
    title = words("evaluation.left_out_title")
    named = [
        (group_name(group, words), words.of_code("no_answer", code) if (code := codes[group]) else why)
        for group, why in groups.items()
    ]
    return two_columns(title, ("column.group", "column.undefined_reason"), named, words)


def _grid(frame: pl.DataFrame, words: Words) -> Grid:
    """Put the rows into words: first everybody, then the units, then groups of patients."""
    times = ("event_time",) if frame["event_time"].count() else ()
    heads = ("group", *times, "effect", "interval", "n_units", "n_patients")
    is_part = pl.col("group").str.contains("=", literal=True).fill_null(value=False)
    ordered = frame.sort(is_part, "group", "term", "event_time", nulls_last=False)
    titles = ((words("column.term"), False), *((words(f"column.{name}"), name != "group") for name in heads))
    rows = (_row(row, words, with_time=bool(times)) for row in ordered.iter_rows(named=True))
    return Grid(words("evaluation.table"), titles, tuple(rows))


def _row(row: Row, words: Words, *, with_time: bool) -> tuple[Cell, ...]:
    hidden = words("reason.suppressed" if row["undefined_reason"] else "reason.missing")
    time, estimate, low = row["event_time"], row["estimate"], row["ci_low"]
    group = words("evaluation.everybody") if row["group"] is None else group_name(row["group"], words)
    times = [Cell("" if time is None else words.style.count(time), "count", time)] if with_time else []
    return (
        Cell(words.of_code("term", row["term"])),
        Cell(group),
        *times,
        Cell(hidden) if estimate is None else Cell(signed(estimate, words), "decimal", estimate),
        Cell(hidden) if low is None else Cell(between(low, row["ci_high"], words), "decimal"),
        _count(row["n_units"], hidden, words),
        _count(row["n_patients"], words("reason.suppressed"), words),
    )


def _count(value: int | None, hidden: str, words: Words) -> Cell:
    return Cell(hidden) if value is None else Cell(words.style.count(value), "count", value)
