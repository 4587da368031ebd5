"""Share of patients whose COC is at or above a threshold, by the provider they saw most."""

import polars as pl

from continuity.metrics.engine.registry import Index, Sums, define
from continuity.metrics.engine.symbols import N, sum_n2, threshold

define(
    Index(
        key="coc_at_least",
        label={
            "fi": "Osuus potilaista, joilla COCI on vähintään raja-arvon",
            "sv": "Andel patienter med COCI på minst tröskelvärdet",
            "en": "Share of patients with COC at or above a threshold (NQF 3617 type)",
        },
        symbol="COC ≥ t",
        formula="#{COC ≥ t} / #{COC defined}, t = 0.7",
        value=((sum_n2 - N) / (N * (N - 1)) >= threshold).cast(pl.Int64),
        undefined=((N < 2, "too_few_visits"),),
        sums=Sums(below=pl.lit(1, pl.Int64)),
        grains=("provider", "unit", "period"),
        bounded=True,
        family="concentration",
        perspective="patient",
        range=("0", "1"),
        higher_is_more=True,
        min_visits=2,
        source="Own definition of the tie rule of attribution; otherwise NQF 3617 (ABFM), specification summaries, and "
        "Dai 2022, Ann Fam Med 20:535",
        status="OWN",
        names=(),
        traps=(
            "For N of at most 6 a threshold of 0.7 means perfect continuity: show it by N.",
            "Attribution and score use the same visits, which is circular.",
            "Of providers seen equally often the longest span, then the latest visit, then the id decides.",
        ),
        laws=(),
        examples={},
    )
)
