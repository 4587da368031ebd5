"""Our own expectations on groups, against counting by hand."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.quality.groups import count_groups

UNITS = ("A", "B", "C", None)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(UNITS),
        st.sampled_from(("x", "y", "z", None)),
        st.one_of(st.none(), st.dates(date(2025, 1, 1), date(2025, 5, 31))),
    ),
    max_size=60,
)


def table(rows) -> pl.LazyFrame:
    frame = pl.DataFrame(rows, schema={"unit_id": pl.String, "provider_id": pl.String, "day": pl.Date}, orient="row")
    return frame.with_columns(visit_at=pl.col("day").cast(pl.Datetime("us")) + pl.duration(hours=9)).lazy()


@given(ROWS, st.sampled_from([0.0, 0.25, 0.5]), st.integers(1, 5))
def test_missing_shares_are_those_of_each_group(rows, max_share, min_rows):
    n, missing = Counter(), Counter()
    for unit, provider, _ in rows:
        n[unit] += 1
        missing[unit] += provider is None
    looked_at = [unit for unit in "ABC" if n[unit] >= min_rows]
    off = [unit for unit in looked_at if missing[unit] > max_share * n[unit]]
    given_ = {"by": "unit_id", "column": "provider_id", "max_share": max_share, "min_rows": min_rows}
    found = count_groups("expect_few_missing_per_group", table(rows), given_)
    assert (found.n_groups, found.n_unexpected) == (len(looked_at), len(off))


@given(ROWS, st.integers(1, 3), st.booleans())
def test_distinct_values_are_those_of_each_group_and_period(rows, most, monthly):
    values = defaultdict(set)
    for unit, provider, day in rows:
        if provider is not None and unit is not None and (day is not None or not monthly):
            values[provider, day.month if monthly else 0].add(unit)
    given_ = {"by": "provider_id", "column": "unit_id", "max_distinct": most}
    found = count_groups(
        "expect_few_distinct_per_group", table(rows), given_ | ({"at": "visit_at", "every": "1mo"} if monthly else {})
    )
    assert found.n_groups == len(values)
    assert found.n_unexpected == sum(len(units) > most for units in values.values())


@given(ROWS, st.sampled_from([0.25, 0.5]), st.sampled_from([None, 2.0]), st.integers(1, 4))
def test_volumes_are_compared_with_the_month_before(rows, min_ratio, max_ratio, min_rows):
    n, total, last = Counter(), Counter(), {}
    for unit, _, day in rows:
        if unit is not None and day is not None:
            n[unit, day.month] += 1
            total[day.month] += 1
            last[day.month] = max(day, last.get(day.month, day))
    busy = sorted(month for month in total if total[month] >= min_ratio * max(total.values()))
    if busy:
        length = ((date(2025, busy[-1] + 1, 1)) - date(2025, busy[-1], 1)).days
        busy = busy if last[busy[-1]].day / length >= 0.9 else busy[:-1]
    looked_at = off = 0
    for unit in {unit for unit, _ in n}:
        for month in range(busy[0] + 1, busy[-1] + 1) if busy else ():
            before, now = n[unit, month - 1], n[unit, month]
            if before >= min_rows:
                looked_at += 1
                off += now < min_ratio * before or (max_ratio is not None and now > max_ratio * before)
    given_ = {"by": "unit_id", "at": "visit_at", "every": "1mo", "min_ratio": min_ratio, "max_ratio": max_ratio}
    found = count_groups(
        "expect_steady_volume_per_group", table(rows), given_ | {"min_rows": min_rows, "min_elapsed": 0.9}
    )
    assert (found.n_groups, found.n_unexpected) == (looked_at, off)


def daily(unit: str, n_days: int, a_day: int) -> pl.DataFrame:
    days = [datetime(2025, 1, 1, 9) + timedelta(days=i // a_day) for i in range(n_days * a_day)]
    return pl.DataFrame({"unit_id": [unit] * len(days), "visit_at": days})


VOLUME = {"by": "unit_id", "at": "visit_at", "every": "1mo", "min_ratio": 0.25, "max_ratio": 4, "min_rows": 50}


@pytest.mark.parametrize("n_days", [365, 340])
def test_a_last_month_that_is_cut_off_is_no_alarm(n_days):
    visits = daily("A", n_days, 3).lazy()
    assert count_groups("expect_steady_volume_per_group", visits, VOLUME | {"min_elapsed": 0.9}).n_unexpected == 0


def test_stray_dates_open_no_empty_decades():
    stray = pl.DataFrame({"unit_id": ["A"] * 9, "visit_at": [datetime(2025 + 10 * i, 6, 1) for i in range(1, 10)]})
    visits = pl.concat([daily("A", 365, 3), stray]).lazy()
    found = count_groups("expect_steady_volume_per_group", visits, VOLUME)
    assert (found.n_groups, found.n_unexpected) == (11, 0)


def test_units_are_named_and_a_month_is_too():
    visits = pl.concat([daily(unit, 365, 3) for unit in ("A", "B")])
    lost = visits.filter(~((pl.col("unit_id") == "B") & (pl.col("visit_at").dt.month() == 7)))
    found = count_groups("expect_steady_volume_per_group", lost.lazy(), VOLUME)
    assert (found.n_unexpected, found.where) == (1, ("B 2025-07",))


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("unit_id", ["010190-999X", "B"]),
        ("unit_id", ["010190 – 999X", "B"]),
        ("unit_id", [f"P{i}" for i in range(20)]),
        ("provider_id", ["D1", "D2"]),
    ],
)
def test_people_are_never_named(by, names):
    """Neither a personal code, nor ids of which there are many, nor a column of people."""
    rows = pl.DataFrame({by: names * (1200 // len(names)), "column": None}, schema_overrides={"column": pl.String})
    if len(names) == 20:
        rows = rows.head(400)
    given_ = {"by": by, "column": "column", "max_share": 0.1}
    found = count_groups("expect_few_missing_per_group", rows.lazy(), given_)
    assert (found.n_unexpected, found.where) == (len(names), ())
