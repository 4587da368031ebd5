"""Sequential Continuity index: the share of successive visits that stayed with the same provider."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, same_pairs

define(
    Index(
        key="secon",
        label={
            "fi": "Peräkkäisten käyntien jatkuvuus (SECON)",
            "sv": "Kontinuitet mellan på varandra följande besök (SECON)",
            "en": "Sequential Continuity index (SECON)",
        },
        symbol="SECON",
        formula="#{j : xⱼ = xⱼ₊₁} / (N − 1)",
        value=same_pairs / (N - 1),
        undefined=((N < 2, "too_few_visits"),),
        family="sequence",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Steinwachs 1979, Med Care 17:551-565; formula read in BMC Fam Pract 2020, "
        "doi:10.1186/s12875-020-01361-0, Table 1, and Nicolet 2022, doi:10.1186/s12913-022-07953-z, Table 2",
        status="READ-2",
        names=("sequential continuity",),
        traps=(
            "ABAB gives 0.",
            "Visits at the same moment have no order: the exact expectation over their orders is taken.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "reversal_changes_nothing",
            "merging_providers_never_lowers",
        ),
        examples={
            "A": None,
            "AB": Fraction(0),
            "AAB": Fraction(1, 2),
            "ABAB": Fraction(0),
            "AABACAADAABA": Fraction(3, 11),
        },
    )
)
