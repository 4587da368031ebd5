"""How often the intervals of a study of outcomes hold the truth, and how far concurrent measuring is from it.

    python benchmarks/outcomes.py [--runs 500] [--only NUMBER]

Populations are drawn by continuity.synthetic.outcomes with a known ratio after the landmark and none before it.
Prints a table for benchmarks/README.md.
"""

import argparse
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

import continuity as ct
from continuity.synthetic.outcomes import Drawn, draw_outcomes

RATIO = -0.4
TWO = (datetime(2024, 1, 1), datetime(2024, 7, 1))
STEP: dict[str, Any] = {"classes": [0.5]}


@dataclass(frozen=True)
class Design:
    """One row of the table."""

    name: str
    draw: dict[str, Any]
    study: dict[str, Any]
    truth: float
    concurrent: bool = False
    outcome: str = "events"
    found: list[tuple[float, float, float]] = field(default_factory=list)

    def run(self, drawn: Drawn) -> None:
        """Add the estimate and its interval."""
        common = {"patients": drawn.patients, "until": "2025-01-01", "deaths": drawn.deaths}
        common |= {"covariates": ["age_band", "is_chronic"], "min_events_per_parameter": 5} | self.study
        study = ct.concurrent_warning if self.concurrent else ct.outcome_study
        frame = study(drawn.per_patient, getattr(drawn, self.outcome), "coc", **common).frame
        last = frame.select("estimate", "ci_low", "ci_high").row(-1)
        self.found.append((float(last[0]), float(last[1]), float(last[2])))

    def row(self) -> str:
        """Give the row of the table."""
        estimate, low, high = np.array(self.found).T
        held, called = (low <= self.truth) & (self.truth <= high), (low > 0) | (high < 0)
        return (
            f"| {self.name} | {np.exp(self.truth):.3f} | {np.exp(estimate.mean()):.3f} | {held.mean():.3f} | "
            f"{called.mean():.3f} |"
        )


def plans() -> list[tuple[dict[str, Any], list[Design]]]:
    """Give what is drawn, and the designs that look at each draw."""
    known: dict[str, Any] = {"log_ratio": RATIO}
    null: dict[str, Any] = {"log_ratio": 0.0}
    mixed: dict[str, Any] = {"log_ratio": RATIO, "frailty": 0.5}
    line: dict[str, Any] = {"log_ratio": 2 * RATIO, "shape": "line"}
    few: dict[str, Any] = {"log_ratio": RATIO, "n_units": 6}
    twice: dict[str, Any] = {"log_ratio": RATIO, "landmarks": TWO}
    curve = {"reference": 0.25, "at": [0.75]}
    cox: dict[str, Any] = {"model": "cox"}
    nb: dict[str, Any] = {"model": "negative_binomial"}
    across: dict[str, Any] = {"within_units": False}
    varying: dict[str, Any] = {"time_varying": True}
    return [
        (
            known,
            [
                Design("Poisson, classes", known, STEP, RATIO),
                Design("Cox, first event, classes", known, STEP | cox, RATIO),
                Design("Cox, death, classes", known, STEP | cox, RATIO, outcome="deaths"),
                Design("gamma, costs, classes", known, STEP | {"model": "gamma"}, RATIO, outcome="costs"),
            ],
        ),
        (
            null,
            [
                Design("Poisson, classes, no association", null, STEP, 0.0),
                Design("Cox, death, classes, no association", null, STEP | cox, 0.0, outcome="deaths"),
                Design("*Poisson, concurrent*, no association", null, STEP, 0.0, concurrent=True),
                Design(
                    "*Cox, death, concurrent*, no association", null, STEP | cox, 0.0, concurrent=True, outcome="deaths"
                ),
            ],
        ),
        (
            mixed,
            [
                Design("Poisson, patients differ", mixed, STEP, RATIO),
                Design("negative binomial, patients differ", mixed, STEP | nb, RATIO),
                Design("Poisson, patients differ, across units", mixed, STEP | across, RATIO),
                Design("negative binomial, patients differ, across units", mixed, STEP | nb | across, RATIO),
            ],
        ),
        (
            line,
            [
                Design("Poisson, curve, 0.75 against 0.25", line, curve, RATIO),
                Design("Poisson, curve, 0.75 against 0.25, across units", line, curve | across, RATIO),
            ],
        ),
        (few, [Design("Poisson, classes, 6 units as terms", few, STEP, RATIO)]),
        (
            twice,
            [
                Design("Poisson, two landmarks", twice, STEP | varying, RATIO),
                Design("Cox, first event, two landmarks", twice, STEP | cox | varying, RATIO),
            ],
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--patients", type=int, default=2000)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of populations, from 0")
    asked = parser.parse_args()
    print(f"{asked.runs} runs each, {asked.patients:,} patients; shares of runs")
    print("| design | true ratio | geometric mean of the estimates | interval holds the truth | called one |")
    print("| --- | --- | --- | --- | --- |")
    for number, (draw, designs) in enumerate(plans()):
        if asked.only is not None and number not in asked.only:
            continue
        for run in range(asked.runs):
            drawn = draw_outcomes(asked.patients, seed=1000 * number + run, **draw)
            for design in designs:
                design.run(drawn)
        for design in designs:
            print(design.row(), flush=True)


if __name__ == "__main__":
    main()
