"""What the gate decides without Great Expectations is what Great Expectations decides."""

import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from continuity.quality import validator
from continuity.quality.coverage import covers
from continuity.quality.forms import PLAIN, is_plain
from continuity.quality.quiet import quiet
from continuity.quality.repeats import key, n_alone, run_lengths
from continuity.quality.suites import Expectation, read_suites
from tests.quality.test_parity import CASES, dirty_frame

MORE = [
    ("expect_column_values_to_not_be_null", {"column": "number", "mostly": 183 / 240}),
    ("expect_column_values_to_be_between", {"column": "number", "max_value": 3, "mostly": 0}),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "at", "column_B": "before"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["whole", "flag"], "mostly": 0.01}),
    ("expect_table_row_count_to_be_between", {"min_value": 241}),
    ("expect_few_missing_per_group", {"by": "code", "column": "nothing", "max_share": 1}),
]
ASKED = [Expectation(str(n), "visits", kind, given, "warning", {}) for n, (kind, given) in enumerate([*CASES, *MORE])]
NOT_PLAIN = [
    ("expect_column_values_to_not_be_null", {}),
    ("expect_column_values_to_not_be_null", {"column": "id", "mostly": "0.5"}),
    ("expect_column_values_to_not_be_null", {"column": "id", "mostly": 1.5}),
    ("expect_column_values_to_not_be_null", {"column": "id", "mostley": 0.5}),
    ("expect_column_values_to_not_be_null", {"column": "id", "row_condition": "id > 3"}),
    ("expect_column_values_to_be_between", {"column": "id"}),
    ("expect_column_values_to_be_between", {"column": "id", "min_value": 3, "max_value": 2}),
    ("expect_column_values_to_be_between", {"column": "id", "min_value": True}),
    ("expect_column_values_to_be_between", {"column": "at", "min_value": "2025-01-01"}),
    ("expect_column_values_to_be_in_set", {"column": "id", "value_set": "abc"}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "id", "column_B": "id", "ignore_row_if": "never"}),
    ("expect_compound_columns_to_be_unique", {"column_list": "id"}),
    ("expect_table_row_count_to_be_between", {"min_value": 1.5}),
    ("expect_few_missing_per_group", {"by": "id", "column": "id", "max_share": 0.1, "min_rows": 0}),
    ("expect_few_distinct_per_group", {"by": "id", "column": "code", "max_distinct": 1, "at": "at"}),
    ("expect_steady_volume_per_group", {"by": "id", "at": "at", "every": "1 month", "min_ratio": 1}),
    ("expect_column_median_to_be_between", {"column": "id", "min_value": 1}),
]


def test_our_verdicts_are_those_of_great_expectations_on_our_engine() -> None:
    frame = dirty_frame()
    plain = [e for e in ASKED if is_plain(e.type, e.kwargs) and covers(e.type, e.kwargs, frame.schema)]
    assert {e.type for e in plain} == set(PLAIN)
    ours = validator.evaluate(frame.lazy(), frame.columns, plain)
    with quiet():
        theirs = validator._run(validator._polars_engine(frame.lazy(), frame.columns), plain, "polars")
    for e in plain:
        mine, its = ours[e.key], theirs[e.key]
        assert (mine.success, mine.n_rows, mine.n_unexpected, mine.where) == (
            its.success, its.n_rows, its.n_unexpected, its.where,
        ), e  # fmt: skip
        share = its.share_unexpected
        assert mine.share_unexpected == (None if share is None else pytest.approx(share, rel=1e-15)), e
        assert (mine.observed, mine.engine) == (its.observed, its.engine), e
    assert len({mine.success for mine in ours.values()}) == 2


def test_great_expectations_takes_whatever_is_plain() -> None:
    entries = [*ASKED, *(e for suite in read_suites() for e in suite.expectations)]
    plain = [e for e in entries if is_plain(e.type, e.kwargs)]
    with quiet():
        assert [validator._misfits(e) for e in plain] == [[]] * len(plain)


@pytest.mark.parametrize(("kind", "arguments"), NOT_PLAIN)
def test_a_doubtful_form_is_left_to_great_expectations(kind: str, arguments: dict[str, object]) -> None:
    assert not is_plain(kind, arguments)


def test_every_entry_of_our_suites_is_plain_and_needs_no_great_expectations() -> None:
    assert all(is_plain(e.type, e.kwargs) for suite in read_suites() for e in suite.expectations)
    code = (
        "import sys, datetime, polars as pl, continuity.quality as q\n"
        "at = datetime.datetime(2025, 1, 1)\n"
        "q.check({'visits': pl.LazyFrame({'patient_id': [1], 'provider_id': [2], 'visit_at': [at]})})\n"
        "print([m for m in ('great_expectations', 'pandas') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "[]"


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5)))
def test_runs_of_keys_are_counted(values: list[int]) -> None:
    counts = Counter(values)
    assert n_alone(np.array(values, np.uint64)) == sum(n == 1 for n in counts.values())
    assert sorted(run_lengths(np.array(values, np.uint64)).tolist()) == sorted(counts.values())


def test_rows_of_a_grid_have_keys_of_their_own_and_null_is_a_value() -> None:
    # Ids, days and providers of a real table are such a grid: small numbers in every combination.
    numbers = pl.DataFrame({"number": [*range(150), None]})
    grid = numbers.join(numbers.rename({"number": "a"}), how="cross").join(numbers.rename({"number": "b"}), how="cross")
    grid = grid.with_columns(at=pl.lit(datetime(2025, 1, 1)) + pl.duration(seconds="b"))
    assert grid.select(key([pl.col("number"), pl.col("a"), pl.col("at")]).n_unique()).item() == 151**3
    assert grid.select(key([pl.col("number"), pl.col("number")]).n_unique()).item() == 151


def test_a_row_that_is_not_kept_has_no_key() -> None:
    frame = pl.DataFrame({"a": [1, 1, None]})
    keys = frame.select(key([pl.col("a")], pl.col("a").is_not_null())).to_series()
    assert keys.null_count() == 1
    assert keys[0] == keys[1]
