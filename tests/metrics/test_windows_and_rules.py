"""Windows, filters, levels, lists, presets and errors, on small tables that can be checked by eye."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import ContinuityError, InputError, UsageError
from continuity.metrics.engine.presets import PRESETS

from .brute_force import Visit
from .drawn import FIRST, close, days, examples, frame, visits

YEAR = ("2025-01-01", "2026-01-01")


def at(*moments: str, who: str = "A") -> pl.DataFrame:
    return frame([Visit("P", datetime.fromisoformat(moment), who, str(n)) for n, moment in enumerate(moments)])


def counts(table: pl.DataFrame, **options: Any) -> list[tuple[Any, ...]]:
    found = ct.compute(table, "upc", min_visits=1, **options)
    return found.select("window_start", "window_end", "n_visits").rows()


def test_a_window_holds_its_start_and_not_its_end() -> None:
    table = at("2024-12-31T23:59:59.999999", "2025-01-01", "2025-12-31T23:59:59.999999", "2026-01-01")
    assert counts(table, window=YEAR) == [(datetime(2025, 1, 1), datetime(2026, 1, 1), 2)]
    both = counts(table, window=[("2026-01-01", "2027-01-01"), YEAR])
    assert [n for *_, n in both] == [2, 1]


@pytest.mark.parametrize("several", [False, True])
def test_a_nanosecond_before_the_end_is_inside(several: bool) -> None:
    end = pl.Series([datetime(2026, 1, 1)]).cast(pl.Datetime("ns")).cast(pl.Int64).item()
    table = pl.DataFrame({"patient_id": [1, 1], "provider_id": ["A", "A"], "visit_at": [end - 1, end]})
    table = table.with_columns(pl.col("visit_at").cast(pl.Datetime("ns")))
    window = [YEAR, ("2020-01-01", "2021-01-01")] if several else YEAR
    assert [n for *_, n in counts(table, window=window)] == [1]


def test_moments_may_be_text_dates_or_datetimes() -> None:
    table = at("2025-01-01", "2025-06-01T12:00")
    windows = [YEAR, (date(2025, 1, 1), date(2026, 1, 1)), (datetime(2025, 1, 1), datetime(2026, 1, 1)), list(YEAR)]
    assert {tuple(counts(table, window=window)) for window in windows} == {
        ((datetime(2025, 1, 1), datetime(2026, 1, 1), 2),)
    }


def test_rolling_months_start_and_end_on_the_day_of_the_month() -> None:
    rolled = counts(at(*[f"2025-{m:02}-15" for m in range(1, 13)]), window=YEAR, every="1mo", period="3mo")
    starts = [datetime(2025, m, 1) for m in range(1, 11)]
    ends = [datetime(2025, m, 1) if m <= 12 else datetime(2026, 1, 1) for m in range(4, 14)]
    assert rolled == [(start, end, 3) for start, end in zip(starts, ends, strict=True)]


def test_a_patient_without_a_visit_in_a_window_has_no_row_there() -> None:
    table = frame([*days("AAA", "early"), Visit("late", FIRST + timedelta(days=300), "A", "9")])
    half = FIRST + timedelta(days=100)
    found = ct.compute(table, "upc", window=[(FIRST, half), (half, FIRST + timedelta(days=400))])
    assert found.select("patient_id", "window_start").rows() == [("early", FIRST), ("late", half)]


def test_the_hour_of_the_autumn_clock_change_keeps_its_order() -> None:
    """03:30 summer time, 03:10 winter time, 03:40 winter time: by the clock on the wall B would come first."""
    instants = [datetime(2025, 10, 26, 0, 30, tzinfo=UTC), datetime(2025, 10, 26, 1, 10, tzinfo=UTC)]
    instants.append(datetime(2025, 10, 26, 1, 40, tzinfo=UTC))
    table = pl.DataFrame({"patient_id": [1] * 3, "provider_id": ["A", "B", "B"], "visit_at": instants})
    helsinki = table.with_columns(pl.col("visit_at").dt.convert_time_zone("Europe/Helsinki"))
    assert helsinki["visit_at"].dt.minute().to_list() == [30, 10, 40]
    assert ct.compute(helsinki, "secon")["secon"].item() == 0.5
    back = helsinki.reverse()
    assert ct.compute(back, "secon", same_day="patient_provider_day", min_visits=2)["secon"].item() == 0.0
    hour_by_hour = [(f"2025-10-26T0{h}:00", f"2025-10-26T0{h + 1}:00") for h in (2, 3, 4)]
    assert [n for *_, n in counts(helsinki, window=hour_by_hour)] == [3]


def test_days_and_windows_are_local_days() -> None:
    """23:30 UTC on New Year's Eve is already the new year in Helsinki."""
    instant = pl.Series([datetime(2024, 12, 31, 23, 30)]).dt.replace_time_zone("UTC")
    table = pl.DataFrame({"patient_id": [1], "provider_id": ["A"], "visit_at": instant})
    helsinki = table.with_columns(pl.col("visit_at").dt.convert_time_zone("Europe/Helsinki"))
    assert len(counts(helsinki, window=YEAR)) == 1
    assert counts(table, window=YEAR) == []
    assert counts(helsinki)[0][:2] == (datetime(2025, 1, 1), datetime(2025, 1, 2))


@pytest.mark.parametrize(
    "options",
    [
        {"window": ("2025-01-01", "2025-01-01")},
        {"window": ("2026-01-01", "2025-01-01")},
        {"window": ("2025-13-01", "2026-01-01")},
        {"window": ("2025-01-01", None)},
        {"window": "2025"},
        {"window": "2025-01-01:2026-01-01"},
        {"window": ("2025-01-01", "2025-06-01", "2026-01-01")},
        {"window": [("2025-01-01",)]},
        {"window": []},
        {"window": 2025},
        {"every": "1mo", "period": "1mo"},
        {"window": YEAR, "every": "1mo"},
        {"window": YEAR, "period": "1mo"},
        {"window": YEAR, "every": "monthly", "period": "1mo"},
        {"window": YEAR, "every": "1mo", "period": "-1mo"},
        {"window": YEAR, "every": "0d", "period": "1mo"},
        {"window": YEAR, "every": "1mo", "period": "13mo"},
        {"window": [YEAR, ("2026-01-01", "2027-01-01")], "every": "1mo", "period": "1mo"},
        {"min_visits": 0},
        {"min_visits": 2.5},
        {"min_visits": True},
        {"role": []},
        {"indices": []},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_a_usage_error(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        ct.compute(at("2025-01-01"), **{"indices": "coc", **options})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("options", "nearest"),
    [
        ({"indices": "cok"}, "coc"),
        ({"level": "teams"}, "team"),
        ({"unknown_provider": "dropp"}, "drop"),
        ({"same_day": "patient_days"}, "patient_day"),
        ({"tie_order": "visitid"}, "visit_id"),
        ({"role": "docter"}, "doctor"),
        ({"contact_mode": ("phone", "vidoe")}, "video"),
        ({"urgency": "acut"}, "acute"),
        ({"preset": "thl-like"}, "thl_like"),
        ({"format": "wid"}, "wide"),
        ({"min_visit": 2}, "min_visits"),
    ],
)
def test_a_word_that_does_not_exist_names_the_nearest(options: dict[str, Any], nearest: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean '{nearest}'"):
        ct.compute(at("2025-01-01"), **{"indices": "coc", **options})


@pytest.mark.parametrize(
    ("drop", "options", "named"),
    [
        ("provider_id", {}, "provider_id"),
        (None, {"level": "team"}, "team_id"),
        (None, {"role": "doctor"}, "role"),
        (None, {"urgency": "acute"}, "urgency"),
        (None, {"contact_mode": "phone"}, "contact_mode"),
        (None, {"care_type": "x"}, "care_type"),
        ("visit_id", {"tie_order": "visit_id"}, "visit_id"),
        (None, {"indices": "upc_assigned"}, "listed_provider_id"),
    ],
)
def test_a_column_that_a_rule_needs_is_named(drop: str | None, options: dict[str, Any], named: str) -> None:
    table = at("2025-01-01").drop([drop] if drop else [])
    with pytest.raises(InputError, match=named) as caught:
        ct.compute(table, **{"indices": "coc", **options})
    assert caught.value.exit_code == 3


def test_no_error_shows_a_value_of_a_patient() -> None:
    table = at("2025-01-01").with_columns(patient_id=pl.lit("010190-123A"), provider_id=pl.lit(1.5))
    with pytest.raises(ContinuityError) as caught:
        ct.compute(table, "coc")
    assert "010190" not in str(caught.value)


KINDS = days("AABBAC")
FILTERS = {
    "provider_role": ["doctor", "doctor", "nurse", None, "doctor", "other"],
    "contact_mode": ["phone", "in_person", "phone", "video", "message", "phone"],
    "urgency": ["acute", "planned", "planned", "planned", "acute", "acute"],
    "care_type": ["x", "y", "x", "y", "x", "z"],
}


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ({"role": "doctor"}, "AAA"),
        ({"role": ("doctor", "nurse")}, "AABA"),
        ({"contact_mode": ["phone", "video"]}, "ABBC"),
        ({"urgency": "planned"}, "ABB"),
        ({"care_type": "x"}, "ABA"),
        ({"role": "doctor", "urgency": "acute"}, "AA"),
    ],
    ids=str,
)
def test_filters_keep_the_visits_of_the_kinds_named(rules: dict[str, Any], left: str) -> None:
    table = frame(KINDS).with_columns(**{name: pl.Series(values) for name, values in FILTERS.items()})
    indices = ["coc", "secon", "upc"]
    found = ct.compute(table, indices, min_visits=1, **rules)
    wanted = ct.compute(frame(days(left)), indices, min_visits=1)
    assert found.select("n_visits", *indices).rows() == wanted.select("n_visits", *indices).rows()


def test_roles_may_come_from_the_providers() -> None:
    providers = pl.DataFrame({"provider_id": ["A", "B"], "role": ["doctor", "nurse"]})
    found = ct.compute(frame(KINDS), "coc", role="nurse", providers=providers, min_visits=1)
    assert found["n_visits"].to_list() == [2]


@pytest.mark.parametrize("codes", ["C", ["C"], ["C", "nobody"]])
def test_codes_that_mean_unknown_are_unknown(codes: Any) -> None:
    found = ct.compute(frame(days("AABCC")), "coc", unknown_codes=codes, unknown_provider="bounds")
    wanted = ct.compute(frame(days("AAB??")), "coc", unknown_provider="bounds")
    assert found.equals(wanted)
    numbers = pl.DataFrame({"patient_id": [1] * 3, "provider_id": [7, 7, 999], "visit_at": [FIRST] * 3})
    assert ct.compute(numbers, "upc", unknown_codes=999, min_visits=1)["n_visits"].item() == 2


def test_a_group_may_be_known_where_the_person_is_not() -> None:
    table = frame(days("A?B")).with_columns(team_id=pl.Series(["T", "T", " "]), unit_id=pl.Series([1, 1, 1]))
    found = {level: ct.compute(table, "upc", level=level, min_visits=1) for level in ("provider", "team", "unit")}
    assert {level: row["n_visits"].item() for level, row in found.items()} == {"provider": 2, "team": 2, "unit": 3}
    assert {level: row["upc"].item() for level, row in found.items()} == {"provider": 0.5, "team": 1.0, "unit": 1.0}


PATIENTS = pl.DataFrame(
    {
        "patient_id": ["listed", "moved", "later", "none"],
        "listed_provider_id": ["A", "A", "A", None],
        "listed_from": [None, FIRST.date() + timedelta(days=2), FIRST.date() + timedelta(days=90), FIRST.date()],
    }
)


def test_own_provider_share_counts_from_the_day_of_listing() -> None:
    seen = [visit for who in ("listed", "moved", "later", "none", "stranger") for visit in days("ABB?A", who)]
    long = ct.compute(frame(seen), "upc_assigned", patients=PATIENTS, format="long")
    found = {row["patient_id"]: (row["value"], row["undefined_reason"]) for row in long.iter_rows(named=True)}
    assert found == {
        "listed": (0.5, None),
        "moved": (0.5, None),  # B on the day of listing, and A later
        "later": (None, "no_assigned_provider"),
        "none": (None, "no_assigned_provider"),
        "stranger": (None, "no_assigned_provider"),
    }
    bounds = ct.compute(frame(seen), "upc_assigned", patients=PATIENTS, unknown_provider="bounds").row(0, named=True)
    assert bounds["patient_id"] == "later"
    by_patient = ct.compute(frame(seen), "upc_assigned", patients=PATIENTS, unknown_provider="bounds")
    row = by_patient.filter(pl.col("patient_id") == "listed").row(0, named=True)
    assert (row["upc_assigned_low"], row["upc_assigned_high"]) == (0.4, 0.6)


def test_own_team_share_follows_the_team_of_the_listed_provider() -> None:
    providers = pl.DataFrame({"provider_id": ["A", "B", "C"], "team_id": ["T", "T", "U"]})
    options = {"patients": PATIENTS.head(1), "providers": providers, "level": "team"}
    found = ct.compute(frame(days("BBCA", "listed")), "upc_assigned", **options)
    assert found["upc_assigned"].item() == 0.75


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_its_rules_and_can_be_overridden(name: str) -> None:
    table = frame(KINDS).with_columns(**{column: pl.Series(values) for column, values in FILTERS.items()})
    assert ct.compute(table, "coc", preset=name).equals(ct.compute(table, "coc", **PRESETS[name].rules))
    other = {**PRESETS[name].rules, "min_visits": 1, "role": ("nurse",)}
    overridden = ct.compute(table, "coc", preset=name, min_visits=1, role="nurse")
    assert overridden.equals(ct.compute(table, "coc", **other))
    assert "pproximation" in PRESETS[name].note
    assert PRESETS[name].source


@examples(80)
@given(
    visits(),
    st.sampled_from(["drop", "each_distinct", "one_group", "bounds"]),
    st.sampled_from(["keep_all", "patient_provider_day", "patient_day"]),
    st.sampled_from([None, (FIRST + timedelta(days=1), FIRST + timedelta(days=4))]),
    st.sampled_from([None, ("x",), ("x", "y")]),
)
def test_attrition_adds_up(drawn: list[Visit], policy: Any, same_day: Any, window: Any, care_type: Any) -> None:
    table = frame(drawn).with_columns(care_type=pl.col("visit_id").str.tail(1).replace({"1": "x", "2": "y", "3": "x"}))
    rules = {"unknown_provider": policy, "same_day": same_day, "window": window, "care_type": care_type}
    flow = ct.attrition(table, min_visits=3, **rules)
    found = ct.compute(table, "upc", min_visits=3, **rules)
    counted = found.filter(pl.col("n_visits") > 0)
    few = counted.filter(pl.col("n_visits") < 3)
    steps = {row["step"]: row for row in flow.iter_rows(named=True)}
    used, below = steps["used"], steps["patients_below_min_visits"]
    assert (steps["read"]["n_visits"], steps["read"]["n_patients"]) == (len(drawn), len({v.patient for v in drawn}))
    assert (used["n_visits"], used["n_patients"]) == (counted["n_visits"].sum(), counted.height)
    assert (below["n_visits"], below["n_patients"]) == (few["n_visits"].sum(), few.height)
    left = flow["n_visits"].to_list()
    assert left == sorted(left, reverse=True)
    assert flow["step_order"].to_list() == list(range(flow.height))
    assert all(close(row["share_of_visits"], row["n_visits"] / len(drawn)) for row in steps.values())
    named = {"care_type": care_type, "window": window, "unknown_provider": policy == "drop"}
    assert all((step in steps) == bool(used_rule) for step, used_rule in named.items())
    assert ("same_day" in steps) == (same_day != "keep_all")


def test_attrition_of_nothing_has_no_share() -> None:
    flow = ct.attrition(at("2025-01-01").clear())
    assert set(flow["n_visits"]) == {0}
    assert set(flow["share_of_visits"]) == {None}


def test_no_visits_give_no_rows_and_the_same_columns() -> None:
    full, empty = at("2025-01-01"), at("2025-01-01").clear()
    for options in ({}, {"window": YEAR, "format": "long"}, {"unknown_provider": "bounds", "window": [YEAR, YEAR]}):
        found = ct.compute(empty, ["coc", "secon"], **options)
        assert found.height == 0
        assert found.schema == ct.compute(full, ["coc", "secon"], **options).schema
