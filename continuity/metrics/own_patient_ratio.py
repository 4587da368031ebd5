"""Own Patient Ratio: of the visits that a provider gave, the share to patients of the provider's own list."""

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import N, holds_list, n_listed

define(
    Index(
        key="own_patient_ratio",
        label={
            "fi": "Omien potilaiden osuus lääkärin käynneistä",
            "sv": "Andel egna listade patienter av läkarens besök",
            "en": "Own Patient Ratio (OPR)",
        },
        symbol="OPR",
        formula="Σ n(to own list) / Σ n(given)",
        value=n_listed,
        undefined=((~holds_list, "no_list"),),
        sums=Sums(below=N, of="provider_visits", min_visits_apply=False, empty="no_list", without_rows="no_visits"),
        grains=("provider", "unit", "period"),
        bounded=False,
        family="density",
        perspective="provider",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=1,
        source="BJGP 2023, doi:10.3399/bjgp23X733161, Tables 1 and 2; Garrison 2024, doi:10.22454/FamMed.2023.913197",
        status="READ",
        names=("provider-sided continuity", "resident-sided continuity"),
        traps=(
            "Providers without a list stay out of the ratio of a unit; patients of no list stay in.",
            "Visits to unknown providers are nobody's, whatever the rule for them says.",
            "One percentage in Table 2 of the source is a misprint.",
        ),
        laws=(),
        examples={},
    )
)
