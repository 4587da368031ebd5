"""Flags of visits against a plain count, and the shares that they add up to."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import continuity as ct
from continuity.errors import InputError, UsageError

from .brute_force import Visit, known
from .drawn import FIRST, close, days, examples, frame, visits

LONG_AGO = date(2000, 1, 1)
FLAGS = ("is_own", "is_known", "same_as_previous", "prior_visits", "prior_share")


def lists(**listed: str | None) -> pl.DataFrame:
    rows = {"patient_id": list(listed), "listed_provider_id": list(listed.values())}
    return pl.DataFrame(rows, schema={"patient_id": pl.String, "listed_provider_id": pl.String})


def previous(visit: Visit, theirs: list[Visit], moment: Any) -> bool | None:
    """Tell whether the visit before was to the same provider, where every order of tied visits says the same."""
    earlier = [v for v in theirs if moment(v) < moment(visit)]
    if not earlier:
        return None
    last = max(map(moment, earlier))
    candidates = [v for v in theirs if v is not visit and moment(v) in (last, moment(visit))]
    found = {v.provider == visit.provider for v in candidates}
    return found.pop() if len(found) == 1 else None


def plainly(
    drawn: list[Visit], lookback: int, data_from: date, by_id: bool, own: str | None
) -> dict[str, tuple[Any, ...]]:
    def moment(v: Visit) -> Any:
        return (v.at, v.visit_id if by_id else "")

    found = {}
    counted = [v for v in drawn if known(v.provider)]
    for visit in counted:
        theirs = [v for v in counted if v.patient == visit.patient]
        before = [v for v in theirs if moment(v) < moment(visit)]
        recent = [v for v in before if (visit.at.date() - v.at.date()).days <= lookback]
        n = sum(v.provider == visit.provider for v in recent)
        held = before and visit.at.date() - timedelta(days=lookback) >= data_from
        found[visit.visit_id] = (
            None if own is None else visit.provider == own,
            n > 0 if held else None,
            previous(visit, theirs, moment),
            n if held else None,
            n / len(recent) if held and recent else None,
        )
    return found


@examples(120)
@given(
    visits(per_patient=8),
    st.integers(1, 5),
    st.sampled_from([LONG_AGO, FIRST.date()]),
    st.booleans(),
    st.sampled_from(["A", None]),
)
def test_flags_equal_a_plain_count(
    drawn: list[Visit], lookback: int, data_from: date, by_id: bool, own: str | None
) -> None:
    rules: dict[str, Any] = {"lookback": f"{lookback}d", "data_from": data_from}
    order = "visit_id" if by_id else "expectation"
    table = frame(drawn)
    found = ct.flag_visits(table, patients=lists(p=own, q=own, r=own), tie_order=order, **rules)
    assert found.columns == [*canonical(table), *FLAGS]
    got = {row["visit_id"]: tuple(row[name] for name in FLAGS) for row in found.iter_rows(named=True)}
    wanted = plainly(drawn, lookback, data_from, by_id, own)
    assert got.keys() == wanted.keys()
    for visit, flags in wanted.items():
        assert got[visit][:4] == flags[:4]
        assert close(got[visit][4], flags[4])
    lazy = ct.flag_visits(table.reverse().lazy(), patients=lists(p=own, q=own, r=own), tie_order=order, **rules)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(found)


@examples(60)
@given(visits(per_patient=8, unknown=False))
def test_the_means_of_flags_are_the_indices(drawn: list[Visit]) -> None:
    """mean(is_own) = slicc, mean(same_as_previous) = pooled secon; all but the first visits to a provider are known."""
    by_id = {"tie_order": "visit_id"}
    patients = lists(p="A", q="B", r=None)
    flags = ct.flag_visits(frame(drawn), patients=patients, lookback="999d", data_from=date(1900, 1, 1), **by_id)
    row = ct.compute(frame(drawn), ["slicc", "pooled_secon"], grain="period", patients=patients, min_visits=1, **by_id)
    assert close(flags["is_own"].mean(), row["slicc"].item())
    assert close(flags["same_as_previous"].cast(pl.Float64).mean(), row["pooled_secon"].item())
    assert ((flags["prior_share"] > 0) == flags["is_known"]).drop_nulls().all()
    met = sum(n - 1 for n in Counter((v.patient, v.provider) for v in drawn).values())
    assert flags["is_known"].sum() == met


def test_windows_keep_the_visits_and_not_what_was_before_them() -> None:
    seen = frame(days("AABA"))
    window = (FIRST + timedelta(days=1), FIRST + timedelta(days=4))
    found = ct.flag_visits(seen, window=window, data_from=LONG_AGO)
    assert found.select("is_known", "same_as_previous", "prior_visits").rows() == [
        (True, True, 1),
        (False, False, 0),
        (True, False, 2),
    ]
    assert found["is_own"].to_list() == [None] * 3


def test_the_columns_of_the_visits_stay_and_rules_apply() -> None:
    seen = frame(days("ABA?")).with_columns(
        provider_role=pl.Series(["doctor", "nurse", "doctor", "doctor"]),
        reason_codes=pl.Series([["x"], [], None, ["y"]]),
    )
    found = ct.flag_visits(seen, role="doctor", same_day="patient_provider_day", data_from=LONG_AGO)
    assert found.columns == [*canonical(seen), *FLAGS]
    assert found.select("same_as_previous", "prior_visits").rows() == [(None, None), (True, 1)]
    teams = pl.DataFrame({"provider_id": ["A", "B"], "team_id": ["T", "T"]})
    by_team = ct.flag_visits(frame(days("AB")), level="team", providers=teams, data_from=LONG_AGO)
    assert by_team["same_as_previous"].to_list() == [None, True]


def canonical(table: pl.DataFrame) -> list[str]:
    """Give the columns in the canonical order."""
    from continuity.schema import VISITS

    return [name for name in VISITS if name in table.columns]


def test_other_kinds_of_frame_come_back_in_kind() -> None:
    import pandas as pd

    table = pd.DataFrame({"patient_id": ["P"], "provider_id": ["A"], "visit_at": [datetime(2025, 1, 1)]})
    assert isinstance(ct.flag_visits(table), pd.DataFrame)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"unknown_provider": "bounds"}, UsageError, "known provider"),
        ({"person": "household"}, UsageError, "known provider"),
        ({"window": [("2025-01-01", "2025-02-01"), ("2025-02-01", "2025-03-01")]}, UsageError, "one window"),
        ({"level": "team"}, InputError, "team_id"),
        ({"role": "docter"}, UsageError, "Did you mean 'doctor'"),
    ],
    ids=str,
)
def test_what_flags_do_not_have(options: dict[str, Any], error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        ct.flag_visits(frame(days("AAB")), **options)


def test_an_order_by_ids_needs_the_ids() -> None:
    with pytest.raises(InputError, match="visit_id"):
        ct.flag_visits(frame(days("AAB")).drop("visit_id"), tie_order="visit_id")
