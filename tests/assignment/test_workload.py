"""The forecast of workload: simulated rates are recovered, bands are calibrated, exposures and new patients counted."""

import subprocess
import sys
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.metrics import mean_poisson_deviance
from sklearn.utils.estimator_checks import parametrize_with_checks

from continuity.assignment import WorkloadModel, attribute, expected_workload, panel_sizes, validate_workload
from continuity.assignment import workload_table as table
from continuity.assignment.workload_features import years_before
from continuity.errors import InputError, UsageError
from continuity.synthetic import Setting, ages, generate

END = datetime(2026, 1, 1)
METHODS = ["boosting", "poisson"]


@parametrize_with_checks([WorkloadModel(method) for method in METHODS])
def test_the_estimator_keeps_the_conventions_of_sklearn(estimator, check):
    check(estimator)


def simulated(n=12_000, seed=3):
    """Age, a past count, an exposure, and a count whose yearly rate is known."""
    rng = np.random.default_rng(seed)
    features = pl.DataFrame({"age": rng.integers(0, 95, n).astype(float), "past": rng.poisson(1.5, n).astype(float)})
    rate = 0.4 + features["age"].to_numpy() / 60 + 0.5 * features["past"].to_numpy()
    exposure = rng.uniform(0.1, 1.0, n)
    return features, rate, exposure, rng.poisson(rate * exposure)


@pytest.mark.parametrize("method", METHODS)
def test_a_known_rate_is_recovered_whatever_the_exposure(method):
    features, rate, exposure, y = simulated()
    model = WorkloadModel(method).fit(features, y, exposure=exposure)
    found = model.predict(features)
    assert np.corrcoef(found, rate)[0, 1] > 0.96
    assert np.abs(found / rate - 1).mean() < 0.10, "ten per cent: a rate of 2 seen for half a year by 12,000 people"
    assert found.min() > 0
    np.testing.assert_allclose(model.predict(features, exposure=exposure), found * exposure)
    without = WorkloadModel(method).fit(features, y).predict(features)
    assert without.mean() < 0.65 * rate.mean(), "a model that is not told the exposure takes half years for whole ones"


@pytest.mark.parametrize("method", METHODS)
def test_bands_are_calibrated_out_of_sample(method):
    features, _, exposure, y = simulated(16_000)
    model = WorkloadModel(method, band_starts=(20, 50, 80)).fit(features[:8000], y[:8000], exposure=exposure[:8000])
    rest, seen = features[8000:], y[8000:]
    forecast = model.predict(rest, exposure=exposure[8000:])
    band = np.searchsorted([20, 50, 80], rest["age"], side="right")
    for place in range(4):
        observed, expected = seen[band == place].sum(), forecast[band == place].sum()
        assert abs(observed - expected) < 4 * np.sqrt(2 * observed), "both halves have Poisson noise"


def test_calibration_mends_a_band_that_the_features_cannot_tell():
    rng = np.random.default_rng(0)
    age = rng.integers(0, 90, 20_000).astype(float)
    y = rng.poisson(np.where((age >= 16) & (age < 20), 4.0, 1.0))
    features = pl.DataFrame({"age": age})
    crude = WorkloadModel("poisson", n_folds=1).fit(features, y)
    mended = WorkloadModel("poisson").fit(features, y)
    young = pl.DataFrame({"age": [16.0, 17.0, 18.0, 19.0]})
    assert abs(mended.predict(young).mean() - 4) < abs(crude.predict(young).mean() - 4) / 3
    assert mended.predict(young).mean() == pytest.approx(4, abs=0.25)


def test_a_model_is_cloned_and_gives_the_same_again():
    features, _, exposure, y = simulated(3000)
    model = WorkloadModel(random_state=7, n_folds=2)
    assert clone(model).get_params() == model.get_params()
    one, other = (clone(model).fit(features, y, exposure=exposure).predict(features) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("y", "exposure", "method", "said"),
    [
        ([1, -1, 2], None, "boosting", "0 or more"),
        ([0, 0, 0], None, "boosting", "not 0 for everyone"),
        ([1, 1, 2], [1, 0, 1], "boosting", "above 0"),
        ([1, 1, 2], [1, 1], "boosting", "inconsistent"),
        ([1, 1, 2], None, "forest", "Choices: boosting, poisson"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(y, exposure, method, said):
    with pytest.raises(ValueError, match=said):
        WorkloadModel(method).fit([[1.0], [2.0], [3.0]], y, exposure=exposure)


@pytest.fixture(scope="module")
def tables():
    """Four years in which frail people stay frail, so that the past tells something."""
    return generate(Setting(n_patients=6000, years=4, start=date(2022, 1, 1), share_joining=0.05))


@pytest.fixture(scope="module")
def forecast(tables):
    return expected_workload(tables.patients, tables.visits, as_of=END)


def test_everyone_has_a_positive_forecast_and_new_patients_too(tables, forecast):
    assert forecast["patient_id"].to_list() == sorted(tables.patients["patient_id"])
    assert forecast["workload"].null_count() == 0
    assert forecast["workload"].min() > 0
    new = tables.patients.filter(pl.col("enrolled_from") > date(2025, 11, 1)).select("patient_id")
    of_new = forecast.join(new, on="patient_id")
    assert of_new["workload_source"].unique().to_list() == ["model_without_history"]
    assert 0.5 < of_new["workload"].mean() < 2.5
    old = tables.patients.filter((pl.col("enrolled_from") < date(2024, 1, 1)) & pl.col("enrolled_to").is_null()).select(
        "patient_id"
    )
    assert forecast.join(old, on="patient_id")["workload_source"].unique().to_list() == ["model"]


def test_the_forecast_does_not_depend_on_the_order_of_the_rows(tables, forecast):
    patients, visits = (
        tables.patients.sample(fraction=1, shuffle=True, seed=1),
        tables.visits.sample(fraction=1, shuffle=True, seed=2),
    )
    again = expected_workload(patients.lazy(), visits.lazy(), as_of="2026-01-01")
    assert isinstance(again, pl.LazyFrame)
    assert again.collect().equals(forecast)


def test_visits_after_the_moment_and_of_other_roles_do_not_move_the_level(tables, forecast):
    doctor = tables.visits.filter(pl.col("provider_role") == "doctor")
    year = doctor.filter(pl.col("visit_at").dt.year() == 2025).height
    enrolled = tables.patients.filter(pl.col("enrolled_to").is_null())
    total = forecast.join(enrolled.select("patient_id"), on="patient_id")["workload"].sum()
    assert total == pytest.approx(year, rel=0.06)
    earlier = expected_workload(tables.patients, tables.visits, as_of="2025-01-01", method="poisson")
    only = expected_workload(
        tables.patients,
        tables.visits.filter(pl.col("visit_at") < datetime(2025, 1, 1)),
        as_of="2025-01-01",
        method="poisson",
    )
    assert earlier.equals(only)


def test_out_of_time_the_model_beats_the_table_and_last_year(tables):
    found = validate_workload(tables.patients, tables.visits, as_of=END)
    deviance = dict(found.scores.select("forecast", "mean_poisson_deviance").rows())
    assert deviance["model"] < 0.8 * min(deviance["age_sex_table"], deviance["last_year"])
    ratios = found.deciles.filter(pl.col("forecast") == "model").sort("decile")
    assert ratios["ratio"][-5:].is_between(0.85, 1.15).all()
    assert ratios["observed"].is_sorted() or ratios["observed"].diff().min() > -0.1
    assert found.bands["n_patients"].sum() == found.scores["n_patients"][0]
    assert found.bands.filter(pl.col("person_years") > 300)["ratio"].is_between(0.8, 1.2).all()
    text = str(found)
    assert all(word in text for word in ("mean_poisson_deviance", "decile", "age_band", "16-19", "last_year"))


def test_the_deviance_is_that_of_sklearn(tables):
    """On rates with the exposure as weight, which is how scikit-learn has it."""
    found = validate_workload(tables.patients, tables.visits, as_of=END, method="poisson")
    before = expected_workload(tables.patients, tables.visits, as_of="2025-01-01", method="poisson")
    year = tables.visits.filter((pl.col("visit_at").dt.year() == 2025) & (pl.col("provider_role") == "doctor"))
    counts = year.group_by("patient_id").agg(y=pl.len().cast(pl.Float64))
    start, days = date(2025, 1, 1), 365
    people = tables.patients.select(
        "patient_id",
        e=(
            (pl.col("enrolled_to").fill_null(END.date()).clip(start, END.date()))
            - pl.col("enrolled_from").clip(start, END.date())
        ).dt.total_days()
        / days,
    ).filter(pl.col("e") > 0)
    rows = people.join(counts, on="patient_id", how="left").join(before, on="patient_id").fill_null(0.0)
    expected = mean_poisson_deviance(rows["y"] / rows["e"], rows["workload"], sample_weight=rows["e"])
    assert found.scores["mean_poisson_deviance"][0] == pytest.approx(expected, rel=1e-9)


def test_a_short_history_gets_the_table_scaled_to_the_visits(tables):
    recent = tables.visits.filter(pl.col("visit_at") >= datetime(2025, 1, 1))
    found = expected_workload(tables.patients, recent, as_of=END)
    assert found["workload_source"].unique().to_list() == ["age_sex_table"]
    n_doctor = recent.filter(pl.col("provider_role") == "doctor").height
    enrolled = tables.patients.select(
        "patient_id", left=pl.col("enrolled_to").fill_null(END.date()), came="enrolled_from"
    ).with_columns(
        e=(pl.col("left").clip(date(2025, 1, 1), END.date()) - pl.col("came").clip(date(2025, 1, 1), END.date()))
        .dt.total_days()
        .clip(0)
        / 365
    )
    total = (found.join(enrolled, on="patient_id").select(pl.col("workload") * pl.col("e"))).to_series().sum()
    assert total == pytest.approx(n_doctor, rel=0.01), "the scale meets the visits of the year"
    ratio = found.join(tables.patients, on="patient_id").group_by("sex").agg(pl.col("workload").mean())
    means = dict(ratio.rows())
    assert means["female"] / means["male"] == pytest.approx(1.5, rel=0.05), "the shape stays: 3.6 to 2.4"


def test_without_visits_the_level_is_finlands():
    patients = pl.DataFrame(
        {"patient_id": range(4), "birth_year": [1986, 1986, None, 2030], "sex": [*["female", "male"], None, "male"]}
    )
    found = expected_workload(patients, as_of="2026-01-01")["workload"].to_list()
    # 3.2 at 30-49, times 3.6 / 3.0 or 2.4 / 3.0, times 1.2 / 3.0; not known: the mean; not yet born: the first band
    assert found == pytest.approx([1.536, 1.024, 1.2, 1.9 * 0.8 * 0.4])


def test_nothing_known_of_people_gives_the_mean_rate(tables):
    bare = tables.patients.select("patient_id")
    found = expected_workload(
        bare,
        tables.visits.select("patient_id", "visit_at", "provider_id", "provider_role"),
        as_of=END,
        method="poisson",
    )
    assert found["workload"].min() > 0
    assert found["workload_source"].unique().to_list() == ["model"]


def test_minutes_weigh_visits_by_mode_and_role(tables):
    recent = tables.visits.filter(pl.col("visit_at") >= datetime(2025, 1, 1))
    minutes = {"in_person": 20.0, "phone": 10, ("nurse", "phone"): 7.5, "other": 5}
    found = expected_workload(tables.patients, recent, as_of=END, role=None, minutes=minutes)
    plain = expected_workload(tables.patients, recent, as_of=END, role=None)
    by_hand = recent.select(
        pl.when((pl.col("provider_role") == "nurse") & (pl.col("contact_mode") == "phone"))
        .then(7.5)
        .otherwise(pl.col("contact_mode").replace_strict({"in_person": 20.0, "phone": 10.0}, default=5.0))
    ).to_series()
    ratio = (found["workload"] / plain["workload"]).to_numpy()
    np.testing.assert_allclose(ratio, by_hand.sum() / recent.height)


def test_the_table_is_that_of_the_synthetic_population():
    """One published table, held in two places because neither may import the other's."""
    assert tuple(b.low for b in ages.BANDS) == table.BAND_STARTS
    assert tuple(ages.MEAN_VISITS) == table.MEAN_BY_BAND
    assert tuple(ages.DISPERSION) == table.DISPERSION_BY_BAND
    share_without = dict(zip(table.BAND_STARTS, (66, 58, 73, 66, 70, 76, 84, 85, 66), strict=True))
    for low, mean, k in zip(table.BAND_STARTS, table.MEAN_BY_BAND, table.DISPERSION_BY_BAND, strict=True):
        assert (1 + mean / k) ** -k == pytest.approx(1 - share_without[low] / 100, abs=0.005)


def test_bands_and_years_at_their_edges():
    found = pl.DataFrame({"age": [-1, 0, 5, 6, 66, 67, 89, 90, 120, None]}).select(table.band_of(pl.col("age")))
    assert found.to_series().to_list() == [0, 0, 0, 1, 5, 6, 7, 8, 8, None]
    assert years_before(datetime(2024, 2, 29), 1) == datetime(2023, 2, 28)


def test_panels_are_shown_by_heads_and_by_workload():
    plan = pl.DataFrame({"patient_id": [1, 2, 3, 4], "provider_id": ["A", "A", "B", None]})
    workload = pl.DataFrame({"patient_id": [1, 2, 3], "workload": [1.0, 2.0, 6.0]})
    providers = pl.DataFrame({"provider_id": ["A", "B", "C"], "fte": [0.5, 1.0, 0.0]})
    found = panel_sizes(plan, workload, providers)
    assert found["provider_id"].to_list() == [None, "A", "B", "C"]
    assert found["n_patients"].to_list() == [1, 2, 1, 0]
    assert found["n_weighted"].to_list() == pytest.approx([1.0, 1.0, 2.0, 0.0])
    assert found["n_without_workload"].to_list() == [1, 0, 0, 0]
    assert found["n_patients_per_fte"].to_list() == [None, 4.0, 1.0, None]
    assert found["n_weighted"].sum() == found["n_patients"].sum()
    assert panel_sizes(plan.lazy(), workload).collect()["n_patients"].to_list() == [1, 2, 1]


def test_panels_of_attributed_patients_add_up(tables, forecast):
    attributed = attribute(tables.visits, patients=tables.patients, providers=tables.providers, as_of=END)
    sizes = panel_sizes(attributed, forecast, tables.providers)
    assert sizes["n_patients"].sum() == tables.patients.height
    assert sizes["workload"].sum() == pytest.approx(forecast["workload"].sum())


def test_bad_input_is_refused_in_words(tables):
    patients = pl.DataFrame({"patient_id": [1]})
    with pytest.raises(UsageError, match="Give as_of"):
        expected_workload(patients)
    with pytest.raises(UsageError, match="'other' must be there"):
        expected_workload(patients, as_of=END, minutes={"phone": 5})
    with pytest.raises(UsageError, match="'other' must be there"):
        expected_workload(patients, as_of=END, minutes={"other": -5})
    with pytest.raises(UsageError, match="mode of minutes cannot be 'fax'"):
        expected_workload(patients, as_of=END, minutes={"fax": 5, "other": 1})
    with pytest.raises(UsageError, match="role of minutes cannot be 'surgeon'"):
        expected_workload(patients, as_of=END, minutes={("surgeon", "phone"): 5, "other": 1})
    with pytest.raises(InputError, match="less than three years"):
        validate_workload(tables.patients, tables.visits, as_of="2024-06-01")
    twice = pl.DataFrame({"patient_id": [1, 1], "provider_id": ["A", "B"]})
    with pytest.raises(InputError, match="several rows of the assignments"):
        panel_sizes(twice, pl.DataFrame({"patient_id": [1], "workload": [1.0]}))
    with pytest.raises(InputError, match="workload"):
        panel_sizes(twice[:1], patients)


def test_sklearn_is_imported_when_used_only():
    code = (
        "import sys, polars as pl; from continuity.assignment import attribute, expected_workload;"
        "expected_workload(pl.DataFrame({'patient_id': [1]}), as_of='2026-01-01'); assert 'sklearn' not in sys.modules;"
        "from continuity.assignment import WorkloadModel; assert 'sklearn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
