"""What can go wrong, one class a family, each with its exit code and a message in four parts.

A message says what is wrong, where, what is allowed and what to do next. It never holds a value of a patient.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final, Self

_SHOWN = 12  # names listed in a message before "and 9,988 more"

_CODE: Final = re.compile(r"\d{6}[-+A-FU-Ya-fu-y]\d{3}\w")
_SEPARATOR: Final = re.compile(r"\w\W+\w")
_UNSAYABLE: Final = "(no name: looks like data)"


class ContinuityError(Exception):
    """The base of every error that this package raises on purpose.

    Parameters
    ----------
    what : str
        One sentence: what is wrong and where.
    allowed : str
        What would have been right.
    next_step : str
        What the user can do now.
    reason : str
        A word of `vocabulary.NoAnswer` where a design has no answer: pages say it in their language.
    """

    exit_code = 1

    def __init__(self, what: str, *, allowed: str = "", next_step: str = "", reason: str = "") -> None:
        self.what, self.allowed, self.next_step, self.reason = what, allowed, next_step, reason
        super().__init__(" ".join(part for part in (what, allowed, next_step) if part))


class UsageError(ContinuityError):
    """A parameter or a choice that does not exist or does not fit the others."""

    exit_code = 2

    @classmethod
    def unknown_choice(cls, parameter: str, value: object, choices: Iterable[str]) -> Self:
        """Name the parameter, the choices, and the nearest one."""
        names = list(choices)
        return cls(
            f"{parameter} cannot be {value!r}.",
            allowed=f"Choices: {listing(names)}.",
            next_step=did_you_mean(str(value), names),
        )


class InputError(ContinuityError):
    """Input that cannot be read or does not have the form of the canonical tables."""

    exit_code = 3

    @classmethod
    def missing_columns(cls, missing: Sequence[str], found: Sequence[str], where: str) -> Self:
        """Name the missing columns, those found, and how to map one."""
        noun, verb = ("Column", "is") if len(missing) == 1 else ("Columns", "are")
        allowed = f"Found: {listing(found)}."
        next_step = f"Map it: --columns {missing[0]}=NAME (in Python: columns={{{missing[0]!r}: 'NAME'}})."
        if len(found) == 1 and _SEPARATOR.search(found[0]):
            allowed = f"Found one column: {listing(found)}."
            next_step = "Where these are several names, say what lies between them: --separator ';' (or ',', tab, ...)."
        return cls(
            f"{noun} {listing([repr(name) for name in missing])} {verb} missing from {where}.",
            allowed=allowed,
            next_step=next_step,
        )


class QualityError(ContinuityError):
    """A critical expectation on the data failed; only the quality report may be written."""

    exit_code = 4


class InfeasibleError(ContinuityError):
    """No panel plan satisfies what was asked."""

    exit_code = 5


class ProtectionError(ContinuityError):
    """Disclosure control refuses the output."""

    exit_code = 6


def listing(names: Sequence[str]) -> str:
    """Join names for a message, and count those past the first dozen instead of printing them.

    A name with a personal identity code in it is a row that was taken for a header, and is not repeated.
    """
    shown = ", ".join(_UNSAYABLE if _CODE.search(name) else name for name in names[:_SHOWN]) or "none"
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN:,} more"


def counted(n: int, word: str) -> str:
    """Write a number of things: "1 unit", "2 units"."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def did_you_mean(value: str, names: Iterable[str]) -> str:
    """Give "Did you mean ...?" for the nearest name, or nothing."""
    nearest = difflib.get_close_matches(value, list(names), n=1)
    return f"Did you mean {nearest[0]!r}?" if nearest else ""
