"""Windows of time: half-open [start, end), one, several or rolling; and which visits lie in which."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import polars as pl

from continuity.errors import UsageError

Moment = str | date | datetime
WindowLike = tuple[Moment, Moment]


@dataclass(frozen=True)
class Window:
    """A half-open period [start, end) in local time."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise UsageError(
                f"The window {self.start:%Y-%m-%d}:{self.end:%Y-%m-%d} is empty.",
                allowed="The end lies after the start and is not part of the window.",
            )


def windows(
    window: WindowLike | Sequence[WindowLike] | None, every: str | None = None, period: str | None = None
) -> tuple[Window, ...] | None:
    """Give the windows asked for, in time order, or None where the whole of the data is meant.

    Parameters
    ----------
    window : tuple of two moments, or a sequence of them, optional
        ``("2025-01-01", "2026-01-01")`` is the calendar year 2025.
    every, period : str, optional
        Rolling windows of length `period` that start every `every` inside `window`, as Polars durations: ``"1mo"``,
        ``"12mo"``, ``"1w"``. A rolling window that would end after `window` is left out.

    Returns
    -------
    tuple of Window or None

    Raises
    ------
    UsageError
        A date that cannot be read, an empty window, or a rolling window without bounds.

    Examples
    --------
    >>> [w.start.month for w in windows(("2025-01-01", "2026-01-01"), every="1mo", period="10mo")]
    [1, 2, 3]
    """
    if window is None:
        if every or period:
            raise UsageError("Rolling windows need bounds.", next_step="Give the window START:END that they lie in.")
        return None
    _refuse_other_shapes(window)
    pairs = cast("list[WindowLike]", [window] if _is_pair(window) else list(window))
    asked = {Window(_moment(start), _moment(end)) for start, end in pairs}
    found = sorted(asked, key=lambda w: (w.start, w.end))
    if not (every or period):
        return tuple(found)
    if not (every and period) or len(found) != 1:
        raise UsageError("Rolling windows need every, period and one window that bounds them.")
    return _rolling(found[0], every, period)


def _rolling(bounds: Window, every: str, period: str) -> tuple[Window, ...]:
    try:
        starts = pl.datetime_range(bounds.start, bounds.end, every, closed="left", eager=True)
        ends = starts.dt.offset_by(period)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UsageError(
            f"every={every!r} and period={period!r} are not both durations.",
            allowed="Allowed: such as 1mo, 12mo, 1y, 7d.",
        ) from error
    rolled = tuple(Window(start, end) for start, end in zip(starts, ends, strict=True) if end <= bounds.end)
    if not rolled:
        raise UsageError(f"No window of length {period} fits between the bounds.")
    return rolled


def _refuse_other_shapes(window: object) -> None:
    if isinstance(window, tuple | list) and window:
        pairs = [window] if _is_pair(window) else window
        if all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            return
    raise UsageError(
        "The window is neither a pair of moments nor a list of such pairs.",
        allowed='Allowed: such as ("2025-01-01", "2026-01-01").',
    )


def _is_pair(window: WindowLike | Sequence[WindowLike]) -> bool:
    return len(window) == 2 and not any(isinstance(part, tuple | list) for part in window)


def _moment(value: object) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise UsageError(
            "A window holds a date that cannot be read.", allowed="Allowed: dates such as 2025-01-01."
        ) from error
    if moment.tzinfo is not None:
        raise UsageError("A window's bound carries a time zone.", allowed="Windows are in local time, without a zone.")
    return moment


def assign(visits: pl.LazyFrame, chosen: Sequence[Window]) -> pl.LazyFrame:
    """Keep the visits that lie in a window and name it in `window_id`; a visit in several windows stands once in each.

    Parameters
    ----------
    visits : polars.LazyFrame
        With `local`, the local time without a zone.
    chosen : sequence of Window
        In order of start.
    """
    if len(chosen) == 1:
        inside = pl.col("local").is_between(chosen[0].start, chosen[0].end, closed="left")
        return visits.filter(inside).with_columns(window_id=pl.lit(0, pl.Int64))
    starts = pl.Series([w.start for w in chosen], dtype=pl.Datetime("us"))
    ends = pl.Series([w.end for w in chosen], dtype=pl.Datetime("us"))
    # Windows that hold a moment t lie among those that start at or before t and after the last one whose end, and
    # every end before it, is past: a short range of numbers, from which nested windows are then sifted out.
    first = pl.lit(ends.cum_max()).search_sorted(pl.col("local"), side="right")
    after_last = pl.lit(starts).search_sorted(pl.col("local"), side="right")
    ranged = visits.with_columns(window_id=pl.int_ranges(first, after_last, dtype=pl.Int64))
    sifted = ranged.explode("window_id").filter(pl.col("window_id").is_not_null())
    return sifted.filter(pl.col("local") < pl.lit(ends).gather(pl.col("window_id")))


def with_windows(table: pl.LazyFrame, visits: pl.LazyFrame, chosen: Sequence[Window] | None) -> pl.LazyFrame:
    """Add window_start and window_end by `window_id`; without windows, the days that the visits span.

    Parameters
    ----------
    table : polars.LazyFrame
        With `window_id`.
    visits : polars.LazyFrame
        With `local`, the local time without a zone; read where there are no windows only.
    chosen : sequence of Window or None
    """
    if chosen is not None:
        return table.with_columns(bounds_of(chosen))
    local = pl.col("local")
    whole = visits.select(
        window_start=local.min().dt.truncate("1d").cast(pl.Datetime("us")),
        window_end=local.max().dt.truncate("1d").dt.offset_by("1d").cast(pl.Datetime("us")),
    )
    return table.join(whole, how="cross", maintain_order="left")


def bounds_of(chosen: Sequence[Window]) -> list[pl.Expr]:
    """Give window_start and window_end as expressions over `window_id`, the place of a window among those chosen."""
    sides = {side: pl.Series([getattr(w, side) for w in chosen], dtype=pl.Datetime("us")) for side in ("start", "end")}
    return [pl.lit(values).gather(pl.col("window_id")).alias(f"window_{side}") for side, values in sides.items()]
