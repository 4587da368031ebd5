"""Rolling continuity: of the follow-up visits of a period, the share to the provider of the visit before."""

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import n_follow_ups, n_same_as_previous

define(
    Index(
        key="rolling_continuity",
        label={
            "fi": "Liukuva jatkuvuus",
            "sv": "Rullande kontinuitet",
            "en": "Rolling continuity",
        },
        symbol="RC",
        formula="#{xⱼ = xⱼ₋₁} / #{follow-up visits}",
        value=n_same_as_previous,
        undefined=((n_follow_ups == 0, "no_followups"),),
        sums=Sums(
            below=n_follow_ups,
            of="follow_ups",
            min_visits_apply=False,
            empty="no_followups",
            without_rows="no_followups",
        ),
        grains=("unit", "period"),
        bounded=False,
        family="sequence",
        perspective="patient",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="RECOCA report, C. Fu 2025: a proposal, stated there as not yet validated",
        status="READ",
        names=(),
        traps=(
            "The previous visit may lie before the period: give the data before the first window too.",
            "The mean of periods and the pooled value differ.",
            "Small periods are noisy; the first period lacks its past.",
        ),
        laws=(),
        examples={},
    )
)
