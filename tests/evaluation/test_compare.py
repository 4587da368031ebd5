"""Groups beside one another: a library's numbers, a planted confounder, shrinkage that helps, limits that hold."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.evaluation.comparison.casemix import adjusted, standardised
from continuity.evaluation.comparison.spread import Z_95, Spread, ranks

UNITS = [f"U{n:02}" for n in range(12)]


def confounded(seed: int, n: int = 6000) -> tuple[pl.DataFrame, dict[str, float]]:
    """Draw patients whose units differ by a known amount, and whose age pulls the crude means the other way."""
    rng = np.random.default_rng(seed)
    unit = rng.integers(0, 4, n)
    old = rng.random(n) < np.array([0.1, 0.3, 0.6, 0.9])[unit]
    effect = np.array([0.0, 0.05, 0.10, 0.15])
    value = 0.5 + effect[unit] - 0.3 * old + rng.normal(0, 0.1, n)
    age = np.where(old, "65+", "0-64")
    frame = pl.DataFrame(
        {"patient_id": range(n), "unit_id": [UNITS[u] for u in unit], "age": age, "n_visits": 4, "coc": value}
    )
    share_old = old.mean()
    return frame, {UNITS[u]: 0.5 + effect[u] - 0.3 * share_old for u in range(4)}


@pytest.mark.parametrize("term", ["standardised", "adjusted"])
def test_the_truth_is_recovered_under_confounding_by_age(term: str) -> None:
    frame, truth = confounded(1)
    found = ct.compare(frame, "unit_id", "coc", adjust=["age"]).frame
    crude = dict(found.filter(term="mean").select("group", "estimate").iter_rows())
    assert crude["U00"] > crude["U03"], "age turns the order of the crude means round"
    for group, estimate, error in found.filter(term=term).select("group", "estimate", "std_error").iter_rows():
        assert abs(estimate - truth[group]) < 4 * error
        assert error < 0.01


def test_intervals_of_adjusted_means_hold_the_truth() -> None:
    held = []
    for seed in range(60):
        frame, truth = confounded(seed, 800)
        rows = ct.compare(frame, "unit_id", "coc", adjust=["age"]).frame.filter(term="adjusted")
        held += [low <= truth[g] <= high for g, low, high in rows.select("group", "ci_low", "ci_high").iter_rows()]
    assert 0.90 <= np.mean(held) <= 0.99


def test_the_adjusted_mean_is_the_margin_of_the_model_of_statsmodels() -> None:
    from statsmodels.regression.linear_model import OLS

    frame, _ = confounded(2, 500)
    rows = frame.rename({"coc": "value"})
    found = adjusted(rows, "unit_id", ["age"]).sort("unit_id")
    groups = rows["unit_id"].to_dummies().select(pl.all().name.map(str)).to_numpy().astype(float)
    order = np.array([name.removeprefix("unit_id_") for name in rows["unit_id"].to_dummies().columns]).argsort()
    old = (rows["age"] == "65+").cast(pl.Float64).to_numpy()
    fit = OLS(rows["value"].to_numpy(), np.column_stack([groups[:, order], old])).fit()
    expected = fit.params[:-1] + old.mean() * fit.params[-1]
    assert found["adjusted"].to_numpy() == pytest.approx(expected, abs=1e-10)


def test_strata_that_a_group_lacks_are_shared_out_to_those_it_has() -> None:
    """V lacks the one patient in twenty of stratum b; its mean is over the rest, not nineteen twentieths of it."""
    rows = pl.DataFrame({"unit": ["U", "V"] * 10, "stratum": ["b"] + ["a"] * 19, "value": [0.9] + [0.4] * 19})
    found = standardised(rows, "unit", ["stratum"]).sort("unit")
    assert found["share_covered"].to_list() == pytest.approx([1, 0.95])
    assert found["standardised"].to_list() == pytest.approx([0.05 * 0.9 + 0.95 * 0.4, 0.4])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("UV"), st.sampled_from("ab"), st.integers(0, 10)), min_size=4, max_size=40))
def test_direct_standardisation_by_brute_force(people: list[tuple[str, str, int]]) -> None:
    rows = pl.DataFrame([(u, s, x / 10) for u, s, x in people], schema=["unit", "stratum", "value"], orient="row")
    for row in standardised(rows, "unit", ["stratum"]).iter_rows(named=True):
        own = [(s, x / 10) for u, s, x in people if u == row["unit"]]
        here = {s for s, _ in own}
        weight = {s: sum(t == s for _, t, _ in people) / len(people) for s in here}
        covered = sum(weight.values())
        assert row["share_covered"] == pytest.approx(covered, abs=1e-12)
        if covered < 0.9:
            assert row["standardised"] is None
        else:
            expected = sum(w * np.mean([x for s, x in own if s == stratum]) for stratum, w in weight.items()) / covered
            assert row["standardised"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_variance_between_groups_is_that_of_statsmodels(seed: int) -> None:
    from statsmodels.stats.meta_analysis import combine_effects

    rng = np.random.default_rng(seed)
    error = rng.uniform(0.01, 0.05, 20)
    estimate = rng.normal(0.4, 0.05, 20) + rng.normal(0, error)
    spread = Spread.of(estimate, error)
    peer = combine_effects(estimate, error**2, method_re="iterated", atol=1e-12, maxiter=500)
    assert spread.between == pytest.approx(peer.tau2, abs=1e-7)
    assert spread.mean == pytest.approx(peer.mean_effect_re, abs=1e-6)
    assert spread.q == pytest.approx(peer.q, rel=1e-9)


def drawn_groups(rng: np.random.Generator, between: float = 0.05) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = rng.normal(0.4, between, 40)
    error = 0.3 / np.sqrt(rng.integers(30, 800, 40))
    return truth, truth + rng.normal(0, error), error


def test_shrinkage_lowers_the_mean_squared_error() -> None:
    raw = shrunk = 0.0
    for seed in range(200):
        truth, estimate, error = drawn_groups(np.random.default_rng(seed), between=0.02)
        mean, _ = Spread.of(estimate, error).shrunk(estimate, error)
        raw, shrunk = raw + ((estimate - truth) ** 2).sum(), shrunk + ((mean - truth) ** 2).sum()
    assert shrunk < 0.8 * raw


def test_intervals_of_shrunk_means_hold_the_truth() -> None:
    held = []
    for seed in range(200):
        truth, estimate, error = drawn_groups(np.random.default_rng(seed), between=0.03)
        mean, left = Spread.of(estimate, error).shrunk(estimate, error)
        held.append((np.abs(mean - truth) < Z_95 * left).mean())
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_funnel_limits_hold_their_rate(between: float) -> None:
    outside = []
    for seed in range(300):
        _, estimate, error = drawn_groups(np.random.default_rng(seed), between)
        low, high = Spread.of(estimate, error).limits(error, Z_95)
        outside.append(((estimate < low) | (estimate > high)).mean())
    assert 0.035 <= np.mean(outside) <= 0.06


def test_true_ranks_lie_in_their_intervals() -> None:
    held = []
    for seed in range(60):
        truth, estimate, error = drawn_groups(np.random.default_rng(seed))
        _, low, high = ranks(estimate, error, seed)
        true = (-truth).argsort().argsort() + 1
        held.append(((low <= true) & (true <= high)).mean())
    assert 0.92 <= np.mean(held) <= 0.99


def test_small_groups_are_shown_but_neither_ranked_nor_shrunk() -> None:
    frame, _ = confounded(3, 500)
    small = frame.head(10).with_columns(unit_id=pl.lit("tiny"))
    found = ct.compare(pl.concat([frame, small]), "unit_id", "coc", adjust=["age"]).frame
    of_tiny = set(found.filter(group="tiny")["term"])
    assert "mean" in of_tiny
    assert not of_tiny & {"rank", "shrunk", "funnel_95", "reliability"}


def test_units_are_counted_without_patients_of_no_known_unit() -> None:
    frame, _ = confounded(3, 500)
    half = frame.with_columns(sex=pl.lit("a"), unit_id=pl.when(pl.int_range(pl.len()) % 2 == 0).then("unit_id"))
    nobody = frame.with_columns(sex=pl.lit("b"), unit_id=pl.lit(None, pl.String))
    found = ct.compare(pl.concat([half, nobody], how="vertical_relaxed"), "sex", "coc", adjust=["age"]).frame
    counted = dict(found.filter(term="mean").select("group", "n_units").iter_rows())
    assert counted == {"a": half["unit_id"].drop_nulls().n_unique(), "b": None}


def test_earlier_windows_are_a_course_and_the_last_is_compared() -> None:
    from datetime import datetime

    frame, _ = confounded(4, 400)
    years = [
        frame.with_columns(
            coc=pl.col("coc") + 0.01 * n, window_start=datetime(2022 + n, 1, 1), window_end=datetime(2023 + n, 1, 1)
        )
        for n in range(3)
    ]
    found = ct.compare(pl.concat(years), "unit_id", "coc", adjust=["age"]).frame.filter(term="mean", group="U00")
    values = dict(found.select(pl.col("event_time").fill_null(0), "estimate").iter_rows())
    assert set(values) == {0, -1, -2}
    assert values[0] - values[-2] == pytest.approx(0.02, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    frame, _ = confounded(5, 300)
    once = ct.compare(frame, "unit_id", "coc", adjust=["age"])
    again = ct.compare(frame.sample(fraction=1, shuffle=True, seed=seed), "unit_id", "coc", adjust=["age"])
    assert once.frame.equals(again.frame)
    assert once.summary == again.summary


def test_many_windows_do_not_hide_that_a_column_names_persons() -> None:
    from datetime import datetime

    frame, _ = confounded(6, 200)
    named = frame.with_columns(code=pl.format("{}-x", "patient_id"))
    months = [
        named.with_columns(window_start=datetime(2025, m, 1), window_end=datetime(2025, m + 1, 1)) for m in range(1, 9)
    ]
    with pytest.raises(UsageError, match="names persons, not groups") as error:
        ct.compare(pl.concat(months), "code", "coc", adjust=["age"])
    assert "-x" not in str(error.value)


def test_a_column_of_persons_adjusts_nothing_whatever_its_name() -> None:
    frame = pl.DataFrame({"patient_id": range(60), "unit_id": ["U", "V"] * 30, "n_visits": 4, "coc": [0.2, 0.4] * 30})
    with pytest.raises(UsageError, match="'code' has 60 groups for 60 patients: it names persons"):
        ct.compare(frame.with_columns(code=pl.format("x{}", "patient_id")), "unit_id", "coc", adjust=("code",))


@pytest.mark.parametrize(
    ("by", "kind", "words"),
    [
        ("unit", InputError, "'unit' is missing"),
        ("patient_id", UsageError, "names persons, not groups"),
        ("one", UsageError, "one group only"),
    ],
)
def test_a_comparison_without_an_answer_says_why(by: str, kind: type[Exception], words: str) -> None:
    frame, _ = confounded(6, 200)
    with pytest.raises(kind, match=words):
        ct.compare(frame.with_columns(one=pl.lit("all")), by, "coc")
