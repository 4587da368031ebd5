"""Means of indices by group, with their intervals: each patient once, undefined values counted apart."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.metrics import index, keys
from continuity.metrics.engine.prepare import one_per

CONFIDENCE: Final = 0.95
_QUANTILES: Final = {"p10": 0.10, "p25": 0.25, "median": 0.50, "p75": 0.75, "p90": 0.90}
_WINDOW: Final = ("window_start", "window_end")


def summarise(per_patient: Any, by: str | Iterable[str] | None = None, *, patients: Any = None) -> Any:
    """Give the mean of each index by group, over patients with a value, with its 95 % interval.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide.
    by : str or iterable of str, optional
        Columns that name a group, in `per_patient` or in `patients`; None gives one group.
    patients : frame, optional
        Canonical patients, joined by patient_id for the columns of `by`.

    Returns
    -------
    frame of the kind of `per_patient`
        One row per group, window and index, sorted: the columns of `by` (null: patients of no group), window_start,
        window_end, index, n_patients (Int64, with a value), n_undefined (Int64, without), n_visits (Int64, of those
        with a value), estimate (Float64), std_error, ci_low, ci_high, p10, p25, median, p75, p90, share_perfect
        (share of patients whose value is exactly 1), bound_low, bound_high (means of the ``_low`` and ``_high``
        columns where they are there), undefined_reason. Where no patient has a value the estimate is null with the
        reason ``no_eligible_patients``; with one patient the interval is null.

    Raises
    ------
    UsageError
        The frame holds no index.
    InputError
        A column of `by` is in neither frame.

    Notes
    -----
    The estimate is the plain mean of patients. Its standard error is s / sqrt(n); the interval takes Student's t with
    n - 1 degrees of freedom and is cut at 0 and, for indices that end at 1, at 1. Patients are the unit of sampling.

    References
    ----------
    Patient means by area: THL, Hoidon jatkuvuus perusterveydenhuollossa, quality description; BJGP 2023,
    doi:10.3399/bjgp23X733161.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"patient_id": [1, 2, 3], "unit_id": ["U", "U", "U"], "n_visits": [3, 4, 1],
    ...                       "coc": [0.2, 0.4, None]})
    >>> summarise(frame, by="unit_id").select("index", "n_patients", "n_undefined", "estimate").row(0)
    ('coc', 2, 1, 0.30000000000000004)
    """
    lazy, restore = edge.lazily(per_patient)
    wanted = [by] if isinstance(by, str) else list(by or ())
    lazy = _with_groups(lazy, wanted, None if patients is None else edge.lazily(patients)[0])
    names = lazy.collect_schema().names()
    found = [key for key in keys() if key in names or f"{key}_low" in names]
    if not found:
        raise UsageError("The frame holds no index.", next_step="Give the wide result of continuity.compute.")
    groups = [*wanted, *(name for name in _WINDOW if name in names)]
    parts = [_one_index(lazy, key, groups, names) for key in found]
    return restore(pl.concat(parts).sort(*groups, "index", nulls_last=True))


def _with_groups(frame: pl.LazyFrame, by: Sequence[str], patients: pl.LazyFrame | None) -> pl.LazyFrame:
    here = frame.collect_schema().names()
    absent = [name for name in by if name not in here]
    there = [] if patients is None else patients.collect_schema().names()
    missing = [name for name in absent if name not in there]
    if missing:
        raise InputError.missing_columns(missing, [*here, *there], "the indices and the patients")
    if not absent or patients is None:
        return frame
    return frame.join(one_per(patients.select("patient_id", *absent), "patient_id"), on="patient_id", how="left")


def _one_index(frame: pl.LazyFrame, key: str, groups: Sequence[str], names: Sequence[str]) -> pl.LazyFrame:
    low, high = (
        pl.col(f"{key}_{end}") if f"{key}_{end}" in names else pl.lit(None, pl.Float64) for end in ("low", "high")
    )
    value = pl.col(key) if key in names else pl.lit(None, pl.Float64)
    defined = value if key in names else low
    rows = frame.select(
        *groups, "n_visits", value.alias("value"), defined.alias("defined"), low.alias("low"), high.alias("high")
    )
    value, has = pl.col("value"), pl.col("defined").is_not_null()
    statistics = [
        has.sum().cast(pl.Int64).alias("n_patients"),
        (~has).sum().cast(pl.Int64).alias("n_undefined"),
        pl.col("n_visits").filter(has).sum().cast(pl.Int64).alias("n_visits"),
        _in_order("value").mean().alias("estimate"),
        (_in_order("value").std() / value.count().sqrt()).alias("std_error"),
        *[value.quantile(q, "linear").alias(name) for name, q in _QUANTILES.items()],
        (value == 1).mean().alias("share_perfect"),
        _in_order("low").mean().alias("bound_low"),
        _in_order("high").mean().alias("bound_high"),
    ]
    summed = rows.group_by(groups).agg(statistics) if groups else rows.select(statistics)
    return with_interval(summed.with_columns(index=pl.lit(key)), ends_at_1=index(key).range[1] == "1").select(
        *groups, "index", "n_patients", "n_undefined", "n_visits", "estimate", "std_error", "ci_low", "ci_high",
        *_QUANTILES, "share_perfect", "bound_low", "bound_high", "undefined_reason",
    )  # fmt: skip


def _in_order(column: str) -> pl.Expr:
    """Give the values in the order of size, so that the last digit of a sum does not depend on that of the rows.

    Polars leaves a sort out where only a sum or mean follows; the slice of everything keeps it in.
    """
    return pl.col(column).sort().slice(0)


def with_interval(summed: pl.LazyFrame, *, ends_at_1: bool) -> pl.LazyFrame:
    """Add ci_low, ci_high and the reason of a missing estimate to estimate, std_error and n_patients."""
    half = pl.col("std_error") * pl.col("n_patients").map_batches(_student, return_dtype=pl.Float64)
    low = (pl.col("estimate") - half).clip(lower_bound=0)
    high = pl.col("estimate") + half
    none = pl.col("n_patients") == 0
    return summed.with_columns(
        ci_low=low,
        ci_high=high.clip(upper_bound=1) if ends_at_1 else high,
        undefined_reason=pl.when(none).then(pl.lit("no_eligible_patients")),
    )


def _student(n_patients: pl.Series) -> pl.Series:
    """Give the two-sided quantile of Student's t for each number of patients; null below two."""
    from scipy.special import stdtrit  # scikit-learn brings it; importing it takes a moment

    freedom = n_patients.to_numpy().astype(float) - 1
    quantile = pl.Series(stdtrit(freedom.clip(min=1), (1 + CONFIDENCE) / 2))
    return pl.select(pl.when(n_patients >= 2).then(quantile)).to_series()
