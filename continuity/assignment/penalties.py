"""Bands that give way: work outside costs more the further out it is, where no plan can keep every band.

Between the edges of its band a provider's work costs nothing; outside, each further unit costs the price of its step,
and prices rise from step to step. Such a sum is convex, so the dual has one more term for each step,

    D(p) = sum_i min_j (c_ij + p_j w_i) - sum_j [ max(p_j, 0) U_j - max(-p_j, 0) L_j + sum_k s_jk max(|p_j| - q_k, 0) ]

with s_jk the width of step k and q_k its price (the conjugate of the penalty), and still bounds every plan: now its
cost with the penalties. The relaxed optimum says how far each band gives way; whole patients are then placed
within that.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from continuity.assignment.cases import Case
from continuity.assignment.prices import Prices
from continuity.assignment.problem import Integers, Problem
from continuity.assignment.rounding import relaxed_sums

STEPS: Final = ((0.05, 2.0), (0.10, 4.0), (np.inf, 8.0))
"""Width of each step as a share of the provider's share; what the work of a usual patient costs in it, in visits."""


def with_penalties(case: Case) -> Case:
    """Let the bands of the providers' work give way; those of teams and of the chronically ill stay as they are."""
    m, bands, work = case.target.size, case.problem.bands, case.problem.workload
    usual = case.workload.mean()
    is_work = np.arange(bands.n) < m
    widest = float(work.sum())  # nobody's work can be further out
    steps = []
    for share, visits in STEPS:
        width = np.zeros(bands.n)
        width[:m] = np.minimum(share * case.target, widest) if np.isfinite(share) else widest
        steps.append((width, np.where(is_work, visits / usual, 0.0)))
    return replace(case, problem=replace(case.problem, bands=replace(bands, steps=tuple(steps))))


def given_way(problem: Problem, prices: Prices) -> Problem:
    """Give the problem with hard bands that reach as far as the relaxed optimum does."""
    bands = problem.bands
    if not bands.steps:
        return problem
    sums = relaxed_sums(problem, prices)
    wide = replace(bands, low=np.minimum(bands.low, sums), high=np.maximum(bands.high, sums), steps=())
    return replace(problem, bands=wide)


def better(problem: Problem, one: Integers, other: Integers) -> Integers:
    """Give the plan that costs less with its penalties; `other` where both cost the same."""
    return one if worth(problem, one) < worth(problem, other) else other


def worth(problem: Problem, choice: Integers) -> float:
    """Give what a plan costs with its penalties."""
    return problem.cost_of(choice) + penalty(problem, choice)


def penalty(problem: Problem, choice: Integers) -> float:
    """Give what the work outside the bands costs."""
    return problem.bands.penalty(problem.bands.loads(problem.features, choice))
