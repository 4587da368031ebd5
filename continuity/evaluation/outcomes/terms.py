"""The columns of a model: continuity in classes or as a curve, the number of visits, covariates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.errors import UsageError
from continuity.evaluation.outcomes.models import Floats

QUANTILES: Final = {3: (0.1, 0.5, 0.9), 4: (0.05, 0.35, 0.65, 0.95), 5: (0.05, 0.275, 0.5, 0.725, 0.95)}
"""Where knots usually lie: Harrell 2015, Regression Modeling Strategies, table 2.3."""
_POINTS: Final = 11
_MOST_CATEGORIES: Final = 30


def spline(values: Floats, knots: Sequence[float]) -> Floats:
    """Give the basis of a restricted cubic spline: one column fewer than there are knots; linear outside them.

    Parameters
    ----------
    values : numpy.ndarray, shape (n,)
    knots : sequence of float
        In order; with fewer than three the basis is the value itself.

    Returns
    -------
    numpy.ndarray of float64, shape (n, max(len(knots) - 1, 1))

    Notes
    -----
    X_1 = X; X_{j+1} = [(X-t_j)+^3 - (X-t_{k-1})+^3 (t_k-t_j)/(t_k-t_{k-1}) + (X-t_k)+^3 (t_{k-1}-t_j)/(t_k-t_{k-1})]
    / (t_k - t_1)^2.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, section 2.4.5.
    """
    t = np.asarray(knots, dtype=float)
    if len(t) < 3:
        return np.asarray(values, dtype=float)[:, None]

    def cubed(knot: float) -> Floats:
        return np.maximum(values - knot, 0.0) ** 3

    before, end = t[-2], t[-1]
    gap = end - before
    bent = [
        (cubed(knot) - cubed(before) * (end - knot) / gap + cubed(end) * (before - knot) / gap) / (end - t[0]) ** 2
        for knot in t[:-2]
    ]
    return np.column_stack([values, *bent])


@dataclass(frozen=True)
class Exposure:
    """Continuity as columns of a model, and the contrasts that are shown.

    Parameters
    ----------
    columns : numpy.ndarray, shape (n, k)
    labels : list of str
        The classes, or the values on the curve.
    contrasts : numpy.ndarray, shape (len(labels), k)
        Against the reference.
    members : list of numpy.ndarray of bool
        The rows behind each label: a class's own; for a curve all.
    said : dict
        How continuity enters, for the summary.
    """

    columns: Floats
    labels: list[str]
    contrasts: Floats
    members: list[npt.NDArray[np.bool_]]
    said: dict[str, Any]


def exposure(value: Floats, classes: Any, knots: Any, reference: float | None, at: Sequence[float] | None) -> Exposure:
    """Give continuity in classes fixed beforehand, or as a curve.

    Raises
    ------
    UsageError
        The index does not vary, cuts come from the data, or a class is empty.
    """
    if np.unique(value).size < 2:
        raise UsageError(
            "The index is the same for every patient, so nothing can go with it.",
            next_step="Take another index or a longer window.",
        )
    if classes is not None:
        return _classes(value, _cuts(classes), reference)
    return _curve(value, knots, reference, at)


def _cuts(classes: Any) -> list[float]:
    given = isinstance(classes, list | tuple) and bool(classes) and all(isinstance(c, int | float) for c in classes)
    if not given or list(classes) != sorted(set(classes)):
        raise UsageError(
            "The classes are not cuts fixed beforehand.",
            allowed="Allowed: rising numbers, such as classes=[0.25, 0.5, 0.75]. Cuts taken from the data, such as "
            "quartiles, differ from study to study, and the best of several cuts shows what is not there.",
            next_step="Take cuts from an earlier study or a protocol, or leave classes out for a curve.",
        )
    return [float(cut) for cut in classes]


def _classes(value: Floats, cuts: list[float], reference: float | None) -> Exposure:
    place = np.searchsorted(cuts, value, side="right")
    labels = [
        f"< {cuts[0]:g}",
        *[f"{a:g} to < {b:g}" for a, b in pairwise(cuts)],
        f">= {cuts[-1]:g}",
    ]
    empty = [label for k, label in enumerate(labels) if not (place == k).any()]
    if empty:
        raise UsageError(
            f"{len(empty)} of the classes have no patients: {', '.join(empty)}.",
            allowed="Every class holds patients who can be followed.",
            next_step="Join it with its neighbour by leaving a cut out.",
        )
    base = 0 if reference is None else int(np.searchsorted(cuts, reference, side="right"))
    own = [k for k in range(len(labels)) if k != base]
    columns = np.stack([(place == k).astype(float) for k in own], axis=1)
    contrasts = np.array([[float(k == other) for other in own] for k in range(len(labels))])
    said = {"form": "classes", "cuts": cuts, "cuts_from": "fixed beforehand", "reference": labels[base]}
    return Exposure(columns, labels, contrasts, [place == k for k in range(len(labels))], said)


def _curve(value: Floats, knots: Any, reference: float | None, at: Sequence[float] | None) -> Exposure:
    where, origin = knots_of(value, knots)
    points = np.linspace(where[0], where[-1], _POINTS) if at is None else np.asarray(list(at), dtype=float)
    low, high = float(value.min()), float(value.max())
    outside = [point for point in (*points, *([] if reference is None else [reference])) if not low <= point <= high]
    if outside:
        raise UsageError(
            f"{len(outside)} points of the curve lie where no patient is.",
            next_step="Choose `at` and `reference` within the range of the index.",
        )
    base = float(np.median(value)) if reference is None else float(reference)
    contrasts = spline(points, where) - spline(np.array([base]), where)
    said = {
        "form": "restricted cubic spline" if len(where) >= 3 else "straight line",
        "knots": where,
        "knots_from": origin,
        "reference": base,
        "reference_from": "median of the index" if reference is None else "given",
    }
    everyone = np.ones(len(value), dtype=bool)
    return Exposure(spline(value, where), [f"{p:.3g}" for p in points], contrasts, [everyone] * len(points), said)


def knots_of(value: Floats, knots: Any) -> tuple[list[float], str]:
    """Give the knots and where they come from; those at the same place are one.

    Raises
    ------
    UsageError
    """
    if isinstance(knots, int) and knots in QUANTILES:
        found = np.unique(np.quantile(value, QUANTILES[knots]))
        return [float(k) for k in found] if found.size > 1 else [float(value.min()), float(value.max())], "quantiles"
    if isinstance(knots, list | tuple) and len(knots) >= 3 and list(knots) == sorted(set(knots)):
        return [float(k) for k in knots], "given"
    raise UsageError(
        "The knots are neither 3, 4 or 5 nor a rising list of three values or more.", allowed="Such as knots=4."
    )


def adjustment(rows: pl.DataFrame, covariates: Sequence[str]) -> Floats:
    """Give the columns of the number of visits (a spline of its logarithm) and of the covariates.

    Text and truth values get one column per category but the most common; a missing one is a category
    of its own. Numbers enter as a spline where they have five values or more.

    Raises
    ------
    UsageError
        A column names persons, not groups.
    """
    n_visits = np.log(rows["n_visits"].cast(pl.Float64).to_numpy())
    parts = [_smooth(n_visits)]
    for name in covariates:
        column = rows[name]
        parts.append(_smooth(column.cast(pl.Float64).to_numpy()) if column.dtype.is_numeric() else dummies(column))
    return np.hstack(parts)


def _smooth(values: Floats) -> Floats:
    distinct = np.unique(values).size
    if distinct < 2:
        return np.empty((len(values), 0))
    return spline(values, knots_of(values, 3)[0] if distinct >= 5 else [])


def dummies(column: pl.Series, most: int | None = _MOST_CATEGORIES) -> Floats:
    """Give one column per category but the most common; more than `most` are refused."""
    text = column.cast(pl.String).fill_null("\0missing")
    counts = text.value_counts(name="n").sort("n", text.name, descending=[True, False])
    if most is not None and counts.height > most:
        raise UsageError(
            f"Column '{column.name}' has {counts.height:,} categories for {len(column):,} rows.",
            allowed=f"Allowed: {most} categories, such as age bands or sex; an id is no covariate.",
        )
    parts = [(text == category).cast(pl.Float64).to_numpy() for category in counts[text.name].to_list()[1:]]
    return np.stack(parts, axis=1) if parts else np.empty((len(column), 0))
