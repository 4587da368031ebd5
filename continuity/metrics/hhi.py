"""Herfindahl-Hirschman index: the sum of the squared shares of the providers."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, sum_n2

define(
    Index(
        key="hhi",
        label={
            "fi": "Keskittymäindeksi (HHI)",
            "sv": "Koncentrationsindex (HHI)",
            "en": "Herfindahl-Hirschman index (HHI)",
        },
        symbol="HHI",
        formula="Σ (nᵢ / N)²",
        value=sum_n2 / (N * N),
        family="concentration",
        range=("1/k", "1"),
        higher_is_more=True,
        min_visits=1,
        source="BMC Fam Pract 2020, doi:10.1186/s12875-020-01361-0, Table 1",
        status="READ-2",
        names=("HI", "Herfindahl index", "CCI in Swedish home care"),
        traps=(
            "Biased upward when N is small: two visits to two providers give 0.5, where COC is 0.",
            "Do not draw it on one axis with COC.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_lowers",
            "copies_change_nothing",
        ),
        examples={"A": Fraction(1), "AB": Fraction(1, 2), "AAB": Fraction(5, 9), "AAAAAABBBB": Fraction(13, 25)},
    )
)
