"""What the report says about an index, from the catalogue of indices."""

from dataclasses import dataclass

from continuity.metrics import index
from continuity.reports.rows import OWN_SHARE
from continuity.reports.wording import Words


@dataclass(frozen=True)
class Definition:
    """An index as the method section shows it.

    Parameters
    ----------
    label, formula, source : str
    notes : tuple of str
        Direction, and whether the definition is our own.
    """

    label: str
    formula: str
    source: str
    notes: tuple[str, ...]


def index_label(key: str, words: Words) -> str:
    """Give the name of an index in the reader's language.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> index_label("own_visit_share", words_of("en"))
    'Share of visits with the named professional'
    """
    return words("index.own_visit_share.label") if key == OWN_SHARE else index(key).label[words.language]


def definition(key: str, words: Words) -> Definition:
    """Give the definition of an index in the reader's language.

    Parameters
    ----------
    key : str
        A key of the catalogue, or ``"own_visit_share"``.
    words : Words

    Returns
    -------
    Definition
    """
    if key == OWN_SHARE:
        formula, source = words("index.own_visit_share.formula"), words("index.own_visit_share.source")
        return Definition(index_label(key, words), formula, source, (words("method.more"),))
    entry = index(key)
    direction = words("method.more") if entry.higher_is_more else words("method.less")
    notes = (direction, words("method.own")) if entry.own_definition else (direction,)
    formula = entry.formula if entry.symbol == entry.formula else f"{entry.symbol} = {entry.formula}"
    return Definition(entry.label[words.language], formula, entry.source, notes)
