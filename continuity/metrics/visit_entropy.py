"""Visit entropy: how uncertain it is whom a visit was to, in bits."""

from fractions import Fraction

import polars as pl

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, k, sum_n_log2_n

define(
    Index(
        key="visit_entropy",
        label={"fi": "Käyntientropia", "sv": "Besöksentropi", "en": "Visit entropy"},
        symbol="VE",
        formula="−Σ pᵢ log₂ pᵢ = log₂ N − Σ nᵢ log₂ nᵢ / N",
        value=pl.when(k == 1).then(0.0).otherwise(N.log(2) - sum_n_log2_n / N),
        family="concentration",
        range=("0", "log₂ k"),
        higher_is_more=False,
        min_visits=1,
        source="Own definition of the base (2: bits) without normalisation; the concept is of Garrison 2017, "
        "J Am Board Fam Med 30:63, doi:10.3122/jabfm.2017.01.160186, Table 1, whose base was not confirmed",
        status="OWN",
        names=("VE", "Shannon entropy of visits"),
        traps=(
            "One visit gives 0, which carries no information.",
            "Another base multiplies every value by a constant; normalised forms are other indices.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "visit_order_is_free",
            "merging_providers_never_raises",
            "copies_change_nothing",
        ),
        examples={"A": Fraction(0), "AB": Fraction(1), "AABC": Fraction(3, 2), "AABBCCDD": Fraction(2)},
    )
)
