"""The variance of one patient's COC: by enumeration of the multinomial, by simulation, and the stored vectors."""

import json
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import continuity as ct
from continuity.errors import InputError, UsageError
from continuity.evaluation.variance import multinomial_variance, sampling_variance, unbiased_variance

VECTORS = Path(__file__).parents[2].parent / "shared" / "reference" / "vectors.json"
SHARES = [
    [Fraction(1, 2), Fraction(3, 10), Fraction(1, 5)],
    [Fraction(1, 5)] * 5,
    [Fraction(9, 10), Fraction(1, 10)],
    [Fraction(1)],
]


def compositions(n: int, k: int) -> Iterator[tuple[int, ...]]:
    if k == 1:
        yield (n,)
        return
    for first in range(n + 1):
        for rest in compositions(n - first, k - 1):
            yield (first, *rest)


def distribution(p: list[Fraction], n: int) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    """Give every outcome of the multinomial with its exact probability."""
    for counts in compositions(n, len(p)):
        ways = math.factorial(n)
        for c in counts:
            ways //= math.factorial(c)
        yield counts, ways * math.prod((x**c for x, c in zip(p, counts, strict=True)), start=Fraction(1))


def coc(counts: tuple[int, ...]) -> Fraction:
    n = sum(counts)
    return Fraction(sum(c * (c - 1) for c in counts), n * (n - 1))


def exact_unbiased(counts: tuple[int, ...]) -> Fraction:
    n, y = Fraction(sum(counts)), sum(c * (c - 1) for c in counts)
    t = sum(c * (c - 1) * (c - 2) for c in counts)
    return coc(counts) ** 2 - Fraction(y * y - 4 * t - 2 * y) / (n * (n - 1) * (n - 2) * (n - 3))


def moments(p: list[Fraction], n: int) -> tuple[Fraction, Fraction]:
    mean = sum((w * coc(c) for c, w in distribution(p, n)), start=Fraction(0))
    square = sum((w * coc(c) ** 2 for c, w in distribution(p, n)), start=Fraction(0))
    return mean, square - mean**2


@pytest.mark.parametrize("n", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("p", SHARES, ids=str)
def test_the_formula_is_the_variance_over_all_outcomes(p: list[Fraction], n: int) -> None:
    mean, variance = moments(p, n)
    assert mean == sum(x * x for x in p)
    assert multinomial_variance([float(x) for x in p], n) == pytest.approx(float(variance), abs=1e-14)


@pytest.mark.parametrize("n", [4, 5, 7])
@pytest.mark.parametrize("p", SHARES, ids=str)
def test_the_estimate_has_no_bias(p: list[Fraction], n: int) -> None:
    expected = sum((w * exact_unbiased(c) for c, w in distribution(p, n)), start=Fraction(0))
    assert expected == moments(p, n)[1]


def frame_of(people: dict[str, tuple[int, ...]]) -> pl.DataFrame:
    rows = [(who, f"D{k}", c) for who, counts in people.items() for k, c in enumerate(counts)]
    return pl.DataFrame(rows, schema=["patient_id", "provider_id", "n"], orient="row")


@pytest.mark.skipif(not VECTORS.exists(), reason="the reference vectors lie beside the checkout, in ../shared")
def test_the_vectors_of_the_reference() -> None:
    vectors = {v["id"]: v for v in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]}
    known = vectors["constructed_variance"]
    shares = [float(Fraction(x)) for x in known["p"]]
    wanted = float(Fraction(known["exact"]["var_coc"]))
    assert multinomial_variance(shares, known["n_visits"]) == pytest.approx(wanted, abs=1e-15)
    estimates = vectors["constructed_variance_unbiased"]["exact"]["var_coc_unbiased"]
    got = ct.coc_variance(frame_of({k: tuple(map(int, k.split(","))) for k in estimates}), n="n")
    for who, value in got.select("patient_id", "variance_unbiased").iter_rows():
        assert value == pytest.approx(float(Fraction(estimates[who])), abs=1e-15)


def test_every_column_against_fractions() -> None:
    people = {str(c): c for n in range(1, 9) for c in compositions(n, 3) if list(c) == sorted(c, reverse=True)}
    for row in ct.coc_variance(frame_of(people), n="n").to_dicts():
        counts = tuple(c for c in people[row["patient_id"]] if c)
        n = sum(counts)
        assert row["n_visits"] == n
        assert row["undefined_reason"] == ("too_few_visits" if n < 2 else None)
        if n < 2:
            assert row["coc"] is row["variance"] is row["std_error"] is None
            continue
        s2, s3 = (sum(Fraction(c, n) ** e for c in counts) for e in (2, 3))
        assert row["coc"] == pytest.approx(float(coc(counts)), abs=1e-15)
        assert row["variance"] == pytest.approx(float(sampling_variance(s2, s3, Fraction(n))), abs=1e-14)  # type: ignore[type-var]
        wanted = exact_unbiased(counts) if n >= 4 else None
        assert row["variance_unbiased"] == (None if wanted is None else pytest.approx(float(wanted), abs=1e-15))
        error = None if wanted is None or wanted < 0 else math.sqrt(wanted)
        assert row["std_error"] == (None if error is None else pytest.approx(error, abs=1e-8))


def test_it_is_the_spread_of_simulated_patients() -> None:
    """40,000 patients: the standard error of a variance is about var x sqrt(2 / 40,000) = 0.7 %; four of them."""
    p, n = [0.6, 0.2, 0.1, 0.1], 12
    counts = np.random.default_rng(16).multinomial(n, p, size=40_000)
    values = (counts * (counts - 1)).sum(axis=1) / (n * (n - 1))
    known = multinomial_variance(p, n)
    assert values.var() == pytest.approx(known, rel=0.03)
    y, t = (counts * (counts - 1)).sum(axis=1), (counts * (counts - 1) * (counts - 2)).sum(axis=1)
    estimates = np.array([unbiased_variance(float(a), float(b), float(n)) for a, b in zip(y, t, strict=True)])
    assert estimates.mean() == pytest.approx(known, abs=4 * estimates.std() / 200)
    assert (estimates < 0).any()  # as the docs warn


def test_visits_and_counts_in_every_kind_of_frame_give_the_same() -> None:
    counts = pl.DataFrame(
        {"patient_id": [2, 1, 1, 2, 2], "provider_id": ["A", "A", "B", None, "C"], "n": [3, 2, 2, 9, 1]}
    )
    wanted = ct.coc_variance(counts, n="n")
    assert wanted["n_visits"].to_list() == [4, 4]  # the nine visits without a provider are left out
    visits = counts.select(pl.col("patient_id", "provider_id").repeat_by("n").explode())
    assert ct.coc_variance(visits).equals(wanted)
    assert ct.coc_variance(visits.sample(fraction=1, shuffle=True, seed=1)).equals(wanted)
    lazy = ct.coc_variance(visits.lazy())
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(wanted)
    pandas = ct.coc_variance(visits.to_pandas())
    assert isinstance(pandas, pd.DataFrame)
    assert pl.from_pandas(pandas)["std_error"].to_list() == wanted["std_error"].to_list()


def test_a_single_provider_has_no_variance_however_many_visits() -> None:
    row = ct.coc_variance(frame_of({"P": (200_000,)}), n="n").row(0, named=True)
    assert (row["coc"], row["variance"], row["variance_unbiased"], row["std_error"]) == (1, 0, 0, 0)


def test_what_has_no_variance_is_refused() -> None:
    with pytest.raises(InputError, match="provider_id"):
        ct.coc_variance(pl.DataFrame({"patient_id": [1]}))
    with pytest.raises(UsageError, match="1 visits"):
        multinomial_variance([1.0], 1)
    with pytest.raises(UsageError, match="add up"):
        multinomial_variance([0.5, 0.4], 3)
