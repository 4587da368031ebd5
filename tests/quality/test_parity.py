"""The Polars engine gives what Great Expectations' own pandas engine gives, on data as dirty as they come."""

from datetime import date, datetime
from math import nan

import polars as pl
import pytest

from continuity.quality import validator
from continuity.quality.coverage import _TESTS, covers
from continuity.quality.quiet import quiet
from continuity.quality.suites import Expectation


def dirty_frame() -> pl.DataFrame:
    n = 240
    return pl.DataFrame(
        {
            "id": [None if i % 31 == 0 else (i // 2 if i % 5 == 0 else i) for i in range(n)],
            "code": [None if i % 17 == 0 else ("", "  ", "ä1", "D-7", "d77", "D777")[i % 6] for i in range(n)],
            "other_code": [None if i % 13 == 0 else ("", "  ", "ä1", "D-7", "d77", "x")[i % 6] for i in range(n)],
            "number": [None if i % 11 == 0 else nan if i % 7 == 0 else (i % 40) / 4 - 2 for i in range(n)],
            "limit": [nan if i % 19 == 0 else None if i % 23 == 0 else (i % 9) / 2 for i in range(n)],
            "whole": [None if i % 29 == 0 else i % 12 for i in range(n)],
            "counted": [i % 12 for i in range(n)],
            "flag": [None if i % 10 == 0 else i % 3 == 0 for i in range(n)],
            "at": [None if i % 37 == 0 else datetime(2025, 1 + i % 12, 1 + i % 28, i % 24) for i in range(n)],
            "before": [None if i % 41 == 0 else datetime(2025, 1 + i % 6, 1 + i % 28, i % 24) for i in range(n)],
            "day": [None if i % 14 == 0 else date(2025, 1 + i % 12, 1) for i in range(n)],
            "other_day": [None if i % 15 == 0 else date(2025, 1 + i % 5, 1) for i in range(n)],
            "nothing": pl.Series([None] * n, dtype=pl.String),
            "no_number": pl.Series([nan] * n, dtype=pl.Float64),
        }
    )


def on_column(column: str, **arguments: object) -> dict[str, object]:
    return {"column": column, **arguments}


def on_pair(a: str, b: str, **arguments: object) -> dict[str, object]:
    return {"column_A": a, "column_B": b, **arguments}


CASES: list[tuple[str, dict[str, object]]] = [
    *[
        (f"expect_column_values_to_{kind}", on_column(column))
        for kind in ("not_be_null", "be_null", "be_unique")
        for column in ("id", "code", "number", "whole", "flag", "at", "day", "nothing", "no_number")
    ],
    ("expect_column_values_to_not_be_null", on_column("number", mostly=0.5)),
    ("expect_column_values_to_not_be_null", on_column("number", mostly=0.99)),
    ("expect_column_values_to_be_null", on_column("nothing", mostly=1)),
    ("expect_column_values_to_be_unique", on_column("id", mostly=0.5)),
    ("expect_column_values_to_be_in_set", on_column("code", value_set=["ä1", "D-7"])),
    ("expect_column_values_to_be_in_set", on_column("code", value_set=["ä1", "D-7", "d77", "D777"], mostly=0.6)),
    ("expect_column_values_to_be_in_set", on_column("whole", value_set=[1, 2, 3])),
    ("expect_column_values_to_be_in_set", on_column("number", value_set=[0.25, 0.5])),
    ("expect_column_values_to_be_in_set", on_column("flag", value_set=[True])),
    ("expect_column_values_to_be_in_set", on_column("nothing", value_set=["x"])),
    ("expect_column_values_to_not_be_in_set", on_column("code", value_set=["", "  "])),
    ("expect_column_values_to_not_be_in_set", on_column("whole", value_set=[11])),
    ("expect_column_values_to_not_be_in_set", on_column("flag", value_set=[False], mostly=0.3)),
    ("expect_column_values_to_be_between", on_column("number", min_value=0, max_value=5)),
    ("expect_column_values_to_be_between", on_column("number", min_value=0, strict_min=True)),
    ("expect_column_values_to_be_between", on_column("number", max_value=7.5, strict_max=True, mostly=0.9)),
    ("expect_column_values_to_be_between", on_column("whole", min_value=1, max_value=10, strict_min=True)),
    ("expect_column_values_to_be_between", on_column("counted", min_value=0, max_value=11, strict_max=True)),
    ("expect_column_values_to_be_between", on_column("counted", min_value=0, max_value=11)),
    ("expect_column_values_to_be_between", on_column("no_number", min_value=0)),
    ("expect_column_values_to_match_regex", on_column("code", regex="^D")),
    ("expect_column_values_to_match_regex", on_column("code", regex=r"^[Dd]-?\d+$", mostly=0.4)),
    ("expect_column_values_to_match_regex", on_column("nothing", regex="x")),
    ("expect_column_values_to_not_match_regex", on_column("code", regex=r"^\s*$")),
    ("expect_column_value_lengths_to_be_between", on_column("code", min_value=2, max_value=3)),
    ("expect_column_value_lengths_to_be_between", on_column("code", min_value=2, strict_min=True)),
    ("expect_column_value_lengths_to_be_between", on_column("code", max_value=4, strict_max=True)),
    ("expect_column_value_lengths_to_equal", on_column("code", value=2)),
    *[
        ("expect_column_pair_values_a_to_be_greater_than_b", on_pair(a, b, or_equal=or_equal, ignore_row_if=ignore))
        for a, b in (("number", "limit"), ("at", "before"), ("day", "other_day"), ("whole", "counted"))
        for or_equal in (True, False)
        for ignore in ("both_values_are_missing", "either_value_is_missing", "neither")
    ],
    ("expect_column_pair_values_a_to_be_greater_than_b", on_pair("number", "limit", mostly=0.2)),
    ("expect_column_pair_values_to_be_equal", on_pair("code", "other_code")),
    ("expect_column_pair_values_to_be_equal", on_pair("number", "limit", ignore_row_if="either_value_is_missing")),
    ("expect_column_pair_values_to_be_equal", on_pair("number", "number", ignore_row_if="neither")),
    *[
        ("expect_compound_columns_to_be_unique", {"column_list": columns, "ignore_row_if": ignore})
        for columns in (["id", "code"], ["number", "limit"], ["at", "flag", "code"], ["nothing", "no_number"])
        for ignore in ("all_values_are_missing", "any_value_is_missing", "never")
    ],
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "code"], "mostly": 0.5}),
    ("expect_column_mean_to_be_between", on_column("number", min_value=0, max_value=3)),
    ("expect_column_mean_to_be_between", on_column("no_number", min_value=0)),
    ("expect_column_median_to_be_between", on_column("number", min_value=2, max_value=3)),
    ("expect_column_stdev_to_be_between", on_column("whole", min_value=3, max_value=4)),
    ("expect_column_sum_to_be_between", on_column("whole", max_value=10)),
    ("expect_column_min_to_be_between", on_column("number", min_value=-1)),
    ("expect_column_max_to_be_between", on_column("whole", max_value=11)),
    ("expect_column_unique_value_count_to_be_between", on_column("number", min_value=5, max_value=10)),
    ("expect_column_unique_value_count_to_be_between", on_column("code", min_value=6, max_value=6)),
    ("expect_column_proportion_of_unique_values_to_be_between", on_column("id", min_value=0.9)),
    ("expect_column_proportion_of_non_null_values_to_be_between", on_column("number", min_value=0.5)),
    ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": 100}),
    ("expect_table_row_count_to_equal", {"value": 240}),
    ("expect_table_column_count_to_be_between", {"min_value": 1}),
    ("expect_table_column_count_to_equal", {"value": 3}),
    ("expect_table_columns_to_match_set", {"column_set": ["id", "code"]}),
    ("expect_table_columns_to_match_ordered_list", {"column_list": ["id", "code"]}),
    ("expect_column_to_exist", on_column("id")),
    *[
        ("expect_few_missing_per_group", {"by": by, "column": column, "max_share": share, "min_rows": 12})
        for by, column, share in (("code", "id", 0.02), ("whole", "number", 0.2), ("flag", "code", 0.5))
    ],
    *[
        ("expect_few_distinct_per_group", {"by": by, "column": column, "max_distinct": most, **period})
        for by, column, most in (("code", "whole", 1), ("whole", "code", 3), ("id", "flag", 2))
        for period in ({}, {"at": "at", "every": "1mo"}, {"at": "day", "every": "1q"})
    ],
    ("expect_steady_volume_per_group", {"by": "flag", "at": "at", "every": "1mo", "min_ratio": 0.8, "max_ratio": 1.2}),
    ("expect_steady_volume_per_group", {"by": "code", "at": "day", "every": "1q", "min_ratio": 0.1, "min_rows": 3}),
]


def expectation(kind: str, arguments: dict[str, object]) -> Expectation:
    return Expectation("the_case", "visits", kind, arguments, "warning", {})


def pandas_answer(frame: pl.DataFrame, kind: str, arguments: dict[str, object]) -> tuple[bool, dict[str, object]]:
    """Ask Great Expectations as its users do, with nothing of ours in between."""
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.validator import Validator

    asked = Validator(execution_engine=PandasExecutionEngine(batch_data_dict={"frame": frame.to_pandas()}))
    asked.metrics_calculator.show_progress_bars = False
    (result,) = asked.graph_validate(
        configurations=[ExpectationConfiguration(type=kind, kwargs=arguments)],
        runtime_configuration={"catch_exceptions": False, "result_format": "BASIC"},
    )
    return bool(result.success), dict(result.result)


@pytest.fixture(autouse=True)
def _silence():
    with quiet():
        yield


@pytest.mark.parametrize(("kind", "arguments"), CASES, ids=[f"{i}-{kind[7:]}" for i, (kind, _) in enumerate(CASES)])
def test_polars_gives_the_verdict_and_the_counts_of_pandas(kind: str, arguments: dict[str, object]) -> None:
    frame = dirty_frame()
    success, found = pandas_answer(frame, kind, arguments)

    ours = validator.evaluate(frame.lazy(), frame.columns, [expectation(kind, arguments)])["the_case"]

    assert ours.engine == "polars"
    assert ours.success == success
    assert ours.n_unexpected == found.get("unexpected_count")
    assert ours.n_rows == found.get("element_count")
    percent = found.get("unexpected_percent")
    assert ours.share_unexpected == (None if percent is None else pytest.approx(percent / 100, rel=1e-12))
    if ours.observed is not None:
        assert ours.observed == pytest.approx(found["observed_value"], rel=1e-12)


def test_every_covered_type_has_a_case_and_most_have_one_that_fails() -> None:
    assert {kind for kind, _ in CASES} == set(_TESTS)
    frame = dirty_frame()
    failing = {kind for kind, arguments in CASES if not pandas_answer(frame, kind, arguments)[0]}
    assert len(failing) > 0.7 * len(_TESTS)


def test_all_cases_together_are_answered_as_each_alone() -> None:
    frame = dirty_frame()
    together = [
        Expectation(str(n), "visits", kind, arguments, "warning", {}) for n, (kind, arguments) in enumerate(CASES)
    ]
    answers = validator.evaluate(frame.lazy(), frame.columns, together)
    assert [answers[e.key].success for e in together] == [pandas_answer(frame, kind, args)[0] for kind, args in CASES]


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows_make_no_difference(rows: int) -> None:
    frame = dirty_frame().slice(3, rows)
    asked = [Expectation(str(n), "visits", kind, arguments, "warning", {}) for n, (kind, arguments) in enumerate(CASES)]
    ours = [validator.evaluate(frame.lazy(), frame.columns, [e])[e.key] for e in asked]
    theirs = [pandas_answer(frame, kind, arguments) for kind, arguments in CASES]
    assert [(o.success, o.n_unexpected) for o in ours] == [(s, found.get("unexpected_count")) for s, found in theirs]


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_column_values_to_match_like_pattern_list", on_column("code", like_pattern_list=["D%"])),
        ("expect_column_values_to_be_in_set", on_column("whole", value_set=["1", 2])),
    ],
)
def test_what_polars_does_not_cover_is_not_claimed(kind: str, arguments: dict[str, object]) -> None:
    assert not covers(kind, arguments, dirty_frame().schema)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("expect_column_values_to_match_strftime_format", on_column("code", strftime_format="%Y")),
        ("expect_column_values_to_match_regex", on_column("code", regex="^(?!D)")),
        ("expect_column_values_to_be_in_set", on_column("whole", value_set=["1", 2])),
        ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["code", "other_code"]}),
        (
            "expect_column_values_to_be_between",
            on_column(
                "whole", min_value=2, row_condition='col("code") == "D-7"', condition_parser="great_expectations"
            ),
        ),
        ("expect_column_value_z_scores_to_be_less_than", on_column("counted", threshold=1, double_sided=True)),
    ],
)
def test_pandas_steps_in_visibly_with_its_own_answer(kind: str, arguments: dict[str, object]) -> None:
    frame = dirty_frame()
    success, found = pandas_answer(frame, kind, arguments)
    ours = validator.evaluate(frame.lazy(), frame.columns, [expectation(kind, arguments)])["the_case"]
    assert (ours.engine, ours.success) == ("pandas", success)
    assert ours.n_unexpected == found["unexpected_count"]


@pytest.mark.parametrize("bound", ["2025-07-01", "2025-07-01T06:00:00"])
def test_moments_are_compared_with_iso_bounds(bound: str) -> None:
    frame = dirty_frame()
    later = expectation("expect_column_values_to_be_between", on_column("at", min_value=bound))
    expected = frame["at"].drop_nulls() < datetime.fromisoformat(bound)
    assert validator.evaluate(frame.lazy(), frame.columns, [later])["the_case"].n_unexpected == expected.sum()


def test_moments_with_a_zone_are_compared_on_their_own_clock() -> None:
    at = pl.Series("at", [datetime(2025, 6, 30, 23), datetime(2025, 7, 1, 1)]).dt.replace_time_zone("Europe/Helsinki")
    later = expectation("expect_column_values_to_be_between", on_column("at", min_value="2025-07-01"))
    assert validator.evaluate(at.to_frame().lazy(), ["at"], [later])["the_case"].n_unexpected == 1


def test_an_aggregate_of_nothing_is_absent_for_both_engines() -> None:
    frame = pl.DataFrame({"number": pl.Series([], dtype=pl.Float64)})
    mean = expectation("expect_column_mean_to_be_between", on_column("number", min_value=0))
    outcome = validator.evaluate(frame.lazy(), ["number"], [mean])["the_case"]
    success, found = pandas_answer(frame, mean.type, dict(mean.kwargs))
    assert (outcome.success, outcome.observed) == (success, found["observed_value"]) == (False, None)
