"""Finnish personal identity codes (henkilötunnus): where they stand in a text, and what they say of a person.

A code is known by its form and by a date that exists, not by its check character: a damaged code names a person too.
"""

import re
from collections.abc import Mapping
from typing import Final, overload

import numpy as np
import polars as pl

_SPACE: Final = "[ \u00a0]?"
DASHES: Final = "-\u2010\u2011\u2012\u2013\u2014\u2212"  # programs of offices turn a hyphen into its longer kin
_NINETEENTH: Final = "+"
_TWENTIETH: Final = f"{DASHES}YXWVUyxwvu"
_TWENTY_FIRST: Final = "A-Fa-f"
_LEAP_YEARS: Final = "0[48]|[2468][048]|[13579][26]"


def _core(*, letters: bool) -> str:
    """Give the pattern of a code: a day of the calendar, the sign of its century, a number and a check character.

    Without `letters` the signs are those that no hexadecimal number has.
    """
    days = (
        f"31{_SPACE}(?:0[13578]|1[02])"
        f"|(?:29|30){_SPACE}(?:0[13-9]|1[0-2])"
        f"|(?:0[1-9]|1[0-9]|2[0-8]){_SPACE}(?:0[1-9]|1[0-2])"
    )
    signs = f"[{_NINETEENTH}{_TWENTY_FIRST if letters else ''}{_TWENTIETH[len(DASHES) :]}{DASHES[1:]}-]"
    in_2000 = f"|00{_SPACE}[{_TWENTY_FIRST}]" if letters else ""
    leap_day = f"29{_SPACE}02{_SPACE}(?:(?:{_LEAP_YEARS}){_SPACE}{signs}{in_2000})"
    return f"(?:(?:{days}){_SPACE}[0-9]{{2}}{_SPACE}{signs}|{leap_day}){_SPACE}[0-9]{{3}}{_SPACE}[0-9A-Za-z]"


# Neighbours that are digits or the letters of hexadecimal numbers make it a piece of a longer id, such as a UUID; a T
# after a digit makes it the clock of 20250103T140500+0200. One such letter alone before it is a prefix: e010190-999K.
PATTERN: Final = (
    rf"(?:(?:^|[^0-9A-Fa-fTt]|(?:^|[^0-9])[Tt])({_core(letters=True)})"
    rf"|(?:^|[^0-9A-Fa-f])[A-Fa-f]({_core(letters=False)}))(?:$|[^0-9A-Fa-f])"
)
"""For Polars, whose regular expressions look neither back nor ahead; the code is group 1 or group 2."""
_EXACT: Final = re.compile(
    rf"(?:(?<![0-9A-Fa-f])(?<![0-9][Tt])(?:{_core(letters=True)})"
    rf"|(?<![0-9A-Fa-f].)(?<=[A-Fa-f])(?:{_core(letters=False)}))(?![0-9A-Fa-f])"
)
_BLANK: Final = re.compile(r"\s")

_WIDEST_SIGN: Final = 7  # bytes of UTF-8: a dash between two spaces that do not break
_WIDEST_SPACE: Final = 2
_MARGIN: Final = 32  # more than the bytes of a code before its number
_SIGN_BYTES: Final = np.isin(np.arange(256), list(b"+- ABCDEFUVWXYabcdefuvwxy")) | (np.arange(256) >= 128)
_DIGITS: Final = np.isin(np.arange(256), list(b"0123456789"))


@overload
def holds_code(text: pl.Expr) -> pl.Expr: ...
@overload
def holds_code(text: pl.Series) -> pl.Series: ...
def holds_code(text: pl.Expr | pl.Series) -> pl.Expr | pl.Series:
    """Tell where a text holds a personal identity code.

    Returns
    -------
    polars.Expr or polars.Series
        Boolean; null where the text is null.

    Examples
    --------
    >>> frame = pl.DataFrame({"note": ["hetu 010190-999k", "310290-999K", "20250103-1405"]})
    >>> frame.select(holds_code(pl.col("note")))["note"].to_list()
    [True, False, False]
    """
    return text.str.contains(PATTERN)


def may_hold_code(piece: bytes) -> bool:
    """Tell whether a code can stand in the bytes of a text in ASCII, UTF-8 or a code page of Windows or ISO.

    Where this says no, no line holds a code; where it says yes, `holds_code` must tell. It costs a fifth of the regular
    expression: few numbers of three digits follow the sign of a century, and fewer three pairs of digits before it.

    Examples
    --------
    >>> may_hold_code(b"P7;18.03.2025 14:25;V000-0000001"), may_hold_code("P7;01 01 90–999K".encode())
    (False, True)
    """
    codes = np.frombuffer(bytes(_MARGIN) + piece, dtype=np.uint8)
    is_digit = (codes - np.uint8(ord("0"))) < 10
    numbers = np.flatnonzero(is_digit[1:-2] & is_digit[2:-1] & is_digit[3:] & ~is_digit[:-3]) + 1
    numbers = numbers[_SIGN_BYTES[codes[numbers - 1]]]
    numbers = numbers[(_SIGN_BYTES | _DIGITS)[codes[numbers - 2]]]
    at = numbers - 1
    for gap in (_WIDEST_SIGN, _WIDEST_SPACE, _WIDEST_SPACE):  # before the year, the month and the day
        for _ in range(gap):
            at = np.where(is_digit[at], at, at - 1)
        at = at[is_digit[at] & is_digit[at - 1]] - 2
    return at.size > 0


def first_code(text: pl.Expr) -> pl.Expr:
    """Give the first code of a text in one way of writing: without spaces, in capitals, with a plain hyphen; else null.

    Examples
    --------
    >>> pl.DataFrame({"id": ["  010190 – 999k", "P7"]}).select(first_code(pl.col("id")))["id"].to_list()
    ['010190-999K', None]
    """
    found = pl.coalesce(text.str.extract(PATTERN, group) for group in (1, 2))
    code = found.str.replace_all(r"\s", "").str.to_uppercase()
    return code.str.replace(f"[{DASHES[1:]}]", "-")


def plain(code: str) -> str:
    """Give a code in the same one way of writing as `first_code`."""
    text = _BLANK.sub("", code).upper()
    return "".join("-" if sign in DASHES else sign for sign in text)


def codes_replaced(text: str, replacement: Mapping[str, str]) -> str:
    """Put the replacement of each code in its place."""
    return _EXACT.sub(lambda found: replacement[plain(found.group())], text)


def codes_of(text: str) -> list[str]:
    """Give every code of a text, in the one way of writing.

    Examples
    --------
    >>> codes_of("010190-999K;020594x903p, 300290-999K")
    ['010190-999K', '020594X903P']
    """
    return [plain(found) for found in _EXACT.findall(text)]


def birth_year(code: pl.Expr) -> pl.Expr:
    """Give the year of birth that a code in the one way of writing says.

    Returns
    -------
    polars.Expr
        Int64; null where there is no code.

    References
    ----------
    Signs since 1.1.2023: 1800s ``+``, 1900s ``- Y X W V U``, 2000s ``A B C D E F`` (Digital and Population Data
    Services Agency, reform of the personal identity code).

    Examples
    --------
    >>> pl.DataFrame({"id": ["010190-999K", "020504A902E"]}).select(birth_year(pl.col("id"))).to_series().to_list()
    [1990, 2004]
    """
    sign = code.str.slice(6, 1)
    century = (
        pl.when(sign == _NINETEENTH).then(1800).when(sign.str.contains(f"[{_TWENTY_FIRST}]")).then(2000).otherwise(1900)
    )
    return (century + code.str.slice(4, 2).cast(pl.Int64)).cast(pl.Int64)


def sex(code: pl.Expr) -> pl.Expr:
    """Give the sex that a code in the one way of writing says: an even individual number is a woman's.

    Returns
    -------
    polars.Expr
        ``female`` or ``male``; null where there is no code.

    Examples
    --------
    >>> pl.DataFrame({"id": ["010190-999K", "020504A902E"]}).select(sex(pl.col("id"))).to_series().to_list()
    ['male', 'female']
    """
    is_even = code.str.slice(7, 3).cast(pl.Int64) % 2 == 0
    return pl.when(is_even).then(pl.lit("female")).when(~is_even).then(pl.lit("male"))
