"""Drawn populations with a known ratio: intervals hold it, and measuring concurrently is as wrong as was planted."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest

import continuity as ct
from continuity.synthetic.outcomes import Drawn, draw_outcomes

RATIO, RUNS = -0.4, 12


def last(drawn: Drawn, outcome: str, **options: Any) -> tuple[float, float, float]:
    chosen = {"classes": [0.5], "until": "2025-01-01", "covariates": ["age_band", "is_chronic"]} | options
    found = ct.outcome_study(
        drawn.per_patient, getattr(drawn, outcome), "coc", patients=drawn.patients, deaths=drawn.deaths, **chosen
    )
    row = found.frame.row(-1, named=True)
    return row["estimate"], row["ci_low"], row["ci_high"]


CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "poisson": ({}, "events", {}),
    "poisson on mixed patients": ({"frailty": 0.5}, "events", {}),
    "cox": ({}, "events", {"model": "cox"}),
    "costs": ({}, "costs", {"model": "gamma"}),
    "curve": ({"shape": "line", "log_ratio": 2 * RATIO}, "events", {"classes": None, "reference": 0.25, "at": [0.75]}),
    "two landmarks": (
        {"landmarks": (datetime(2024, 1, 1), datetime(2024, 7, 1))},
        "events",
        {"time_varying": True, "model": "cox"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_intervals_hold_the_truth(case: str) -> None:
    """Fewer than 9 of 12 would come by chance once in 400 times at 95 %; benchmarks/outcomes.py has 500 runs."""
    draw, outcome, options = CASES[case]
    found = np.array(
        [last(draw_outcomes(1200, seed=k, **{"log_ratio": RATIO} | draw), outcome, **options) for k in range(RUNS)]
    )
    estimate, low, high = found.T
    assert ((low <= RATIO) & (high >= RATIO)).sum() >= 9
    assert estimate.mean() == pytest.approx(RATIO, abs=4 * estimate.std(ddof=1) / np.sqrt(RUNS))


@pytest.mark.parametrize(("outcome", "model"), [("events", "poisson"), ("deaths", "cox")])
def test_concurrent_measuring_finds_what_is_not_there(outcome: str, model: Any) -> None:
    """Nothing goes with continuity; events and dying bring visits to strangers, and early death leaves time for few."""
    wrong = right = 0
    for seed in range(5):
        drawn = draw_outcomes(2000, seed=seed, log_ratio=0.0)
        both = ct.concurrent_warning(
            drawn.per_patient,
            getattr(drawn, outcome),
            "coc",
            patients=drawn.patients,
            until="2025-01-01",
            deaths=drawn.deaths,
            classes=[0.5],
            covariates=["age_band", "is_chronic"],
            model=model,
        )
        rows = {row["term"].split()[0]: row for row in both.frame.iter_rows(named=True) if row["std_error"]}
        wrong += rows["concurrent"]["ci_high"] < np.log(0.6)
        right += rows["landmark"]["ci_low"] <= 0 <= rows["landmark"]["ci_high"]
        assert both.summary["concurrent"]["design"].startswith("concurrent (forced)")
        assert both.summary["concurrent"]["events"]["in_exposure_window"] > 0
        assert both.summary["landmark"]["events"]["in_exposure_window"] == 0
        assert "wrong on purpose" in both.summary["warning"]
    assert wrong == 5
    assert right >= 4


def test_a_curve_is_shown_at_the_same_points_in_both() -> None:
    drawn = draw_outcomes(1500, seed=1)
    both = ct.concurrent_warning(
        drawn.per_patient, drawn.events, "coc", patients=drawn.patients, until="2025-01-01", deaths=drawn.deaths
    )
    points = both.frame.group_by("term", maintain_order=True).agg("group")["group"].to_list()
    assert points[0] == points[1]


def test_the_draw_is_its_seed() -> None:
    one, again, other = (draw_outcomes(300, seed=s) for s in (1, 1, 2))
    assert one.events.equals(again.events)
    assert one.visits.equals(again.visits)
    assert not one.events.equals(other.events)
