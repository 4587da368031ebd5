"""Weighted COC: the share of pairs of visits that were to the same provider, each visit with its weight."""

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, sum_w2, sum_weight_i2, weight

define(
    Index(
        key="coc_weighted",
        label={"fi": "Painotettu COCI", "sv": "Viktad COCI", "en": "Weighted COC"},
        symbol="COC (weighted)",
        formula="(Σ Wᵢ² − Σ w²) / (W² − Σ w²)",
        value=(sum_weight_i2 - sum_w2) / (weight * weight - sum_w2),
        undefined=((N < 2, "too_few_visits"),),
        bounded=False,
        family="concentration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Own definition: the formula of COC with sums of weights for counts of visits",
        status="OWN",
        traps=(
            "The weights, by contact mode, are a parameter without a default: say why they are what they are.",
            "Visits of a mode without a weight, or of none, weigh 1.",
        ),
        laws=("relabelling", "within_range", "one_provider_gives_1", "merging_providers_never_lowers"),
        examples={"A": None},
    )
)
