"""Normalised COC given UPC: how concentrated the visits to the other providers are."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, m, sum_n2

_rest = N - (N // m) * m
_most = (N // m) * m * m + _rest * _rest  # the sum of squares when as few others as possible share the rest
_least = m * m + (N - m)  # and when every other visit is to a new provider

define(
    Index(
        key="ncgu",
        label={
            "fi": "UPC:hen suhteutettu COCI",
            "sv": "COCI i förhållande till UPC",
            "en": "Normalised COC given UPC (NCGU)",
        },
        symbol="NCGU",
        formula="(COC − lo) / (hi − lo); lo = m (m − 1) / (N (N − 1)), hi = (J m² + r² − N) / (N (N − 1)), "
        "J = ⌊N / m⌋, r = N − J m",
        value=(sum_n2 - _least) / (_most - _least),
        undefined=((N < 2, "too_few_visits"), ((m == 1) | (N - m <= 1), "bounds_coincide")),
        bounded=False,
        family="concentration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=4,
        source="Rosenberg & Zulman 2020, Health Serv Res 55(2) (idea and name); the bounds are derived, and sharp for "
        "every N up to 18 by enumeration",
        status="DERIVED",
        traps=(
            "Without a value for most patients with few visits, and never below 4: show the share with a value.",
            "It speaks of the other providers only; the share of the usual provider is taken as given.",
        ),
        laws=("relabelling", "within_range", "visit_order_is_free"),
        examples={"A": None, "AAB": None, "AABB": Fraction(1), "AABC": Fraction(0), "AABBCCCC": Fraction(1, 3)},
    )
)
