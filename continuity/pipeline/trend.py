"""The course of an index over periods of the window, so that no period tells with the whole window of a few."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from continuity.evaluation.aggregate import Measured, aggregate
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import Window
from continuity.pipeline.measure import measure_roles
from continuity.pipeline.unseen import ALL, with_unseen
from continuity.privacy import Limits, ProtectedTable, protect

_SIZES: Final = ("n_patients", "n_visits", "n_providers")
_NUMBERS: Final = (*_SIZES, "estimate", "std_error", "ci_low", "ci_high", "share_largest_provider")
_KEYS: Final = ("role", "index", "period_start", "period_end")
_CELL: Final = ("role", "period_start")


def trend_table(
    sources: Sources,
    measured: Mapping[str, Measured],
    key: str,
    *,
    rules: Rules,
    inside: Sequence[Window],
    whole: ProtectedTable,
    limits: Limits | None,
) -> ProtectedTable:
    """Aggregate an index by period and role, and protect the cells with those of the whole window.

    Parameters
    ----------
    sources : Sources
    measured : mapping of str to Measured
        By role, of the whole window.
    key : str
        The index.
    rules : Rules
    inside : sequence of Window
        The periods; no two overlap.
    whole : ProtectedTable
        By role and index: a period of what it hides is hidden.
    limits : Limits or None

    Returns
    -------
    ProtectedTable
        ``trend``.
    """
    limits = limits or Limits()
    of_periods = measure_roles(sources, (key,), rules, inside)
    parts = [aggregate(found, []).filter(index=key).with_columns(role=pl.lit(r)) for r, found in of_periods.items()]
    cells = with_unseen(pl.concat(parts, how="diagonal_relaxed"), of_periods, [], None, limits)
    cells = cells.rename({"window_start": "period_start", "window_end": "period_end"})
    known = _shown_of(measured, key, whole)
    is_withheld = known.filter(role=ALL).select(
        (pl.col("n_visits").is_null() & pl.col("n_patients").is_not_null()).any()
    )
    withheld = (pl.col("role") == ALL) & pl.lit(bool(is_withheld.item()))
    cells = cells.select(*_KEYS, *_NUMBERS, _no_visits=pl.col("_no_visits") | withheld)
    return safe_beside(cells, known, whole, limits)


def safe_beside(cells: pl.DataFrame, known: pl.DataFrame, whole: ProtectedTable, limits: Limits) -> ProtectedTable:
    """Protect the cells, and hide one period after the other until none tells with the whole.

    Parameters
    ----------
    cells : polars.DataFrame
        One row per role and period, as `protect` takes them.
    known, limits
        As in `telling_periods`.
    whole : ProtectedTable

    Returns
    -------
    ProtectedTable
        ``trend``.
    """
    told = cells.select(_CELL).clear()
    while True:
        marked = cells.join(told.with_columns(_told=pl.lit(value=True)), on=_CELL, how="left", maintain_order="left")
        # Without providers a cell is hidden, and it counts with its patients when complements are chosen.
        n_providers = pl.when(pl.col("_told").is_null()).then("n_providers").otherwise(0)
        rows = marked.with_columns(n_providers=n_providers).drop("_told")
        exact = _protected(rows, whole, replace(limits, round_to=1))
        more = telling_periods(exact.frame, known, limits)
        if more.is_empty():
            return _protected(rows, whole, limits)
        told = pl.concat([told, more])


def _protected(rows: pl.DataFrame, whole: ProtectedTable, limits: Limits) -> ProtectedTable:
    return protect(
        rows,
        name="trend",
        keys=_KEYS,
        margins=[["role", "index"], ["period_start", "index"]],
        parent=whole,
        same_patients=["role", "period_start", "period_end"],
        within=[],
        totals=pl.col("role") == ALL,
        limits=limits,
    )


def _shown_of(measured: Mapping[str, Measured], key: str, whole: ProtectedTable) -> pl.DataFrame:
    """Give the exact numbers of the whole by role, where they are shown, and how many all patients are."""
    parts = [aggregate(found, []).filter(index=key).with_columns(role=pl.lit(r)) for r, found in measured.items()]
    counts = ("n_patients", "n_visits", "n_undefined")
    exact = pl.concat(parts, how="diagonal_relaxed").select("role", *counts)
    shown = whole.frame.filter(index=key).select("role", *(pl.col(n).is_not_null().alias(f"_{n}") for n in counts))
    joined = exact.join(shown, on="role", how="left")
    found = joined.select("role", *(pl.when(pl.col(f"_{n}")).then(n).alias(n) for n in counts))
    return found.with_columns(everyone=pl.col("n_patients") + pl.col("n_undefined"))


def telling_periods(periods: pl.DataFrame, whole: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Find the periods that tell with the whole window of a few patients or visits.

    Parameters
    ----------
    periods : polars.DataFrame
        role, period_start, n_patients, n_visits; null where hidden. A patient of a period is one of the whole, and so
        is a visit, which lies in one period at most.
    whole : polars.DataFrame
        role, n_patients, n_visits, everyone; null where hidden.
    limits : Limits

    Returns
    -------
    polars.DataFrame
        role, period_start.

    Notes
    -----
    Patients of a period and of the whole may not differ by a few. Visits add up: what the whole has more than all
    periods shown are the visits of hidden periods and those that no period counts. Where they are a few, the smallest
    period goes. The whole less fewer periods is more, by a period that is shown.

    Examples
    --------
    >>> periods = pl.DataFrame({"role": "all", "period_start": [1, 2], "n_patients": [40, 50], "n_visits": [90, 100]})
    >>> whole = pl.DataFrame({"role": ["all"], "n_patients": [70], "n_visits": [192], "everyone": [75]})
    >>> telling_periods(periods, whole, Limits()).rows()
    [('all', 1)]
    """
    wider = whole.filter(role=ALL).select(in_all="n_patients", everyone_in_all="everyone")
    beside = periods.join(whole.select("role", own="n_patients", everyone="everyone"), on="role", how="left")
    beside = beside.join(wider, how="cross") if wider.height else beside
    more = [pl.col(n) - pl.col("n_patients") for n in ("own", "everyone", *wider.columns)]
    near = beside.filter(
        pl.any_horizontal(d.is_between(1, limits.min_patients - 1).fill_null(value=False) for d in more)
    )
    if near.height:
        return near.sort("n_patients", *_CELL).select(_CELL).head(1)
    return _telling_visits(periods.drop_nulls("n_visits"), whole, limits)


def _telling_visits(visits: pl.DataFrame, whole: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    is_all = pl.col("role") == ALL
    apart = visits.filter(~is_all).group_by("period_start").agg(n=pl.col("n_visits").sum())
    together = pl.concat([visits.filter(is_all).select("period_start", n="n_visits"), apart], how="vertical_relaxed")
    most = together.group_by("period_start").agg(pl.col("n").max())["n"].sum()  # each role is a part of all
    sums = {role: int(n) for role, n in visits.group_by("role").agg(pl.col("n_visits").sum()).iter_rows()}
    few = [
        role
        for role, n in whole.select("role", "n_visits").drop_nulls().iter_rows()
        for told in {sums.get(role, 0), most if role == ALL else sums.get(role, 0)}
        if 1 <= n - told < limits.min_visits
    ]
    own = visits.filter(pl.col("role").is_in(few) | pl.lit(ALL in few))
    return own.sort(~is_all, "n_visits", *_CELL).select(_CELL).head(1)
