"""Counts whose squares do not fit in 32 bits, on both paths; patients of many visits; values on a threshold."""

from datetime import datetime, timedelta
from fractions import Fraction

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import continuity as ct
from continuity.metrics.engine import windows as w
from continuity.metrics.engine.path import statistics_of
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.rules import Rules

from .drawn import FIRST, close, days, frame

PAST_32_BITS = {"A": 70_000, "B": 2_000}  # 70,000 squared is 4.9 billion; 2 to the 32nd is 4.3


def at_once(counts: dict[str, int], patient: int = 1) -> pl.DataFrame:
    """Give the visits of one patient, all at one moment."""
    who = pl.Series("provider_id", list(counts)).gather(
        [n for n, count in enumerate(counts.values()) for _ in range(count)]
    )
    return pl.DataFrame({"provider_id": who}).select(
        pl.lit(patient).alias("patient_id"), "provider_id", visit_at=pl.lit(datetime(2025, 1, 1))
    )


@pytest.mark.parametrize("fast", [True, False])
def test_squares_past_32_bits_do_not_wrap_on_either_path(fast: bool) -> None:
    needs = frozenset({"sum_squares", "same_pairs"})
    sources = Sources(at_once(PAST_32_BITS).lazy())
    row = statistics_of(sources, Rules(), None, needs, fast=fast).collect().row(0, named=True)
    n, squares = sum(PAST_32_BITS.values()), sum(count**2 for count in PAST_32_BITS.values())
    assert (row["n_known"], row["sum_squares_known"]) == (n, squares)
    assert row["same_drop"] == pytest.approx((squares - n) / n, rel=1e-12)


def test_squares_past_32_bits_do_not_wrap_in_supply_groups_and_weights() -> None:
    """Of one patient the supply of the unit is the own visits: E = sum of squared shares, COC that without repeats."""
    n, squares = sum(PAST_32_BITS.values()), sum(count**2 for count in PAST_32_BITS.values())
    seen = at_once(PAST_32_BITS).with_columns(contact_mode=pl.lit("phone"))
    coc, chance = Fraction(squares - n, n * (n - 1)), Fraction(squares, n * n)
    row = ct.compute(seen, ["chance_adjusted_coc", "coc_weighted"], visit_weights={"phone": 2}).row(0, named=True)
    assert close(row["chance_adjusted_coc"], (coc - chance) / (1 - chance))
    assert close(row["coc_weighted"], coc)
    group = ct.compute(seen, ["pooled_coc", "visit_weighted_coc", "rolling_continuity"], grain="period")
    assert close(group["pooled_coc"].item(), coc)
    assert close(group["visit_weighted_coc"].item(), coc)
    assert close(group["rolling_continuity"].item(), coc)  # the mean over all orders of visits at one moment


@pytest.mark.parametrize("spans", [None, [(FIRST, FIRST + timedelta(days=40)), (FIRST, FIRST + timedelta(days=90))]])
def test_many_visits_of_a_listed_patient_in_no_order(spans: object) -> None:
    """Past 48 visits the fast path sorts in another way; what says whether a visit was to the list must follow."""
    n = 1_200
    seen = pl.DataFrame(
        {
            "patient_id": [i * i % 7 for i in range(n)],
            "provider_id": [None if i % 11 == 0 else i * i % 5 for i in range(n)],
            "visit_at": [FIRST + timedelta(days=i * 37 % 100, hours=i % 3) for i in range(n)],
        }
    )
    since = [FIRST.date() + timedelta(days=12 * patient) for patient in range(7)]
    patients = pl.LazyFrame(
        {"patient_id": range(7), "listed_provider_id": [i % 5 for i in range(7)], "listed_from": since}
    )
    needs = frozenset({"same_pairs", "sum_squares", "n_listed", "n_while_listed"})
    fast, plain = (
        statistics_of(Sources(seen.lazy(), patients), Rules(), w.windows(spans), needs, fast=fast)  # type: ignore[arg-type]
        .collect()
        .sort("patient_id", "window_id")
        for fast in (True, False)
    )
    assert fast["n_known"].min() > 48
    assert_frame_equal(fast.select(plain.columns), plain, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("text", "threshold"),
    [("A" * 21 + "BCDE", 0.7), ("AA", 1.0), ("AB", 0.0), ("AAB", 1 / 3)],
)
def test_a_value_on_the_threshold_counts(text: str, threshold: float) -> None:
    """Of 25 visits 21 to one provider and 4 to others each give a COC of 420 / 600 = 0.7."""
    rules = {"grain": "period", "min_visits": 2}
    assert ct.compute(frame(days(text)), "coc_at_least", threshold=threshold, **rules)["coc_at_least"].item() == 1
    if threshold < 1:
        above = ct.compute(frame(days(text)), "coc_at_least", threshold=threshold + 1e-9, **rules)
        assert above["coc_at_least"].item() == 0
