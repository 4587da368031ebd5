"""Modified Modified Continuity Index: few providers for the number of visits, scaled to reach 1."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, k

define(
    Index(
        key="mmci",
        label={
            "fi": "Kahdesti muokattu jatkuvuusindeksi (MMCI)",
            "sv": "Dubbelt modifierat kontinuitetsindex (MMCI)",
            "en": "Modified Modified Continuity Index (MMCI)",
        },
        symbol="MMCI",
        formula="(1 − k / (N + 0.1)) / (1 − 1 / (N + 0.1))",
        value=(N - k + 0.1) / (N - 0.9),
        undefined=((N < 2, "too_few_visits"),),
        family="concentration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Magill & Senf 1987, J Fam Pract 24:165-168; formula read in Nicolet 2022, "
        "doi:10.1186/s12913-022-07953-z, Table 2",
        status="READ-2",
        traps=(
            "Rises with the number of visits although behaviour is constant.",
            "Some values printed in 1987 were divided after rounding: 2 and 1 visits are printed 0.51, exact is 0.524.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_lowers",
        ),
        examples={"A": None, "AB": Fraction(1, 11), "AAB": Fraction(11, 21), "AABB": Fraction(21, 31)},
    )
)
