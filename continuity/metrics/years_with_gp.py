"""Length of the relationship with the listed provider, in years."""

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import is_listed, months_listed

define(
    Index(
        key="years_with_gp",
        label={
            "fi": "Omalääkärisuhteen kesto vuosina",
            "sv": "År med den namngivna läkaren",
            "en": "Years with the named GP",
        },
        symbol="years",
        formula="whole months from listed_from to the end of the window / 12",
        value=months_listed / 12,
        undefined=((~is_listed, "no_assigned_provider"), (months_listed.is_null(), "no_lookback")),
        bounded=False,
        family="duration",
        range=("0", "∞"),
        higher_is_more=True,
        min_visits=1,
        source="Sandvik 2022, BJGP 72:e84, doi:10.3399/BJGP.2021.0340 (classes 1, 2-3, 4-5, 6-10, 11-15, over 15 "
        "years); whole months are our own choice (own definition)",
        status="READ",
        traps=(
            "A register that starts later than the list cuts the time short; without a start there is no value.",
            "Mergers of practices and new codes of a GP break it.",
            "Of the provider listed at the end of the window; who was listed before is not known.",
        ),
        laws=("relabelling", "visit_order_is_free", "a_year_later_it_is_1_more"),
        examples={},
    )
)
