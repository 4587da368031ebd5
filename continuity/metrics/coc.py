"""Bice-Boxerman continuity of care index: the share of pairs of visits that were to the same provider."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, sum_n2

define(
    Index(
        key="coc",
        label={
            "fi": "Hoidon jatkuvuusindeksi (COCI)",
            "sv": "Kontinuitetsindex (COCI)",
            "en": "Bice-Boxerman continuity of care index (COCI)",
        },
        symbol="COC",
        formula="(Σ nᵢ² − N) / (N (N − 1))",
        value=(sum_n2 - N) / (N * (N - 1)),
        undefined=((N < 2, "too_few_visits"),),
        family="concentration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Bice & Boxerman 1977, doi:10.1097/00005650-197704000-00010; formula read in Nicolet 2022, "
        "doi:10.1186/s12913-022-07953-z, Table 2, and BJGP 2023, doi:10.3399/bjgp23X733161, Table 1",
        status="READ-2",
        names=("COCI", "COC index", "Bice-Boxerman index", "unbiased Simpson index of visits"),
        traps=(
            "Few values are possible when N is small: 2, 3, 5, 7, 9 of them for N = 2 to 6.",
            "The patient mean, the visit-weighted mean and pooled pairs differ.",
            "Values pile up at 0 and 1.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_lowers",
            "usual_visit_never_lowers",
        ),
        examples={
            "A": None,
            "AA": Fraction(1),
            "AB": Fraction(0),
            "AAB": Fraction(1, 3),
            "AABC": Fraction(1, 6),
            "AAAABBBC": Fraction(9, 28),
        },
    )
)
