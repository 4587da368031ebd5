"""What a study of outcomes gives: rows of associations, and what stands behind them."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import polars as pl

from continuity import display
from continuity.evaluation.rollout.effects import table

OutcomeModel = Literal["poisson", "negative_binomial", "cox", "gamma"]

TERMS: Final[dict[OutcomeModel, str]] = {
    "poisson": "log_rate_ratio",
    "negative_binomial": "log_rate_ratio",
    "cox": "log_hazard_ratio",
    "gamma": "log_cost_ratio",
}
METHODS: Final[dict[OutcomeModel, str]] = {
    "poisson": "Poisson regression, log person-time as offset",
    "negative_binomial": "negative binomial regression (variance mu + alpha mu^2), log person-time as offset",
    "cox": "Cox regression, time to the first event, ties after Breslow; leaving and death end the follow-up",
    "gamma": "gamma regression with a log link, log person-time as offset",
}
READS: Final = (
    "An association, not an effect: need drives both visits and providers. Patients who see the same provider may "
    "differ in ways that the adjustment does not know."
)


@dataclass(frozen=True)
class Associations:
    """How an outcome goes with continuity.

    Parameters
    ----------
    frame : polars.DataFrame
        The columns of `continuity.Effects`: term (``log_rate_ratio``, ``log_hazard_ratio`` or ``log_cost_ratio``),
        group (the class, or the value on the curve), event_time (null), estimate, std_error, ci_low, ci_high (all on
        the log scale; 95 %), n_units, n_patients (behind the row). The reference has estimate 0 and no error.
    summary : dict
        design, ratios (the same rows as ratios), p_value (does the outcome go with continuity at all?), n_events,
        person_years, steps (who was left out, why, and how many stay), events (how many lay where), and the choices.
    """

    frame: pl.DataFrame
    summary: dict[str, Any]

    def _repr_html_(self) -> str:
        """Show the summary and the rows that enough patients stand behind."""
        shown = {name: value for name, value in self.summary.items() if isinstance(value, int | float | str)}
        columns = ("term", "group", "estimate", "ci_low", "ci_high", "n_patients")
        rows = self.frame.filter(pl.col("n_patients") >= display.FEWEST).select(columns)
        return display.panel("Associations", shown.items(), columns, rows.rows())


def ratios(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a frame of `Associations` as ratios with their intervals."""
    return frame.select(
        "group", ratio=pl.col("estimate").exp(), ci_low=pl.col("ci_low").exp(), ci_high=pl.col("ci_high").exp()
    ).to_dicts()


__all__ = ["METHODS", "READS", "TERMS", "Associations", "OutcomeModel", "ratios", "table"]
