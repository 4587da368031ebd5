"""The bootstrap of patients, on classes of equal patients: exact in distribution, and seconds for a million."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

_FREQUENT: Final = 24  # a binomial number costs as much as so many draws of one patient (measured: 144 and 5 ns)
_BLOCK: Final = 2_000_000  # numbers drawn at a time: what a processor's cache nearly holds

Floats = npt.NDArray[np.float64]


def replicate(
    value: Floats, weight: Floats, count: npt.NDArray[np.int64], replicates: int, rng: np.random.Generator
) -> Floats:
    """Give the ratio ``sum(w x value) / sum(w)`` of `replicates` samples of patients drawn with replacement.

    Parameters
    ----------
    value, weight : array of shape (n_classes,)
        Of the patients of a class, who are alike in both.
    count : array of shape (n_classes,)
        Patients in each class; their sum n is the size of every sample.
    replicates : int
    rng : numpy.random.Generator

    Returns
    -------
    array of shape (replicates,)

    Notes
    -----
    How often each class is drawn is multinomial, so that classes of many patients are drawn as one number. Classes of
    few patients form one more class: how many draws fall into it is part of the same multinomial, and given that
    number its patients are drawn one by one, each with the same chance. This is the distribution of the plain
    bootstrap, not an approximation.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 13.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> replicate(np.array([0.0, 1.0]), np.ones(2), np.array([50, 50]), 3, rng).shape
    (3,)
    """
    n = int(count.sum())
    many = count >= _FREQUENT
    rare = np.repeat(np.flatnonzero(~many), count[~many])
    chances = np.append(count[many], len(rare)) / n
    drawn = rng.multinomial(n, chances, size=replicates)
    y, w = value * weight, weight
    above, below = _weighed(drawn[:, :-1], y[many]), _weighed(drawn[:, :-1], w[many])
    if len(rare):
        tail = _tail(drawn[:, -1], np.stack([y[rare], w[rare]]), rng)
        above, below = above + tail[0], below + tail[1]
    return above / below


def _weighed(drawn: npt.NDArray[np.int64], numbers: Floats) -> Floats:
    """Give drawn @ numbers without BLAS, whose order of summing depends on the number of threads."""
    step = max(1, _BLOCK // max(1, len(numbers)))
    parts = [(drawn[k : k + step] * numbers).sum(axis=1) for k in range(0, len(drawn), step)]
    return np.concatenate(parts)


def _tail(how_many: npt.NDArray[np.int64], numbers: Floats, rng: np.random.Generator) -> Floats:
    """Give the sums over `how_many` patients drawn from the rows of `numbers`, for each replicate."""
    found = np.zeros((len(numbers), len(how_many)))
    for k, m in enumerate(how_many):
        who = rng.integers(0, numbers.shape[1], int(m), dtype=np.uint32)
        for j, column in enumerate(numbers):
            found[j, k] = column.take(who).sum()
    return found


def intervals(
    classes: pl.DataFrame, *, groups: Sequence[str], key: str, replicates: int, seed: int, confidence: float
) -> pl.DataFrame:
    """Give std_error, ci_low and ci_high of each group by the percentiles of its replicates.

    Parameters
    ----------
    classes : polars.DataFrame
        groups, value, weight and count, one row per class of equal patients, in any order.
    groups : sequence of str
    key : str
        The index; with the names of the group it makes the stream of random numbers, so that a group's interval does
        not depend on which other groups and indices were asked for.
    replicates, seed : int
    confidence : float

    Returns
    -------
    polars.DataFrame
        One row per group; null where the group has fewer than two patients.
    """
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    schema = {name: classes.schema[name] for name in groups} | dict.fromkeys(
        ("std_error", "ci_low", "ci_high"), pl.Float64
    )
    rows: list[tuple[Any, ...]] = []
    ordered = classes.sort(*groups, "value", "weight", nulls_last=True)
    parts = ordered.partition_by(groups, as_dict=True, maintain_order=True) if groups else {(): ordered}
    for name, part in parts.items():
        value, weight, count = (part[column].to_numpy() for column in ("value", "weight", "count"))
        if count.sum() < 2:
            rows.append((*name, None, None, None))
            continue
        drawn = replicate(value, weight, count, replicates, stream(seed, [key, *name]))
        low, high = np.quantile(drawn, tails)
        rows.append((*name, float(drawn.std(ddof=1)), float(low), float(high)))
    return pl.DataFrame(rows, schema=schema, orient="row")


def stream(seed: int, names: Iterable[Any]) -> np.random.Generator:
    """Give the random numbers of one group and index: the same on every machine, whatever else is drawn."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest[:16], dtype="<u4").tolist()])
