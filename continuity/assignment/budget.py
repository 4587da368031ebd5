"""A cap on moves over all units: one more price, on every move, raised until no more change than may.

For any price q of a move, the bound at that price less q x cap is a bound for every plan that keeps the cap. Between
two prices, one at which too many move and one at which few enough do, units share what is left of the cap.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from continuity.assignment.cases import Case
from continuity.assignment.settings import Settings
from continuity.assignment.solve import Solved, moves_of, solve
from continuity.errors import InfeasibleError

_HALVINGS: Final = 22
_FINE: Final = 0.005
_DEAR: Final = 4_096.0
"""A price of a move above which no visits in a look-back would pay."""


@dataclass(frozen=True)
class Budget:
    """How each unit keeps its part of the cap.

    Parameters
    ----------
    price : float
        What every move costs on top.
    caps : list of int
        The moves of each unit, in the order of units.
    """

    price: float
    caps: list[int]


Over = Callable[[Callable[[Case], Any]], Iterator[Any]]


def find_budget(over: Over, settings: Settings, cap: int) -> Budget | None:
    """Find the price at which the cap is kept; None where it is kept anyway.

    Parameters
    ----------
    over : callable
        Does some work for each unit, and gives the results in the order of units.
    settings : Settings
    cap : int

    Raises
    ------
    InfeasibleError
        More must move than may: their provider leaves, or the bands need it.
    """

    def moves_at(price: float) -> list[int]:
        return list(over(lambda case: int(moves_of(case, solve(case, settings, move_price=price).choice).sum())))

    low, high = 0.0, _DEAR
    many = moves_at(low)
    if sum(many) <= cap:
        return None
    few = moves_at(high)
    if sum(few) > cap:
        forced = sum(over(lambda case: int((case.listed == -2).sum())))
        raise InfeasibleError(
            f"{cap:,} patients may change their provider, and the fewest found is {sum(few):,}: the provider of "
            f"{forced:,} can have no patients any more, and the bands need the rest.",
            next_step="Raise --max-moves, or --tolerance.",
        )
    for _ in range(_HALVINGS):
        # A price far above what is needed would leave a bound far below.
        if high - low < _FINE * (1 if sum(few) < cap else 20):
            break
        # By factors at first: most moves cost some visits, few cost thousands.
        middle = math.sqrt(max(low, 0.25) * high) if high > 4 * max(low, 1.0) else (low + high) / 2
        found = moves_at(middle)
        if sum(found) > cap:
            low, many = middle, found
        else:
            high, few = middle, found
    return Budget(high, _shared(few, many, cap))


def _shared(few: list[int], many: list[int], cap: int) -> list[int]:
    """Share what is left of the cap among units by how many more would move at the lower price."""
    more = np.maximum(np.array(many) - np.array(few), 0)
    left = cap - sum(few)
    exact = left * more / more.sum()
    share = np.floor(exact).astype(int)
    share[np.argsort(share - exact, kind="stable")[: left - share.sum()]] += 1
    return [a + int(b) for a, b in zip(few, share, strict=True)]


def within(case: Case, settings: Settings, budget: Budget, cap: int) -> Solved:
    """Plan a unit that may move `cap` patients: at the price of a move, then with what is left of the cap."""
    solved, paid = solve(case, settings, move_price=budget.price, cap=cap), budget.price * cap
    return replace(solved, bound=solved.bound - paid, bound_floored=solved.bound_floored - paid)
