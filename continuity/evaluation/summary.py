"""Means of indices by group, with their intervals: each patient once, undefined values counted apart."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.evaluation.estimators import in_order, ratio, ratio_error, refuse, weight_of
from continuity.metrics import index, keys
from continuity.metrics.engine.prepare import one_per
from continuity.vocabulary import Estimator, Interval

CONFIDENCE: Final = 0.95
_QUANTILES: Final = {"p10": 0.10, "p25": 0.25, "median": 0.50, "p75": 0.75, "p90": 0.90}
_WINDOW: Final = ("window_start", "window_end")


@dataclass(frozen=True)
class _How:
    """How a group is estimated."""

    estimator: Estimator
    interval: Interval
    replicates: int
    seed: int

    def columns(self) -> dict[str, pl.Expr]:
        """Give what the table says about the method: nothing where it is the usual one."""
        if (self.estimator, self.interval) == ("patient_mean", "analytic"):
            return {}
        drawn = f" ({self.replicates} replicates, seed {self.seed})" if self.interval == "bootstrap" else ""
        return {"estimator": pl.lit(self.estimator), "interval": pl.lit(self.interval + drawn)}


def summarise(
    per_patient: Any,
    by: str | Iterable[str] | None = None,
    *,
    patients: Any = None,
    estimator: Estimator = "patient_mean",
    interval: Interval = "analytic",
    replicates: int = 1000,
    seed: int = 0,
) -> Any:
    """Give the mean of each index by group, over patients with a value, with its 95 % interval.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide.
    by : str or iterable of str, optional
        Columns that name a group, in `per_patient` or in `patients`; None gives one group.
    patients : frame, optional
        Canonical patients, joined by patient_id for the columns of `by`.
    estimator : {"patient_mean", "visit_weighted", "pooled"}
        Each patient once; weighted by n_visits; or pooled pairs of visits, for coc and secon only. They answer
        different questions and differ in value.
    interval : {"analytic", "bootstrap"}
        Student's t with the standard error, or percentiles of a bootstrap of patients.
    replicates, seed : int
        Of the bootstrap. A group's interval is the same whatever the other groups are.

    Returns
    -------
    frame of the kind of `per_patient`
        One row per group, window and index, sorted: the columns of `by` (null: patients of no group), window_start,
        window_end, index, n_patients (Int64, with a value), n_undefined (Int64, without), n_visits (Int64, of those
        with a value), estimate (Float64), std_error, ci_low, ci_high, p10, p25, median, p75, p90, share_perfect
        (share of patients whose value is exactly 1), bound_low, bound_high (means of the ``_low`` and ``_high``
        columns where they are there), undefined_reason. Where no patient has a value the estimate is null with the
        reason ``no_eligible_patients``; with one patient the interval is null. Quantiles and share_perfect are of
        patients, whatever the estimator. Besides, estimator and interval, texts, where one of them is not the first
        of its choices.

    Raises
    ------
    UsageError
        The frame holds no index, or one that cannot be pooled; an estimator or interval that does not exist.
    InputError
        A column of `by` is in neither frame.

    Notes
    -----
    The estimate is the plain mean of patients. Its standard error is s / sqrt(n); the interval takes Student's t with
    n - 1 degrees of freedom and is cut at 0 and, for indices that end at 1, at 1. Patients are the unit of sampling.
    The other estimators are ratios sum w x / sum w with w = N, or N (N - 1) for coc and N - 1 for secon; their standard
    error is by linearisation, sqrt(n / (n - 1) sum w^2 (x - r)^2) / sum w. Where few patients carry most of the weight
    both intervals are too narrow.

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
    refuse(estimator, interval, replicates, found)
    how = _How(estimator, interval, replicates, seed)
    parts = [_one_index(lazy, key, groups, names, how) for key in found]
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


def _one_index(frame: pl.LazyFrame, key: str, groups: Sequence[str], names: Sequence[str], how: _How) -> pl.LazyFrame:
    low, high = (
        pl.col(f"{key}_{end}") if f"{key}_{end}" in names else pl.lit(None, pl.Float64) for end in ("low", "high")
    )
    value = pl.col(key) if key in names else pl.lit(None, pl.Float64)
    defined = value if key in names else low
    parts = {"value": value, "defined": defined, "low": low, "high": high}
    weight = weight_of(how.estimator, key)
    counts = {name: pl.when(weight > 0).then(part).cast(pl.Float64) for name, part in parts.items()}
    rows = frame.select(*groups, "n_visits", weight=weight, **counts)
    value, has = pl.col("value"), pl.col("defined").is_not_null()
    plain = how.estimator == "patient_mean"
    statistics = [
        has.sum().cast(pl.Int64).alias("n_patients"),
        (~has).sum().cast(pl.Int64).alias("n_undefined"),
        pl.col("n_visits").filter(has).sum().cast(pl.Int64).alias("n_visits"),
        (in_order(value).mean() if plain else ratio("value")).alias("estimate"),
        (in_order(value).std() / value.count().sqrt() if plain else ratio_error("value")).alias("std_error"),
        *[value.quantile(q, "linear").alias(name) for name, q in _QUANTILES.items()],
        (value == 1).mean().alias("share_perfect"),
        *[(in_order(pl.col(end)).mean() if plain else ratio(end)).alias(f"bound_{end}") for end in ("low", "high")],
    ]
    summed = rows.group_by(groups).agg(statistics) if groups else rows.select(statistics)
    table = with_interval(summed.with_columns(index=pl.lit(key)), ends_at_1=index(key).range[1] == "1")
    if how.interval == "bootstrap":
        table = _with_bootstrap(table, rows, key, groups, how)
    return table.select(
        *groups, "index", "n_patients", "n_undefined", "n_visits", "estimate", "std_error", "ci_low", "ci_high",
        *_QUANTILES, "share_perfect", "bound_low", "bound_high", "undefined_reason", **how.columns(),
    )  # fmt: skip


def _with_bootstrap(
    table: pl.LazyFrame, rows: pl.LazyFrame, key: str, groups: Sequence[str], how: _How
) -> pl.LazyFrame:
    """Put the standard error and interval of a bootstrap of patients in the place of the analytic ones."""
    from continuity.evaluation.bootstrap import intervals

    having = rows.filter(pl.col("value").is_not_null())
    classes = having.group_by(*groups, "value", "weight").agg(count=pl.len().cast(pl.Int64))
    schema = rows.select(groups).collect_schema() if groups else {}
    draw = partial(intervals, groups=groups, key=key, replicates=how.replicates, seed=how.seed, confidence=CONFIDENCE)
    numbers = ("std_error", "ci_low", "ci_high")
    drawn = classes.map_batches(
        draw, schema=dict(schema) | dict.fromkeys(numbers, pl.Float64), streamable=False,
        predicate_pushdown=False, projection_pushdown=False, slice_pushdown=False,
    )  # fmt: skip
    rest = table.drop(numbers)
    return rest.join(drawn, on=list(groups), how="left", nulls_equal=True) if groups else rest.join(drawn, how="cross")


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
