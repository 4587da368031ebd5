"""Statistics beyond the counts, each taken by a plain way of its own and only when an index needs it.

Every way gives one row per patient and window.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

import polars as pl

from continuity.metrics.engine import durations, supply
from continuity.metrics.engine.prepare import KEYS, Sources, prepared
from continuity.metrics.engine.rules import Rules
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


WAYS: Final[Mapping[frozenset[str], Callable[[Job], pl.LazyFrame]]] = {
    frozenset({"n_met_before"}): durations.met_before,
    frozenset({"longest_gap"}): durations.longest_gap,
    frozenset({"covered_time", "observed_time"}): durations.covered_time,
    frozenset({"n_gaps", "sum_gaps", "sum_squared_gaps"}): durations.gaps,
    frozenset({"usual_span"}): durations.usual_span,
    frozenset({"is_listed", "months_listed"}): durations.time_listed,
    frozenset({"supply_visits", "supply_squares"}): supply.supply,
    frozenset({"weight", "weight_usual", "sum_squared_weights", "sum_weight_squares"}): supply.weighted,
}
"""Which statistics each way gives."""
FURTHER: Final[AbstractSet[str]] = frozenset[str]().union(*WAYS)
