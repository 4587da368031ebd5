"""Number of providers seen."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import k

define(
    Index(
        key="provider_count",
        label={
            "fi": "Eri ammattilaisten määrä",
            "sv": "Antal olika yrkespersoner",
            "en": "Number of providers seen",
        },
        symbol="k",
        formula="k",
        value=k,
        family="concentration",
        range=("1", "N"),
        higher_is_more=False,
        min_visits=1,
        source="Prior 2023, BMC Med, doi:10.1186/s12916-023-03021-3 (involved providers)",
        status="READ",
        names=("unique provider count", "involved providers"),
        traps=(
            "Grows with the number of visits and with the length of the window.",
            "k / N and k per person-year are not given here; k / N of 2 visits does not compare with that of 20.",
        ),
        laws=(
            "relabelling",
            "within_range",
            "one_provider_gives_1",
            "visit_order_is_free",
            "merging_providers_never_raises",
            "copies_change_nothing",
        ),
        examples={"A": Fraction(1), "AB": Fraction(2), "AABCAABA": Fraction(3)},
    )
)
