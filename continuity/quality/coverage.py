"""Which expectations the Polars engine evaluates; every other one goes to the pandas engine, visibly."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any, Final

import polars as pl

from continuity.quality.groups import GROUP_TESTS

Test = Callable[[Mapping[str, Any], pl.Schema], bool]


def covers(expectation_type: str, kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    """Tell whether the Polars engine gives what the pandas engine would give.

    Parameters
    ----------
    expectation_type : str
        Type of the expectation in Great Expectations.
    kwargs : mapping
        Its arguments.
    schema : polars.Schema
        Schema of the view it is evaluated on.

    Returns
    -------
    bool
        False for an unknown type, a row condition, or arguments whose kind does not fit the column's.

    Examples
    --------
    >>> schema = pl.Schema({"provider_id": pl.String()})
    >>> covers("expect_column_values_to_match_regex", {"column": "provider_id", "regex": "^D[0-9]+$"}, schema)
    True
    >>> covers("expect_column_values_to_match_regex", {"column": "provider_id", "regex": "^(?!X)"}, schema)
    False
    """
    test = _TESTS.get(expectation_type)
    return test is not None and not kwargs.get("row_condition") and test(kwargs, schema)


def _dtype(kwargs: Mapping[str, Any], schema: pl.Schema) -> pl.DataType:
    return schema[kwargs["column"]]


def _always(_kwargs: Mapping[str, Any], _schema: pl.Schema) -> bool:
    return True


def _flat(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    columns = kwargs.get("column_list") or [kwargs["column"]]
    return not any(schema[column].is_nested() for column in columns)


def _numeric(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    return _dtype(kwargs, schema).is_numeric()


def _text(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    return _dtype(kwargs, schema) == pl.String


def _bounded(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    """Numbers between numbers, or moments between moments; bounds in the wrong order are for pandas to refuse."""
    bounds = [kwargs[name] for name in ("min_value", "max_value") if kwargs.get(name) is not None]
    dtype = _dtype(kwargs, schema)
    if dtype.is_numeric():
        return bool(bounds) and all(_is_number(value) for value in bounds) and bounds == sorted(bounds)
    return bool(bounds) and dtype in (pl.Date, pl.Datetime) and all(_is_moment(value) for value in bounds)


def _lengths(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    bounds = [kwargs[name] for name in ("min_value", "max_value", "value") if kwargs.get(name) is not None]
    return _text(kwargs, schema) and bool(bounds) and all(_is_number(value) for value in bounds)


def _set_of_its_kind(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    values, dtype = kwargs.get("value_set"), _dtype(kwargs, schema)
    if not isinstance(values, list) or not values:
        return False
    if dtype == pl.String:
        return all(isinstance(value, str) for value in values)
    if dtype == pl.Boolean:
        return all(isinstance(value, bool) for value in values)
    # A set of mixed numbers would be compared as floats, which hold no id above 2**53 exactly.
    kind = int if dtype.is_integer() else float
    return dtype.is_numeric() and all(type(value) is kind for value in values)


def _regex(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    if not _text(kwargs, schema):
        return False
    try:
        pl.Series([""]).str.contains(kwargs["regex"])
    except pl.exceptions.ComputeError:  # look-around is known to Python's regular expressions alone
        return False
    return True


def _comparable(kwargs: Mapping[str, Any], schema: pl.Schema) -> bool:
    a, b = schema[kwargs["column_A"]], schema[kwargs["column_B"]]
    if isinstance(a, pl.Datetime) and isinstance(b, pl.Datetime):
        return a.time_zone == b.time_zone
    return (a.is_numeric() and b.is_numeric()) or (a == b and not a.is_nested())


def _moments(kwargs: Mapping[str, Any], schema: pl.Schema, keys: tuple[str, ...]) -> bool:
    columns = [kwargs[key] for key in keys if kwargs.get(key)]
    return all(schema[column] in (pl.Date, pl.Datetime) for column in columns)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_moment(value: object) -> bool:
    if isinstance(value, date):
        return True
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


_TESTS: Final[Mapping[str, Test]] = {
    "expect_column_values_to_not_be_null": _always,
    "expect_column_values_to_be_null": _always,
    "expect_column_values_to_be_unique": _flat,
    "expect_compound_columns_to_be_unique": _flat,
    "expect_column_values_to_be_in_set": _set_of_its_kind,
    "expect_column_values_to_not_be_in_set": _set_of_its_kind,
    "expect_column_values_to_be_between": _bounded,
    "expect_column_values_to_match_regex": _regex,
    "expect_column_values_to_not_match_regex": _regex,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _lengths,
    "expect_column_pair_values_to_be_equal": _comparable,
    "expect_column_pair_values_a_to_be_greater_than_b": _comparable,
    "expect_column_mean_to_be_between": _numeric,
    "expect_column_median_to_be_between": _numeric,
    "expect_column_stdev_to_be_between": _numeric,
    "expect_column_sum_to_be_between": _numeric,
    "expect_column_min_to_be_between": _numeric,
    "expect_column_max_to_be_between": _numeric,
    "expect_column_unique_value_count_to_be_between": _flat,
    "expect_column_proportion_of_unique_values_to_be_between": _flat,
    "expect_column_proportion_of_non_null_values_to_be_between": _always,
    "expect_table_row_count_to_be_between": _always,
    "expect_table_row_count_to_equal": _always,
    "expect_table_column_count_to_be_between": _always,
    "expect_table_column_count_to_equal": _always,
    "expect_table_columns_to_match_set": _always,
    "expect_table_columns_to_match_ordered_list": _always,
    "expect_column_to_exist": _always,
    **{kind: partial(_moments, keys=test.moment_keys) for kind, test in GROUP_TESTS.items()},
}
