"""The plan against exhaustive search, the bound against an exact linear programme, the cost against its definition."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from continuity.assignment.prices import find_prices
from continuity.assignment.problem import Bands, Problem
from continuity.assignment.rounding import rounded
from continuity.errors import InfeasibleError

from .panels import TODAY, Panels, made

BENCH = Path(__file__).parents[3] / "shared" / "bench"
needs_peer = pytest.mark.skipif(not BENCH.is_dir(), reason="the peer's scripts are not beside this checkout")


def costs(panels: Panels, move_cost: float = 1.0) -> tuple[list[str], np.ndarray]:
    """The cost of each choice by the definition of the problem, one cell at a time."""
    doctors = panels.providers.filter(pl.col("fte") > 0)["provider_id"].to_list()
    seen = dict.fromkeys(itertools.product(panels.patients["patient_id"], doctors), 0)
    for patient, doctor in panels.visits.select("patient_id", "provider_id").iter_rows():
        if (patient, doctor) in seen:
            seen[patient, doctor] += 1
    table = [
        [(move_cost if listed is not None and listed != doctor else 0.0) - seen[patient, doctor] for doctor in doctors]
        for patient, listed in panels.patients.select("patient_id", "listed_provider_id").iter_rows()
    ]
    return doctors, np.array(table)


def exhaustive(panels: Panels, tolerance: float, cap: int = 99) -> float | None:
    """The least cost of all plans in the band, or None where there is none."""
    doctors, cost = costs(panels)
    fte = panels.providers.filter(pl.col("fte") > 0)["fte"].to_numpy()
    work = panels.patients["workload"].to_numpy()
    target = fte / fte.sum() * work.sum()
    listed = np.array(
        [doctors.index(d) if d in doctors else -2 if d else -1 for d in panels.patients["listed_provider_id"]]
    )
    best = None
    for choice in itertools.product(range(len(doctors)), repeat=work.size):
        load = np.bincount(choice, work, len(doctors))
        n_moved = ((listed != -1) & (listed != np.array(choice))).sum()
        if n_moved <= cap and (np.abs(load - target) <= tolerance * target + 1e-9).all():
            total = cost[np.arange(work.size), choice].sum()
            best = total if best is None else min(best, total)
    return best


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("tolerance", [0.05, 0.2, 0.5])
def test_a_small_plan_is_the_best_there_is(seed, tolerance):
    panels = made(n=7, m=4, seed=seed)
    best = exhaustive(panels, tolerance)
    plan = panels.assign(tolerance=tolerance)
    if best is None:
        assert plan.summary["worst_outside_band"] > 0
        target = plan.providers["target"].to_numpy()
        outside = plan.providers["outside_band"].to_numpy() * target
        assert (outside < panels.patients["workload"].max()).all()
        return
    assert plan.summary["worst_outside_band"] == 0
    assert plan.summary["cost"] == pytest.approx(best, abs=1e-9)
    assert plan.summary["lower_bound"] <= plan.summary["tightest_bound"] <= best + 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_a_cap_on_moves_is_kept_near_the_best_plan_that_keeps_it(seed):
    panels = made(n=7, m=4, seed=seed)
    free = panels.assign(tolerance=0.5).summary["n_moved"]
    for cap in range(free):
        best = exhaustive(panels, 0.5, cap)
        if best is None:
            continue
        try:
            plan = panels.assign(tolerance=0.5, max_moves=cap)
        except InfeasibleError:
            continue  # the fewest moves are sought by price and not by search
        assert plan.summary["n_moved"] <= cap
        assert plan.summary["lower_bound"] <= plan.summary["tightest_bound"] <= best + 1e-9
        if plan.summary["worst_outside_band"] == 0:
            assert plan.summary["cost"] >= best - 1e-9


def test_a_cap_holds_over_all_units_together():
    panels = made(n=900, m=5, units=3, seed=11)
    free = panels.assign()
    forced = free.summary["reasons"]["leaver"]
    fewest = panels.assign(move_cost=1000).summary["n_moved"]
    caps = np.linspace(fewest, free.summary["n_moved"] - 1, 4).astype(int)
    costs_at = []
    for cap in caps:
        plan = panels.assign(max_moves=int(cap))
        assert forced <= plan.summary["n_moved"] <= cap
        assert plan.summary["worst_outside_band"] == 0
        assert plan.gap < 0.004
        costs_at.append(plan.summary["cost"])
    assert costs_at == sorted(costs_at, reverse=True)
    assert costs_at[-1] >= free.summary["lower_bound"]
    with pytest.raises(InfeasibleError, match=f"the fewest found is .*the provider of {forced:,}"):
        panels.assign(max_moves=forced - 1)


def linear_programme(problem: Problem) -> float:
    """The relaxed optimum by a simplex, patients divisible."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array, vstack

    m, n = problem.cost.shape
    cells = np.arange(m * n)
    work = np.tile(problem.workload, m)
    loads = coo_array((work, (cells // n, cells)), (m, m * n))
    once = coo_array((np.ones(m * n), (cells % n, cells)), (n, m * n))
    found = linprog(
        problem.cost.ravel(),
        A_ub=vstack([loads, -loads]),
        b_ub=np.concatenate([problem.bands.high, -problem.bands.low]),
        A_eq=once,
        b_eq=np.ones(n),
        method="highs",
    )
    return float(found.fun)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.1])
def test_the_bound_is_the_relaxed_optimum_from_below_and_the_plan_comes_near(seed, tolerance):
    rng = np.random.default_rng(seed)
    n, m = 600, 5
    work = np.maximum(0.2, rng.gamma(1.2, 2.5, n)).round(2)
    cost = 1.0 - rng.poisson(rng.gamma(0.3, 2.0, (m, n)))
    target = rng.dirichlet(np.full(m, 5.0)) * work.sum()
    bands = Bands(np.zeros(m, int), np.eye(m, dtype=bool), (1 - tolerance) * target, (1 + tolerance) * target)
    problem = Problem(cost, work[None], bands)
    prices, exact = find_prices(problem), linear_programme(problem)
    assert prices.bound_floored <= prices.bound <= exact + 1e-9 * abs(exact)
    assert prices.bound == pytest.approx(exact, rel=5e-4)
    plan = rounded(problem, prices)
    outside = np.abs(bands.outside(bands.loads(problem.features, plan)))
    assert (outside < work.max()).all()
    if tolerance:
        assert (outside <= 1e-6).all()
    assert problem.cost_of(plan) <= exact + 0.005 * abs(exact)


def test_the_cost_is_that_of_the_definition():
    panels = made(n=200, m=6, seed=3)
    doctors, cost = costs(panels, 1.5)
    plan = panels.assign(move_cost=1.5)
    chosen = panels.patients.select("patient_id").join(
        plan.assignments.select("patient_id", "provider_id"), on="patient_id", maintain_order="left"
    )["provider_id"]
    assert plan.summary["cost"] == sum(row[doctors.index(j)] for row, j in zip(cost, chosen, strict=True))
    moved = panels.patients["listed_provider_id"].is_not_null() & (panels.patients["listed_provider_id"] != chosen)
    assert plan.summary["n_moved"] == moved.sum()
    fte = dict(panels.providers.select("provider_id", "fte").iter_rows())
    total, work = sum(fte.values()), panels.patients["workload"]
    for row in plan.providers.iter_rows(named=True):
        assert row["target"] == pytest.approx(fte[row["provider_id"]] / total * work.sum())
        assert row["load_after"] == pytest.approx(work.filter(chosen == row["provider_id"]).sum())
        before = panels.patients["listed_provider_id"] == row["provider_id"]
        assert row["load_before"] == pytest.approx(work.filter(before.fill_null(value=False)).sum())


def test_the_lookback_ends_with_the_plan():
    panels = made(n=40, m=3, seed=5)
    earlier = panels.visits.with_columns(pl.col("visit_at").dt.offset_by("-2y"))
    later = panels.visits.with_columns(pl.col("visit_at").dt.offset_by("1y"))
    alone = panels.assign(as_of=TODAY, lookback="12mo")
    among = panels.with_(visits=pl.concat([earlier, panels.visits, later])).assign(as_of=TODAY, lookback="12mo")
    assert among.assignments.equals(alone.assignments)
    assert among.summary["counts"]["n_visits_outside_lookback"] == 2 * panels.visits.height


@needs_peer
@pytest.mark.parametrize("size", [(1, 10, 3_000), (2, 5, 400)])
def test_the_peer_gives_the_same_cost_and_no_lower_bound(size, tmp_path):
    """OR-Tools' exact relaxation of the same problem; its script scores our plan."""
    pytest.importorskip("ortools")
    subprocess.run([sys.executable, BENCH / "make_panels.py", *map(str, size), tmp_path], check=True)
    panels = Panels(*(pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("patients", "providers", "visits")))
    plan = panels.assign()
    plan.assignments.write_parquet(tmp_path / "plan.parquet")

    def peer(*more: object) -> dict[str, float]:
        command = [sys.executable, BENCH / "ortools_panels.py", tmp_path, *more]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert peer("--assignments", tmp_path / "plan.parquet") == {
        "cost": plan.summary["cost"],
        "worst_outside_band": pytest.approx(plan.summary["worst_outside_band"], abs=1e-5),
    }
    assert plan.summary["lower_bound"] <= peer()["lower_bound"] + 1e-3
    assert plan.gap == pytest.approx(
        (plan.summary["cost"] - plan.summary["lower_bound"]) / abs(plan.summary["lower_bound"])
    )
