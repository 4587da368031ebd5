"""What the page of an evaluation is made of, whatever the design."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from continuity.reports.charts import Canvas
from continuity.reports.grids import Grid
from continuity.reports.svg import to_svg
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

PLACES: Final = 3
_WIDE: Final = 760
_NARROW: Final = 328


@dataclass(frozen=True)
class Picture:
    """The same drawing for a desk and for a phone, with its title and how to read it."""

    title: str
    lead: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Section:
    """A heading with a picture, where there is one, the rows behind it, and what the picture needs to be read right."""

    title: str
    lead: str
    picture: Picture | None
    grid: Grid
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """The answer of a design, what speaks for and against it, and everything behind it.

    Parameters
    ----------
    title : str
    answer, trust : tuple of str
        Sentences.
    sections : tuple of Section
    left_out : Grid or None
        Groups without numbers of their own, with the reason.
    method : str
        The paragraph for a paper.
    """

    title: str
    answer: tuple[str, ...]
    trust: tuple[str, ...]
    sections: tuple[Section, ...]
    left_out: Grid | None
    method: str


def picture(
    title: str,
    lead: str,
    draw: Callable[[Canvas], "alt.LayerChart | Mapping[str, Any]"],
    *,
    key: str,
    words: Words,
    width: int = _WIDE,
) -> Picture:
    """Draw for a desk (`width` pixels) and for a phone; `key` makes the ids of the drawings unique on the page."""
    wide, narrow = (
        to_svg(draw(Canvas(pixels, words)), ids=f"{key}-{pixels}", name=title, words=words)
        for pixels in (width, _NARROW)
    )
    return Picture(title, lead, wide, narrow)


def signed(value: float, words: Words) -> str:
    """Write a difference with its sign, and without one where it is written as zero.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> [signed(value, words_of("en")) for value in (0.0512, 0.0004, -0.0004)]
    ['+0.051', '0.000', '0.000']
    """
    rounded = round(value, PLACES) or 0.0  # minus zero is zero
    return ("+" if rounded > 0 else "") + words.style.decimals(rounded, PLACES)


def between(low: float, high: float, words: Words) -> str:
    """Write an interval of differences."""
    return words("evaluation.between", low=signed(low, words), high=signed(high, words))
