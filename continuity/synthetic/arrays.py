"""Array types, and readable ids built without a loop."""

from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


def number_ids(prefix: str, n: int, *, first: int = 0, width: int = 1) -> pl.Series:
    """Give `n` ids such as ``P0000123``: a prefix and consecutive numbers padded with zeros.

    Parameters
    ----------
    prefix : str
        What every id starts with.
    n : int
        How many.
    first : int
        The first number.
    width : int
        The least number of digits; all ids of a call have as many.

    Returns
    -------
    polars.Series
        String, in the order of the numbers.

    Examples
    --------
    >>> number_ids("U", 2, first=9, width=2).to_list()
    ['U09', 'U10']
    >>> number_ids("U", 2, first=99, width=2).to_list()
    ['U099', 'U100']
    """
    digits = max(width, len(str(first + n - 1)))
    number = pl.int_range(first, first + n).cast(pl.String).str.zfill(digits)
    return pl.select(id=pl.lit(prefix) + number)["id"]


def take(options: pl.Series | list[str] | list[list[str]], index: Ints | Flags) -> pl.Series:
    """Give the options at these positions: numbers to words in one step."""
    values = options if isinstance(options, pl.Series) else pl.Series(options)
    return values.gather(index.astype(np.int64))


def draw(rng: np.random.Generator, weights: Floats, n: int) -> Ints:
    """Draw `n` positions with probabilities proportional to the weights."""
    edges = np.cumsum(weights) / np.sum(weights)
    return np.searchsorted(edges[:-1], rng.random(n), side="right").astype(np.int64)


def pick(weights: Floats, row: Ints, chance: Floats) -> Ints:
    """Give for each row of weights that is asked for the position where its cumulated share passes the chance."""
    edges = np.cumsum(weights, axis=1) / np.sum(weights, axis=1, keepdims=True)
    place: Ints = (edges[row, :-1] <= chance[:, None]).sum(axis=1, dtype=np.int64)
    return place


def dates(start: date, day: Ints, known: Flags | None = None) -> pl.Series:
    """Give the dates of days counted from `start`; null where not known."""
    date_of = np.datetime64(start, "D") + day
    return pl.Series(date_of if known is None else np.where(known, date_of, np.datetime64("NaT", "D")))


def blank_out(values: pl.Series, known: Flags) -> pl.Series:
    """Give the values, null where not known."""
    return values.set(pl.Series(~known), None)
