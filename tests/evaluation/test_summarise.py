"""Means and intervals against plain Python, and what may not change them: row order, laziness, kind of frame."""

import math
import statistics
from datetime import datetime
from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError

SCHEMA = {
    "patient_id": pl.Int64,
    "unit_id": pl.String,
    "window_start": pl.Datetime("us"),
    "window_end": pl.Datetime("us"),
    "n_visits": pl.Int64,
    "coc": pl.Float64,
    "provider_count": pl.Float64,
    "upc_low": pl.Float64,
    "upc_high": pl.Float64,
}
YEARS = [(datetime(2024, 1, 1), datetime(2025, 1, 1)), (datetime(2025, 1, 1), datetime(2026, 1, 1))]
# Student's t, two-sided 95 %, by degrees of freedom: any printed table.
T_TABLE = {1: 12.706, 2: 4.303, 4: 2.776, 9: 2.262, 29: 2.045, 119: 1.980}

maybe = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 1 / 3]), st.floats(0, 1))


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for patient in range(draw(st.integers(1, 25))):
        ends = sorted([draw(st.floats(0, 1)), draw(st.floats(0, 1))]) if draw(st.booleans()) else [None, None]
        start, end = draw(st.sampled_from(YEARS))
        rows.append(
            {
                "patient_id": patient,
                "unit_id": draw(st.sampled_from(["U1", "U2", None])),
                "window_start": start,
                "window_end": end,
                "n_visits": draw(st.integers(0, 40)),
                "coc": draw(maybe),
                "provider_count": draw(st.one_of(st.none(), st.integers(1, 9).map(float))),
                "upc_low": ends[0],
                "upc_high": ends[1],
            }
        )
    return pl.DataFrame(rows, schema=SCHEMA)


def quantile(values: list[float], q: float) -> float:
    """Interpolate between the two values around place q (n - 1)."""
    ordered, place = sorted(values), q * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def close(got: float | None, wanted: float | None) -> bool:
    return got is None if wanted is None else got is not None and math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-12)


def mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def check_row(row: dict[str, Any], people: list[dict[str, Any]], key: str) -> None:
    defined = f"{key}_low" if key == "upc" else key
    have = [p for p in people if p[defined] is not None]
    values = [p[key] for p in have] if key != "upc" else []
    assert row["n_patients"] == len(have)
    assert row["n_undefined"] == len(people) - len(have)
    assert row["n_visits"] == sum(p["n_visits"] for p in have)
    assert close(row["estimate"], mean(values))
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    # The variance of equal values may come out as a rounding error of their square: 1e-8 of the value.
    assert (
        row["std_error"] is None if error is None else math.isclose(row["std_error"], error, rel_tol=1e-7, abs_tol=1e-8)
    )
    for name, q in (("p10", 0.1), ("p25", 0.25), ("median", 0.5), ("p75", 0.75), ("p90", 0.9)):
        assert close(row[name], quantile(values, q) if values else None)
    assert close(row["share_perfect"], mean([float(v == 1) for v in values]))
    for name in ("bound_low", "bound_high"):
        ends = [p[f"upc_{name[6:]}"] for p in have] if key == "upc" else []
        assert close(row[name], mean(ends))
    assert row["undefined_reason"] == (None if have else "no_eligible_patients")
    assert (row["ci_low"] is None) == (row["ci_high"] is None) == (error is None)
    if error is not None:
        assert 0 <= row["ci_low"] <= row["estimate"] + 1e-12
        assert row["ci_high"] >= row["estimate"] - 1e-12
        assert key == "provider_count" or row["ci_high"] <= 1


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_every_number_is_what_plain_python_gives(table: pl.DataFrame) -> None:
    found = ct.summarise(table, by="unit_id").to_dicts()
    people = table.to_dicts()
    wanted = {(p["unit_id"], p["window_start"], p["window_end"]) for p in people}
    assert {(r["unit_id"], r["window_start"], r["window_end"]) for r in found} == wanted
    assert len(found) == 3 * len(wanted)
    for row in found:
        group = [p for p in people if all(p[k] == row[k] for k in ("unit_id", "window_start", "window_end"))]
        check_row(row, group, row["index"])


@pytest.mark.parametrize(("freedom", "t"), T_TABLE.items())
def test_the_interval_takes_students_t(freedom: int, t: float) -> None:
    values = [0.4 + 0.01 * (-1) ** k for k in range(freedom + 1)]
    row = ct.summarise(pl.DataFrame({"patient_id": range(freedom + 1), "n_visits": 3, "coc": values})).row(
        0, named=True
    )
    error = statistics.stdev(values) / math.sqrt(freedom + 1)
    assert math.isclose((row["ci_high"] - row["estimate"]) / error, t, abs_tol=5e-4)  # as the table is printed
    assert math.isclose(row["ci_high"] - row["estimate"], row["estimate"] - row["ci_low"], rel_tol=1e-9)


def test_intervals_stop_where_the_index_stops() -> None:
    table = pl.DataFrame({"patient_id": [1, 2], "n_visits": 3, "coc": [0.0, 1.0], "provider_count": [1.0, 9.0]})
    rows = {row["index"]: row for row in ct.summarise(table).to_dicts()}
    assert (rows["coc"]["ci_low"], rows["coc"]["ci_high"]) == (0, 1)
    assert rows["provider_count"]["ci_low"] == 0
    assert rows["provider_count"]["ci_high"] > 9


def test_one_patient_has_an_estimate_and_no_interval() -> None:
    row = ct.summarise(pl.DataFrame({"patient_id": [1], "n_visits": [4], "coc": [0.5]})).row(0, named=True)
    assert (row["n_patients"], row["estimate"]) == (1, 0.5)
    assert row["std_error"] is row["ci_low"] is row["ci_high"] is row["undefined_reason"] is None


def test_no_patient_gives_a_reason() -> None:
    empty = pl.DataFrame(
        {"patient_id": [], "n_visits": [], "coc": []}, schema={k: SCHEMA[k] for k in ("patient_id", "n_visits", "coc")}
    )
    row = ct.summarise(empty).row(0, named=True)
    assert (row["n_patients"], row["n_undefined"], row["undefined_reason"]) == (0, 0, "no_eligible_patients")
    assert ct.summarise(empty.with_columns(unit_id=pl.lit("U")), by="unit_id").height == 0


def crowd(n: int = 4000) -> pl.DataFrame:
    """Give patients whose values have many digits, so that a sum in another order would differ."""
    k = pl.int_range(n, eager=True)
    return pl.DataFrame(
        {
            "patient_id": k,
            "unit_id": pl.Series(["U1", "U2", "U3", None], dtype=pl.String).gather(k % 4),
            "n_visits": k % 17,
            "coc": (k * 0.61803398875) % 1,
            "upc_low": (k * 0.414213562) % 0.5,
            "upc_high": 0.5 + (k * 0.732050807) % 0.5,
        }
    ).with_columns(coc=pl.when(pl.col("patient_id") % 11 > 0).then("coc"))


def bits(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(x.hex() if isinstance(x, float) else x for x in row) for row in frame.rows()]


def test_row_order_changes_no_bit() -> None:
    wanted = bits(ct.summarise(crowd(), by="unit_id"))
    for seed in range(5):
        assert bits(ct.summarise(crowd().sample(fraction=1, shuffle=True, seed=seed), by="unit_id")) == wanted


def test_the_kind_of_frame_comes_back_with_the_same_bits() -> None:
    wanted = ct.summarise(crowd(), by="unit_id")
    lazy = ct.summarise(crowd().lazy(), by="unit_id")
    assert isinstance(lazy, pl.LazyFrame)
    assert bits(lazy.collect()) == bits(wanted)
    assert bits(lazy.collect(engine="streaming")) == bits(wanted)
    pandas = ct.summarise(crowd().to_pandas(), by="unit_id")
    assert isinstance(pandas, pd.DataFrame)
    numbers = ["n_patients", "n_undefined", "n_visits", "estimate", "std_error", "ci_low", "ci_high", "median"]
    assert bits(pl.from_pandas(pandas[numbers])) == bits(wanted.select(numbers))


def test_groups_come_from_the_patients_once_each() -> None:
    table = crowd(40).drop("unit_id")
    patients = pl.DataFrame({"patient_id": [*range(30), *range(30)], "sex": ["female"] * 60})  # each of them twice
    rows = ct.summarise(table, by="sex", patients=patients).filter(index="coc").to_dicts()
    assert [(row["sex"], row["n_patients"] + row["n_undefined"]) for row in rows] == [("female", 30), (None, 10)]


def test_what_cannot_be_summarised_is_refused() -> None:
    with pytest.raises(UsageError, match="no index"):
        ct.summarise(pl.DataFrame({"patient_id": [1], "n_visits": [3]}))
    with pytest.raises(InputError, match="sex"):
        ct.summarise(crowd(4), by="sex")
