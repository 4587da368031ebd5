"""Statistics that need more than one patient's providers: who was there to be seen, and what each visit weighs."""

from math import lcm
from typing import TYPE_CHECKING

import polars as pl

from continuity.metrics.engine import history
from continuity.metrics.engine.members import members
from continuity.metrics.engine.prepare import KEYS, prepared

if TYPE_CHECKING:
    from continuity.metrics.engine.further import Job


def supply(job: "Job") -> pl.LazyFrame:
    """Count the visits that the patients of a unit made in the window, by provider: who could have been seen.

    Where nothing names a unit, all patients are of one; those of no known unit are together.
    """
    visits, found = job.visits(), members(job.sources, "unit_id")
    rows = visits.select(*KEYS).unique()
    units = rows.with_columns(unit_id=pl.lit(0)) if found is None else rows.join(found[0], on="patient_id", how="left")
    group, n = ["window_id", "unit_id"], pl.col("n")
    seen = visits.filter(pl.col("actor").is_not_null()).join(units, on=KEYS)
    by_provider = seen.group_by(*group, "actor").agg(n=pl.len().cast(pl.Int64))
    sums = by_provider.group_by(group).agg(supply_visits=n.sum(), supply_squares=(n * n).sum())
    every = units.join(sums, on=group, how="left", nulls_equal=True).drop("unit_id")
    return every.with_columns(pl.col("supply_visits", "supply_squares").fill_null(0))


def weighted(job: "Job") -> pl.LazyFrame:
    """Sum the weights of the visits, by provider, in the least unit in which all weights are whole numbers."""
    weights = dict(job.rules.visit_weights or ())
    scale = lcm(*(weight.denominator for weight in weights.values()))
    whole = {mode: int(weight * scale) for mode, weight in weights.items()}
    visits = prepared(job.sources, job.rules, job.spans, with_columns=("contact_mode",))
    weight = pl.col("contact_mode").replace_strict(whole, default=scale, return_dtype=pl.Int64)
    w, total = pl.col("w"), pl.col("total")
    by_provider = (
        history.as_taken(visits.with_columns(w=weight), job.rules)
        .group_by(*KEYS, "actor", "alone")
        .agg(total=w.sum(), squares=(w * w).sum())
    )
    return by_provider.group_by(*KEYS).agg(
        weight=total.sum(),
        weight_usual=total.max(),
        sum_squared_weights=(total * total).sum(),
        sum_weight_squares=pl.col("squares").sum(),
    )
