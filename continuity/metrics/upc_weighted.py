"""Weighted UPC: the share of the provider with the greatest weight of visits."""

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import weight, weight_usual

define(
    Index(
        key="upc_weighted",
        label={"fi": "Painotettu UPC", "sv": "Viktad UPC", "en": "Weighted UPC"},
        symbol="UPC (weighted)",
        formula="max Wᵢ / W",
        value=weight_usual / weight,
        bounded=False,
        family="density",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Own definition: the formula of UPC with sums of weights for counts of visits",
        status="OWN",
        traps=(
            "The weights, by contact mode, are a parameter without a default: say why they are what they are.",
            "Visits of a mode without a weight, or of none, weigh 1.",
            "The provider of the greatest weight need not be the one of most visits.",
        ),
        laws=("relabelling", "within_range", "one_provider_gives_1", "merging_providers_never_lowers"),
        examples={},
    )
)
