"""Attribution: against a plain reading of the rules, row by row; ties, lists, look-back, and bad input."""

import random
from collections import defaultdict
from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import continuity as ct
from continuity.assignment import count_attributed
from continuity.assignment.attribution import CRITERIA
from continuity.errors import InputError, UsageError

START = datetime(2024, 1, 1)
RULES = sorted(CRITERIA)
ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["A", "B", "C", "D", None]), st.integers(0, 12), st.booleans()),
    min_size=1,
    max_size=30,
)
examples = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def table(rows, role="doctor"):
    """Patient, provider, day, whether it was a sentinel visit."""
    schema = {"patient_id": pl.Int64, "provider_id": pl.String, "day": pl.Int64, "is_sentinel": pl.Boolean}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.select(
        "patient_id",
        "provider_id",
        visit_at=START + pl.duration(days="day"),
        provider_role=pl.lit(role),
        reason_codes=pl.when("is_sentinel").then(pl.lit(["K86", "A30"])).otherwise(pl.lit(["R74"])),
    )


def by_hand(rows, rule):
    """The rules as their authors tell them, one patient at a time."""
    found = {}
    for patient in {row[0] for row in rows}:
        days, sentinels = defaultdict(list), defaultdict(list)
        for _, provider, day, is_sentinel in (row for row in rows if row[0] == patient and row[1] is not None):
            days[provider].append(day)
            if is_sentinel:
                sentinels[provider].append(day)
        if not days:
            found[patient] = (None, None, False)
            continue
        total = sum(map(len, days.values()))
        n_most = max(map(len, days.values()))
        most = sorted(p for p in days if len(days[p]) == n_most)
        latest = max(max(d) for d in days.values())
        is_tie = len(most) > 1
        if rule == "majority":
            choice = None if is_tie else most[0]
        elif rule == "most_recent":
            last = sorted(p for p in days if max(days[p]) == latest)
            is_tie = len(last) > 1
            choice = min(last, key=lambda p: (-len(days[p]), p))
        elif rule == "four_cut":
            with_sentinel = [p for p in most if sentinels[p]]
            if with_sentinel:
                day = max(max(sentinels[p]) for p in with_sentinel)
                most = [p for p in with_sentinel if max(sentinels[p]) == day]
            choice = min(most, key=lambda p: (-max(days[p]), p))
        else:
            choice = min(most, key=lambda p: (-(max(days[p]) - min(days[p])), -max(days[p]), p))
        found[patient] = (choice, None if choice is None else len(days[choice]) / total, is_tie)
    return found


def as_dict(frame):
    return {row[0]: row[1:] for row in frame.select("patient_id", "provider_id", "share", "is_tie").rows()}


@examples
@given(ROWS, st.sampled_from(RULES), st.randoms(use_true_random=False))
def test_every_rule_is_what_it_says_whatever_the_order_of_the_rows(rows, rule, rng):
    shuffled = rng.sample(rows, len(rows))
    assert as_dict(ct.attribute(table(shuffled), rule=rule)) == by_hand(rows, rule)


@examples
@given(ROWS, st.sampled_from(RULES))
def test_each_patient_has_one_row_and_the_columns_agree(rows, rule):
    found = ct.attribute(table(rows), rule=rule)
    assert found["patient_id"].to_list() == sorted({row[0] for row in rows})
    for row in found.rows(named=True):
        known = row["provider_id"] is not None
        assert (row["unattributed_reason"] is None) == known == (row["basis"] is not None)
        assert (row["share"] is not None) == known == (row["confidence"] is not None)
        if known:
            assert row["share"] == row["n_with_provider"] / row["n_visits"]
            expected = "high" if row["share"] > 0.7 else "medium" if row["share"] >= 0.5 else "low"
            assert row["confidence"] == expected
    counts = count_attributed(found).row(0, named=True)
    assert counts["n_attributed"] + counts["n_unattributed"] == counts["n_patients"] == found.height
    assert counts["n_high"] + counts["n_medium"] + counts["n_low"] == counts["n_attributed"]


def test_the_four_cuts_in_turn():
    rows = [
        (1, "A", 1, False),  # one provider only
        *[(2, "A", 1, False), (2, "B", 2, False), (2, "A", 3, False)],  # most visits
        *[(3, "A", 1, True), (3, "B", 9, False)],  # a tie: the physical examination
        *[(4, "A", 1, False), (4, "B", 9, False)],  # still tied: the last one seen
        *[(5, "B", 1, False), (5, "A", 1, False)],  # tied to the end: the smallest id
    ]
    found = ct.attribute(table(rows), rule="four_cut")
    assert found["provider_id"].to_list() == ["A", "A", "A", "B", "A"]
    assert found["basis"].to_list() == ["only_provider", "most_visits", "last_sentinel", "last_seen", "smallest_id"]
    without = ct.attribute(table(rows).drop("reason_codes"), rule="four_cut")
    assert without["provider_id"].to_list() == ["A", "A", "B", "B", "A"], "without reason codes the third cut is empty"


def test_the_longest_relationship_wins_a_tie_and_a_majority_without_a_rule_names_nobody():
    rows = [(1, "A", 1, False), (1, "A", 9, False), (1, "B", 10, False), (1, "B", 12, False)]
    assert ct.attribute(table(rows)).row(0, named=True)["provider_id"] == "A"
    tied = ct.attribute(table(rows), rule="majority").row(0, named=True)
    assert (tied["provider_id"], tied["unattributed_reason"], tied["n_visits"]) == (None, "tied", 4)


@pytest.mark.parametrize(("n_own", "n_other", "confidence"), [(8, 3, "high"), (7, 3, "medium"), (1, 1, "medium")])
def test_the_bands_of_confidence_are_open_above_seventy_and_closed_at_fifty(n_own, n_other, confidence):
    rows = [(1, "A", day, False) for day in range(n_own)] + [(1, "B", 0, False)] * n_other
    assert ct.attribute(table(rows))["confidence"].item() == confidence


def test_only_doctor_visits_count_unless_told_otherwise():
    visits = pl.concat([table([(1, "D", 1, False)]), table([(1, "N", 2, False), (1, "N", 3, False)], role="nurse")])
    assert ct.attribute(visits)["provider_id"].item() == "D"
    assert ct.attribute(visits, role=["doctor", "nurse"])["provider_id"].item() == "N"
    providers = pl.DataFrame({"provider_id": ["D", "N"], "role": ["doctor", "nurse"]})
    assert ct.attribute(visits.drop("provider_role"), providers=providers)["provider_id"].item() == "D"
    only_nurse = visits.filter(pl.col("provider_role") == "nurse")
    assert ct.attribute(only_nurse)["unattributed_reason"].item() == "no_visits"


def test_care_types_are_chosen_by_name():
    visits = table([(1, "A", 1, False), (1, "B", 2, False), (1, "B", 3, False)])
    visits = visits.with_columns(care_type=pl.Series(["T11", "T20", "T20"]))
    assert ct.attribute(visits)["provider_id"].item() == "B"
    assert ct.attribute(visits, care_type="T11")["provider_id"].item() == "A"


def test_the_look_back_is_half_open_and_ends_with_the_latest_visit_of_any_role():
    visits = pl.concat([table([(1, "A", 0, False), (1, "B", 10, False)]), table([(2, "N", 30, False)], role="nurse")])
    assert ct.attribute(visits, lookback="30d")["provider_id"].to_list() == ["B", None]
    assert ct.attribute(visits, lookback="31d", rule="four_cut")["n_visits"].to_list() == [2, 0]
    before = ct.attribute(visits, as_of="2024-01-11", rule="most_recent")
    assert before["provider_id"].to_list() == ["A", None], "a visit at as_of lies after it"
    assert ct.attribute(visits, as_of=date(2024, 1, 12), rule="most_recent")["provider_id"].to_list() == ["B", None]
    assert ct.attribute(visits, as_of="2030-01-01")["provider_id"].to_list() == [None, None]


def test_a_time_valid_list_comes_before_any_visit():
    patients = pl.DataFrame(
        {
            "patient_id": [1, 2, 3, 4, 5],
            "listed_provider_id": ["L", "L", None, "GONE", "L"],
            "listed_from": [date(2023, 1, 1), date(2025, 1, 1), None, None, None],
        }
    )
    providers = pl.DataFrame(
        {"provider_id": ["A", "L", "GONE"], "role": ["doctor"] * 3, "active_to": [None, None, date(2024, 1, 3)]}
    )
    visits = table([(p, "A", 10, False) for p in (1, 2, 3, 4)])
    found = ct.attribute(visits, patients=patients, providers=providers, as_of="2024-02-01")
    assert found["provider_id"].to_list() == ["L", "A", "A", "A", "L"]
    assert found["basis"].to_list() == ["listed", *["only_provider"] * 3, "listed"]
    assert found["share"].to_list() == [0.0, 1.0, 1.0, 1.0, None], "a list without visits has no share"
    later = ct.attribute(visits, patients=patients, as_of="2025-01-01")
    assert later["provider_id"].to_list() == ["L", "L", "A", "GONE", "L"]
    assert ct.attribute(visits, patients=patients)["provider_id"].to_list() == ["L", "A", "A", "GONE", "L"]


def test_ids_of_another_type_and_doubled_patients_are_brought_together():
    patients = pl.DataFrame({"patient_id": ["1", "1", "7"], "listed_provider_id": ["B", "A", None]})
    found = ct.attribute(table([(1, "C", 1, False)]), patients=patients)
    assert found["patient_id"].to_list() == [1, 7]
    assert found["provider_id"].to_list() == ["A", None], "of two lists the smallest id, whatever the order"


def test_lazy_stays_lazy_and_pandas_comes_back():
    visits = table([(1, "A", 1, False)])
    assert isinstance(ct.attribute(visits.lazy()), pl.LazyFrame)
    assert type(ct.attribute(visits.drop("reason_codes").to_pandas())).__module__.startswith("pandas")


def test_many_random_visits_agree_with_the_plain_reading():
    rng = random.Random(5)
    rows = [(rng.randrange(300), rng.choice("ABCDEFG"), rng.randrange(400), rng.random() < 0.1) for _ in range(1500)]
    for rule in RULES:
        assert as_dict(ct.attribute(table(rows), rule=rule)) == by_hand(rows, rule)


def test_bad_input_is_refused_in_words():
    visits = table([(1, "A", 1, False)])
    with pytest.raises(UsageError, match=r"rule cannot be 'most'.*Choices"):
        ct.attribute(visits, rule="most")
    with pytest.raises(UsageError, match="look-back cannot be"):
        ct.attribute(visits, lookback="two years")
    with pytest.raises(UsageError, match="look-back cannot be"):
        ct.attribute(visits, lookback="-3mo")
    with pytest.raises(UsageError, match="as_of is no date"):
        ct.attribute(visits, as_of="soon")
    with pytest.raises(UsageError, match="role cannot be 'surgeon'"):
        ct.attribute(visits, role="surgeon")
    with pytest.raises(InputError, match="role of a provider"):
        ct.attribute(visits.drop("provider_role"))
    with pytest.raises(InputError, match="care_type"):
        ct.attribute(visits, care_type="T11")
    with pytest.raises(InputError, match="provider_id"):
        ct.attribute(visits.drop("provider_id"))


def test_no_visits_at_all_attribute_nobody():
    empty = table([(1, "A", 1, False)]).clear()
    patients = pl.DataFrame({"patient_id": [1, 2], "listed_provider_id": ["A", None]})
    assert ct.attribute(empty).height == 0
    assert ct.attribute(empty, patients=patients)["provider_id"].to_list() == ["A", None]
