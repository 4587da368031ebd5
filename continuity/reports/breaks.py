"""Breaks of a series: reforms and changes of systems, where they lie among its periods, and how they are drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from continuity.errors import UsageError
from continuity.evaluation.national import BREAK_YEAR
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

    from continuity.reports.charts import Canvas

REFORM_DAY: Final = date(BREAK_YEAR, 1, 1)
_MUTED: Final = "#56656c"
_LETTER: Final = 6.8  # mean width of a digit of 12 pixels, with its points
_AXIS: Final = 60  # pixels left of the periods
_LINE: Final = 15

Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class Break:
    """A change after which numbers are not the same kind of numbers as before.

    Parameters
    ----------
    day : date
        The first day after the change.
    text : str
        What changed, as the site gave it.
    """

    day: date
    text: str


def breaks_of(given: Iterable[str]) -> tuple[Break, ...]:
    """Read breaks written as ``DATE=TEXT``.

    Parameters
    ----------
    given : iterable of str

    Returns
    -------
    tuple of Break
        In the order of time, each once.

    Raises
    ------
    UsageError
        A part has no date, no text, or a date that does not exist.

    Examples
    --------
    >>> breaks_of(["2024-09-01=New record system"])
    (Break(day=datetime.date(2024, 9, 1), text='New record system'),)
    """
    found = {_break(text) for text in given}
    return tuple(sorted(found, key=lambda one: (one.day, one.text)))


def _break(text: str) -> Break:
    day, _, what = text.partition("=")
    try:
        read = Break(date.fromisoformat(day.strip()), " ".join(what.split()))
    except ValueError:
        read = Break(date.min, "")
    if not read.text:
        raise UsageError(
            f"--break {text!r} cannot be read.",
            allowed="Allowed: DATE=TEXT with a date that exists, such as --break '2024-09-01=New record system'.",
        )
    return read


def place(day: date, periods: Sequence[Period]) -> float | None:
    """Give where a day lies among periods, of which each is 1 wide and the first has its middle at 0.

    Parameters
    ----------
    day : date
    periods : sequence of two datetimes
        Half-open, in the order of time.

    Returns
    -------
    float or None
        None where no period lies wholly or partly before the day, or none after it.

    Examples
    --------
    >>> years = [(datetime(2024, 1, 1), datetime(2025, 1, 1)), (datetime(2025, 1, 1), datetime(2026, 1, 1))]
    >>> place(date(2025, 1, 1), years), place(date(2024, 7, 2), years), place(date(2024, 1, 1), years)
    (0.5, 0.0, None)
    """
    at = datetime.combine(day, time.min)
    before = sum(end <= at for _, end in periods)
    mixed = [(start, end) for start, end in periods if start < at < end]
    if before + len(mixed) == 0 or before == len(periods):
        return None
    if len(mixed) == 1:
        start, end = mixed[0]
        return before - 0.5 + (at - start) / (end - start)
    return before - 0.5 + len(mixed) / 2


def piece(days: Iterable[date], periods: Sequence[Period]) -> list[int]:
    """Give each period the number of its piece of the line; periods are joined where no break is between or inside."""
    moments = [datetime.combine(day, time.min) for day in set(days)]
    return [sum((start >= at) + (end > at) for at in moments) for start, end in periods]


def inside(breaks: Iterable[Break], periods: Sequence[Period]) -> tuple[Break, ...]:
    """Keep the breaks that lie among the periods, so that a figure of these shows them."""
    return tuple(one for one in breaks if place(one.day, periods) is not None)


def note(breaks: Sequence[Break], words: Words) -> list[str]:
    """Say below a figure what its lines mean; nothing where there are none."""
    texts = "; ".join(f"{words.style.day(one.day)} {one.text}" for one in breaks)
    return [words("figures.breaks", breaks=texts)] if breaks else []


def named(breaks: Iterable[Break], shown: Sequence[Break], words: Words) -> str:
    """Name breaks for the methods; one that no figure shows is said to lie outside."""
    texts = []
    for one in breaks:
        text = f"{words.style.day(one.day)} {one.text}"
        texts.append(text if one in shown else words("paragraph.break_outside", text=text))
    return "; ".join(texts)


def lines(
    days: Iterable[date], periods: Sequence[Period], *, field: str, canvas: "Canvas", first: float = 0.0
) -> list["alt.Chart"]:
    """Draw a dashed line and its date for each day, the dates below one another where they would overlap.

    Parameters
    ----------
    days : iterable of date
    periods : sequence of two datetimes
    field : str
        The quantitative field of the axis.
    canvas : Canvas
    first : float
        Where on the axis the first period lies.

    Returns
    -------
    list of altair.Chart
    """
    import altair as alt

    places = {day: at for day in sorted(set(days)) if (at := place(day, periods)) is not None}
    if not places:
        return []
    step = (canvas.width - _AXIS) / max(len(periods), 1)
    axis = f"{field}:Q"
    whole = alt.Chart(pl.DataFrame({field: [first + at for at in places.values()]}))
    drawn = [whole.mark_rule(strokeDash=[4, 3], color=_MUTED).encode(x=axis)]
    free: list[float] = []  # for each line of text, the pixel from which on it is free
    for day, at in places.items():
        said, pixel = canvas.words.style.day(day), (at + 0.5) * step
        wide = len(said) * _LETTER
        is_left = pixel + wide > step * len(periods)
        start = pixel - wide if is_left else pixel
        level = next((n for n, end in enumerate(free) if end <= start), len(free))
        free[level : level + 1] = [start + wide]
        one = alt.Chart(pl.DataFrame({field: [first + at]}))
        side: Literal["left", "right"] = "right" if is_left else "left"
        text = one.mark_text(baseline="top", color=_MUTED, text=said, align=side, dx=-5 if is_left else 5)
        drawn.append(text.encode(x=axis, y=alt.value(_LINE * level)))
    return drawn
