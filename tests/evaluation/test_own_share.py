"""The share of visits with the listed provider: SLICC for any group, and how sure it is."""

import json
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import continuity as ct
from continuity.evaluation.aggregate import aggregate, own_visit_share
from continuity.metrics import Rules
from continuity.metrics.engine.prepare import Sources
from continuity.pipeline.measure import measure

VECTORS = Path(__file__).parents[2].parent / "shared" / "reference" / "vectors.json"
RULES = Rules(min_visits=1)


def patients_of(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Draw patients whose visits are alike: each has a share of the own provider, and the ill come more often."""
    share = rng.beta(1.2, 0.8, n)
    visits = rng.geometric(0.25, n) - 1  # a quarter has none
    return pl.DataFrame({"n_while_listed": visits, "n_listed": rng.binomial(visits, share)})


def table(name: str, visits: dict[str, list[str | None]], listed: dict[str, str | None]) -> Sources:
    rows = [
        (patient, provider, datetime(2025, 1, 1) + timedelta(days=day))
        for patient, seen in visits.items()
        for day, provider in enumerate(seen)
    ]
    schema = {"patient_id": pl.String, "provider_id": pl.String, "visit_at": pl.Datetime("us")}
    lists = pl.LazyFrame({"patient_id": list(listed), "listed_provider_id": list(listed.values()), "unit_id": name})
    return Sources(pl.LazyFrame(rows, schema=schema, orient="row"), lists)


@pytest.mark.skipif(not VECTORS.exists(), reason="the reference vectors lie beside the checkout, in ../shared")
def test_the_constructed_lists_of_the_reference() -> None:
    found = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
    vector = next(v for v in found if v["id"] == "constructed_lists")
    exact = vector["exact"]
    listed = {p["patient"]: p["assigned_provider"] for p in vector["patients"]}
    sources = table("U", {p["patient"]: p["visits"] for p in vector["patients"]}, listed)
    measured = measure(sources, ["coc"], RULES, None)
    lists = pl.DataFrame({"patient_id": list(listed), "holder": list(listed.values())})
    by_list = aggregate(measured, ["holder"], lists).filter(index="own_visit_share")
    got = dict(by_list.select("holder", "estimate").iter_rows())
    assert got.pop(None) is None  # nobody's patients: no list, no share
    assert got == {holder: pytest.approx(float(Fraction(x)), abs=1e-12) for holder, x in exact["slicc_by_list"].items()}
    whole = aggregate(measured, []).filter(index="own_visit_share").row(0, named=True)
    assert whole["estimate"] == pytest.approx(float(Fraction(exact["slicc"])), abs=1e-12)
    assert (whole["n_visits"], whole["n_patients"], whole["n_undefined"]) == (11, 4, 1)

    patients = sources.patients
    assert patients is not None
    each = ct.compute(sources.visits.collect(), "upc_assigned", patients=patients.collect(), min_visits=1)
    values = dict(each.select("patient_id", "upc_assigned").iter_rows())
    for patient, value in exact["upc_assigned"].items():
        assert values.get(patient) == (None if value is None else pytest.approx(float(Fraction(value)), abs=1e-12))
    # The practice is the visit-weighted mean of its lists, and of its patients.
    sums = by_list.filter(pl.col("estimate").is_not_null())
    assert (sums["estimate"] * sums["n_visits"]).sum() / sums["n_visits"].sum() == pytest.approx(whole["estimate"])


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_visit_weighted_mean_of_each_patients_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    visits: dict[str, list[str | None]] = {
        f"P{k}": [str(x) if x != "?" else None for x in rng.choice(list("ABC?"), rng.integers(1, 9))] for k in range(60)
    }
    listed = {p: (None if rng.random() < 0.2 else str(rng.choice(list("ABC")))) for p in visits}
    sources = table("U", visits, listed)
    per_patient = measure(sources, ["coc"], RULES, None)
    unit = pl.DataFrame({"patient_id": list(listed), "unit": [p[-1] for p in listed]})
    for row in aggregate(per_patient, ["unit"], unit).filter(index="own_visit_share").to_dicts():
        shares = []
        for patient, seen in visits.items():
            known = [x for x in seen if x is not None]
            if patient[-1] == row["unit"] and listed[patient] and known:
                shares.append((Fraction(known.count(listed[patient]), len(known)), len(known)))
        n = sum(weight for _, weight in shares)
        assert (row["n_patients"], row["n_visits"]) == (len(shares), n)
        assert row["estimate"] == pytest.approx(float(sum(s * w for s, w in shares) / n) if n else None, abs=1e-12)


def one_group(frame: pl.DataFrame) -> dict[str, Any]:
    return own_visit_share(frame.with_columns(group=pl.lit(0)), ["group"]).row(0, named=True)


def test_the_standard_error_is_that_of_a_bootstrap_of_patients() -> None:
    """With 4,000 resamples the bootstrap's own error is 1.1 %; linearisation differs from it by about 1/n = 0.3 %."""
    rng = np.random.default_rng(11)
    frame = patients_of(rng, 300)
    y, x = frame["n_listed"].to_numpy(), frame["n_while_listed"].to_numpy()
    drawn = rng.integers(0, 300, (4000, 300))
    resampled = (y[drawn].sum(axis=1) / x[drawn].sum(axis=1)).std(ddof=1)
    # n counts those with a visit, the bootstrap draws all: patients without visits add nothing to either sum.
    assert one_group(frame)["std_error"] == pytest.approx(resampled, rel=0.05)


def test_visits_are_not_taken_for_independent() -> None:
    """The binomial error of visits is too small by the design effect of patients; ours must not be."""
    row = one_group(patients_of(np.random.default_rng(3), 2000))
    binomial = (row["estimate"] * (1 - row["estimate"]) / row["n_visits"]) ** 0.5
    assert row["std_error"] > 1.3 * binomial


def test_the_interval_covers_the_share_of_the_population() -> None:
    """4,000 samples of 80 patients; the share is E y / E x = 1.2 / 2.0, whatever the number of visits.

    The standard error of a coverage of 95 % is 0.35 %; a ratio of 80 patients falls short by about a percent.
    """
    rng = np.random.default_rng(5)
    n_samples, n = 4000, 80
    frame = patients_of(rng, n_samples * n).with_columns(sample=pl.int_range(n_samples * n) // n)
    rows = own_visit_share(frame, ["sample"])
    covered = rows.select(pl.lit(0.6).is_between("ci_low", "ci_high").mean()).item()
    assert 0.925 <= covered <= 0.965


def test_intervals_at_the_ends() -> None:
    every = one_group(pl.DataFrame({"n_while_listed": [3, 4], "n_listed": [3, 4]}))
    assert (every["estimate"], every["std_error"], every["ci_low"], every["ci_high"]) == (1, 0, 1, 1)
    alone = one_group(pl.DataFrame({"n_while_listed": [3, 0], "n_listed": [1, 0]}))
    assert (alone["n_patients"], alone["n_undefined"], alone["std_error"], alone["ci_low"]) == (1, 1, None, None)
    none = one_group(pl.DataFrame({"n_while_listed": [0, 0], "n_listed": [0, 0]}))
    assert (none["n_patients"], none["estimate"], none["undefined_reason"]) == (0, None, "no_eligible_patients")


def test_row_order_changes_no_bit() -> None:
    frame = patients_of(np.random.default_rng(8), 5000).with_columns(group=pl.int_range(5000) % 3)
    wanted = own_visit_share(frame, ["group"]).sort("group").rows()
    for seed in range(3):
        shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
        assert own_visit_share(shuffled, ["group"]).sort("group").rows() == wanted
