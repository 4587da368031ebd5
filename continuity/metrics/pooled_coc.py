"""Pooled COC: of all pairs of visits of one patient, the share to one provider."""

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import N, sum_n2

define(
    Index(
        key="pooled_coc",
        label={
            "fi": "Käyntiparien yhteinen COCI",
            "sv": "COCI för alla besökspar",
            "en": "COC of pooled pairs of visits",
        },
        symbol="pooled COC",
        formula="Σ (Σ nᵢ² − N) / Σ N (N − 1)",
        value=sum_n2 - N,
        undefined=((N < 2, "too_few_visits"),),
        sums=Sums(below=N * (N - 1)),
        grains=("list", "unit", "period"),
        bounded=True,
        family="concentration",
        perspective="patient",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Derived from Bice & Boxerman 1977, doi:10.1097/00005650-197704000-00010: "
        "the sums over patients, divided once",
        status="DERIVED",
        names=(),
        traps=("Heavy users weigh as the square of their visits.",),
        laws=(),
        examples={},
    )
)
