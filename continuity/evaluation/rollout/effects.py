"""What a design gives: rows of effects, and one line that sums them up."""

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from continuity import display

SCHEMA: Final = {
    "term": pl.String,
    "group": pl.String,
    "event_time": pl.Int64,
    "estimate": pl.Float64,
    "std_error": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n_units": pl.Int64,
    "n_patients": pl.Int64,
}


@dataclass(frozen=True)
class Effects:
    """Estimated effects of a roll-out.

    Parameters
    ----------
    frame : polars.DataFrame
        term, group, event_time (windows since the start; null where it does not apply), estimate, std_error, ci_low,
        ci_high (95 %; null where one unit alone carries the estimate), n_units, n_patients (distinct patients behind
        the row).
    summary : dict
        att, ci_low, ci_high, p_value, pretrend_p (null where no window before the start can be tested), n_clusters,
        method, and what was left out.
    """

    frame: pl.DataFrame
    summary: dict[str, Any]

    def _repr_html_(self) -> str:
        """Show the summary and the rows that enough patients stand behind."""
        shown = {name: value for name, value in self.summary.items() if isinstance(value, int | float | str)}
        columns = ("term", "group", "event_time", "estimate", "ci_low", "ci_high", "n_patients")
        rows = self.frame.filter(pl.col("n_patients") >= display.FEWEST)
        given = [name for name in columns if rows[name].count()]
        return display.panel("Effects", shown.items(), given, rows.select(given).rows())


def table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Give rows as the frame of `Effects`; what a row does not name is null."""
    return pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)
