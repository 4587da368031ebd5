"""The everyday expectations whose arguments can be looked through, and defaults filled in, without Great Expectations.

Importing it takes four seconds of a processor, more than looking at ten million visits. What is not plain, a rarer type
or an argument of another form, is left to it, and so is every complaint about arguments.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from continuity.quality.groups import MIN_ELAPSED, PERIOD

Form = Callable[[Any], bool]


def _always(_given: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class Plain:
    """What plain arguments of one type look like.

    Parameters
    ----------
    required, optional : mapping
        The form of each argument; any other argument is not plain.
    defaults : mapping
        What Great Expectations fills in.
    together : callable
        What the arguments must fulfil together.
    metric : str, optional
        The metric, a key of `conditions.MAPS`, whose unexpected rows are counted; None for the other types.
    """

    required: Mapping[str, Form]
    optional: Mapping[str, Form] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    together: Callable[[Mapping[str, Any]], bool] = _always
    metric: str | None = None


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(each) for each in value)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _from_one(value: Any) -> bool:
    return _whole(value) and bool(value >= 1)


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _ratio(value: Any) -> bool:
    return _number(value) and bool(value >= 0)


def _above_zero(value: Any) -> bool:
    return _number(value) and bool(value > 0)


def _values(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_text(v) or _flag(v) or _number(v) for v in value)


def _period(value: Any) -> bool:
    return isinstance(value, str) and re.match(PERIOD, value) is not None


def _one_of(*words: str) -> Form:
    return lambda value: isinstance(value, str) and value in words


def _bounded(given: Mapping[str, Any]) -> bool:
    bounds = [given[name] for name in ("min_value", "max_value") if name in given]
    return bool(bounds) and bounds == sorted(bounds)


def _moment_with_period(given: Mapping[str, Any]) -> bool:
    return ("at" in given) == ("every" in given)


def _map(metric: str, required: Mapping[str, Form], **optional: Form) -> Plain:
    bounded = _bounded if "min_value" in optional else _always
    return Plain(required, {"mostly": _share, **optional}, together=bounded, metric=metric)


def _pair(metric: str, **optional: Form) -> Plain:
    ignore = _one_of("both_values_are_missing", "either_value_is_missing", "neither")
    return Plain(
        required={"column_A": _text, "column_B": _text},
        optional={"mostly": _share, "ignore_row_if": ignore, **optional},
        defaults={"ignore_row_if": "both_values_are_missing"},
        metric=metric,
    )


_COLUMN: Final = {"column": _text}
_IGNORE: Final = _one_of("all_values_are_missing", "any_value_is_missing", "never")

ROW_COUNT: Final = "expect_table_row_count_to_be_between"
PLAIN: Final[Mapping[str, Plain]] = {
    "expect_column_values_to_not_be_null": _map("column_values.nonnull", _COLUMN),
    "expect_column_values_to_be_null": _map("column_values.null", _COLUMN),
    "expect_column_values_to_be_unique": _map("column_values.unique", _COLUMN),
    "expect_column_values_to_be_in_set": _map("column_values.in_set", {**_COLUMN, "value_set": _values}),
    "expect_column_values_to_not_be_in_set": _map("column_values.not_in_set", {**_COLUMN, "value_set": _values}),
    "expect_column_values_to_match_regex": _map("column_values.match_regex", {**_COLUMN, "regex": _text}),
    "expect_column_values_to_not_match_regex": _map("column_values.not_match_regex", {**_COLUMN, "regex": _text}),
    "expect_column_values_to_be_between": _map(
        "column_values.between", _COLUMN, min_value=_number, max_value=_number, strict_min=_flag, strict_max=_flag
    ),
    "expect_column_pair_values_to_be_equal": _pair("column_pair_values.equal"),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair("column_pair_values.a_greater_than_b", or_equal=_flag),
    "expect_compound_columns_to_be_unique": Plain(
        {"column_list": _texts},
        {"mostly": _share, "ignore_row_if": _IGNORE},
        {"ignore_row_if": "all_values_are_missing"},
        metric="compound_columns.unique",
    ),
    ROW_COUNT: Plain({}, {"min_value": _whole, "max_value": _whole}, together=_bounded),
    "expect_few_missing_per_group": Plain(
        {"column": _text, "by": _text, "max_share": _share}, {"min_rows": _from_one}
    ),
    "expect_few_distinct_per_group": Plain(
        {"column": _text, "by": _text, "max_distinct": _from_one},
        {"at": _text, "every": _period},
        together=_moment_with_period,
    ),
    "expect_steady_volume_per_group": Plain(
        {"by": _text, "at": _text, "every": _period, "min_ratio": _ratio},
        {"max_ratio": _above_zero, "min_rows": _from_one, "min_elapsed": _share},
        {"min_elapsed": MIN_ELAPSED},
    ),
}  # fmt: skip


def is_plain(expectation_type: str, arguments: Mapping[str, Any]) -> bool:
    """Tell whether an expectation is of an everyday type, with arguments that surely fit.

    Parameters
    ----------
    expectation_type : str
        Type of the expectation in Great Expectations.
    arguments : mapping
        Its arguments.

    Returns
    -------
    bool
        False says nothing about whether the arguments fit: Great Expectations knows.

    Examples
    --------
    >>> is_plain("expect_column_values_to_not_be_null", {"column": "patient_id", "mostly": 0.9})
    True
    >>> is_plain("expect_column_values_to_not_be_null", {"column": "patient_id", "mostly": 90})
    False
    """
    plain = PLAIN.get(expectation_type)
    if plain is None or not plain.required.keys() <= arguments.keys():
        return False
    forms = {**plain.required, **plain.optional}
    fit = all(name in forms and forms[name](value) for name, value in arguments.items())
    return fit and plain.together(arguments)
