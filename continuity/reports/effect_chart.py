"""The figures of an evaluation: effects by time since the start, and effects by unit."""

from typing import TYPE_CHECKING, Any

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, MUTED, Canvas, finish
from continuity.reports.grids import number
from continuity.reports.group_words import group_name
from continuity.reports.label_places import cut
from continuity.reports.protected import refuse_unprotected

if TYPE_CHECKING:
    import altair as alt

_ROW: float = 30


def by_time(table: ProtectedTable, canvas: Canvas) -> "alt.LayerChart":
    """Draw the differences before the start, which should lie at 0, and the effects after it, with intervals.

    Parameters
    ----------
    table : ProtectedTable
        ``effects``.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    rows = _drawn(table, pl.col("term").is_in(["lead", "effect"]) & pl.col("group").is_null())
    x = alt.X(
        "event_time:Q",
        title=words("evaluation.axis_time"),
        axis=alt.Axis(grid=False, tickMinStep=1, format="d"),
        scale=alt.Scale(nice=False, padding=14),
    )
    colour = alt.condition(alt.datum.term == "lead", alt.value(MUTED), alt.value(ACCENT))
    soft = alt.condition(alt.datum.term == "lead", alt.value(LINE), alt.value(ACCENT_SOFT))
    base = alt.Chart(rows).encode(x=x)
    title = words("evaluation.axis_effect")
    layers = [
        _at(0.0, "y"),
        alt.Chart(pl.DataFrame({"event_time": [-0.5]})).mark_rule(strokeDash=[4, 3], color=MUTED).encode(x=x),
        base.mark_rule(strokeWidth=3, strokeCap="round").encode(
            y=alt.Y("ci_low:Q", title=title), y2="ci_high:Q", color=soft
        ),
        base.mark_point(size=80, filled=True, opacity=1).encode(y=alt.Y("estimate:Q", title=title), color=colour),
    ]
    return finish(alt.LayerChart(layer=layers), canvas)


def by_unit(table: ProtectedTable, canvas: Canvas) -> "alt.LayerChart":
    """Draw the effect of each unit with its interval, sorted from high to low; parts of units are left to the table."""
    import altair as alt

    words = canvas.words
    is_part = pl.col("group").str.contains("=", literal=True)
    rows = _drawn(table, (pl.col("term") == "effect") & ~is_part)
    rows = rows.sort("estimate", "group", descending=[True, False]).with_row_index("position")
    shown = [number(value, "decimal", words) for value in rows["estimate"]]
    groups = pl.Series([group_name(group, words) for group in rows["group"]], dtype=pl.String)
    data = rows.with_columns(name=cut(pl.lit(groups), canvas.n_letters), shown=pl.Series(shown, dtype=pl.String))
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))
    x: Any = alt.X("ci_low:Q", title=words("evaluation.axis_effect"), axis=alt.Axis(tickCount=canvas.n_ticks))
    layers = [
        _at(0.0, "x"),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(x=x, x2="ci_high:Q"),
        base.mark_point(size=80, filled=True, color=ACCENT, opacity=1).encode(x="estimate:Q"),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=round(_ROW * max(rows.height, 1) + 70))


def _drawn(table: ProtectedTable, which: pl.Expr) -> pl.DataFrame:
    refuse_unprotected({"effects": table})
    columns = ["term", "group", "event_time", "estimate", "ci_low", "ci_high"]
    return table.frame.filter(which & pl.col("estimate").is_not_null()).select(columns)


def _at(value: float, channel: str) -> "alt.Chart":
    import altair as alt

    line = alt.Chart(pl.DataFrame({"zero": [value]})).mark_rule(color=MUTED)
    drawn: alt.Chart = line.encode(**{channel: "zero:Q"})
    return drawn
