"""Where labels go so that none covers another: along a line, and beside the dots of a cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import polars as pl

LETTER: Final = 6.3  # mean width of a letter of 12 pixels in Arial and its metric twins
HEIGHT: Final = 14.0
_GAP: Final = 8.0  # between a dot's middle and its label


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, y downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Tell whether two rectangles share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


@dataclass(frozen=True)
class Label:
    """Where a label is written: its anchor in pixels from its dot, and on which side of the anchor its letters lie."""

    dx: float
    dy: float
    align: Literal["left", "center", "right"]


_SPOTS: Final = (
    Label(0, -_GAP - 6, "center"),
    Label(0, _GAP + 6, "center"),
    Label(_GAP, 0, "left"),
    Label(-_GAP, 0, "right"),
    Label(_GAP, -_GAP - 2, "left"),
    Label(-_GAP, -_GAP - 2, "right"),
    Label(_GAP, _GAP + 2, "left"),
    Label(-_GAP, _GAP + 2, "right"),
)


def cut(name: pl.Expr, n_letters: int) -> pl.Expr:
    """Shorten a name to a number of letters, the last one an ellipsis where something is left out."""
    shorter = pl.concat_str(name.str.slice(0, n_letters - 1).str.strip_chars_end(), pl.lit("…"))
    return pl.when(name.str.len_chars() > n_letters).then(shorter).otherwise(name)


def spread_out(values: Sequence[float], apart: float) -> list[float]:
    """Move sorted values until neighbours are `apart` or more, each group about its own mean.

    Parameters
    ----------
    values : sequence of float
        From low to high.
    apart : float

    Returns
    -------
    list of float
        In the order given.

    Examples
    --------
    >>> spread_out([0.0, 0.1, 5.0], 1.0)
    [-0.45, 0.55, 5.0]
    """
    groups: list[list[float]] = []  # sum of values less their steps within the group, and how many
    for value in values:
        groups.append([value, 1])
        while len(groups) > 1 and _start(groups[-2]) + apart * groups[-2][1] > _start(groups[-1]):
            total, n = groups.pop()
            groups[-1][0] += total - apart * groups[-1][1] * n
            groups[-1][1] += n
    return [_start(group) + apart * step for group in groups for step in range(int(group[1]))]


def _start(group: Sequence[float]) -> float:
    return group[0] / group[1]


def place_labels(
    dots: Sequence[tuple[float, float]],
    texts: Sequence[str],
    size: tuple[float, float],
    *,
    avoid: Sequence[Box] = (),
    radius: float = 6.0,
) -> list[Label | None]:
    """Choose for each dot the first spot where its label covers no dot and no earlier label, and stays in the figure.

    Parameters
    ----------
    dots : sequence of (float, float)
        Pixels from the left and from the top.
    texts : sequence of str
    size : tuple of float
        Width and height of the figure in pixels.
    avoid : sequence of Box
        What else no label may cover, such as lines.
    radius : float
        Of a dot.

    Returns
    -------
    list of Label or None
        None where no spot is free: a name that covers others says less than none.

    Examples
    --------
    >>> [label.align for label in place_labels([(50, 50), (62, 50)], ["Centre", "East"], (200, 100))]
    ['center', 'center']
    """
    taken = [*avoid, *(Box(x - radius, y - radius, x + radius, y + radius) for x, y in dots)]
    found: list[Label | None] = []
    for (x, y), text in zip(dots, texts, strict=True):
        chosen = None
        for spot in _SPOTS:
            box = _box(x, y, spot, len(text) * LETTER)
            if _within(box, size) and not any(box.meets(other) for other in taken):
                chosen = spot
                taken.append(box)
                break
        found.append(chosen)
    return found


def _box(x: float, y: float, spot: Label, wide: float) -> Box:
    left = {"center": -wide / 2, "left": 0.0, "right": -wide}[spot.align]
    return Box(x + spot.dx + left, y + spot.dy - HEIGHT / 2, x + spot.dx + left + wide, y + spot.dy + HEIGHT / 2)


def _within(box: Box, size: tuple[float, float]) -> bool:
    return box.left >= 0 and box.top >= 0 and box.right <= size[0] and box.bottom <= size[1]
