"""Modified Continuity Index: few providers for the number of visits."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, k

define(
    Index(
        key="mci",
        label={
            "fi": "Muokattu jatkuvuusindeksi (MCI)",
            "sv": "Modifierat kontinuitetsindex (MCI)",
            "en": "Modified Continuity Index (MCI)",
        },
        symbol="MCI",
        formula="1 − k / (N + 0.1)",
        value=(N - k + 0.1) / (N + 0.1),
        undefined=((N < 2, "too_few_visits"),),
        family="concentration",
        range=("0.1 / (N + 0.1)", "1 − 1 / (N + 0.1)"),
        higher_is_more=True,
        min_visits=2,
        source="Godkin & Rice 1981 (attribution not checked); the formula gives all 17 rows of Magill & Senf 1987, "
        "J Fam Pract 24:165-168, Table 1. Null for one visit is our own rule (own definition)",
        status="READ-2",
        traps=(
            "Never reaches 0 or 1: two visits to one provider give 0.52. Use it to replicate older work only.",
            "Rises with the number of visits although behaviour is constant.",
            "A ratio of means over a population exists under the same name.",
        ),
        laws=("relabelling", "within_range", "visit_order_is_free", "merging_providers_never_lowers"),
        examples={"A": None, "AA": Fraction(11, 21), "AB": Fraction(1, 21), "AAB": Fraction(11, 31)},
    )
)
