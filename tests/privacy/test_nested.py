"""What one count has more than another: no few patients follow from indices, roles or windows that hold one another."""

from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from continuity.privacy import Limits, ProtectedTable, protect

from .attacker import Attacker

LEAST = Limits().min_patients
FEW_AND_MANY = st.one_of(st.integers(0, 8), st.sampled_from([0, 0, 1, 2, 3]), st.integers(5, 40))
drawn = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def nested_rows(between: list[tuple[int, int, int]]) -> list[dict[str, Any]]:
    """Give units of patients with no visit, with 1 or 2, and with 3 or more."""
    rows = []
    for unit, (none, some, more) in enumerate(between):
        many = more + 30
        everyone = none + some + many
        for index, n in (("coc", many), ("hhi", many), ("upc", some + many)):
            rows.append({"unit": unit, "index": index, "n_patients": n, "n_undefined": everyone - n})
    return rows


def shown(table: ProtectedTable, count: str) -> dict[tuple[Any, ...], int | None]:
    return {tuple(row[k] for k in table.keys): row[count] for row in table.frame.iter_rows(named=True)}


@drawn
@given(st.lists(st.tuples(FEW_AND_MANY, FEW_AND_MANY, FEW_AND_MANY), min_size=1, max_size=5))
def test_patients_whom_one_index_counts_and_another_does_not_are_hidden(between: list[tuple[int, int, int]]) -> None:
    """The attacker knows every sum over units, that the counts hold one another, and what is shown."""
    frame = pl.DataFrame(nested_rows(between))
    table = protect(
        frame,
        name="t",
        keys=["unit", "index"],
        margins=[["index"]],
        counts=["n_undefined"],
        same_patients=["unit"],
        within=["unit"],
    )
    attacker = Attacker(2000)
    for count in ("n_patients", "n_undefined"):
        for (unit, index), n in shown(table, count).items():
            parts = {"coc": ["many"], "hhi": ["many"], "upc": ["some", "many"]}[index]
            if count == "n_undefined":
                parts = [p for p in ("none", "some", "many") if p not in parts]
            if n is not None:
                attacker.learn([(1, (part, unit)) for part in parts], n)
    sums = {"none": 0, "some": 0, "many": 0}
    for none, some, many in between:
        sums["none"] += none
        sums["some"] += some
        sums["many"] += many + 30
    for part, n in sums.items():
        attacker.learn([(1, (part, unit)) for unit in range(len(between))], n)
    for unit, (none, some, _) in enumerate(between):
        for part, n in (("none", none), ("some", some)):
            if 1 <= n < LEAST <= sums[part]:  # fewer in all units together are told by the sums, not by the table
                low, high = attacker.range_of((part, unit))
                assert high - low >= LEAST, (part, unit, low, high, table.frame)


@drawn
@given(st.lists(st.tuples(FEW_AND_MANY, FEW_AND_MANY), min_size=1, max_size=5))
def test_patients_of_all_roles_but_not_of_doctors_are_hidden(between: list[tuple[int, int]]) -> None:
    rows = [
        {"role": role, "unit": unit, "index": "coc", "n_patients": n, "n_undefined": u}
        for unit, (more, without) in enumerate(between)
        for role, n, u in (("all", 40 + more, without), ("doctor", 40, without))
    ]
    table = protect(
        pl.DataFrame(rows),
        name="t",
        keys=["role", "unit", "index"],
        margins=[["role", "index"]],
        counts=["n_undefined"],
        same_patients=["role", "unit"],
        within=["unit"],
        totals=pl.col("role") == "all",
    )
    patients, attacker = shown(table, "n_patients"), Attacker(2000)
    for (role, unit, _), n in patients.items():
        assert role == "all" or n == 40  # the total goes, its part stays
        if n is not None:
            attacker.learn([(1, ("doctor", unit)), *([(1, ("more", unit))] if role == "all" else [])], n)
    n_units, in_all = len(between), sum(more for more, _ in between)
    attacker.learn([(1, ("doctor", unit)) for unit in range(n_units)], 40 * n_units)
    attacker.learn([(1, ("more", unit)) for unit in range(n_units)], in_all)
    for unit, (more, _) in enumerate(between):
        if 1 <= more < LEAST <= in_all:
            low, high = attacker.range_of(("more", unit))
            assert high - low >= LEAST, (unit, low, high, table.frame)


def window_rows(*counted: tuple[int, int, int, int]) -> pl.DataFrame:
    """Give rows of one group: first and last month of the window, patients, visits."""
    return pl.DataFrame(
        [
            {
                "window_start": datetime(2025, first, 1),
                "window_end": datetime(2025, last, 1),
                "index": "coc",
                "n_patients": n,
                "n_visits": visits,
            }
            for first, last, n, visits in counted
        ]
    )


def protected_windows(frame: pl.DataFrame) -> list[int | None]:
    keys = ("window_start", "window_end", "index")
    return protect(frame, name="t", keys=keys, same_patients=keys[:-1], within=[]).frame["n_patients"].to_list()


def test_a_window_that_holds_another_may_not_have_a_few_more_patients_or_visits() -> None:
    assert protected_windows(window_rows((1, 6, 50, 200), (1, 7, 53, 290))) == [None, 53]
    assert protected_windows(window_rows((1, 6, 50, 200), (1, 7, 50, 203))).count(None) == 1
    assert protected_windows(window_rows((1, 6, 50, 200), (1, 7, 50, 200))) == [50, 50]
    assert protected_windows(window_rows((1, 6, 50, 200), (1, 7, 55, 290))) == [50, 55]
    assert protected_windows(window_rows((1, 6, 50, 200), (6, 12, 53, 290))) == [50, 53]  # not the same patients


def test_as_few_numbers_as_can_be_are_hidden() -> None:
    """Two of three indices share their patients; the third goes, in the two units where it tells, and nowhere else."""
    frame = pl.DataFrame(nested_rows([(0, 3, 10), (0, 4, 10), (0, 20, 10), (0, 0, 10)]))
    table = protect(
        frame, name="t", keys=["unit", "index"], margins=[["index"]], counts=["n_undefined"], same_patients=["unit"]
    )
    hidden = table.frame.filter(pl.col("n_patients").is_null())
    assert hidden.select("unit", "index", "undefined_reason").rows() == [
        (0, "upc", "suppressed"),
        (1, "upc", "suppressed"),
    ]


def test_a_share_that_differs_by_a_few_patients_from_another_is_hidden() -> None:
    frame = pl.DataFrame({"unit": 1, "index": ["coc", "ncgu"], "n_patients": [50, 40], "share_perfect": [0.24, 0.225]})
    table = protect(frame, name="t", keys=["unit", "index"], counts=["share_perfect"], same_patients=["unit"])
    assert table.frame["share_perfect"].to_list() == [None, None]  # 12 and 9: three patients have exactly 3 visits
    far = frame.with_columns(share_perfect=pl.Series([0.4, 0.225]))
    table = protect(far, name="t", keys=["unit", "index"], counts=["share_perfect"], same_patients=["unit"])
    assert table.frame["share_perfect"].to_list() == [0.4, 0.225]


@drawn
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_two_windows_a_month_apart_do_not_tell_who_left_or_entered(left: int, both: int, entered: int) -> None:
    """The attacker knows both numbers shown, and that nobody is counted less than once: patients, and visits alike."""
    per_window = {1: left + both, 2: both + entered}
    frame = window_rows(*((first, first + 6, n, 4 * n) for first, n in per_window.items()))
    for count, times in (("n_patients", 1), ("n_visits", 4)):
        keys = ("window_start", "window_end", "index")
        shown_numbers = protect(frame, name="t", keys=keys, same_patients=keys[:-1], within=[]).frame[count].to_list()
        attacker = Attacker(2000)
        for window, n in zip(per_window, shown_numbers, strict=True):
            if n is not None:
                attacker.learn([(1, "both"), (1, "left" if window == 1 else "entered")], n)
        for part, n in (("left", left), ("both", both), ("entered", entered)):
            if part in attacker.names and 1 <= n * times < LEAST:
                low, high = attacker.range_of(part)
                assert high - low >= LEAST, (part, low, high, shown_numbers)
