"""Outcomes after continuity: hand-made person-time, closed forms, a library's errors, laws."""

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.evaluation.outcomes.models import Followed, fit, score_residuals
from continuity.evaluation.outcomes.terms import spline
from continuity.synthetic.outcomes import draw_outcomes

START, LANDMARK, END = datetime(2022, 1, 1), datetime(2024, 1, 1), datetime(2025, 1, 1)
Rows = list[tuple[Any, ...]]


def indices(
    values: dict[Any, float | None], n_visits: int | list[int] = 4, window: Any = (START, LANDMARK)
) -> pl.DataFrame:
    return pl.DataFrame(
        {"patient_id": list(values), "window_start": window[0], "window_end": window[1], "coc": list(values.values())},
        {"patient_id": None, "window_start": pl.Datetime("us"), "window_end": pl.Datetime("us"), "coc": pl.Float64},
    ).with_columns(n_visits=pl.Series([n_visits] * len(values) if isinstance(n_visits, int) else n_visits))


def happened(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame(rows, {"patient_id": pl.Int64, "event_at": pl.Datetime("us")}, orient="row")


def people(n: int, **columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"patient_id": list(range(n)), **columns})


def study(frame: pl.DataFrame, events: pl.DataFrame, patients: pl.DataFrame, **options: Any) -> ct.Associations:
    settings_ = {"until": END, "classes": [0.5], "min_events_per_parameter": 1} | options
    return ct.outcome_study(frame, events, "coc", patients=patients, **settings_)


def steps(found: ct.Associations) -> dict[str, int]:
    return {row["step"].split(" (")[0]: row["n_left_out"] for row in found.summary["steps"]}


def test_person_years_are_those_counted_by_hand() -> None:
    """Eight patients: to the end, left, died, died before, undefined, unknown, came late, no row."""
    frame = indices({0: 0.2, 1: 0.8, 2: 0.3, 3: 0.9, 4: None, 5: 0.6, 6: 0.7})
    listed = pl.DataFrame(
        {
            "patient_id": [0, 1, 2, 3, 4, 6, 7],
            "enrolled_from": [None, date(2020, 1, 1), None, None, None, date(2023, 1, 1), None],
            "enrolled_to": [None, date(2024, 7, 1), None, None, None, None, None],
        }
    )
    deaths = happened([(2, datetime(2024, 4, 10)), (3, datetime(2023, 12, 31))])
    events = happened(
        [
            (0, datetime(2024, 5, 1)),
            (0, datetime(2025, 1, 1)),  # the end is not part of the follow-up
            (0, datetime(2023, 5, 1)),
            (1, datetime(2024, 6, 30, 23)),
            (1, datetime(2024, 7, 1)),  # had left
            (2, datetime(2024, 4, 10, 14)),  # on the day of death
            (2, datetime(2024, 4, 11)),
            (5, datetime(2024, 5, 1)),
        ]
    )
    found = study(frame, events, listed, deaths=deaths)
    days = 366 + 182 + 100
    assert found.summary["person_years"] == pytest.approx(days / 365.25, abs=1e-12)
    assert found.summary["n_events"] == 3
    assert found.summary["n_patients"] == 3
    assert steps(found) == {
        "in the frame of indices; left out: patients without a row there": 1,
        "the index is undefined": 1,
        "not among the patients": 1,
        "dead before follow-up": 1,
        "not enrolled when follow-up starts": 0,
        "enrolled after the exposure window began": 1,
    }
    assert found.summary["events"] == {
        "in_table": 8,
        "of_others": 1,
        "before_follow_up": 1,
        "in_follow_up": 3,
        "in_exposure_window": 0,
        "outside_follow_up": 3,
    }
    ratio = (1 / 182) / (2 / 466)
    assert found.summary["ratios"][1]["ratio"] == pytest.approx(ratio, rel=1e-8)


def test_who_dies_or_has_an_event_on_the_first_day_is_followed() -> None:
    frame, listed = indices({0: 0.2, 1: 0.8, 2: 0.8, 3: 0.1}), people(4)
    deaths = happened([(0, LANDMARK), (1, datetime(2024, 3, 1))])
    found = study(frame, deaths, listed, deaths=deaths)
    assert found.summary["n_events"] == 2
    assert found.summary["person_years"] == pytest.approx((0.5 + 60 + 2 * 366) / 365.25, abs=1e-12)
    assert study(frame, deaths, listed, deaths=deaths, model="cox", until="2024-12-31").summary["n_events"] == 2


def test_classes_alone_give_the_closed_rate_ratio_and_its_robust_error() -> None:
    """The log of a ratio of rates; the sandwich of one binary column is a sum of squares within classes."""
    rng = np.random.default_rng(3)
    n = 120
    frame = indices({k: 0.2 if k < 70 else 0.8 for k in range(n)})
    counts = rng.poisson(1.5, n)
    stays = [date(2024, 1, 1) + timedelta(days=int(d)) for d in rng.integers(30, 366, n)]
    events = happened([(k, LANDMARK + timedelta(hours=k + 1)) for k in range(n) for _ in range(counts[k])])
    found = study(frame, events, people(n, enrolled_to=stays))
    years = np.array([(stay - date(2024, 1, 1)).days for stay in stays]) / 365.25
    high = np.arange(n) >= 70
    rates = [counts[own].sum() / years[own].sum() for own in (~high, high)]
    squares = [
        ((counts[own] - rate * years[own]) ** 2).sum() / counts[own].sum() ** 2
        for own, rate in zip((~high, high), rates, strict=True)
    ]
    correction = n / (n - 1) * (n - 1) / (n - 2)
    row = found.frame.row(1, named=True)
    assert row["estimate"] == pytest.approx(np.log(rates[1] / rates[0]), abs=1e-8)
    assert row["std_error"] == pytest.approx(np.sqrt(sum(squares) * correction), rel=1e-6)
    assert (row["n_patients"], row["event_time"]) == (50, None)


@pytest.mark.parametrize("late", [False, True])
def test_errors_of_cox_are_those_of_statsmodels(late: bool) -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    n = 250
    x = rng.normal(size=(n, 3))
    entry = rng.integers(0, 4, n) / 10 + 0.013 if late else np.zeros(n)
    exit_ = np.ceil(entry * 20) / 20 + rng.integers(1, 20, n) / 20
    y, groups = (rng.random(n) < 0.6).astype(float), rng.integers(0, 25, n)
    data = Followed(y, x, entry, exit_, groups, by_unit=True)
    ours = fit("cox", data)
    model = sm.PHReg(exit_, x, status=y, entry=entry if late else None)
    theirs = model.fit(groups=groups)
    assert ours.params == pytest.approx(theirs.params, abs=1e-10)
    assert ours.cov * 24 / 25 == pytest.approx(np.asarray(theirs.cov_params()), abs=1e-12)
    rows = np.nan_to_num(model.score_residuals(theirs.params))
    assert score_residuals(theirs.params, data) == pytest.approx(rows, abs=1e-10)


def test_negative_binomial_finds_the_alpha_of_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    n = 800
    x = rng.normal(size=(n, 2))
    exit_ = rng.uniform(0.2, 1, n)
    y = rng.poisson(rng.gamma(2, 0.5, n) * np.exp(0.3 * x[:, 0] + 0.5) * exit_).astype(float)
    ours = fit("negative_binomial", Followed(y, x, np.zeros(n), exit_, np.arange(n), by_unit=False))
    theirs = sm.NegativeBinomial(y, sm.add_constant(x, prepend=False), offset=np.log(exit_)).fit(disp=False)
    assert ours.params == pytest.approx(theirs.params[:-1], abs=1e-4)
    assert ours.further["alpha"] == pytest.approx(theirs.params[-1], rel=1e-3)


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=6, unique=True).map(sorted))
def test_a_spline_is_linear_beyond_its_knots_and_smooth_at_them(knots: list[int]) -> None:
    where = [k / 1000 for k in knots]
    low, high = np.array([-3.0, -2.0, -1.0]), np.array([2.0, 3.0, 4.0])
    for outside in (low, high):
        basis = spline(outside, where)
        assert basis.shape == (3, len(where) - 1)
        assert np.abs(np.diff(basis, n=2, axis=0)).max() < 1e-6 * max(1.0, np.abs(basis).max())
    step = 1e-5
    for knot in where:
        near = spline(np.array([knot - step, knot, knot + step]), where)
        gap = min(np.diff(where))
        assert np.abs(np.diff(near, n=2, axis=0)).max() < 1e-8 / min(gap, 1)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["poisson", "cox", "gamma"]))
def test_the_order_of_rows_changes_nothing(seed: int, model: Any) -> None:
    drawn = draw_outcomes(500, seed=4, n_units=25)
    events = drawn.costs if model == "gamma" else drawn.events

    def found(mix: Any) -> ct.Associations:
        return ct.outcome_study(
            mix(drawn.per_patient),
            mix(events),
            "coc",
            patients=mix(drawn.patients),
            deaths=mix(drawn.deaths),
            until=END,
            covariates=["age_band", "sex", "birth_year"],
            model=model,
        )

    plain, mixed = found(lambda f: f), found(lambda f: f.sample(fraction=1.0, shuffle=True, seed=seed))
    assert plain.frame.equals(mixed.frame)
    assert plain.summary == mixed.summary


def test_other_frames_and_names_of_patients_give_the_same() -> None:
    drawn = draw_outcomes(500, seed=4, n_units=25)
    tables = (drawn.per_patient, drawn.events, drawn.patients, drawn.deaths)

    def found(change: Any) -> pl.DataFrame:
        frame, events, patients, deaths = (change(table) for table in tables)
        return ct.outcome_study(frame, events, "coc", patients=patients, deaths=deaths, until=END, classes=[0.5]).frame

    plain = found(lambda f: f)
    assert found(lambda f: f.lazy()).equals(plain)
    assert found(lambda f: f.to_pandas()).equals(plain)
    named = found(
        lambda f: f.with_columns(
            pl.format("p{}", pl.col("patient_id").cast(pl.String).str.zfill(5)).alias("patient_id")
        )
    )
    assert named.equals(plain)


def test_a_landmark_each_half_year_follows_until_the_next() -> None:
    halves = [(START, LANDMARK), (datetime(2022, 7, 1), datetime(2024, 7, 1))]
    frame = pl.concat(
        [
            indices({0: 0.2, 1: 0.8, 2: 0.7, 3: 0.3}, window=halves[0]),
            indices({0: 0.9, 1: None, 2: 0.6, 3: 0.1}, window=halves[1]),
        ]
    )
    events = happened([(who, datetime(2024, month, 1)) for who, month in ((0, 2), (0, 8), (1, 8), (2, 8), (3, 9))])
    options: dict[str, Any] = {"time_varying": True}
    found = study(frame, events, people(4), **options)
    assert found.summary["design"].startswith("time-varying: 2 landmarks")
    assert found.summary["person_years"] == pytest.approx((4 * 182 + 3 * 184) / 365.25, abs=1e-12)
    assert found.summary["n_events"] == 4  # patient 1 has no index at the second landmark
    assert found.frame["n_patients"].to_list() == [2, 3]
    first = study(frame, events, people(4), model="cox", **options)
    assert steps(first)["followed until an earlier first event"] == 1
    assert first.summary["n_events"] == 3
    assert first.summary["person_years"] == pytest.approx((31 + 3 * 182 + 31 + 62) / 365.25, abs=1e-12)


def test_those_with_an_event_before_can_be_left_out() -> None:
    frame = indices({0: 0.2, 1: 0.8, 2: 0.8, 3: 0.1})
    events = happened(
        [(0, datetime(2023, 5, 1)), (0, datetime(2024, 5, 1)), (1, datetime(2024, 5, 1)), (3, datetime(2024, 5, 1))]
    )
    found = study(frame, events, people(4), event_free=True)
    assert steps(found)["with an event before follow-up"] == 1
    assert (found.summary["n_events"], found.summary["n_patients"]) == (2, 3)


def test_many_units_are_clusters_and_few_are_not() -> None:
    few, many = draw_outcomes(600, seed=2, n_units=5), draw_outcomes(900, seed=2, n_units=30)

    def said(drawn: Any, **options: Any) -> dict[str, Any]:
        return study(drawn.per_patient, drawn.events, drawn.patients, deaths=drawn.deaths, **options).summary

    assert said(few)["std_errors"] == said(few, within_units=False)["std_errors"] == "clustered by patient"
    assert said(few)["ratios"] == said(few, within_units=False)["ratios"]
    assert said(many)["std_errors"] == "clustered by unit (30 units)"
    assert "unit_id" in said(many)["adjusted_for"]
    assert "unit_id" not in said(many, within_units=False)["adjusted_for"]


def test_within_units_two_units_give_the_ratio_of_mantel_and_haenszel() -> None:
    """One patient of each class in every unit, at equal times: the ratio within units is that of the sums."""
    frame = indices({0: 0.2, 1: 0.8, 2: 0.2, 3: 0.8, 4: 0.1, 5: 0.9})
    counts = {0: 4, 1: 2, 2: 9, 3: 3}
    events = happened([(k, LANDMARK + timedelta(days=1 + d)) for k, n in counts.items() for d in range(n)])
    found = study(frame, events, people(6, unit_id=["U", "U", "V", "V", "W", "W"]))
    assert found.summary["ratios"][1]["ratio"] == pytest.approx((2 + 3) / (4 + 9), rel=1e-8)
    assert steps(found)["in a unit without any outcome"] == 2


def test_a_curve_is_the_same_whatever_it_is_compared_with() -> None:
    drawn = draw_outcomes(800, seed=3, log_ratio=-0.8, shape="line")
    found = {
        base: study(
            drawn.per_patient,
            drawn.events,
            drawn.patients,
            deaths=drawn.deaths,
            classes=None,
            at=[0.2, 0.8],
            reference=base,
        )
        for base in (0.2, 0.5)
    }
    gaps = [one.frame["estimate"][1] - one.frame["estimate"][0] for one in found.values()]
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-10)
    assert found[0.2].frame["std_error"][0] is None
    assert found[0.2].summary["continuity"]["knots_from"] == "quantiles"


def test_a_notebook_shows_no_row_of_a_few_patients() -> None:
    frame = indices({k: 0.2 if k < 3 else 0.8 for k in range(12)})
    events = happened([(k, datetime(2024, 5, 1)) for k in (0, 1, 5, 6, 7)])
    shown = study(frame, events, people(12))._repr_html_()
    assert "&gt;= 0.5" in shown
    assert "&lt; 0.5</td>" not in shown
    assert "An association, not an effect" in shown
