"""Known provider of care: the share of visits to a provider whom the patient had seen not long before."""

from fractions import Fraction

from continuity.metrics.engine.registry import Index, define
from continuity.metrics.engine.symbols import N, n_met_before

define(
    Index(
        key="kpc_lookback",
        label={
            "fi": "Tutun ammattilaisen osuus käynneistä",
            "sv": "Andel besök hos en känd yrkesperson",
            "en": "Known provider of care",
        },
        symbol="KPC",
        formula="#{j : xⱼ = xᵢ for a visit i before j, at most the look-back earlier} / N",
        value=n_met_before / N,
        undefined=((n_met_before.is_null(), "no_lookback"),),
        bounded=False,
        family="sequence",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="Schwarz 2019, BMJ Glob Health 4:e001435, Table 2 (look-back of one year); that a visit with none "
        "before it counts as not known is our own choice (own definition)",
        status="READ-2",
        traps=(
            "The look-back lies before the window: the data must hold it, or the rule data_from must say that they do.",
            "Use one look-back for all; patients enrolled after it began have no value.",
            "A patient's first visit counts as not known; the form that leaves it out is not given here.",
            "The look-back counts local days: 365d, or calendar months such as 12mo.",
        ),
        laws=("relabelling", "within_range", "merging_providers_never_lowers", "longer_lookback_never_lowers"),
        examples={"A": Fraction(0), "AAB": Fraction(1, 3), "ABAB": Fraction(1, 2)},
    )
)
