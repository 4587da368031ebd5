"""What a figure of the page is: a drawing for each role in two widths, and the table with its numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import polars as pl
from markupsafe import Markup

from continuity.reports.charts import Canvas
from continuity.reports.content import ReportContent
from continuity.reports.grids import Grid, grid_of
from continuity.reports.rows import rows_of
from continuity.reports.svg import to_svg
from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

_WIDE: Final = 540
_ALONE: Final = 760
_NARROW: Final = 328

Draw = Callable[[str, Canvas], "alt.LayerChart"]


@dataclass(frozen=True)
class Panel:
    """The drawing of one role.

    Parameters
    ----------
    role, title : str
        The role's code, and its name.
    wide, narrow : Markup
        The same picture for a desk and for a phone; the style sheet shows one of them.
    """

    role: str
    title: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Figure:
    """One figure of the page.

    Parameters
    ----------
    key : str
        Its anchor on the page.
    title, lead : str
    findings : tuple of str
        What the figure shows, in sentences.
    panels : tuple of Panel
    grid : Grid
        The numbers of the panels.
    rows : polars.DataFrame
        The same numbers as protected data, for whoever draws the figure again.
    note : str
        Names the suppressed rows, or says why nothing is drawn, or is empty.
    """

    key: str
    title: str
    lead: str
    findings: tuple[str, ...]
    panels: tuple[Panel, ...]
    grid: Grid
    rows: pl.DataFrame
    note: str = ""


def make_figure(
    key: str,
    draw: Draw,
    roles: Sequence[str],
    rows: pl.DataFrame,
    columns: Sequence[str],
    *,
    words: Words,
    findings: tuple[str, ...] = (),
    note: str = "",
    tabled: pl.DataFrame | None = None,
) -> Figure:
    """Draw a figure for each role, and put its rows into words.

    Parameters
    ----------
    key : str
    draw : callable
        Takes a role and a canvas.
    roles : sequence of str
    rows : polars.DataFrame
        Rows of protected tables.
    columns : sequence of str
        Of the table beside the figure, the name of a row first.
    words : Words
    findings, note
        As in `Figure`.
    tabled : polars.DataFrame, optional
        Rows of the table beside the figure, where they are not all.
    """
    title = words(f"figure.{key}.title")
    panel = partial(_panel, key, title, draw, words, alone=len(roles) == 1)
    grid = grid_of(rows if tabled is None else tabled, (columns[0], "role", *columns[1:]), words, title)
    lead = words(f"figure.{key}.lead")
    return Figure(key, title, lead, findings, tuple(panel(role) for role in roles), grid, rows, note)


def _panel(key: str, title: str, draw: Draw, words: Words, role: str, *, alone: bool) -> Panel:
    role_name = words(f"role.{role}")
    name = words("figures.name", title=title, role=role_name)
    widths = {"wide": _ALONE if alone else _WIDE, "narrow": _NARROW}
    wide, narrow = (
        to_svg(draw(role, Canvas(width, words)), ids=f"{key}-{role}-{size}", name=name, words=words)
        for size, width in widths.items()
    )
    return Panel(role, role_name, wide, narrow)


def roles_with_rows(content: ReportContent, table: str, index: str, roles: Sequence[str]) -> tuple[str, ...]:
    """Keep the roles that have rows; "all" only where no profession has any."""
    found = [role for role in dict.fromkeys(roles) if rows_of(content.tables.get(table), role=role, index=index).height]
    return tuple(role for role in found if role != "all" or len(found) == 1)


def rows_for(content: ReportContent, table: str, index: str, roles: Sequence[str]) -> pl.DataFrame:
    """Give the rows of a table about an index, role by role."""
    return pl.concat(rows_of(content.tables.get(table), role=role, index=index) for role in roles)
