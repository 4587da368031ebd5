"""Rows that belong together, found by sorting 64-bit keys: repeated rows, visits of one patient in one year.

Sorting keys takes a fraction of the time and the memory of grouping by several columns. Among 45 million rows the
expected number of different rows that share a key is 0.00006.
"""

from collections.abc import Iterable
from functools import reduce
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

_ODD: Final = pl.lit(0x9E3779B97F4A7C15, dtype=pl.UInt64)  # so that columns that change places change the key


def key(values: Iterable[pl.Expr], kept: pl.Expr | None = None) -> pl.Expr:
    """Give one 64-bit key for the values of each row, all columns together.

    Parameters
    ----------
    values : iterable of polars.Expr
        At least one; null is a value like any other.
    kept : polars.Expr, optional
        Rows that shall have a key; by default all.

    Returns
    -------
    polars.Expr
        UInt64; null for a row that is not kept.

    Notes
    -----
    Hashing the columns one by one takes half the time of hashing a struct of them.
    """
    hashes = [value.hash(seed=seed) for seed, value in enumerate(values)]
    mixed = reduce(lambda key, following: (key * _ODD) ^ following, hashes)
    return mixed if kept is None else pl.when(kept).then(mixed)


def n_alone(keys: Keys) -> int:
    """Count the keys that are there once.

    Parameters
    ----------
    keys : array of uint64
        Sorted in place.

    Returns
    -------
    int

    Examples
    --------
    >>> n_alone(np.array([7, 3, 7, 5], np.uint64))
    2
    """
    starts = _starts(keys)
    return int(np.count_nonzero(starts[1:] & starts[:-1]))


def run_lengths(keys: Keys) -> NDArray[np.int64]:
    """Count how often each key is there.

    Parameters
    ----------
    keys : array of uint64
        Sorted in place.

    Returns
    -------
    array of int64
        One count for each different key.

    Examples
    --------
    >>> run_lengths(np.array([7, 3, 7, 5], np.uint64)).tolist()
    [1, 1, 2]
    """
    return np.diff(np.flatnonzero(_starts(keys)))


def _starts(keys: Keys) -> NDArray[np.bool_]:
    """Tell for each sorted key whether it differs from the one before; one more flag closes the last run."""
    keys.sort()
    starts = np.ones(keys.size + 1, np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=starts[1:-1])
    return starts if keys.size else starts[:0]


def n_alone_in(keys: pl.Series) -> pl.Series:
    """Count the keys of a column that are there once, as `n_alone`; null is no key."""
    return pl.Series([n_alone(_own(keys))], dtype=pl.Int64)


def run_lengths_in(keys: pl.Series) -> pl.Series:
    """Count how often each key of a column is there, as `run_lengths`; null is no key."""
    return pl.Series(run_lengths(_own(keys)), dtype=pl.Int64)


def _own(keys: pl.Series) -> Keys:
    return keys.drop_nulls().to_numpy(writable=True)
