"""Three estimators of a group, each a ratio of sums over patients: sum of w x value / sum of w."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import polars as pl

from continuity.errors import UsageError
from continuity.vocabulary import Estimator, Interval, words

_N: Final = pl.col("n_visits").cast(pl.Float64)
_PAIRS: Final[Mapping[str, pl.Expr]] = {"coc": _N * (_N - 1), "secon": _N - 1}
"""What pooling counts: ordered pairs of visits, and successive visits. Value x pairs is the number of equal ones."""


def weight_of(estimator: Estimator, key: str) -> pl.Expr:
    """Give the weight of a patient; null or 0 leaves the patient out.

    The equal pairs that pooling adds up are the value times the pairs, so that no column besides n_visits is needed.
    """
    weights: dict[Estimator, Callable[[], pl.Expr]] = {
        "patient_mean": lambda: pl.lit(1.0),
        "visit_weighted": lambda: _N,
        "pooled": lambda: _PAIRS[key],
    }
    return weights[estimator]()


def refuse(estimator: Estimator, interval: Interval, replicates: int, found: Sequence[str]) -> None:
    """Refuse choices that do not exist or do not fit the indices of the frame."""
    if estimator not in words(Estimator):
        raise UsageError.unknown_choice("estimator", estimator, words(Estimator))
    if interval not in words(Interval):
        raise UsageError.unknown_choice("interval", interval, words(Interval))
    if interval == "bootstrap" and replicates < 100:
        raise UsageError(f"replicates cannot be {replicates}.", allowed="Allowed: 100 or more; 1,000 is usual.")
    others = [key for key in found if key not in _PAIRS]
    if estimator == "pooled" and others:
        raise UsageError(
            f"Pooled pairs do not exist for {', '.join(others)}.",
            allowed=f"Allowed: {', '.join(_PAIRS)}.",
            next_step="Drop the other indices from the frame, or take another estimator for them.",
        )


def in_order(expr: pl.Expr) -> pl.Expr:
    """Give the values in the order of size, so that the last digit of a sum does not depend on that of the rows.

    Polars leaves a sort out where only a sum or mean follows; the slice of everything keeps it in.
    """
    return expr.sort().slice(0)


def ratio(value: str) -> pl.Expr:
    """Give sum of w x value / sum of w over the rows with a value; with equal weights the plain mean."""
    y, w = pl.col(value) * pl.col("weight"), pl.col("weight").filter(pl.col(value).is_not_null())
    return pl.when(w.sum() > 0).then(in_order(y).sum() / in_order(w).sum())


def ratio_error(value: str) -> pl.Expr:
    """Give the standard error of `ratio` by linearisation, patients the unit of sampling; null below two patients.

    sqrt(n / (n - 1) sum w^2 (value - r)^2) / sum w: with equal weights s / sqrt(n).
    """
    n, w = pl.col(value).count(), pl.col("weight").filter(pl.col(value).is_not_null())
    residual = pl.col("weight") * (pl.col(value) - ratio(value))
    return pl.when(n > 1).then((n / (n - 1) * in_order(residual * residual).sum()).sqrt() / in_order(w).sum())
