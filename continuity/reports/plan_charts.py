"""The figures of a plan: who had and has how much work, who moves and why, and balance against moves.

They are written as Vega-Lite specifications: to import Altair costs more than a plan of 15,000 patients.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from continuity.reports.charts import (
    ACCENT,
    ACCENT_SOFT,
    AXIS_LOOK,
    FIT,
    FONT,
    INK,
    LINE,
    MUTED,
    NO_COLOR,
    PADDING,
    TEXT_LOOK,
    Canvas,
    round_up,
)

_ROW: Final = 30
_BAND: Final = "#cfe3e8"
_ABOVE: Final = 70
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"

Spec = Mapping[str, Any]


def shifts(rows: pl.DataFrame, canvas: Canvas, *, title: str, number_format: str) -> Spec:
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
    mapping
        A Vega-Lite specification.
    """
    data = rows.with_columns(pl.col("name").str.slice(0, canvas.n_letters)).with_row_index("position")
    top = round_up(pl.concat([data["before"], data["after"], data["high"].cast(pl.Float64)]))
    axis = {"format": number_format, "tickCount": canvas.n_ticks, "title": title, "labelFlush": False}
    scale = {"domain": [0, top], "nice": False}

    def at(column: str) -> Spec:
        return {"field": column, "type": "quantitative", "scale": scale, "axis": axis}

    band = {"type": "bar", "color": _BAND, "height": 16}
    ring = {"type": "point", "size": 70, "filled": False, "strokeWidth": 2, "color": MUTED, "opacity": 1}
    end = {"datum": top, "type": "quantitative", "scale": scale, "axis": axis}
    layers = [
        _layer({"type": "rule", "color": LINE}),
        _layer(band, x=at("low"), x2={"field": "high"}) | {"transform": [{"filter": "datum.high > 0"}]},
        _layer({"type": "rule", "strokeWidth": 2, "color": ACCENT_SOFT}, x=at("before"), x2={"field": "after"}),
        _layer(ring, x=at("before")),
        _layer(_dot(ACCENT, 90), x=at("after")),
        _layer(_text(align="right"), x={"value": -10}, text={"field": "name"}),
        _layer(_text(align="left", dx=8, fontWeight="bold"), x=end, text={"field": "shown"}),
    ]
    return _finished(data, layers, canvas, y=_PLACE, height=_ROW * max(rows.height, 1) + _ABOVE)


def amounts(rows: pl.DataFrame, canvas: Canvas, *, title: str) -> Spec:
    """Draw one bar a row: name, n, shown."""
    axis = {"format": ",.0f", "tickCount": canvas.n_ticks, "title": title, "tickMinStep": 1}
    scale = {"domain": [0, round_up(rows["n"])], "nice": False}
    x = {"field": "n", "type": "quantitative", "scale": scale, "axis": axis}
    layers = [
        _layer({"type": "bar", "color": ACCENT, "height": 18, "cornerRadiusEnd": 2}, x=x),
        _layer(_text(align="right"), x={"value": -10}, text={"field": "name"}),
        _layer(_text(align="left", dx=6, fontWeight="bold"), x=x, text={"field": "shown"}),
    ]
    data = rows.with_row_index("position")
    return _finished(data, layers, canvas, y=_PLACE, height=_ROW * max(rows.height, 1) + _ABOVE)


def curve(rows: pl.DataFrame, canvas: Canvas) -> Spec:
    """Draw how many move at each tolerance; the plan's own is the large dot.

    Parameters
    ----------
    rows : polars.DataFrame
        tolerance, n_moved, is_asked, shown; tolerances that cannot be met are left out.
    canvas : Canvas

    Returns
    -------
    mapping
        A Vega-Lite specification.
    """
    words = canvas.words
    axis_x = {"format": ".0%", "tickCount": canvas.n_ticks, "grid": False, "title": words("plan.axis_tolerance")}
    axis_y = {"format": ",.0f", "tickCount": 5, "title": words("plan.axis_moved"), "tickMinStep": 1}
    scale = {"domain": [0, round_up(rows["n_moved"] * 1.1)], "nice": False}
    x = {"field": "tolerance", "type": "quantitative", "axis": axis_x, "scale": {"zero": True, "padding": 16}}
    y = {"field": "n_moved", "type": "quantitative", "axis": axis_y, "scale": scale}
    asked = {"transform": [{"filter": "datum.is_asked"}]}
    layers = [
        _layer({"type": "line", "color": ACCENT_SOFT, "strokeWidth": 2}, x=x),
        _layer(_dot(ACCENT_SOFT, 60), x=x),
        _layer(_dot(ACCENT, 150), x=x) | asked,
        _layer(_text(align="left", dx=10, dy=-10, fontWeight="bold"), x=x, text={"field": "shown"}) | asked,
    ]
    return _finished(rows, layers, canvas, y=y, height=300)


_PLACE: Final[Spec] = {"field": "position", "type": "ordinal", "axis": None}
"""Rows stand where they are in the table: two long names that are cut alike must not share one."""


def _layer(mark: Spec, **encoding: Spec) -> dict[str, Any]:
    return {"mark": mark, "encoding": encoding}


def _dot(color: str, size: int) -> Spec:
    return {"type": "point", "filled": True, "color": color, "size": size, "opacity": 1}


def _text(**look: Any) -> Spec:
    return {"type": "text", "color": INK, **look}


def _finished(data: pl.DataFrame, layers: Sequence[Spec], canvas: Canvas, *, y: Spec, height: int) -> Spec:
    return {
        "$schema": _SCHEMA,
        "data": {"values": data.to_dicts()},
        "encoding": {"y": y},
        "layer": list(layers),
        "width": canvas.width,
        "height": height,
        "autosize": FIT,
        "padding": PADDING,
        "background": NO_COLOR,
        "config": {"font": FONT, "axis": AXIS_LOOK, "text": TEXT_LOOK, "view": {"stroke": None}},
    }
