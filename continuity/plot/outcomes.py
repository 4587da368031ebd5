"""The figure of a study of outcomes: a curve with its interval, or classes beside one another."""

from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity.errors import UsageError
from continuity.evaluation import Associations
from continuity.privacy import protect
from continuity.reports.charts import ACCENT, ACCENT_SOFT, INK, LINE, MUTED, Canvas, finish
from continuity.reports.label_places import cut
from continuity.reports.rows import ends
from continuity.reports.wording import words_of
from continuity.vocabulary import Language, words

if TYPE_CHECKING:
    import altair as alt

_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "rate": "Rate ratio", "hazard": "Hazard ratio", "cost": "Cost ratio", "index": "before follow-up",
        "landmark": "measured before", "concurrent": "measured at once",
    },
    "fi": {
        "rate": "Ilmaantuvuussuhde", "hazard": "Riskitiheyksien suhde", "cost": "Kustannussuhde",
        "index": "ennen seurantaa", "landmark": "mitattu ennen", "concurrent": "mitattu samaan aikaan",
    },
    "sv": {
        "rate": "Incidenskvot", "hazard": "Hasardkvot", "cost": "Kostnadskvot", "index": "före uppföljningen",
        "landmark": "mätt före", "concurrent": "mätt samtidigt",
    },
}  # fmt: skip
_KEYS: Final = ("term", "group")
_ROW: Final = 30
_FEWEST_TICKS: Final = 4
_STEPS: Final = (
    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0],
    [0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0],
    [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0],
    [0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15],
)


def outcome(found: Associations, *, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw how an outcome goes with continuity, as ratios with 95 % intervals on a logarithmic axis.

    Parameters
    ----------
    found : Associations
        What `continuity.outcome_study` gave, as a curve or in classes, or `continuity.concurrent_warning`.
    width : int
        In pixels.
    language : {"fi", "sv", "en"}

    Returns
    -------
    altair.LayerChart
        A curve has a band; classes have a row each. The grey line is a ratio of 1. An association is not an effect.

    Raises
    ------
    UsageError
        No row has five patients behind it.

    Examples
    --------
    >>> rows = pl.DataFrame({"term": "log_rate_ratio", "group": ["0.25", "0.75"], "estimate": [0.0, -0.4],
    ...                      "ci_low": [0.0, -0.6], "ci_high": [0.0, -0.2], "n_patients": [400, 400]})
    >>> chart = outcome(Associations(rows, {"index": "coc"})).to_dict()
    >>> [layer["mark"]["type"] for layer in chart["layer"]]
    ['rule', 'area', 'line']
    """
    if language not in words(Language):
        raise UsageError.unknown_choice("language", language, words(Language))
    columns = [*_KEYS, "n_patients", "estimate", "ci_low", "ci_high"]
    table = protect(found.frame.select(columns), name="figure", keys=_KEYS)
    order = found.frame.select(*_KEYS).with_row_index("order")
    kept = table.frame.drop_nulls("estimate").join(order, on=_KEYS).sort("order")
    if kept.is_empty():
        raise UsageError(
            "There is nothing to draw: no row may be shown.",
            allowed="A row needs five patients.",
            next_step="Take wider classes, or a longer follow-up.",
        )
    logs = ("estimate", "ci_low", "ci_high")
    rows = kept.with_columns(pl.col(name).exp() for name in logs).with_columns(
        pl.col("ci_low").fill_null(pl.col("estimate")), pl.col("ci_high").fill_null(pl.col("estimate"))
    )
    canvas = Canvas(width, words_of(language))
    at = rows["group"].cast(pl.Float64, strict=False)
    if rows["term"].n_unique() == 1 and not at.null_count():
        return _curve(rows.with_columns(at=at), str(found.summary.get("index", "")), canvas)
    return _classes(rows, canvas)


def _curve(rows: pl.DataFrame, index: str, canvas: Canvas) -> "alt.LayerChart":
    import altair as alt

    said = _WORDS[canvas.words.language]
    base = alt.Chart(rows.select("at", "estimate", "ci_low", "ci_high"))
    title = f"{index.upper()} {said['index']}".strip()
    x = alt.X("at:Q", title=title, scale=alt.Scale(nice=False), axis=alt.Axis(tickCount=canvas.n_ticks))
    y: Any = alt.Y("ci_low:Q", title=_title(rows, said), scale=_scale(rows), axis=_axis(_scale(rows)))
    one = alt.Chart(pl.DataFrame({"one": [1.0]})).mark_rule(color=MUTED)
    layers = [
        one.encode(y=alt.Y("one:Q", title=_title(rows, said))),
        base.mark_area(color=ACCENT_SOFT, opacity=0.45).encode(x=x, y=y, y2="ci_high:Q"),
        base.mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y="estimate:Q"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=300)


def _classes(rows: pl.DataFrame, canvas: Canvas) -> "alt.LayerChart":
    import altair as alt

    said = _WORDS[canvas.words.language]
    when = rows["term"].str.split(" ").list.first()
    names = [
        f"{group} ({said[first]})" if first in said else group for group, first in zip(rows["group"], when, strict=True)
    ]
    data = rows.with_row_index("position").select(
        "position", "estimate", "ci_low", "ci_high", name=cut(pl.lit(pl.Series(names)), canvas.n_letters)
    )
    base = alt.Chart(data).encode(y=alt.Y("position:O", axis=None))
    x: Any = alt.X("ci_low:Q", title=_title(rows, said), scale=_scale(rows), axis=_axis(_scale(rows)))
    one = alt.Chart(pl.DataFrame({"one": [1.0]})).mark_rule(color=MUTED)
    layers = [
        one.encode(x=alt.X("one:Q", title=_title(rows, said))),
        base.mark_rule(color=LINE),
        base.mark_rule(strokeWidth=3, color=ACCENT_SOFT, strokeCap="round").encode(x=x, x2="ci_high:Q"),
        base.mark_point(size=80, filled=True, color=ACCENT, opacity=1).encode(x="estimate:Q"),
        base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N"),
    ]
    return finish(alt.LayerChart(layer=layers), canvas, height=_ROW * data.height + 70)


def _title(rows: pl.DataFrame, said: dict[str, str]) -> str:
    term = rows["term"][0]
    return next((said[kind] for kind in ("rate", "hazard", "cost") if f"log_{kind}" in term), term)


def _scale(rows: pl.DataFrame) -> "alt.Scale":
    import altair as alt

    low, high = ends(rows["ci_low"], 1.0)[0] or 1.0, ends(rows["ci_high"], 1.0)[1]
    return alt.Scale(type="log", domain=[min(low, 0.9) / 1.05, max(high, 1.1) * 1.05], nice=False)


def _axis(scale: "alt.Scale") -> "alt.Axis":
    import altair as alt

    return alt.Axis(values=_ticks(*scale["domain"]), format=".2~f")


def _ticks(low: float, high: float) -> list[float]:
    """Give the coarsest round ratios of which four or more lie on the axis, 1 among them."""
    for step in _STEPS:
        found = [value for value in step if low <= value <= high]
        if len(found) >= _FEWEST_TICKS:
            return found
    return found
