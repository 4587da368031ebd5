"""What must not change a number: row order, chunks, types, time units, kinds of frame, engines and threads."""

import random
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct

from .brute_force import Visit
from .drawn import BOUNDED, FIRST, INDICES, close, examples, frame, visits

PROJECT = Path(__file__).parents[2]
WINDOWS = [
    (FIRST, FIRST + timedelta(days=3)),
    (FIRST, FIRST + timedelta(days=30)),
    (FIRST + timedelta(days=1), FIRST + timedelta(days=2)),
]
RULES: list[dict[str, Any]] = [
    {"unknown_provider": "drop"},
    {"unknown_provider": "bounds"},
    {"unknown_provider": "each_distinct", "same_day": "patient_provider_day", "window": WINDOWS},
    {"unknown_provider": "one_group", "same_day": "patient_day", "tie_order": "visit_id"},
    {"unknown_provider": "bounds", "same_day": "patient_provider_day", "tie_order": "visit_id"},
    {"unknown_provider": "drop", "window": WINDOWS, "format": "long"},
]


def asked(rules: dict[str, Any]) -> tuple[str, ...]:
    """Give every index of visits alone that the rules allow."""
    return BOUNDED if rules.get("unknown_provider") == "bounds" else (*INDICES, "upc_standardised")


def crowd(n: int = 3000, seed: int = 1) -> pl.DataFrame:
    """Give visits of 120 patients, many of them at the same moment; ids are small whole numbers."""
    rng = random.Random(seed)
    return pl.DataFrame(
        {
            "patient_id": [rng.randrange(120) for _ in range(n)],
            "provider_id": [rng.choice([1, 2, 2, 3, 5, 8, None]) for _ in range(n)],
            "visit_at": [
                FIRST + timedelta(days=rng.randrange(9), hours=rng.choice([0, 0, 0, 9, 15])) for _ in range(n)
            ],
            "visit_id": rng.sample(range(n), n),
        },
        schema_overrides={"patient_id": pl.Int64, "provider_id": pl.Int64},
    )


def bits(table: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Give every cell, the floats with all their bits."""
    return [tuple(x.hex() if isinstance(x, float) else x for x in row) for row in table.rows()]


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "-".join(map(str, rules)))
def test_row_order_changes_no_bit(rules: dict[str, Any]) -> None:
    table = crowd()
    wanted = bits(ct.compute(table, asked(rules), min_visits=1, **rules))
    for seed in range(3):
        shuffled = table.sample(fraction=1, shuffle=True, seed=seed)
        assert bits(ct.compute(shuffled, asked(rules), min_visits=1, **rules)) == wanted
    assert bits(ct.compute(table.sort("visit_at", "patient_id"), asked(rules), min_visits=1, **rules)) == wanted


@examples(60)
@given(visits(), st.randoms(use_true_random=False), st.sampled_from(RULES))
def test_row_order_changes_no_bit_on_drawn_visits(drawn: list[Visit], rng: Any, rules: dict[str, Any]) -> None:
    shuffled = rng.sample(drawn, len(drawn))
    wanted = ct.compute(frame(drawn), asked(rules), min_visits=1, **rules)
    assert bits(ct.compute(frame(shuffled), asked(rules), min_visits=1, **rules)) == bits(wanted)


@pytest.mark.parametrize("policy", ["drop", "bounds", "each_distinct", "one_group"])
def test_the_names_of_providers_change_no_bit(policy: str) -> None:
    """Pseudonyms sort in another order than names; the sum of fractions over ties must not notice."""
    table = crowd()
    wanted = bits(ct.compute(table, asked({"unknown_provider": policy}), min_visits=1, unknown_provider=policy))
    for new in ({1: 8, 2: 5, 3: 3, 5: 2, 8: 1}, {1: 3, 2: 8, 3: 5, 5: 1, 8: 2}):
        renamed = table.with_columns(pl.col("provider_id").replace(new))
        assert (
            bits(ct.compute(renamed, asked({"unknown_provider": policy}), min_visits=1, unknown_provider=policy))
            == wanted
        )


def all_orders(rows: list[Visit], **rules: Any) -> set[tuple[Any, ...]]:
    tables = [ct.compute(frame(list(order)), asked(rules), min_visits=1, **rules) for order in permutations(rows)]
    return {row for table in tables for row in bits(table)}


def test_visit_ids_that_are_missing_or_equal_leave_no_order_to_the_rows() -> None:
    """A and B at one moment, then A; by neither id can A and B be ordered: SECON is the mean of 0 and 1/2."""
    for first, second in ((None, None), ("1", "1")):
        rows = [
            Visit("P", FIRST, "A", first),  # type: ignore[arg-type]
            Visit("P", FIRST, "B", second),  # type: ignore[arg-type]
            Visit("P", FIRST + timedelta(days=1), "A", "9"),
        ]
        assert len(all_orders(rows, tie_order="visit_id")) == 1
        assert close(ct.compute(frame(rows), "secon", tie_order="visit_id")["secon"].item(), 0.25)


def test_the_visit_kept_of_a_day_does_not_follow_the_rows() -> None:
    """Twice A and once B at one moment: the first visit to A by its id is kept, so B comes after it."""
    rows = [Visit("P", FIRST, "A", "1"), Visit("P", FIRST, "A", "5"), Visit("P", FIRST, "B", "3")]
    rows.append(Visit("P", FIRST + timedelta(days=1), "A", "7"))
    rules = {"tie_order": "visit_id", "same_day": "patient_provider_day"}
    assert len(all_orders(rows, **rules)) == 1
    assert ct.compute(frame(rows), "secon", **rules)["secon"].item() == 0  # A, B, A


def test_visits_without_a_time_or_a_patient_are_in_no_window() -> None:
    """Nobody's visit and a visit at no time cannot count, with windows or without, and row order stays free."""
    rows = [
        Visit("P", FIRST, "A", "1"),
        Visit("P", None, "A", "2"),  # type: ignore[arg-type]
        Visit("P", None, "B", "3"),  # type: ignore[arg-type]
        Visit(None, FIRST, "A", "4"),  # type: ignore[arg-type]
        Visit(None, FIRST, "A", "5"),  # type: ignore[arg-type]
    ]
    for window in (None, ("2025-01-01", "2026-01-01"), WINDOWS[:2]):
        tables = [ct.compute(frame(list(order)), INDICES, window=window, min_visits=1) for order in permutations(rows)]
        assert all(bits(table) == bits(tables[0]) for table in tables)
        assert set(tables[0]["patient_id"]) == {"P"}
        assert set(tables[0]["n_visits"]) == {1}


def test_duplicate_rows_of_patients_and_providers_leave_no_choice_to_their_order() -> None:
    table = crowd().with_columns(pl.col("provider_id").fill_null(1))
    providers = pl.DataFrame({"provider_id": [1, 1, 2, 3, 5, 8], "team_id": ["a", "b", "a", "a", "b", "b"]})
    patients = pl.DataFrame({"patient_id": [*range(120)] * 2, "listed_provider_id": [1] * 120 + [2] * 120})
    for indices, tables in (
        ("coc", {"providers": providers, "level": "team"}),
        ("upc_assigned", {"patients": patients}),
    ):
        turned = {name: value.reverse() if isinstance(value, pl.DataFrame) else value for name, value in tables.items()}
        assert bits(ct.compute(table, indices, **tables)) == bits(ct.compute(table, indices, **turned))


def test_chunks_change_no_bit() -> None:
    table = crowd()
    pieces = pl.concat([table.slice(start, 100) for start in range(0, table.height, 100)], rechunk=False)
    assert pieces.n_chunks() == 30
    for rules in RULES:
        whole = ct.compute(table, asked(rules), min_visits=1, **rules)
        assert bits(ct.compute(pieces, asked(rules), min_visits=1, **rules)) == bits(whole)


ID_TYPES = [pl.String, pl.Categorical, pl.Int64, pl.Int32, pl.Int16, pl.UInt8, pl.UInt64]


@pytest.mark.parametrize("dtype", ID_TYPES, ids=str)
def test_the_type_of_ids_changes_no_number(dtype: Any) -> None:
    wanted = ct.compute(crowd(), INDICES, min_visits=1)
    ids = [pl.col("patient_id", "provider_id").cast(pl.String), pl.col("visit_id").cast(pl.String)]
    if dtype in (pl.String, pl.Categorical):
        table = crowd().with_columns(ids).with_columns(pl.col("patient_id", "provider_id").cast(dtype))
    else:
        table = crowd().with_columns(pl.col("patient_id", "provider_id").cast(dtype))
    found = ct.compute(table, INDICES, min_visits=1)
    kept = pl.String if dtype == pl.Categorical else dtype
    assert found.schema["patient_id"] == kept
    by_number = found.with_columns(pl.col("patient_id").cast(pl.Int64)).sort("patient_id")
    assert bits(by_number) == bits(wanted)


@pytest.mark.parametrize("wide", [pl.Int64, pl.String], ids=str)
@pytest.mark.parametrize("narrow", [pl.Int16, pl.UInt8, pl.Int64, pl.String], ids=str)
def test_tables_may_hold_their_ids_in_different_types(wide: Any, narrow: Any) -> None:
    table = crowd().with_columns(pl.col("patient_id", "provider_id").cast(wide))
    patients = pl.DataFrame({"patient_id": range(120), "listed_provider_id": [2] * 120}).cast(narrow)
    providers = pl.DataFrame({"provider_id": [1, 2, 3], "unit_id": [1, 1, 3]}).cast(narrow)
    found = ct.compute(table, ["upc_assigned", "coc"], patients=patients, providers=providers, level="unit")
    same = ct.compute(
        table,
        ["upc_assigned", "coc"],
        patients=patients.cast(wide),
        providers=providers.cast(wide),
        level="unit",
    )
    assert bits(found) == bits(same)
    assert found["upc_assigned"].count() == found["coc"].count() > 0


UNITS = ["ms", "us", "ns"]


@pytest.mark.parametrize("zone", [None, "Europe/Helsinki", "UTC"])
@pytest.mark.parametrize("unit", UNITS)
def test_time_unit_and_zone_change_no_bit(unit: Any, zone: str | None) -> None:
    local = pl.col("visit_at").cast(pl.Datetime(unit)).dt.replace_time_zone(zone, non_existent="null")
    table = crowd().with_columns(local)
    assert table["visit_at"].null_count() == 0
    for rules in (RULES[1], RULES[2], RULES[4]):
        wanted = ct.compute(crowd(), asked(rules), min_visits=1, **rules)
        found = ct.compute(table, asked(rules), min_visits=1, **rules)
        assert found.schema == wanted.schema
        assert bits(found) == bits(wanted)


def test_days_count_as_midnights() -> None:
    table = crowd().with_columns(pl.col("visit_at").dt.truncate("1d"))
    dates = table.with_columns(pl.col("visit_at").cast(pl.Date))
    assert bits(ct.compute(dates, INDICES, window=WINDOWS)) == bits(ct.compute(table, INDICES, window=WINDOWS))


def to_pandas(table: pl.DataFrame) -> Any:
    return pd.DataFrame({name: table[name].to_list() for name in table.columns})


KINDS: list[tuple[Any, Callable[[pl.DataFrame], Any], Callable[[Any], pl.DataFrame]]] = [
    (pl.LazyFrame, pl.DataFrame.lazy, pl.LazyFrame.collect),
    (pl.LazyFrame, pl.DataFrame.lazy, lambda lazy: lazy.collect(engine="streaming")),
    (pd.DataFrame, pl.DataFrame.to_pandas, pl.from_pandas),
    (pd.DataFrame, to_pandas, pl.from_pandas),  # whole numbers with gaps are floats here
    (pa.Table, pl.DataFrame.to_arrow, pl.from_arrow),
    (duckdb.DuckDBPyRelation, lambda table: duckdb.from_arrow(table.to_arrow()), lambda relation: relation.pl()),
]


@pytest.mark.parametrize("text_ids", [False, True])
@pytest.mark.parametrize(
    ("kind", "there", "back"), KINDS, ids=["lazy", "streaming", "pandas", "pandas_floats", "arrow", "duckdb"]
)
def test_a_frame_comes_back_in_kind(kind: Any, there: Any, back: Any, text_ids: bool) -> None:
    table = crowd().with_columns(pl.col("patient_id", "provider_id").cast(pl.String if text_ids else pl.Int64))
    for rules in RULES:
        wanted = ct.compute(table, asked(rules), min_visits=1, **rules)
        found = ct.compute(there(table), asked(rules), min_visits=1, **rules)
        assert isinstance(found, kind)
        plain = back(found)
        assert bits(plain.with_columns(pl.col(pl.Datetime).cast(pl.Datetime("us")))) == bits(wanted)
    flow = ct.attrition(there(table))
    assert isinstance(flow, kind)
    assert back(flow).rows() == ct.attrition(table).rows()


def test_an_eager_frame_stays_eager_and_is_not_changed() -> None:
    table = crowd()
    before = table.clone()
    assert isinstance(ct.compute(table, "coc"), pl.DataFrame)
    assert table.equals(before)


SCRIPT = """
import sys, polars as pl, continuity as ct
from datetime import datetime
assert pl.thread_pool_size() == int(sys.argv[1])
n = 40_000
draw = lambda seed, size: pl.int_range(n, eager=True).hash(seed) % size
visits = pl.DataFrame({"patient_id": draw(1, 3000), "provider_id": draw(2, 7),
    "day": draw(3, 40).cast(pl.Int64)}).select(
    "patient_id", pl.when(pl.col("provider_id") > 0).then("provider_id").alias("provider_id"),
    visit_at=pl.lit(datetime(2025, 1, 1)).dt.offset_by(pl.format("{}d", "day")))
table = ct.compute(visits, ["coc", "hhi", "k_index", "mmci", "secon", "upc"], unknown_provider="bounds", min_visits=1,
    window=[("2025-01-01", "2025-01-20"), ("2025-01-01", "2025-03-01"), ("2025-01-05", "2025-01-10")])
sys.stdout.buffer.write(table.rechunk().write_csv(float_precision=None).encode())
sys.stdout.buffer.write(b"".join(s.to_numpy().tobytes() for s in table.select(pl.col(pl.Float64)).fill_null(-1)))
"""


def test_the_number_of_threads_changes_no_byte() -> None:
    outputs = []
    for threads in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, threads],
            env={"POLARS_MAX_THREADS": threads, "PYTHONPATH": str(PROJECT), "PATH": ""},
            cwd=PROJECT,
            capture_output=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr.decode()
        outputs.append(run.stdout)
    assert len(outputs[0]) > 500_000
    assert outputs[0] == outputs[1]


def test_counts_past_two_to_the_sixteenth_do_not_wrap() -> None:
    """COC of [40000, 30000, 20000] is 0.358..., not 0.762 as with counts of 32 bits."""
    counts = [40_000, 30_000, 20_000]
    n, squares = sum(counts), sum(count * count for count in counts)
    table = pl.DataFrame({"provider_id": ["A"] * counts[0] + ["B"] * counts[1] + ["C"] * counts[2]})
    at_once = table.with_columns(patient_id=pl.lit(1), visit_at=pl.lit(datetime(2025, 1, 1)))
    in_turn = at_once.with_columns(visit_at=pl.col("visit_at").dt.offset_by(pl.format("{}m", pl.int_range(pl.len()))))
    row = ct.compute(at_once, INDICES).row(0, named=True)
    assert close(row["coc"], (squares - n) / (n * (n - 1)))
    assert round(row["coc"], 3) == 0.358
    assert close(row["secon"], row["coc"])
    assert close(row["hhi"], squares / n**2)
    assert close(row["mmci"], (n - 3 + 0.1) / (n - 0.9))
    assert close(ct.compute(in_turn, "secon")["secon"].item(), (n - 3) / (n - 1))
    assert ct.compute(at_once, INDICES).schema["n_visits"] == pl.Int64
