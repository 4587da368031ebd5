"""Names of groups as people read them: "sex=female" in the words of a language."""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from continuity.reports.counties import area_name
from continuity.reports.grids import class_name
from continuity.reports.wording import Words

_UNIT: Final = ", "  # what stands between a group and the unit of a row
_CODED: Final[Mapping[str, str]] = {  # the column of a group, and where its values have words
    "sex": "sex",
    "is_chronic": "yes_no",
    "provider_role": "value",
    "contact_mode": "value",
    "urgency": "value",
}
_WRITTEN: Final[Mapping[str, Callable[[str, Words], str]]] = {
    "area_code": area_name,
    "age_band": class_name,
    "n_visits_class": class_name,
}


def value_name(column: str, value: str, words: Words) -> str:
    """Put a value of a column into words, or give it as it is where it is a site's own.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> value_name("sex", "female", words_of("fi")), value_name("unit_id", "U01", words_of("fi"))
    ('nainen', 'U01')
    """
    if column in _WRITTEN:
        return _WRITTEN[column](value, words)
    return words.of_code(_CODED[column], value) if column in _CODED else value


def group_name(group: str, words: Words) -> str:
    """Put a group such as ``sex=female``, with a unit after a comma or without, into words.

    Examples
    --------
    >>> from continuity.reports.wording import words_of
    >>> group_name("sex=female, U01", words_of("sv")), group_name("U01", words_of("sv"))
    ('Kön: kvinna, U01', 'U01')
    """
    column, is_named, rest = group.partition("=")
    if not is_named or not words.knows("group", column):
        return group
    value, comma, unit = rest.partition(_UNIT) if column in (*_CODED, *_WRITTEN) else (rest, "", "")
    return f"{words(f'group.{column}')}: {value_name(column, value, words)}{comma}{unit}"


def named_values(frame: pl.DataFrame, column: str, words: Words) -> pl.DataFrame:
    """Put the groups of one column into words; where two would become one, all stay as they are."""
    codes = frame["group"].drop_nulls().unique().to_list()
    names = {code: value_name(column, code, words) for code in codes}
    if len(set(names.values())) < len(names):
        return frame
    return frame.with_columns(group=pl.col("group").replace(names))
