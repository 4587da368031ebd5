"""Bands that give way: the plan against exhaustive search, the bound below it, and the penalty by its definition."""

import itertools

import numpy as np
import polars as pl
import pytest

from continuity.assignment.penalties import STEPS
from continuity.errors import InfeasibleError

from .panels import TODAY, Panels, made
from .test_plan_against_exact import costs


def closed(panels: Panels, n: int = 1) -> Panels:
    """The same panels with the first lists closed, so that they cannot fill up."""
    staff = panels.providers.with_row_index("at").with_columns(accepts_new=pl.col("at") >= n).drop("at")
    return Panels(panels.patients, staff, panels.visits)


def penalty_of(load: float, target: float, tolerance: float, usual: float) -> float:
    """By its definition: each step beyond the edge has a price of its own."""
    left, total = max(load - (1 + tolerance) * target, (1 - tolerance) * target - load, 0.0), 0.0
    for share, visits in STEPS:
        part = min(left, share * target)
        total, left = total + part * visits / usual, left - part
    return total


def exhaustive(panels: Panels, tolerance: float, cap: int = 99) -> float:
    """The least cost with penalties of all plans that keep closed lists closed and move no more than `cap`."""
    doctors, cost = costs(panels)
    staff = panels.providers.filter(pl.col("fte") > 0)
    is_open = dict(staff.select("provider_id", "accepts_new").iter_rows())
    work = panels.patients["workload"].to_numpy()
    target = staff["fte"].to_numpy() / staff["fte"].sum() * work.sum()
    for row, own in enumerate(panels.patients["listed_provider_id"]):
        for column, doctor in enumerate(doctors):
            if not is_open[doctor] and doctor != own:
                cost[row, column] = np.inf
    best, lists = np.inf, panels.patients["listed_provider_id"].to_list()
    for choice in itertools.product(range(len(doctors)), repeat=work.size):
        if sum(own is not None and own != doctors[j] for own, j in zip(lists, choice, strict=True)) > cap:
            continue
        load = np.bincount(choice, work, len(doctors))
        total = cost[np.arange(work.size), choice].sum()
        total += sum(penalty_of(a, b, tolerance, work.mean()) for a, b in zip(load, target, strict=True))
        best = min(best, total)
    return float(best)


def infeasible() -> Panels:
    """A closed list that lost most of its patients to the next one."""
    panels = closed(made(n=1_500, m=5, seed=7, leaver=False))
    first, second = panels.providers["provider_id"].head(2)
    lost = (pl.col("listed_provider_id") == first) & (pl.int_range(pl.len()) % 4 > 0)
    own = pl.when(lost).then(pl.lit(second)).otherwise("listed_provider_id").alias("listed_provider_id")
    panels = panels.with_(patients=panels.patients.with_columns(own))
    with pytest.raises(InfeasibleError, match="--infeasible penalty"):
        panels.assign(tolerance=0.05, as_of=TODAY)
    return panels


SEEDS = (1, 3, 4, 5, 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_plan_with_penalties_is_the_best_there_is(seed):
    panels = closed(made(n=7, m=3, seed=seed), 2)
    plan = panels.assign(tolerance=0.05, infeasible="penalty", as_of=TODAY)
    assert plan.summary["penalty"] > 0
    best = exhaustive(panels, 0.05)
    assert plan.summary["cost"] + plan.summary["penalty"] == pytest.approx(best, abs=1e-6)
    assert plan.summary["lower_bound"] <= plan.summary["tightest_bound"] <= best + 1e-9


@pytest.mark.parametrize("seed", [2, 5, 6, 10])
def test_a_cap_on_moves_is_kept_where_bands_give_way_and_the_bound_is_of_both(seed):
    panels = closed(made(n=7, m=3, seed=seed, leaver=False))
    free = panels.assign(tolerance=0.05, infeasible="penalty", as_of=TODAY).summary["n_moved"]
    assert free > 0
    for cap in range(free):
        plan = panels.assign(tolerance=0.05, infeasible="penalty", as_of=TODAY, max_moves=cap)
        best = exhaustive(panels, 0.05, cap)
        assert plan.summary["n_moved"] <= cap
        assert plan.summary["lower_bound"] <= plan.summary["tightest_bound"] <= best + 1e-9
        assert plan.summary["cost"] + plan.summary["penalty"] == pytest.approx(best, abs=1e-6)


def test_a_cap_on_moves_over_a_unit_whose_bands_give_way():
    panels = infeasible()
    free = panels.assign(infeasible="penalty", as_of=TODAY)
    cap = free.summary["n_moved"] // 2
    plan = panels.assign(infeasible="penalty", as_of=TODAY, max_moves=cap)
    worth = plan.summary["cost"] + plan.summary["penalty"]
    assert 0 < plan.summary["n_moved"] <= cap
    assert plan.summary["lower_bound"] <= worth
    assert worth >= free.summary["cost"] + free.summary["penalty"] - 1e-6
    assert plan.gap < 0.02


def test_the_penalty_is_that_of_its_definition_and_the_gap_is_small():
    panels = infeasible()
    plan = panels.assign(infeasible="penalty", as_of=TODAY)
    usual = float(plan.assignments["workload"].mean())
    expected = sum(
        penalty_of(load, target, 0.05, usual) for load, target in plan.providers.select("load_after", "target").rows()
    )
    assert plan.summary["penalty"] == pytest.approx(expected, rel=1e-9)
    assert plan.summary["n_units_penalised"] == 1
    assert plan.summary["lower_bound"] <= plan.summary["cost"] + plan.summary["penalty"]
    assert plan.gap < 3e-3


def test_the_nearest_tolerance_costs_no_less_by_the_same_penalties():
    panels = infeasible()
    soft = panels.assign(infeasible="penalty", as_of=TODAY)
    wide = panels.assign(infeasible="nearest", as_of=TODAY)
    assert wide.units["tolerance"].item() > 0.05
    assert wide.summary["penalty"] == 0
    worth = soft.summary["cost"] + soft.summary["penalty"]
    usual = float(wide.assignments["workload"].mean())
    theirs = sum(penalty_of(a, b, 0.05, usual) for a, b in wide.providers.select("load_after", "target").rows())
    assert worth <= wide.summary["cost"] + theirs + 1e-6


def test_what_can_be_met_is_met_without_penalty():
    panels = made(n=900, m=5, seed=3)
    hard, soft = panels.assign(as_of=TODAY), panels.assign(as_of=TODAY, infeasible="penalty")
    assert soft.assignments.equals(hard.assignments)
    assert soft.summary["penalty"] == 0
