"""One unit from its problem to a plan with a bound."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from continuity.assignment import exact
from continuity.assignment.cases import Case
from continuity.assignment.drawn import drawn
from continuity.assignment.feasible import nearest, refuse, refuse_caps, refuse_without_provider
from continuity.assignment.penalties import better, given_way, penalty, with_penalties
from continuity.assignment.prices import find_prices
from continuity.assignment.problem import Floats, Integers, Problem, totals
from continuity.assignment.rounding import Mover, rounded
from continuity.assignment.settings import Settings

_ROOM: Final = 1e-3
"""Tolerance above the nearest feasible one, so that whole patients fit."""


@dataclass(frozen=True)
class Solved:
    """The plan of a unit.

    Parameters
    ----------
    choice : array (n_patients,)
        Each patient's provider, by place in `Case.staff`.
    cost : float
        By the cost of the problem, without any price of moves.
    bound, bound_floored : float
        What no plan within the bands can cost less than.
    price : array (n_providers,)
        What one more unit of work of each provider would save: above 0 where the list is full, below 0 where it had to
        be filled.
    tolerance : float
        The band that was used.
    penalty : float
        What the work outside bands that give way costs, on top of `cost`; the bounds are of the sum.
    """

    choice: Integers
    cost: float
    bound: float
    bound_floored: float
    price: Floats
    tolerance: float
    penalty: float = 0.0


def checked(case: Case, settings: Settings) -> tuple[Case, float]:
    """Refuse a unit that cannot be planned, or widen or soften its band where asked; give the tolerance used.

    Raises
    ------
    InfeasibleError
    """
    refuse_without_provider(case)
    refuse_caps(case)
    found = nearest(case, settings.tolerance)
    if found.tolerance <= settings.tolerance + 1e-9:
        return case, settings.tolerance
    if settings.infeasible == "refuse":
        raise refuse(case, found, settings.tolerance)
    if settings.infeasible == "penalty":
        return with_penalties(case), settings.tolerance
    wide, m = found.tolerance + _ROOM, case.target.size
    bands = case.problem.bands
    low, high = bands.low.copy(), bands.high.copy()
    low[:m], high[:m] = (1 - wide) * case.target, (1 + wide) * case.target
    return replace(case, problem=replace(case.problem, bands=replace(bands, low=low, high=high))), wide


def solve(case: Case, settings: Settings, *, move_price: float = 0.0, cap: int | None = None) -> Solved:
    """Plan one unit.

    Parameters
    ----------
    case : Case
    settings : Settings
    move_price : float
        What each move costs on top, by which `max_moves` is kept.
    cap : int, optional
        Moves that are worth it without their price are added up to so many.

    Raises
    ------
    InfeasibleError
        Nobody can take somebody, or the bands cannot be met.
    """
    case, tolerance = checked(case, settings)
    problem = _priced(case, move_price) if move_price else case.problem
    prices = find_prices(problem)
    hard = given_way(problem, prices)
    free = replace(hard, cost=case.problem.cost)
    if settings.mode == "random":
        choice = drawn(hard, _lists_of_items(case), case.target, settings.seed)
    else:
        choice = rounded(hard, prices)
        if problem.cost.size <= exact.CELLS:
            choice = exact.improved(problem, choice)
        if cap is not None:
            choice = Mover(free, free.cost, choice).improve(moves_of_items(case), cap)
        # A move taken back costs nothing by itself, but it can bring more work out of a band that gives way.
        choice = better(case.problem, choice, Mover(free, free.cost, choice).stay(moves_of_items(case)))
    return Solved(
        choice[case.item],
        case.problem.cost_of(choice),
        prices.bound,
        prices.bound_floored,
        prices.per_provider[0],
        tolerance,
        penalty(case.problem, choice),
    )


def _priced(case: Case, move_price: float) -> Problem:
    """Add a price to every move."""
    return replace(case.problem, cost=case.problem.cost + move_price * moves_of_items(case))


def moves_of(case: Case, choice: Integers) -> NDArray[np.bool_]:
    """Say who would change provider: has one, and gets another."""
    moves: NDArray[np.bool_] = (case.listed != -1) & (choice != case.listed)
    return moves


def moves_of_items(case: Case) -> Floats:
    """Count the members who would change, (n_providers, n_items)."""
    n = case.problem.cost.shape[1]
    have = totals(case.item, (case.listed != -1).astype(float), n)
    own = np.flatnonzero(case.listed >= 0)
    moves = np.broadcast_to(have, case.problem.cost.shape).copy()
    np.subtract.at(moves, (case.listed[own], case.item[own]), 1.0)
    return moves


def _lists_of_items(case: Case) -> Integers:
    """Give the list that most members of each item have, where it is open to all of them."""
    m, n = case.problem.cost.shape
    count = np.zeros((m, n))
    own = np.flatnonzero(case.listed >= 0)
    np.add.at(count, (case.listed[own], case.item[own]), 1.0)
    count[~np.isfinite(case.problem.cost)] = 0.0
    lists: Integers = np.where(count.max(axis=0) > 0, count.argmax(axis=0), -1)
    return lists
