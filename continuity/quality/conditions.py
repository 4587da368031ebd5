"""The metrics of Great Expectations as Polars expressions: how many rows are looked at, and how many are unexpected.

Pure functions of a metric's name and arguments; nothing here imports Great Expectations. The meaning of "missing" is
that of its pandas engine, where NaN is missing too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import reduce
from typing import Any, Final, cast

import polars as pl

from continuity.quality.repeats import key, n_alone_in

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """What one metric says of each row.

    Parameters
    ----------
    kept : polars.Expr, optional
        Rows looked at: those that are not ignored as missing. None for every row.
    unexpected : polars.Expr, optional
        Rows among them that break the expectation; None where repeats do.
    key : polars.Expr, optional
        One key for what must be there once; null for a row that is not looked at.
    """

    kept: pl.Expr | None
    unexpected: pl.Expr | None = None
    key: pl.Expr | None = None


@dataclass(frozen=True)
class Counts:
    """Two aggregating expressions of one metric.

    Parameters
    ----------
    kept : polars.Expr
        How many rows are looked at.
    unexpected : polars.Expr
        How many among them break the expectation.
    """

    kept: pl.Expr
    unexpected: pl.Expr


def counts(rows: Rows) -> Counts:
    """Count what a metric says of each row.

    Parameters
    ----------
    rows : Rows

    Returns
    -------
    Counts

    Examples
    --------
    >>> frame = pl.DataFrame({"visit_id": [1, 2, 2, None]})
    >>> repeated = MAPS["column_values.unique"]({"column": "visit_id"}, frame.schema)
    >>> frame.select(counts(repeated).unexpected).item()
    2
    """
    kept = pl.len() if rows.kept is None else rows.kept.sum()
    if rows.unexpected is not None:
        return Counts(kept, rows.unexpected.sum())
    keys = cast("pl.Expr", rows.key)
    alone = keys.map_batches(n_alone_in, return_dtype=pl.Int64, returns_scalar=True)
    return Counts(kept, kept.cast(pl.Int64) - alone)


def _present(column: str, schema: pl.Schema) -> pl.Expr:
    """Tell which rows hold a value: neither null nor NaN."""
    expr = pl.col(column)
    return expr.is_not_null() & expr.is_not_nan() if schema[column].is_float() else expr.is_not_null()


def _rows(kept: pl.Expr, meets: pl.Expr) -> Rows:
    """Tell which kept rows do not meet a condition; a condition that is null is not met."""
    return Rows(kept, kept & ~meets.fill_null(value=False))


def _values(column: str, schema: pl.Schema) -> pl.Expr:
    return pl.col(column).fill_nan(None) if schema[column].is_float() else pl.col(column)


def _within(value: pl.Expr, arguments: Arguments, dtype: pl.DataType) -> pl.Expr:
    """Tell which values lie between ``min_value`` and ``max_value``, each bound open, closed or absent."""
    low, high = (_bound(arguments.get(name), dtype) for name in ("min_value", "max_value"))
    tests = []
    if low is not None:
        tests.append(value > low if arguments.get("strict_min") else value >= low)
    if high is not None:
        tests.append(value < high if arguments.get("strict_max") else value <= high)
    return reduce(pl.Expr.and_, tests)


def _bound(value: object, dtype: pl.DataType) -> pl.Expr | None:
    """Read a bound as a literal of the column's kind; dates and moments are written in ISO form."""
    if value is None:
        return None
    if not dtype.is_temporal():
        return pl.lit(value)
    moment = _moment(value)
    zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
    naive = zone and moment.tzinfo is None
    return pl.lit(moment).dt.replace_time_zone(zone) if naive else pl.lit(moment)


def _moment(value: object) -> datetime:
    # Great Expectations turns some texts into dates or datetimes before they come here.
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.min)
    return datetime.fromisoformat(str(value))


def _kept_rows(columns: list[str], ignore_row_if: str, schema: pl.Schema) -> pl.Expr | None:
    """Tell which rows an expectation on several columns looks at; None for every row."""
    known = [_present(column, schema) for column in columns]
    if ignore_row_if in ("both_values_are_missing", "all_values_are_missing"):
        return reduce(pl.Expr.or_, known)
    if ignore_row_if in ("either_value_is_missing", "any_value_is_missing"):
        return reduce(pl.Expr.and_, known)
    return None


def _of_column(test: Callable[[pl.Expr, Arguments, pl.DataType], pl.Expr]) -> Callable[[Arguments, pl.Schema], Rows]:
    def rows(arguments: Arguments, schema: pl.Schema) -> Rows:
        column = arguments["column"]
        return _rows(_present(column, schema), test(pl.col(column), arguments, schema[column]))

    return rows


def _of_pair(test: Callable[[pl.Expr, pl.Expr, Arguments], pl.Expr]) -> Callable[[Arguments, pl.Schema], Rows]:
    def rows(arguments: Arguments, schema: pl.Schema) -> Rows:
        columns = [arguments["column_A"], arguments["column_B"]]
        # Polars puts NaN above all numbers and equal to itself; in pandas no comparison with a missing value holds.
        comparable = reduce(pl.Expr.and_, [_present(column, schema) for column in columns])
        kept = _kept_rows(columns, arguments["ignore_row_if"], schema)
        meets = comparable & test(pl.col(columns[0]), pl.col(columns[1]), arguments)
        return Rows(None, ~meets.fill_null(value=False)) if kept is None else _rows(kept, meets)

    return rows


def _missing(arguments: Arguments, schema: pl.Schema) -> Rows:
    return Rows(None, ~_present(arguments["column"], schema))


def _not_missing(arguments: Arguments, schema: pl.Schema) -> Rows:
    return Rows(None, _present(arguments["column"], schema))


def _repeated_value(arguments: Arguments, schema: pl.Schema) -> Rows:
    column = arguments["column"]
    kept = _present(column, schema)
    return Rows(kept, key=key([_values(column, schema)], kept))


def _repeated_row(arguments: Arguments, schema: pl.Schema) -> Rows:
    columns = list(arguments["column_list"])
    kept = _kept_rows(columns, arguments["ignore_row_if"], schema)
    return Rows(kept, key=key([_values(column, schema) for column in columns], kept))


def _greater(a: pl.Expr, b: pl.Expr, arguments: Arguments) -> pl.Expr:
    return a >= b if arguments.get("or_equal") else a > b


def _length(expr: pl.Expr, arguments: Arguments, _: pl.DataType) -> pl.Expr:
    return _within(expr.str.len_chars(), arguments, pl.UInt32())


# Metric name without its ending (".condition", ".unexpected_count", ...) -> what it says of each row.
MAPS: Final[Mapping[str, Callable[[Arguments, pl.Schema], Rows]]] = {
    "column_values.nonnull": _missing,
    "column_values.null": _not_missing,
    "column_values.unique": _repeated_value,
    "column_values.in_set": _of_column(lambda value, given, _: value.is_in(given["value_set"])),
    "column_values.not_in_set": _of_column(lambda value, given, _: ~value.is_in(given["value_set"])),
    "column_values.between": _of_column(_within),
    "column_values.match_regex": _of_column(lambda value, given, _: value.str.contains(given["regex"])),
    "column_values.not_match_regex": _of_column(lambda value, given, _: ~value.str.contains(given["regex"])),
    "column_values.value_length.between": _of_column(_length),
    "column_values.value_length.equals": _of_column(lambda value, given, _: value.str.len_chars() == given["value"]),
    "column_pair_values.equal": _of_pair(lambda a, b, _: a == b),
    "column_pair_values.a_greater_than_b": _of_pair(_greater),
    "compound_columns.unique": _repeated_row,
}

# Metric name -> the aggregate of a column whose NaN are null.
AGGREGATES: Final[Mapping[str, Callable[[pl.Expr], pl.Expr]]] = {
    "column.mean": pl.Expr.mean,
    "column.median": pl.Expr.median,
    "column.standard_deviation": pl.Expr.std,
    "column.sum": pl.Expr.sum,
    "column.min": pl.Expr.min,
    "column.max": pl.Expr.max,
    "column.non_null_count": pl.Expr.count,
    "column.distinct_values.count": lambda values: values.drop_nulls().n_unique(),
}


def aggregate(metric: str, column: str, schema: pl.Schema) -> pl.Expr:
    """Give the aggregate of a column that a metric stands for.

    Parameters
    ----------
    metric : str
        A key of `AGGREGATES`.
    column : str
    schema : polars.Schema
        Tells whether the column can hold NaN.

    Returns
    -------
    polars.Expr
        One value; null for a column without values.

    Examples
    --------
    >>> frame = pl.DataFrame({"n_chronic": [1.0, 3.0, float("nan"), None]})
    >>> frame.select(aggregate("column.mean", "n_chronic", frame.schema)).item()
    2.0
    """
    return AGGREGATES[metric](_values(column, schema))
