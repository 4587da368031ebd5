"""Standardised UPC: how far a patient's UPC lies from the mean of the patients analysed, in standard deviations."""

import polars as pl

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, least_visits, m, window

_upc = pl.when((N > 0) & (least_visits <= N)).then(m / N)
# Sums of fractions depend on their order in the last digit. They are taken in order of size, as the last cumulative
# sum because Polars leaves out a sort in front of a plain sum.
_mean = _upc.drop_nulls().sort().cum_sum().last() / _upc.count()
_squares = ((_upc - _mean) * (_upc - _mean)).drop_nulls().sort().cum_sum().last()
_sd = (_squares / (_upc.count() - 1)).sqrt()

define(
    Index(
        key="upc_standardised",
        label={"fi": "Vakioitu UPC", "sv": "Standardiserad UPC", "en": "Standardised UPC"},
        symbol="z(UPC)",
        formula="(UPC − mean) / sd, over the patients of the window who reach the minimum of visits; sd with n − 1",
        value=(m / N - _mean.over(window)) / _sd.over(window),
        undefined=(((_upc.min() == _upc.max()).over(window), "no_variation"),),
        bounded=False,
        family="density",
        range=("−∞", "∞"),
        higher_is_more=True,
        min_visits=1,
        source="Manitoba Centre for Health Policy, documentation of its continuity macro (SCC); the divisor n − 1 of "
        "the variance is our own choice (own definition)",
        status="READ",
        names=("SCC",),
        traps=(
            "Depends on the patients analysed: never compare it across data sets.",
            "Each window has a mean and a standard deviation of its own.",
        ),
        laws=("relabelling", "visit_order_is_free", "mean_0_and_sd_1"),
        examples={"AAB": None, "AB": None},
    )
)
