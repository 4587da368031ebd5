"""Reversed Bice-Boxerman index: the share of pairs of visits that were to different providers."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, sum_n2

define(
    Index(
        key="fragmentation",
        label={
            "fi": "Hoidon pirstaleisuus (1 − COCI)",
            "sv": "Vårdens fragmentering (1 − COCI)",
            "en": "Fragmentation of care (reversed Bice-Boxerman index)",
        },
        symbol="1 − COC",
        formula="(N² − Σ nᵢ²) / (N (N − 1))",
        value=(N * N - sum_n2) / (N * (N - 1)),
        undefined=((N < 2, "too_few_visits"),),
        family="concentration",
        range=("0", "1"),
        higher_is_more=False,
        min_visits=2,
        source="Kern 2017, J Gen Intern Med 32:175, doi:10.1007/s11606-016-3883-z",
        status="READ",
        names=("reversed Bice-Boxerman index", "fragmentation index (FCI)"),
        traps=(
            "Several fragmentation indices share the abbreviation FCI.",
            "The source asks for at least 4 visits: with 3 or fewer it calls the value unreliable.",
        ),
        laws=("relabelling", "within_range", "visit_order_is_free", "merging_providers_never_raises"),
        examples={"A": None, "AA": Fraction(0), "AB": Fraction(1), "AAB": Fraction(2, 3), "AABC": Fraction(5, 6)},
    )
)
