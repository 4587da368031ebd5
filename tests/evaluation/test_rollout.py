"""The effect of a staggered roll-out: closed forms, a library's estimates, laws, and designs without an answer."""

from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.evaluation.rollout.imputation import ATT, weights
from continuity.evaluation.rollout.inference import Jackknife, WildBootstrap
from continuity.evaluation.rollout.panel import panel_of

Starts = dict[str, int | None]


def month(n: int) -> datetime:
    return datetime(2020 + n // 12, n % 12 + 1, 1)


def rollout(starts: Starts) -> pl.DataFrame:
    moments = [None if n is None else month(n) for n in starts.values()]
    return pl.DataFrame(
        {"unit_id": list(starts), "starts_at": moments}, {"unit_id": str, "starts_at": pl.Datetime("us")}
    )


def cells(values: dict[str, list[float | None]], sizes: dict[str, int] | None = None) -> pl.DataFrame:
    rows = [
        (unit, month(n), month(n + 1), value, (sizes or {}).get(unit, 10))
        for unit, series in values.items()
        for n, value in enumerate(series)
    ]
    schema = {"unit_id": str, "window_start": pl.Datetime("us"), "window_end": pl.Datetime("us"), "value": float}
    return pl.DataFrame(rows, {**schema, "n_patients": pl.Int64}, orient="row")


def people(values: dict[str, list[float | None]], per_unit: int = 3) -> pl.DataFrame:
    frame = cells(values).rename({"value": "coc"}).drop("n_patients")
    who = pl.DataFrame({"n": range(per_unit)})
    return frame.join(who, how="cross").with_columns(patient_id=pl.format("{}-{}", "unit_id", "n")).drop("n")


def drawn(seed: int, starts: Starts, n_windows: int, effect: float = 0.1) -> dict[str, list[float | None]]:
    rng = np.random.default_rng(seed)
    level, course = dict(zip(starts, rng.normal(0.4, 0.1, len(starts)), strict=True)), rng.normal(0, 0.05, n_windows)
    return {
        unit: [
            float(level[unit] + course[n] + rng.normal(0, 0.02) + (effect if start is not None and n >= start else 0))
            for n in range(n_windows)
        ]
        for unit, start in starts.items()
    }


STAGGERED: Starts = {"A": 3, "B": 3, "C": 5, "D": 6, "E": None, "F": None, "G": None}


def att(values: dict[str, list[float | None]], starts: Starts, sizes: dict[str, int] | None = None) -> float:
    panel = panel_of(cells(values, sizes), rollout(starts))
    return float(weights(panel, {ATT: panel.treated})[ATT] @ panel.value)


def test_with_one_start_it_is_the_difference_of_differences() -> None:
    starts: Starts = {"A": 2, "B": 2, "C": None, "D": None}
    values = drawn(1, starts, 5)
    means = {u: (np.mean(v[:2]), np.mean(v[2:])) for u, v in values.items()}  # type: ignore[arg-type]
    change = {u: after - before for u, (before, after) in means.items()}
    expected = (change["A"] + change["B"]) / 2 - (change["C"] + change["D"]) / 2
    assert att(values, starts) == pytest.approx(expected, abs=1e-12)


def test_effects_that_grow_and_differ_are_averaged_and_not_weighted_askew() -> None:
    """A two-way regression would give early units a negative weight; noise left out, the answer is exact."""
    grow = {"A": 0.1, "B": 0.3, "C": 0.2}
    starts: Starts = {"A": 2, "B": 4, "C": 6, "D": None}
    values: dict[str, list[float | None]] = {
        unit: [0.3 + 0.02 * n + (0.0 if start is None or n < start else grow[unit] * (1 + n - start)) for n in range(8)]
        for unit, start in starts.items()
    }
    true = [
        grow[unit] * (1 + n - start) for unit, start in starts.items() if start is not None for n in range(start, 8)
    ]
    assert att(values, starts) == pytest.approx(np.mean(true), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_the_two_stage_estimator_of_pyfixest(seed: int) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, at import and when it drops singletons
        import pyfixest

        values = drawn(seed, STAGGERED, 9)
        long = cells(values).with_columns(
            n=pl.col("window_start").rank("dense").cast(pl.Int64) - 1,
            first=pl.col("unit_id").replace_strict({u: s or 0 for u, s in STAGGERED.items()}),
        )
        long = long.with_columns(on=(pl.col("first") > 0) & (pl.col("n") >= pl.col("first")))
        fit = pyfixest.did2s(
            long.to_pandas(),
            yname="value",
            first_stage="~ 0 | unit_id + n",
            second_stage="~ on",
            treatment="on",
            cluster="unit_id",
        )
    assert att(values, STAGGERED) == pytest.approx(fit.coef().iloc[-1], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.permutations(list("ABCDEFG")))
def test_names_order_and_level_do_not_matter(seed: int, names: list[str]) -> None:
    values = drawn(seed, STAGGERED, 8)
    new = dict(zip("ABCDEFG", names, strict=True))
    renamed = {new[u]: [float(x or 0) + 7 for x in v] for u, v in values.items()}
    assert att(renamed, {new[u]: s for u, s in STAGGERED.items()}) == pytest.approx(att(values, STAGGERED), abs=1e-9)
    frame = cells(values)
    shuffled = panel_of(frame.sample(fraction=1, shuffle=True, seed=seed), rollout(STAGGERED))
    assert weights(shuffled, {ATT: shuffled.treated})[ATT] @ shuffled.value == att(values, STAGGERED)


def test_jackknife_is_the_one_that_drops_each_unit() -> None:
    values = drawn(3, STAGGERED, 8)
    panel = panel_of(cells(values), rollout(STAGGERED))
    found = Jackknife.of(panel, lambda part: weights(part, {ATT: part.treated})).uncertain(panel, ATT)
    without = np.array([
        att({u: v for u, v in values.items() if u != gone}, {u: s for u, s in STAGGERED.items() if u != gone})
        for gone in STAGGERED
    ])  # fmt: skip
    expected = np.sqrt(6 / 7 * ((without - without.mean()) ** 2).sum())
    assert found.std_error == pytest.approx(expected, abs=1e-12)


def test_bootstrap_interval_holds_what_its_test_does_not_reject() -> None:
    panel = panel_of(cells(drawn(4, STAGGERED, 8)), rollout(STAGGERED))
    jackknife = Jackknife.of(panel, lambda part: weights(part, {ATT: part.treated}))
    wild = WildBootstrap.of(panel, jackknife, ATT, replicates=399, seed=1)
    low, high = wild.interval()
    inside, outside = np.linspace(low, high, 9)[1:-1], (low - 0.01, high + 0.01)
    assert all(wild.p_value(float(x)) >= 0.05 for x in inside)
    assert all(wild.p_value(x) < 0.05 for x in outside)
    assert low < 0.1 < high


def test_windows_in_which_a_unit_starts_are_left_out_and_counted() -> None:
    values = drawn(2, STAGGERED, 8)
    middle = rollout(STAGGERED).with_columns(pl.col("starts_at") - pl.duration(days=10))
    panel = panel_of(cells(values), middle)
    assert panel.left_out["in_transition"] == 4
    # The effect then starts with the same windows, and the last clean one before is one earlier.
    assert sorted({int(e) for e in panel.event_time[panel.treated]}) == [0, 1, 2, 3, 4]
    assert max(panel.event_time[~panel.treated & ~np.isnan(panel.event_time)]) == -1


def test_rows_of_an_event_study() -> None:
    found = ct.event_study(people(drawn(5, STAGGERED, 9)), rollout(STAGGERED), "coc", placebo_units=99)
    assert found.summary["ci_low"] < 0.1 < found.summary["ci_high"]
    assert found.summary["n_clusters"] == 7
    assert 0 < found.summary["placebo_units_p"] <= 0.1  # the true deal is one of those counted
    terms = found.frame.group_by("term").len().sort("term")
    assert dict(terms.iter_rows())["effect"] == 6
    assert set(terms["term"]) == {"att", "effect", "lead", "placebo"}
    assert found.frame.filter(term="att")["n_patients"].item() == 12
    alone = found.frame.filter(term="effect", event_time=5)  # A and B: no jackknife without both
    assert alone["n_units"].item() == 2


def test_the_same_seed_gives_the_same_numbers_in_any_order_of_rows() -> None:
    frame = people(drawn(6, STAGGERED, 7))
    once = ct.event_study(frame, rollout(STAGGERED), "coc", placebo_units=49)
    again = ct.event_study(frame.reverse(), rollout(STAGGERED).reverse(), "coc", placebo_units=49)
    assert once.summary == again.summary
    assert once.frame.equals(again.frame)


BAD: dict[str, tuple[Starts, int, type[Exception], str]] = {
    "one period": ({"A": 0, "B": None, "C": None, "D": None}, 1, UsageError, "one period only"),
    "nobody left": (dict.fromkeys("ABCDE", 3), 6, UsageError, "nobody to compare with"),
    "nobody reached": (dict.fromkeys("ABCDE", None), 6, UsageError, "reaches no unit"),
    "one reached": ({"A": 2, "B": None, "C": None, "D": None}, 6, UsageError, "one unit only"),
    "two clusters": ({"A": 2, "B": 2}, 6, UsageError, "2 units are too few clusters"),
    "two clusters, one reached": ({"A": 2, "B": None}, 6, UsageError, "2 units are too few clusters"),
    "three clusters": ({"A": 2, "B": 2, "C": None}, 6, UsageError, "too few clusters"),
    "never untreated": ({"A": 0, "B": 0, "C": None, "D": None}, 6, UsageError, "No effect can be told"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_design_without_an_answer_says_why(case: str) -> None:
    starts, n_windows, kind, words = BAD[case]
    with pytest.raises(kind, match=words):
        ct.event_study(people(drawn(1, starts, n_windows)), rollout(starts), "coc")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pl.DataFrame({"unit_id": ["A"]}), "starts_at"),
        (rollout(STAGGERED).head(3), "4 units with visits have no row"),
        (pl.concat([rollout(STAGGERED), rollout({"A": 5})]), "1 rows .* another row names"),
    ],
)
def test_a_rollout_table_that_does_not_fit(table: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ct.event_study(people(drawn(1, STAGGERED, 8)), table, "coc")


# One unit and its own course.


def series(
    n: int, start: int, *, level: float = 0.0, slope: float = 0.0, rho: float = 0.0, seed: int = 1, sd: float = 0.02
) -> list[float | None]:
    """Draw a course with a break, and errors that remember the one before."""
    rng, error, values = np.random.default_rng(seed), 0.0, []
    for k in range(n):
        error = rho * error + rng.normal(0, sd * np.sqrt(1 - rho**2))
        values.append(0.4 + 0.002 * k + error + (level + slope * (k - start) if k >= start else 0))
    return values


def test_without_noise_the_segments_are_found_exactly() -> None:
    values = {"A": series(30, 14, level=0.1, slope=0.01, sd=1e-9)}
    found = ct.interrupted_time_series(people(values), rollout({"A": 14}), "coc", season=False).frame
    numbers = dict(found.select("term", "estimate").iter_rows())
    assert numbers["level_change"] == pytest.approx(0.1, abs=1e-6)
    assert numbers["slope_change"] == pytest.approx(0.01, abs=1e-6)
    assert numbers["effect"] == pytest.approx(0.1 + 0.01 * 7.5, abs=1e-6)
    assert numbers["placebo"] == pytest.approx(0, abs=1e-6)


def test_a_series_that_never_varies_says_nothing_of_how_sure_it_is() -> None:
    """Such as the share with the usual provider where one doctor works alone."""
    alone: list[float | None] = [1.0] * 24
    found = ct.interrupted_time_series(people({"A": alone}), rollout({"A": 12}), "coc")
    assert found.summary["att"] == pytest.approx(0, abs=1e-12)
    assert [found.summary[name] for name in ("std_error", "ci_low", "ci_high", "p_value", "pretrend_p")] == [None] * 5
    assert found.frame["std_error"].null_count() == found.frame.height
    two = people({"A": alone, "B": series(24, 12, level=0.1, seed=1)})
    both = ct.interrupted_time_series(two, rollout({"A": 12, "B": 12}), "coc").summary
    assert None not in (both["att"], both["ci_low"], both["pretrend_p"])


def test_generalised_least_squares_at_one_correlation_is_that_of_statsmodels() -> None:
    from statsmodels.regression.linear_model import GLS

    from continuity.evaluation.rollout import its

    values = np.array(series(24, 12, level=0.1, rho=0.5, seed=2), dtype=float)
    time = np.delete(np.arange(27.0), [4, 5, 18])  # three windows are missing
    x = np.column_stack([np.ones(24), time, time >= 13])
    white_y, white_x, _ = its._whitened(values, x, np.diff(time, prepend=time[0]), 0.5)
    ours = np.linalg.lstsq(white_x, white_y, rcond=None)[0]
    sigma = 0.5 ** np.abs(np.subtract.outer(time, time))
    assert ours == pytest.approx(GLS(values, x, sigma=sigma).fit().params, abs=1e-10)


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_intervals_of_a_series_hold_the_truth(rho: float) -> None:
    """200 series: 95 % of them within four binomial standard errors (benchmarks/rollout.py has the long run)."""
    from continuity.evaluation.rollout.its import _segments

    time, after = np.arange(36.0), np.arange(36) >= 20
    held = 0
    for seed in range(200):
        found = _segments(
            np.array(series(36, 20, level=0.1, rho=rho, seed=seed), dtype=float), time, after, np.empty((36, 0))
        )
        held += found["effect"]["ci_low"] <= 0.1 <= found["effect"]["ci_high"]
    assert 0.89 <= held / 200 <= 1


def test_a_missing_window_leaves_a_gap_and_not_a_neighbour() -> None:
    values = series(30, 14, level=0.1, rho=0.3, seed=3)
    values[5] = values[20] = None
    found = ct.interrupted_time_series(people({"A": values}), rollout({"A": 14}), "coc")
    assert found.summary["ci_low"] < 0.1 < found.summary["ci_high"]


def test_several_units_are_summed_up_by_their_mean() -> None:
    values = {unit: series(24, 12, level=0.1, rho=0.2, seed=seed) for seed, unit in enumerate("ABCDE")}
    found = ct.interrupted_time_series(people(values), rollout(dict.fromkeys("ABCDE", 12)), "coc")
    own = found.frame.filter(term="effect")["estimate"]
    assert found.summary["att"] == pytest.approx(own.mean(), abs=1e-12)
    assert found.summary["n_clusters"] == 5
    mean = found.frame.filter(term="att").row(0, named=True)
    told = ("att", "std_error", "ci_low", "ci_high")
    assert tuple(mean[name] for name in ("estimate", *told[1:])) == tuple(found.summary[name] for name in told)
    assert (mean["group"], mean["n_units"]) == (None, 5)
    alone = [ct.interrupted_time_series(people({u: values[u]}), rollout({u: 12}), "coc").summary for u in "ABCDE"]
    least = min(one["pretrend_p"] for one in alone)
    assert found.summary["pretrend_p"] == pytest.approx(min(1, 5 * least))


@pytest.mark.parametrize(
    ("start", "n", "words"),
    [(2, 20, "2 whole windows before"), (18, 20, "2 whole windows after"), (None, 20, "No unit with visits")],
)
def test_a_series_without_an_answer_says_why(start: int | None, n: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ct.interrupted_time_series(people({"A": series(n, 5)}), rollout({"A": start}), "coc")


def test_overlapping_windows_are_refused() -> None:
    frame = people({"A": series(20, 10)}).with_columns(pl.col("window_end").dt.offset_by("2mo"))
    with pytest.raises(UsageError, match="overlap"):
        ct.interrupted_time_series(frame, rollout({"A": 10}), "coc")
