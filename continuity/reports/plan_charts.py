"""The figures of a plan: who had and has how much work, who moves and why, and balance against moves."""

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, MUTED, Canvas, finish, round_up

if TYPE_CHECKING:
    import altair as alt

_ROW: Final = 30
_BAND: Final = "#cfe3e8"
_ABOVE: Final = 70


def shifts(rows: pl.DataFrame, canvas: Canvas, *, title: str, number_format: str) -> "alt.LayerChart":
    """Draw one line from before (a ring) to after (a dot) for each provider, over the band that is allowed.

    Parameters
    ----------
    rows : polars.DataFrame
        name, before, after, low, high (null: no band), shown (the number after, in words), in the order of the drawing.
    canvas : Canvas
    title, number_format : str
        Of the axis.

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    data = rows.with_columns(pl.col("name").str.slice(0, canvas.n_letters)).with_row_index("position")
    top = round_up(pl.concat([data["before"], data["after"], data["high"].cast(pl.Float64)]))
    axis = alt.Axis(format=number_format, tickCount=canvas.n_ticks, title=title, labelFlush=False)
    scale = alt.Scale(domain=[0, top], nice=False)
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))

    def at(column: str) -> Any:
        return alt.X(f"{column}:Q", scale=scale, axis=axis)

    layers = [
        base.mark_rule(color=LINE),
        base.transform_filter(alt.datum.high > 0).mark_bar(color=_BAND, height=16).encode(x=at("low"), x2="high:Q"),
        base.mark_rule(strokeWidth=2, color=ACCENT_SOFT).encode(x=at("before"), x2="after:Q"),
        base.mark_point(size=70, filled=False, strokeWidth=2, color=MUTED, opacity=1).encode(x=at("before")),
        base.mark_point(size=90, filled=True, color=ACCENT, opacity=1).encode(x=at("after")),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
        base.mark_text(align="left", dx=8, color=INK, fontWeight="bold").encode(x=alt.datum(top), text="shown:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_ROW * max(rows.height, 1) + _ABOVE)


def amounts(rows: pl.DataFrame, canvas: Canvas, *, title: str) -> "alt.LayerChart":
    """Draw one bar a row: name, n, shown."""
    import altair as alt

    top = round_up(rows["n"])
    base = alt.Chart(rows.with_row_index("position")).encode(y=alt.Y("position:O", axis=None))
    axis = alt.Axis(format=",.0f", tickCount=canvas.n_ticks, title=title, tickMinStep=1)
    x: Any = alt.X("n:Q", scale=alt.Scale(domain=[0, top], nice=False), axis=axis)
    layers = [
        base.mark_bar(color=ACCENT, height=18, cornerRadiusEnd=2).encode(x=x),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
        base.mark_text(align="left", dx=6, color=INK, fontWeight="bold").encode(x=x, text="shown:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_ROW * max(rows.height, 1) + _ABOVE)


def curve(rows: pl.DataFrame, canvas: Canvas) -> "alt.LayerChart":
    """Draw how many move at each tolerance; the plan's own is the large dot.

    Parameters
    ----------
    rows : polars.DataFrame
        tolerance, n_moved, is_asked, shown; tolerances that cannot be met are left out.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    axis_x = alt.Axis(format=".0%", tickCount=canvas.n_ticks, grid=False, title=words("plan.axis_tolerance"))
    axis_y = alt.Axis(format=",.0f", tickCount=5, title=words("plan.axis_moved"), tickMinStep=1)
    x = alt.X("tolerance:Q", axis=axis_x, scale=alt.Scale(zero=True, padding=16))
    y: Any = alt.Y("n_moved:Q", axis=axis_y, scale=alt.Scale(domain=[0, round_up(rows["n_moved"] * 1.1)], nice=False))
    base = alt.Chart(rows).encode(x=x, y=y)
    asked = base.transform_filter(alt.datum.is_asked)
    layers = [
        base.mark_line(color=ACCENT_SOFT, strokeWidth=2),
        base.mark_point(size=60, filled=True, color=ACCENT_SOFT, opacity=1),
        asked.mark_point(size=150, filled=True, color=ACCENT, opacity=1),
        asked.mark_text(align="left", dx=10, dy=-10, color=INK, fontWeight="bold").encode(text="shown:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=300)
