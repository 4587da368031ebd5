"""Which cells lose their numbers, what stays of them, and that no other way leads to a ProtectedTable."""

import copy
import dataclasses
from typing import Any

import polars as pl
import pytest

from continuity.errors import ProtectionError, UsageError
from continuity.privacy import Limits, ProtectedTable, protect

SAFE = {"n_patients": 40, "n_visits": 90, "n_providers": 12, "share_largest_provider": 0.4}


def cells(*changes: dict[str, Any]) -> pl.DataFrame:
    """Give a cell a unit, each safe but for what is changed."""
    rows = [{"unit": f"U{k}", **SAFE, "estimate": 0.31, "p90": 0.9, **change} for k, change in enumerate(changes)]
    return pl.DataFrame(rows, infer_schema_length=None)


def hidden(frame: pl.DataFrame, **options: Any) -> list[bool]:
    table = protect(frame, name="t", keys=["unit"], **options)
    return [reason == "suppressed" for reason in table.frame["undefined_reason"]]


def test_no_default_shows_fewer_than_five_persons() -> None:
    limits = Limits()
    assert min(limits.min_patients, limits.min_visits, limits.min_providers) >= 5
    assert limits.max_provider_share < 1


@pytest.mark.parametrize("change", [{"min_patients": 2}, {"min_visits": 2}, {"min_providers": 0}, {"round_to": 0}])
def test_limits_that_protect_nobody_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(change))):
        Limits(**change)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_dominance_limit_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="max_provider_share"):
        Limits(max_provider_share=share)


@pytest.mark.parametrize(
    ("column", "least"), [("n_patients", "min_patients"), ("n_visits", "min_visits"), ("n_providers", "min_providers")]
)
@pytest.mark.parametrize("limit", [5, 10])
def test_each_size_has_its_own_threshold(column: str, least: str, limit: int) -> None:
    frame = cells({column: limit - 1}, {column: limit}, {column: 0}, {column: None})
    limits = Limits(**{least: limit})
    assert hidden(frame, limits=limits) == [True, False, True, True]


def test_one_provider_may_not_dominate_a_cell() -> None:
    frame = cells({"share_largest_provider": 0.75}, {"share_largest_provider": 0.76}, {"share_largest_provider": None})
    assert hidden(frame) == [False, True, True]
    assert hidden(frame, limits=Limits(max_provider_share=0.7)) == [True, True, True]


def test_numbers_that_are_none_are_not_large() -> None:
    frame = cells({"n_patients": float("nan")}, {"share_largest_provider": float("nan")}, {})
    assert hidden(frame) == [True, True, False]


def test_a_hidden_cell_keeps_its_name_and_nothing_else() -> None:
    frame = cells({"n_patients": 4, "bound": 0.2, "undefined_reason": "no_eligible_patients"}, {}, {})
    table = protect(frame, name="t", keys=["unit"], margins=[[]])
    rows = table.frame.filter(pl.col("undefined_reason") == "suppressed").to_dicts()
    assert [row["unit"] for row in rows] == ["U0", "U1"]  # the small one, and the one it could be told from
    for row in rows:
        assert {k for k, v in row.items() if v is not None} == {"unit", "undefined_reason"}
    assert table.frame.schema == {**{k: v for k, v in frame.schema.items() if k != "share_largest_provider"}}
    assert (table.n_suppressed, table.smallest_cell) == (2, 40)


def test_a_reason_of_its_own_stays_with_a_cell_that_is_shown() -> None:
    frame = cells({"estimate": None, "undefined_reason": "no_overlap"}, {"n_patients": 1, "undefined_reason": None})
    assert protect(frame, name="t", keys=["unit"]).frame["undefined_reason"].to_list() == ["no_overlap", "suppressed"]


def test_the_share_of_the_largest_provider_is_never_published() -> None:
    assert "share_largest_provider" not in protect(cells({}, {}), name="t", keys=["unit"]).frame.columns


def test_all_cells_hidden_leave_no_smallest_cell() -> None:
    table = protect(cells({"n_patients": 1}, {"n_patients": 2}), name="t", keys=["unit"], margins=[[]])
    assert (table.n_suppressed, table.smallest_cell) == (2, None)
    empty = protect(cells({}).clear(), name="t", keys=["unit"], margins=[[]])
    assert (empty.n_suppressed, empty.smallest_cell, empty.frame.height) == (0, None, 0)


def test_only_protect_builds_a_protected_table() -> None:
    frame = cells({"n_patients": 1}, {})
    with pytest.raises(ProtectionError):
        ProtectedTable("t", ("unit",), frame, Limits(), 0, 1)
    with pytest.raises(ProtectionError):
        ProtectedTable("t", ("unit",), frame, Limits(), 0, 1, object())
    table = protect(frame, name="t", keys=["unit"])
    with pytest.raises((ProtectionError, ValueError)):
        dataclasses.replace(table, frame=frame)
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.frame = frame  # type: ignore[misc]
    # A copy holds what the table holds, and no attribute of it opens the door.
    assert copy.copy(table).frame.equals(table.frame)
    for value in vars(table).values():
        with pytest.raises(ProtectionError):
            ProtectedTable("t", ("unit",), frame, Limits(), 0, 1, value)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ProtectionError, match="how many patients"):
        protect(cells({}).drop("n_patients"), name="t", keys=["unit"])
    twice = pl.concat([cells({}), cells({})])
    with pytest.raises(ProtectionError, match="twice"):
        protect(twice, name="t", keys=["unit"])
    with pytest.raises(ProtectionError, match="twice"):
        protect(twice, name="t", keys=[])
    nulls = twice.with_columns(unit=pl.lit(None, pl.String))
    with pytest.raises(ProtectionError, match="twice"):
        protect(nulls, name="t", keys=["unit"])


def test_parts_of_a_hidden_cell_are_hidden_whatever_its_name() -> None:
    units = pl.DataFrame({"unit": ["U1", "U2", None], "n_patients": [50, 3, 4], "n_undefined": [2, 9, 9]})
    teams = pl.DataFrame(
        {
            "unit": ["U1", "U1", "U2", None, "U9"],
            "team": ["T1", None, "T1", "T1", "T1"],
            "n_patients": [25, 25, 30, 30, 30],
            "n_undefined": [10, 20, 10, 10, 10],
        }
    )
    parent = protect(units, name="unit", keys=["unit"], counts=["n_undefined"])
    table = protect(teams, name="team", keys=["unit", "team"], parent=parent, counts=["n_undefined"])
    shown = table.frame.filter(pl.col("undefined_reason").is_null())
    assert shown.select("unit", "team").rows() == [("U1", "T1"), ("U1", None), ("U9", "T1")]
    # The unit does not show its small count, so its teams may not either: 10 and 20 would add up to it.
    assert shown["n_undefined"].to_list() == [None, None, 10]
    assert table.frame["n_patients"].to_list() == [25, 25, None, 30, None]


def test_totals_are_hidden_before_their_parts() -> None:
    frame = pl.DataFrame({"role": ["all", "doctor", "nurse"], "n_patients": [104, 100, 4], "estimate": 0.3})
    table = protect(frame, name="t", keys=["role"], margins=[[]], totals=pl.col("role") == "all")
    assert table.frame.select("role", "n_patients").rows() == [("all", None), ("doctor", 100), ("nurse", None)]
    table = protect(frame, name="t", keys=["role"], margins=[[]])
    assert table.frame["n_patients"].to_list() == [104, None, None]  # without the word, the smaller goes


def test_a_small_count_goes_alone_and_a_count_of_none_stays() -> None:
    frame = pl.DataFrame({"unit": [1, 2, 3, 4], "n_patients": 50, "n_undefined": [0, 4, 5, 6], "estimate": 0.3})
    table = protect(frame, name="t", keys=["unit"], counts=["n_undefined"])
    assert table.frame["n_undefined"].to_list() == [0, None, 5, 6]
    assert table.frame["n_patients"].null_count() == table.n_suppressed == 0
    table = protect(frame, name="t", keys=["unit"], counts=["n_undefined"], margins=[[]])
    assert table.frame["n_undefined"].to_list() == [None, None, 5, 6] or table.frame["n_undefined"].null_count() >= 2
    assert table.frame["n_undefined"].null_count() < 4  # and no more than needed


@pytest.mark.parametrize(("n", "shows"), [(0, False), (4, False), (5, True), (45, True), (46, False), (50, False)])
def test_a_share_of_nearly_nobody_or_nearly_everybody_is_hidden(n: int, shows: bool) -> None:
    frame = pl.DataFrame({"unit": [1], "n_patients": [50], "share_perfect": [n / 50]})
    shown = protect(frame, name="t", keys=["unit"], counts=["share_perfect"]).frame["share_perfect"].item()
    assert shown == (n / 50 if shows else None)


def test_hidden_cells_may_not_together_be_the_work_of_a_few() -> None:
    """Two units of one doctor each: their sum is known, and each doctor could subtract the own patients."""
    frame = cells(
        {"n_providers": 1, "share_largest_provider": 1.0},
        {"n_providers": 1, "share_largest_provider": 1.0},
        {"n_patients": 50},
        {"n_patients": 400, "n_visits": 900},
    )
    assert hidden(frame, margins=[[]]) == [True, True, True, False]
    # One doctor's large unit is not covered by a small one: together they would still be that doctor's.
    frame = cells(
        {"n_visits": 900, "share_largest_provider": 0.95}, {"n_patients": 6, "n_visits": 10}, {"n_visits": 300}
    )
    assert hidden(frame, margins=[[]]) == [True, True, True]


def test_columns_that_only_help_are_left_out() -> None:
    frame = cells({"n_patients": 4}, {}, {}).with_columns(_apart=pl.Series([False, True, False]))
    table = protect(frame, name="t", keys=["unit"], margins=[["_apart"]])
    assert "_apart" not in table.frame.columns
    assert [reason == "suppressed" for reason in table.frame["undefined_reason"]] == [True, False, True]


def test_a_table_of_one_cell_needs_no_keys() -> None:
    frame = pl.DataFrame({"n_patients": [40], "n_undefined": [2], "estimate": [0.3]})
    row = protect(frame, name="t", keys=[], counts=["n_undefined"], margins=[[]]).frame.row(0, named=True)
    assert row == {"n_patients": 40, "n_undefined": None, "estimate": 0.3, "undefined_reason": None}


@pytest.mark.parametrize(("column", "times"), [("p10", 10), ("p25", 4), ("median", 2), ("p75", 4), ("p90", 10)])
@pytest.mark.parametrize("limit", [3, 5, 7])
def test_a_percentile_needs_enough_patients_beyond_it(column: str, times: int, limit: int) -> None:
    least = times * limit
    frame = cells({"n_patients": least - 1}, {"n_patients": least}).with_columns(pl.lit(0.9).alias(column))
    shown = protect(frame, name="t", keys=["unit"], limits=Limits(min_patients=limit)).frame
    assert shown[column].to_list() == [None, 0.9]
    assert shown["estimate"].to_list() == [0.31, 0.31]
