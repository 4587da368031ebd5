"""The multinomial variance of one patient's COC: for scale and for tests, not as a statement about a person."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError

_Number = TypeVar("_Number", float, pl.Expr)
_WINDOW: Final = ("window_start", "window_end")
LEAST_FOR_UNBIASED: Final = 4
"""Visits below which the variance has no unbiased estimate."""


def coc_variance(visits: Any, *, n: str | None = None, provider: str = "provider_id") -> Any:
    """Give the variance and the standard error of each patient's COC under independent visits with fixed shares.

    Parameters
    ----------
    visits : frame
        patient_id, the column of providers and, where there are several windows, window_start and window_end. One row
        per visit, or, with `n`, one row per patient, window and provider. Rows without a provider are left out.
        Polars (lazy or eager), pandas, pyarrow or a DuckDB relation.
    n : str, optional
        The column with the number of visits of each row; without it every row is one visit.
    provider : str
        The column that tells providers (or teams, units) apart.

    Returns
    -------
    frame of the kind of `visits`
        One row per patient and window, sorted: patient_id, window_start and window_end where they are there, n_visits
        (Int64), coc (Float64), variance (plug-in; null below 2 visits), variance_unbiased (null below 4 visits; may be
        negative), std_error (root of variance_unbiased; null where that is null or negative), undefined_reason
        (``too_few_visits`` below 2 visits).

    Raises
    ------
    InputError
        A column is missing.

    Notes
    -----
    With counts n_i, p_i = n_i / N, S2 = sum p_i^2 and S3 = sum p_i^3, the plug-in is
    ``[4 N (N-1) (N-2) S3 + 2 N (N-1) S2 - 2 N (N-1) (2 N - 3) S2^2] / [N (N-1)]^2``: exact when the p_i are known,
    biased at small N when they are taken from the same visits. The unbiased estimate, with Y = sum n_i (n_i - 1) and
    T = sum n_i (n_i - 1) (n_i - 2), is ``coc^2 - (Y^2 - 4 T - 2 Y) / (N (N-1) (N-2) (N-3))``.

    Both are 0 when all visits were to one provider, and the unbiased one also when all were to different ones: that is
    no evidence of certainty, so never weigh patients by the inverse of this variance. Visits of real patients depend on
    each other. Use it for scale, shrinkage and simulation, not as a confidence interval of a patient.

    References
    ----------
    COC is the unbiased estimate of Simpson's index; the same variance for other data: Tiffeau-Mayer 2023,
    arXiv:2310.03439. Both formulas were derived for this package and are tested by enumeration.

    Examples
    --------
    >>> counts = pl.DataFrame({"patient_id": [1, 1, 2, 2], "provider_id": ["A", "B", "A", "B"], "n": [3, 1, 5, 5]})
    >>> coc_variance(counts, n="n").select("n_visits", "coc", "variance_unbiased", "std_error").rows()
    [(4, 0.5, 0.25, 0.5), (10, 0.4444444444444444, -0.008818342151675485, None)]
    """
    lazy, restore = edge.lazily(visits, ids=(provider,))
    names = lazy.collect_schema().names()
    keys = ["patient_id", *(name for name in _WINDOW if name in names)]
    missing = [name for name in ("patient_id", provider, *([n] if n else [])) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the visits")
    known = lazy.filter(pl.col(provider).is_not_null())
    count = (pl.col(n).sum() if n else pl.len()).cast(pl.Int64)
    counted = known.group_by(*keys, provider).agg(n=count).filter(pl.col("n") > 0)
    return restore(_variances(counted, keys))


def _variances(counted: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    n = pl.col("n")
    sums = counted.group_by(keys).agg(
        n_visits=n.sum(), y=(n * (n - 1)).sum(), t=(n * (n - 1) * (n - 2)).sum(), s2=(n * n).sum(), s3=(n * n * n).sum()
    )
    big_n, y, coc = pl.col("n_visits").cast(pl.Float64), pl.col("y").cast(pl.Float64), pl.col("coc")
    enough = pl.col("n_visits") >= LEAST_FOR_UNBIASED
    unbiased = pl.when(enough).then(unbiased_variance(y, pl.col("t").cast(pl.Float64), big_n))
    defined = pl.col("n_visits") >= 2
    plug_in = pl.when(defined).then(sampling_variance(pl.col("s2") / big_n**2, pl.col("s3") / big_n**3, big_n))
    found = sums.with_columns(
        coc=pl.when(defined).then(y / (big_n * (big_n - 1))),
        # A certain provider has no variance: said exactly, not as what rounding leaves of it.
        variance=pl.when(coc_is_1 := defined & (pl.col("y") == pl.col("n_visits") * (pl.col("n_visits") - 1)))
        .then(0.0)
        .otherwise(plug_in),
        variance_unbiased=pl.when(coc_is_1 & enough).then(0.0).otherwise(unbiased),
        undefined_reason=pl.when(~defined).then(pl.lit("too_few_visits")),
    )
    error = pl.when(pl.col("variance_unbiased") >= 0).then(pl.col("variance_unbiased").sqrt())
    return found.select(
        *keys, "n_visits", coc, "variance", "variance_unbiased", error.alias("std_error"), "undefined_reason"
    ).sort(keys)


def multinomial_variance(shares: Sequence[float], n_visits: int) -> float:
    """Give the exact variance of COC when each of `n_visits` visits goes to provider i with the known share p_i.

    Parameters
    ----------
    shares : sequence of float
        Shares of the providers; they add up to 1.
    n_visits : int
        At least 2.

    Returns
    -------
    float
        Its root is the standard deviation over many patients with the same behaviour.

    Raises
    ------
    UsageError
        Fewer than two visits, or shares that are no shares.

    Examples
    --------
    >>> round(multinomial_variance([0.5, 0.3, 0.2], 6), 5)
    0.02403
    """
    if n_visits < 2:
        raise UsageError(f"COC has no variance with {n_visits} visits.", allowed="Allowed: 2 or more.")
    if min(shares, default=-1.0) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise UsageError("The shares of the providers do not add up to 1.", allowed="Allowed: such as [0.6, 0.4].")
    return sampling_variance(sum(p**2 for p in shares), sum(p**3 for p in shares), float(n_visits))


def sampling_variance(s2: _Number, s3: _Number, n: _Number) -> _Number:
    """Give var(COC) from S2 = sum p^2, S3 = sum p^3 and N; numbers or Polars expressions."""
    pairs = n * (n - 1)
    return (4 * (n - 2) * s3 + 2 * s2 - 2 * (2 * n - 3) * s2 * s2) / pairs


def unbiased_variance(y: _Number, t: _Number, n: _Number) -> _Number:
    """Give the unbiased estimate of var(COC) from Y, T and N >= 4, as one fraction, so that little rounding is left."""
    pairs, more = n * (n - 1), (n - 2) * (n - 3)
    return (y * y * more - (y * y - 4 * t - 2 * y) * pairs) / (pairs * pairs * more)
