"""Counts of patients who are among those of another count: what one has more than the other is a cell of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.privacy.complements import Margins, hide_complements
from continuity.privacy.limits import Limits

WINDOWS: Final = (("window_start", "window_end"), ("period_start", "period_end"))
EVERYONE_HIDDEN: Final = "_n_undefined_hidden_above"
"""Where the count without a value may not be shown: with the count of those with one it says how many all are."""
_GROUP, _ROW = "_group", "_row"

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Nested:
    """How the rows of a table are about one another's patients.

    Parameters
    ----------
    keys : sequence of str
        The columns that name a row.
    whose : sequence of str
        Rows alike in these are about the same patients, of whom each counts those with a value.
    within : sequence of str
        Rows alike in these are about one group: the patients of a role are among those of all roles, those of a window
        among those of a longer one that holds it.
    """

    keys: Sequence[str]
    whose: Sequence[str]
    within: Sequence[str]

    def window(self) -> tuple[str, ...]:
        return next((pair for pair in WINDOWS if set(pair) <= set(self.keys)), ())


@dataclass
class _Count:
    """One number for each group; of everyone, or of those with a value."""

    who: tuple[Any, ...]
    window: tuple[Any, ...]
    is_total: bool
    is_everyone: bool
    n: Numbers
    visits: Numbers
    hidden: Flags
    rows: list[npt.NDArray[np.int64]]

    def told_by(self, other: "_Count") -> bool:
        """Tell whether the patients of one can be among those of the other."""
        if (self.who, self.window) == (other.who, other.window):
            return True
        return self._holds(other) or other._holds(self)

    def _holds(self, other: "_Count") -> bool:
        longer = not self.window or (self.window[0] <= other.window[0] and other.window[1] <= self.window[1])
        wider = longer and (self.is_total or self.who == other.who)
        return wider and not bool((self.n < other.n).any())  # fewer in any group: they are not the same by definition

    def rank(self) -> tuple[Any, ...]:
        """Say what stays: what the most indices share before the others, parts before totals, everyone last."""
        size = float(np.nansum(self.n))
        return (self.is_everyone, self.is_total, -len(self.rows), -size, self.window, repr(self.who))


def hide_nested(table: pl.DataFrame, nested: Nested, margins: Margins, limits: Limits) -> pl.DataFrame:
    """Hide counts until no two that are shown tell of a few patients, or a few visits, between them.

    Parameters
    ----------
    table : polars.DataFrame
        One row per cell with n_patients, ``_hidden`` and ``_total``; with ``_n_undefined_hidden_above`` where
        n_undefined is a count to be judged.
    nested : Nested
    margins : sequence of sequences of str
        The columns that stay fixed in each kind of group whose sum is known.
    limits : Limits

    Returns
    -------
    polars.DataFrame
        The same rows, more of them hidden or marked.

    Notes
    -----
    An index that needs one visit counts those with 1 or 2 whom an index that needs 3 leaves out. Both counts of a
    cell shown, their difference is shown. So is the sum of the differences of all groups in which one of the two is
    hidden, where the sums of both are known: these differences are cells which need complements like any other.
    """
    group = _numbered(table, nested.within)
    counts = sorted(_counts(table.with_columns(pl.Series(_GROUP, group)), nested), key=_Count.rank)
    groups = _groups(table, nested.within, margins)
    for at, count in enumerate(counts):
        for other in counts[:at]:
            if count.told_by(other):
                count.hidden |= _near(count, other, limits) & ~count.hidden & ~other.hidden
    sums = [margin for margin in margins if set(nested.within) - set(margin)]
    fixed = [[name for name in margin if name in groups.columns] for margin in sums]
    for at, count in enumerate(counts):
        for other in counts[:at]:
            if fixed and count.told_by(other):
                _cover(count, other, groups, fixed, limits)
    return _marked(table, counts, group)


def _counts(table: pl.DataFrame, nested: Nested) -> list[_Count]:
    n_groups = table[_GROUP].n_unique()
    window = nested.window()
    named = [name for name in nested.keys if name not in nested.within and name not in window]
    people = [name for name in named if name in nested.whose]
    found: dict[tuple[Any, ...], _Count] = {}
    visits = pl.when(~pl.col("_no_visits")).then("n_visits" if "n_visits" in table.columns else pl.lit(None))
    rows = table.with_columns(pl.int_range(pl.len()).alias(_ROW), _visits=visits)
    for part in rows.partition_by([*named, *window], maintain_order=True):
        first = part.row(0, named=True)
        who, when = tuple(first[n] for n in people), tuple(first[n] for n in window)
        count = _Count(who, when, first["_total"], False, *_laid_out(part, n_groups), rows=[part[_ROW].to_numpy()])
        alike = (who, when, count.n.tobytes(), count.visits.tobytes(), count.hidden.tobytes())
        found.setdefault(alike, count)
        if found[alike] is not count:
            found[alike].rows += count.rows
    everyone = list(_everyone(rows, people, window, n_groups)) if EVERYONE_HIDDEN in table.columns else []
    return [*found.values(), *everyone]


def _laid_out(part: pl.DataFrame, n_groups: int) -> tuple[Numbers, Numbers, Flags]:
    n, visits, hidden = np.full(n_groups, np.nan), np.full(n_groups, np.nan), np.zeros(n_groups, dtype=np.bool_)
    at = part[_GROUP].to_numpy()
    n[at] = part["n_patients"].cast(pl.Float64).to_numpy()
    visits[at] = part["_visits"].cast(pl.Float64).to_numpy()
    hidden[at] = part["_hidden"].to_numpy()
    return n, visits, hidden


def _everyone(rows: pl.DataFrame, people: Sequence[str], window: Sequence[str], n_groups: int) -> Iterator[_Count]:
    """Give how many patients there are with a value or without, where any row of theirs says so."""
    known = ~pl.col("_hidden") & pl.col("n_undefined").is_not_null() & ~pl.col(EVERYONE_HIDDEN)
    for part in rows.partition_by([*people, *window], maintain_order=True) if people or window else [rows]:
        first = part.row(0, named=True) if part.height else {}
        alike = part.group_by(_GROUP, maintain_order=True).agg(
            _ROW,
            _total=pl.col("_total").all(),
            n_patients=(pl.col("n_patients") + pl.col("n_undefined")).max(),
            _visits=pl.lit(None, pl.Float64),
            _hidden=~known.any(),
        )
        if alike.height:
            who, when = tuple(first[n] for n in people), tuple(first[n] for n in window)
            yield _Count(who, when, first["_total"], True, *_laid_out(alike, n_groups), rows=[part[_ROW].to_numpy()])


def _numbered(table: pl.DataFrame, within: Sequence[str]) -> npt.NDArray[np.int64]:
    if not within:
        return np.zeros(table.height, dtype=np.int64)
    names = table.select(within).unique(maintain_order=True).with_row_index(_GROUP)
    joined = table.select(within).join(names, on=list(within), how="left", nulls_equal=True, maintain_order="left")
    return joined[_GROUP].to_numpy().astype(np.int64)


def _groups(table: pl.DataFrame, within: Sequence[str], margins: Margins) -> pl.DataFrame:
    """Give the groups in the order of their numbers, with the helping columns that margins name."""
    helping = sorted({name for margin in margins for name in margin if name.startswith("_")})
    if not within:
        return table.select(helping).head(1)
    return table.select(*within, *helping).unique(subset=within, keep="first", maintain_order=True)


def _near(a: _Count, b: _Count, limits: Limits) -> Flags:
    few: Flags = _few(np.abs(a.n - b.n), limits.min_patients) | _few(np.abs(a.visits - b.visits), limits.min_visits)
    return few


def _few(size: Numbers, least: int) -> Flags:
    return (size >= 1) & (size < least)


def _cover(count: _Count, other: _Count, groups: pl.DataFrame, fixed: Margins, limits: Limits) -> None:
    """Hide further numbers of `count`, so that the differences in hidden groups do not add up to a few."""
    least = (limits.min_patients, limits.min_visits)
    for size, few in zip((np.abs(count.n - other.n), np.abs(count.visits - other.visits)), least, strict=True):
        hidden = (count.hidden | other.hidden) & (size > 0)
        if not (hidden & (size < few)).any():
            continue
        cells = groups.with_columns(
            _at=pl.Series(np.arange(groups.height)),
            _size=pl.Series(size),
            _hides=pl.Series(hidden),
            _small=pl.Series(hidden & (size < few)),
            _total=pl.lit(value=False),
        ).filter(pl.col("_size") > 0)
        # A difference that is large enough may be known by itself: only those beside a small one count.
        beside = pl.any_horizontal(pl.col("_small").any().over(m) if m else pl.col("_small").any() for m in fixed)
        cells = cells.with_columns(pl.col("_hides") & beside)
        found = hide_complements(cells, "_hides", "_size", fixed, replace(limits, min_patients=few))
        count.hidden[found.filter("_hides")["_at"].to_numpy()] = True


def _marked(table: pl.DataFrame, counts: Sequence[_Count], group: npt.NDArray[np.int64]) -> pl.DataFrame:
    marks = {name: table[name].to_numpy().copy() for name in ("_hidden", EVERYONE_HIDDEN) if name in table.columns}
    for count in counts:
        for rows in count.rows:
            marks[EVERYONE_HIDDEN if count.is_everyone else "_hidden"][rows] |= count.hidden[group[rows]]
    return table.with_columns(pl.Series(name, flags) for name, flags in marks.items())
