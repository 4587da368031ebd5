"""Pooled SECON: of all successive visits of patients, the share to the provider of the visit before."""

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import N, same_pairs

define(
    Index(
        key="pooled_secon",
        label={
            "fi": "Peräkkäisten käyntien yhteinen SECON",
            "sv": "SECON för alla besök i följd",
            "en": "SECON of pooled successive visits",
        },
        symbol="pooled SECON",
        formula="Σ #{xⱼ = xⱼ₊₁} / Σ (N − 1)",
        value=same_pairs,
        undefined=((N < 2, "too_few_visits"),),
        sums=Sums(below=N - 1),
        grains=("list", "unit", "period"),
        bounded=True,
        family="sequence",
        perspective="patient",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Derived from Steinwachs 1979, Med Care 17:551-565: the sums over patients, divided once",
        status="DERIVED",
        names=(),
        traps=("Patients weigh as their visits less one.",),
        laws=(),
        examples={},
    )
)
