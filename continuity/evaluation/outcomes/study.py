"""A study of outcomes: continuity in an exposure window, then the outcome in the follow-up after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
import polars as pl

from continuity.errors import InputError, UsageError
from continuity.evaluation.outcomes import happened as h
from continuity.evaluation.outcomes.cohort import Times, cohort, measured_by, moment, same_id
from continuity.evaluation.outcomes.models import Fitted, Floats, Followed, Whole, fit
from continuity.evaluation.outcomes.result import METHODS, READS, TERMS, Associations, OutcomeModel, ratios, table
from continuity.evaluation.outcomes.terms import Exposure, adjustment, dummies, exposure

FEWEST_CLUSTERS: Final = 20
"""Units below which errors are not clustered by unit: our own choice."""


@dataclass(frozen=True)
class Shape:
    """How continuity enters the model.

    Parameters
    ----------
    classes, knots, reference, at
        As in `outcome_study`.
    """

    classes: Any
    knots: Any
    reference: float | None
    at: Sequence[float] | None


def outcome_study(
    per_patient: Any,
    events: Any,
    index: str,
    *,
    patients: Any,
    until: Any,
    since: Any = None,
    model: OutcomeModel = "poisson",
    deaths: Any = None,
    covariates: Sequence[str] = (),
    classes: Sequence[float] | None = None,
    knots: int | Sequence[float] = 4,
    reference: float | None = None,
    at: Sequence[float] | None = None,
    time_varying: bool = False,
    within_units: bool = True,
    event_free: bool = False,
    observed_throughout: bool = True,
    force_overlap: bool = False,
    min_events_per_parameter: float = 10,
) -> Associations:
    """Estimate how an outcome goes with continuity that was measured before it.

    Parameters
    ----------
    per_patient : frame
        What `continuity.compute` gave, wide, with one exposure window: ``window=(START, END)``. With `time_varying`
        several, such as ``every="6mo", period="12mo"``; the minimum of visits holds in each.
    events : frame
        patient_id and event_at, one row per event (emergency visits, admissions, deaths); for ``model="gamma"``
        patient_id, at and amount.
    index : str
        A column of `per_patient`.
    patients : frame
        Canonical patients: enrolled_from and enrolled_to where known (without them everyone counts as enrolled),
        unit_id, covariates.
    until : date, datetime or str
        The end of follow-up, not part of it.
    since : date, datetime or str, optional
        The start of follow-up; by default the landmark, which is the end of the exposure window.
    model : {"poisson", "negative_binomial", "cox", "gamma"}
        Rate of events, the same with a variance of its own, time to the first event, or costs.
    deaths : frame, optional
        patient_id and event_at: the dead are not followed. Where deaths are the outcome, give them twice.
    covariates : sequence of str
        Columns of the patients; ``age_band`` is made from birth_year. The number of visits always enters.
    classes : sequence of float, optional
        Cuts fixed beforehand, each the lowest value of its class; by default continuity enters as a curve.
    knots : int or sequence of float
        Of the curve: 3, 4 or 5 at quantiles of the index, or their places.
    reference : float, optional
        The value compared with: by default the lowest class, or the median on the curve.
    at : sequence of float, optional
        Where the curve is shown; by default 11 points from the first knot to the last.
    time_varying : bool
        Whether each window's end starts a follow-up that lasts until the next window ends.
    within_units : bool
        Whether patients are compared within their unit: the units enter as terms. With fewer than 20 units they
        always do.
    event_free : bool
        Whether patients with an event of the table before their follow-up are left out.
    observed_throughout : bool
        Whether patients must be enrolled from the start of the exposure window.
    force_overlap : bool
        Whether follow-up may begin within the exposure window; the result is marked.
    min_events_per_parameter : float
        Fewer events (for costs: rows with a cost) for each coefficient are refused; the levels of units do not count.

    Returns
    -------
    Associations
        One row per class, or per point of the curve.

    Raises
    ------
    InputError
        A column is missing, or a table has rows without patient or moment.
    UsageError
        A design without an answer: outcomes inside the exposure window, no follow-up, several windows, an index that
        does not vary, an empty class, too few events; or statsmodels is not installed.

    Notes
    -----
    log E(y_i) = log t_i + f(continuity_i) + g(log n_visits_i) + x_i'b, with t_i from the landmark to the outcome's
    end, death, leaving or `until`, whichever comes first; f a step or a restricted cubic spline. Units have a level of
    their own, so those without any outcome are left out. Errors are robust and clustered by unit (Student's t, units
    less one), with fewer than 20 units by patient. Asking for n visits makes the exposure window immortal time, which
    the landmark leaves out.

    References
    ----------
    The landmark: Anderson, Cain & Gelber 1983, J Clin Oncol 1:710, doi:10.1200/JCO.1983.1.11.710. Timing in studies
    of continuity: Choo et al. 2021, BMJ Open 11:e053140, doi:10.1136/bmjopen-2021-053140. Events per parameter:
    Peduzzi et al. 1996, J Clin Epidemiol 49:1373, doi:10.1016/S0895-4356(96)00236-3.

    Examples
    --------
    >>> from continuity.synthetic.outcomes import draw_outcomes
    >>> drawn = draw_outcomes(1500, seed=1, log_ratio=-0.5)
    >>> found = outcome_study(drawn.per_patient, drawn.events, "coc", patients=drawn.patients, until="2025-01-01",
    ...                       deaths=drawn.deaths, covariates=["age_band", "is_chronic"], classes=[0.5])
    >>> found.frame["group"].to_list()
    ['< 0.5', '>= 0.5']
    >>> found.summary["design"]
    'landmark: exposure before follow-up'
    """
    _refuse(model, min_events_per_parameter)
    start = None if since is None else moment("since", since)
    times = Times(moment("until", until), start, time_varying, force_overlap, observed_throughout)
    measured = measured_by(per_patient, index)
    rows, steps = cohort(measured, patients, h.deaths_of(deaths, measured), times, covariates)
    rows, where = h.counted(rows, _outcomes(events, model, rows))
    if event_free:
        rows = steps.keep(rows, "with an event before follow-up", ~pl.col("had_before"))
    if model == "cox":
        rows = h.to_first(steps.keep(rows, "followed until an earlier first event", ~pl.col("had_since")))
    _refuse_nothing(rows, where, model)
    levels = _few_units(rows) or (within_units and rows["unit_id"].null_count() < rows.height)
    if levels:
        outcome = pl.col("amount" if model == "gamma" else "n_events")
        rows = steps.keep(rows, "in a unit without any outcome", (outcome > 0).any().over("unit_id"))
    shape = Shape(classes, knots, reference, at)
    frame, said = _fitted(rows, covariates, model, shape, min_events_per_parameter, levels=levels)
    return Associations(
        frame, {"index": index, "design": _design(rows, times), **said, "steps": steps.rows, "events": where}
    )


def _refuse(model: str, least: float) -> None:
    if model not in get_args(OutcomeModel):
        raise UsageError.unknown_choice("model", model, get_args(OutcomeModel))
    if least < 1:
        raise UsageError("min_events_per_parameter is below 1.", allowed="Allowed: 1 or more; 10 is usual.")


def _outcomes(events: Any, model: OutcomeModel, rows: pl.DataFrame) -> pl.DataFrame:
    costs = model == "gamma"
    found = h.happened(events, "at", "the costs", "amount") if costs else h.happened(events, "event_at", "the events")
    if costs:
        found = found.with_columns(pl.col("amount").cast(pl.Float64))
        odd = found.filter((pl.col("amount") < 0) | ~pl.col("amount").is_finite()).height
        if odd:
            raise InputError(
                f"{odd:,} amounts are below 0 or no numbers.",
                allowed="Needed: amounts from 0.",
                next_step="Set repayments off against their costs first.",
            )
    return found.with_columns(same_id(found, rows, "the events"))


def _refuse_nothing(rows: pl.DataFrame, where: dict[str, int], model: OutcomeModel) -> None:
    if rows.is_empty():
        raise UsageError(
            "Nobody is left to follow.",
            next_step="Look at the dates: enrolment, the exposure window and until must fit one another.",
        )
    happens = rows["amount"].sum() if model == "gamma" else rows["n_events"].sum()
    if not happens:
        raise UsageError(
            f"No outcome lies in the follow-up: {where['before_follow_up']:,} lie before it, inside the exposure "
            f"window or earlier, {where['outside_follow_up']:,} after the patient had left, died or been followed to "
            f"the end, and {where['of_others']:,} are of patients who are not followed.",
            next_step="End the exposure window earlier or follow longer.",
        )


def _fitted(
    rows: pl.DataFrame, covariates: Sequence[str], model: OutcomeModel, shape: Shape, least: float, *, levels: bool
) -> tuple[pl.DataFrame, dict[str, Any]]:
    term = exposure(rows["value"].to_numpy(), shape.classes, shape.knots, shape.reference, shape.at)
    clusters, by_unit = _clusters(rows)
    units = dummies(rows["unit_id"], most=None) if levels else np.empty((rows.height, 0))
    landmarks = np.empty((rows.height, 0)) if model == "cox" else dummies(rows["window_end"])
    x = np.hstack([term.columns, adjustment(rows, covariates), landmarks])
    n_parameters = x.shape[1]
    y = rows["amount" if model == "gamma" else "n_events"].cast(pl.Float64).to_numpy()
    n_events = int((y > 0).sum() if model == "gamma" else y.sum())
    _refuse_few(n_events, n_parameters, least)
    _refuse_without_event(term, y)
    clock = rows.with_columns(_zero=pl.col("start").min())
    entry, exit = (clock.select(h.years("_zero", side)).to_series().to_numpy() for side in ("start", "exit"))
    found = fit(model, Followed(y, np.hstack([x, units]), entry, exit, clusters, by_unit))
    frame = _rows(found, term, rows, model)
    n_units = rows["unit_id"].drop_nulls().n_unique()
    errors = f"clustered by unit ({n_units} units)" if by_unit else "clustered by patient"
    return frame, {
        "ratios": ratios(frame),
        "p_value": found.p_value(slice(0, term.columns.shape[1])),
        "model": model,
        "method": METHODS[model],
        "std_errors": errors,
        "continuity": term.said,
        "adjusted_for": ["n_visits (spline of its logarithm)", *covariates, *(["unit_id"] if units.shape[1] else [])],
        "n_patients": rows["patient_id"].n_unique(),
        "n_units": n_units or None,
        "n_events": n_events,
        "person_years": float((exit - entry).sum()),
        "n_parameters": n_parameters,
        "events_per_parameter": n_events / n_parameters,
        "reads": READS,
        **found.further,
    }


def _few_units(rows: pl.DataFrame) -> bool:
    return 1 < rows["unit_id"].drop_nulls().n_unique() < FEWEST_CLUSTERS


def _clusters(rows: pl.DataFrame) -> tuple[Whole, bool]:
    """Give the clusters of the errors, and whether they are units."""
    unit = rows["unit_id"]
    by_unit = unit.n_unique() >= FEWEST_CLUSTERS and not unit.null_count()
    column = unit if by_unit else rows["patient_id"]
    return (column.rank("dense").cast(pl.Int64) - 1).to_numpy(), by_unit


def _refuse_few(n_events: int, n_parameters: int, least: float) -> None:
    needed = least * n_parameters
    if n_events < needed:
        raise UsageError(
            f"{n_events:,} events are too few for {n_parameters} coefficients.",
            allowed=f"Needed: {least:g} for each, that is {needed:,.0f}.",
            next_step="Follow longer, take fewer covariates, classes or knots, or lower min_events_per_parameter.",
        )


def _refuse_without_event(term: Exposure, y: Floats) -> None:
    without = [label for label, own in zip(term.labels, term.members, strict=True) if not y[own].any()]
    if without:
        raise UsageError(
            f"No outcome fell in {len(without)} of the classes ({', '.join(without)}), so it has no ratio.",
            next_step="Join it with its neighbour by leaving a cut out.",
        )


def _rows(found: Fitted, term: Exposure, rows: pl.DataFrame, model: OutcomeModel) -> pl.DataFrame:
    made = []
    for label, contrast, own in zip(term.labels, term.contrasts, term.members, strict=True):
        row = np.zeros(len(found.params))
        row[: len(contrast)] = contrast
        behind = rows.filter(pl.Series(own))
        made.append(
            {
                "term": TERMS[model],
                "group": label,
                **found.contrast(row),
                "n_units": behind["unit_id"].drop_nulls().n_unique(),
                "n_patients": behind["patient_id"].n_unique(),
            }
        )
    return table(made)


def _design(rows: pl.DataFrame, times: Times) -> str:
    if rows.filter(pl.col("start") < pl.col("window_end")).height:
        return "concurrent (forced): exposure and outcome overlap in time; biased, not for conclusions"
    if times.time_varying:
        return f"time-varying: {rows['window_end'].n_unique()} landmarks, each before its follow-up"
    return "landmark: exposure before follow-up"
