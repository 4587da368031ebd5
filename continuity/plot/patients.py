"""Figures of an index over patients: how it spreads, and how it moves with the number of visits."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from continuity import edge, metrics
from continuity.errors import InputError, UsageError
from continuity.evaluation import cells, summarise
from continuity.privacy import ProtectedTable, protect
from continuity.reports.charts import Canvas, axis_top, bars, round_up
from continuity.reports.charts import by_visits as drawn_by_visits
from continuity.reports.wording import words_of
from continuity.vocabulary import Language

if TYPE_CHECKING:
    import altair as alt

_WINDOW: Final = ("window_start", "window_end")
_ALL: Final = "all"


def distribution(per_patient: Any, index: str, *, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw how patients spread over classes of an index; the values 0 and 1 have bars of their own.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide, for one window.
    index : str
        A column of `per_patient` with values between 0 and 1.
    width : int
        In pixels.
    language : {"fi", "sv", "en"}

    Returns
    -------
    altair.LayerChart
        Its data are shares of patients by class; a class of fewer than five is hidden, with others that would tell it.

    Raises
    ------
    InputError
        There is no such column.
    UsageError
        Several windows, or an index that leaves 0 to 1.

    Examples
    --------
    >>> frame = pl.DataFrame({"patient_id": range(180), "n_visits": 3, "coc": [0.0, 0.1, 0.3, 0.6, 0.8, 1.0] * 30})
    >>> chart = distribution(frame, "coc")
    >>> [row["shown"] for row in next(iter(chart.to_dict()["datasets"].values()))]
    ['17%', '17%', '17%', '17%', '17%', '17%']
    """
    frame = _one_window(per_patient, index)
    if not frame[index].drop_nulls().is_between(0, 1).all():
        raise UsageError(f"The values of {index!r} leave 0 to 1, so they have no classes.", next_step="Draw by_visits.")
    rows = cells.distribution(frame, index).with_columns(role=pl.lit(_ALL), index=pl.lit(index))
    keys = ("role", "index", "value_class", "value_from", "value_to")
    table = protect(rows, name="distribution", keys=keys, margins=[["role", "index"]])
    total = int(rows["n_patients"].sum())
    top = round_up(table.frame["n_patients"] / max(total, 1))
    return bars(table, role=_ALL, index=index, total=total or None, top=top, canvas=Canvas(width, words_of(language)))


def by_visits(per_patient: Any, index: str, *, width: int = 560, language: Language = "en") -> "alt.LayerChart":
    """Draw the mean of an index by the number of visits of a patient, with 95 % intervals.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide, for one window.
    index : str
        A column of `per_patient`.
    width, language
        As in `distribution`.

    Returns
    -------
    altair.LayerChart
        Its data are means by class of visits; the dashed line is the mean of all patients.

    Raises
    ------
    InputError
        There is no such column.
    UsageError
        Several windows.

    Examples
    --------
    >>> frame = pl.DataFrame({"patient_id": range(90), "n_visits": [3, 4, 9] * 30, "coc": [0.2, 0.3, 0.4] * 30})
    >>> [layer["mark"]["type"] for layer in by_visits(frame, "coc").to_dict()["layer"]][:2]
    ['rule', 'line']
    """
    frame = _one_window(per_patient, index).drop_nulls(index).with_columns(n_visits_class=cells.visit_class())
    table, whole = (_means(frame, index, by) for by in (["n_visits_class"], []))
    reference = None if whole.frame.is_empty() else whole.frame["estimate"].item()
    canvas = canvas_of(width, language, index)
    highest = round_up(table.frame["ci_high"])
    top = highest if highest > 1 else axis_top(table, [_ALL], index)
    return drawn_by_visits(table, role=_ALL, index=index, reference=reference, top=top, canvas=canvas)


def canvas_of(width: int, language: Language, index: str) -> Canvas:
    """Give a canvas whose axis names the index."""
    words = words_of(language)
    name = metrics.index(index).label[language] if index in metrics.keys(None) else index
    return Canvas(width, replace(words, texts={**words.texts, "figures.axis_index": name}))


def _one_window(per_patient: Any, index: str) -> pl.DataFrame:
    frame = edge.lazily(per_patient)[0].collect()
    missing = [name for name in ("n_visits", index) if name not in frame.columns]
    if missing:
        raise InputError.missing_columns(missing, frame.columns, "per_patient")
    window = [name for name in _WINDOW if name in frame.columns]
    if window and frame.select(window).unique().height > 1:
        raise UsageError(
            "A figure of patients shows one window, and there are several.",
            next_step="Choose one: per_patient.filter(pl.col('window_start') == ...).",
        )
    return frame


def _means(frame: pl.DataFrame, index: str, by: list[str]) -> ProtectedTable:
    found = summarise(frame.select("patient_id", "n_visits", index, *by), by=by or None).with_columns(role=pl.lit(_ALL))
    columns = ["role", *by, "index", "n_patients", "n_visits", "estimate", "ci_low", "ci_high", "undefined_reason"]
    margins = [["role", "index"]] if by else []
    return protect(found.select(columns), name="visits", keys=("role", "index", *by), margins=margins)
