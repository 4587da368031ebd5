"""Fill the templates; everything that is not written by us is escaped."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from continuity.reports.wording import Words

if TYPE_CHECKING:
    import jinja2

_TEMPLATES: Final = Path(__file__).parent / "templates"


def render(template: str, words: Words, **context: Any) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        Name of a file in the templates' folder.
    words : Words
    **context
        What the template shows.

    Returns
    -------
    str
        A whole page with its style inside.
    """
    style = Markup((_TEMPLATES / "style.css").read_text("utf-8"))  # noqa: S704 # our own file, not input
    return _environment().get_template(template).render(w=words, style=style, **context)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
