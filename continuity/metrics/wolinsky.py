"""Unbroken follow-up: whether some provider saw the patient at least every eight months, for two years."""

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import longest_gap

_EIGHT_MONTHS = 243  # days

define(
    Index(
        key="wolinsky",
        label={
            "fi": "Katkeamaton seuranta",
            "sv": "Obruten uppföljning",
            "en": "Unbroken follow-up",
        },
        symbol="W",
        formula="1 if some provider's longest gap ≤ 243 days in the 730 days before the end of the window, else 0",
        value=longest_gap <= _EIGHT_MONTHS,
        undefined=((longest_gap.is_null(), "no_lookback"),),
        bounded=False,
        family="duration",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Wolinsky 2007, J Gerontol B 62:S160 (abstract read): no interval over 8 months in 2 years; the days of "
        "a month and the gaps at both edges, which count, are our own choice (own definition)",
        status="READ",
        traps=(
            "Looks at the two years before the end of the window, whatever its length; the data must hold them.",
            "The gaps from the start of the two years and to their end count, so fewer than 3 visits give 0.",
            "Any provider counts unless the rule role says otherwise.",
            "The status at the end of the window; the share of days with it is not given here.",
        ),
        laws=("relabelling", "within_range", "merging_providers_never_lowers", "added_visit_never_lowers"),
        examples={},
    )
)
