"""Counts as multiples of a step, and everything that is divided by them as coarse as they are."""

from typing import Final

import polars as pl

from continuity.privacy.limits import Limits

_STEPS: Final = (1, 2, 5, 10)
_TINY: Final = 1e-9
_UPPER: Final = 0.975
_DECIMALS: Final = 9  # more than the step of any number of patients has


def rounded(column: str, dtype: pl.DataType, limits: Limits) -> pl.Expr:
    """Round a column of a table with n_patients, so that nothing in it tells the exact counts.

    Parameters
    ----------
    column : str
    dtype : polars.DataType
    limits : Limits

    Returns
    -------
    polars.Expr
        Counts as multiples of `round_to`. A share k / n is recomputed from both as they are rounded. Other numbers are
        multiples of a step of 1, 2 or 5 x 10^-k that is at least 1 / n for each n that rounds to the count shown: then
        every such n has a whole number k for which k / n is shown as this, and none can be ruled out. Standard errors
        are multiples of it too, and never less than they are.

    Examples
    --------
    >>> cells = pl.DataFrame({"n_patients": [53], "share_perfect": [11 / 53], "estimate": [2.0377358490566038]})
    >>> cells.select(rounded(name, cells.schema[name], Limits(round_to=5)) for name in cells.columns).row(0)
    (55, 0.18181818181818182, 2.04)
    """
    value = pl.col(column)
    if limits.round_to == 1:
        return value
    if column.startswith("n_") and dtype.is_integer():
        return _multiple(value, limits).cast(dtype)
    if not dtype.is_float():
        return value
    n = pl.col("n_patients").cast(pl.Float64)
    shown = _multiple(n, limits)
    if column.startswith("share_"):
        return pl.when(shown > 0).then(_multiple(value * n, limits) / shown).clip(0, 1).alias(column)
    step = _step((shown - limits.round_to / 2).clip(lower_bound=1))
    steps = (value / step - _TINY).ceil() if column == "std_error" else (value / step).round()
    return (steps * step).round(_DECIMALS).alias(column)


def with_shown_intervals(table: pl.DataFrame, limits: Limits) -> pl.DataFrame:
    """Put intervals that follow from the numbers shown in the place of those that tell the exact count.

    The half width is the standard error times a quantile of Student's t that names its degrees of freedom: both ends
    and the standard error, exact, tell n. What is made of the numbers shown tells no more than they. Ends that were
    cut at 0 or 1 stay inside.
    """
    needed = {"n_patients", "estimate", "std_error", "ci_low", "ci_high"}
    if limits.round_to == 1 or not needed <= set(table.columns):
        return table
    from scipy.special import stdtrit

    freedom = table["n_patients"].cast(pl.Float64).fill_null(2).to_numpy().clip(min=2) - 1
    half = pl.col("std_error") * pl.Series(stdtrit(freedom, _UPPER))
    ends = {"ci_low": pl.col("estimate") - half, "ci_high": pl.col("estimate") + half}
    inside = {"ci_low": pl.col("ci_low") >= 0, "ci_high": pl.col("ci_high") <= 1}
    cut = {
        "ci_low": pl.when(inside["ci_low"]).then(ends["ci_low"].clip(lower_bound=0)).otherwise(ends["ci_low"]),
        "ci_high": pl.when(inside["ci_high"] & (pl.col("estimate") <= 1))
        .then(ends["ci_high"].clip(upper_bound=1))
        .otherwise(ends["ci_high"]),
    }
    return table.with_columns(
        pl.when(pl.col(name).is_not_null() & pl.col("std_error").is_not_null())
        .then(end.round(_DECIMALS))
        .otherwise(name)  # limits of a funnel and of ranks have no error; they are rounded as estimates are
        .alias(name)
        for name, end in cut.items()
    )


def coarse(value: float | None, n_patients: int | None, limits: Limits) -> float | None:
    """Round a number that stands beside a table as the table rounds an estimate of so many patients.

    Parameters
    ----------
    value : float or None
    n_patients : int or None
        As shown; without it the number is not shown either.
    limits : Limits

    Returns
    -------
    float or None
        The number as it is where nothing is rounded.

    Examples
    --------
    >>> coarse(2.0377358490566038, 55, Limits(round_to=5)), coarse(2.0377358490566038, 55, Limits())
    (2.04, 2.0377358490566038)
    """
    if value is None or limits.round_to == 1:
        return value
    if n_patients is None:
        return None
    step = float(pl.select(_step(pl.lit(max(n_patients - limits.round_to / 2, 1.0)))).item())
    return round(round(value / step) * step, _DECIMALS)


def _multiple(value: pl.Expr, limits: Limits) -> pl.Expr:
    return (value / limits.round_to).round() * limits.round_to


def _step(n: pl.Expr) -> pl.Expr:
    """Give the least of 1, 2 or 5 x 10^-k that is not below 1 / n."""
    power = (1 / n).log10().floor()
    times = (1 / n) / 10.0**power
    chosen = pl.lit(float(_STEPS[-1]))
    for step in reversed(_STEPS[:-1]):
        chosen = pl.when(times <= step + _TINY).then(float(step)).otherwise(chosen)
    return chosen * 10.0**power
