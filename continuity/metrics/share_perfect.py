"""Share of patients who saw one provider only, which is COC = 1."""

import polars as pl

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import N, sum_n2

define(
    Index(
        key="share_perfect",
        label={
            "fi": "Osuus potilaista, joilla kaikki käynnit samalla ammattilaisella",
            "sv": "Andel patienter med alla besök hos samma yrkesperson",
            "en": "Share of patients with perfect continuity",
        },
        symbol="COC = 1",
        formula="#{COC = 1} / #{COC defined}",
        value=(sum_n2 == N * N).cast(pl.Int64),
        undefined=((N < 2, "too_few_visits"),),
        sums=Sums(below=pl.lit(1, pl.Int64)),
        grains=("list", "unit", "period"),
        bounded=True,
        family="concentration",
        perspective="patient",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Derived from Bice & Boxerman 1977, doi:10.1097/00005650-197704000-00010: "
        "the share of patients with the value 1",
        status="DERIVED",
        names=(),
        traps=("Falls with the number of visits under constant behaviour: show it by N.",),
        laws=(),
        examples={},
    )
)
