"""Effective number of providers: as many equally used providers would give the same concentration."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, sum_n2

define(
    Index(
        key="effective_providers",
        label={
            "fi": "Tehollinen ammattilaismäärä",
            "sv": "Effektivt antal yrkespersoner",
            "en": "Effective number of providers",
        },
        symbol="1 / HHI",
        formula="N² / Σ nᵢ²",
        value=(N * N) / sum_n2,
        family="concentration",
        range=("1", "k"),
        higher_is_more=False,
        min_visits=1,
        source="Derived from HHI: the Hill number of order 2",
        status="DERIVED",
        names=("Hill number of order 2", "inverse Simpson index"),
        traps=(
            "The mean of inverses is not the inverse of the mean.",
            "The unbiased variant, 1 / COC, has no value where COC is 0 and is not given here.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_raises",
            "copies_change_nothing",
        ),
        examples={"A": Fraction(1), "AB": Fraction(2), "AAB": Fraction(9, 5), "AABC": Fraction(8, 3)},
    )
)
