"""Long series of rolling windows attacked: no visits of a month, and nobody who leaves or enters, are told to a few."""

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuity.privacy import Limits, protect
from continuity.privacy.rolling import patient_slack, visit_slack

from .attacker import Attacker

LEAST = Limits().min_patients
MONTH = st.one_of(st.integers(0, 2), st.sampled_from([0, 0, 1]), st.integers(0, 9))
drawn = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = ("unit", "window_start", "window_end")


def day(month: int) -> datetime:
    return datetime(2020 + month // 12, month % 12 + 1, 1)


def chain(n_windows: int, length: int) -> list[tuple[datetime, datetime]]:
    return [(day(t), day(t + length)) for t in range(n_windows)]


def rolled(months: list[list[int]], length: int) -> pl.DataFrame:
    """Give windows of units, every visit of another patient; a unit nobody visits in a window has no row."""
    rows = [
        {"unit": unit, "window_start": day(t), "window_end": day(t + length), "n_patients": n, "n_visits": n}
        for unit, own in enumerate(months)
        for t in range(len(own) - length + 1)
        if (n := sum(own[t : t + length]))
    ]
    counts = dict.fromkeys(("n_patients", "n_visits"), pl.Int64)
    return pl.DataFrame(rows, schema={"unit": pl.Int64, **dict.fromkeys(KEYS[1:], pl.Datetime("us")), **counts})


def shown(frame: pl.DataFrame) -> pl.DataFrame:
    return protect(frame, name="t", keys=KEYS, margins=[KEYS[1:]]).frame


def attacked(months: list[list[int]], length: int, numbers: pl.DataFrame) -> Attacker:
    """Learn what is shown, and the sum over units of each window."""
    attacker = Attacker(2000)
    at = {day(t): t for t in range(len(months[0]))}
    for unit, start, n in numbers.select("unit", "window_start", "n_visits").iter_rows():
        if n is not None:
            attacker.learn([(1.0, (unit, at[start] + k)) for k in range(length)], n)
    for t in range(len(months[0]) - length + 1):
        cells = [(unit, t + k) for unit in range(len(months)) for k in range(length)]
        attacker.learn([(1.0, cell) for cell in cells], sum(sum(own[t : t + length]) for own in months))
    return attacker


@drawn
@given(st.lists(st.lists(MONTH, min_size=17, max_size=17), min_size=1, max_size=3), st.sampled_from([4, 5]))
def test_no_month_of_a_long_series_is_narrowed_down_to_a_few_values(months: list[list[int]], length: int) -> None:
    """13 and 14 windows; a large unit beside them, so that the sums over units do not tell by themselves."""
    months = [*months, [20 + k % 3 for k in range(17)]]
    numbers = shown(rolled(months, length))
    attacker = attacked(months, length, numbers)
    for unit, own in enumerate(months):
        for month, n in enumerate(own):
            if 1 <= n < LEAST and (unit, month) in attacker.names:
                low, high = attacker.range_of((unit, month))
                assert high - low >= LEAST, (unit, month, n, low, high)


def test_fourteen_windows_of_a_year_would_tell_a_small_unit_and_do_not() -> None:
    small = [0, 0, 1, 0, 12, 0, 0, 3, 0, 0, 0, 2, 2, 14, 0, 1, 0, 9, 0, 0, 4, 0, 6, 0, 0]
    months = [small, [9] * 25, [30] * 25]
    frame = rolled(months, 12)
    assert frame.filter(unit=0).height == 14
    found = attacked(months, 12, frame)  # as it would be if all windows were shown
    assert any(high - low < LEAST for low, high in [found.range_of((0, month)) for month in range(25)])
    numbers = shown(frame)
    safe = attacked(months, 12, numbers)
    assert all(high - low >= LEAST for low, high in [safe.range_of((0, month)) for month in range(25)])
    kept = numbers.filter(unit=0).drop_nulls("n_visits")["window_start"].to_list()
    assert kept == [day(1), day(13)]  # the last window, and the one that it does not overlap
    assert numbers.filter(unit=2)["n_visits"].null_count() == 0


@pytest.mark.parametrize("length", [3, 4, 6])
def test_the_slack_of_visits_is_the_width_that_the_attack_finds(length: int) -> None:
    rng = np.random.default_rng(length)
    for _ in range(10):
        own = rng.poisson(2.5, 15).tolist()
        windows = [sum(own[t : t + length]) for t in range(len(own) - length + 1)]
        attacker = Attacker(500)
        for t, n in enumerate(windows):
            attacker.learn([(1.0, t + k) for k in range(length)], n)
        widths = {high - low for low, high in [attacker.range_of(k) for k in range(len(own))]}
        slack = visit_slack(np.array([windows], dtype=float), chain(len(windows), length))[0]
        assert widths == {slack}


@pytest.mark.parametrize("length", [2, 3, 5])
def test_the_slack_of_patients_is_the_least_width_that_the_attack_finds(length: int) -> None:
    """Who entered at a step leaves `length` steps later at the earliest; those of the first window at any step."""
    rng = np.random.default_rng(length)
    for _ in range(8):
        n_windows = 9
        counts = np.zeros(n_windows, dtype=int)
        for start in range(-length, n_windows):
            for _ in range(rng.poisson(2)):
                counts[max(start, 0) : start + length + rng.integers(0, 3)] += 1
        attacker = Attacker(500)
        for t in range(n_windows - 1):
            attacker.learn([(1, ("in", t)), (-1, ("out", t))], int(counts[t + 1] - counts[t]))
            gone = [(1.0, ("out", s)) for s in range(t + 1)]
            early = [(-1.0, ("in", s)) for s in range(t - length + 1)]
            attacker.learn([*gone, *early, (1.0, ("left", t))], int(counts[0]))
        ranges = [attacker.range_of(("in", t)) for t in range(n_windows - 1)]
        slack = patient_slack(counts[None].astype(float), chain(n_windows, length))[0]
        assert min(high - low for low, high in ranges) == slack


def test_windows_whose_ends_meet_no_starts_are_shown_where_they_do_not_overlap() -> None:
    rows: list[dict[str, Any]] = [
        {"unit": 1, "window_start": day(5 * t), "window_end": day(5 * t + 12), "n_patients": 90, "n_visits": 400}
        for t in range(6)
    ]
    numbers = shown(pl.DataFrame(rows))
    assert numbers.drop_nulls("n_visits")["window_start"].to_list() == [day(10), day(25)]


def test_a_large_series_keeps_every_window() -> None:
    rng = np.random.default_rng(1)
    numbers = shown(rolled([rng.poisson(40, 36).tolist() for _ in range(4)], 12))
    assert numbers["n_visits"].null_count() == 0
