"""The rows of a published table: estimates of every index by group, with the sizes of the cells behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from continuity.evaluation.cells import sizes
from continuity.evaluation.summary import summarise, with_interval
from continuity.metrics import index, keys

OWN_SHARE: Final = "own_visit_share"
_WINDOW: Final = ("window_start", "window_end")


@dataclass(frozen=True)
class Measured:
    """The indices of patients, and their visits by provider.

    Parameters
    ----------
    per_patient : polars.DataFrame
        Wide, as `continuity.compute` gives it; with n_listed and n_while_listed where patients have lists.
    pairs : polars.DataFrame
        patient_id, window_start, window_end, actor (null: unknown), n (visits).
    min_visits : int
    lists : polars.DataFrame, optional
        patient_id, listed_provider_id, one row per patient: whose list each patient is on.
    """

    per_patient: pl.DataFrame
    pairs: pl.DataFrame
    min_visits: int
    lists: pl.DataFrame | None = None


def aggregate(measured: Measured, by: Sequence[str], members: pl.DataFrame | None = None, **how: Any) -> pl.DataFrame:
    """Give one row per group, window and index, ready for disclosure control.

    Parameters
    ----------
    measured : Measured
    by : sequence of str
        Columns that name a group, in `members` or in the table of patients' indices.
    members : polars.DataFrame, optional
        patient_id and columns of `by`, one row per patient.
    how
        Estimator, interval, replicates and seed of `continuity.summarise`.

    Returns
    -------
    polars.DataFrame
        The columns of `continuity.summarise`, n_providers and share_largest_provider. The index
        ``own_visit_share`` is there where patients have lists; it tells of those whose lists they are, so its
        n_providers is the fewer of the providers seen and of the lists, and the larger share is that of the two.
    """
    rows = measured.per_patient
    if members is not None:
        rows = rows.join(members, on="patient_id", how="left")
    groups = [*by, *_WINDOW]
    parts = [summarise(rows.drop("n_listed", "n_while_listed", strict=False), by=by, **how)]
    if "n_listed" in rows.columns:
        parts.append(own_visit_share(rows, groups))
    table = pl.concat(parts, how="diagonal_relaxed")
    return _with_sizes(table, rows, measured, groups)


def own_visit_share(rows: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    """Give the share of visits that were to the listed provider, among visits made while listed.

    Returns
    -------
    polars.DataFrame
        One row per group: n_patients (with such visits), n_undefined, n_visits, estimate, std_error, ci_low, ci_high.

    Notes
    -----
    A ratio of sums over patients, sum y / sum x; its variance by linearisation with the patient as the unit of
    sampling, n / (n - 1) sum (y - r x)^2 / (sum x)^2, because the visits of one patient are alike.

    References
    ----------
    SLICC: Sidaway-Lee, Pereira Gray & Evans 2019, BJGP 69:e356, doi:10.3399/bjgp19X701813.
    """
    y, x = pl.col("n_listed"), pl.col("n_while_listed")
    has = x > 0
    sums = rows.group_by(list(groups)).agg(
        n_patients=has.sum().cast(pl.Int64),
        n_undefined=(~has).sum().cast(pl.Int64),
        n_visits=x.sum(),
        yy=(y * y).sum(),
        xy=(x * y).sum(),
        xx=(x * x).sum(),
        y=y.sum(),
    )
    ratio = pl.when(pl.col("n_visits") > 0).then(pl.col("y") / pl.col("n_visits"))
    n, r = pl.col("n_patients"), pl.col("estimate")
    residual = (pl.col("yy") - 2 * r * pl.col("xy") + r * r * pl.col("xx")).clip(lower_bound=0)
    error = pl.when(n > 1).then((n / (n - 1) * residual).sqrt() / pl.col("n_visits"))
    estimated = sums.lazy().with_columns(estimate=ratio).with_columns(std_error=error, index=pl.lit(OWN_SHARE))
    return with_interval(estimated, ends_at_1=True).drop("yy", "xy", "xx", "y").collect()


def _with_sizes(table: pl.DataFrame, rows: pl.DataFrame, measured: Measured, groups: Sequence[str]) -> pl.DataFrame:
    """Join how many providers stand behind each cell, judged over the patients who have a value."""
    least = {key: max(index(key).min_visits, measured.min_visits) for key in keys()}
    who = {f"n{n}": pl.col("n_visits") >= n for n in set(least.values())}
    if "n_while_listed" in rows.columns:
        who["own"] = pl.col("n_while_listed") > 0
    judged = pl.concat(
        sizes(measured.pairs, rows.filter(mask).select("patient_id", *groups), groups).with_columns(who=pl.lit(name))
        for name, mask in who.items()
    )
    names = {key: f"n{n}" for key, n in least.items()} | {OWN_SHARE: "own"}
    named = table.with_columns(who=pl.col("index").replace_strict(names, return_dtype=pl.String))
    joined = named.join(judged, on=[*groups, "who"], how="left", nulls_equal=True)
    sized = joined.drop("who").with_columns(pl.col("n_providers").fill_null(0))
    if measured.lists is None or "own" not in who:
        return sized
    return _judged_by_lists(sized, rows.filter(who["own"]), measured.lists, groups)


def _judged_by_lists(
    table: pl.DataFrame, rows: pl.DataFrame, lists: pl.DataFrame, groups: Sequence[str]
) -> pl.DataFrame:
    """Count whose lists the visits are about, where these are fewer than the providers seen: a team may have one."""
    placed = rows.join(lists.drop_nulls(), on="patient_id")
    per_list = placed.group_by(*groups, "listed_provider_id").agg(n=pl.col("n_while_listed").sum())
    found = per_list.group_by(list(groups)).agg(
        _lists=pl.len().cast(pl.Int64), _largest=pl.col("n").max() / pl.col("n").sum(), index=pl.lit(OWN_SHARE)
    )
    joined = table.join(found, on=[*groups, "index"], how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(
        n_providers=pl.min_horizontal("n_providers", "_lists"),
        share_largest_provider=pl.max_horizontal("share_largest_provider", "_largest"),
    ).drop("_lists", "_largest")
