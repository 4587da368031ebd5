"""Turn a chart into inline SVG that is safe beside others on one page and has one accessible name."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from markupsafe import Markup, escape

from continuity.reports.wording import Words

if TYPE_CHECKING:
    import altair as alt

_TAG: Final = re.compile(r"<[^>]+>")
# a screen reader shall hear one name and find the numbers in the table, not hundreds of marks
_CHATTER: Final = re.compile(r'\s(?:role|aria-[a-z]+|xmlns:xlink|class)="[^"]*"')
_Drawing: TypeAlias = "alt.LayerChart | Mapping[str, Any]"
_ID: Final = re.compile(r'(\sid="|url\(#|href="#)')


def to_svg(chart: _Drawing, *, ids: str, name: str, words: Words) -> Markup:
    """Draw a chart.

    Parameters
    ----------
    chart : altair.LayerChart or mapping
        A mapping is a Vega-Lite specification: to start Altair takes longer than to draw a page without it.
    ids : str
        Prefix that makes the ids of this drawing unique on the page.
    name : str
        Accessible name of the picture.
    words : Words
        Their language gives the numbers of the axes.

    Returns
    -------
    Markup
        An ``<svg>`` element without scripts, links or loaded parts.
    """
    import vl_convert  # heavy: only a run that draws pays for it

    drawn = vl_convert.vegalite_to_svg(
        _specification(chart), allowed_base_urls=[], format_locale=words.style.vega_locale()
    )
    tidy = _TAG.sub(lambda tag: _tidy(tag.group(), ids), drawn)
    return Markup(tidy.replace("<svg", f'<svg role="img" aria-label="{escape(name)}" focusable="false"', 1))  # noqa: S704 # Vega escapes every text that it draws


def to_files(chart: _Drawing, *, title: str, words: Words) -> dict[str, bytes]:
    """Draw a chart as files that stand alone: its title above it, on white.

    Returns
    -------
    dict
        The bytes by suffix: ``"svg"`` and ``"png"``.
    """
    import vl_convert

    head = {"text": title, "anchor": "start", "fontSize": 16, "offset": 12}
    drawn = {**_specification(chart), "title": head, "background": "white"}
    svg = vl_convert.vegalite_to_svg(drawn, allowed_base_urls=[], format_locale=words.style.vega_locale())
    return {"svg": svg.encode(), "png": vl_convert.svg_to_png(svg, scale=2)}


def _specification(chart: _Drawing) -> dict[str, Any]:
    return dict(chart) if isinstance(chart, Mapping) else chart.to_dict()


def _tidy(tag: str, ids: str) -> str:
    return _ID.sub(rf"\g<1>{ids}-", _CHATTER.sub("", tag))
