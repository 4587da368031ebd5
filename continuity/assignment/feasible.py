"""Can the bands be met at all, and if not: what is lacking, and which tolerance could be met."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from continuity.assignment.cases import Case
from continuity.assignment.problem import Floats, totals
from continuity.errors import InfeasibleError, counted

_WIDEST: Final = 0.999
"""The widest tolerance that can be asked for, to a tenth of a per cent."""


@dataclass(frozen=True)
class Nearest:
    """What a unit could do.

    Parameters
    ----------
    tolerance : float
        The smallest that can be met when patients could be divided; a plan of whole patients needs a little more.
    over, under : array (n_providers,)
        At that tolerance, the work above and below the band that was asked for.
    """

    tolerance: float
    over: Floats
    under: Floats


def refuse_without_provider(case: Case) -> None:
    """Refuse a unit where somebody may have nobody.

    Raises
    ------
    InfeasibleError
    """
    n = int((~case.eligible.any(axis=0)).sum())
    if n:
        raise InfeasibleError(
            f"Unit {case.unit}: no provider for {counted(n, 'patient')}: every list that could be theirs is closed.",
            allowed="Each patient has a provider who takes new ones (accepts_new), or their own.",
            next_step="Open a list, or add a provider.",
        )


def nearest(case: Case, tolerance: float) -> Nearest:
    """Give the smallest tolerance that the work of a unit can meet.

    Where everybody may have everybody, work divides in any proportion and 0 can be met. Otherwise items (patients, or
    households kept together) with the same choices form a class, and a linear programme over classes and providers
    answers exactly.
    """
    if np.isfinite(case.problem.cost).all():
        return Nearest(0.0, np.zeros(case.target.size), np.zeros(case.target.size))
    from scipy.optimize import linprog

    kinds, work = _classes(case)
    place = np.argwhere(kinds)  # class, provider: one variable each; the last variable is the tolerance
    n, m = len(place), case.target.size
    loads = np.zeros((m, n + 1))
    loads[place[:, 1], np.arange(n)] = 1
    upper, lower = loads.copy(), -loads
    upper[:, n] = lower[:, n] = -case.target
    whole = np.zeros((len(kinds), n + 1))
    whole[place[:, 0], np.arange(n)] = 1
    goal = np.zeros(n + 1)
    goal[n] = 1
    found = linprog(
        goal,
        A_ub=np.vstack([upper, lower]),
        b_ub=np.concatenate([case.target, -case.target]),
        A_eq=whole,
        b_eq=work,
        bounds=(0, None),
        method="highs",
    )
    sums = loads @ found.x
    over = np.maximum(sums - (1 + tolerance) * case.target, 0)
    return Nearest(float(found.x[n]), over, np.maximum((1 - tolerance) * case.target - sums, 0))


def _classes(case: Case) -> tuple[NDArray[np.bool_], Floats]:
    kinds, group = np.unique(np.isfinite(case.problem.cost).T, axis=0, return_inverse=True)
    return kinds, totals(group.ravel(), case.problem.workload, len(kinds))


def refuse(case: Case, found: Nearest, tolerance: float) -> InfeasibleError:
    """Give the error of a unit whose bands cannot be met: how much is lacking, why, and what could be met."""
    lacking = max(float(found.over.sum()), float(found.under.sum()))
    return InfeasibleError(
        f"Unit {case.unit}: no plan brings every provider within {100 * tolerance:g} % of their share: "
        f"{lacking:,.1f} of {case.workload.sum():,.1f} units of work a year cannot be placed so. "
        f"{_why(case, tolerance)}",
        allowed=f"The nearest tolerance that can be met is {np.ceil(1000 * found.tolerance + 1e-9) / 10:.1f} %.",
        next_step=f"Give {'--tolerance that much; or ' if found.tolerance < _WIDEST else ''}--infeasible nearest to "
        "widen this unit's band alone, or --infeasible penalty to let single providers out of it at a rising price.",
    )


def _why(case: Case, tolerance: float) -> str:
    return " ".join([*_of_languages(case, tolerance), *_of_lists(case, tolerance)][:3])


def _of_languages(case: Case, tolerance: float) -> list[str]:
    """Name the languages whose speakers cannot hold all who need them."""
    if "language" not in case.people.columns or "languages" not in case.staff.columns:
        return []
    said = []
    for language in case.people["language"].drop_nulls().unique().sort():
        theirs = (case.people["language"] == language).fill_null(value=False).to_numpy()
        able = case.staff["languages"].list.contains(language).fill_null(value=True).to_numpy()
        only = theirs & ~case.eligible[~able].any(axis=0)  # who is listed with no speaker may stay there
        need, room = case.workload[only].sum(), (1 + tolerance) * case.target[able].sum()
        if need > room:
            said.append(f"Language {language} lacks {need - room:,.1f}: its speakers have room for {room:,.1f}.")
    return said


def _of_lists(case: Case, tolerance: float) -> list[str]:
    """Name the providers who must keep more, or can get less, than their band."""
    eligible, work = np.isfinite(case.problem.cost), case.problem.workload
    alone = eligible.sum(axis=0) == 1
    least = np.array([work[alone & row].sum() for row in eligible])
    most = np.array([work[row].sum() for row in eligible])
    said = []
    for provider, a, b, target in zip(case.staff["provider_id"], least, most, case.target, strict=True):
        if a > (1 + tolerance) * target:
            said.append(f"Provider {provider} must keep {a:,.1f} (share {target:,.1f}).")
        if b < (1 - tolerance) * target:
            said.append(f"Provider {provider} can get {b:,.1f} at most (share {target:,.1f}).")
    return said


def refuse_caps(case: Case) -> None:
    """Refuse a unit whose lists, capped, hold fewer than its patients.

    Raises
    ------
    InfeasibleError
    """
    if "max_patients" not in case.staff.columns:
        return
    caps: Any = case.staff["max_patients"].cast(pl.Float64).fill_null(float("inf")).sum()
    if caps < case.people.height:
        raise InfeasibleError(
            f"Unit {case.unit}: the lists may hold {caps:,.0f} patients and there are {case.people.height:,}.",
            next_step="Raise max_patients, or add a provider.",
        )
