"""Series of windows that overlap: where few stand behind one, the steps from window to window tell of them."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.privacy.complements import Margins
from continuity.privacy.limits import Limits
from continuity.privacy.nested import WINDOWS

_SERIES, _AT, _EVERYONE = "_series", "_at", "_everyone"
_COUNTS: Final = {"n_patients": "min_patients", _EVERYONE: "min_patients", "n_visits": "min_visits"}

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Chain = list[tuple[datetime, datetime]]


def hide_rolling(table: pl.DataFrame, keys: Sequence[str], margins: Margins, limits: Limits) -> pl.DataFrame:
    """Leave only windows that do not overlap in a series whose single steps could be narrowed down to a few values.

    Parameters
    ----------
    table : polars.DataFrame
        One row per cell with n_patients, ``_hidden`` and ``_total``, and n_visits and n_undefined where they are known.
    keys : sequence of str
        The columns that name a cell; without window_start and window_end (or those of a period) nothing is done.
    margins : sequence of sequences of str
        The columns that stay fixed in each kind of group whose sum is known.
    limits : Limits

    Returns
    -------
    polars.DataFrame
        The same rows, more of them hidden.

    Notes
    -----
    A series is what is alike but for the window. It must leave the least number of values open in `patient_slack` and
    `visit_slack`, and so must the series of one sum that are hidden, taken together; otherwise a further one is
    hidden with them. The slack of a sum is at least the sum of the slacks, so one safe series is enough.
    """
    window = next((pair for pair in WINDOWS if set(pair) <= set(keys)), ())
    if not window or table.is_empty():
        return table
    chain = _chain(table.select(window).unique().rows())
    if not any(later[0] < earlier[1] for earlier, later in pairwise(chain)):
        return table
    named = [key for key in keys if key not in window]
    helping = sorted({name for margin in margins for name in margin} - {*named, *window})
    laid = _laid_out(table, named, window, chain)
    series = laid.select(_SERIES, *named, *helping, "_total").unique(_SERIES, keep="first").sort(_SERIES)
    counts = _matrices(laid, series.height, len(chain))
    flagged = _fails(counts, chain, limits)
    for margin in margins:
        if set(window) <= set(margin):
            _with_others(
                flagged, series, [name for name in margin if name not in window], counts, chain=chain, limits=limits
            )
    kept = _apart(chain)
    hides = laid[_AT].is_not_null() & ~laid[_AT].is_in(kept) & pl.Series(flagged[laid[_SERIES].to_numpy()])
    return table.with_columns(pl.col("_hidden") | hides.fill_null(value=False))


def patient_slack(counts: Numbers, chain: Chain) -> Numbers:
    """Give how far the number of those who leave or enter at a step can lie from what the steps say, at worst.

    Parameters
    ----------
    counts : array of float, shape (n_series, n_windows)
        Patients in each window.
    chain : list of tuple of datetime
        The windows, none inside another, in order.

    Returns
    -------
    array of float, shape (n_series,)

    Notes
    -----
    n' = n + E - L: besides the least, some x leave and as many enter. Whoever enters stays at least as long as windows
    hold the visit that brought them in. So those in a window who cannot have entered lately, n' less the increases of
    the steps before it, down to the first whose window it still overlaps, bound x. An index that asks for more visits
    lets patients go earlier, which leaves more open.
    """
    up = np.maximum(np.diff(counts, axis=1), 0)
    least = np.full(len(counts), np.inf)
    for step in range(len(chain) - 1):
        lately = [s for s in range(step + 1) if s == step or chain[step + 1][0] <= chain[s][1]]
        least = np.minimum(least, counts[:, step + 1] - up[:, lately].sum(axis=1))
    return least


def visit_slack(counts: Numbers, chain: Chain) -> Numbers:
    """Give the width to which the visits between two bounds of windows are known.

    Parameters
    ----------
    counts, chain
        As in `patient_slack`, of visits.

    Returns
    -------
    array of float, shape (n_series,)
        Below 0 where ends and starts of the windows do not meet, so that nothing can be said.

    Notes
    -----
    A step says what the visits that come in have more than those that fall out, as 13 months and 1. From one end to
    the next start that makes a chain: months 1, 13, 25. None of it is below 0, so the first is at least the greatest
    fall since. What the first window holds beyond the sum of these is open, and nothing else is.
    """
    ends, starts = [end for _, end in chain], [start for start, _ in chain]
    if {end for end in ends if end <= starts[-1]} != {start for start in starts if start >= ends[0]}:
        return np.full(len(counts), -1.0)
    steps = np.diff(counts, axis=1)
    after = {start: at for at, start in enumerate(starts[:-1])}
    slack: Numbers = counts[:, 0].copy()
    for first in range(len(chain) - 1):
        if starts[first] >= ends[0]:
            break
        change, lowest, at = np.zeros(len(counts)), np.zeros(len(counts)), first
        while True:
            change = change + steps[:, at]
            lowest = np.minimum(lowest, change)
            if ends[at] not in after:
                break
            at = after[ends[at]]
        slack += lowest
    return slack


def _chain(found: Sequence[tuple[datetime, datetime]]) -> Chain:
    """Leave out windows that hold others: `hide_nested` compares these."""
    return sorted(
        one for one in found if not any(one[0] <= other[0] and other[1] <= one[1] for other in found if other != one)
    )


def _apart(chain: Chain) -> list[int]:
    """Choose windows that do not overlap, from the last one back."""
    kept = [len(chain) - 1]
    for at in range(len(chain) - 2, -1, -1):
        if chain[at][1] <= chain[kept[-1]][0]:
            kept.append(at)
    return kept


def _laid_out(table: pl.DataFrame, named: Sequence[str], window: Sequence[str], chain: Chain) -> pl.DataFrame:
    """Give each series and window a number; a window that is none of the chain has no number."""
    places = pl.DataFrame(
        [(*bounds, at) for at, bounds in enumerate(chain)],
        schema={window[0]: table.schema[window[0]], window[1]: table.schema[window[1]], _AT: pl.Int64},
        orient="row",
    )
    one = table.with_columns(_one=pl.lit(0))
    numbers = one.select("_one", *named).unique(maintain_order=True).with_row_index(_SERIES)
    laid = one.join(numbers, on=["_one", *named], how="left", nulls_equal=True, maintain_order="left")
    laid = laid.join(places, on=list(window), how="left", maintain_order="left").drop("_one")
    if "n_undefined" in laid.columns:
        laid = laid.with_columns((pl.col("n_patients") + pl.col("n_undefined").fill_null(0)).alias(_EVERYONE))
    return laid


def _matrices(laid: pl.DataFrame, n_series: int, n_windows: int) -> dict[str, Numbers]:
    """Give each count by series and window; nobody where there is no row."""
    inside = laid.drop_nulls(_AT)
    found = {}
    for name in _COUNTS:
        if name in inside.columns:
            matrix = np.zeros((n_series, n_windows))
            values = inside[name].cast(pl.Float64).fill_null(0).to_numpy()
            matrix[inside[_SERIES].to_numpy(), inside[_AT].to_numpy()] = values
            found[name] = matrix
    return found


def _fails(counts: dict[str, Numbers], chain: Chain, limits: Limits) -> Flags:
    fails = np.zeros(len(next(iter(counts.values()))), dtype=np.bool_)
    for name, matrix in counts.items():
        slack = (visit_slack if name == "n_visits" else patient_slack)(matrix, chain)
        fails |= slack < getattr(limits, _COUNTS[name])
    return fails


def _with_others(
    flagged: Flags, series: pl.DataFrame, fixed: list[str], counts: dict[str, Numbers], *, chain: Chain, limits: Limits
) -> None:
    """Hide the smallest further series of each group whose hidden ones, added up, can be narrowed down."""
    size = counts["n_patients"].sum(axis=1)
    groups = series.group_by(fixed, maintain_order=True) if fixed else [((), series)]
    for _, own in groups:
        if own["_total"].any() and not own["_total"].all():
            continue  # a total goes with its part, window by window
        rows = own[_SERIES].to_numpy().astype(np.intp)
        for more in rows[np.argsort(size[rows], kind="stable")]:
            hidden = rows[flagged[rows]]
            together = {name: matrix[hidden].sum(axis=0, keepdims=True) for name, matrix in counts.items()}
            if not hidden.size or not _fails(together, chain, limits)[0]:
                break
            flagged[more] = True
