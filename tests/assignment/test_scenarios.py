"""Scenarios move as few as can be and say why; the curve of balance against moves falls; a noisy workload is felt."""

import polars as pl
import pytest

from continuity.assignment import frontier, scenarios, stability
from continuity.errors import InputError, UsageError

from .panels import Panels, made


@pytest.fixture(scope="module")
def balanced() -> Panels:
    """A unit of four teams of two whose lists are in balance already."""
    panels = made(1_200, 8, seed=5, leaver=False)
    plan = panels.assign(move_cost=0.0, tolerance=0.02)
    lists = panels.patients.drop("listed_provider_id").join(
        plan.assignments.select("patient_id", listed_provider_id="provider_id"), on="patient_id"
    )
    return panels.with_(patients=lists)


def compare(panels: Panels, name: str, change: object, **more: object) -> dict[str, dict[str, object]]:
    table, _ = scenarios.compare(panels.patients, panels.providers, panels.visits, {name: change}, **more)
    return {row["scenario"]: row for row in table.iter_rows(named=True)}


def test_a_leavers_plan_moves_only_the_leavers_patients_when_balance_needs_no_more(balanced):
    found = compare(balanced, "leaves", scenarios.leaves("D03"))
    n_list = balanced.patients.filter(listed_provider_id="D03").height
    assert found["today"]["n_moved"] == 0
    assert found["leaves"]["n_leaver"] == n_list
    assert found["leaves"]["n_moved"] == n_list
    assert found["leaves"]["n_balance_more"] == 0
    assert found["leaves"]["worst_outside_band"] == 0


def test_what_balance_needs_besides_is_counted_against_today():
    panels = made(1_200, 8, seed=5, leaver=False)
    found = compare(panels, "leaves", scenarios.leaves("D03"))
    today, then = found["today"], found["leaves"]
    assert today["n_balance"] > 0
    assert then["n_moved"] == then["n_leaver"] + then["n_balance"] + then["n_known_better"]
    assert then["n_leaver"] == panels.patients.filter(listed_provider_id="D03").height
    assert then["n_balance_more"] == then["n_balance"] - today["n_balance"]


def test_the_fewest_moves_are_few(balanced):
    """A newcomer with half a share needs about that much work, from those who weigh most."""
    found = compare(balanced, "joins", scenarios.joins("NEW", fte=0.5))
    work, fte = balanced.patients["workload"].sum(), balanced.providers["fte"].sum()
    needed = 0.95 * 0.5 / (fte + 0.5) * work
    heaviest = balanced.patients["workload"].sort(descending=True).cum_sum()
    at_least = (heaviest < needed).sum()
    assert at_least <= found["joins"]["n_moved"] < 4 * at_least
    over_bound = found["joins"]["cost"] - found["joins"]["lower_bound"]
    assert over_bound < 2 * scenarios.FEWEST_MOVES  # patients are whole: within two moves of the relaxed optimum


def test_each_change_is_one_line_of_a_file(balanced, tmp_path):
    path = tmp_path / "scenarios.txt"
    path.write_text("# remarks are allowed\nleaves D03\nworks D02 0.5\njoins NEW U0 0.8\ncapped D01 60\n"
                    "demand 10  # per cent\nsplit T0 D00 D01\n")  # fmt: skip
    changes = scenarios.read_scenarios(path)
    assert list(changes) == ["leaves D03", "works D02 0.5", "joins NEW U0 0.8", "capped D01 60", "demand 10",
                             "split T0 D00 D01"]  # fmt: skip
    tables = (balanced.patients, balanced.providers, balanced.visits)
    rows, plans = scenarios.compare(*tables, changes, tolerance=0.3)
    today, after = plans["today"], plans["demand 10"]
    assert after.providers["load_after"].sum() == pytest.approx(1.1 * today.providers["load_after"].sum())
    assert rows.filter(scenario="demand 10")["n_moved"].item() == rows.filter(scenario="today")["n_moved"].item()
    n = dict(plans["capped D01 60"].providers.select("provider_id", "n_patients_after").iter_rows())
    assert n["D01"] <= 60
    assert "NEW" in plans["joins NEW U0 0.8"].providers["provider_id"]
    apart = plans["split T0 D00 D01"].assignments
    half = apart.filter(unit_id="T0 (2)")
    assert set(half["provider_id"]) == {"D00", "D01"}
    assert set(half["previous_provider_id"]) <= {"D00", "D01"}
    assert not set(apart.filter(pl.col("unit_id") != "T0 (2)")["provider_id"]) & {"D00", "D01"}
    assert list(rows["scenario"]) == ["today", *changes]


@pytest.mark.parametrize(
    ("line", "said"),
    [("leave D03", "Did you mean 'leaves'"), ("works D03 half", "Line 1 of s.txt cannot be read"),
     ("capped D03", "cannot be read")],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(tmp_path, line, said):
    path = tmp_path / "s.txt"
    path.write_text(line)
    with pytest.raises(UsageError, match=said):
        scenarios.read_scenarios(path)


def test_a_provider_who_is_not_there_is_named(balanced):
    with pytest.raises(InputError, match="'D99', who is not in the providers"):
        compare(balanced, "x", scenarios.leaves("D99"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: scenarios.split("T0"), "A split names no provider"),
        (lambda: scenarios.split("T9", "D00"), "team cannot be 'T9'. Choices: T0, T1"),
        (lambda: scenarios.joins("NEW", "U9"), "unit cannot be 'U9'. Choices: U0"),
        (lambda: scenarios.joins("D03", "U0"), "'D03', who would join, is in the providers already"),
        (lambda: scenarios.capped("D03", -5), "cannot hold -5 patients"),
        (lambda: scenarios.capped("D03", float("nan")), "cannot hold nan patients"),
    ],
)
def test_a_change_that_means_nothing_is_refused(balanced, change, said):
    with pytest.raises(UsageError, match=said):
        compare(balanced, "x", change())


def test_a_wider_band_costs_and_moves_no_more():
    panels = made(900, 6, seed=4)
    curve = frontier(panels.patients, panels.providers, panels.visits, tolerances=(0.3, 0.02, 0.1))
    assert curve["tolerance"].to_list() == [0.02, 0.1, 0.3]
    assert curve["cost"].is_sorted(descending=True)
    assert curve["lower_bound"].is_sorted(descending=True)
    assert (curve["largest_load"] <= 1 + curve["tolerance"] + 1e-9).all()
    assert curve["n_moved"][0] > curve["n_moved"][2]


def test_a_plan_stands_the_better_the_surer_the_workloads_are():
    panels = made(900, 6, seed=4)

    def check(spread: float) -> pl.DataFrame:
        return stability(panels.patients, panels.providers, panels.visits, spread=spread, n=3)

    sure, vague = check(0.01), check(1.0)
    assert sure["share_same"].min() > vague["share_same"].max()
    assert sure["worst_outside_band"].max() < vague["worst_outside_band"].mean()
    assert check(0.01).equals(sure)
