"""Tables as people read them: localised heads and cells, a word where a number is missing."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from continuity.reports.counties import area_name
from continuity.reports.labels import index_label
from continuity.reports.rows import OWN_SHARE, SUPPRESSED, Row
from continuity.reports.wording import Words

Kind = Literal["text", "count", "share", "decimal"]

PAIRS: Final[Mapping[str, tuple[str, str]]] = {
    "interval": ("ci_low", "ci_high"),
    "quartiles": ("p25", "p75"),
    "bounds": ("bound_low", "bound_high"),
    "adjusted_interval": ("adjusted_low", "adjusted_high"),
    "rank_interval": ("rank_low", "rank_high"),
}
_PLACES: Final = ("unit_id", "team_id")
_CLASSES: Final = ("value_class", "n_visits_class")
_NAMES: Final = (
    *_PLACES,
    *_CLASSES,
    "role",
    "index",
    "step",
    "undefined_reason",
    "place",
    "area_code",
    "period",
    "period_start",
    "period_end",
)
_BETWEEN: Final = " · "
_OPTIONAL: Final = ("bound_low", "bound_high", "bounds")


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text : str
        As the page shows it.
    kind : {"text", "count", "share", "decimal"}
    value : float or None
        The number behind the text; None where the cell is a word.
    """

    text: str
    kind: Kind = "text"
    value: float | None = None


@dataclass(frozen=True)
class Grid:
    """A table ready to be shown.

    Parameters
    ----------
    caption : str
    heads : tuple of (str, bool)
        Title of each column, and whether it holds numbers.
    rows : tuple of tuples of Cell
    """

    caption: str
    heads: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Cell, ...], ...]


def grid_of(frame: pl.DataFrame, columns: Iterable[str], words: Words, caption: str) -> Grid:
    """Put columns of a protected frame into words.

    Parameters
    ----------
    frame : polars.DataFrame
        Rows of a protected table.
    columns : iterable of str
        Columns of the frame, or a pair such as ``"interval"``; those about bounds are left out where nobody asked.
    words : Words
    caption : str

    Returns
    -------
    Grid
    """
    shown = [column for column in columns if _is_given(frame, column)]
    heads = tuple((words(f"column.{column}"), column not in _NAMES) for column in shown)
    rows = tuple(tuple(cell_of(row, column, words) for column in shown) for row in frame.iter_rows(named=True))
    return Grid(caption, heads, rows)


def cell_of(row: Row, column: str, words: Words) -> Cell:
    """Put one cell into words.

    Parameters
    ----------
    row : mapping
        A row of a protected table.
    column : str
        A column of the row, or a pair.
    words : Words

    Returns
    -------
    Cell
    """
    if column in _NAMES:
        return Cell(_name(row, column, words))
    values = [row[part] for part in PAIRS.get(column, (column,))]
    kind = kind_of(column, row)
    if any(value is None for value in values):
        return Cell(_reason(row, column, words))
    if len(values) == 2:
        return Cell(number_range(values[0], values[1], kind, words), kind)
    return Cell(number(values[0], kind, words), kind, float(values[0]))


def kind_of(column: str, row: Row) -> Kind:
    """Tell how the numbers of a column are written; an estimate is a share where its index is one."""
    if column.startswith(("n_", "visits_from", "step_order", "rank")):
        return "count"
    if column.startswith("share_") or row.get("index") == OWN_SHARE:
        return "share"
    return "decimal"


def number(value: float, kind: Kind, words: Words) -> str:
    """Write a number of a kind in the language of the words."""
    style = words.style
    if kind == "count":
        return style.count(value)
    return style.share(value, 1) if kind == "share" else style.decimals(value)


def number_range(low: float, high: float, kind: Kind, words: Words) -> str:
    """Write two numbers as a range, the percent sign once.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> number_range(0.43, 0.447, "share", words_of("en"))
    '43.0–44.7%'
    """
    first = number(low, kind, words)
    return f"{first.removesuffix(words.style.percent)}–{number(high, kind, words)}"


def place(row: Row, words: Words) -> str:
    """Name the unit of a row, or its unit and team."""
    return _BETWEEN.join(_place_names(row, words))


def short_place(row: Row, n_letters: int, words: Words) -> str:
    """Name the unit of a row, or its unit and team, cut to a length: the unit's end goes before the team's."""
    unit, *team = _place_names(row, words)
    rest = "".join(_BETWEEN + _cut(name, n_letters // 2) for name in team)
    return _cut(unit, n_letters - len(rest)) + rest


def in_class_order(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Sort by the bounds in a class's own code: a suppressed row has lost every other number."""
    bounds = pl.col(column).str.extract_all(r"[\d.]+").cast(pl.List(pl.Float64))
    return frame.sort(bounds.list.first(), bounds.list.last(), maintain_order=True)


def class_name(code: str, words: Words) -> str:
    """Write a class such as ``0.25-0.5`` with the signs of the language."""
    return code.replace("-", "–").replace(".", words.style.decimal)


def _place_names(row: Row, words: Words) -> list[str]:
    return [words(f"unknown.{key}") if row[key] is None else str(row[key]) for key in _PLACES if key in row]


def _cut(name: str, n_letters: int) -> str:
    return name if len(name) <= n_letters else f"{name[: n_letters - 1].rstrip()}…"


def _is_given(frame: pl.DataFrame, column: str) -> bool:
    if column not in _OPTIONAL:
        return True
    return any(part in frame.columns and frame[part].count() > 0 for part in PAIRS.get(column, (column,)))


def _name(row: Row, column: str, words: Words) -> str:
    if column == "place":
        return place(row, words)
    code = row[column]
    if column in _PLACES:
        return words(f"unknown.{column}") if code is None else str(code)
    if column in _WRITTEN:
        return _WRITTEN[column](code, words)
    if code is None:
        return ""
    return words.of_code({"undefined_reason": "reason"}.get(column, column), code)


def _day(moment: datetime, words: Words) -> str:
    return words.style.day(moment.date())


_WRITTEN: Final[Mapping[str, Callable[[Any, Words], str]]] = {
    "index": index_label,
    "area_code": area_name,
    "period_start": _day,
    "period_end": _day,
    **dict.fromkeys(_CLASSES, class_name),
}


_PERCENTILES: Final = frozenset({"p10", "p25", "median", "p75", "p90", "quartiles", "median_days", "p90_days"})


def _reason(row: Row, column: str, words: Words) -> str:
    reason = row.get("undefined_reason")
    if reason is not None:
        return words.of_code("reason", reason)
    # a count, share or percentile that is null in a row that is shown was hidden alone, for few stand behind it; a
    # share of visits has no values of patients that could be exactly 1 or lie in an order
    of_values = column == "share_perfect" or column in _PERCENTILES
    hidden_alone = column.startswith(("n_", "share_")) or column in _PERCENTILES
    has_none = of_values and row.get("index") == OWN_SHARE
    return words(f"reason.{SUPPRESSED if hidden_alone and not has_none else 'missing'}")
