"""Laws that tie an index to its parameter, to a group or to chance, and what traps of the catalogue say in numbers."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, product
from math import prod
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct

from .brute_force import Visit, partitions
from .drawn import FIRST, close, days, examples, frame, many, sequences, values, visits


@examples(40)
@given(seen=sequences(1, 15))
def test_there_are_at_least_as_many_switches_as_new_providers(seen: str) -> None:
    found = values(days(seen), ["switches", "provider_count"])
    assert found["switches"] >= found["provider_count"] - 1


SPAN = 400
GAPS = st.lists(st.integers(1, 120), min_size=1, max_size=8)


@examples(50)
@given(gaps=GAPS, shorter=st.integers(1, 150), longer=st.integers(1, 150))
def test_longer_cover_never_lowers_and_no_gap_is_full_cover(gaps: list[int], shorter: int, longer: int) -> None:
    """Full cover is every step of at most the days covered: from the visit before the window, to the window's end."""
    shorter, longer = sorted((shorter, longer))
    at = [FIRST - timedelta(days=1) + timedelta(days=sum(gaps[:n])) for n in range(len(gaps) + 1)]
    end = FIRST + timedelta(days=SPAN)
    seen = [Visit("P", moment, "A", f"{n}") for n, moment in enumerate(at) if moment < end]
    rules: dict[str, Any] = {"window": (FIRST, end), "data_from": date(1990, 1, 1)}
    low, high = (many({"P": seen}, "cover_index", **rules, cover_days=n) for n in (shorter, longer))
    assert low["P"] <= high["P"]
    stops = [*(visit.at for visit in seen), end]
    steps = [(after - before).days for before, after in pairwise(stops)]
    assert (low["P"] == 1) == all(step <= shorter for step in steps)


def coc_of(counts: tuple[int, ...]) -> float | None:
    text = "".join(who * count for who, count in zip("ABCDEFG", counts, strict=False))
    return values(days(text), ["coc"])["coc"]


@pytest.mark.parametrize(("n_visits", "n_values"), [(2, 2), (3, 3), (4, 5), (5, 7), (6, 9)])
def test_coc_of_few_visits_takes_few_values_and_at_least_0_7_is_1(n_visits: int, n_values: int) -> None:
    found = {coc_of(counts) for counts in partitions(n_visits, n_visits)}
    assert len(found) == n_values
    assert [value for value in found if value >= 0.7] == [1]
    assert close(coc_of((6, 1)), Fraction(5, 7))


@examples(40)
@given(visits(), st.fixed_dictionaries({p: st.sampled_from(["A", "B"]) for p in "pqr"}))
def test_the_visit_weighted_own_share_of_a_list_is_its_slicc(seen: list[Visit], listed: dict[str, str]) -> None:
    patients = pl.DataFrame({"patient_id": list(listed), "listed_provider_id": list(listed.values())})
    keys = ["slicc", "visit_weighted_upc_assigned"]
    for row in ct.compute(frame(seen), keys, grain="list", patients=patients, min_visits=1).iter_rows(named=True):
        assert close(row["visit_weighted_upc_assigned"], row["slicc"])


@pytest.mark.parametrize("weights", ["1 1 1", "1 2 1/2", "4 1/4 3/2 1"])
def test_weighted_coc_keeps_its_mean_whatever_the_weights(weights: str) -> None:
    """E = sum of squared shares when the weights do not depend on whom the visits are to."""
    chance, each = {"A": Fraction(2, 3), "B": Fraction(1, 6), "C": Fraction(1, 6)}, list(map(Fraction, weights.split()))
    modes = dict(zip(("phone", "video", "home", "other"), each, strict=False))
    every = {"".join(who): float(prod(chance[p] for p in who)) for who in product(chance, repeat=len(each))}
    rows = [
        (text, who, datetime(2025, 1, 1 + n), mode)
        for text in every
        for n, (who, mode) in enumerate(zip(text, modes, strict=True))
    ]
    seen = pl.DataFrame(rows, schema=["patient_id", "provider_id", "visit_at", "contact_mode"], orient="row")
    given_weights = {mode: str(weight) for mode, weight in modes.items()}
    table = ct.compute(seen, "coc_weighted", min_visits=2, visit_weights=given_weights)
    weight = table["patient_id"].replace_strict(every)
    assert close((table["coc_weighted"] * weight).sum(), sum(p * p for p in chance.values()))
