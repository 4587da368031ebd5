"""Indices of days, supply and weights against the brute force; their laws; households; flags of visits."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError

from . import brute_force_durations as brute
from .brute_force import Choices, Period, Visit
from .brute_force_durations import LOOKS_BACK, SPECIAL, Around, mode_of
from .drawn import FIRST, close, days, examples, frame

VECTORS = Path(__file__).parents[2].parent / "shared" / "reference" / "vectors.json"
LONG_AGO = date(2000, 1, 1)
GAPS = st.sampled_from([0, 0, 1, 2, 29, 30, 31, 120, 200, 243, 244, 300])
HOURS = st.sampled_from([0, 0, 8, 23])
WEIGHTS = {"phone": Fraction(1, 2), "video": Fraction(5, 4)}


@st.composite
def years_of_visits(draw: st.DrawFn, patients: str = "pqr") -> dict[str, list[Visit]]:
    """Draw visits over some years, some at one moment, some to unknown providers."""
    found: dict[str, list[Visit]] = {}
    number = 0
    for patient in patients[: draw(st.integers(1, len(patients)))]:
        at, found[patient] = FIRST, []
        for gap, hour in draw(st.lists(st.tuples(GAPS, HOURS), min_size=1, max_size=9)):
            at += timedelta(days=gap)
            who = draw(st.sampled_from([*"AAAABC", None]))
            found[patient].append(Visit(patient, at + timedelta(hours=hour), who, f"{number:03}"))
            number += 1
    return found


STARTS = st.integers(-24, 24 * 1200).map(lambda hours: FIRST + timedelta(hours=hours))
LENGTHS = st.sampled_from([timedelta(hours=30), timedelta(days=90), timedelta(days=730), timedelta(days=1100)])
WINDOWS = st.lists(st.builds(lambda start, length: (start, start + length), STARTS, LENGTHS), min_size=1, max_size=3)
DATES = st.one_of(st.none(), st.integers(-900, 900).map(lambda n: FIRST.date() + timedelta(days=n)))
RULES = st.builds(
    Choices,
    unknown_provider=st.sampled_from(["drop", "each_distinct", "one_group"]),
    same_day=st.sampled_from(["keep_all", "patient_provider_day", "patient_day"]),
    tie_order=st.sampled_from(["expectation", "visit_id"]),
    min_visits=st.integers(1, 3),
)
AROUND = st.builds(
    Around,
    data_from=st.one_of(st.just(LONG_AGO), DATES.map(lambda day: day or LONG_AGO)),
    lookback=st.sampled_from([1, 30, 243, 365]),
    cover_days=st.sampled_from([1, 30, 200]),
    weights=st.just(WEIGHTS),
    enrolled=st.dictionaries(st.sampled_from("pqr"), st.tuples(DATES, DATES)),
    listed=st.dictionaries(st.sampled_from("pqr"), st.tuples(st.sampled_from(["A", None]), DATES)),
    unit=st.dictionaries(st.sampled_from("pqr"), st.sampled_from(["U", "V"])),
)


def options_of(around: Around) -> dict[str, Any]:
    rows = [
        (p, around.unit.get(p), *around.enrolled.get(p, (None, None)), *around.listed.get(p, (None, None)))
        for p in "pqr"
    ]
    names = ["patient_id", "unit_id", "enrolled_from", "enrolled_to", "listed_provider_id", "listed_from"]
    types = [pl.String, pl.String, pl.Date, pl.Date, pl.String, pl.Date]
    return {
        "patients": pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row"),
        "data_from": around.data_from,
        "lookback": f"{around.lookback}d",
        "cover_days": around.cover_days,
        "visit_weights": around.weights,
    }


def weighed(visits: list[Visit]) -> pl.DataFrame:
    return frame(visits).with_columns(contact_mode=pl.Series([mode_of(v) for v in visits], dtype=pl.String))


def of_all(visits: Mapping[str, list[Visit]]) -> list[Visit]:
    return [visit for theirs in visits.values() for visit in theirs]


@examples(150)
@given(years_of_visits(), WINDOWS, RULES, AROUND)
def test_every_index_equals_the_brute_force(
    drawn: dict[str, list[Visit]], windows: list[Period], rules: Choices, around: Around
) -> None:
    options = {**vars(rules), **options_of(around), "window": windows}
    possible = [
        key
        for key in SPECIAL
        if key not in LOOKS_BACK or any(around.since(key, window) >= around.data_from for window in windows)
    ]
    for key in set(SPECIAL) - set(possible):
        with pytest.raises(UsageError, match=f"{key} looks back"):
            ct.compute(weighed(of_all(drawn)), key, **options)
    table = ct.compute(weighed(of_all(drawn)), possible, format="long", **options)
    expected = {
        (patient, *window, key): result
        for window in windows
        for patient, results in brute.special(drawn, window, rules, around).items()
        for key, result in results.items()
        if key in possible
    }
    found = {(*row[:3], row[5]): row[6:] for row in table.iter_rows()}
    assert found.keys() == expected.keys()
    for where, (exact, why) in expected.items():
        value, reason = found[where]
        assert close(value, exact), (where, value, exact)
        assert reason == why, where


@examples(60)
@given(years_of_visits(), RULES, AROUND)
def test_without_a_window_it_is_that_of_all_the_data(
    drawn: dict[str, list[Visit]], rules: Choices, around: Around
) -> None:
    options = {**vars(rules), **options_of(around), "data_from": LONG_AGO}
    every = of_all(drawn)
    first, last = (side(v.at for v in every).date() for side in (min, max))
    window = (datetime(first.year, first.month, first.day), datetime(last.year, last.month, last.day))
    window = (window[0], window[1] + timedelta(days=1))
    whole = ct.compute(weighed(every), SPECIAL, **options)
    assert whole.equals(ct.compute(weighed(every), SPECIAL, window=window, **options))


def vector(name: str) -> Any:
    if not VECTORS.exists():
        pytest.skip("the shared reference folder is not beside the project")
    return next(v for v in json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"] if v["id"] == name)


def test_vector_of_the_look_back() -> None:
    """The vector takes the data to start 365 days before the window; its first visit is 61 days before."""
    case = vector("constructed_kpc_lookback")
    table = pl.DataFrame(case["rows"], schema=["patient_id", "provider_id", "visit_at"], orient="row")
    seen = table.with_columns(pl.col("visit_at").str.to_datetime())
    rules: dict[str, Any] = {"lookback": f"{case['lookback_days']}d", "data_from": "2022-01-01"}
    found = ct.compute(seen, ["kpc_lookback", "k_index"], window=case["window"], **rules)
    assert close(found["kpc_lookback"].item(), Fraction(case["exact"]["kpc_lookback"]))
    assert close(found["k_index"].item(), Fraction(case["exact"]["k_index_in_window"]))
    flags = ct.flag_visits(seen, window=case["window"], **rules)
    assert flags["is_known"].to_list() == case["exact"]["known"]


def long_days(gaps: list[int], who: str) -> list[Visit]:
    at, found = FIRST, []
    for n, (gap, name) in enumerate(zip(gaps, who, strict=True)):
        at += timedelta(days=gap)
        found.append(Visit("P", at, name, f"{n:03}"))
    return found


TWO_YEARS = (FIRST, FIRST + timedelta(days=730))


@pytest.mark.parametrize(
    ("gaps", "who", "unbroken"),
    [
        ([100, 243, 243], "AAA", 1),
        ([100, 244, 243], "AAA", 0),
        ([244, 200, 200], "AAA", 0),  # the first edge
        ([100, 200, 186], "AAA", 0),  # 244 days to the end
        ([100, 200, 187], "AAA", 1),
        ([243, 243], "AA", 0),
        ([100, 200, 200, 0], "AABA", 1),
        ([100, 200, 200, 0], "AABB", 0),
    ],
)
def test_unbroken_follow_up_by_hand(gaps: list[int], who: str, unbroken: int) -> None:
    found = ct.compute(frame(long_days(gaps, who)), "wolinsky", window=TWO_YEARS, data_from=FIRST.date(), min_visits=1)
    assert found["wolinsky"].item() == unbroken


def test_time_under_cover_by_hand() -> None:
    """Visits 5 days before the window, on its days 0 and 8; 10 days of cover; a window of 20 days: 18 are covered."""
    seen = frame([Visit("P", FIRST + timedelta(days=n), "A", str(n)) for n in (-5, 0, 8)])
    window = (FIRST, FIRST + timedelta(days=20))
    rules: dict[str, Any] = {"window": window, "data_from": LONG_AGO, "min_visits": 1}
    assert ct.compute(seen, "cover_index", cover_days=10, **rules)["cover_index"].item() == 0.9
    assert ct.compute(seen, "cover_index", cover_days=3, **rules)["cover_index"].item() == 0.3
    patients = pl.DataFrame({"patient_id": ["P"], "enrolled_to": [FIRST.date() + timedelta(days=10)]})
    assert ct.compute(seen, "cover_index", cover_days=10, patients=patients, **rules)["cover_index"].item() == 1


@pytest.mark.parametrize(
    ("since", "end", "years"),
    [
        ("2015-01-01", "2026-01-01", Fraction(11)),
        ("2015-01-02", "2026-01-01", Fraction(131, 12)),
        ("2024-02-29", "2025-02-28", Fraction(11, 12)),
        ("2025-12-31", "2026-01-01", Fraction(0)),
        ("2026-01-02", "2026-01-01", None),
    ],
)
def test_years_with_the_listed_provider_by_hand(since: str, end: str, years: Fraction | None) -> None:
    patients = pl.DataFrame(
        {"patient_id": ["P"], "listed_provider_id": ["A"], "listed_from": [date.fromisoformat(since)]}
    )
    seen = frame([Visit("P", datetime.fromisoformat(end) - timedelta(days=9), "B", "0")])
    window = ("2025-01-01", end)
    found = ct.compute(seen, "years_with_gp", window=window, patients=patients, min_visits=1, format="long")
    assert close(found["value"].item(), years)
    assert found["undefined_reason"].item() == (None if years is not None else "no_assigned_provider")


@examples(40)
@given(years_of_visits("p"))
def test_equal_weights_give_coc_and_upc(drawn: dict[str, list[Visit]]) -> None:
    keys = ["coc", "coc_weighted", "upc", "upc_weighted"]
    for weights in ({"phone": 1, "video": 1}, dict.fromkeys(("phone", "video"), 0.25)):
        table = weighed(of_all(drawn)).with_columns(pl.col("contact_mode").fill_null("phone"))
        row = ct.compute(table, keys, min_visits=1, visit_weights=weights).row(0, named=True)
        assert close(row["coc"], row["coc_weighted"])
        assert close(row["upc"], row["upc_weighted"])


def test_a_weight_counts_once_for_each_visit() -> None:
    """Weights 1, 1/2 and 1/2 to A, A, B: pairs A-A 1/2, all pairs 1/2 + 1/2 + 1/4; the provider A has 3/4."""
    table = frame(days("AAB")).with_columns(contact_mode=pl.Series(["in_person", "phone", "phone"]))
    row = ct.compute(table, ["coc_weighted", "upc_weighted"], visit_weights={"phone": 0.5}).row(0, named=True)
    assert close(row["coc_weighted"], Fraction(2, 5))
    assert close(row["upc_weighted"], Fraction(3, 4))


@examples(60)
@given(years_of_visits(), st.sampled_from(["keep_all", "patient_provider_day"]))
def test_known_visits_inside_the_window_are_the_k_index(drawn: dict[str, list[Visit]], same_day: Any) -> None:
    """With a look-back as long as the data, and the first visit left out, the known share is K."""
    rules: dict[str, Any] = {"same_day": same_day, "min_visits": 2, "lookback": "9999d", "data_from": date(1900, 1, 1)}
    for row in ct.compute(frame(of_all(drawn)), ["kpc_lookback", "k_index"], **rules).iter_rows(named=True):
        if row["n_visits"] >= 2:
            n = row["n_visits"]
            assert close(row["kpc_lookback"] * n / (n - 1), row["k_index"])


HOMES = pl.DataFrame({"patient_id": ["p", "q", "r"], "household_id": [7, 7, None]})
HOUSEHOLD_KEYS = ("coc", "secon", "upc", "visit_entropy", "kpc_lookback", "regularity", "cover_index", "wolinsky")


@examples(60)
@given(years_of_visits(), RULES)
def test_a_household_is_a_patient_with_the_visits_of_all_after_the_same_day_rule(
    drawn: dict[str, list[Visit]], rules: Choices
) -> None:
    own = [v for p in "pq" for v in brute.one_a_day(drawn.get(p, []), rules)]
    pooled = [Visit("7", v.at, v.provider, v.visit_id) for v in own]
    options: dict[str, Any] = {
        **vars(rules), "window": (FIRST - timedelta(days=1), FIRST + timedelta(days=9000)),
        "data_from": date(1900, 1, 1), "cover_days": 30,
    }  # fmt: skip
    found = ct.compute(frame(of_all(drawn)), HOUSEHOLD_KEYS, patients=HOMES, person="household", **options)
    assert found.columns[0] == "household_id"
    wanted = ct.compute(frame(pooled), HOUSEHOLD_KEYS, **{**options, "same_day": "keep_all"})
    assert found["household_id"].to_list() == [7]
    assert found.drop("household_id").equals(wanted.drop("patient_id"))


def test_patients_without_a_household_are_left_out_and_counted() -> None:
    seen = frame([*days("AA", "p"), *days("AB", "q"), *days("CC", "r")])
    found = ct.compute(seen, "coc", patients=HOMES, person="household", min_visits=2)
    assert found.select("household_id", "n_visits").rows() == [(7, 4)]
    flow = ct.attrition(seen, patients=HOMES, person="household")
    steps = {row["step"]: row["n_visits"] for row in flow.iter_rows(named=True)}
    assert (steps["read"], steps["household"], steps["used"]) == (6, 4, 4)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"indices": "kpc_lookbak"}, UsageError, "Did you mean 'kpc_lookback'"),
        ({"indices": "kpc_lookback"}, UsageError, "kpc_lookback looks back 365d.*Needed: a window"),
        ({"indices": "kpc_lookback", "window": TWO_YEARS}, UsageError, "kpc_lookback looks back.*data that start on"),
        ({"indices": "mean_kpc_lookback", "grain": "period", "window": TWO_YEARS}, UsageError, "looks back"),
        ({"indices": "wolinsky"}, UsageError, "wolinsky looks back 730d"),
        ({"indices": "cover_index", "window": TWO_YEARS}, UsageError, "--cover-days"),
        ({"indices": "cover_index", "window": TWO_YEARS, "cover_days": 30}, UsageError, "cover_index looks back 30d"),
        ({"indices": "coc", "cover_days": 0}, UsageError, "cover_days cannot be 0"),
        ({"indices": "coc", "lookback": "0d"}, UsageError, "lookback cannot be '0d'"),
        ({"indices": "coc", "lookback": "12h"}, UsageError, "Allowed: such as 365d"),
        ({"indices": "coc", "data_from": "soon"}, UsageError, "data_from cannot be read"),
        ({"indices": "coc_weighted"}, UsageError, "--visit-weights"),
        ({"indices": "coc_weighted", "visit_weights": {"phone": 1}}, InputError, "contact_mode"),
        ({"indices": "coc", "visit_weights": {"fone": 1}}, UsageError, "Did you mean 'phone'"),
        ({"indices": "coc", "visit_weights": {"phone": 0}}, UsageError, "above 0"),
        ({"indices": "coc", "visit_weights": {"phone": 0.001}}, UsageError, "two decimals"),
        ({"indices": "years_with_gp"}, InputError, "listed_from"),
        ({"indices": "upc_assigned"}, InputError, "listed_provider_id"),
        ({"indices": "coc", "person": "household"}, InputError, "household_id"),
        ({"indices": "coc", "person": "family"}, UsageError, "Choices: patient, household"),
        ({"indices": "chance_adjusted_coc", "person": "household", "patients": HOMES}, UsageError, "one patient"),
        ({"indices": "mean_coc", "grain": "period", "person": "household"}, UsageError, "no grain period"),
        ({"indices": "kpc_lookback", "unknown_provider": "bounds"}, UsageError, "cannot be bounded"),
        ({"indices": "coc", "level": "team"}, InputError, "team_id"),
        ({"indices": "coc", "level": "unit"}, InputError, "unit_id"),
        ({"indices": "coc", "min_visits": 0}, UsageError, "min_visits"),
        ({"indices": "coc", "window": TWO_YEARS[::-1]}, UsageError, "is empty"),
    ],
    ids=str,
)
@pytest.mark.parametrize("lazy", [False, True])
def test_what_cannot_be_asked_for_is_one_clear_error(
    options: dict[str, Any], error: Any, said: str, lazy: bool
) -> None:
    seen = frame(days("AAB", "p"))
    with pytest.raises(error, match=said):
        ct.compute(seen.lazy() if lazy else seen, **options)


def test_rows_whose_look_back_the_data_lack_say_so() -> None:
    """Of two windows the second has the look-back; of the patients in it, one was enrolled too late."""
    seen = frame([Visit(p, FIRST + timedelta(days=n), "A", f"{p}{n}") for p in "pq" for n in range(0, 60, 5)])
    month = [(FIRST, FIRST + timedelta(days=30)), (FIRST + timedelta(days=30), FIRST + timedelta(days=60))]
    patients = pl.DataFrame({"patient_id": ["p", "q"], "enrolled_from": [None, FIRST.date() + timedelta(days=1)]})
    found = ct.compute(seen, "kpc_lookback", window=month, lookback="30d", patients=patients, format="long")
    rows = found.sort("window_start", "patient_id").select("patient_id", "value", "undefined_reason").rows()
    missing = (None, "no_lookback")
    assert rows == [("p", *missing), ("q", *missing), ("p", 1.0, None), ("q", *missing)]


def test_months_of_look_back_are_calendar_months() -> None:
    """From 31 March a month back is 28 February: A of 28 February is known, that of the 27th is not."""
    rules: dict[str, Any] = {"lookback": "1mo", "data_from": LONG_AGO, "window": ("2025-03-31", "2025-04-01")}
    for day, known in ((28, 1), (27, 0)):
        seen = [Visit("P", datetime(2025, 2, day), "A", "0"), Visit("P", datetime(2025, 3, 31, 9), "A", "1")]
        found = ct.compute(frame(seen), "kpc_lookback", min_visits=1, **rules)
        assert found["kpc_lookback"].item() == known


@examples(40)
@given(gaps=st.lists(st.integers(1, 400), min_size=2, max_size=8), times=st.integers(2, 5))
def test_regularity_knows_neither_the_direction_nor_the_unit_of_time(gaps: list[int], times: int) -> None:
    found = [
        ct.compute(frame(long_days([0, *some], "A" * (len(gaps) + 1))), "regularity")["regularity"].item()
        for some in (gaps, gaps[::-1], [gap * times for gap in gaps])
    ]
    assert found[0] == found[1]
    assert close(found[0], found[2])
    assert (found[0] == 1) == (len(set(gaps)) == 1)


MONTHS = [(FIRST, FIRST + timedelta(days=30)), (FIRST + timedelta(days=30), FIRST + timedelta(days=60))]


@pytest.mark.parametrize(
    ("policy", "same_day"),
    [("drop", "keep_all"), ("each_distinct", "patient_provider_day"), ("one_group", "patient_day")],
)
def test_row_order_chunks_and_types_of_ids_change_no_bit(policy: str, same_day: str) -> None:
    n = 400
    table = pl.DataFrame(
        {
            "patient_id": [i * i % 31 for i in range(n)],
            "provider_id": [None if i % 11 == 0 else i * i * i % 7 for i in range(n)],
            "visit_at": [FIRST + timedelta(hours=i * 37 % 2160) for i in range(n)],
            "contact_mode": [("phone", "video", None)[i % 3] for i in range(n)],
        }
    )
    since = [FIRST.date() - timedelta(days=40 * i) for i in range(31)]
    lists = {"unit_id": [i % 3 for i in range(31)], "listed_provider_id": [i % 7 for i in range(31)]}
    patients = pl.DataFrame({"patient_id": range(31), **lists, "listed_from": since, "enrolled_from": since})
    rules: dict[str, Any] = {"min_visits": 1, "data_from": LONG_AGO, "cover_days": 9, "visit_weights": WEIGHTS}
    asked = {**rules, "unknown_provider": policy, "same_day": same_day, "window": MONTHS}
    wanted = ct.compute(table, SPECIAL, patients=patients, **asked)
    shuffled = table.sample(fraction=1, shuffle=True, seed=5)
    pieces = pl.concat([shuffled[:90], shuffled[90:]], rechunk=False)
    assert ct.compute(pieces, SPECIAL, patients=patients.reverse(), **asked).equals(wanted)
    assert ct.compute(pieces.lazy(), SPECIAL, patients=patients.lazy(), **asked).collect().equals(wanted)
    ids = [pl.col(name).cast(pl.String) for name in ("patient_id", "provider_id")]
    texts = ct.compute(table.with_columns(ids), SPECIAL, patients=patients, **asked)
    by_number = texts.with_columns(pl.col("patient_id").cast(pl.Int64)).sort("patient_id", "window_start")
    assert by_number.equals(wanted)
