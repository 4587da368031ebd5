"""The one text catalogue: every sentence of the reports, by its key, in the reader's language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from continuity.reports.numbers import NUMBER_STYLES, NumberStyle
from continuity.vocabulary import Language

_FOLDER: Final = Path(__file__).parent / "words"


@dataclass(frozen=True)
class Words:
    """The texts of one language, and its way to write numbers.

    Parameters
    ----------
    language : {"fi", "sv", "en"}
    texts : mapping of str to str
        Sentences by dotted key.
    style : NumberStyle

    Examples
    --------
    >>> words_of("fi")("role.doctor")
    'Lääkärikäynnit'
    """

    language: Language
    texts: Mapping[str, str]
    style: NumberStyle

    def __call__(self, key: str, /, **values: str) -> str:
        """Give the sentence of a key with its blanks filled; an unknown key is a bug and raises KeyError."""
        return self.texts[key].format(**values)

    def of_code(self, group: str, code: str) -> str:
        """Give the word of a code, or the code itself where a site uses one that the catalogue does not know."""
        return self.texts.get(f"{group}.{code}", code)

    def knows(self, group: str, code: str) -> bool:
        """Tell whether the catalogue has a word for a code."""
        return f"{group}.{code}" in self.texts


@cache
def words_of(language: Language) -> Words:
    """Load the catalogue of a language.

    Parameters
    ----------
    language : {"fi", "sv", "en"}

    Returns
    -------
    Words

    Examples
    --------
    >>> words_of("sv")("reason.suppressed")
    'dold'
    """
    with (_FOLDER / f"{language}.toml").open("rb") as file:
        return Words(language, _flat(tomllib.load(file)), NUMBER_STYLES[language])


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in table.items():
        texts.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return texts
