"""An interrupted time series: what a roll-out did to one unit, judged by that unit's own course before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl

from continuity import edge
from continuity.errors import UsageError, counted
from continuity.evaluation.rollout.effects import Effects, table
from continuity.evaluation.rollout.event_study import cells_of, overlapping, rows_of
from continuity.evaluation.rollout.inference import CONFIDENCE
from continuity.evaluation.rollout.panel import Floats

FEWEST_EACH_SIDE: Final = 4
_CORRELATIONS: Final = np.linspace(-0.5, 0.98, 75)
_SEASON_YEARS: Final = 3.0
_EXACT: Final = 1e-24  # squared rounding errors of floats, with room


@dataclass(frozen=True)
class Segmented:
    """A segmented regression with errors that remember the window before, averaged over how much they remember.

    Parameters
    ----------
    share : numpy.ndarray
        How well each correlation of neighbouring errors fits; sums to 1.
    coefficients : numpy.ndarray
        One row per correlation.
    roots : numpy.ndarray
        One matrix per correlation, R with covariance R R'.
    freedom : int
    """

    share: Floats
    coefficients: Floats
    roots: Floats
    freedom: int

    @classmethod
    def fit(cls, y: Floats, x: Floats, gaps: Floats) -> "Segmented":
        """Fit generalised least squares at each correlation, weighted by the restricted likelihood.

        Notes
        -----
        With one estimated correlation the intervals of short series are too narrow: 65-90 % of them hold the truth
        with the usual corrections, 94-98 % with this average (benchmarks/README.md).

        References
        ----------
        Restricted likelihood for short series: Turner et al. 2021, BMC Med Res Methodol 21:181,
        doi:10.1186/s12874-021-01364-0.
        """
        n, k = x.shape
        logs, coefficients, roots = [], [], []
        for correlation in _CORRELATIONS:
            white_y, white_x, log_scale = _whitened(y, x, gaps, float(correlation))
            q, r = np.linalg.qr(white_x)
            beta = np.linalg.solve(r, q.T @ white_y)
            residual = float(((white_y - white_x @ beta) ** 2).sum())
            if residual <= _EXACT * float(white_y @ white_y):
                return cls(np.ones(1), beta[None], np.zeros((1, k, k)), n - k)
            logs.append(log_scale - (n - k) * np.log(residual) / 2 - np.log(np.abs(np.diag(r))).sum())
            coefficients.append(beta)
            roots.append(np.linalg.inv(r) * np.sqrt(residual / (n - k)))
        share = np.exp(np.array(logs) - max(logs))
        return cls(share / share.sum(), np.array(coefficients), np.array(roots), n - k)

    def contrast(self, row: Floats) -> dict[str, float | None]:
        """Give a weighted sum of coefficients: estimate, std_error, ci_low, ci_high and p_value.

        All but the estimate are null for a series without noise, which says nothing of how sure it is.
        """
        from scipy.optimize import brentq
        from scipy.special import stdtr

        centre, scale = self.coefficients @ row, np.sqrt(((self.roots.transpose(0, 2, 1) @ row) ** 2).sum(axis=1))
        estimate = float(self.share @ centre)
        if not scale.any():
            return {"estimate": estimate, **dict.fromkeys(("std_error", "ci_low", "ci_high", "p_value"))}
        error = float(np.sqrt(self.share @ (scale**2 + (centre - estimate) ** 2)))

        def below(value: float) -> float:
            return float(self.share @ stdtr(self.freedom, (value - centre) / scale))

        reach, tail = 1000 * error, (1 - CONFIDENCE) / 2
        ends = [
            brentq(lambda v, p=p: below(v) - p, estimate - reach, estimate + reach, xtol=1e-12)
            for p in (tail, 1 - tail)
        ]
        return {
            "estimate": estimate,
            "std_error": error,
            "ci_low": float(ends[0]),
            "ci_high": float(ends[1]),
            "p_value": float(2 * min(below(0.0), 1 - below(0.0))),
        }


def interrupted_time_series(
    per_patient: Any, rollout: Any, index: str, *, patients: Any = None, season: bool | None = None
) -> Effects:
    """Estimate what a roll-out did to each reached unit, from that unit's course before and after.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide, in windows that do not overlap; with unit_id, or with `patients`.
    rollout : frame
        unit_id and starts_at; units without a start are left out.
    index : str
    patients : frame, optional
        Canonical patients, for unit_id.
    season : bool, optional
        Whether a yearly wave is part of the course; by default where the series is three years or longer.

    Returns
    -------
    Effects
        For each unit (``group``) the terms ``level_change`` at the start, ``slope_change`` per window, ``effect``:
        the mean over the windows after the start of observed minus continued course, and ``placebo``, that mean for
        a start in the middle of the windows before. ``att``, in the summary too, is the effect of the only unit, or
        the plain mean of the units' effects.

    Raises
    ------
    UsageError
        No unit starts, windows overlap, or a unit has fewer than four whole windows on a side.

    Notes
    -----
    y = course + level change + slope change + error, with errors that remember the window before. Nothing is
    compared with other units: whatever else happened at the start counts as the roll-out's.

    References
    ----------
    Bernal, Cummins & Gasparrini 2017, Int J Epidemiol 46:348, doi:10.1093/ije/dyw098.

    Examples
    --------
    >>> months = [(datetime(2022 + m // 12, m % 12 + 1, 1), datetime(2022 + (m + 1) // 12, (m + 1) % 12 + 1, 1))
    ...           for m in range(24)]
    >>> rows = [(p, "U", *w, 0.4 + 0.001 * n + 0.1 * (n >= 12) + 0.002 * (-1) ** (n // 2)) for p in range(5)
    ...         for n, w in enumerate(months)]
    >>> frame = pl.DataFrame(rows, orient="row",
    ...                      schema=["patient_id", "unit_id", "window_start", "window_end", "coc"])
    >>> starts = pl.DataFrame({"unit_id": ["U"], "starts_at": [datetime(2023, 1, 1)]})
    >>> round(interrupted_time_series(frame, starts, "coc").summary["att"], 2)
    0.1
    """
    rows = rows_of(per_patient, index, patients)
    starts = edge.lazily(rollout)[0].select("unit_id", pl.col("starts_at").cast(pl.Datetime("us"))).collect()
    reached = starts.drop_nulls("starts_at").join(rows.select("unit_id").unique(), on="unit_id", how="semi")
    if reached.is_empty():
        raise UsageError(
            "No unit with visits has a starts_at.", next_step="Fill the roll-out table in.", reason="no_start"
        )
    cells = cells_of(rows)
    if overlapping(cells.select("window_start", "window_end").unique().rows()):
        raise UsageError(
            "The windows overlap, so a start would show in several of them at once.",
            allowed="Allowed: windows as long as their step, such as --every 1mo --period 1mo.",
        )
    found, effects = [], []
    for unit, start in reached.sort("unit_id").iter_rows():
        own = rows.filter(unit_id=unit)
        terms = _one_unit(cells.filter(unit_id=unit).sort("window_start"), start, season)
        effects.append(terms["effect"])
        found += [
            {"term": term, "group": str(unit), "n_units": 1, "n_patients": own["patient_id"].n_unique(), **numbers}
            for term, numbers in terms.items()
        ]
    said = _summary(index, effects, found)
    behind = rows.join(reached, on="unit_id", how="semi")["patient_id"].n_unique()
    mean = {name: said[name] for name in ("std_error", "ci_low", "ci_high")}
    mean |= {"estimate": said["att"], "n_units": len(effects), "n_patients": behind}
    return Effects(table([{"term": "att", **mean}, *found]), said)


def _summary(index: str, effects: list[dict[str, float | None]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum up one unit by its own effect, several by their mean, with the spread between them as its uncertainty."""
    placebos = [row["p_value"] for row in rows if row["term"] == "placebo" and row["p_value"] is not None]
    said: dict[str, Any] = {"index": index, "n_clusters": len(effects), "method": "segmented regression, AR(1) errors"}
    if len(effects) == 1:
        only = effects[0]
        return said | {
            "att": only["estimate"],
            "std_error": only["std_error"],
            "ci_low": only["ci_low"],
            "ci_high": only["ci_high"],
            "p_value": only["p_value"],
            "pretrend_p": placebos[0] if placebos else None,
        }
    from scipy.special import stdtr, stdtrit

    values, freedom = np.array([effect["estimate"] for effect in effects]), len(effects) - 1
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    p_value = float(2 * stdtr(freedom, -abs(mean) / error)) if error else None
    pretrend = min(1.0, len(placebos) * min(placebos)) if placebos else None  # Bonferroni
    return said | {
        "att": mean, "std_error": error, "ci_low": mean - half, "ci_high": mean + half, "p_value": p_value,
        "pretrend_p": pretrend,
    }  # fmt: skip


def _one_unit(cells: pl.DataFrame, start: datetime, season: bool | None) -> dict[str, dict[str, float | None]]:
    whole = cells.filter((pl.col("window_end") <= start) | (pl.col("window_start") >= start))
    after = (whole["window_start"] >= start).to_numpy()
    for side, n in (("before", int((~after).sum())), ("after", int(after.sum()))):
        if n < FEWEST_EACH_SIDE:
            raise UsageError(
                f"A unit has {counted(n, 'whole window')} {side} its start.",
                reason="short_series",
                allowed=f"Needed: {FEWEST_EACH_SIDE} or more on each side, better 12.",
                next_step="Take shorter windows (--every, --period), or a longer --window.",
            )
    time = _positions(whole, cells)
    years = (whole["window_start"][-1] - whole["window_start"][0]).days / 365.25
    seasonal = _season(whole) if (years >= _SEASON_YEARS if season is None else season) else np.empty((len(time), 0))
    value = whole["value"].to_numpy()
    terms = _segments(value, time, after, seasonal)
    before = ~after
    middle = np.arange(len(time)) >= int(before.sum()) // 2
    if before.sum() >= 2 * FEWEST_EACH_SIDE:
        early = _segments(value[before], time[before], middle[before], seasonal[before])
        terms["placebo"] = early["effect"]
    return terms


def _segments(value: Floats, time: Floats, after: Any, seasonal: Floats) -> dict[str, dict[str, float | None]]:
    since = np.where(after, time - time[after].min(), 0.0)
    x = np.column_stack([np.ones_like(time), time - time.mean(), after.astype(float), since, seasonal])
    gaps = np.diff(time, prepend=time[0])
    fit = Segmented.fit(value, x, gaps)
    rows = np.eye(x.shape[1])
    return {
        "level_change": fit.contrast(rows[2]),
        "slope_change": fit.contrast(rows[3]),
        "effect": fit.contrast(rows[2] + since[after].mean() * rows[3]),
    }


def _whitened(y: Floats, x: Floats, gaps: Floats, correlation: float) -> tuple[Floats, Floats, float]:
    """Take from each value what the one before foretells, `gaps` windows apart; with the log of the scales."""
    memory = correlation ** gaps[1:]
    scale = np.r_[np.sqrt(1 - correlation**2), np.sqrt((1 - correlation**2) / (1 - memory**2))]
    both = np.column_stack([y, x])
    both[1:] -= memory[:, None] * np.column_stack([y, x])[:-1]
    both *= scale[:, None]
    return both[:, 0], both[:, 1:], float(np.log(scale).sum())


def _positions(whole: pl.DataFrame, cells: pl.DataFrame) -> Floats:
    """Place the windows by their starts; a missing window leaves a gap, a short month does not."""
    step = cells["window_start"].diff().median()
    steps = (whole["window_start"].diff() / step).cast(pl.Float64).round().fill_null(0)
    return np.asarray(steps.cum_sum().to_numpy(), dtype=float)


def _season(whole: pl.DataFrame) -> Floats:
    angle = 2 * np.pi * whole["window_start"].dt.ordinal_day().to_numpy() / 365.25
    return np.column_stack([np.sin(angle), np.cos(angle)])
