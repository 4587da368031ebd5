"""Compare groups on an index: with and without adjustment, always beside the number of visits, never as bare ranks."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity import edge
from continuity.errors import InputError, UsageError
from continuity.evaluation.cells import visit_class
from continuity.evaluation.comparison.casemix import adjusted, standardised
from continuity.evaluation.comparison.spread import Z_95, Z_998, Spread, ranks, unit_error
from continuity.evaluation.estimators import in_order
from continuity.evaluation.rollout.effects import Effects, table

LEAST_RANKED: Final = 30
"""Fewest patients of a group that is ranked, shrunk and held against the funnel: our own choice."""
VISITS: Final = "n_visits_class"
_WINDOW: Final = ("window_start", "window_end")

Floats = npt.NDArray[np.float64]


def compare(
    per_patient: Any,
    by: str,
    index: str,
    *,
    patients: Any = None,
    adjust: Sequence[str] = (VISITS,),
    seed: int = 0,
) -> Effects:
    """Compare groups of patients on an index.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide; with one window, or with several, of which the last is compared and the
        others are shown as a course.
    by : str
        The column that names a group, in `per_patient` or in `patients`.
    index : str
    patients : frame, optional
        Canonical patients, for the columns of `by` and `adjust`.
    adjust : sequence of str
        Columns whose mix of patients is made alike; ``n_visits_class`` is made from n_visits.
    seed : int
        Of the draws behind the ranks.

    Returns
    -------
    Effects
        One row per term and group. ``mean``: the plain mean of patients (with event_time: in an earlier window, -1
        the one before the last). ``visits``: visits per patient. ``standardised`` and ``adjusted``: as if every group
        had the patients of all groups, by strata and by a linear model; null where a group lacks the strata.
        ``shrunk``: the empirical-Bayes estimate. ``reliability``: share (0-1) of true differences. ``rank``: median
        rank, 1 the highest, with its interval. ``funnel_95``, ``funnel_998``: where a group of this size lies when
        it differs no more than groups do. Groups of fewer than 30 patients have no terms after ``adjusted``.

        The summary has between_sd (of the true means), q_p_value (do groups differ by more than chance?),
        lowest, highest, n_groups, n_outside_998, and windows: start and end of each, in ISO form, in order of time
        (event_time 0 is the last).

    Raises
    ------
    InputError
        A column is missing.
    UsageError
        The column has fewer than two groups, or it or one of `adjust` has one for nearly every patient.

    Notes
    -----
    A difference between groups is an association: need drives both visits and providers. Continuity depends on the
    number of visits, so both stand side by side and the default adjusts for it.

    Examples
    --------
    >>> frame = pl.DataFrame({"patient_id": range(400), "unit_id": ["U", "V"] * 200, "n_visits": 4,
    ...                       "coc": [0.2, 0.4, 0.4, 0.6] * 100})
    >>> found = compare(frame, "unit_id", "coc").frame.filter(term="mean")
    >>> found.select("group", pl.col("estimate").round(3), "n_patients").rows()
    [('U', 0.3, 200), ('V', 0.5, 200)]
    """
    rows = _rows(per_patient, by, index, patients, adjust)
    for name in (by, *adjust):
        refuse_identifiers(name, rows[name].n_unique(), rows["patient_id"].n_unique())
    windows = rows.select(*_WINDOW).unique().sort(*_WINDOW) if _WINDOW[0] in rows.columns else None
    last = rows if windows is None else rows.join(windows.tail(1), on=list(_WINDOW), how="semi")
    plain = _means(last, by)
    if plain.height < 2:
        raise UsageError(f"Column '{by}' has one group only, so there is nothing to compare.")
    parts = [*_earlier(rows, by, windows), *_named("mean", plain, "estimate", "std_error")]
    parts += _named("visits", plain, "mean_visits", "visits_error")
    for term, estimator in (("standardised", standardised), ("adjusted", adjusted)):
        fitted = plain.select(by, "n_patients", "n_units").join(estimator(last, by, list(adjust)), on=by, how="left")
        parts += _named(term, fitted.sort(by), term, f"{term}_se")
    judged = plain.filter((pl.col("n_patients") >= LEAST_RANKED) & (pl.col("std_error") > 0))
    spread_rows, said = _judged(judged, by, seed)
    spans = [] if windows is None else [[moment.isoformat() for moment in window] for window in windows.rows()]
    summary = {"index": index, "by": by, "adjust": list(adjust), "n_groups": plain.height, "windows": spans, **said}
    return Effects(table([*parts, *spread_rows]), summary)


def _rows(per_patient: Any, by: str, index: str, patients: Any, adjust: Sequence[str]) -> pl.DataFrame:
    frame = edge.lazily(per_patient)[0].with_columns(**{VISITS: visit_class()})
    names = frame.collect_schema().names()
    wanted = [name for name in dict.fromkeys((by, *adjust, "unit_id")) if name not in names]
    if wanted and patients is not None:
        people = edge.lazily(patients)[0]
        known = [name for name in wanted if name in people.collect_schema().names()]
        frame = frame.join(people.select("patient_id", *known).unique("patient_id"), on="patient_id", how="left")
        names += known
    missing = [name for name in ("patient_id", "n_visits", index, by, *adjust) if name not in names]
    if missing:
        raise InputError.missing_columns(missing, names, "the indices and the patients")
    unit = pl.col("unit_id").cast(pl.String) if "unit_id" in names else pl.lit(None, pl.String)
    kept = [name for name in dict.fromkeys(("patient_id", by, *adjust, *_WINDOW)) if name in names]
    chosen = frame.select(*kept, "n_visits", _unit=unit, value=pl.col(index).cast(pl.Float64))
    return chosen.drop_nulls((by, "value")).collect()


def refuse_identifiers(by: str, n_groups: int, n_patients: int) -> None:
    """Refuse a column of groups that has a group for every few patients.

    Raises
    ------
    UsageError
    """
    if n_groups > max(2, n_patients // 5):
        raise UsageError(
            f"Column '{by}' has {n_groups:,} groups for {n_patients:,} patients: it names persons, not groups.",
            allowed="Such as unit_id, team_id, area_code, sex, language or age_band.",
        )


def _means(rows: pl.DataFrame, by: str) -> pl.DataFrame:
    value, visits = in_order(pl.col("value")), pl.col("n_visits").cast(pl.Float64)
    n = pl.len()
    grouped = rows.group_by(by).agg(
        n_patients=n.cast(pl.Int64),
        n_units=_known(pl.col("_unit").drop_nulls().n_unique().cast(pl.Int64)),
        estimate=value.mean(),
        spread_within=value.std(),
        mean_visits=visits.mean(),
        visits_error=in_order(visits).std() / n.sqrt(),
    )
    return grouped.with_columns(std_error=pl.col("spread_within") / pl.col("n_patients").sqrt()).sort(by)


def _known(n: pl.Expr) -> pl.Expr:
    """Give a number of units, or null where no patient has a unit that is known."""
    return pl.when(n > 0).then(n)


def _earlier(rows: pl.DataFrame, by: str, windows: pl.DataFrame | None) -> list[dict[str, Any]]:
    """Give the means of the windows before the last one, numbered back from it."""
    if windows is None or windows.height < 2:
        return []
    found = []
    for back, window in enumerate(reversed(windows.rows()[:-1]), start=1):
        inside = rows.filter((pl.col("window_start") == window[0]) & (pl.col("window_end") == window[1]))
        named = _named("mean", _means(inside, by), "estimate", "std_error")
        found += [row | {"event_time": -back} for row in named]
    return found


def _named(term: str, frame: pl.DataFrame, estimate: str, error: str) -> list[dict[str, Any]]:
    """Give rows of `Effects`, the group in the first column; intervals are normal, cut nowhere."""
    half = Z_95 * pl.col(error)
    rows = frame.select(
        pl.lit(term).alias("term"),
        pl.col(frame.columns[0]).cast(pl.String).alias("group"),
        pl.col(estimate).alias("estimate"),
        pl.col(error).alias("std_error"),
        (pl.col(estimate) - half).alias("ci_low"),
        (pl.col(estimate) + half).alias("ci_high"),
        "n_units",
        "n_patients",
    )
    return list(rows.iter_rows(named=True))


def _judged(plain: pl.DataFrame, by: str, seed: int) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Shrink, rank and hold against the funnel the groups that are large enough."""
    if plain.height < 2:
        return [], {"between_sd": None, "q_p_value": None, "lowest": None, "highest": None, "n_outside_998": None}
    estimate, own = plain["estimate"].to_numpy(), plain["std_error"].to_numpy()
    error = unit_error(plain["spread_within"].to_numpy(), plain["n_patients"].to_numpy().astype(float))
    spread = Spread.of(estimate, error)
    mean, shrunk_error = spread.shrunk(estimate, own)
    rank, rank_low, rank_high = ranks(estimate, own, seed)
    funnels = {"funnel_95": spread.limits(error, Z_95), "funnel_998": spread.limits(error, Z_998)}
    columns: dict[str, tuple[Any, Any, Any]] = {
        "shrunk": (mean, mean - Z_95 * shrunk_error, mean + Z_95 * shrunk_error),
        "reliability": (spread.reliability(own), None, None),
        "rank": (rank, rank_low, rank_high),
        **{name: (np.full(len(error), spread.mean), low, high) for name, (low, high) in funnels.items()},
    }
    rows = [
        {
            "term": term,
            "group": str(group),
            "estimate": float(middle[place]),
            "ci_low": None if low is None else float(low[place]),
            "ci_high": None if high is None else float(high[place]),
            "n_units": n_units,
            "n_patients": n,
        }
        for term, (middle, low, high) in columns.items()
        for place, (group, n_units, n) in enumerate(plain.select(by, "n_units", "n_patients").rows())
    ]
    low, high = funnels["funnel_998"]
    return rows, {
        "between_sd": float(np.sqrt(spread.between)),
        "q_p_value": spread.q_p_value(plain.height),
        "lowest": float(estimate.min()),
        "highest": float(estimate.max()),
        "n_outside_998": int(((estimate < low) | (estimate > high)).sum()),
    }
