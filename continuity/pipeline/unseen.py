"""Visits to providers of no known role: what all have more than the roles shown, a part of the sum that nobody sees."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from continuity.evaluation.aggregate import Measured
from continuity.evaluation.cells import sizes
from continuity.privacy import Limits

ALL: Final = "all"
_WINDOW: Final = ("window_start", "window_end")


def with_unseen(
    rows: pl.DataFrame,
    measured: Mapping[str, Measured],
    by: Sequence[str],
    groups: pl.DataFrame | None,
    limits: Limits | None,
) -> pl.DataFrame:
    """Mark where the visits of all roles may not be shown, because less those of each role they tell of a few.

    Parameters
    ----------
    rows : polars.DataFrame
        One row per role, group and index, with n_visits, as `aggregate` gives them.
    measured : mapping of str to Measured
        By role, ``all`` among them.
    by : sequence of str
        The columns that name a group.
    groups : polars.DataFrame or None
        patient_id and the columns of `by`.
    limits : Limits or None

    Returns
    -------
    polars.DataFrame
        `rows` with ``_no_visits``: true for ``all`` of an index where, in any group, all less the roles are exactly the
        visits to nobody of a known role, and these fail the limits. It is all groups or none, so that no sum over
        groups tells. An index that leaves out patients with few visits leaves out those of a role and of all by
        different measures: there the difference is something else, and tells of nobody.
    """
    rest = _rest(measured)
    if rest.is_empty():
        return rows.with_columns(_no_visits=pl.lit(value=False))
    window = [name for name in _WINDOW if name in rows.columns]
    people = rest.select("patient_id", *window).unique().with_columns(_one=pl.lit(0))
    if groups is not None:
        people = people.join(groups, on="patient_id", how="left")
    cell = [*by, *window]
    each = rest.join(people, on=["patient_id", *window]).group_by(*cell, "_one")
    found = each.agg(n_patients=pl.col("patient_id").n_unique(), n_visits=pl.col("n").sum())
    found = found.join(sizes(rest, people, [*cell, "_one"]), on=[*cell, "_one"], how="left", nulls_equal=True)
    told = found.filter(fails(limits or Limits())).select(*cell, "_one", "n_visits")
    is_all = pl.col("role") == ALL
    left_over = rows.group_by(*cell, "index").agg(
        _one=pl.lit(0), _left=pl.col("n_visits").filter(is_all).sum() - pl.col("n_visits").filter(~is_all).sum()
    )
    exact = left_over.join(told, on=[*cell, "_one"], nulls_equal=True).filter(pl.col("_left") == pl.col("n_visits"))
    return rows.with_columns(_no_visits=is_all & pl.col("index").is_in(exact["index"].unique().to_list()))


def fails(limits: Limits) -> pl.Expr:
    """Tell where n_patients, n_visits, n_providers and share_largest_provider are not enough to be shown."""
    few = (pl.col("n_patients") < limits.min_patients) | (pl.col("n_visits") < limits.min_visits)
    few |= pl.col("n_providers").fill_null(0) < limits.min_providers
    return few | (pl.col("share_largest_provider").fill_null(1.0) > limits.max_provider_share)


def _rest(measured: Mapping[str, Measured]) -> pl.DataFrame:
    """Give the visits by patient and provider that are to no role: patient_id, the window, actor, n."""
    every = measured[ALL].pairs
    apart = [found.pairs for role, found in measured.items() if role != ALL]
    if not apart:
        return every.clear()
    several = every.select(_WINDOW).unique().height > 1  # one window may be named after the visits of a role in it
    on = ["patient_id", *(_WINDOW if several else ()), "actor"]
    of_roles = pl.concat(apart).group_by(on).agg(_n=pl.col("n").sum())
    joined = every.join(of_roles, on=on, how="left", nulls_equal=True)
    return joined.with_columns(n=pl.col("n") - pl.col("_n").fill_null(0)).filter(pl.col("n") > 0).drop("_n")
