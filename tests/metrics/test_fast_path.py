"""The fast path gives what the plain path gives, on random visits of every kind that it takes."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from continuity.metrics.engine import windows as w
from continuity.metrics.engine.kernel import batches, measures, run
from continuity.metrics.engine.path import statistics_of
from continuity.metrics.engine.prepare import Sources
from continuity.metrics.engine.rules import Rules

from .drawn import FIRST, examples, frame, visits

EVERYTHING = frozenset({"n_visits", "n_providers", "n_usual", "sum_squares", "sum_n_log2_n", "same_pairs"})
LISTED = EVERYTHING | {"n_listed", "n_while_listed"}
NESTED = [
    (FIRST, FIRST + timedelta(days=9)),
    (FIRST, FIRST + timedelta(days=2)),
    (FIRST + timedelta(days=1, hours=8), FIRST + timedelta(days=4)),
]
SPANS = {"whole": None, "one": [NESTED[2]], "nested": NESTED}


def both(sources: Sources, rules: Rules, spans: object, needs: frozenset[str] = EVERYTHING) -> tuple[pl.DataFrame, ...]:
    """Give the statistics by both paths, in one order."""
    chosen = w.windows(spans)
    tables = [statistics_of(sources, rules, chosen, needs, fast=fast).collect() for fast in (True, False)]
    return tuple(table.sort("patient_id", "window_id").select(sorted(table.columns)) for table in tables)


def crowd(n: int, n_patients: int, seed: int) -> pl.DataFrame:
    """Give visits of many patients to some providers, some at one moment, some unknown."""
    rng = np.random.default_rng(seed)
    provider = rng.integers(1, 40, n)
    return pl.DataFrame(
        {
            "patient_id": rng.integers(-5, n_patients, n),
            "provider_id": pl.Series(provider).set(pl.Series(rng.random(n) < 0.1), None),
            "visit_at": pl.Series(rng.integers(0, 86_400 * 20, n) // 3600 * 3600 * 1_000_000).cast(pl.Datetime("us"))
            + (FIRST - datetime(1970, 1, 1)),
        }
    )


@pytest.mark.parametrize("unknown", ["drop", "each_distinct", "one_group", "bounds"])
@pytest.mark.parametrize("spans", SPANS)
@given(drawn=visits(per_patient=12))
@examples(25)
def test_equals_the_plain_path(unknown, spans, drawn):
    fast, plain = both(Sources(frame(drawn).lazy()), Rules(unknown_provider=unknown), SPANS[spans])
    assert_frame_equal(fast, plain, check_dtypes=True, abs_tol=1e-12, rel_tol=1e-12)


@pytest.mark.parametrize("same_day", ["patient_provider_day", "patient_day"])
@given(drawn=visits(per_patient=12))
@examples(25)
def test_equals_the_plain_path_with_days_merged(same_day, drawn):
    rules = Rules(same_day=same_day, unknown_provider="bounds")
    for spans in (None, NESTED[:2]):
        assert_frame_equal(*both(Sources(frame(drawn).lazy()), rules, spans), abs_tol=1e-12)


@given(drawn=visits(per_patient=10), start=st.integers(0, 5))
@examples(40)
def test_equals_the_plain_path_on_lists(drawn, start):
    patients = pl.LazyFrame(
        {
            "patient_id": ["p", "q"],
            "listed_provider_id": ["A", None],
            "listed_from": [FIRST.date() + timedelta(days=start)] * 2,
        }
    )
    for unknown in ("drop", "bounds"):
        tables = both(Sources(frame(drawn).lazy(), patients), Rules(unknown_provider=unknown), None, LISTED)
        assert_frame_equal(*tables, abs_tol=1e-12)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int16, pl.String])
@pytest.mark.parametrize("zone", [None, "Europe/Helsinki"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_types_of_ids_and_times(dtype, zone, unit):
    table = crowd(20_000, 900, seed=3).with_columns(pl.col("patient_id", "provider_id").cast(dtype))
    moments = pl.col("visit_at").cast(pl.Datetime(unit))
    if zone:
        moments = moments.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    table = table.with_columns(visit_at=moments).drop_nulls("visit_at")
    for spans in (None, [("2025-03-29", "2025-04-05"), ("2025-03-30", "2025-03-31")]):
        assert_frame_equal(*both(Sources(table.lazy()), Rules(unknown_provider="bounds"), spans), abs_tol=1e-9)


def test_unsigned_ids_above_all_signed_ones():
    ids = pl.Series([2**64 - 1, 2**64 - 1, 5, 2**63], dtype=pl.UInt64)
    table = crowd(4, 3, seed=1).with_columns(patient_id=ids, provider_id=ids.reverse())
    fast, plain = both(Sources(table.lazy()), Rules(), None)
    assert_frame_equal(fast, plain)
    assert fast["patient_id"].to_list() == [5, 2**63, 2**64 - 1]


def test_many_batches_and_more_providers_than_the_first_table_of_codes(monkeypatch):
    """Batches of 1,000 rows, 60,000 providers: the table of codes must grow, and parts come from many batches."""
    rng = np.random.default_rng(8)
    n = 70_000
    table = crowd(n, 500, seed=2).with_columns(provider_id=pl.Series(rng.permutation(n) - 20_000))
    monkeypatch.setattr(batches, "BATCH", 1_000)
    assert_frame_equal(*both(Sources(table.lazy()), Rules(), None), abs_tol=1e-9)


def test_two_texts_with_one_key_are_found_and_counted_by_the_plain_path(monkeypatch):
    """The key of every patient and provider is made the same, as a collision of hashes would make it for two."""
    table = crowd(2_000, 40, seed=4).with_columns(pl.col("patient_id", "provider_id").cast(pl.String))

    def colliding(ids: batches.Ids) -> list[pl.Expr]:
        column = pl.col(ids.name)
        key = pl.lit(7, pl.UInt64) + 0 * column.hash(1)
        return [key.alias(f"{ids.name}_key"), column.hash(2).alias(f"{ids.name}_check")]

    monkeypatch.setattr(batches.Ids, "expressions", colliding)
    with pytest.raises(batches.CollisionError):
        run.statistics(table.lazy().rename({"provider_id": "actor"}), run.Asked(["drop"]))
    assert_frame_equal(*both(Sources(table.lazy()), Rules(), None), abs_tol=1e-12)


def test_nothing_is_read_before_the_frame_is_collected():
    def never(_: pl.DataFrame) -> pl.DataFrame:
        raise AssertionError("read too early")

    table = crowd(10, 3, seed=5)
    broken = table.lazy().map_batches(never, schema=table.schema)
    lazy = statistics_of(Sources(broken), Rules(), None, EVERYTHING)
    with pytest.raises((AssertionError, pl.exceptions.ComputeError)):
        lazy.collect()


def test_no_visits_give_no_rows():
    fast, plain = both(Sources(crowd(10, 3, seed=5).clear().lazy()), Rules(), None)
    assert_frame_equal(fast, plain)
    assert fast.height == 0


@given(codes=st.lists(st.integers(0, 6), max_size=120))
@examples(80)
def test_codes_are_sorted_at_any_length(codes):
    array = np.array(codes, np.uint32)
    measures.sort_codes(array)
    assert array.tolist() == sorted(codes)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.String])
@pytest.mark.parametrize("order", ["patient", "time", "patient at first", "together", "one patient long"])
def test_any_order_of_the_rows(order, dtype, monkeypatch):
    """Rows that come patient by patient take a way of their own; rows that stop doing so must be counted anew."""
    monkeypatch.setattr(batches, "BATCH", 700)
    table = crowd(9_000, 60, seed=6).with_columns(pl.col("patient_id").cast(dtype))
    if order == "one patient long":  # the visits of one fill several batches
        alone = pl.when(pl.int_range(pl.len()) < 3_000).then(pl.lit("7").cast(dtype))
        table = table.with_columns(patient_id=alone.otherwise(pl.col("patient_id")))
    table = table.sort("visit_at" if order == "time" else "patient_id")
    if order == "patient at first":
        table = pl.concat([table[100:], table[:100]])
    if order == "together":  # patient by patient, but not in the order of their ids
        table = table.sort(pl.col("patient_id").hash(3), "patient_id")
    for spans in (None, NESTED):
        fast, plain = both(Sources(table.lazy()), Rules(unknown_provider="bounds"), spans)
        assert_frame_equal(fast, plain, abs_tol=1e-9)


def test_visits_patient_by_patient_are_not_divided(monkeypatch):
    """Text ids included: neither are they hashed into parts, nor looked up again."""

    def never(*_: object) -> None:
        raise AssertionError("divided")

    monkeypatch.setattr(run, "_divided", never)
    table = crowd(5_000, 60, seed=7).with_columns(pl.col("patient_id").cast(pl.String)).sort("patient_id")
    assert_frame_equal(*both(Sources(table.lazy()), Rules(), None), abs_tol=1e-9)
