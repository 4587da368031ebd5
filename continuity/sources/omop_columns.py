"""Columns of OMOP's tables as exports really write them: any case, NULL as text, ids as text or decimal numbers."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from continuity.errors import InputError, listing
from continuity.sources import files

_NO_VALUE: Final = ("", "NULL", "null", "Null", "\\N")  # \N is how PostgreSQL writes one
_EXACT: Final = 2**53
_BROKEN: Final = "{} is broken"

Frames = Mapping[str, pl.LazyFrame]
"""Tables by their names in lower case."""


def plain(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Give the columns lower-case names, and null where a text says that there is no value.

    Raises
    ------
    InputError
        Two columns differ in case only.
    """
    schema = frame.collect_schema()
    lower = [column.lower() for column in schema]
    twice = sorted({column for column in lower if lower.count(column) > 1})
    if twice:
        raise InputError(f"{name} names a column twice: {listing(twice)}.", next_step="Rename or remove one of them.")
    stripped = {column: pl.col(column).str.strip_chars() for column, dtype in schema.items() if dtype == pl.String}
    cleaned = frame.with_columns(
        pl.when(~text.is_in(_NO_VALUE)).then(text).alias(column) for column, text in stripped.items()
    )
    return cleaned.rename(dict(zip(schema, lower, strict=True)))


def whole(frame: pl.LazyFrame, columns: Sequence[str], where: str) -> pl.LazyFrame:
    """Make columns Int64 without losing a digit; ids of OMOP can be any 64-bit number, also negative.

    A frame whose columns must be parsed is read once and then held in memory, so it has the needed columns only.

    Raises
    ------
    InputError
        A column holds what is no whole number, or decimal numbers so large that digits are already lost.
    """
    schema = frame.collect_schema()
    readers = {name: _as_whole(name, schema[name], where) for name in columns if schema[name] != pl.Int64}
    if not readers:
        return frame
    is_broken = {
        _BROKEN.format(name): pl.col(name).is_not_null() & reader.is_null() for name, reader in readers.items()
    }
    parsed = {name: reader.alias(name) for name, reader in readers.items()}
    with files.readable(where):
        found = frame.with_columns(**parsed, **is_broken).collect(engine="streaming")
    for name in readers:
        n = int(found[_BROKEN.format(name)].sum())
        if n:
            raise InputError(
                f"Column '{name}' of {where}: {n:,} {'row holds' if n == 1 else 'rows hold'} no whole number.",
                allowed="Ids are whole numbers of 64 bits; decimal numbers above 2^53 have lost digits.",
                next_step="Export the ids as whole numbers or as text.",
            )
    return found.drop(is_broken).lazy()


def _as_whole(name: str, dtype: pl.DataType, where: str) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.String:
        return column.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    if dtype.is_float():
        return pl.when((column.abs() < _EXACT) & (column % 1 == 0)).then(column).cast(pl.Int64, strict=False)
    if dtype.is_decimal():
        return pl.when(column % 1 == 0).then(column).cast(pl.Int64, strict=False)
    if dtype.is_integer() or dtype == pl.Null:
        return column.cast(pl.Int64, strict=False)
    raise InputError(f"Column '{name}' of {where} has the type {dtype}.", allowed="Ids are whole numbers.")


def agreed(frame: pl.LazyFrame, key: str) -> pl.LazyFrame:
    """Give one row per key, and null where its rows differ: a join then neither doubles rows nor picks by chance."""
    others = [name for name in frame.collect_schema().names() if name != key]
    alike = (
        pl.when(pl.col(name).drop_nulls().n_unique() == 1).then(pl.col(name).drop_nulls().first()) for name in others
    )
    return frame.group_by(key).agg(alike).sort(key)


def known(column: str) -> pl.Expr:
    """Give an id, and null for 0, which is how exports write a missing one."""
    return pl.when(pl.col(column) != 0).then(pl.col(column)).alias(column)
