"""What a manager asks of a plan: what balance costs in moves, and whether the plan would stand with other workloads."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from continuity.assignment.plan import Plan, plan_of
from continuity.assignment.settings import Settings
from continuity.assignment.tables import open_tables
from continuity.errors import UsageError

TOLERANCES: Final = (0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)


def frontier(
    patients: Any,
    providers: Any,
    visits: Any,
    *,
    tolerances: Sequence[float] = TOLERANCES,
    **choices: Any,
) -> pl.DataFrame:
    """Give the curve of balance against moves: the plan at each tolerance.

    Parameters
    ----------
    patients, providers, visits : frame
    tolerances : sequence of float
    **choices
        Further parameters of `continuity.assign`.

    Returns
    -------
    polars.DataFrame
        One row per tolerance, in their order: n_moved, share_moved, share_visits_kept, cost, lower_bound, gap,
        largest_load and smallest_load (over target), largest_price (what one more unit of work of the most wanted
        provider would save).

    Raises
    ------
    InputError, InfeasibleError, UsageError
        As `continuity.assign`.

    Notes
    -----
    A tolerance below 2-3 % has no meaning: the work of a list of 1,500 varies by about 4 % from year to year even when
    every mean is known (the coefficient of variation of a negative binomial sum).

    Examples
    --------
    >>> from continuity.synthetic import Setting, generate
    >>> made = generate(Setting(n_patients=300, seed=1))
    >>> frontier(made.patients, made.providers, made.visits, tolerances=(0.2, 0.4)).height
    2
    """
    rows = []
    for tolerance in sorted(set(tolerances)):
        settings = Settings(tolerance=tolerance, **choices)
        plan = plan_of(open_tables(patients, providers, visits, settings), settings)
        rows.append({"tolerance": tolerance, **measures(plan.providers, plan.summary)})
    return pl.DataFrame(rows)


def measures(providers: pl.DataFrame, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a plan asks for and gives, as `frontier` puts it: moves, visits kept, cost, loads and the top price."""
    fill = providers["load_after"] / providers["target"]
    return {
        "n_moved": summary["n_moved"],
        "share_moved": summary["n_moved"] / summary["n_patients"],
        **{name: summary[name] for name in ("share_visits_kept", "cost", "lower_bound", "gap")},
        "largest_load": fill.max(),
        "smallest_load": fill.min(),
        "largest_price": providers["price"].max(),
    }


def stability(
    patients: Any,
    providers: Any,
    visits: Any,
    *,
    spread: float = 0.3,
    n: int = 10,
    seed: int = 1,
    **choices: Any,
) -> pl.DataFrame:
    """Ask whether the plan would stand if workloads were estimated anew.

    Each time every workload is multiplied by a random factor of mean 1 (gamma, coefficient of variation `spread`). The
    plan is kept and its loads are taken with the new workloads; and a new plan is made and compared with it.

    Parameters
    ----------
    patients, providers, visits : frame
        The patients have `workload`, or it is estimated first.
    spread : float
        How far one estimate of a patient's workload lies from another, as a share of it.
    n : int
        How often.
    seed : int
    **choices
        Further parameters of `continuity.assign`.

    Returns
    -------
    polars.DataFrame
        One row per repetition: share_same (patients whom the new plan gives the same provider), worst_outside_band (of
        the old plan under the new workloads, as a share of the target), cost_new.

    Raises
    ------
    InputError, InfeasibleError, UsageError
        As `continuity.assign`; or a spread or number that cannot be.

    Examples
    --------
    >>> from continuity.synthetic import Setting, generate
    >>> made = generate(Setting(n_patients=300, seed=1))
    >>> table = stability(made.patients, made.providers, made.visits, tolerance=0.3, n=2)
    >>> table.columns
    ['repetition', 'share_same', 'worst_outside_band', 'cost_new']
    """
    if not 0 < spread <= 2 or n < 1:
        raise UsageError("A stability check needs a spread above 0 and at least one repetition.")
    settings = Settings(seed=seed, **choices)
    opened = open_tables(patients, providers, visits, settings)
    plan = plan_of(opened, settings)
    people = opened.patients.collect(engine="streaming").sort("patient_id")
    rows = []
    for repetition in range(n):
        rng = np.random.default_rng([seed, repetition])
        factor = rng.gamma(spread**-2, spread**2, people.height)
        other = people.with_columns(workload=pl.col("workload") * pl.Series(factor))
        again = plan_of(open_tables(other, providers, visits, settings), settings)
        rows.append({"repetition": repetition, **_compared(plan, again, settings.tolerance)})
    return pl.DataFrame(rows)


def _compared(plan: Plan, again: Plan, tolerance: float) -> dict[str, float]:
    both = plan.assignments.select("patient_id", "provider_id").join(
        again.assignments.select("patient_id", "workload", other="provider_id"), on="patient_id"
    )
    loads = both.group_by("provider_id").agg(pl.col("workload").sort().sum())
    fill = again.providers.join(loads, on="provider_id", how="left").select(
        (pl.col("workload").fill_null(0.0) / pl.col("target") - 1).abs()
    )
    return {
        "share_same": float((both["provider_id"] == both["other"]).sum() / both.height),
        "worst_outside_band": max(float(fill.to_series().max()) - tolerance, 0.0),  # type: ignore[arg-type] # never empty
        "cost_new": float(again.summary["cost"]),
    }
