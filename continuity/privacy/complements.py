"""Which further cells must go, so that no hidden cell can be found from the cells and sums that are shown."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from continuity.privacy.attack import Attack, Exposed, Rows, Sums
from continuity.privacy.limits import Limits

Margins = Sequence[Sequence[str]]


def hide_complements(table: pl.DataFrame, hidden: str, size: str, margins: Margins, limits: Limits) -> pl.DataFrame:
    """Hide more cells until none can be found by adding and subtracting.

    Parameters
    ----------
    table : polars.DataFrame
        One row per cell, in a fixed order, with `hidden`, `size` and ``_total``.
    hidden : str
        The column that tells which cells are hidden.
    size : str
        The column whose sums are known.
    margins : sequence of sequences of str
        The columns that stay fixed in each kind of group.
    limits : Limits

    Returns
    -------
    polars.DataFrame
        The same rows, more of them hidden.

    Notes
    -----
    First along each of the margins: a group of cells has no hidden cell, or at least two which together would
    themselves pass the limits. Cells in several groups may still be found by combining sums; where there is more than
    one margin, `Attack` looks for such cells and one cell after the other is hidden until there are none, or nothing
    is left to hide. Every round hides a cell, so there is an end.
    """
    table = _along_margins(table, hidden, size, margins, limits)
    if len(margins) < 2 or not table[hidden].any():
        return table
    sums = Sums(
        table[size].fill_null(0).cast(pl.Float64).to_numpy(),
        table["_total"].to_numpy().astype(np.bool_),
        [rows for margin in margins for rows in _groups(table, list(margin))],
    )
    attack = Attack(sums, limits.min_patients)
    while True:
        is_hidden = table[hidden].to_numpy().astype(np.bool_)
        more = [row for found in attack.exposed(is_hidden) if (row := _cheapest(found, sums, is_hidden)) is not None]
        if not more:
            return table
        is_hidden[more] = True
        table = _along_margins(table.with_columns(pl.Series(hidden, is_hidden)), hidden, size, margins, limits)


def _groups(table: pl.DataFrame, margin: list[str]) -> list[Rows]:
    if not margin:
        return [np.arange(table.height)] if table.height else []
    rows = table.select(margin).with_row_index("_row").group_by(margin, maintain_order=True).agg("_row")["_row"]
    return [group.to_numpy().astype(np.intp) for group in rows]


def _cheapest(found: Exposed, sums: Sums, hidden: npt.NDArray[np.bool_]) -> int | None:
    """Choose what is hidden next: a total, then a cell that ties two hidden ones together, then a small one."""
    n_groups_with_hidden = np.zeros(hidden.size)
    for rows in sums.groups:
        n_groups_with_hidden[rows] += hidden[rows].any()
    for groups in (found.groups, found.others):
        shown = np.unique(np.concatenate([rows[~hidden[rows]] for rows in groups] or [np.array([], dtype=np.intp)]))
        if shown.size:
            order = np.lexsort((sums.sizes[shown], -n_groups_with_hidden[shown], ~sums.totals[shown]))
            return int(shown[order[0]])
    return None


def _along_margins(table: pl.DataFrame, hidden: str, size: str, margins: Margins, limits: Limits) -> pl.DataFrame:
    """Hide the smallest shown cell of each group that could be solved by itself, until no group can be."""
    while True:
        before = table[hidden].sum()
        for margin in margins:
            table = table.with_columns(_next_to_hide(table.columns, hidden, size, list(margin), limits).alias(hidden))
        if table[hidden].sum() == before:
            return table


def _next_to_hide(columns: Sequence[str], hidden: str, size: str, margin: list[str], limits: Limits) -> pl.Expr:
    is_hidden, is_total = pl.col(hidden), pl.col("_total")
    n_hidden = is_hidden.sum()
    # Where a total is hidden with a part, the sum of both is not known; otherwise the hidden cells add up to a number
    # that anyone can work out, a cell of its own.
    sum_is_known = ~((is_hidden & is_total).any() & ~is_total.all())
    solvable = (n_hidden > 0) & ((n_hidden < 2) | (sum_is_known & _together_too_small(columns, hidden, size, limits)))
    shown_size = pl.when(~is_hidden).then(pl.col(size).fill_null(0))
    # A total goes before its parts, a small cell before a large one: shift the totals below every size.
    order = shown_size - is_total.cast(pl.Int64) * (pl.col(size).max() + 1)
    smallest = order.rank("ordinal") == 1
    if margin:
        solvable, smallest = solvable.over(margin), smallest.over(margin)
    return is_hidden | (solvable & smallest).fill_null(value=False)


def _together_too_small(columns: Sequence[str], hidden: str, size: str, limits: Limits) -> pl.Expr:
    """Tell whether the hidden cells as one would fail the limits, taking no provider to be in two of them."""

    def of_hidden(value: pl.Expr) -> pl.Expr:
        return value.fill_null(0).filter(pl.col(hidden))

    too_small = of_hidden(pl.col(size)).sum() < limits.min_patients
    if size != "n_patients":
        return too_small
    if "n_providers" in columns:
        too_small |= of_hidden(pl.col("n_providers")).sum() < limits.min_providers
    if "share_largest_provider" in columns:
        visits = pl.col("n_visits" if "n_visits" in columns else "n_patients")
        largest = of_hidden(pl.col("share_largest_provider") * visits).max()
        too_small |= largest > limits.max_provider_share * of_hidden(visits).sum()
    return too_small
