"""Prices of the providers' time: a lower bound that no plan can beat, and the shape of the best plan.

With a price p_j for one unit of provider j's work, every patient goes where cost + price x workload is least. Whatever
the prices, the sum of these minima less what the band is worth cannot exceed the cost of any plan in the band:

    D(p) = sum_i min_j (c_ij + p_j w_i) - sum_j (max(p_j, 0) U_j - max(-p_j, 0) L_j)

The best prices are found on a smoothed D (softmin, the entropic form of the transportation problem) whose smoothing is
taken back step by step, by Newton's method in as many unknowns as there are bands; patients whose choice is beyond
doubt are left out of a step. The bound itself is then taken without smoothing.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from continuity.assignment.problem import Problem
from continuity.assignment.smooth import Smooth, minimise

Floats = NDArray[np.float64]

_FIRST_STEPS: Final = (0.5, 0.12, 0.03)
"""Smoothing of the steps on a sample, in shares of the usual cost of one unit of work."""
_STEPS: Final = ((1.2e-2, 0.01), (2e-3, 0.005), (4e-4, 0.002))
"""Smoothing of the steps on all, and how near to its band each load must come."""
_SAMPLE: Final = 4_000
_MARGIN: Final = 36.0
"""Smoothings between the best and the next choice above which an item's choice is taken as settled."""
_PER_WORK: Final = 10_000


@dataclass(frozen=True)
class Prices:
    """What the dual problem found.

    Parameters
    ----------
    per_band : array (n_bands,)
        The price of each band: above 0 where its upper edge presses, below 0 where its lower one does.
    per_provider : array (n_features, n_providers)
        The smoothed prices, summed over the bands that a provider stands in: at these, ties are shared as bands need.
    bound, bound_floored : float
        Lower bounds on the cost of every plan in the bands: of the costs as they are, and of costs a unit of work
        rounded down to 1/10,000 (finer where a usual workload is above 10), which no rounding error can lift above
        the first.
    softness : array (n_items,)
        The last smoothing, in cost: choices within a few of it are ties.
    """

    per_band: Floats
    per_provider: Floats
    bound: float
    bound_floored: float
    softness: Floats


def find_prices(problem: Problem) -> Prices:
    """Find prices whose bound is (nearly) the best, and the bound.

    Parameters
    ----------
    problem : Problem

    Returns
    -------
    Prices
    """
    scale, weight = _usual_cost_of_work(problem), _smoothing_weight(problem)
    prices = np.zeros(problem.bands.n)
    few, few_weight = _sample(problem, weight)
    for share in _FIRST_STEPS:
        prices = _smoothed(few, prices, few_weight, share * scale, 0.02)
    for share, accuracy in _STEPS:
        temperature = share * scale
        prices = _smoothed(problem, prices, weight, temperature, accuracy)
    best, best_value = _joined(problem, prices, temperature)
    return Prices(
        best,
        problem.bands.prices_of_providers(prices),
        best_value,
        min(best_value, bound(problem, best, floored=True)),
        temperature * weight,
    )


def bound(problem: Problem, prices: Floats, *, floored: bool = False) -> float:
    """Give D at these prices: a lower bound for every plan in the bands, less what rounding errors could have added."""
    cost = problem.cost
    per_provider = problem.bands.prices_of_providers(prices)
    if floored:
        work = np.where(problem.workload > 0, problem.workload, 1.0)
        # Minutes are many to a visit: the larger a usual workload, the finer its unit.
        fine = _PER_WORK * 10.0 ** max(0.0, np.ceil(np.log10(max(float(work.mean()), 1.0) / 10)))
        cost = np.floor(cost / work * fine) / fine * work
    least = _reduced(cost, problem.features, per_provider).min(axis=0)
    bands = problem.bands
    edges = bands.edges(prices)
    value = float(least.sum() - edges.sum())
    rounding = np.finfo(np.float64).eps * 8 * (np.abs(least).sum() + np.abs(edges).sum())
    return value - float(rounding)


def _reduced(cost: Floats, features: Floats, per_provider: Floats) -> Floats:
    """Give cost plus price of the work, (n_providers, n_items)."""
    reduced: Floats = cost + per_provider[0][:, None] * features[0]
    for price, feature in zip(per_provider[1:], features[1:], strict=True):
        reduced += price[:, None] * feature
    return reduced


reduced_costs = _reduced


def _usual_cost_of_work(problem: Problem) -> float:
    """Give the usual size of a cost per unit of work, so that no unit of measurement matters."""
    finite = np.where(np.isfinite(problem.cost), np.abs(problem.cost), 0.0)
    work = problem.workload.sum()
    return max(float(finite.max(axis=0).sum() / work) if work > 0 else 1.0, 1e-9)


def _smoothing_weight(problem: Problem) -> Floats:
    mean = problem.workload.mean() if problem.workload.size else 1.0
    return np.maximum(problem.workload, 0.02 * mean if mean > 0 else 1.0)


def _joined(problem: Problem, prices: Floats, temperature: float) -> tuple[Floats, float]:
    """Try prices that differ only by smoothing as one: patients who know nobody make them equal."""
    best, value = prices, bound(problem, prices)
    for width in (4.0, 12.0):
        order = np.argsort(prices, kind="stable")
        breaks = np.flatnonzero(np.diff(prices[order]) > width * temperature) + 1
        trial = prices.copy()
        for group in np.split(order, breaks):
            trial[group] = prices[group].mean()
        trial[np.abs(trial) < width * temperature] = 0.0
        trial_value = bound(problem, trial)
        if trial_value > value:
            best, value = trial, trial_value
    return best, value


def _smoothed(problem: Problem, prices: Floats, weight: Floats, temperature: float, accuracy: float) -> Floats:
    """Maximise the smoothed D; items whose choice is settled enter as a constant load."""
    bands, softness = problem.bands, temperature * weight
    for _ in range(3):
        reduced = _reduced(problem.cost, problem.features, bands.prices_of_providers(prices))
        choice = reduced.argmin(axis=0)
        items = np.arange(choice.size)
        least = reduced[choice, items]
        reduced[choice, items] = np.inf
        open_ = np.flatnonzero(reduced.min(axis=0) - least < _MARGIN * softness)
        features = problem.features[:, open_]
        settled = bands.loads(problem.features, choice) - bands.loads(features, choice[open_])
        target = Smooth(problem.cost[:, open_], features, softness[open_], settled, bands, temperature)
        found = minimise(target, prices, accuracy=accuracy)
        step = np.abs(bands.prices_of_providers(found - prices)).max(initial=0.0)
        prices = found
        if 2 * step < 0.6 * _MARGIN * temperature:  # no settled item can have changed its choice
            break
    return prices


def _sample(problem: Problem, weight: Floats) -> tuple[Problem, Floats]:
    """Take every k-th item, with bands for their share of each feature."""
    every = problem.workload.size // _SAMPLE
    if every < 2:
        return problem, weight
    features = problem.features[:, ::every]
    share = (features.sum(axis=1) / np.maximum(problem.features.sum(axis=1), 1e-300))[problem.bands.feature]
    steps = tuple((width * share, price) for width, price in problem.bands.steps)
    bands = replace(problem.bands, low=problem.bands.low * share, high=problem.bands.high * share, steps=steps)
    return Problem(np.ascontiguousarray(problem.cost[:, ::every]), features, bands), weight[::every]
