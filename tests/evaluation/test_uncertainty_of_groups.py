"""Estimators and intervals of groups: identities, coverage, and the compressed bootstrap against the plain one."""

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import continuity as ct
from continuity.errors import UsageError
from continuity.evaluation.bootstrap import replicate


def row(frame: pl.DataFrame, key: str = "coc", **how: Any) -> dict[str, Any]:
    return ct.summarise(frame, **how).filter(index=key).row(0, named=True)


def people(rng: np.random.Generator, n: int, digits: int = 1) -> pl.DataFrame:
    """Draw patients whose number of visits depends on their continuity; the fewer digits, the fewer classes."""
    value = rng.beta(1, 2, n).round(digits)
    visits = 2 + rng.poisson(1 + 4 * (1 - value))
    return pl.DataFrame({"patient_id": np.arange(n), "unit_id": np.arange(n) % 3, "n_visits": visits, "coc": value})


def test_the_three_estimators_of_the_reference_differ() -> None:
    """methods.md R15: patients with counts (2), (1,1), (9,1)."""
    frame = pl.DataFrame({"patient_id": [1, 2, 3], "n_visits": [2, 2, 10], "coc": [1.0, 0.0, 72 / 90]})
    got = [row(frame, estimator=e)["estimate"] for e in ("patient_mean", "visit_weighted", "pooled")]
    assert got == pytest.approx([3 / 5, 5 / 7, 74 / 94], abs=1e-15)


def test_with_equal_visits_the_three_are_one() -> None:
    frame = people(np.random.default_rng(1), 500).with_columns(n_visits=pl.lit(6, pl.Int64), secon=1 - pl.col("coc"))
    for key in ("coc", "secon"):
        rows = [row(frame, key, estimator=e) for e in ("patient_mean", "visit_weighted", "pooled")]
        for name in ("estimate", "std_error", "ci_low", "ci_high"):
            assert [r[name] for r in rows] == pytest.approx([rows[0][name]] * 3, rel=1e-12)


@pytest.mark.parametrize("digits", [1, 12])
def test_the_compressed_bootstrap_has_the_distribution_of_the_plain_one(digits: int) -> None:
    """Two samples of 4,000 replicates: Kolmogorov's distance exceeds 0.043 in one of a thousand pairs.

    Few digits give classes that are drawn as numbers; many give patients drawn one by one.
    """
    frame = people(np.random.default_rng(2), 200, digits)
    value, weight = frame["coc"].to_numpy(), frame["n_visits"].to_numpy().astype(float)
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 200, (4000, 200))
    plain = (value * weight)[drawn].sum(axis=1) / weight[drawn].sum(axis=1)
    classes = frame.group_by("coc", "n_visits").len().sort("coc", "n_visits")
    arrays = (classes["coc"].to_numpy(), classes["n_visits"].to_numpy().astype(float), classes["len"].to_numpy())
    compressed = replicate(*arrays, 4000, rng)
    grid = np.sort(np.concatenate([plain, compressed]))
    distance = np.searchsorted(np.sort(plain), grid, "right") - np.searchsorted(np.sort(compressed), grid, "right")
    assert np.abs(distance).max() / 4000 < 0.043


def test_many_equal_patients_are_drawn_as_binomial_numbers() -> None:
    """Half of 1,000 patients have 1: the mean is binomial, its standard deviation sqrt(1/4 / 1,000), known to 1.6 %."""
    halves = (np.array([0.0, 1.0]), np.ones(2), np.array([500, 500]))
    drawn = replicate(*halves, 20_000, np.random.default_rng(4))
    assert drawn.std() == pytest.approx(math.sqrt(0.25 / 1000), rel=0.02)
    assert drawn.mean() == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 1000 / 20_000))


@pytest.mark.parametrize("estimator", ["patient_mean", "visit_weighted", "pooled"])
def test_bootstrap_and_analytic_intervals_agree(estimator: str) -> None:
    """1,000 replicates know a standard error to 2.2 %, and a percentile to 0.085 standard errors: four of each."""
    frame = people(np.random.default_rng(5), 2000)
    analytic, boot = row(frame, estimator=estimator), row(frame, estimator=estimator, interval="bootstrap")
    assert boot["estimate"] == analytic["estimate"]
    assert boot["std_error"] == pytest.approx(analytic["std_error"], rel=0.09)
    for end in ("ci_low", "ci_high"):
        assert boot[end] == pytest.approx(analytic[end], abs=0.35 * analytic["std_error"])


@pytest.mark.parametrize("interval", ["analytic", "bootstrap"])
@pytest.mark.parametrize("estimator", ["patient_mean", "visit_weighted", "pooled"])
def test_intervals_cover_the_truth(estimator: str, interval: str) -> None:
    """400 samples of 150 patients; the truth is that of 300,000. A coverage of 95 % is known to 1.1 %: three."""
    rng = np.random.default_rng(6)
    truth = row(people(rng, 300_000), estimator=estimator)["estimate"]
    frame = people(rng, 400 * 150).with_columns(sample=pl.col("patient_id") // 150)
    rows = ct.summarise(frame, by="sample", estimator=estimator, interval=interval, replicates=400)
    covered = rows.select(pl.lit(truth).is_between("ci_low", "ci_high").mean()).item()
    assert 0.915 <= covered <= 0.985


def same(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    return a.equals(b)


def test_the_bootstrap_depends_on_the_seed_alone() -> None:
    frame = people(np.random.default_rng(7), 900, digits=9)
    how: dict[str, Any] = {"by": "unit_id", "interval": "bootstrap", "replicates": 100, "estimator": "visit_weighted"}
    wanted = ct.summarise(frame, **how)
    assert set(wanted["interval"]) == {"bootstrap (100 replicates, seed 0)"}
    assert same(ct.summarise(frame.sample(fraction=1, shuffle=True, seed=1), **how), wanted)
    lazy = ct.summarise(frame.lazy(), **how)
    assert isinstance(lazy, pl.LazyFrame)
    assert same(lazy.collect(), wanted)
    pandas = ct.summarise(frame.to_pandas(), **how)
    assert isinstance(pandas, pd.DataFrame)
    assert pandas["ci_low"].tolist() == wanted["ci_low"].to_list()
    alone = ct.summarise(frame.filter(unit_id=1).with_columns(upc=pl.lit(1.0)), **how).filter(index="coc")
    assert same(alone, wanted.filter(unit_id=1))  # other units and indices change nothing
    assert not same(ct.summarise(frame, **how, seed=1), wanted)


def test_few_patients_and_none() -> None:
    frame = pl.DataFrame({"patient_id": [1, 2], "unit_id": ["A", "B"], "n_visits": [3, 1], "coc": [0.5, None]})
    for estimator in ("patient_mean", "visit_weighted", "pooled"):
        rows = ct.summarise(frame, by="unit_id", interval="bootstrap", estimator=estimator).to_dicts()
        assert [(r["n_patients"], r["estimate"], r["ci_low"]) for r in rows] == [(1, 0.5, None), (0, None, None)]
        assert rows[1]["undefined_reason"] == "no_eligible_patients"


def test_the_usual_table_has_no_further_column() -> None:
    assert not {"estimator", "interval"} & set(ct.summarise(people(np.random.default_rng(8), 9)).columns)


def test_what_does_not_exist_is_refused() -> None:
    frame = people(np.random.default_rng(9), 9)
    with pytest.raises(UsageError, match="visit_weighted"):
        ct.summarise(frame, estimator="visit_weigthed")
    with pytest.raises(UsageError, match="analytic, bootstrap"):
        ct.summarise(frame, interval="wilson")
    with pytest.raises(UsageError, match="replicates"):
        ct.summarise(frame, interval="bootstrap", replicates=5)
    with pytest.raises(UsageError, match="Pooled pairs do not exist for upc"):
        ct.summarise(frame.with_columns(upc=pl.lit(0.5)), estimator="pooled")
