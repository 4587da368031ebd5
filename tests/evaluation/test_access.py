"""Access: the dated rules of the care guarantee at their borders, waiting times and T3 by brute force."""

from datetime import date, datetime, timedelta
from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError
from continuity.evaluation.access.guarantee import RULES, age_on, care_guarantee

GROWN = date(1970, 6, 1)


def last_day(assessed: date, born: date | None) -> date | None:
    frame = pl.DataFrame({"a": [assessed], "b": [born]}, {"a": pl.Date, "b": pl.Date})
    return frame.select(care_guarantee(pl.col("a"), pl.col("b"))).item()


@pytest.mark.parametrize(
    ("assessed", "born", "until"),
    [
        (date(2023, 8, 31), GROWN, date(2023, 11, 30)),  # three calendar months, clamped
        (date(2023, 9, 1), GROWN, date(2023, 9, 15)),
        (date(2024, 12, 31), GROWN, date(2025, 1, 14)),
        (date(2025, 1, 1), GROWN, date(2025, 4, 1)),
        (date(2025, 1, 1), date(2010, 5, 5), date(2025, 1, 15)),
        (date(2025, 3, 9), date(2002, 3, 10), date(2025, 3, 23)),  # the day before the 23rd birthday
        (date(2025, 3, 10), date(2002, 3, 10), date(2025, 6, 10)),  # the birthday
        (date(2025, 11, 30), GROWN, date(2026, 2, 28)),
        (date(2024, 5, 1), None, date(2024, 5, 15)),  # the rule of 2024 does not ask for an age
        (date(2025, 5, 1), None, None),
    ],
)
def test_the_guarantee_at_its_borders(assessed: date, born: date | None, until: date | None) -> None:
    assert last_day(assessed, born) == until


@settings(max_examples=60, deadline=None)
@given(st.dates(date(2015, 1, 1), date(2030, 1, 1)), st.dates(date(1930, 1, 1), date(2014, 1, 1)))
def test_exactly_one_rule_holds_on_every_day(assessed: date, born: date) -> None:
    frame = pl.DataFrame({"a": [assessed], "b": [born]})
    age = age_on(pl.col("a"), pl.col("b"))
    held = [frame.select(rule.holds(pl.col("a"), age)).item() for rule in RULES]
    assert held.count(True) == 1
    years = assessed.year - born.year - ((assessed.month, assessed.day) < (born.month, born.day))
    assert frame.select(age).item() == years


VISITS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 60), st.integers(-3, 120) | st.none(), st.sampled_from("AB")),
    min_size=1,
    max_size=25,
)
DAY = datetime(2025, 1, 6, 9)


@settings(max_examples=60, deadline=None)
@given(VISITS)
def test_waiting_times_by_brute_force(drawn: list[tuple[int, int, int | None, str]]) -> None:
    rows = [
        (p, DAY + timedelta(days=d, hours=3), None if wait is None else DAY + timedelta(days=d - wait), who)
        for p, d, wait, who in drawn
    ]
    schema = {"patient_id": pl.Int64, "visit_at": pl.Datetime, "assessed_at": pl.Datetime, "provider_id": pl.String}
    patients = pl.DataFrame(
        {"patient_id": range(6), "listed_provider_id": ["A"] * 5 + [None], "birth_year": [1970] * 6}
    )
    table = ct.waiting_times(pl.DataFrame(rows, schema, orient="row"), patients=patients)
    for row in table.iter_rows(named=True):
        seen = [(p, w, who) for p, _, w, who in drawn]
        if row["seen_by"]:
            seen = [x for x in seen if x[0] < 5 and (x[2] == "A") == (row["seen_by"] == "own")]
        waits = [w for _, w, _ in seen if w is not None and w >= 0]
        assert row["n_visits"] == len(waits)
        assert row["n_without_assessment"] == sum(w is None for _, w, _ in seen)
        assert row["n_negative"] == sum(w is not None and w < 0 for _, w, _ in seen)
        assert row["median_days"] == (median(waits) if waits else None)
        expected = sum(w <= 14 for w in waits) / len(waits) if waits else None
        assert row["share_within_14_days"] == (None if expected is None else pytest.approx(expected))


def test_acute_visits_wait_for_nothing_and_are_left_out() -> None:
    frame = pl.DataFrame({
        "patient_id": [1, 2], "visit_at": [DAY, DAY], "assessed_at": [DAY - timedelta(days=3)] * 2,
        "urgency": ["acute", None],
    })  # fmt: skip
    assert ct.waiting_times(frame)["n_visits"].item() == 1


def book(slots: dict[str, list[int]], taken: frozenset[int] = frozenset()) -> pl.DataFrame:
    rows = [
        (DAY, "U", who, "doctor", DAY + timedelta(days=d), d not in taken) for who, days in slots.items() for d in days
    ]
    rows += [(DAY, "U", who, "doctor", None, None) for who, days in slots.items() if not days]
    names = {"snapshot_at": pl.Datetime, "unit_id": str, "provider_id": str, "role": str, "slot_at": pl.Datetime}
    return pl.DataFrame(rows, {**names, "free": pl.Boolean}, orient="row")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCD"), st.lists(st.integers(0, 300), max_size=6), min_size=1))
def test_t3_by_brute_force(slots: dict[str, list[int]]) -> None:
    row = ct.third_next(book(slots)).row(0, named=True)
    thirds = [min(sorted(days)[2], 182) if len(days) > 2 else 182 for days in slots.values()]
    assert row["t3_days"] == median(thirds)
    assert row["n_few_slots"] == sum(len(days) < 3 for days in slots.values())
    assert row["n_providers"] == len(slots)


def test_a_taken_slot_is_not_available() -> None:
    assert ct.third_next(book({"A": [1, 2, 3, 8]}, taken=frozenset({2})))["t3_days"].item() == 8


def test_own_t3_is_of_the_own_provider() -> None:
    patients = pl.DataFrame({"patient_id": [1, 2, 3], "listed_provider_id": ["A", "A", "B"]})
    row = ct.own_third_next(book({"A": [1, 2, 3], "B": [4, 5, 10]}), patients).row(0, named=True)
    assert (row["n_patients"], row["own_t3_days"]) == (3, pytest.approx((3 + 3 + 10) / 3))


def test_coverage_counts_residents() -> None:
    patients = pl.DataFrame({
        "patient_id": [1, 2, 3, 4], "unit_id": ["U", "U", "V", "V"], "listed_provider_id": ["A", None, "B", "B"],
        "listed_nurse_id": ["n", "n", None, "n"],
    })  # fmt: skip
    rows = ct.coverage(patients, "unit_id").rows()
    assert rows == [("U", 2, 0.5, 1.0, 0.5), ("V", 2, 1.0, 0.5, 0.5)]


@pytest.mark.parametrize("call", [ct.waiting_times, ct.third_next, ct.coverage])
def test_a_missing_column_is_named(call: object) -> None:
    with pytest.raises(InputError, match="missing from"):
        call(pl.DataFrame({"patient_id": [1]}))  # type: ignore[operator]
