"""Turn a table of cells into one that may be published: small, dominated and derivable cells lose their numbers."""

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Final

import polars as pl

from continuity.errors import ProtectionError
from continuity.privacy.complements import Margins, hide_complements
from continuity.privacy.limits import Limits
from continuity.privacy.nested import Nested, hide_nested
from continuity.privacy.rolling import hide_rolling
from continuity.privacy.rounding import rounded, with_shown_intervals
from continuity.privacy.ruled import rules_of

SUPPRESSED: Final = "suppressed"
_KEY_OF_THE_HOUSE: Final = object()  # only `protect` holds it, so only `protect` can build a ProtectedTable
_SIZES: Final = {"n_patients": "min_patients", "n_visits": "min_visits", "n_providers": "min_providers"}
_WITHHELD: Final = {"n_visits": "_no_visits", "n_patients": "_no_patients"}  # who says that a number stays back
_BEYOND: Final = {
    "p10": 0.10,
    "p25": 0.25,
    "median": 0.50,
    "p75": 0.25,
    "p90": 0.10,
    "median_days": 0.50,
    "p90_days": 0.10,
}  # share of patients on the thin side


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
    rules : tuple of str
        The rules that the cells were held to, in the words of `continuity.privacy.ruled`.
    """

    name: str
    keys: tuple[str, ...]
    frame: pl.DataFrame
    limits: Limits
    n_suppressed: int
    smallest_cell: int | None
    key_of_the_house: InitVar[object] = None  # not kept, so that no copy with another frame can be made of a table
    rules: tuple[str, ...] = ()

    def __post_init__(self, key_of_the_house: object) -> None:
        if key_of_the_house is not _KEY_OF_THE_HOUSE:
            raise ProtectionError(
                "A ProtectedTable was built without disclosure control.", next_step="Call continuity.protect(frame)."
            )


def protect(
    frame: pl.DataFrame,
    *,
    name: str,
    keys: Sequence[str],
    margins: Margins = (),
    parent: ProtectedTable | None = None,
    counts: Sequence[str] = (),
    same_patients: Sequence[str] | None = None,
    within: Sequence[str] | None = None,
    totals: pl.Expr | None = None,
    limits: Limits | None = None,
) -> ProtectedTable:
    """Suppress the cells of a table that could tell about a person.

    Parameters
    ----------
    frame : polars.DataFrame
        One row per cell, with `n_patients` and, where they apply, `n_visits`, `n_providers` and
        `share_largest_provider` (0-1). Every column that is not a key loses its value in a suppressed cell. Columns
        whose names start with ``_`` may be named in `margins` and are left out. A row that is true in ``_no_visits``
        is judged with its n_visits and shown without them; so is one in ``_no_patients`` with its n_patients.
    name : str
        What the table is called in files and in the manifest.
    keys : sequence of str
        The columns that name a cell.
    margins : sequence of sequences of str
        Each names the columns that stay fixed while cells are added up to a total that is also known. In such a
        group a single suppressed cell could be found by subtraction, so the smallest others go with it.
    parent : ProtectedTable, optional
        A coarser table over a part of `keys`; the parts of a suppressed cell or count are suppressed as well.
    counts : sequence of str
        Further columns that count patients, or shares of the patients (``share_``); a small count, and a share of
        nearly none or nearly all, is suppressed alone, with its complements in `margins`.
    same_patients : sequence of str, optional
        Rows alike in these keys are about the same patients (one row for each index), so that a count of one row
        tells that of the others: they are suppressed together. By default every row has patients of its own.
    within : sequence of str, optional
        Rows alike in these keys are about one group: the patients of a part are among those of its total (`totals`),
        those of a window among those of a longer one that holds it. By default `same_patients`. No two numbers of a
        group may tell of a few patients or visits between them (`continuity.privacy.nested`).
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
    Complements are chosen until an attacker who knows all sums over `margins` can narrow no hidden cell down to fewer
    than `min_patients` values (`continuity.privacy.complements`).

    Of windows that overlap, only some that do not are shown where the steps between them would tell of a few
    (`continuity.privacy.rolling`).

    A percentile (`p10`, `p25`, `median`, `p75`, `p90`, `median_days`, `p90_days`) is shown where at least
    `min_patients` patients lie beyond it, so that `p90` needs 50 patients when the limit is 5: nearer the end it is the
    value of one of a few.

    Examples
    --------
    >>> cells = pl.DataFrame({"unit": ["U1", "U2", "U3"], "n_patients": [40, 3, 11], "mean": [0.4, 0.9, 0.3]})
    >>> protect(cells, name="units", keys=["unit"], margins=[[]]).frame["mean"].to_list()
    [0.4, None, None]
    """
    limits = limits or Limits()
    _refuse_what_cannot_be_judged(frame, name, keys)
    sizes = [pl.col(size).cast(pl.Int64, strict=False) for size in _SIZES if size in frame.columns]  # NaN is no size
    table = frame.sort(keys, nulls_last=True).with_columns(sizes)
    table = table.with_columns(
        _hidden=_too_small(frame, limits),
        _total=pl.lit(value=False) if totals is None else totals,
        **{name: pl.col(name) if name in frame.columns else pl.lit(value=False) for name in _WITHHELD.values()},
    )
    table = hide_rolling(_hide_parts_of_hidden(table, parent, counts), keys, margins, limits)
    nested = None
    if same_patients is not None:
        nested = Nested(keys, same_patients, same_patients if within is None else within)
    table = _hide_what_follows(table, nested, margins, limits)
    for count in counts:
        table = _hide_small_counts(table, count, keys if same_patients is None else same_patients, margins, limits)
    published = _without_hidden(table, keys, limits)
    return ProtectedTable(
        name=name,
        keys=tuple(keys),
        frame=published,
        limits=limits,
        n_suppressed=int(table["_hidden"].sum()),
        smallest_cell=published["n_patients"].cast(pl.Int64).min(),  # type: ignore[arg-type] # min of Int64 is int or None
        key_of_the_house=_KEY_OF_THE_HOUSE,
        rules=rules_of(frame.columns, counts, limits, has_sums=bool(margins), has_parent=parent is not None),
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


def _hide_what_follows(table: pl.DataFrame, nested: Nested | None, margins: Margins, limits: Limits) -> pl.DataFrame:
    """Hide what sums and differences would tell; each may call for more of the other."""
    while True:
        table = hide_complements(table, "_hidden", "n_patients", margins, limits)
        before = table["_hidden"].sum()
        if nested is not None:
            table = hide_nested(table, nested, margins, limits)
        if table["_hidden"].sum() == before:
            return table


def _hide_parts_of_hidden(table: pl.DataFrame, parent: ProtectedTable | None, counts: Sequence[str]) -> pl.DataFrame:
    """Hide the parts of the parent's hidden cells, and mark the counts that the parent does not show."""
    above = {_above(count): pl.lit(value=False) for count in counts}
    if parent is None:
        return table.with_columns(**above)
    is_hidden = (pl.col("undefined_reason") == SUPPRESSED).fill_null(value=False)
    above |= {_above(count): pl.col(count).is_null() for count in counts if count in parent.frame.columns}
    hidden = parent.frame.select(*parent.keys, _parent_hidden=is_hidden, **above)
    parts = table.join(hidden, on=parent.keys, how="left", nulls_equal=True, maintain_order="left")
    filled = parts.with_columns(pl.col("_parent_hidden", *above).fill_null(value=False))
    return filled.with_columns(pl.col("_hidden") | pl.col("_parent_hidden")).drop("_parent_hidden")


def _hide_small_counts(
    table: pl.DataFrame, count: str, whose: Sequence[str], margins: Margins, limits: Limits
) -> pl.DataFrame:
    """Hide a small count in every row about the same patients, with its complements."""
    table, whose = table.with_columns(_one=pl.lit(0)), [*whose, "_one"]  # a table of one cell has no keys
    n, value = pl.col("n_patients"), pl.col(count)
    size = (value * n).round() if count.startswith("share_") else value
    small = size.is_between(1, limits.min_patients - 1)
    if count.startswith("share_"):  # exactly none and exactly all say something about everyone
        small = (size < limits.min_patients) | (n - size < limits.min_patients)
    nothing = pl.col("_hidden") | value.is_null()
    small = (small | pl.col(_above(count))) & ~nothing
    hides = small.fill_null(value=False).any() | nothing.all()
    if count.startswith("share_"):  # of one index and of another, of those with more visits
        steps = size.filter(~nothing).sort().diff()
        hides |= steps.is_between(1, limits.min_patients - 1).any()
    people = table.group_by(whose, maintain_order=True).agg(
        _hides=hides, _size=size.min(), _total=pl.col("_total").all()
    )
    fixed = list(dict.fromkeys(tuple(name for name in margin if name in whose) for margin in margins))
    if count.startswith("share_"):  # whoever sees one doctor and one nurse has one of each, not one of all
        fixed = [margin for margin in fixed if not _mixes_totals(people, margin)]
    people = hide_complements(people, "_hides", "_size", fixed, limits).select(*whose, "_hides")
    joined = table.join(people, on=whose, how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.when(~pl.col("_hides")).then(value).alias(count)).drop("_hides", _above(count))


def _mixes_totals(table: pl.DataFrame, margin: Sequence[str]) -> bool:
    is_total = pl.col("_total")
    groups = table.group_by(margin) if margin else table.group_by(pl.lit(0))
    return bool(groups.agg(mixed=is_total.any() & ~is_total.all())["mixed"].any())


def _above(count: str) -> str:
    return f"_{count}_hidden_above"


def _without_hidden(table: pl.DataFrame, keys: Sequence[str], limits: Limits) -> pl.DataFrame:
    left_out = [name for name in table.columns if name.startswith("_") or name == "share_largest_provider"]
    values = [name for name in table.columns if name not in (*keys, *left_out, "undefined_reason")]
    shown = table.with_columns(
        pl.when(_is_shown(column, limits)).then(rounded(column, table.schema[column], limits)).alias(column)
        for column in values
    )
    shown = with_shown_intervals(shown, limits)
    own_reason = pl.col("undefined_reason") if "undefined_reason" in table.columns else pl.lit(None, pl.String)
    reason = pl.when(pl.col("_hidden")).then(pl.lit(SUPPRESSED)).otherwise(own_reason)
    return shown.with_columns(undefined_reason=reason).select(*keys, *values, "undefined_reason")


def _is_shown(column: str, limits: Limits) -> pl.Expr:
    shown = ~pl.col("_hidden")
    if column in _WITHHELD:
        return shown & ~pl.col(_WITHHELD[column])
    if column not in _BEYOND:
        return shown
    needed = round(limits.min_patients / _BEYOND[column])  # a whole number: 10, 4 and 2 times the limit
    return shown & (pl.col("n_patients") >= needed)
