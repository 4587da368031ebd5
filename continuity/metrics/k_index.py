"""K index: the share of visits after the first that did not bring a new provider."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, k

define(
    Index(
        key="k_index",
        label={"fi": "K-indeksi", "sv": "K-index", "en": "K index"},
        symbol="K",
        formula="(N − k) / (N − 1)",
        value=(N - k) / (N - 1),
        undefined=((N < 2, "too_few_visits"),),
        family="concentration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Own definition; the idea is of Ejlertsson & Berg 1984, Med Care 22:231-239, whose formula was not read",
        status="OWN",
        traps=(
            "Rises with the number of visits although behaviour is constant.",
            "Ignores how the visits spread over the providers seen.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_lowers",
            "usual_visit_never_lowers",
        ),
        examples={"A": None, "AB": Fraction(0), "AAB": Fraction(1, 2), "AABB": Fraction(2, 3)},
    )
)
