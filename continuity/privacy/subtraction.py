"""Two published runs on the same visits, less one another: what a reader who has both could work out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import polars as pl

from continuity.privacy.limits import Limits

Inside = Literal["same", "within", "around", "unknown"]
"""How the visits of the earlier run lie to those of this one."""
_WINDOWS: Final = (("window_start", "window_end"), ("period_start", "period_end"))
_COUNTS: Final[Mapping[str, str]] = {"n_patients": "min_patients", "n_visits": "min_visits"}
_HIDDEN: Final = "suppressed"
_MOVING: Final = frozenset({"value_class", "n_visits_class", "age_band"})
"""Keys whose value a patient changes with the window: the cell of a longer one does not hold that of a shorter one."""


@dataclass(frozen=True)
class Cells:
    """The published cells of a table.

    Parameters
    ----------
    keys : tuple of str
    frame : polars.DataFrame
    window : tuple of datetime, or None
        The window of every cell, where the table has no columns for it; None where it is not one.
    """

    keys: tuple[str, ...]
    frame: pl.DataFrame
    window: tuple[datetime, datetime] | None

    def names(self) -> frozenset[str]:
        """Give the keys besides windows and the role."""
        return frozenset(self.keys) - {"role", *(name for pair in _WINDOWS for name in pair)}


@dataclass(frozen=True)
class Told:
    """What two tables say together.

    Parameters
    ----------
    n_compared : int
        Pairs of cells of the same name.
    n_near : int
        Pairs whose patients or visits differ by fewer than the limit.
    n_told : int
        Pairs that are near though one holds the visits of the other, and cells that one run hides and the other
        shows: what is hidden follows.
    """

    n_compared: int = 0
    n_near: int = 0
    n_told: int = 0

    def __add__(self, other: "Told") -> "Told":
        return Told(self.n_compared + other.n_compared, self.n_near + other.n_near, self.n_told + other.n_told)


def told_by(then: Cells, now: Cells, inside: Inside, limits: Limits) -> Told:
    """Count the cells of two runs that tell about a few patients or visits when they are subtracted.

    Parameters
    ----------
    then, now : Cells
        A table of the earlier run and one of this run.
    inside : {"same", "within", "around", "unknown"}
        How the visits of the earlier run lie to those of this one by the filters, windows apart.
    limits : Limits
        Differences of 1 to one less than the limit are told.

    Returns
    -------
    Told
        Nothing where the tables name their cells in different ways.

    Notes
    -----
    A cell of the whole of 2025 with 240 patients and one of January to November with 238 tell the mean of two patients.
    Providers are not subtracted: that one more doctor had visits is no number of theirs.

    Examples
    --------
    >>> frame = pl.DataFrame({"unit_id": ["U", "V"], "n_patients": [240, 90], "undefined_reason": [None, None]})
    >>> year, less = datetime(2025, 1, 1), frame.with_columns(n_patients=pl.Series([238, 60]))
    >>> then = Cells(("unit_id",), less, (year, datetime(2025, 12, 1)))
    >>> told_by(then, Cells(("unit_id",), frame, (year, datetime(2026, 1, 1))), "same", Limits())
    Told(n_compared=2, n_near=1, n_told=1)
    """
    if then.names() != now.names():
        return Told()
    keys = ["role", *sorted(then.names())] if "role" in then.keys and "role" in now.keys else sorted(then.names())
    left, right = (_prepared(cells, keys) for cells in (then, now))
    pairs = left.join(right, on=["_one", *keys], how="inner", nulls_equal=True, suffix="_now")
    lies = _combined(pl.lit(inside), _window_lies())
    lies = pl.when(pl.col("_moves") & (lies != "same")).then(pl.lit("unknown")).otherwise(lies)
    near = pl.any_horizontal(_near(name, getattr(limits, limit)) for name, limit in _COUNTS.items())
    undone = (lies == "same") & (pl.col("_hidden") != pl.col("_hidden_now"))
    found = pairs.select(near=near, told=(near & lies.is_in(["within", "around"])) | undone)
    return Told(found.height, int(found["near"].sum()), int(found["told"].sum()))


def _prepared(cells: Cells, keys: list[str]) -> pl.DataFrame:
    frame = cells.frame
    if "role" in cells.keys and "role" not in keys:
        frame = frame.filter(pl.col("role") == "all")
    pair = next((pair for pair in _WINDOWS if set(pair) <= set(cells.keys)), None)
    start, end = (pl.col(name) for name in pair) if pair else (pl.lit(day) for day in cells.window or (None, None))
    counts = [pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in _COUNTS]
    return frame.select(
        *(pl.col(name).cast(pl.String) for name in keys),
        *(count.cast(pl.Int64) for count in counts),
        _one=pl.lit(0),
        _moves=_moves(keys),
        _hidden=pl.col("undefined_reason").eq_missing(pl.lit(_HIDDEN)),
        _start=start.cast(pl.Datetime("us")),
        _end=end.cast(pl.Datetime("us")),
    )


def _moves(keys: list[str]) -> pl.Expr:
    if not _MOVING.isdisjoint(keys):
        return pl.lit(value=True)
    named = (
        pl.col("group").cast(pl.String).str.contains(f"\\b({'|'.join(sorted(_MOVING))})=") if "group" in keys else None
    )
    return pl.lit(value=False) if named is None else named.fill_null(value=False)


def _near(name: str, limit: int) -> pl.Expr:
    return (pl.col(name) - pl.col(f"{name}_now")).abs().is_between(1, limit - 1).fill_null(value=False)


def _window_lies() -> pl.Expr:
    start, end, start_now, end_now = (pl.col(name) for name in ("_start", "_end", "_start_now", "_end_now"))
    return (
        pl.when((start == start_now) & (end == end_now))
        .then(pl.lit("same"))
        .when((start >= start_now) & (end <= end_now))
        .then(pl.lit("within"))
        .when((start <= start_now) & (end >= end_now))
        .then(pl.lit("around"))
        .otherwise(pl.lit("unknown"))
    )


def _combined(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Give what both say together: same changes nothing, and what differs says nothing."""
    return (
        pl.when((one == "same") | (one == other))
        .then(other)
        .when(other == "same")
        .then(one)
        .otherwise(pl.lit("unknown"))
    )
