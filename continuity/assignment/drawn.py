"""Plans by lot, as Norway reduces a list: who must move is drawn, nobody is picked, and households stay together."""

import numpy as np

from continuity.assignment.problem import Integers, Problem
from continuity.assignment.rounding import Mover, place


def drawn(problem: Problem, listed: Integers, target: np.ndarray, seed: int) -> Integers:
    """Give a plan where all keep their list but those whom the lot takes from lists above their band.

    Parameters
    ----------
    problem : Problem
    listed : array (n_items,)
        The list of each item; below 0 where it has none.
    target : array (n_providers,)
    seed : int
        Stored with the plan: the same seed draws the same items.
    """
    lot = np.random.default_rng(seed).permutation(listed.size)
    work, bands, m = problem.workload, problem.bands, target.size
    can_move = np.isfinite(problem.cost).sum(axis=0) > 1
    choice = np.where(listed >= 0, listed, -1)
    load = np.bincount(choice[choice >= 0], work[choice >= 0], m)
    high = bands.high[:m]  # the first bands are those of the providers' work
    for item in lot:
        j = choice[item]
        if j >= 0 and can_move[item] and load[j] > high[j]:
            choice[item] = -1
            load[j] -= work[item]
    homeless = np.flatnonzero(choice < 0)
    quotas = np.clip(bands.sums([np.full(m, 0.0)] * bands.n_features), bands.low, bands.high)
    quotas[:m] = target
    choice = place(problem, choice, np.isfinite(problem.cost), homeless, quotas)
    by_lot = np.empty(listed.size)
    by_lot[lot] = np.arange(listed.size, dtype=float)
    even = np.where(np.isfinite(problem.cost), by_lot, np.inf)  # any move costs the same: the lot alone decides
    even[choice, np.arange(choice.size)] = 0.0
    mover = Mover(problem, even, choice)
    mover.repair()
    return mover.choice
