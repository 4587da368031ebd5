"""The engine against exact fractions over every order and every filling, on visits drawn at random."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import event, given
from hypothesis import strategies as st

import continuity as ct

from .brute_force import (
    Choices,
    Period,
    Visit,
    bounds_of_patient,
    in_windows,
    moments_of,
    of_patient,
    one_a_day,
    reason_why_undefined,
    rolling,
    with_policy,
)
from .drawn import BOUNDED, COUNT_INDICES, FIRST, INDICES, close, examples, frame, visits

TEAMS = {"A": "T1", "B": "T1", "C": "T2"}
POLICIES = st.sampled_from(["drop", "each_distinct", "one_group"])
SAME_DAY = st.sampled_from(["keep_all", "patient_provider_day", "patient_day"])
RULES = st.builds(
    Choices,
    level=st.just("provider"),
    unknown_provider=POLICIES,
    same_day=SAME_DAY,
    tie_order=st.sampled_from(["expectation", "visit_id"]),
    min_visits=st.integers(1, 4),
)
HOURS = st.integers(-12, 24 * 8).map(lambda hours: FIRST + timedelta(hours=hours))
WINDOWS = st.lists(
    st.tuples(HOURS, HOURS).map(lambda pair: (min(pair), max(pair) + timedelta(hours=1))),
    min_size=1,
    max_size=5,
    unique=True,
)


def expected(
    drawn: Sequence[Visit],
    rules: Choices,
    windows: Sequence[Period] | None = None,
    teams: Mapping[str, str | None] | None = None,
) -> dict[tuple[str, Period | None], list[list[str | None]]]:
    """Give the visits that count, by patient and window: the moments in order, whom each visit was to."""
    return {
        where: moments_of(one_a_day(group, rules, teams), rules, teams)
        for where, group in in_windows(drawn, windows).items()
    }


def rows_of(table: pl.DataFrame, windows: object) -> dict[tuple[str, Period | None], dict[str, Any]]:
    rows: dict[tuple[str, Period | None], dict[str, Any]] = {}
    for row in table.iter_rows(named=True):
        where = (row["patient_id"], None if windows is None else (row["window_start"], row["window_end"]))
        assert where not in rows, "one row per patient and window"
        rows[where] = row
    return rows


def check(
    table: pl.DataFrame, counted: Mapping[Any, list[list[str | None]]], rules: Choices, windows: Any = None
) -> None:
    """Compare every row with the brute force: counts, values to 1e-12, reasons, and which rows there are."""
    rows = rows_of(table, windows)
    assert rows.keys() == counted.keys()
    for where, moments in counted.items():
        row, seen = rows[where], with_policy(moments, rules.unknown_provider)
        whom = [who for moment in seen for who in moment]
        assert (row["n_visits"], row["n_providers"]) == (len(whom), len(set(whom)))
        result = of_patient(seen, rules)
        for key, (exact, _) in result.items():
            assert close(row[key], exact), (where, key, row[key], exact)
        reasons = [why for _, why in result.values()]
        assert (row["undefined_reason"] is not None) == all(reasons)
        assert row["undefined_reason"] in (*reasons, None)


def computed(drawn: Sequence[Visit], rules: Choices, *, team: bool = False, **options: Any) -> pl.DataFrame:
    indices = BOUNDED if rules.unknown_provider == "bounds" else INDICES
    return ct.compute(frame(drawn, team=team), indices, **{**vars(rules), **options})


@examples(120)
@given(visits(), RULES)
def test_every_rule_at_provider_level(drawn: list[Visit], rules: Choices) -> None:
    event(f"{rules.unknown_provider}, {rules.same_day}")
    check(computed(drawn, rules), expected(drawn, rules), rules)


@examples(60)
@given(visits(), POLICIES, st.sampled_from(["keep_all", "patient_provider_day"]))
def test_team_written_in_the_visits(drawn: list[Visit], policy: str, same_day: str) -> None:
    rules = Choices(level="team", unknown_provider=policy, same_day=same_day)
    check(computed(drawn, rules, team=True), expected(drawn, rules), rules)


@examples(60)
@given(visits(), POLICIES, SAME_DAY, st.sampled_from(["team", "unit"]))
def test_team_or_unit_from_the_table_of_providers(drawn: list[Visit], policy: str, same_day: str, level: str) -> None:
    rules = Choices(level=level, unknown_provider=policy, same_day=same_day)
    rows = list(TEAMS.items())[:2]  # nothing is known of C: a visit to C has an unknown team
    providers = pl.DataFrame(rows, schema=["provider_id", f"{level}_id"], orient="row")
    check(computed(drawn, rules, providers=providers), expected(drawn, rules, teams=dict(rows)), rules)


@examples(100)
@given(visits(), RULES, WINDOWS)
def test_several_windows_overlapping_and_nested(drawn: list[Visit], rules: Choices, windows: list[Period]) -> None:
    table = computed(drawn, rules, window=windows)
    check(table, expected(drawn, rules, windows), rules, windows)
    assert table.select("patient_id", "window_start").rows() == sorted(
        table.select("patient_id", "window_start").rows()
    )


@examples(40)
@given(visits(), RULES, st.integers(1, 4), st.integers(1, 7))
def test_rolling_windows(drawn: list[Visit], rules: Choices, every: int, period: int) -> None:
    bounds = (FIRST - timedelta(days=2), FIRST + timedelta(days=8))
    windows = rolling(bounds, timedelta(days=every), timedelta(days=period))
    table = computed(drawn, rules, window=bounds, every=f"{every}d", period=f"{period}d")
    check(table, expected(drawn, rules, windows), rules, windows)


@examples(60)
@given(visits(), RULES, WINDOWS)
def test_long_format_says_the_same_and_gives_each_index_its_own_reason(
    drawn: list[Visit], rules: Choices, windows: list[Period]
) -> None:
    counted = expected(drawn, rules, windows)
    table = computed(drawn, rules, window=windows, format="long")
    assert table.height == len(counted) * len(INDICES)
    for row in table.iter_rows(named=True):
        moments = counted[row["patient_id"], (row["window_start"], row["window_end"])]
        exact, why = of_patient(with_policy(moments, rules.unknown_provider), rules)[row["index"]]
        assert close(row["value"], exact)
        assert row["undefined_reason"] == why
    wide = computed(drawn, rules, window=windows)
    keys = ["patient_id", "window_start", "window_end"]
    pivoted = table.pivot("index", index=[*keys, "n_visits", "n_providers"], values="value")
    assert pivoted.sort(keys).equals(wide.select(pivoted.columns).sort(keys))


@examples(80)
@given(visits(per_patient=5), st.integers(1, 3), st.sampled_from(["expectation", "visit_id"]))
def test_bounds_are_the_extremes_over_every_filling_of_the_unknown(
    drawn: list[Visit], min_visits: int, tie_order: str
) -> None:
    rules = Choices(unknown_provider="bounds", min_visits=min_visits, tie_order=tie_order)
    rows = rows_of(computed(drawn, rules), None)
    for where, moments in expected(drawn, rules).items():
        row, extremes = rows[where], bounds_of_patient(moments, rules)
        n = sum(map(len, moments))
        assert row["n_visits"] == n
        for key in BOUNDED:
            low, high = row[f"{key}_low"], row[f"{key}_high"]
            if key not in extremes:
                assert (low, high) == (None, None)
                assert reason_why_undefined(key, n, rules)
                continue
            # Over ties the bound on the side of more continuity holds for every order of a sequence; their mean need
            # not attain it.
            loose = key not in COUNT_INDICES and any(len(moment) > 1 for moment in moments)
            if not loose or ct.index(key).higher_is_more:
                assert close(low, extremes[key][0]), (key, low, extremes[key])
            if not loose or not ct.index(key).higher_is_more:
                assert close(high, extremes[key][1]), (key, high, extremes[key])
            assert low <= float(extremes[key][0]) + 1e-12
            assert high >= float(extremes[key][1]) - 1e-12
            assert high <= 1 + 1e-12 or ct.index(key).range[1] != "1"
        assert extremes.get("provider_count", (0, 99))[0] <= row["n_providers"]
        assert row["n_providers"] <= extremes.get("provider_count", (0, 99))[1]


@examples(80)
@given(visits(per_patient=5, patients="p"), st.integers(0, 10**6))
def test_bounds_hold_for_the_truth_when_one_visit_a_day_counts(drawn: list[Visit], seed: int) -> None:
    """Whoever the unknown were, the index of the full record lies between the bounds of the record with gaps."""
    rules = Choices(unknown_provider="bounds", same_day="patient_provider_day")
    names = ["A", "B", "C", "X", "Y", "Z"]
    truth = []
    for n, visit in enumerate(drawn):
        whom = visit.provider if visit.provider and visit.provider.strip() else names[(seed // 6**n) % 6]
        truth.append(Visit(visit.patient, visit.at, whom, visit.visit_id))
    known = Choices(same_day="patient_provider_day")
    exact = of_patient(expected(truth, known)["p", None], known)
    row = computed(drawn, rules).row(0, named=True)
    for key in ("upc", "coc", "hhi", "k_index", "mmci"):
        value = exact[key][0]
        if value is not None and row[f"{key}_low"] is not None:
            assert row[f"{key}_low"] - 1e-12 <= float(value) <= row[f"{key}_high"] + 1e-12, key


def test_two_unknown_visits_on_a_day_may_be_two_providers() -> None:
    """Known A, A and two unknown on one day, who may be X and Y: COC can be as low as 1/6, so the bound must be."""
    day = timedelta(days=1)
    drawn = [
        Visit("p", FIRST, "A", "1"),
        Visit("p", FIRST + day, "A", "2"),
        Visit("p", FIRST + 2 * day, None, "3"),
        Visit("p", FIRST + 2 * day + timedelta(hours=1), None, "4"),
    ]
    row = computed(drawn, Choices(unknown_provider="bounds", same_day="patient_provider_day")).row(0, named=True)
    assert close(row["coc_low"], 1 / 6)
    distinct = computed(drawn, Choices(unknown_provider="each_distinct", same_day="patient_provider_day"))
    assert distinct["n_visits"].item() == 4


@examples(40)
@given(visits(), SAME_DAY)
def test_without_windows_the_window_is_whole_days_that_hold_every_visit(drawn: list[Visit], same_day: str) -> None:
    table = computed(drawn, Choices(same_day=same_day, unknown_provider="each_distinct"))
    moments = [visit.at for visit in drawn]
    midnight = {"hour": 0, "minute": 0}
    assert table["window_start"].unique().to_list() == [min(moments).replace(**midnight)]
    assert table["window_end"].unique().to_list() == [max(moments).replace(**midnight) + timedelta(days=1)]
    assert isinstance(table["window_end"][0], datetime)
