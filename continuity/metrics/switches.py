"""Provider transitions: how often successive visits were to different providers."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, same_pairs

define(
    Index(
        key="switches",
        label={
            "fi": "Ammattilaisen vaihdot",
            "sv": "Byten av yrkesperson",
            "en": "Provider transitions",
        },
        symbol="S",
        formula="#{j : xⱼ ≠ xⱼ₊₁}",
        value=(N - 1) - same_pairs,
        family="sequence",
        range=("0", "N − 1"),
        higher_is_more=False,
        min_visits=1,
        source="Prior 2023, BMC Med, doi:10.1186/s12916-023-03021-3 (provider transitions; not read in full)",
        status="READ-2",
        names=("provider transitions", "handoffs"),
        traps=(
            "Grows with the number of visits: SECON is the scaled form.",
            "Visits at the same moment have no order: the exact expectation over their orders is taken.",
        ),
        laws=("relabelling", "within_range", "reversal_changes_nothing", "merging_providers_never_raises"),
        examples={"A": Fraction(0), "AB": Fraction(1), "ABAB": Fraction(3), "AABBC": Fraction(2)},
    )
)
