"""Two runs less one another: what is told is what a count of the visits between them says."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from continuity.privacy import Limits
from continuity.privacy.subtraction import Cells, Told, told_by

START = datetime(2025, 1, 1)
VISIT = st.tuples(st.integers(0, 30), st.sampled_from(["U", "V", "W"]), st.integers(0, 29))


def cells(visits: list[tuple[int, str, int]], until: int) -> Cells:
    inside = [(patient, unit) for patient, unit, day in visits if day < until]
    rows = [
        {
            "unit_id": unit,
            "n_patients": len({patient for patient, of in inside if of == unit}),
            "n_visits": sum(of == unit for _, of in inside),
            "undefined_reason": None,
        }
        for unit in ("U", "V", "W")
    ]
    frame = pl.DataFrame(rows, schema_overrides={"undefined_reason": pl.String})
    return Cells(("unit_id",), frame, (START, START + timedelta(days=until)))


@given(st.lists(VISIT, max_size=120), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_nested_windows_tell_what_lies_between_them(visits: list[tuple[int, str, int]], one: int, other: int) -> None:
    short, long = sorted((one, other))
    between = [(patient, unit) for patient, unit, day in visits if short <= day < long]
    told = 0
    for unit in ("U", "V", "W"):
        n_visits = sum(of == unit for _, of in between)
        before = {patient for patient, of, day in visits if of == unit and day < short}
        n_new = len({patient for patient, of in between if of == unit} - before)
        told += 1 <= n_visits < 5 or 1 <= n_new < 5
    expected = Told(n_compared=3, n_near=told, n_told=told)
    assert told_by(cells(visits, one), cells(visits, other), "same", Limits()) == expected
    assert told_by(cells(visits, other), cells(visits, one), "same", Limits()) == expected


def table(keys: tuple[str, ...], *rows: dict[str, object], days: int | None = 30) -> Cells:
    frame = pl.DataFrame([{"undefined_reason": None, **row} for row in rows], infer_schema_length=None)
    window = None if days is None else (START, START + timedelta(days=days))
    return Cells(keys, frame.with_columns(pl.col("undefined_reason").cast(pl.String)), window)


def test_windows_that_only_overlap_are_near_and_not_told() -> None:
    then = Cells(("unit_id",), cells([], 1).frame.with_columns(n_patients=9), (START, START + timedelta(days=9)))
    later = Cells(
        ("unit_id",), then.frame.with_columns(n_patients=11), (START + timedelta(days=2), START + timedelta(days=11))
    )
    assert told_by(then, later, "same", Limits()) == Told(3, 3, 0)


@pytest.mark.parametrize(
    ("filters", "days", "told"),
    [("within", 30, 1), ("around", 30, 1), ("unknown", 30, 0), ("within", 20, 1), ("around", 20, 0)],
)
def test_filters_and_windows_must_narrow_the_same_run(filters, days: int, told: int) -> None:
    then = table(("unit_id",), {"unit_id": "U", "n_patients": 40}, days=days)
    now = table(("unit_id",), {"unit_id": "U", "n_patients": 42}, days=30)
    assert told_by(then, now, filters, Limits()).n_told == told


def test_what_one_run_hides_and_the_other_shows_is_told() -> None:
    hidden = table(("unit_id",), {"unit_id": "U", "n_patients": None, "undefined_reason": "suppressed"})
    shown = table(("unit_id",), {"unit_id": "U", "n_patients": 11})
    assert told_by(hidden, shown, "same", Limits()).n_told == 1
    assert told_by(shown, hidden, "same", Limits()).n_told == 1
    assert told_by(hidden, shown, "within", Limits()).n_told == 0
    assert told_by(hidden, hidden, "same", Limits()).n_told == 0


def test_cells_meet_by_name_whatever_the_role_and_the_type() -> None:
    by_role = table(
        ("role", "unit_id"),
        {"role": "all", "unit_id": 1, "n_patients": 40},
        {"role": "doctor", "unit_id": 1, "n_patients": 31},
    )
    text = table(("unit_id",), {"unit_id": "1", "n_patients": 42})
    assert told_by(by_role, text, "within", Limits()) == Told(1, 1, 1)
    other = table(("unit_id", "sex"), {"unit_id": "1", "sex": "female", "n_patients": 42})
    assert told_by(by_role, other, "within", Limits()) == Told()


@pytest.mark.parametrize(("keys", "value"), [(("age_band",), "65-74"), (("group",), "age_band=65-74")])
def test_who_moves_between_cells_is_not_told(keys: tuple[str, ...], value: str) -> None:
    then, now = (table(keys, {keys[0]: value, "n_patients": n}, days=n) for n in (40, 42))
    assert told_by(then, now, "same", Limits()) == Told(1, 1, 0)


def test_the_windows_of_rows_are_those_that_count() -> None:
    keys = ("unit_id", "window_start", "window_end")
    year = {"unit_id": "U", "window_start": START, "window_end": datetime(2026, 1, 1), "n_patients": 42}
    less = {**year, "window_end": datetime(2025, 12, 1), "n_patients": 40}
    assert told_by(table(keys, less, days=None), table(keys, year, days=None), "same", Limits()) == Told(1, 1, 1)
    assert told_by(
        table(keys, less, days=None),
        table(("unit_id",), {"unit_id": "U", "n_patients": 42}, days=None),
        "same",
        Limits(),
    ) == Told(1, 1, 0)
