"""The same data analysed the wrong way, beside the landmark: how far timing alone moves the answer."""

from typing import Any, Final

import polars as pl

from continuity import edge
from continuity.errors import UsageError
from continuity.evaluation.outcomes.result import Associations
from continuity.evaluation.outcomes.study import outcome_study

WARNING: Final = (
    "The concurrent numbers are wrong on purpose: exposure and outcome share a window, so an outcome can bring about "
    "the visits that it is to be explained by, and whoever died early had no time for the visits that were asked for. "
    "Report the landmark only."
)


def concurrent_warning(
    per_patient: Any, events: Any, index: str, *, patients: Any, until: Any, **options: Any
) -> Associations:
    """Estimate twice: with outcomes after the exposure window, and (wrongly) with those inside it.

    Parameters
    ----------
    per_patient, events, index, patients, until, **options
        As in `continuity.outcome_study`, with one exposure window; `since`, `time_varying` and `force_overlap` are
        not taken. Knots, reference and points of a curve are those of the landmark's patients.

    Returns
    -------
    Associations
        The frames of both, their terms beginning with ``landmark`` and ``concurrent``; the summary has warning, and
        both summaries under landmark and concurrent.

    Raises
    ------
    InputError, UsageError
        As `continuity.outcome_study`.

    References
    ----------
    In one cohort and 12 scenarios hazard ratios were 2.7-3.1 concurrently and 1.3-1.5 with follow-up afterwards:
    Choo et al. 2021, BMJ Open 11:e053140, doi:10.1136/bmjopen-2021-053140.

    Examples
    --------
    >>> from continuity.synthetic.outcomes import draw_outcomes
    >>> drawn = draw_outcomes(1500, seed=1, log_ratio=0)
    >>> both = concurrent_warning(drawn.per_patient, drawn.events, "coc", patients=drawn.patients,
    ...                           until="2025-01-01", deaths=drawn.deaths, classes=[0.5])
    >>> both.frame["term"].unique().sort().to_list()
    ['concurrent log_rate_ratio', 'landmark log_rate_ratio']
    """
    taken = sorted({"since", "time_varying", "force_overlap"} & set(options))
    if taken:
        raise UsageError(f"concurrent_warning sets {', '.join(taken)} itself.", next_step="Leave it out.")
    right = outcome_study(per_patient, events, index, patients=patients, until=until, **options)
    said = right.summary["continuity"]
    if said["form"] != "classes":
        same = {"knots": said["knots"], "reference": said["reference"], "at": options.get("at")}
        options |= {name: value for name, value in same.items() if name != "knots" or len(said["knots"]) >= 3}
    start, end = (
        edge.lazily(per_patient)[0].select(pl.col("window_start").min(), pl.col("window_end").max()).collect().row(0)
    )
    wrong = outcome_study(
        per_patient, events, index, patients=patients, until=end, since=start, force_overlap=True, **options
    )
    both = {"landmark": right, "concurrent": wrong}
    frames = [found.frame.with_columns(term=pl.format("{} {}", pl.lit(name), "term")) for name, found in both.items()]
    return Associations(
        pl.concat(frames), {"warning": WARNING, **{name: found.summary for name, found in both.items()}}
    )
