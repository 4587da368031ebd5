"""Turn a table of cells into one that may be published: small, dominated and derivable cells lose their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from continuity.errors import ProtectionError
from continuity.privacy.limits import Limits

SUPPRESSED: Final = "suppressed"
_KEY_OF_THE_HOUSE: Final = object()  # only `protect` holds it, so only `protect` can build a ProtectedTable
_SIZES: Final = {"n_patients": "min_patients", "n_visits": "min_visits", "n_providers": "min_providers"}


@dataclass(frozen=True)
class ProtectedTable:
    """A table whose every cell has passed disclosure control.

    Only `protect` builds one; reports and exports accept nothing else.

    Parameters
    ----------
    name : str
        What the table is called in files and in the manifest.
    keys : tuple of str
        The columns that name a cell.
    frame : polars.DataFrame
        One row per cell. Suppressed cells keep their keys; their numbers are null and `undefined_reason` is
        ``"suppressed"``.
    limits : Limits
        The limits that were applied.
    n_suppressed : int
        Cells without numbers.
    smallest_cell : int or None
        Patients in the smallest cell shown; null when none is shown.
    """

    name: str
    keys: tuple[str, ...]
    frame: pl.DataFrame
    limits: Limits
    n_suppressed: int
    smallest_cell: int | None
    key_of_the_house: object = None

    def __post_init__(self) -> None:
        if self.key_of_the_house is not _KEY_OF_THE_HOUSE:
            raise ProtectionError(
                "A ProtectedTable was built without disclosure control.", next_step="Call continuity.protect(frame)."
            )


def protect(
    frame: pl.DataFrame,
    *,
    name: str,
    keys: Sequence[str],
    margins: Sequence[Sequence[str]] = (),
    parent: ProtectedTable | None = None,
    counts: Sequence[str] = (),
    totals: pl.Expr | None = None,
    limits: Limits | None = None,
) -> ProtectedTable:
    """Suppress the cells of a table that could tell about a person.

    Parameters
    ----------
    frame : polars.DataFrame
        One row per cell, with `n_patients` and, where they apply, `n_visits`, `n_providers` and
        `share_largest_provider` (0-1). Every column that is not a key loses its value in a suppressed cell.
    name : str
        What the table is called in files and in the manifest.
    keys : sequence of str
        The columns that name a cell.
    margins : sequence of sequences of str
        Each names the columns that stay fixed while cells are added up to a total that is also known. In such a
        group a single suppressed cell could be found by subtraction, so the smallest others go with it.
    parent : ProtectedTable, optional
        A coarser table over a part of `keys`; the parts of a suppressed cell are suppressed as well.
    counts : sequence of str
        Further columns that count patients; a small count is suppressed alone, with its complement in `margins`.
    totals : polars.Expr, optional
        Tells which cells are sums of others: where something more must be hidden, they go first.
    limits : Limits, optional

    Returns
    -------
    ProtectedTable
        The same rows in the order of `keys`, with `undefined_reason`; `share_largest_provider` is left out, because
        it is about one provider.

    Raises
    ------
    ProtectionError
        The frame has no `n_patients`, so nothing can be judged, or two rows name the same cell.

    Notes
    -----
    Complementary suppression works along each of `margins`, again and again until nothing changes: a group of cells
    has no suppressed cell, or at least two which together hold `min_patients` patients.

    Examples
    --------
    >>> cells = pl.DataFrame({"unit": ["U1", "U2", "U3"], "n_patients": [40, 3, 11], "mean": [0.4, 0.9, 0.3]})
    >>> protect(cells, name="units", keys=["unit"], margins=[[]]).frame["mean"].to_list()
    [0.4, None, None]
    """
    limits = limits or Limits()
    _refuse_what_cannot_be_judged(frame, name, keys)
    table = frame.sort(keys, nulls_last=True).with_columns(
        _hidden=_too_small(frame, limits), _total=pl.lit(value=False) if totals is None else totals
    )
    if parent is not None:
        table = _hide_parts_of_hidden(table, parent)
    table = _hide_complements(table, "_hidden", "n_patients", margins, limits)
    for count in counts:
        table = _hide_small_counts(table, count, margins, limits)
    shown = table.filter(~pl.col("_hidden"))
    return ProtectedTable(
        name=name,
        keys=tuple(keys),
        frame=_without_hidden(table, keys, limits),
        limits=limits,
        n_suppressed=table.height - shown.height,
        smallest_cell=shown["n_patients"].cast(pl.Int64).min(),  # type: ignore[arg-type] # min of Int64 is int or None
        key_of_the_house=_KEY_OF_THE_HOUSE,
    )


def _refuse_what_cannot_be_judged(frame: pl.DataFrame, name: str, keys: Sequence[str]) -> None:
    if "n_patients" not in frame.columns:
        raise ProtectionError(
            f"Table '{name}' does not say how many patients stand behind each cell.",
            allowed="Needed: the column n_patients, and n_visits and n_providers where they apply.",
            next_step="Make the table with continuity.summarise.",
        )
    if frame.select(pl.struct(keys).is_duplicated().any()).item() if keys else frame.height > 1:
        raise ProtectionError(f"Table '{name}' names the same cell twice.", allowed=f"Cells are named by {list(keys)}.")


def _too_small(frame: pl.DataFrame, limits: Limits) -> pl.Expr:
    tests = [
        pl.col(size).fill_null(0) < getattr(limits, limit) for size, limit in _SIZES.items() if size in frame.columns
    ]
    if "share_largest_provider" in frame.columns:
        tests.append(pl.col("share_largest_provider").fill_null(1.0) > limits.max_provider_share)
    return pl.any_horizontal(tests)


def _hide_parts_of_hidden(table: pl.DataFrame, parent: ProtectedTable) -> pl.DataFrame:
    hidden = parent.frame.filter(pl.col("undefined_reason") == SUPPRESSED).select(parent.keys)
    parts = table.join(
        hidden.with_columns(_parent_hidden=True), on=parent.keys, how="left", nulls_equal=True, maintain_order="left"
    )
    return parts.with_columns(_hidden=pl.col("_hidden") | pl.col("_parent_hidden").fill_null(value=False)).drop(
        "_parent_hidden"
    )


def _hide_complements(
    table: pl.DataFrame, hidden: str, size: str, margins: Sequence[Sequence[str]], limits: Limits
) -> pl.DataFrame:
    """Hide the smallest shown cell of each group that could be solved, until no group can be."""
    while True:
        before = table[hidden].sum()
        for margin in margins:
            table = table.with_columns(_next_to_hide(hidden, size, list(margin), limits).alias(hidden))
        if table[hidden].sum() == before:
            return table


def _next_to_hide(hidden: str, size: str, margin: list[str], limits: Limits) -> pl.Expr:
    shown_size = pl.when(~pl.col(hidden)).then(pl.col(size).fill_null(0))
    n_hidden = pl.col(hidden).sum()
    size_hidden = pl.col(size).fill_null(0).filter(pl.col(hidden)).sum()
    solvable = (n_hidden > 0) & ((n_hidden < 2) | (size_hidden < limits.min_patients))
    # A total goes before its parts, a small cell before a large one: shift the totals below every size.
    order = shown_size - pl.col("_total").cast(pl.Int64) * (pl.col(size).max() + 1)
    smallest = order.rank("ordinal") == 1
    if margin:
        solvable, smallest = solvable.over(margin), smallest.over(margin)
    return pl.col(hidden) | (solvable & smallest).fill_null(value=False)


def _hide_small_counts(
    table: pl.DataFrame, count: str, margins: Sequence[Sequence[str]], limits: Limits
) -> pl.DataFrame:
    small = pl.col(count).is_between(1, limits.min_patients - 1) | pl.col("_hidden")
    table = _hide_complements(table.with_columns(_small=small.fill_null(value=True)), "_small", count, margins, limits)
    return table.with_columns(pl.when(~pl.col("_small")).then(pl.col(count)).alias(count)).drop("_small")


def _without_hidden(table: pl.DataFrame, keys: Sequence[str], limits: Limits) -> pl.DataFrame:
    values = [column for column in table.columns if column not in (*keys, "_hidden", "_total", "undefined_reason")]
    shown = table.with_columns(
        pl.when(~pl.col("_hidden")).then(_rounded(pl.col(column), table.schema[column], limits)).alias(column)
        for column in values
    )
    own_reason = pl.col("undefined_reason") if "undefined_reason" in table.columns else pl.lit(None, pl.String)
    reason = pl.when(pl.col("_hidden")).then(pl.lit(SUPPRESSED)).otherwise(own_reason)
    return shown.with_columns(undefined_reason=reason).drop("_hidden", "_total", "share_largest_provider", strict=False)


def _rounded(value: pl.Expr, dtype: pl.DataType, limits: Limits) -> pl.Expr:
    if limits.round_to == 1 or not dtype.is_integer():
        return value
    return ((value / limits.round_to).round() * limits.round_to).cast(dtype)
