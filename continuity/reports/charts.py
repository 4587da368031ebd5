"""The figures as pure functions: a protected table in, a chart out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import polars as pl

from continuity.privacy import ProtectedTable
from continuity.reports.grids import class_name, in_class_order, kind_of, number, short_place
from continuity.reports.rows import OWN_SHARE, drawn_rows, ends, rows_of
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

ACCENT: Final = "#0b5c73"
ACCENT_SOFT: Final = "#8fb9c4"
INK: Final = "#1b2a30"
MUTED: Final = "#56656c"
LINE: Final = "#dde5e8"
FONT: Final = "Arial, Helvetica, sans-serif"
NO_COLOR: Final = "transparent"
FIT: Final[Mapping[str, Any]] = {"type": "fit", "contains": "padding"}
PADDING: Final[Mapping[str, int]] = {"left": 2, "right": 4, "top": 4, "bottom": 4}
TEXT_LOOK: Final[Mapping[str, Any]] = {"fontSize": 12}
AXIS_LOOK: Final[Mapping[str, Any]] = {
    "labelFontSize": 12,
    "titleFontSize": 12,
    "titleFontWeight": "normal",
    "labelColor": INK,
    "titleColor": MUTED,
    "gridColor": LINE,
    "domain": False,
    "ticks": False,
    "labelPadding": 6,
    "titlePadding": 10,
}
_ROW_HEIGHT: Final = 28
_ROW_HEIGHT_MANY: Final = 20  # a county has a hundred units: the figure should still be a page, not a scroll
_MANY: Final = 40
_COLUMNS_HEIGHT: Final = 250
_LETTER: Final = 6.3  # mean width of a letter of 12 pixels in Arial and its metric twins


@dataclass(frozen=True)
class Canvas:
    """How large a figure is drawn, and in which language.

    Parameters
    ----------
    width : int
        Whole width in pixels, labels included.
    words : Words
    """

    width: int
    words: Words

    @property
    def n_letters(self) -> int:
        """How many letters a row label may have before it is cut: a third of the width."""
        return round(self.width * 0.36 / _LETTER)

    @property
    def is_narrow(self) -> bool:
        """Whether this is the drawing for a phone."""
        return self.width < 400

    @property
    def n_ticks(self) -> int:
        """How many ticks an axis along the width has room for."""
        return 3 if self.is_narrow else 5


@dataclass(frozen=True)
class _Amount:
    """The axis that numbers are read from; every layer of a figure shares it."""

    channel: Literal["X", "Y"]
    title: str
    top: float
    number_format: str
    n_ticks: int = 5

    def at(self, column: str) -> Any:
        """Give a channel that places this column on the axis."""
        import altair as alt

        axis = alt.Axis(format=self.number_format, tickCount=self.n_ticks, title=self.title, labelFlush=False)
        scale = alt.Scale(domain=[0, self.top], nice=False)
        return getattr(alt, self.channel)(f"{column}:Q", scale=scale, axis=axis)


def dots(
    table: ProtectedTable, *, role: str, index: str, reference: float | None, top: float, canvas: Canvas
) -> "alt.LayerChart":
    """Draw one dot and interval a place that may be shown, sorted from high to low.

    Parameters
    ----------
    table : ProtectedTable
        ``unit`` or ``team``.
    role, index : str
    reference : float or None
        The value over all patients, drawn as a dashed line.
    top : float
        End of the axis, so that the figures of two roles can be compared.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    rows = drawn_rows(table, role=role, index=index).sort("estimate", descending=True)
    labels = [short_place(row, canvas.n_letters, words) for row in rows.iter_rows(named=True)]
    data = _with_texts(rows, labels, words).with_row_index("position")
    is_share = index == OWN_SHARE
    title = words("figures.axis_share" if is_share else "figures.axis_index")
    x = _Amount("X", title, top, ".0%" if is_share else ".1f", canvas.n_ticks)
    # equal labels (two long names, cut) must not share a row: rows are placed by position, labels are drawn as text
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))
    text = partial(base.mark_text, align="left", color=MUTED)
    layers = [
        base.mark_rule(color=LINE),
        *_reference_line(reference, x, words("figures.reference", value=_text(reference, index, words))),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(x=x.at("ci_low"), x2="ci_high:Q"),
        base.mark_point(size=90, filled=True, color=ACCENT, opacity=1).encode(x=x.at("estimate")),
        text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
        text(dx=8, color=INK, fontWeight="bold").encode(x=alt.datum(top), text="shown:N"),
    ]
    step = _ROW_HEIGHT if rows.height <= _MANY else _ROW_HEIGHT_MANY
    return finish(alt.LayerChart(layer=layers), canvas, height=step * max(rows.height, 1) + 70)


def bars(
    table: ProtectedTable, *, role: str, index: str, total: int | None, top: float, canvas: Canvas
) -> "alt.LayerChart":
    """Draw how patients spread over classes of an index.

    Parameters
    ----------
    table : ProtectedTable
        ``distribution``.
    role, index : str
    total : int or None
        Patients behind the whole; None where that is suppressed, and then the bars are counts.
    top : float
        End of the axis, so that the figures of two roles can be compared.
    canvas : Canvas

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    amount = pl.col("n_patients") / (total or 1)
    rows = in_class_order(rows_of(table, role=role, index=index), "value_class")
    rows = rows.with_columns(estimate=amount, ci_low=amount, ci_high=amount)
    write = words.style.share if total else words.style.count
    data = _with_texts(rows, [class_name(code, words) for code in rows["value_class"]], words, write)
    title = words("figures.axis_patients" if total else "figures.axis_count")
    y = _Amount("Y", title, top, ".0%" if total else ",.0f")
    base = _columns(data, words("figures.axis_class"), in_two_lines=canvas.is_narrow)
    bar = base.mark_bar(color=ACCENT, cornerRadiusEnd=2, width=alt.RelativeBandSize(0.72))
    return finish(alt.LayerChart(layer=[bar.encode(y=y.at("estimate")), *_column_texts(base, y)]), canvas)


def by_visits(
    table: ProtectedTable, *, role: str, index: str, reference: float | None, top: float, canvas: Canvas
) -> "alt.LayerChart":
    """Draw an index by the number of visits of a patient, with intervals.

    Parameters
    ----------
    table : ProtectedTable
        ``visit_classes``.
    role, index, reference, top, canvas
        As in `dots`.

    Returns
    -------
    altair.LayerChart
    """
    import altair as alt

    words = canvas.words
    rows = in_class_order(rows_of(table, role=role, index=index), "n_visits_class")
    data = _with_texts(rows, [class_name(code, words) for code in rows["n_visits_class"]], words)
    y = _Amount("Y", words("figures.axis_index"), top, ".1f")
    base = _columns(data, words("figures.axis_visits"))
    low, mean = y.at("ci_low"), y.at("estimate")
    layers = [
        *_reference_line(reference, y, ""),
        base.mark_line(color=ACCENT_SOFT, strokeWidth=1.5).encode(y=mean),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(y=low, y2="ci_high:Q"),
        base.mark_point(size=90, filled=True, color=ACCENT, opacity=1).encode(y=mean),
        *_column_texts(base, y),
    ]
    return finish(alt.LayerChart(layer=layers), canvas)


def axis_top(table: ProtectedTable | None, roles: Sequence[str], index: str) -> float:
    """Give the end of an axis that holds the intervals of these roles: half of the scale, or more where needed."""
    highest = [rows["ci_high"].max() for role in roles if (rows := rows_of(table, role=role, index=index)).height]
    return min(1.0, max(0.5, round_up(pl.Series(highest, dtype=pl.Float64))))


def round_up(values: pl.Series) -> float:
    """Give the round number at which an axis over these values ends."""
    highest = ends(values)[1]
    if highest <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(highest))
    return round(math.ceil(highest / step * 2) * step / 2, 6)


def _with_texts(
    rows: pl.DataFrame, names: list[str], words: Words, write: Callable[[float], str] | None = None
) -> pl.DataFrame:
    """Add the row's name, its number in words, and the reason where there is none."""
    values = rows.select("estimate", "index").rows()
    write_all = [write(value) if write and value is not None else _text(value, index, words) for value, index in values]
    reasons = [words.of_code("reason", reason) if reason else "" for reason in rows["undefined_reason"]]
    columns = {"name": names, "shown": write_all, "hidden": reasons}
    return rows.select("estimate", "ci_low", "ci_high").with_columns(
        pl.Series(name, texts, dtype=pl.String) for name, texts in columns.items()
    )


def _text(value: float | None, index: str, words: Words) -> str:
    if value is None:
        return ""
    if index == OWN_SHARE:
        return words.style.share(value)
    return number(value, kind_of("estimate", {"index": index}), words)


def _columns(data: pl.DataFrame, title: str, *, in_two_lines: bool = False) -> "alt.Chart":
    import altair as alt

    axis = alt.Axis(labelAngle=0, title=title, grid=False)
    if in_two_lines:
        axis.labelExpr = "split(replace(datum.label, '–', '–|'), '|')"
    return alt.Chart(data).encode(x=alt.X("name:N", sort=data["name"].to_list(), axis=axis))


def _column_texts(base: "alt.Chart", y: _Amount) -> list["alt.Chart"]:
    import altair as alt

    above = base.mark_text(dy=-9, color=INK, fontWeight="bold").encode(y=y.at("ci_high"), text="shown:N")
    hidden = base.mark_text(angle=270, align="left", dx=6, color=MUTED, fontStyle="italic")
    return [above, hidden.encode(y=alt.datum(0), text="hidden:N")]


def _reference_line(value: float | None, like: _Amount, label: str) -> list["alt.Chart"]:
    import altair as alt

    if value is None:
        return []
    channel = like.channel.lower()
    line = alt.Chart(pl.DataFrame({"estimate": [value]}))
    rule = line.mark_rule(strokeDash=[4, 3], color=MUTED).encode(**{channel: like.at("estimate")})
    if not label:
        return [rule]
    text = line.mark_text(baseline="bottom", dy=-4, color=MUTED, text=label)
    return [rule, text.encode(**{channel: like.at("estimate")}, y=alt.value(0))]


def finish(chart: "alt.LayerChart", canvas: Canvas, height: int = _COLUMNS_HEIGHT) -> "alt.LayerChart":
    import altair as alt

    finished: alt.LayerChart = (
        chart.properties(
            width=canvas.width, height=height, autosize=alt.AutoSizeParams(**FIT), padding=PADDING, background=NO_COLOR
        )
        .configure(font=FONT)
        .configure_axis(**AXIS_LOOK)
        .configure_text(**TEXT_LOOK)
        .configure_view(stroke=None)
    )
    return finished
