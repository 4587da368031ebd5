"""Periods of a report attacked beside the whole window: no few visits and no few patients are what they leave over."""

from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.windows import windows
from continuity.pipeline.measure import measure_roles
from continuity.pipeline.publish import publish
from continuity.pipeline.publish_more import more_tables
from continuity.pipeline.trend import safe_beside
from continuity.privacy import Limits, protect
from continuity.synthetic import Setting, generate

from .attacker import Attacker

LEAST = Limits().min_visits
FEW_AND_MANY = st.one_of(st.integers(0, 4), st.sampled_from([0, 0, 0, 1]), st.integers(5, 60))
PERIOD = st.tuples(FEW_AND_MANY, FEW_AND_MANY, FEW_AND_MANY, FEW_AND_MANY)  # doctor and rest, nurse and rest
drawn = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def row(role: str, n_visits: int, **more: Any) -> dict[str, Any]:
    sizes = {"n_providers": 9, "share_largest_provider": 0.2}
    return {"role": role, "index": "coc", "n_patients": n_visits, "n_visits": n_visits, **sizes, **more}


def tables(periods: list[tuple[int, int, int, int]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the cells of the trend and of the whole: every visit is of another patient, to a doctor or a nurse."""
    cells = []
    for at, (doctor, _, nurse, _) in enumerate(periods):
        when = {"period_start": datetime(2025, 1 + at, 1), "period_end": datetime(2025, 2 + at, 1)}
        # all of a period has a value where it has one for a role
        cells += [row(r, n, **when) for r, n in (("all", doctor + nurse), ("doctor", doctor), ("nurse", nurse))]
    sums = [sum(column) for column in zip(*periods, strict=True)]
    of_doctor, of_nurse = sums[0] + sums[1], sums[2] + sums[3]
    wholes = (("all", of_doctor + of_nurse), ("doctor", of_doctor), ("nurse", of_nurse))
    return pl.DataFrame(cells), pl.DataFrame([row(r, n, n_undefined=0) for r, n in wholes])


@drawn
@given(st.lists(PERIOD, min_size=2, max_size=6))
def test_no_few_visits_follow_from_periods_and_the_whole(periods: list[tuple[int, int, int, int]]) -> None:
    """Unknown are the visits of each role and period, of patients with a value and of the others."""
    cells, truth = tables(periods)
    whole = protect(
        truth,
        name="whole",
        keys=("role", "index"),
        margins=[["index"]],
        counts=["n_undefined"],
        same_patients=["role"],
        within=[],
        totals=pl.col("role") == "all",
    )
    known = whole.frame.select("role", "n_patients", "n_visits", everyone="n_patients")
    trend = safe_beside(cells, known, whole, Limits()).frame
    attacker = Attacker(5000)
    for r, n in whole.frame.select("role", "n_visits").iter_rows():
        roles = ("doctor", "nurse") if r == "all" else (r,)
        if n is not None:
            parts = [(1.0, (part, each, at)) for at in range(len(periods)) for each in roles for part in ("in", "out")]
            attacker.learn(parts, n)
    for r, start, n in trend.select("role", "period_start", "n_visits").iter_rows():
        roles = ("doctor", "nurse") if r == "all" else (r,)
        if n is not None:
            attacker.learn([(1.0, ("in", each, start.month - 1)) for each in roles], n)
    for at, (doctor, rest, nurse, other) in enumerate(periods):
        for name, n in (
            (("in", "doctor", at), doctor),
            (("out", "doctor", at), rest),
            (("in", "nurse", at), nurse),
            (("out", "nurse", at), other),
        ):
            if 1 <= n < LEAST and name in attacker.names:
                low, high = attacker.range_of(name)
                assert high - low >= LEAST, (name, n, low, high, trend, whole.frame)


def test_the_smallest_period_goes_where_few_visits_are_in_no_period() -> None:
    cells, truth = tables([(40, 3, 60, 0), (50, 0, 70, 0), (60, 0, 80, 0)])
    whole = protect(truth, name="whole", keys=("role", "index"))
    known = whole.frame.select("role", "n_patients", "n_visits", everyone="n_patients")
    trend = safe_beside(cells, known, whole, Limits()).frame
    hidden = trend.filter(undefined_reason="suppressed")
    assert hidden.height > 0
    assert trend.height > hidden.height
    shown = trend.filter(role="doctor")["n_visits"].drop_nulls().sum()
    assert truth.filter(role="doctor")["n_visits"].item() - shown >= LEAST


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_trend_of_a_report_tells_of_no_few_beside_its_whole(seed: int) -> None:
    made = generate(Setting(n_patients=2000, patients_per_unit=500, activity=1.5, seed=seed))
    sources = Sources(made.visits.lazy(), made.patients.lazy(), made.providers.lazy())
    rules, spans = Rules(same_day="patient_provider_day"), windows(("2025-01-01", "2026-01-01"))
    measured = measure_roles(sources, ("coc",), rules, spans)
    first = publish(sources, measured, rules, spans).tables
    trend = more_tables(sources, measured, first, rules=rules, spans=spans)[0]["trend"].frame
    whole = {r["role"]: r for r in first["whole"].frame.filter(index="coc").to_dicts()}
    assert trend["n_visits"].drop_nulls().len() > trend.height / 2
    for r, own in trend.group_by("role"):
        for of in (whole[r[0]], whole["all"]):
            if of["n_visits"] is not None and of["role"] == r[0]:
                assert of["n_visits"] - own["n_visits"].sum() not in range(1, LEAST)
            for n in own["n_patients"].drop_nulls():
                assert of["n_patients"] is None or of["n_patients"] - n not in range(1, LEAST)
