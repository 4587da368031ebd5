"""What a group's mean would be with the patients of all groups: by strata, and by a model."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.evaluation.estimators import in_order

LEAST_COVERED: Final = 0.9
"""Share of the standard population whose strata a group must hold: our own choice."""

Floats = npt.NDArray[np.float64]


def standardised(rows: pl.DataFrame, group: str, strata: Sequence[str]) -> pl.DataFrame:
    """Standardise directly: the stratum means of a group, weighted as the strata are among the patients of all groups.

    Parameters
    ----------
    rows : polars.DataFrame
        One row per patient with a value: `value`, the column `group`, and the columns of `strata`.
    group : str
    strata : sequence of str

    Returns
    -------
    polars.DataFrame
        group, standardised, standardised_se, share_covered (0-1: how much of the standard population the group's
        strata stand for). Below 0.9 the estimate is null; a stratum with one patient adds the spread of the group.

    Notes
    -----
    y = sum_s w_s mean_gs / sum_s w_s over the strata s that the group has; variance sum_s w_s^2 s_gs^2 / n_gs.

    References
    ----------
    Direct standardisation: Breslow & Day 1987, IARC Scientific Publications 82, section 2.3.

    Examples
    --------
    >>> rows = pl.DataFrame({"unit": ["U", "U", "U", "V", "V", "V"], "age": [1, 1, 2, 1, 2, 2],
    ...                      "value": [0.2, 0.2, 0.8, 0.2, 0.8, 0.8]})
    >>> standardised(rows, "unit", ["age"])["standardised"].to_list()
    [0.5, 0.5]
    """
    weight = rows.group_by(strata).agg(_all=pl.len()).with_columns(_w=pl.col("_all") / rows.height).drop("_all")
    spread = rows.group_by(group).agg(_s2=in_order(pl.col("value")).var())
    cells = rows.group_by(group, *strata).agg(
        _n=pl.len().cast(pl.Int64), _mean=in_order(pl.col("value")).mean(), _var=in_order(pl.col("value")).var()
    )
    joined = cells.join(weight, on=strata, nulls_equal=True).join(spread, on=group)
    variance = pl.col("_var").fill_null(pl.col("_s2")) / pl.col("_n")
    w, covered = pl.col("_w"), pl.col("share_covered")
    summed = joined.group_by(group).agg(
        share_covered=in_order(w).sum(),
        _y=in_order(w * pl.col("_mean")).sum(),
        _v=in_order(w * w * variance).sum(),
    )
    enough = covered >= LEAST_COVERED
    return summed.select(
        group,
        "share_covered",
        standardised=pl.when(enough).then(pl.col("_y") / covered),
        standardised_se=pl.when(enough).then(pl.col("_v").sqrt() / covered),
    )


def adjusted(rows: pl.DataFrame, group: str, strata: Sequence[str]) -> pl.DataFrame:
    """Adjust by a linear model: each group's mean moved by how its patients differ from those of all groups.

    Parameters
    ----------
    rows, group, strata
        As in `standardised`; every category of a column of `strata` has its own coefficient.

    Returns
    -------
    polars.DataFrame
        group, adjusted, adjusted_se.

    Notes
    -----
    y_i = a_g + x_i' b + e_i, with b from the differences within groups, so that differences between groups do not
    enter b; the adjusted mean is mean_g + (xbar - xbar_g)' b. Its variance is s_g^2 / n_g plus that of the second
    term, with errors allowed to differ in size between patients.

    References
    ----------
    Marginal standardisation: Muller & MacLehose 2014, Int J Epidemiol 43:962, doi:10.1093/ije/dyu029.
    """
    ordered = rows.sort(group, *strata, "value", nulls_last=True)
    x = _dummies(ordered, strata)
    y = ordered["value"].to_numpy()
    places = (ordered[group].rank("dense") - 1).cast(pl.Int64).to_numpy()
    n = np.bincount(places).astype(float)
    mean_y = np.bincount(places, y) / n
    mean_x = np.stack([np.bincount(places, column) / n for column in x.T], axis=1) if x.shape[1] else x[: len(n)]
    within_x, within_y = x - mean_x[places], y - mean_y[places]
    inverse = np.linalg.pinv(within_x.T @ within_x, hermitian=True)
    b = inverse @ (within_x.T @ within_y)
    residual = within_y - within_x @ b
    meat = (within_x * (residual**2)[:, None]).T @ within_x
    away = x.mean(axis=0) - mean_x
    own = np.bincount(places, residual**2) / np.maximum(n - 1, 1) / n
    variance = own + np.einsum("gi,ij,gj->g", away, inverse @ meat @ inverse, away)
    names = ordered[group].unique(maintain_order=True)
    return pl.DataFrame({group: names, "adjusted": mean_y + away @ b, "adjusted_se": np.sqrt(variance)})


def _dummies(rows: pl.DataFrame, strata: Sequence[str]) -> Floats:
    """Give one column per category but the first of each column; a missing category is one of its own."""
    columns = []
    for name in strata:
        text = rows[name].cast(pl.String).fill_null("\0missing")
        columns += [(text == category).cast(pl.Float64).to_numpy() for category in sorted(text.unique())[1:]]
    return np.stack(columns, axis=1) if columns else np.empty((rows.height, 0))
