"""The figures of a comparison: where each group stands, the funnel, and the course over time."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.reports import breaks
from continuity.reports.breaks import Period
from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, MUTED, Canvas, finish
from continuity.reports.label_places import cut, spread_out
from continuity.reports.rows import ends

if TYPE_CHECKING:
    import altair as alt

MOST_ROWS: Final = 60  # above this a figure is a scroll that nobody reads
_ROW: Final = 28
_COURSE: Final = 300
_COURSE_AXIS: Final = 56
_MOST_DAYS: Final = 8
_NAME: Final = 14.0  # pixels that a line of text needs


def standings(rows: pl.DataFrame, canvas: Canvas) -> "alt.LayerChart":
    """Draw the mean of each group with its interval, and the adjusted mean as a ring, sorted from high to low.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows of a protected table: terms ``mean`` and ``adjusted``.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    adjusted = rows.filter(term="adjusted").select("group", adjusted="estimate")
    data = rows.filter(term="mean").drop_nulls("estimate").sort("estimate", "group", descending=[True, False])
    data = data.join(adjusted, on="group", how="left", maintain_order="left").with_row_index("position")
    data = data.select(
        "position", "estimate", "ci_low", "ci_high", "adjusted", name=cut(pl.col("group"), canvas.n_letters)
    )
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))
    title = words("evaluation.axis_value")
    x: Any = alt.X("ci_low:Q", title=title, axis=alt.Axis(tickCount=canvas.n_ticks), scale=alt.Scale(zero=False))
    layers = [
        base.mark_rule(color=LINE),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(x=x, x2="ci_high:Q"),
        base.mark_point(size=80, filled=True, color=ACCENT, opacity=1).encode(x="estimate:Q"),
        base.mark_point(size=110, filled=False, color=MUTED, opacity=1, strokeWidth=2).encode(x="adjusted:Q"),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_ROW * data.height + 70)


def funnel(rows: pl.DataFrame, canvas: Canvas) -> "alt.LayerChart":
    """Draw each group by its size, with the limits that groups of that size keep to when they differ as groups do."""
    import altair as alt

    words = canvas.words
    limits = {
        name: rows.filter(term=name).drop_nulls("ci_low").sort("n_patients") for name in ("funnel_95", "funnel_998")
    }
    inside = limits["funnel_998"].select("group", low="ci_low", high="ci_high")
    points = rows.filter(term="mean").drop_nulls("estimate").join(inside, on="group")
    points = points.with_columns(outside=(pl.col("estimate") < pl.col("low")) | (pl.col("estimate") > pl.col("high")))
    x = alt.X("n_patients:Q", title=words("column.n_patients"), axis=alt.Axis(grid=False, tickCount=canvas.n_ticks))
    y: Any = alt.Y("estimate:Q", title=words("evaluation.axis_value"), scale=alt.Scale(zero=False))
    layers = [alt.Chart(limits["funnel_95"].select("n_patients", "estimate")).mark_line(color=MUTED).encode(x=x, y=y)]
    for name, dash in (("funnel_95", [2, 3]), ("funnel_998", [6, 3])):
        for end in ("ci_low", "ci_high"):
            edge = limits[name].select("n_patients", estimate=end)
            layers.append(alt.Chart(edge).mark_line(color=MUTED, strokeDash=dash).encode(x=x, y=y))
    base = alt.Chart(points.select("n_patients", "estimate", "outside", name="group")).encode(x=x, y=y)
    layers.append(base.mark_point(size=70, filled=True, opacity=1, color=ACCENT))
    marked = base.transform_filter(alt.datum.outside)
    layers.append(marked.mark_text(dy=-11, color=INK, fontWeight="bold").encode(text="name:N"))
    return finish(alt.LayerChart(layer=layers), canvas, height=330)


def course(
    rows: pl.DataFrame, canvas: Canvas, *, periods: Sequence[Period] = (), days: Sequence[date] = ()
) -> "alt.LayerChart":
    """Draw the mean of each group over the windows.

    Parameters
    ----------
    rows : polars.DataFrame
        group, event_time (null and 0: the last window) and estimate.
    canvas : Canvas
    periods : sequence of two datetimes
        The windows in the order of time, where they are known; otherwise the axis counts back from the last.
    days : sequence of date
        Breaks; a line is broken where one lies between two windows or inside one.

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    last = len(periods) - 1
    pieces = dict(enumerate(breaks.piece(days, periods), start=-last))
    data = rows.select("group", pl.col("event_time").fill_null(0), "estimate")
    data = data.with_columns(piece=pl.col("event_time").replace_strict(pieces, default=0, return_dtype=pl.Int64))
    x = alt.X(
        "event_time:Q",
        title=words("column.period_start" if periods else "evaluation.axis_window"),
        axis=_time_axis(periods, canvas),
        scale=alt.Scale(domain=[-last - 0.5, 0.5], nice=False) if periods else alt.Scale(),
    )
    low, high = _room(data["estimate"])
    scale = alt.Scale(domain=[low, high], nice=False)
    y = alt.Y("estimate:Q", title=words("evaluation.axis_value"), scale=scale, axis=alt.Axis(tickCount=5))
    base = alt.Chart(data).encode(x=x, y=y, detail=["group:N", "piece:N"])
    names = _ends(data, high - low, canvas)
    ends = alt.Chart(names).encode(x=x)
    layers = [
        *breaks.lines(days, periods, field="event_time", canvas=canvas, first=-last),
        base.mark_line(color=ACCENT_SOFT, strokeWidth=2),
        base.mark_point(size=40, filled=True, color=ACCENT, opacity=1),
        ends.mark_text(align="left", dx=9, color=INK).encode(text="group:N", y=alt.Y("at:Q")),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_COURSE)


def _room(values: pl.Series) -> tuple[float, float]:
    """Give the ends of an axis with a little room below and above the values."""
    low, high = ends(values)
    room = 0.08 * (high - low) or 0.05
    return low - room, high + room


def _time_axis(periods: Sequence[Period], canvas: Canvas) -> "alt.Axis":
    """Write the first days of the windows, or how many lie before the last one."""
    import altair as alt

    if not periods:
        return alt.Axis(grid=False, tickMinStep=1, format="d")
    last = len(periods) - 1
    step = -(-len(periods) // (3 if canvas.is_narrow else _MOST_DAYS))
    names = [canvas.words.style.day(start.date()) for start, _ in periods]
    label = f"{names}[datum.value + {last}]"
    return alt.Axis(values=list(range(-last, 1, step)), labelExpr=label, grid=False, labelAngle=0, labelFlush=False)


def _ends(data: pl.DataFrame, span: float, canvas: Canvas) -> pl.DataFrame:
    """Place the names at the ends of the lines, pushed apart until none covers another."""
    ends = data.filter(event_time=0).sort("estimate", "group")
    places = spread_out(ends["estimate"].to_list(), span * _NAME / (_COURSE - _COURSE_AXIS))
    name = cut(pl.col("group"), canvas.n_letters // 2)
    return ends.select(name, "event_time", at=pl.Series(places, dtype=pl.Float64))
