"""Small units by integer programming, where a patient weighs too much for rounding to come near the best plan."""

from typing import Final

import numpy as np

from continuity.assignment.problem import Integers, Problem

CELLS: Final = 1_000
"""Choices (items x providers) up to which a unit is small."""
_NODES: Final = 2_000
_OUTSIDE: Final = 1_000.0


def improved(problem: Problem, choice: Integers) -> Integers:
    """Give the best plan of a small unit, or `choice` where the search finds none better.

    The search is bounded by nodes and not by time, so that it always ends alike.
    Work outside a hard band costs far more than any change, so that what cannot be avoided is as little as can be;
    outside one that gives way it costs what its steps say.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    m, n = problem.cost.shape
    bands = problem.bands
    finite = np.isfinite(problem.cost)
    heavy = _OUTSIDE * max(float(np.abs(problem.cost[finite]).max(initial=1.0)), 1.0)
    scale = np.maximum(problem.features.mean(axis=1)[bands.feature], 1e-12)
    outside = [*bands.steps, (np.full(bands.n, np.inf), heavy / scale)]
    prices = [np.tile(price, 2) for _, price in outside]
    goal = np.concatenate([np.where(finite, problem.cost, 0.0).ravel(), *prices])
    sums = np.stack([(bands.member[q][:, None] * problem.features[bands.feature[q]]).ravel() for q in range(bands.n)])
    elastic = np.hstack([sums, *[sign * np.eye(bands.n) for _ in outside for sign in (-1, 1)]])
    n_outside = 2 * bands.n * len(outside)
    once = np.hstack([np.tile(np.eye(n), m), np.zeros((n, n_outside))])
    widths = [np.tile(width, 2) for width, _ in outside]
    found = milp(
        goal,
        constraints=[LinearConstraint(elastic, bands.low, bands.high), LinearConstraint(once, 1, 1)],
        integrality=np.concatenate([np.ones(m * n), np.zeros(n_outside)]),
        bounds=Bounds(0, np.concatenate([finite.ravel().astype(float), *widths])),
        options={"node_limit": _NODES, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        return choice
    other: Integers = found.x[: m * n].reshape(m, n).argmax(axis=0)
    return other if _worth(problem, other, scale, heavy) < _worth(problem, choice, scale, heavy) else choice


def _worth(problem: Problem, choice: Integers, scale: np.ndarray, heavy: float) -> float:
    sums = problem.bands.loads(problem.features, choice)
    out = np.maximum(np.abs(problem.bands.outside(sums)) - problem.bands.reach, 0.0) / scale
    hard = heavy * float(np.where(out > 1e-9, out, 0.0).sum())
    return problem.cost_of(choice) + problem.bands.penalty(sums) + hard
