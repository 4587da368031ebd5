"""Statistics beyond the counts, each taken by a plain way of its own and only when an index needs it.

Every way gives one row per patient and window; where the rule for unknown providers matters, known and unknown visits
apart, so that `resolve` can put them together as the rule says.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import polars as pl

from continuity.metrics.engine.prepare import KEYS, Sources, prepared
from continuity.metrics.engine.rules import Rules
from continuity.metrics.engine.statistics import Scenario
from continuity.metrics.engine.windows import Window

PARAMETERS: Final = frozenset({"window_id", "min_visits"})
"""What a formula may use besides statistics: it is in the table, or a rule."""


@dataclass(frozen=True)
class Job:
    """What the statistics are taken from."""

    sources: Sources
    rules: Rules
    spans: Sequence[Window] | None

    def visits(self) -> pl.LazyFrame:
        """Give the visits that count, as `prepared` does."""
        return prepared(self.sources, self.rules, self.spans)


def joined(counted: pl.LazyFrame, job: Job, needs: AbstractSet[str]) -> pl.LazyFrame:
    """Put the statistics that are needed beside the counts.

    Parameters
    ----------
    counted : polars.LazyFrame
        One row per patient and window, with patient_id and window_id.
    job : Job
    needs : set of str
    """
    for given, way in WAYS.items():
        if needs & given:
            counted = counted.join(way(job), on=KEYS, how="left")
    return counted.with_columns(min_visits=pl.lit(job.rules.min_visits, pl.Int64))


def resolve_further(scenario: Scenario, columns: AbstractSet[str]) -> dict[str, pl.Expr]:
    """Give the symbols of the formulas, with the unknown visits taken for what the scenario says."""
    found: dict[str, pl.Expr] = {}
    if "n_log2_n_known" in columns:
        u, m, s = pl.col("n_unknown"), pl.col("m_known"), pl.col("n_log2_n_known").fill_null(0.0)
        found["sum_n_log2_n"] = {
            "drop": s,
            "each_distinct": s,
            "one_group": s + _n_log2_n(u),
            "to_usual": s - _n_log2_n(m) + _n_log2_n(m + u),
        }[scenario]
    return found


def _n_log2_n(n: pl.Expr) -> pl.Expr:
    return pl.when(n > 1).then(n * n.log(2)).otherwise(0.0)


def _entropy(job: Job) -> pl.LazyFrame:
    known = job.visits().filter(pl.col("actor").is_not_null())
    counts = known.group_by(*KEYS, "actor").agg(n=pl.len().cast(pl.Int64))
    # In order of size, so that the last digit does not depend on the names; see `statistics`.
    return counts.group_by(*KEYS).agg(n_log2_n_known=_n_log2_n(pl.col("n").sort()).cum_sum().last())


WAYS: Final[Mapping[frozenset[str], Callable[[Job], pl.LazyFrame]]] = {frozenset({"sum_n_log2_n"}): _entropy}
FURTHER: Final = frozenset().union(*WAYS)
