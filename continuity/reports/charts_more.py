"""Further figures as pure functions: the course over time, access beside continuity, and the map of tiles."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.reports import breaks
from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, MUTED, Canvas, finish
from continuity.reports.counties import layout
from continuity.reports.label_places import Box, cut, place_labels
from continuity.reports.rows import ends
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

_HEIGHT: Final = 280
_TILES: Final = ("#e4eff2", "#b9d5dd", "#7db0bf", "#2f7f96", "#0b4657")
_DARK: Final = 3  # from this shade on letters are white
_MOST_NAMED: Final = 15
_MOST_TICKS: Final = 6
_LEAST_SPAN: Final = 0.2
_BESIDE_AXES: Final = (76.0, 56.0)  # pixels that the axes take from the width and the height


def period_name(start: datetime, end: datetime) -> str:
    """Name a year, or a quarter as its number and year.

    Examples
    --------
    >>> period_name(datetime(2025, 4, 1), datetime(2025, 7, 1)), period_name(datetime(2025, 1, 1), datetime(2026, 1, 1))
    ('2/2025', '2025')
    """
    return (
        str(start.year)
        if end.year > start.year and end.month == start.month
        else f"{start.month // 3 + 1}/{start.year}"
    )


def over_time(
    rows: pl.DataFrame, *, top: float, canvas: Canvas, days: Sequence[date] = (breaks.REFORM_DAY,)
) -> "alt.LayerChart":
    """Draw an index by period with intervals; a line is broken where a break lies between two periods or inside one.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows of ``trend`` of one role, in time order.
    top : float
        End of the axis.
    canvas : Canvas
    days : sequence of date
        The breaks; those outside the periods are not drawn.

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    periods = rows.select("period_start", "period_end").rows()
    names = [period_name(*period) for period in periods]
    data = rows.with_row_index("place").select(
        pl.col("place").cast(pl.Int64),
        "estimate",
        "ci_low",
        "ci_high",
        piece=pl.Series(breaks.piece(days, periods), dtype=pl.Int64),
        shown=_texts(rows["estimate"], words.style.decimals),
        hidden=_reasons(rows, words),
    )
    step = -(-len(names) // (4 if canvas.is_narrow else _MOST_TICKS * 2))
    title = words("figures.axis_years" if "/" not in names[0] else "figures.axis_quarters")
    label = f"{names}[datum.value]"
    axis = alt.Axis(values=list(range(0, len(names), step)), labelExpr=label, title=title, grid=False, labelAngle=0)
    scale = alt.Scale(domain=[-0.5, len(names) - 0.5], nice=False)
    y = partial(
        alt.Y,
        type="quantitative",
        title=words("figures.axis_index"),
        scale=alt.Scale(domain=[0, top], nice=False),
        axis=alt.Axis(format=".1f", tickCount=5),
    )
    base = alt.Chart(data).encode(x=alt.X("place:Q", axis=axis, scale=scale))
    layers = [
        *breaks.lines(days, periods, field="place", canvas=canvas),
        base.mark_line(color=ACCENT_SOFT, strokeWidth=1.5).encode(y=y("estimate"), detail="piece:N"),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(y=y("ci_low"), y2="ci_high:Q"),
        base.mark_point(size=80, filled=True, color=ACCENT, opacity=1).encode(y=y("estimate")),
    ]
    if len(names) <= _MOST_TICKS * 2 and not (canvas.is_narrow and len(names) > _MOST_TICKS):
        layers.append(base.mark_text(dy=-9, color=INK, fontWeight="bold").encode(y=y("ci_high"), text="shown:N"))
    gone = base.mark_text(angle=270, align="left", dx=6, color=MUTED, fontStyle="italic")
    layers.append(gone.encode(y=alt.datum(0), text="hidden:N"))
    return finish(alt.LayerChart(layer=layers), canvas, height=_HEIGHT)


def beside(rows: pl.DataFrame, *, canvas: Canvas) -> "alt.LayerChart":
    """Draw each unit by its continuity and by the share of its visits that came within 14 days.

    Parameters
    ----------
    rows : polars.DataFrame
        name, estimate, share_within_14_days.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    data = rows.drop_nulls(["estimate", "share_within_14_days"]).select(
        "estimate", "share_within_14_days", name=cut(pl.col("name"), canvas.n_letters // 2)
    )
    across, up = _around(data["estimate"]), _around(data["share_within_14_days"])
    middle = (_middle(data["estimate"]), _middle(data["share_within_14_days"]))
    x: Any = alt.X(
        "estimate:Q",
        title=words("figures.axis_index"),
        scale=alt.Scale(domain=across, nice=False),
        axis=alt.Axis(format=".2f", tickCount=canvas.n_ticks),
    )
    y: Any = alt.Y(
        "share_within_14_days:Q",
        title=words("figures.axis_within"),
        scale=alt.Scale(domain=up, nice=False),
        axis=alt.Axis(format=".0%", tickCount=5),
    )
    base = alt.Chart(data).encode(x=x, y=y)
    at = alt.Chart(pl.DataFrame({"estimate": [middle[0]], "share_within_14_days": [middle[1]]}))
    rule = at.mark_rule(strokeDash=[4, 3], color=MUTED)
    layers = [rule.encode(x=x), rule.encode(y=y)]
    layers.append(base.mark_point(size=90, filled=True, color=ACCENT, opacity=1))
    if data.height <= _MOST_NAMED:
        layers += _names(data, (across, up), x, y, canvas)
    return finish(alt.LayerChart(layer=layers), canvas, height=_HEIGHT + 40)


def _names(
    data: pl.DataFrame, domains: tuple[Sequence[float], Sequence[float]], x: Any, y: Any, canvas: Canvas
) -> list["alt.Chart"]:
    """Write the names of the dots where they cover neither dots nor one another."""
    import altair as alt

    across, up = domains
    size = (canvas.width - _BESIDE_AXES[0], _HEIGHT + 40.0 - _BESIDE_AXES[1])

    def pixels(one: float, other: float) -> tuple[float, float]:
        return size[0] * (one - across[0]) / (across[1] - across[0]), size[1] * (up[1] - other) / (up[1] - up[0])

    dots = [pixels(*row) for row in data.select("estimate", "share_within_14_days").rows()]
    right, down = pixels(_middle(data["estimate"]), _middle(data["share_within_14_days"]))
    lines = (Box(right - 1, 0, right + 1, size[1]), Box(0, down - 1, size[0], down + 1))
    chosen = place_labels(dots, data["name"].to_list(), size, avoid=lines)
    drawn = []
    for spot in dict.fromkeys(spot for spot in chosen if spot is not None):
        rows = data.filter(pl.Series([one == spot for one in chosen]))
        text = alt.Chart(rows).mark_text(dx=spot.dx, dy=spot.dy, align=spot.align, baseline="middle", color=INK)
        drawn.append(text.encode(x=x, y=y, text="name:N"))
    return drawn


def tiles_of(rows: pl.DataFrame, *, canvas: Canvas) -> "alt.LayerChart":
    """Draw the counties as tiles: the darker, the higher; every tile carries its number or the reason for none.

    Parameters
    ----------
    rows : polars.DataFrame
        code (two digits), estimate, undefined_reason; counties that are absent stay empty.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words, style = canvas.words, canvas.words.style
    named = layout().join(rows.select("code", "estimate", "undefined_reason"), on="code", how="left").sort("code")
    shade = _shades(named["estimate"])
    name = pl.col("code") if canvas.is_narrow else pl.col(words.language)
    data = named.select(
        "column",
        "row",
        fill=pl.Series([LINE if place is None else _TILES[place] for place in shade]),
        ink=pl.Series(["#ffffff" if place is not None and place >= _DARK else INK for place in shade]),
        name=name.str.replace(r"[- ]", "|"),
        shown=pl.Series(
            [
                style.decimals(value) if value is not None else words.of_code("reason", reason or "missing")
                for value, reason in named.select("estimate", "undefined_reason").rows()
            ]
        ),
    )
    band = partial(alt.Axis, labels=False, title=None, grid=False)
    x = alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.04, paddingOuter=0))
    y = alt.Y("row:O", axis=band(), scale=alt.Scale(paddingInner=0.04, paddingOuter=0))
    base = alt.Chart(data).encode(x=x, y=y)
    ink = alt.Color("ink:N", scale=None)
    text = partial(base.mark_text, baseline="middle")
    layers = [
        base.mark_rect(cornerRadius=4).encode(color=alt.Color("fill:N", scale=None)),
        text(
            dy=-8 if canvas.is_narrow else -13,
            lineBreak="|",
            lineHeight=13,
            fontSize=11.5 if not canvas.is_narrow else 12,
        ).encode(text="name:N", color=ink),
        text(dy=9 if canvas.is_narrow else 18, fontWeight="bold", fontSize=13 if not canvas.is_narrow else 12).encode(
            text="shown:N", color=ink
        ),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=7 * (52 if canvas.is_narrow else 70))


def _shades(values: pl.Series) -> list[int | None]:
    """Give each value its class among equal steps from the lowest to the highest."""
    low, high = ends(values)
    step = (high - low) / len(_TILES) or 1.0
    return [None if value is None else min(int((value - low) / step), len(_TILES) - 1) for value in values]


def _texts(values: pl.Series, write: Any) -> pl.Series:
    return pl.Series(["" if value is None else write(value) for value in values], dtype=pl.String)


def _reasons(rows: pl.DataFrame, words: Words) -> pl.Series:
    return pl.Series([words.of_code("reason", why) if why else "" for why in rows["undefined_reason"]], dtype=pl.String)


def _middle(values: pl.Series) -> float:
    known: list[float] = values.drop_nulls().to_list()
    return median(known or [0.0])


def _around(values: pl.Series) -> Sequence[float]:
    """Give a domain around the values, never so narrow that differences of a few hundredths look large."""
    low, high = ends(values)
    room = max(0.12 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    return [max(0.0, low - room), min(1.0, high + room)]
