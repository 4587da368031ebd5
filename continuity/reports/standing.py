"""Where units stand, worked out from protected cells only: shrunk means, reliability, ranks and funnel limits."""

from typing import Final

import polars as pl

from continuity.evaluation.comparison.groups import LEAST_RANKED
from continuity.evaluation.comparison.spread import Z_95, Z_998, Spread, ranks, unit_error
from continuity.reports.content import ReportContent
from continuity.reports.grids import Grid, grid_of
from continuity.reports.rows import rows_of
from continuity.reports.wording import Words

_COLUMNS: Final = (
    "unit_id",
    "n_patients",
    "visits_per_patient",
    "estimate",
    "interval",
    "adjusted",
    "adjusted_interval",
    "shrunk",
    "reliability",
    "rank",
    "rank_interval",
)
_JUDGED: Final = ("shrunk", "reliability", "rank", "rank_low", "rank_high", "mean_of_all")
_LIMITS: Final = ("funnel_95_low", "funnel_95_high", "funnel_low", "funnel_high")
_FEWEST: Final = 3  # units; the spread of two says nothing


def standing(units: pl.DataFrame) -> pl.DataFrame:
    """Judge the units of one role that may be shown.

    Parameters
    ----------
    units : polars.DataFrame
        Rows of a protected table: unit_id, n_patients, estimate, std_error.

    Returns
    -------
    polars.DataFrame
        The same rows with shrunk, reliability, rank (1 the highest), rank_low, rank_high, mean_of_all, and the funnel
        limits of 95 % and 99.8 %. All null for units of fewer than 30 patients, and where fewer than three remain.
    """
    large = pl.col("unit_id").is_not_null() & (pl.col("n_patients") >= LEAST_RANKED) & (pl.col("std_error") > 0)
    judged = units.filter(large.fill_null(value=False))
    if judged.height < _FEWEST:
        return units.with_columns(pl.lit(None, pl.Float64).alias(name) for name in (*_JUDGED, *_LIMITS))
    estimate, own = judged["estimate"].to_numpy(), judged["std_error"].to_numpy()
    n = judged["n_patients"].to_numpy().astype(float)
    error = unit_error(own * n**0.5, n)
    spread = Spread.of(estimate, error)
    middle, low, high = ranks(estimate, own)
    columns = (spread.shrunk(estimate, own)[0], spread.reliability(own), middle, low, high)
    limits = (*spread.limits(error, Z_95), *spread.limits(error, Z_998))
    found = judged.select("unit_id", mean_of_all=pl.lit(spread.mean)).with_columns(
        pl.Series(name, values) for name, values in zip((*_JUDGED[:-1], *_LIMITS), (*columns, *limits), strict=True)
    )
    return units.join(found, on="unit_id", how="left", maintain_order="left")


def standing_grid(content: ReportContent, roles: tuple[str, ...], words: Words) -> Grid | None:
    """Give each unit's mean with and without adjustment beside its visits, shrunk, and its rank with its interval."""
    table = content.tables.get("adjusted")
    parts = [standing(rows_of(table, role=role)) for role in roles if rows_of(table, role=role).height]
    if not parts:
        return None
    rows = pl.concat(parts, how="diagonal_relaxed")
    rows = rows.with_columns(visits_per_patient=pl.col("n_visits") / pl.col("n_patients"))
    return grid_of(rows, (_COLUMNS[0], "role", *_COLUMNS[1:]), words, words("standing.title"))
