"""Every figure as files: SVG and PNG for a paper or a slide, and its protected numbers as CSV to draw it again."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from continuity.reports.figure import Figure

FOLDER: Final = "figures"
SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "units": ("unit",),
    "own": ("unit",),
    "teams": ("team",),
    "access": ("access", "unit"),
    "trend": ("trend",),
    "map": ("area",),
    "funnel": ("unit",),
    "visit_classes": ("visit_classes",),
    "distribution": ("distribution", "whole"),
}
"""The protected tables that a figure is drawn from."""
_SCALE: Final = 2.0
_OPENING: Final = re.compile(r"<svg[^>]*>")
_EXECUTES: Final = r"^[=+\-@\t\r]"  # what a spreadsheet takes for a formula


def figure_files(figures: Sequence[Figure]) -> dict[str, bytes]:
    """Make the files of the figures.

    Parameters
    ----------
    figures : sequence of Figure

    Returns
    -------
    dict
        ``figures/<key>.csv``, and ``figures/<key>-<role>.svg`` and ``.png`` of each drawing, by path.

    Notes
    -----
    Names that a spreadsheet would take for a formula get an apostrophe in front.
    """
    files: dict[str, bytes] = {}
    for figure in figures:
        files[f"{FOLDER}/{figure.key}.csv"] = as_csv(figure.rows)
        for panel in figure.panels:
            svg = str(panel.wide)
            files[f"{FOLDER}/{figure.key}-{panel.role}.svg"] = svg.encode()
            files[f"{FOLDER}/{figure.key}-{panel.role}.png"] = _png(svg)
    return files


def key_of(path: str) -> str:
    """Give the key of the figure that a file belongs to.

    Examples
    --------
    >>> key_of("figures/visit_classes-doctor.png"), key_of("figures/map.csv")
    ('visit_classes', 'map')
    """
    return path.removeprefix(f"{FOLDER}/").partition(".")[0].partition("-")[0]


def as_csv(rows: pl.DataFrame) -> bytes:
    """Write rows for a spreadsheet: UTF-8 with a mark, and no name that would be taken for a formula."""
    names = [name for name, dtype in rows.schema.items() if dtype == pl.String]
    safe = [
        pl.when(pl.col(name).str.contains(_EXECUTES)).then(pl.concat_str(pl.lit("'"), name)).otherwise(name).alias(name)
        for name in names
    ]
    return rows.with_columns(safe).write_csv(include_bom=True).encode()


def _png(svg: str) -> bytes:
    import vl_convert  # heavy: only a run that draws pays for it

    white = _OPENING.sub(lambda tag: f'{tag.group()}<rect width="100%" height="100%" fill="#ffffff"/>', svg, count=1)
    drawn: bytes = vl_convert.svg_to_png(white, scale=_SCALE)
    return drawn
