"""How often the intervals of a roll-out's effect hold the truth, and how often no effect is called one.

    python benchmarks/rollout.py [--runs 1000]

Programmes are drawn with a known effect: levels that differ by unit, a common course, errors that remember the window
before, units of unequal size, starts dealt out at random. Where the effect differs by unit, the truth is
its mean over the units that might have been.
Prints a table for benchmarks/README.md.
"""

import argparse
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from continuity.evaluation.rollout.event_study import FEW
from continuity.evaluation.rollout.imputation import ATT, lead_weights, n_leads, weights
from continuity.evaluation.rollout.inference import Jackknife, WildBootstrap, joint_p_value
from continuity.evaluation.rollout.its import _segments
from continuity.evaluation.rollout.panel import Panel, panel_of

SD_ERROR, SD_PATIENT = 0.02, 0.3


@dataclass(frozen=True)
class Programme:
    """A staggered roll-out."""

    n_units: int
    n_reached: int
    n_windows: int
    effect: float
    memory: float
    differs: bool = False


def month(n: int) -> datetime:
    return datetime(2020 + n // 12, n % 12 + 1, 1)


def drawn(programme: Programme, rng: np.random.Generator) -> Panel:
    """Draw a programme."""
    n, t = programme.n_units, programme.n_windows
    size = rng.integers(200, 3000, n)
    starts = [int(s) for s in rng.integers(t // 3, t - 3, programme.n_reached)] + [None] * (n - programme.n_reached)
    level, course = rng.normal(0.4, 0.05, n), np.cumsum(rng.normal(0, 0.01, t))
    own = programme.effect * (1 + (rng.normal(0, 0.5, n) if programme.differs else np.zeros(n)))
    error = rng.normal(0, SD_ERROR, n)
    rows = []
    for k in range(t):
        error = programme.memory * error + rng.normal(0, SD_ERROR * np.sqrt(1 - programme.memory**2), n)
        for unit, start in enumerate(starts):
            reached = start is not None and k >= start
            effect = own[unit] if reached else 0.0
            noise = rng.normal(0, SD_PATIENT / np.sqrt(size[unit]))
            rows.append(
                (
                    f"u{unit:03}",
                    month(k),
                    month(k + 1),
                    level[unit] + course[k] + error[unit] + effect + noise,
                    size[unit],
                )
            )
    schema = {"unit_id": str, "window_start": pl.Datetime, "window_end": pl.Datetime, "value": float, "n_patients": int}
    table = pl.DataFrame(
        {"unit_id": [f"u{u:03}" for u in range(n)], "starts_at": [None if s is None else month(s) for s in starts]}
    )
    return panel_of(pl.DataFrame(rows, schema, orient="row"), table)


def staggered(programme: Programme, runs: int) -> dict[str, float]:
    """Run the event study on drawn programmes."""
    held = called = early = tested = 0
    for run in range(runs):
        panel, true = drawn(programme, np.random.default_rng([run, programme.n_units])), programme.effect
        jackknife = Jackknife.of(panel, lambda part: weights(part, {ATT: part.treated}))
        effect = jackknife.uncertain(panel, ATT)
        few = effect.freedom is not None and effect.freedom < FEW
        low, high = WildBootstrap.of(panel, jackknife, ATT, seed=run).interval() if few else effect.interval()
        held += low <= true <= high
        called += low > 0 or high < 0
        leads = n_leads(panel)
        p = joint_p_value(panel, Jackknife.of(panel, lambda part, n=leads: lead_weights(part, n))) if leads else None
        tested, early = tested + (p is not None), early + (p is not None and p < 0.05)
    return {"held": held / runs, "called": called / runs, "early": early / max(tested, 1)}


def series(n: int, start: int, effect: float, memory: float, runs: int) -> dict[str, float]:
    """Run the interrupted time series on one unit's drawn course."""
    time, after, held, called = np.arange(float(n)), np.arange(n) >= start, 0, 0
    for run in range(runs):
        rng = np.random.default_rng([run, n])
        error = np.empty(n)
        error[0] = rng.normal(0, SD_ERROR)
        for k in range(1, n):
            error[k] = memory * error[k - 1] + rng.normal(0, SD_ERROR * np.sqrt(1 - memory**2))
        found = _segments(0.4 + 0.002 * time + error + effect * after, time, after, np.empty((n, 0)))["effect"]
        held += found["ci_low"] <= effect <= found["ci_high"]
        called += found["ci_low"] > 0 or found["ci_high"] < 0
    return {"held": held / runs, "called": called / runs}


PROGRAMMES = (
    Programme(30, 20, 20, 0.05, 0.4, differs=True),
    Programme(30, 20, 20, 0.0, 0.4),
    Programme(12, 6, 16, 0.05, 0.4, differs=True),
    Programme(12, 6, 16, 0.0, 0.4),
    Programme(60, 40, 8, 0.05, 0.0),
    Programme(60, 40, 8, 0.0, 0.6),
    Programme(8, 3, 16, 0.0, 0.4),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=600)
    runs = parser.parse_args().runs
    print(f"{runs} runs each; shares of runs")
    print(
        "| design | units (reached) | windows | effect | memory | interval holds the truth | an effect is called "
        "| leads rejected |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for p in PROGRAMMES:
        s = staggered(p, runs)
        effect = f"{p.effect}{', differs by unit' if p.differs else ''}"
        print(
            f"| event study | {p.n_units} ({p.n_reached}) | {p.n_windows} | {effect} | {p.memory} | "
            f"{s['held']:.3f} | {s['called']:.3f} | {s['early']:.3f} |",
            flush=True,
        )
    for n, start, effect, memory in ((24, 12, 0.0, 0.3), (36, 20, 0.05, 0.3), (36, 20, 0.0, 0.0), (60, 36, 0.0, 0.6)):
        s = series(n, start, effect, memory, runs)
        print(f"| its | 1 (1) | {n} | {effect} | {memory} | {s['held']:.3f} | {s['called']:.3f} | |", flush=True)


if __name__ == "__main__":
    main()
