"""Figures of groups beside one another, and of what a roll-out did."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.evaluation import Effects
from continuity.privacy import ProtectedTable, protect
from continuity.reports import comparison_chart, effect_chart
from continuity.reports.breaks import breaks_of
from continuity.reports.charts import Canvas
from continuity.reports.evaluation_text import periods_in
from continuity.reports.group_words import named_values
from continuity.reports.wording import words_of
from continuity.vocabulary import Language

if TYPE_CHECKING:
    import altair as alt

_KEYS: Final = ("term", "group", "event_time")


def groups(
    found: Any, *, by: str = "unit_id", index: str = "coc", width: int = 560, language: Language = "en"
) -> "alt.LayerChart":
    """Draw the mean of each group with its interval, sorted; a ring is the mean adjusted for the mix of patients.

    Parameters
    ----------
    found : Effects or frame
        What `continuity.compare` gave, or `continuity.summarise` (which has no rings).
    by, index : str
        For a frame of `summarise`: the column of groups, and the index.
    width : int
        In pixels.
    language : {"fi", "sv", "en"}

    Returns
    -------
    altair.LayerChart
        Groups of fewer than five patients, and those that would tell them, are left out.

    Raises
    ------
    InputError
        The frame lacks a column.
    UsageError
        There are several windows or no such index in the frame, or the effects hold no comparison.

    Examples
    --------
    >>> table = pl.DataFrame({"unit_id": ["U", "V"], "index": "coc", "n_patients": [90, 80], "estimate": [0.3, 0.4],
    ...                       "ci_low": [0.2, 0.3], "ci_high": [0.4, 0.5]})
    >>> len(groups(table).to_dict()["layer"])
    5
    """
    said = words_of(language)
    if isinstance(found, Effects):
        rows, by = found.frame, str(found.summary.get("by", by))
    else:
        rows = _terms(found, by, index)
    return comparison_chart.standings(named_values(_last(rows, "mean"), by, said), Canvas(width, said))


def funnel(found: Effects, *, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw each group by its size, with the limits that groups of that size keep to when they differ as groups do.

    Parameters
    ----------
    found : Effects
        What `continuity.compare` gave.
    width, language
        As in `groups`.

    Returns
    -------
    altair.LayerChart
        Groups outside the outer limits (99.8 %) bear their names.

    Raises
    ------
    UsageError
        The effects have no funnel: fewer than three groups of 30 patients or more.

    Examples
    --------
    >>> from continuity import compare
    >>> frame = pl.DataFrame({"patient_id": range(400), "unit_id": ["U", "V", "W", "X"] * 100, "n_visits": 4,
    ...                       "coc": [0.2, 0.4, 0.4, 0.6, 0.3] * 80})
    >>> funnel(compare(frame, "unit_id", "coc")).to_dict()["layer"][0]["mark"]["type"]
    'line'
    """
    said = words_of(language)
    rows = named_values(_last(found.frame, "funnel_95"), str(found.summary.get("by", "")), said)
    return comparison_chart.funnel(rows, Canvas(width, said))


def course(
    found: Effects, *, breaks: Sequence[str] = (), width: int = 560, language: Language = "en"
) -> "alt.LayerChart":
    """Draw the mean of each group over the windows.

    Parameters
    ----------
    found : Effects
        What `continuity.compare` gave on several windows.
    breaks : sequence of str
        Reforms and changes of systems, as ``"2024-09-01=New record system"``: a dashed line with the date; lines of
        groups stop there.
    width, language
        As in `groups`.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    UsageError
        The effects hold no comparison, or a break cannot be read.

    Examples
    --------
    >>> from continuity import compare
    >>> frame = pl.DataFrame({"patient_id": range(400), "unit_id": ["U", "V"] * 200, "n_visits": 4,
    ...                       "coc": [0.2, 0.4, 0.4, 0.6] * 100})
    >>> course(compare(frame, "unit_id", "coc")).to_dict()["layer"][0]["mark"]["type"]
    'line'
    """
    rows = _protected(found.frame).frame.filter(term="mean").drop_nulls("estimate")
    days = [one.day for one in breaks_of(breaks)]
    canvas, periods = Canvas(width, words_of(language)), periods_in(found.summary["windows"])
    rows = named_values(_some(rows, "mean"), str(found.summary.get("by", "")), canvas.words)
    return comparison_chart.course(rows, canvas, periods=periods, days=days)


def event_study(found: Effects, *, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw the differences before the start, which should lie at 0, and the effects after it, with intervals.

    Parameters
    ----------
    found : Effects
        What `continuity.event_study` gave.
    width, language
        As in `groups`.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    UsageError
        The effects are of another design.

    Examples
    --------
    >>> rows = pl.DataFrame({"term": "effect", "group": None, "event_time": [0, 1], "estimate": [0.1, 0.2],
    ...     "ci_low": [0.0, 0.1], "ci_high": [0.2, 0.3], "n_patients": [50, 40]}, schema_overrides={"group": pl.String})
    >>> len(event_study(Effects(rows, {})).to_dict()["layer"])
    4
    """
    table = _protected(found.frame)
    _some(table.frame.filter(pl.col("term") == "effect", pl.col("event_time").is_not_null()), "effect")
    return effect_chart.by_time(table, Canvas(width, words_of(language)))


def unit_effects(found: Effects, *, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw the effect of each unit with its interval, sorted from high to low.

    Parameters
    ----------
    found : Effects
        What `continuity.interrupted_time_series` gave.
    width, language
        As in `groups`.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    UsageError
        The effects are of another design.

    Examples
    --------
    >>> rows = pl.DataFrame({"term": "effect", "group": ["U", "V"], "event_time": None, "estimate": [0.1, 0.2],
    ...     "ci_low": [0.0, 0.1], "ci_high": [0.2, 0.3], "n_patients": [50, 40]})
    >>> len(unit_effects(Effects(rows, {})).to_dict()["layer"])
    4
    """
    table = _protected(found.frame)
    _some(table.frame.filter(pl.col("term") == "effect", pl.col("group").is_not_null()), "effect of a unit")
    return effect_chart.by_unit(table, Canvas(width, words_of(language)))


def _terms(table: Any, by: str, index: str) -> pl.DataFrame:
    """Give the rows of `summarise` as a comparison has them."""
    frame = edge.lazily(table)[0].collect()
    needed = [by, "index", "n_patients", "estimate", "ci_low", "ci_high"]
    if missing := [name for name in needed if name not in frame.columns]:
        raise InputError.missing_columns(missing, frame.columns, "the table")
    rows = frame.filter(pl.col("index") == index).drop_nulls(by)
    if rows.is_empty():
        raise UsageError.unknown_choice("index", index, frame["index"].unique().sort().to_list())
    if rows[by].is_duplicated().any():
        raise UsageError(
            "A group stands in the table more than once.", next_step="Choose one window, and group by one column."
        )
    return rows.select(
        *needed[2:], term=pl.lit("mean"), group=pl.col(by).cast(pl.String), event_time=pl.lit(None, pl.Int64)
    )


def _last(frame: pl.DataFrame, term: str) -> pl.DataFrame:
    rows = _protected(frame).frame.filter(pl.col("event_time").is_null())
    _some(rows.filter(pl.col("term") == term).drop_nulls("ci_low"), term)
    return rows


def _protected(frame: pl.DataFrame) -> ProtectedTable:
    margins = [["term", "event_time"]]
    return protect(frame, name="figure", keys=_KEYS, margins=margins, same_patients=["group", "event_time"])


def _some(rows: pl.DataFrame, term: str) -> pl.DataFrame:
    if rows.is_empty():
        raise UsageError(
            f"There is nothing to draw: no row of the term {term!r} may be shown.",
            allowed="Groups need five patients, a funnel three groups of 30.",
            next_step="Take what the function of the same design gives.",
        )
    return rows
